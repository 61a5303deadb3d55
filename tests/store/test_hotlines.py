"""Hotlines on a real PostgreSQL."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import (
    db,
    domains,
    extensions,
    hotlines,
    hours_plans,
    ring_groups,
    trunks,
)


@pytest.fixture
async def trunk(database: db.Database, domain: directory.Domain, master_key: MasterKey) -> UUID:
    """A trunk of the domain, not shared; the domain also has extension 101 and ring group 600."""
    made = trunks.Trunk(name="carrier", auth="ip", host="203.0.113.7")
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, made)
        await extensions.insert(tx, domain.domain_uuid, directory.Extension("101"))
        await ring_groups.insert(tx, domain.domain_uuid, directory.RingGroup("600"))
    return made.trunk_uuid


async def test_a_hotline_comes_back_as_it_was_made(
    database: db.Database, domain: directory.Domain, trunk: UUID
) -> None:
    async with database.transaction() as tx:
        made = await hotlines.insert(
            tx,
            domain.domain_uuid,
            "(028) 7300-1234",
            trunk,
            name="Tổng đài",
            destination="600",
            is_default=True,
        )
        short = await hotlines.insert(tx, domain.domain_uuid, "1900 1919", trunk, enabled=False)

        assert made == directory.Hotline(
            number="02873001234",
            canonical="842873001234",
            trunk_uuid=trunk,
            name="Tổng đài",
            destination="600",
            is_default=True,
            enabled=True,
        )
        assert short == directory.Hotline("19001919", "19001919", trunk, enabled=False)
        assert await hotlines.list(tx, domain.domain_uuid) == [short, made]


@pytest.mark.parametrize("number", ["101", "600", "0912345678", "+4930123456"])
async def test_where_a_closed_hotline_leads(
    database: db.Database, domain: directory.Domain, trunk: UUID, number: str
) -> None:
    async with database.transaction() as tx:
        await hours_plans.insert(tx, domain.domain_uuid, directory.HoursPlan("office"))
        made = await hotlines.insert(
            tx,
            domain.domain_uuid,
            "19001919",
            trunk,
            hours="office",
            closed_destination=number,
            closed_cause="busy",
        )
        assert await hotlines.get(tx, domain.domain_uuid, "19001919") == made
        with pytest.raises(errors.Conflict, match="hotline 19001919") as held:
            await hours_plans.delete(tx, domain.domain_uuid, "office")
        assert held.value.field == "name"
        if number == "600":
            with pytest.raises(errors.Conflict, match="hotline 19001919"):
                await ring_groups.delete(tx, domain.domain_uuid, "600")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hours": "none"}, "hours"),
        ({"closed_destination": "109"}, "closed_destination"),
        ({"closed_destination": "113"}, "closed_destination"),
        ({"closed_destination": "*97"}, "closed_destination"),
        ({"closed_destination": "1900 1919"}, "closed_destination"),  # itself
        ({"closed_destination": "abc"}, "closed_destination"),
    ],
)
async def test_a_closed_hotline_leads_to_nothing_else(
    database: db.Database,
    domain: directory.Domain,
    trunk: UUID,
    changes: dict[str, Any],
    field: str,
) -> None:
    async with database.transaction() as tx:
        await hotlines.insert(tx, domain.domain_uuid, "19001919", trunk)
        known = await hotlines.get(tx, domain.domain_uuid, "19001919")
        with pytest.raises(errors.Invalid) as refused:
            await hotlines.update(
                tx, domain.domain_uuid, msgspec.structs.replace(known, **changes)
            )
        assert refused.value.field == field


@pytest.mark.parametrize(
    "written", ["02873001234", "+842873001234", "842873001234", "00842873001234"]
)
async def test_it_is_found_however_it_is_written(
    database: db.Database, domain: directory.Domain, trunk: UUID, written: str
) -> None:
    async with database.transaction() as tx:
        made = await hotlines.insert(tx, domain.domain_uuid, "02873001234", trunk)

        assert made == await hotlines.get(tx, domain.domain_uuid, written)
        assert made == await hotlines.find(tx, domain.domain_uuid, written)
        assert await hotlines.find(tx, domain.domain_uuid, "02873001235") is None


async def test_an_update_changes_all_but_the_number(
    database: db.Database, domain: directory.Domain, trunk: UUID, master_key: MasterKey
) -> None:
    second = trunks.Trunk(name="second", auth="ip", host="203.0.113.8")
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, second)
        made = await hotlines.insert(tx, domain.domain_uuid, "02873001234", trunk)
        changed = msgspec.structs.replace(
            made,
            trunk_uuid=second.trunk_uuid,
            name="Mới",
            destination="101",
            is_default=True,
            enabled=False,
        )
        await hotlines.update(tx, domain.domain_uuid, changed)

        assert changed == await hotlines.get(tx, domain.domain_uuid, "02873001234")


async def test_a_new_default_takes_the_place_of_the_old(
    database: db.Database, domain: directory.Domain, trunk: UUID
) -> None:
    async with database.transaction() as tx:
        first = await hotlines.insert(tx, domain.domain_uuid, "19001001", trunk, is_default=True)
        second = await hotlines.insert(tx, domain.domain_uuid, "19001002", trunk, is_default=True)
        third = await hotlines.insert(tx, domain.domain_uuid, "19001003", trunk)
        assert [h.number for h in await hotlines.list(tx, domain.domain_uuid) if h.is_default] == [
            second.number
        ]

        await hotlines.update(
            tx, domain.domain_uuid, msgspec.structs.replace(third, is_default=True)
        )
        assert [h.number for h in await hotlines.list(tx, domain.domain_uuid) if h.is_default] == [
            third.number
        ]
        assert not (await hotlines.get(tx, domain.domain_uuid, first.number)).is_default


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": ""}, "number"),
        ({"number": "12"}, "number"),
        ({"number": "113"}, "number"),
        ({"number": "0899;888"}, "number"),
        ({"number": "0899\n888999"}, "number"),
        ({"number": "++84899888999"}, "number"),
        ({"name": "a;b"}, "name"),
        ({"destination": "102"}, "destination"),
        ({"destination": "101;x"}, "destination"),
        ({"trunk_uuid": ids.new()}, "trunk"),
    ],
)
async def test_wrong_values_name_their_field(
    database: db.Database,
    domain: directory.Domain,
    trunk: UUID,
    changes: dict[str, Any],
    field: str,
) -> None:
    with pytest.raises(errors.Invalid) as refused:
        async with database.transaction() as tx:
            fields: dict[str, Any] = {"number": "19001919", "trunk_uuid": trunk} | changes
            await hotlines.insert(tx, domain.domain_uuid, **fields)

    assert refused.value.field == field


async def test_a_number_is_taken_once_on_a_trunk_and_once_in_a_domain(
    database: db.Database, domain: directory.Domain, trunk: UUID, master_key: MasterKey
) -> None:
    second = trunks.Trunk(name="second", auth="ip", host="203.0.113.8")
    async with database.transaction() as tx:
        other = await domains.insert(tx, "same-hotline.example.vn")
        await tx.execute("UPDATE trunks SET shared = true WHERE trunk_uuid = $1", trunk)
        await trunks.insert(tx, domain.domain_uuid, master_key, second)
        await hotlines.insert(tx, domain.domain_uuid, "02873001234", trunk)

    for owner, link in ((other, trunk), (domain, trunk), (domain, second.trunk_uuid)):
        with pytest.raises(errors.Conflict) as refused:
            async with database.transaction() as tx:
                await hotlines.insert(tx, owner.domain_uuid, "+84 28 7300 1234", link)
        assert refused.value.field == "number"


async def test_nothing_of_another_domain_can_be_used_or_seen(
    database: db.Database, domain: directory.Domain, trunk: UUID
) -> None:
    async with database.transaction() as tx:
        other = (await domains.insert(tx, "stranger-hotlines.example.vn")).domain_uuid
        made = await hotlines.insert(tx, domain.domain_uuid, "02873001234", trunk)
        with pytest.raises(errors.Invalid, match="no such trunk"):
            await hotlines.insert(tx, other, "02873009999", trunk)
        await tx.execute("UPDATE trunks SET shared = true WHERE trunk_uuid = $1", trunk)
        with pytest.raises(
            errors.Invalid, match="no such extension, ring group, queue or menu: 101"
        ):
            await hotlines.insert(tx, other, "02873009999", trunk, destination="101")
        for attempt in (
            hotlines.get(tx, other, made.number),
            hotlines.update(tx, other, msgspec.structs.replace(made, name="theirs")),
            hotlines.delete(tx, other, made.number),
        ):
            with pytest.raises(errors.NotFound):
                await attempt
        assert await hotlines.find(tx, other, made.number) is None
        assert await hotlines.list(tx, other) == []
        assert made == await hotlines.get(tx, domain.domain_uuid, made.number)


async def test_a_hotline_that_an_extension_shows_stays(
    database: db.Database, domain: directory.Domain, trunk: UUID
) -> None:
    async with database.transaction() as tx:
        await hotlines.insert(tx, domain.domain_uuid, "02873001234", trunk)
        await hotlines.insert(tx, domain.domain_uuid, "19001919", trunk)
        await extensions.update(
            tx, domain.domain_uuid, directory.Extension("101", hotline="+842873001234")
        )

    with pytest.raises(errors.Conflict, match="shown by extension 101"):
        async with database.transaction() as tx:
            await hotlines.delete(tx, domain.domain_uuid, "02873001234")
    async with database.transaction() as tx:
        await hotlines.delete(tx, domain.domain_uuid, "19001919")
        assert [hotline.number for hotline in await hotlines.list(tx, domain.domain_uuid)] == [
            "02873001234"
        ]


async def test_further_trunks(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    made = [trunks.Trunk(name=name, auth="ip", host="203.0.113.7") for name in ("a", "b", "c")]
    first, second, third = (trunk.trunk_uuid for trunk in made)
    async with database.transaction() as tx:
        for trunk in made:
            await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        given = await hotlines.insert(
            tx, domain.domain_uuid, "02873001234", first, further_trunks=(third, second)
        )
        assert given.trunks == (first, third, second)
        assert await hotlines.get(tx, domain.domain_uuid, "02873001234") == given
        assert await hotlines.list(tx, domain.domain_uuid) == [given]
        with pytest.raises(errors.Conflict) as refused:
            await trunks.delete(tx, domain.domain_uuid, third)
        assert refused.value.field == "trunk"
        for wrong in ((first,), (second, second), (ids.new(),)):
            changed = msgspec.structs.replace(given, further_trunks=wrong)
            with pytest.raises(errors.Invalid):
                await hotlines.update(tx, domain.domain_uuid, changed)
        await hotlines.update(
            tx, domain.domain_uuid, msgspec.structs.replace(given, further_trunks=(second,))
        )
        await trunks.delete(tx, domain.domain_uuid, third)
