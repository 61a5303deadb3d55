"""Queues on a real PostgreSQL."""

import pytest

from tongdai import errors
from tongdai.pbx import directory
from tongdai.store import db, domains, extensions, queues, ring_groups

Queue = directory.Queue


@pytest.fixture(autouse=True)
async def agents(database: db.Database, domain: directory.Domain) -> None:
    """The domain has extensions 101 and 102, and ring group 600."""
    async with database.transaction() as tx:
        for number in ("101", "102"):
            await extensions.insert(tx, domain.domain_uuid, directory.Extension(number))
        await ring_groups.insert(tx, domain.domain_uuid, directory.RingGroup("600"))


async def test_a_queue_comes_back_as_it_was_made(
    database: db.Database, domain: directory.Domain
) -> None:
    made = Queue("700", "Hỗ trợ", ("102", "101"), 10, 1, 20, 600, "600", "my-music")
    async with database.transaction() as tx:
        await queues.insert(tx, domain.domain_uuid, made)
        await queues.insert(tx, domain.domain_uuid, Queue("699"))

        assert made == await queues.get(tx, domain.domain_uuid, "700")
        assert made == await queues.find(tx, domain.domain_uuid, "700")
        assert await queues.list(tx, domain.domain_uuid) == [Queue("699"), made]
        assert await queues.find(tx, domain.domain_uuid, "701") is None


async def test_an_update_changes_all_but_the_number(
    database: db.Database, domain: directory.Domain
) -> None:
    changed = Queue("700", "Mới", ("101",), 3, 0, 0, 3, "102", "default")
    async with database.transaction() as tx:
        await queues.insert(tx, domain.domain_uuid, Queue("700", agents=("102",), overflow="600"))
        await queues.update(tx, domain.domain_uuid, changed)

        assert changed == await queues.get(tx, domain.domain_uuid, "700")


@pytest.mark.parametrize(
    ("queue", "field"),
    [
        (Queue("7"), "number"),
        (Queue("700", name="a;b"), "name"),
        (Queue("700", agents=("999",)), "agents"),
        (Queue("700", agents=("600",)), "agents"),
        (Queue("700", agents=("101", "101")), "agents"),
        (Queue("700", overflow="999"), "overflow"),
        (Queue("700", overflow="700"), "overflow"),
        (Queue("700", moh_class="../x"), "moh_class"),
        (Queue("700", ring_timeout_s=2), "ring_timeout_s"),
        (Queue("700", no_answer_delay_s=-1), "no_answer_delay_s"),
        (Queue("700", wrap_up_s=3601), "wrap_up_s"),
        (Queue("700", timeout_s=7201), "timeout_s"),
        (Queue("700", service_level_s=0), "service_level_s"),
    ],
)
async def test_wrong_values_name_their_field(
    database: db.Database, domain: directory.Domain, queue: Queue, field: str
) -> None:
    with pytest.raises(errors.Invalid) as refused:
        async with database.transaction() as tx:
            await queues.insert(tx, domain.domain_uuid, queue)

    assert refused.value.field == field


async def test_a_number_is_taken_once(database: db.Database, domain: directory.Domain) -> None:
    for taken in ("101", "600"):
        with pytest.raises(errors.Conflict) as refused:
            async with database.transaction() as tx:
                await queues.insert(tx, domain.domain_uuid, Queue(taken))
        assert refused.value.field == "number"


async def test_a_queue_is_deleted_unless_it_is_in_use(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await queues.insert(tx, domain.domain_uuid, Queue("700"))
        await queues.insert(tx, domain.domain_uuid, Queue("701", overflow="700"))

    with pytest.raises(errors.Conflict, match="in use by queue 701"):
        async with database.transaction() as tx:
            await queues.delete(tx, domain.domain_uuid, "700")
    async with database.transaction() as tx:
        await queues.delete(tx, domain.domain_uuid, "701")
        await queues.delete(tx, domain.domain_uuid, "700")
        assert await queues.list(tx, domain.domain_uuid) == []
        with pytest.raises(errors.NotFound):
            await queues.delete(tx, domain.domain_uuid, "600")


async def test_another_domains_queue_is_not_found(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        other = (await domains.insert(tx, "stranger-queues.example.vn")).domain_uuid
        await queues.insert(tx, domain.domain_uuid, Queue("700"))
        for attempt in (
            queues.get(tx, other, "700"),
            queues.update(tx, other, Queue("700", name="theirs")),
            queues.delete(tx, other, "700"),
        ):
            with pytest.raises(errors.NotFound):
                await attempt
        with pytest.raises(errors.Invalid, match="no such extension: 101"):
            await queues.insert(tx, other, Queue("700", agents=("101",)))
        assert await queues.list(tx, other) == []
        assert await queues.get(tx, domain.domain_uuid, "700") == Queue("700")
