"""Trunks on a real PostgreSQL."""

import hashlib
from typing import Any

import msgspec
import pytest

from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db, domains, hotlines, trunks

BY_IP: dict[str, Any] = {"name": "carrier", "auth": "ip", "host": "203.0.113.7"}


async def test_a_trunk_comes_back_as_it_was_made(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    made = trunks.Trunk(
        name="Viettel Hà Nội",
        auth="registration",
        host="sip.carrier.vn:5080",
        transport="tcp",
        addresses=("203.0.113.0/24", "2001:db8::1"),
        username="u-1.2+3",
        from_user="02873001234",
        from_domain="carrier.vn",
        number_format="e164",
        shared=True,
        max_calls=30,
        transfers=True,
        enabled=False,
        called_number_in="p_called_party_id",
        qualify=False,
    )
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, made, "carrier-pass")
        await trunks.insert(tx, domain.domain_uuid, master_key, plain := trunks.Trunk(**BY_IP))

        assert made == await trunks.get(tx, domain.domain_uuid, made.trunk_uuid)
        assert made == await trunks.by_name(tx, domain.domain_uuid, "Viettel Hà Nội")
        assert await trunks.list(tx, domain.domain_uuid) == sorted(
            [made, plain], key=lambda trunk: trunk.name
        )


async def test_a_carriers_password_may_be_short_but_not_one_that_opens_the_door(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    """A carrier's password cannot be chosen; with an auth username, anybody with the password
    calls from anywhere.
    """
    given = trunks.Trunk(**BY_IP | {"auth": "digest", "username": "u1"})
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, given, "pw1")
        assert [link.password for link in await links(tx, domain, master_key)] == ["pw1"]

        opened = msgspec.structs.replace(given, auth_username="abc")
        for password in ("pw1", None):
            with pytest.raises(errors.Invalid, match="or a trunk that has no auth username"):
                await trunks.update(tx, domain.domain_uuid, master_key, opened, password)
        await trunks.update(tx, domain.domain_uuid, master_key, opened, "long-enough")


def _key(addresses: str) -> str:
    return hashlib.md5(addresses.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("host", "addresses", "same_as"),
    [
        ("203.0.113.7:5080", (), "203.0.113.7"),
        ("[2001:DB8::7]:5060", (), "2001:db8::7"),
        ("2001:db8::7", (), "2001:db8::7"),
        ("SIP.carrier.vn:5060", (), "sip.carrier.vn"),
        ("sip.carrier.vn", ("203.0.113.8", "203.0.113.7"), "203.0.113.7,203.0.113.8"),
        ("10.0.0.1", ("203.0.113.0/28",), "203.0.113.0/28"),
    ],
)
async def test_trunks_with_the_same_addresses_have_the_same_key(
    database: db.Database, host: str, addresses: tuple[str, ...], same_as: str
) -> None:
    async with database.connection() as tx:
        found = await tx.fetchval("SELECT carrier_key($1, $2)", host, addresses)
    assert found == _key(same_as)


async def links(
    tx: db.Tx, domain: directory.Domain, master_key: MasterKey, node: str = directory.NODE
) -> list[trunks.Provisioned]:
    """The domain's trunks that the node's switch holds, by name. Other tests' secrets may be under
    other keys, so each is asked for alone.
    """
    return [
        link
        for trunk in await trunks.list(tx, domain.domain_uuid)
        for link in await trunks.list_for_provisioning(tx, master_key, node, trunk.trunk_uuid)
    ]


async def test_the_switch_gets_enabled_trunks_with_their_passwords(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    plain = trunks.Trunk(**BY_IP)
    secret = trunks.Trunk(name="secret", auth="digest", host="sip.carrier.vn", username="me")
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, plain)
        await trunks.insert(tx, domain.domain_uuid, master_key, secret, "carrier-pass")
        await trunks.insert(
            tx,
            domain.domain_uuid,
            master_key,
            trunks.Trunk(**BY_IP | {"name": "off", "enabled": False}),
        )
        encrypted = await tx.fetchval(
            "SELECT password_encrypted FROM trunks WHERE trunk_uuid = $1", secret.trunk_uuid
        )

        assert b"carrier-pass" not in encrypted
        assert await links(tx, domain, master_key) == [
            trunks.Provisioned(
                trunk=plain, password="", is_owner=True, carrier_key=_key("203.0.113.7")
            ),
            trunks.Provisioned(
                trunk=secret,
                password="carrier-pass",
                is_owner=True,
                carrier_key=_key("sip.carrier.vn"),
            ),
        ]
        await domains.update(tx, msgspec.structs.replace(domain, enabled=False))
        assert await links(tx, domain, master_key) == []


