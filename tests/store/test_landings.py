"""Whom hotlines' callers reach while no engine decides, on a real PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from tongdai.pbx import directory
from tongdai.seal import Seal
from tongdai.store import db, domains, extensions, hotlines, landings, queues, ring_groups, trunks


@pytest.fixture
async def trunk(database: db.Database, domain: directory.Domain, seal: Seal) -> UUID:
    """A trunk of the domain, which also has extensions 101, 102 (never recorded) and 103 (out of
    use).
    """
    made = trunks.Trunk(name="carrier", auth="ip", host="203.0.113.7")
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, seal, made)
        await extensions.insert(tx, domain.domain_uuid, directory.Extension("101"))
        await extensions.insert(
            tx, domain.domain_uuid, directory.Extension("102", recording=False)
        )
        await extensions.insert(tx, domain.domain_uuid, directory.Extension("103", enabled=False))
    return made.trunk_uuid


async def of(tx: db.Tx, domain: directory.Domain) -> dict[str, tuple[Any, ...]]:
    """Extensions and what they say of recording, by hotline."""
    found = await landings.list_for_provisioning(tx)
    return {
        each.canonical: (each.extensions, each.recording)
        for each in found
        if each.domain.name == domain.name
    }


async def test_extensions_ring_groups_and_queues(
    database: db.Database, domain: directory.Domain, trunk: UUID
) -> None:
    async with database.transaction() as tx:
        await ring_groups.insert(
            tx, domain.domain_uuid, directory.RingGroup("600", members=("102", "103", "101"))
        )
        await queues.insert(tx, domain.domain_uuid, directory.Queue("700", agents=("102",)))
        for number, destination in {
            "19001001": "101",
            "19001600": "600",
            "19001700": "700",
        }.items():
            await hotlines.insert(tx, domain.domain_uuid, number, trunk, destination=destination)
        assert await of(tx, domain) == {
            "19001001": (("101",), (None,)),
            "19001600": (("101", "102"), (None, False)),
            "19001700": (("102",), (False,)),
        }


async def test_what_leads_to_nobody(
    database: db.Database, domain: directory.Domain, trunk: UUID
) -> None:
    async with database.transaction() as tx:
        await hotlines.insert(
            tx, domain.domain_uuid, "19001001", trunk, destination="101", enabled=False
        )
        await hotlines.insert(tx, domain.domain_uuid, "19001002", trunk)
        await hotlines.insert(tx, domain.domain_uuid, "19001003", trunk, destination="103")
        assert await of(tx, domain) == {}
        await hotlines.insert(tx, domain.domain_uuid, "19001004", trunk, destination="101")
        assert list(await of(tx, domain)) == ["19001004"]
        await domains.update(tx, directory.Domain(domain.domain_uuid, domain.name, enabled=False))
        assert await of(tx, domain) == {}


async def test_what_is_inside(
    database: db.Database, domain: directory.Domain, trunk: UUID
) -> None:
    async with database.transaction() as tx:
        await ring_groups.insert(
            tx, domain.domain_uuid, directory.RingGroup("600", members=("103", "102", "101"))
        )
        await queues.insert(tx, domain.domain_uuid, directory.Queue("700", agents=("103",)))
        found = {
            each.number: each.extensions
            for each in await landings.list_inside(tx)
            if each.domain == domain.name
        }
        assert found == {"103": (), "600": ("101", "102"), "700": ()}


async def test_how_calls_leave(
    database: db.Database, domain: directory.Domain, trunk: UUID, seal: Seal
) -> None:
    """By hotlines and trunks in use; of extensions, only those for which something else holds."""
    async with database.transaction() as tx:
        await hotlines.insert(tx, domain.domain_uuid, "19001001", trunk, is_default=True)
        await hotlines.insert(tx, domain.domain_uuid, "19001002", trunk, enabled=False)
        await extensions.insert(
            tx, domain.domain_uuid, directory.Extension("104", hotline="19001001")
        )
        await extensions.insert(tx, domain.domain_uuid, directory.Extension("105", max_calls=1))
        await extensions.insert(tx, domain.domain_uuid, directory.Extension("106"))
        await extensions.suspend(
            tx, domain.domain_uuid, "106", datetime.now(UTC) + timedelta(hours=1)
        )
        (known,) = [
            each for each in await landings.list_outside(tx) if each.domain.name == domain.name
        ]
        assert known.domain == domain
        assert (list(known.hotlines), list(known.trunks)) == (["19001001"], [trunk])
        assert sorted(known.extensions) == ["102", "104", "105", "106"]
        found = await trunks.get(tx, domain.domain_uuid, trunk)
        await trunks.update(tx, domain.domain_uuid, seal, replace(found, enabled=False), "")
        (known,) = [
            each for each in await landings.list_outside(tx) if each.domain.name == domain.name
        ]
        assert (known.hotlines, known.trunks) == ({}, {})
