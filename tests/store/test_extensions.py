"""Extensions on a real PostgreSQL."""

import hashlib
from collections.abc import Awaitable

import msgspec
import pytest

from tests.explained import Explained, rows_read
from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import (
    db,
    devices,
    domains,
    extension_entries,
    extensions,
    hotlines,
    queues,
    ring_groups,
    trunks,
)
from tongdai.store import directory as store_directory

Extension = directory.Extension


async def test_an_extension_comes_back_as_it_was_made(
    database: db.Database, domain: directory.Domain
) -> None:
    made = Extension(
        "101",
        name="Nguyễn Thị Ánh",
        enabled=False,
        recording=False,
        max_calls=3,
        ring_timeout_s=45,
    )
    async with database.transaction() as tx:
        await extensions.insert(tx, domain.domain_uuid, made)
        await extensions.insert(tx, domain.domain_uuid, Extension("100"))

        assert made == await extensions.get(tx, domain.domain_uuid, "101")
        assert made == await extensions.find(tx, domain.domain_uuid, "101")
        assert await extensions.list(tx, domain.domain_uuid) == [Extension("100"), made]
        assert await extensions.find(tx, domain.domain_uuid, "102") is None


async def test_a_generated_password_is_long_and_new_each_time(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        first = await extensions.insert(tx, domain.domain_uuid, Extension("101"))
        second = await extensions.insert(tx, domain.domain_uuid, Extension("102"))
        third = await devices.set_password(tx, domain.domain_uuid, "101", "default")

    assert len({first, second, third}) == 3
    assert min(len(password) for password in (first, second, third)) >= 20


async def provisioned(tx: db.Tx, domain: directory.Domain) -> list[devices.Provisioned]:
    return [
        login
        for login in await devices.list_for_provisioning(tx, directory.NODE)
        if login.domain_uuid == domain.domain_uuid
    ]


async def test_the_switch_gets_digests_by_extension_domain_and_password(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        given = await extensions.insert(
            tx, domain.domain_uuid, Extension("101", name="Ánh"), "Secret-Word.1"
        )
        first = await provisioned(tx, domain)
        await devices.set_password(tx, domain.domain_uuid, "101", "default", "Secret-Word.2")
        second = await provisioned(tx, domain)
        columns = str(
            await tx.fetch("SELECT * FROM devices WHERE domain_uuid = $1", domain.domain_uuid)
        )

    def login(password: str) -> devices.Provisioned:
        def digests(user: str) -> tuple[str, str]:
            secret = f"{user}:{domain.name}:{password}".encode()
            md5 = hashlib.md5(secret, usedforsecurity=False).hexdigest()
            return md5, hashlib.sha256(secret).hexdigest()

        plain, full = digests("101"), digests(f"101@{domain.name}")
        return devices.Provisioned(
            domain_uuid=domain.domain_uuid,
            domain=domain.name,
            extension="101",
            name="default",
            kind="sip",
            max_contacts=5,
            srtp_required=False,
            display_name="Ánh",
            digest_md5=plain[0],
            digest_sha256=plain[1],
            digest_md5_full=full[0],
            digest_sha256_full=full[1],
            music_of=None,
        )

    assert given == "Secret-Word.1"
    assert first == [login("Secret-Word.1")]
    assert second == [login("Secret-Word.2")]
    assert "Secret" not in columns


async def test_who_is_disabled_is_not_provisioned(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await extensions.insert(tx, domain.domain_uuid, Extension("101"))
        await extensions.insert(tx, domain.domain_uuid, Extension("102", enabled=False))
        assert [login.extension for login in await provisioned(tx, domain)] == ["101"]

        await domains.update(tx, msgspec.structs.replace(domain, enabled=False))
        assert await provisioned(tx, domain) == []


async def test_an_update_changes_all_but_number_and_password(
    database: db.Database, domain: directory.Domain
) -> None:
    changed = Extension(
        "101", name="Bình", enabled=True, recording=True, max_calls=9, ring_timeout_s=5
    )
    async with database.transaction() as tx:
        await extensions.insert(tx, domain.domain_uuid, Extension("101"), "Secret-Word.1")
        (before,) = await provisioned(tx, domain)
        await extensions.update(tx, domain.domain_uuid, changed)

        assert changed == await extensions.get(tx, domain.domain_uuid, "101")
        assert await provisioned(tx, domain) == [
            msgspec.structs.replace(before, display_name="Bình")
        ]


@pytest.mark.parametrize(
    ("extension", "password", "field"),
    [
        (Extension("1"), None, "number"),
        (Extension("123456789"), None, "number"),
        (Extension("10a"), None, "number"),
        (Extension("101\n"), None, "number"),
        (Extension("\u0661\u0660\u0661"), None, "number"),  # digits, but not 0-9
        (Extension("101", name='A" <sip:evil@x>'), None, "name"),
        (Extension("101", name="A\r\nsecret=1"), None, "name"),
        (Extension("101", name="A;B"), None, "name"),
        (Extension("101", name="${SHELL(id)}"), None, "name"),
        (Extension("101", name="x" * 81), None, "name"),
        (Extension("101", max_calls=0), None, "max_calls"),
        (Extension("101", ring_timeout_s=4), None, "ring_timeout_s"),
        (Extension("101", hotline="0899888999"), None, "hotline"),
        (Extension("101"), "short", "password"),
        (Extension("101"), "long enough;comment", "password"),
        (Extension("101"), "long enough", "password"),
        (Extension("101"), "dàiđủ-mà-sai", "password"),
    ],
)
async def test_wrong_values_name_their_field(
    database: db.Database,
    domain: directory.Domain,
    extension: Extension,
    password: str | None,
    field: str,
) -> None:
    with pytest.raises(errors.Invalid) as refused:
        async with database.transaction() as tx:
            await extensions.insert(tx, domain.domain_uuid, extension, password)

    assert refused.value.field == field


async def test_the_hotline_it_shows_is_one_of_its_domain(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(name="carrier", auth="ip", host="203.0.113.7", shared=True)
    async with database.transaction() as tx:
        other = await domains.insert(tx, "other-extensions.example.vn")
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await hotlines.insert(tx, domain.domain_uuid, "0899888999", trunk.trunk_uuid)
        await extensions.insert(tx, domain.domain_uuid, Extension("101", hotline="+84899888999"))
        await extensions.insert(tx, other.domain_uuid, Extension("101"))

        with pytest.raises(errors.Invalid):
            await extensions.update(tx, other.domain_uuid, Extension("101", hotline="0899888999"))


async def test_a_number_is_taken_once_in_a_domain_whatever_by(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        other = await domains.insert(tx, "same-numbers.example.vn")
        await extensions.insert(tx, domain.domain_uuid, Extension("101"))
        await extensions.insert(tx, other.domain_uuid, Extension("101"))
        await queues.insert(tx, domain.domain_uuid, directory.Queue("700"))

    for taken in ("101", "700"):
        with pytest.raises(errors.Conflict) as refused:
            async with database.transaction() as tx:
                await extensions.insert(tx, domain.domain_uuid, Extension(taken))
        assert refused.value.field == "number"


@pytest.mark.parametrize("number", ["112", "113", "114", "115"])
async def test_an_emergency_number_is_no_internal_number(
    database: db.Database, domain: directory.Domain, number: str
) -> None:
    """Vietnam's; a phone that dials it gets help."""

    async def refused(work: Awaitable[object]) -> None:
        with pytest.raises(errors.Invalid, match="emergency") as why:
            await work
        assert why.value.field == "number"

    uuid = domain.domain_uuid
    async with database.transaction() as tx:
        await refused(extensions.insert(tx, uuid, Extension(number)))
        await refused(ring_groups.insert(tx, uuid, directory.RingGroup(number)))
        await refused(queues.insert(tx, uuid, directory.Queue(number)))
        await extensions.insert(tx, uuid, Extension("911"))


async def test_a_deleted_extension_frees_its_number(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await extensions.insert(tx, domain.domain_uuid, Extension("101"))
        await extensions.delete(tx, domain.domain_uuid, "101")
        assert await extensions.list(tx, domain.domain_uuid) == []

        await ring_groups.insert(tx, domain.domain_uuid, directory.RingGroup("101"))
        with pytest.raises(errors.NotFound):
            await extensions.delete(tx, domain.domain_uuid, "101")
        assert await ring_groups.get(tx, domain.domain_uuid, "101")


async def test_an_extension_in_use_stays_and_tells_by_whom(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(name="carrier", auth="ip", host="203.0.113.7")
    async with database.transaction() as tx:
        for number in ("101", "102", "103"):
            await extensions.insert(tx, domain.domain_uuid, Extension(number))
        await ring_groups.insert(
            tx, domain.domain_uuid, directory.RingGroup("600", members=("101", "102"))
        )
        await queues.insert(
            tx, domain.domain_uuid, directory.Queue("700", agents=("102",), overflow="101")
        )
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await hotlines.insert(
            tx, domain.domain_uuid, "1900 1919", trunk.trunk_uuid, destination="101"
        )

    with pytest.raises(
        errors.Conflict, match="in use by hotline 19001919, queue 700, ring group 600"
    ):
        async with database.transaction() as tx:
            await extensions.delete(tx, domain.domain_uuid, "101")
    async with database.transaction() as tx:
        await extensions.delete(tx, domain.domain_uuid, "103")
        assert [
            extension.extension for extension in await extensions.list(tx, domain.domain_uuid)
        ] == ["101", "102"]


async def test_another_domains_extension_is_not_found(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        other = (await domains.insert(tx, "stranger-extensions.example.vn")).domain_uuid
        await extensions.insert(tx, domain.domain_uuid, Extension("101"), "Secret-Word.1")
        before = await provisioned(tx, domain)
        for attempt in (
            extensions.get(tx, other, "101"),
            extensions.update(tx, other, Extension("101", name="theirs")),
            devices.set_password(tx, other, "101", "default"),
            extensions.delete(tx, other, "101"),
        ):
            with pytest.raises(errors.NotFound):
                await attempt
        assert await extensions.find(tx, other, "101") is None
        assert await extensions.list(tx, other) == []
        assert before == await provisioned(tx, domain)
        assert await extensions.get(tx, domain.domain_uuid, "101") == Extension("101")


@pytest.mark.parametrize("seconds", [directory.SHORTEST_RING_S, directory.LONGEST_RING_S])
async def test_the_schema_knows_the_same_ring_times(
    database: db.Database, domain: directory.Domain, seconds: int
) -> None:
    """Click-to-call waits for as long as an extension may ring, and no longer."""
    beyond = seconds + (1 if seconds == directory.LONGEST_RING_S else -1)
    async with database.transaction() as tx:
        kept = directory.Extension("101", ring_timeout_s=seconds)
        await extensions.insert(tx, domain.domain_uuid, kept)
    with pytest.raises(errors.Invalid):
        async with database.transaction() as tx:
            refused = directory.Extension("102", ring_timeout_s=beyond)
            await extensions.insert(tx, domain.domain_uuid, refused)


async def endpoints(tx: db.Tx, domain: directory.Domain) -> dict[str, devices.Provisioned]:
    return {str(each.endpoint).partition("@")[0]: each for each in await provisioned(tx, domain)}


async def test_browsers_register_as_the_extension_itself(
    database: db.Database, domain: directory.Domain
) -> None:
    uuid = domain.domain_uuid
    async with database.transaction() as tx:
        await extensions.insert(tx, uuid, Extension("101"), "Secret-Word.1", webrtc=True)
        await extensions.insert(tx, uuid, Extension("102"), "Secret-Word.1")
        known = await endpoints(tx, domain)
        assert known.keys() == {"101", "101-webrtc", "102"}
        browser = known["101-webrtc"]
        assert (browser.kind, browser.endpoint.user) == ("browser", "101")
        assert browser.digest_md5 == known["101"].digest_md5
        found = await store_directory.load(tx, uuid)
        assert found.endpoints("101") == (f"101@{domain.name}", f"101-webrtc@{domain.name}")

        await devices.set_password(tx, uuid, "101", "default", "Secret-Word.2")
        known = await endpoints(tx, domain)
        assert known["101-webrtc"].digest_md5 == known["101"].digest_md5 != browser.digest_md5
        await devices.set_password(tx, uuid, "101", "webrtc", "Secret-Word.1")
        known = await endpoints(tx, domain)
        assert known["101-webrtc"].digest_md5 == known["101"].digest_md5 == browser.digest_md5

        await devices.allow_browsers(tx, uuid)
        await devices.allow_browsers(tx, uuid)
        assert (await endpoints(tx, domain)).keys() == {"101", "101-webrtc", "102", "102-webrtc"}
        await devices.forbid_browsers(tx, uuid, "101")
        assert (await endpoints(tx, domain)).keys() == {"101", "102", "102-webrtc"}
        await devices.forbid_browsers(tx, uuid)
        assert (await endpoints(tx, domain)).keys() == {"101", "102"}


async def test_the_domain_says_whether_browsers_register_as_new_extensions(
    database: db.Database, domain: directory.Domain
) -> None:
    uuid = domain.domain_uuid
    async with database.transaction() as tx:
        await domains.update(tx, msgspec.structs.replace(domain, webrtc=True))
        await extensions.insert(tx, uuid, Extension("101"))
        await extensions.insert(tx, uuid, Extension("102"), webrtc=False)
        assert (await endpoints(tx, domain)).keys() == {"101", "101-webrtc", "102"}


async def test_an_extension_that_is_a_browser_has_the_endpoint_of_browsers_alone(
    database: db.Database, domain: directory.Domain
) -> None:
    uuid = domain.domain_uuid
    async with database.transaction() as tx:
        await extensions.insert(tx, uuid, Extension("101"), kind="browser", webrtc=True)
        await extensions.insert(tx, uuid, Extension("102"), webrtc=True)
        default = await devices.get(tx, uuid, "102", "default")
        await devices.update(tx, uuid, "102", msgspec.structs.replace(default, kind="browser"))
        assert (await endpoints(tx, domain)).keys() == {"101-webrtc", "102-webrtc"}
        found = await store_directory.load(tx, uuid)
        assert found.endpoints("101") == (f"101-webrtc@{domain.name}",)
        assert found.endpoints("102") == (f"102-webrtc@{domain.name}",)

        await devices.update(tx, uuid, "102", default)
        assert (await endpoints(tx, domain)).keys() == {"101-webrtc", "102"}


async def test_the_device_of_browsers_cannot_be_made_or_changed_by_hand(
    database: db.Database, domain: directory.Domain
) -> None:
    uuid = domain.domain_uuid
    async with database.transaction() as tx:
        await extensions.insert(tx, uuid, Extension("101"), webrtc=True)
    for device in (
        devices.Device(name="webrtc", kind="browser"),
        devices.Device(name="webrtc", kind="sip"),
    ):
        with pytest.raises(errors.Invalid, match="`webrtc`"):
            async with database.transaction() as tx:
                await devices.insert(tx, uuid, "101", device)
    with pytest.raises(errors.Invalid, match="`webrtc`"):
        async with database.transaction() as tx:
            await devices.update(tx, uuid, "101", devices.Device(name="webrtc"))


async def test_an_entry_is_found_without_reading_the_others(
    database: db.Database, domain: directory.Domain
) -> None:
    """By its number, and by the id that clients of version 3 know."""
    async with database.transaction() as tx:
        for number in range(200, 260):
            await extensions.insert(tx, domain.domain_uuid, Extension(str(number)))
        known = await extension_entries.get(tx, domain.domain_uuid, "230")
        await tx.execute("ANALYZE extensions")
    explained = Explained(database.dsn)
    await explained.open()
    try:
        for name in ("230", str(known.extension_uuid), str(known.extension_uuid).upper()):
            async with explained.connection() as tx:
                assert await extension_entries.get(tx, domain.domain_uuid, name) == known
        assert [rows_read(scan) for scan in explained.scans] == [1, 1, 1]
    finally:
        await explained.close()
    async with database.connection() as tx:
        for missing in ("999", str(ids.new()), "no-id"):
            with pytest.raises(errors.NotFound):
                await extension_entries.get(tx, domain.domain_uuid, missing)


@pytest.mark.parametrize(
    ("number", "is_right"),
    [("102", True), ("0912345678", True), ("101", False), ("109", False), ("113", False)],
)
async def test_where_an_extension_may_forward(
    database: db.Database, domain: directory.Domain, number: str, *, is_right: bool
) -> None:
    async with database.transaction() as tx:
        await extensions.insert(tx, domain.domain_uuid, directory.Extension("101"))
        await extensions.insert(tx, domain.domain_uuid, directory.Extension("102"))
        wanted = directory.Extension("101", forward_busy=number)
        if not is_right:
            with pytest.raises(errors.Invalid) as refused:
                await extensions.update(tx, domain.domain_uuid, wanted)
            assert refused.value.field == "forward_busy"
            return
        await extensions.update(tx, domain.domain_uuid, wanted)
        assert await extensions.get(tx, domain.domain_uuid, "101") == wanted
        if number == "102":
            with pytest.raises(errors.Conflict, match="extension 101"):
                await extensions.delete(tx, domain.domain_uuid, "102")