async def test_a_shared_trunk_is_on_the_nodes_of_those_who_use_it(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    shared = trunks.Trunk(**BY_IP | {"shared": True})
    async with database.transaction() as tx:
        other = await domains.insert(tx, "elsewhere-trunks.example.vn", node="switch-2")
        await trunks.insert(tx, domain.domain_uuid, master_key, shared)
        assert await links(tx, domain, master_key, "switch-2") == []
        await hotlines.insert(tx, other.domain_uuid, "02873009999", shared.trunk_uuid)
        assert await links(tx, domain, master_key, "switch-2") == [
            trunks.Provisioned(
                trunk=shared, password="", is_owner=False, carrier_key=_key("203.0.113.7")
            )
        ]
        assert [link.is_owner for link in await links(tx, domain, master_key)] == [True]
        await domains.update(tx, msgspec.structs.replace(other, enabled=False))
        assert await links(tx, domain, master_key, "switch-2") == []


async def test_an_update_keeps_changes_or_removes_the_password(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(name="secret", auth="digest", host="sip.carrier.vn", username="me")
    changed = msgspec.structs.replace(
        trunk,
        name="renamed",
        host="10.1.2.3",
        addresses=("10.1.2.3",),
        number_format="plain",
        max_calls=1,
        transfers=True,
    )
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk, "carrier-pass")
        await trunks.update(tx, domain.domain_uuid, master_key, changed)
        assert changed == await trunks.get(tx, domain.domain_uuid, trunk.trunk_uuid)
        assert [link.password for link in await links(tx, domain, master_key)] == ["carrier-pass"]

        await trunks.update(tx, domain.domain_uuid, master_key, changed, "another-pass")
        assert [link.password for link in await links(tx, domain, master_key)] == ["another-pass"]

        with pytest.raises(errors.Invalid, match="needed for a trunk by digest"):
            await trunks.update(tx, domain.domain_uuid, master_key, changed, "")
        await trunks.update(
            tx, domain.domain_uuid, master_key, msgspec.structs.replace(changed, auth="ip"), ""
        )
        assert [link.password for link in await links(tx, domain, master_key)] == [""]


@pytest.mark.parametrize(
    "host",
    ["sip.carrier.vn", "a_b.vn:5080", "10.0.0.1", "10.0.0.1:65535", "[2001:db8::1]", "[::1]:5060"],
)
async def test_hosts_that_can_be_called(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, host: str
) -> None:
    async with database.transaction() as tx:
        await trunks.insert(
            tx, domain.domain_uuid, master_key, trunks.Trunk(**BY_IP | {"host": host})
        )
        assert (await trunks.by_name(tx, domain.domain_uuid, "carrier")).host == host


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *(
            ({"host": host}, "host")
            for host in (
                "",
                "a b",
                "a;b",
                "a\nb",
                "a,b",
                'a"b',
                "sip:a@b",
                "host:",
                "host:0",
                "host:65536",
                "host:5060:1",
                "1.2.3",
                "1.2.3.999",
                "::1",
                "[::1",
                "[fe80::1%eth0]",
                "[10.0.0.1]",
                "10.0.0.0/8",
                "-a.vn",
                "tổng.vn",
                "h:\u0665",
            )
        ),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"addresses": ("nonsense",)}, "addresses"),
        ({"addresses": ("10.0.0.1/8",)}, "addresses"),
        ({"addresses": ("10.0.0.1;x",)}, "addresses"),
        ({"username": "a b"}, "username"),
        ({"from_user": "a;b"}, "from_user"),
        ({"from_domain": "a;b"}, "from_domain"),
        ({"auth": "digest"}, "username"),
        ({"auth": "registration", "username": "me"}, "password"),
        ({"auth": "magic", "username": "me", "password": "long enough".replace(" ", "-")}, "auth"),
        ({"password": "a;b-long-enough"}, "password"),
        ({"password": 'a"b-long-enough'}, "password"),
        ({"transport": "sctp"}, "transport"),
        ({"number_format": "odd"}, "number_format"),
        ({"max_calls": 0}, "max_calls"),
    ],
)
async def test_wrong_values_name_their_field(
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    changes: dict[str, Any],
    field: str,
) -> None:
    password = changes.pop("password", "")
    with pytest.raises(errors.Invalid) as refused:
        async with database.transaction() as tx:
            await trunks.insert(
                tx, domain.domain_uuid, master_key, trunks.Trunk(**BY_IP | changes), password
            )

    assert refused.value.field == field


