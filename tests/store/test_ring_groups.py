"""Ring groups on a real PostgreSQL."""

import asyncio
from collections import Counter

import pytest

from tests.store.locks import someone_waits
from tongdai import errors
from tongdai.pbx import directory
from tongdai.store import db, domains, extensions, queues, ring_groups

RingGroup = directory.RingGroup


@pytest.fixture(autouse=True)
async def members(database: db.Database, domain: directory.Domain) -> None:
    """The domain has extensions 101, 102, 103 and queue 700."""
    async with database.transaction() as tx:
        for number in ("101", "102", "103"):
            await extensions.insert(tx, domain.domain_uuid, directory.Extension(number))
        await queues.insert(tx, domain.domain_uuid, directory.Queue("700"))


async def test_a_ring_group_comes_back_as_it_was_made(
    database: db.Database, domain: directory.Domain
) -> None:
    made = RingGroup("600", "Kinh doanh", "sequential", ("103", "101"), 10, 40, "700")
    async with database.transaction() as tx:
        await ring_groups.insert(tx, domain.domain_uuid, made)
        await ring_groups.insert(tx, domain.domain_uuid, RingGroup("500"))

        assert made == await ring_groups.get(tx, domain.domain_uuid, "600")
        assert made == await ring_groups.find(tx, domain.domain_uuid, "600")
        assert await ring_groups.list(tx, domain.domain_uuid) == [RingGroup("500"), made]
        assert await ring_groups.find(tx, domain.domain_uuid, "601") is None


async def test_an_update_changes_all_but_the_number_and_the_turn(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await ring_groups.insert(tx, domain.domain_uuid, RingGroup("600", members=("101", "102")))
        await ring_groups.advance(tx, domain.domain_uuid, "600")
        await ring_groups.update(
            tx,
            domain.domain_uuid,
            RingGroup("600", "Mới", "round_robin", ("102", "103"), 5, 6, "101", next_member=7),
        )

        assert await ring_groups.get(tx, domain.domain_uuid, "600") == RingGroup(
            "600", "Mới", "round_robin", ("102", "103"), 5, 6, "101", next_member=1
        )


async def test_turns_go_round(database: db.Database, domain: directory.Domain) -> None:
    async with database.transaction() as tx:
        await ring_groups.insert(
            tx, domain.domain_uuid, RingGroup("600", members=("101", "102", "103"))
        )
        turns = [await ring_groups.advance(tx, domain.domain_uuid, "600") for _ in range(5)]
        assert turns == [0, 1, 2, 0, 1]

        # it was 2's turn
        await ring_groups.update(tx, domain.domain_uuid, RingGroup("600", members=("101", "102")))
        turns = [await ring_groups.advance(tx, domain.domain_uuid, "600") for _ in range(3)]
        assert turns == [0, 1, 0]

        await ring_groups.update(tx, domain.domain_uuid, RingGroup("600", members=()))
        assert await ring_groups.advance(tx, domain.domain_uuid, "600") == 0
        with pytest.raises(errors.NotFound):
            await ring_groups.advance(tx, domain.domain_uuid, "601")


async def test_calls_at_the_same_time_get_different_turns(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await ring_groups.insert(
            tx, domain.domain_uuid, RingGroup("600", members=("101", "102", "103"))
        )

    async def turn() -> int:
        async with database.transaction() as tx:
            return await ring_groups.advance(tx, domain.domain_uuid, "600")

    assert Counter(await asyncio.gather(*(turn() for _ in range(12)))) == {0: 4, 1: 4, 2: 4}


@pytest.mark.parametrize(
    ("group", "field"),
    [
        (RingGroup("6"), "number"),
        (RingGroup("600", name="a\nb"), "name"),
        (RingGroup("600", strategy="random"), "strategy"),  # type: ignore[arg-type]
        (RingGroup("600", members=("101", "999")), "members"),
        (RingGroup("600", members=("101", "101")), "members"),
        (RingGroup("600", members=("700",)), "members"),
        (RingGroup("600", members=("",)), "members"),
        (RingGroup("600", overflow="999"), "overflow"),
        (RingGroup("600", overflow="600"), "overflow"),
        (RingGroup("600", ring_timeout_s=2), "ring_timeout_s"),
        (RingGroup("600", timeout_s=3601), "timeout_s"),
    ],
)
async def test_wrong_values_name_their_field(
    database: db.Database, domain: directory.Domain, group: RingGroup, field: str
) -> None:
    with pytest.raises(errors.Invalid) as refused:
        async with database.transaction() as tx:
            await ring_groups.insert(tx, domain.domain_uuid, group)

    assert refused.value.field == field


async def test_a_number_is_taken_once(database: db.Database, domain: directory.Domain) -> None:
    for taken in ("101", "700"):
        with pytest.raises(errors.Conflict) as refused:
            async with database.transaction() as tx:
                await ring_groups.insert(tx, domain.domain_uuid, RingGroup(taken))
        assert refused.value.field == "number"


async def test_a_deleted_ring_group_frees_its_number(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await ring_groups.insert(tx, domain.domain_uuid, RingGroup("600"))
        await ring_groups.delete(tx, domain.domain_uuid, "600")
        await ring_groups.insert(tx, domain.domain_uuid, RingGroup("600"))
        with pytest.raises(errors.NotFound):
            await ring_groups.delete(tx, domain.domain_uuid, "101")


async def test_a_ring_group_that_overflows_lead_to_stays(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await ring_groups.insert(tx, domain.domain_uuid, RingGroup("600"))
        await ring_groups.insert(tx, domain.domain_uuid, RingGroup("601", overflow="600"))

    with pytest.raises(errors.Conflict, match="in use by ring group 601"):
        async with database.transaction() as tx:
            await ring_groups.delete(tx, domain.domain_uuid, "600")


async def test_a_member_cannot_be_deleted_while_it_is_being_added(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await ring_groups.insert(tx, domain.domain_uuid, RingGroup("600", members=("101",)))

        async def delete() -> None:
            async with database.transaction() as other:
                await extensions.delete(other, domain.domain_uuid, "101")

        deleting = asyncio.create_task(delete())
        await someone_waits(database)

    with pytest.raises(errors.Conflict):
        await deleting


async def test_another_domains_ring_group_is_not_found(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        other = (await domains.insert(tx, "stranger-groups.example.vn")).domain_uuid
        await ring_groups.insert(tx, domain.domain_uuid, RingGroup("600"))
        for attempt in (
            ring_groups.get(tx, other, "600"),
            ring_groups.update(tx, other, RingGroup("600", name="theirs")),
            ring_groups.advance(tx, other, "600"),
            ring_groups.delete(tx, other, "600"),
        ):
            with pytest.raises(errors.NotFound):
                await attempt
        with pytest.raises(errors.Invalid, match="no such extension: 101"):
            await ring_groups.insert(tx, other, RingGroup("600", members=("101",)))
        assert await ring_groups.list(tx, other) == []
        assert await ring_groups.get(tx, domain.domain_uuid, "600") == RingGroup("600")
