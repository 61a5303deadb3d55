"""The directory of a domain, loaded in one round trip from a real PostgreSQL, and told of when it
changes.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from uuid import UUID

import msgspec
import pytest

from testbed.until import until
from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Directory, Domain, Extension, Queue, RingGroup, Trunk
from tongdai.store import (
    db,
    devices,
    directory,
    domains,
    extensions,
    hotlines,
    queues,
    ring_groups,
    trunks,
    users,
)


def seen(trunk: trunks.Trunk) -> Trunk:
    """A trunk as routing sees it."""
    return Trunk(
        trunk.trunk_uuid,
        trunk.name,
        trunk.enabled,
        trunk.number_format,
        trunk.max_calls,
        hashlib.md5(trunk.host.encode(), usedforsecurity=False).hexdigest(),
    )


async def test_a_new_domain_is_empty(database: db.Database, domain: Domain) -> None:
    async with database.connection() as tx:
        assert await directory.load(tx, domain.domain_uuid) == Directory(domain)
        assert await directory.by_name(tx, domain.name) == Directory(domain)
        with pytest.raises(errors.NotFound):
            await directory.load(tx, ids.new())
        with pytest.raises(errors.NotFound):
            await directory.by_name(tx, "unknown.example.vn")


async def test_everything_is_there_and_nothing_of_others(
    database: db.Database, domain: Domain, master_key: MasterKey
) -> None:
    own = trunks.Trunk(
        name="Của nhà",
        auth="ip",
        host="203.0.113.7",
        number_format="e164",
        max_calls=5,
        enabled=False,
    )
    used, unused = (
        trunks.Trunk(name=name, auth="ip", host="203.0.113.8", shared=True)
        for name in ("used", "unused")
    )
    phones = [
        Extension(
            "101", "Ánh", recording=True, hotline="19001919", devices=("default", "browser")
        ),
        Extension("102", enabled=False),
    ]
    group = RingGroup("600", "Nhóm", "round_robin", ("101", "102"), 5, 6, "700")
    queue = Queue("700", "Hàng đợi", ("102",), 3, 4, 5, 6, "101", "jazz")
    async with database.transaction() as tx:
        other = await domains.insert(tx, "other-directory.example.vn")
        for trunk in (used, unused):
            await trunks.insert(tx, other.domain_uuid, master_key, trunk)
        await extensions.insert(tx, other.domain_uuid, Extension("103"))
        await hotlines.insert(tx, other.domain_uuid, "19001918", used.trunk_uuid)
        await queues.insert(tx, other.domain_uuid, Queue("701"))
        await ring_groups.insert(tx, other.domain_uuid, RingGroup("601"))

        await trunks.insert(tx, domain.domain_uuid, master_key, own)
        first = await hotlines.insert(
            tx, domain.domain_uuid, "19001919", used.trunk_uuid, name="Hai mươi bốn giờ"
        )
        for phone in phones:
            await extensions.insert(tx, domain.domain_uuid, phone)
        await devices.insert(tx, domain.domain_uuid, "101", devices.Device(name="browser"))
        await queues.insert(tx, domain.domain_uuid, queue)
        await ring_groups.insert(tx, domain.domain_uuid, group)
        second = await hotlines.insert(
            tx,
            domain.domain_uuid,
            "0287300123",
            own.trunk_uuid,
            destination="600",
            is_default=True,
        )
        await ring_groups.advance(tx, domain.domain_uuid, "600")

        assert await directory.load(tx, domain.domain_uuid) == Directory(
            domain=domain,
            extensions={phone.extension: phone for phone in phones},
            trunks={trunk.trunk_uuid: seen(trunk) for trunk in (own, used)},
            hotlines={"19001919": first, "84287300123": second},
            ring_groups={"600": msgspec.structs.replace(group, next_member=1)},
            queues={"700": queue},
        )


async def test_a_hotline_on_a_trunk_leads_to_its_domain(
    database: db.Database, domain: Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(name="carrier", auth="ip", host="203.0.113.7", shared=True)
    async with database.transaction() as tx:
        other = await domains.insert(tx, "other-hotline.example.vn")
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        mine = await hotlines.insert(tx, domain.domain_uuid, "02873001234", trunk.trunk_uuid)
        theirs = await hotlines.insert(tx, other.domain_uuid, "02873001235", trunk.trunk_uuid)

        async def found(*canonicals: str) -> set[UUID]:
            known = await directory.hotlines_at(tx, [trunk.trunk_uuid], canonicals)
            assert all(each.trunks == (trunk.trunk_uuid,) for each in known)
            return {each.domain_uuid for each in known}

        assert await found(mine.canonical) == {domain.domain_uuid}
        assert await found(theirs.canonical) == {other.domain_uuid}
        assert await found(mine.canonical, theirs.canonical) == {
            domain.domain_uuid,
            other.domain_uuid,
        }
        assert await found("842873001236") == set()
        assert await directory.hotlines_at(tx, [ids.new()], [mine.canonical]) == []


@pytest.fixture
async def changed(database: db.Database) -> AsyncIterator[list[UUID]]:
    """The domains that listeners are told of, as they are told."""
    listener, changed = db.Database(database.dsn, size=1), list[UUID]()
    await listener.open()
    await listener.listen(
        {"directory": lambda payload: changed.append(UUID(payload))}, lost=changed.clear
    )
    yield changed
    await listener.close()


def has(changed: list[UUID], count: int) -> bool:
    return len(changed) >= count


async def test_every_change_tells_its_domain_once_at_commit(
    database: db.Database, domain: Domain, master_key: MasterKey, changed: list[UUID]
) -> None:
    trunk = trunks.Trunk(name="carrier", auth="ip", host="203.0.113.7")
    group, queue = RingGroup("600", members=("101",)), Queue("700", agents=("101",))
    hotline = "02873001234"
    here = domain.domain_uuid
    steps: list[Callable[[db.Tx], Awaitable[object]]] = [
        lambda tx: extensions.insert(tx, here, Extension("101")),
        lambda tx: extensions.update(tx, here, Extension("101", max_calls=9)),
        lambda tx: devices.insert(tx, here, "101", devices.Device(name="browser", kind="browser")),
        lambda tx: devices.delete(tx, here, "101", "browser"),
        lambda tx: ring_groups.insert(tx, here, group),
        lambda tx: ring_groups.update(tx, here, msgspec.structs.replace(group, timeout_s=9)),
        lambda tx: queues.insert(tx, here, queue),
        lambda tx: queues.update(tx, here, msgspec.structs.replace(queue, timeout_s=9)),
        lambda tx: trunks.insert(tx, here, master_key, trunk),
        lambda tx: trunks.update(
            tx, here, master_key, msgspec.structs.replace(trunk, max_calls=9)
        ),
        lambda tx: hotlines.insert(tx, here, hotline, trunk.trunk_uuid),
        lambda tx: hotlines.delete(tx, here, hotline),
        lambda tx: users.insert(tx, here, master_key, "foo", "a long password"),
        lambda tx: users.delete(tx, here, "foo"),
        lambda tx: domains.update(tx, msgspec.structs.replace(domain, max_calls=9)),
        lambda tx: ring_groups.delete(tx, here, "600"),
        lambda tx: queues.delete(tx, here, "700"),
        lambda tx: trunks.delete(tx, here, trunk.trunk_uuid),
        lambda tx: domains.delete(tx, here),
    ]
    for count, step in enumerate(steps, 1):
        async with database.transaction() as tx:
            await step(tx)
        await until(partial(has, changed, count))
        assert changed == [here] * count


async def test_a_shared_trunk_tells_all_domains_that_use_it(
    database: db.Database, domain: Domain, master_key: MasterKey, changed: list[UUID]
) -> None:
    trunk = trunks.Trunk(name="carrier", auth="ip", host="203.0.113.7", shared=True)
    async with database.transaction() as tx:
        other = await domains.insert(tx, "told-too.example.vn")
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await hotlines.insert(tx, other.domain_uuid, "02873001234", trunk.trunk_uuid)
    await until(lambda: len(changed) == 2)

    async with database.transaction() as tx:
        await trunks.update(
            tx, domain.domain_uuid, master_key, msgspec.structs.replace(trunk, max_calls=9)
        )
    await until(lambda: len(changed) == 4)
    assert set(changed[2:]) == {domain.domain_uuid, other.domain_uuid}


async def test_a_turn_of_a_ring_group_tells_nobody(
    database: db.Database, domain: Domain, changed: list[UUID]
) -> None:
    async with database.transaction() as tx:
        await ring_groups.insert(tx, domain.domain_uuid, RingGroup("600"))
    async with database.transaction() as tx:
        await ring_groups.advance(tx, domain.domain_uuid, "600")
    async with database.transaction() as tx:
        await tx.execute("SELECT pg_notify('directory', $1)", str(last := ids.new()))
    await until(lambda: last in changed)

    assert changed == [domain.domain_uuid, last]