async def test_a_name_is_taken_once_in_a_domain(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, trunks.Trunk(**BY_IP))
    with pytest.raises(errors.Conflict) as refused:
        async with database.transaction() as tx:
            await trunks.insert(tx, domain.domain_uuid, master_key, trunks.Trunk(**BY_IP))

    assert refused.value.field == "name"


async def test_a_trunk_in_use_stays(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(**BY_IP)
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await hotlines.insert(tx, domain.domain_uuid, "19001919", trunk.trunk_uuid)

    with pytest.raises(errors.Conflict, match="in use by hotline "):
        async with database.transaction() as tx:
            await trunks.delete(tx, domain.domain_uuid, trunk.trunk_uuid)
    async with database.transaction() as tx:
        await hotlines.delete(tx, domain.domain_uuid, "19001919")
        await trunks.delete(tx, domain.domain_uuid, trunk.trunk_uuid)
        assert await trunks.list(tx, domain.domain_uuid) == []


async def test_hotlines_use_their_domains_trunks_and_shared_ones(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    shared, private = (
        trunks.Trunk(**BY_IP | {"shared": True}),
        trunks.Trunk(**BY_IP | {"name": "private"}),
    )
    async with database.transaction() as tx:
        other = (await domains.insert(tx, "borrows.example.vn")).domain_uuid
        await trunks.insert(tx, domain.domain_uuid, master_key, shared)
        await trunks.insert(tx, domain.domain_uuid, master_key, private)

        assert shared == await trunks.usable(tx, other, str(shared.trunk_uuid).upper())
        assert private == await trunks.usable(tx, domain.domain_uuid, "private")
        for nothing in ("private", str(private.trunk_uuid), "nonsense"):
            with pytest.raises(errors.Invalid, match="no such trunk"):
                await trunks.usable(tx, other, nothing)

        own = trunks.Trunk(**BY_IP)
        await trunks.insert(tx, other, master_key, own)
        assert own == await trunks.usable(tx, other, "carrier")


async def test_a_shared_name_that_several_have_is_ambiguous(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    async with database.transaction() as tx:
        for number in (1, 2):
            lender = await domains.insert(tx, f"lender{number}.example.vn")
            await trunks.insert(
                tx,
                lender.domain_uuid,
                master_key,
                trunks.Trunk(**BY_IP | {"name": "twin", "shared": True}),
            )

        with pytest.raises(errors.Invalid, match="give the trunk's uuid"):
            await trunks.usable(tx, domain.domain_uuid, "twin")


async def test_a_trunk_that_others_use_stays_shared(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(**BY_IP | {"shared": True})
    async with database.transaction() as tx:
        other = await domains.insert(tx, "still-borrows.example.vn")
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await hotlines.insert(tx, other.domain_uuid, "19001919", trunk.trunk_uuid)

    with pytest.raises(errors.Conflict) as refused:
        async with database.transaction() as tx:
            await trunks.update(
                tx, domain.domain_uuid, master_key, msgspec.structs.replace(trunk, shared=False)
            )
    assert refused.value.field == "shared"


async def test_another_domains_trunk_is_not_found(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(**BY_IP | {"shared": True})
    async with database.transaction() as tx:
        other = (await domains.insert(tx, "stranger-trunks.example.vn")).domain_uuid
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        for attempt in (
            trunks.get(tx, other, trunk.trunk_uuid),
            trunks.by_name(tx, other, trunk.name),
            trunks.update(tx, other, master_key, msgspec.structs.replace(trunk, host="10.0.0.1")),
            trunks.delete(tx, other, trunk.trunk_uuid),
            trunks.get(tx, domain.domain_uuid, ids.new()),
        ):
            with pytest.raises(errors.NotFound):
                await attempt
        assert await trunks.list(tx, other) == []
        assert trunk == await trunks.get(tx, domain.domain_uuid, trunk.trunk_uuid)


async def test_the_operator_sees_whose_trunk_it_is(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    named = trunks.Trunk(
        **BY_IP | {"auth": "digest", "username": "u1", "auth_username": "line-of-a"}
    )
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, named, "carrier-pass")
        for name in (str(named.trunk_uuid), "line-of-a"):
            found = await trunks.named(tx, name)
            assert (found.domain, found.name) == (domain.name, "carrier")
        for name in ("", "line-of-b", str(ids.new())):
            with pytest.raises(errors.NotFound):
                await trunks.named(tx, name)
