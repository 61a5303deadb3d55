"""Trunks of two companies at one address: what the number called cannot decide is named."""

from typing import Any

import pytest

from tongdai import ids
from tongdai.cli import carriers
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db, domains, hotlines, trunk_conflicts, trunks
from tongdai.store.trunk_conflicts import TrunkConflict


def a_trunk(host: str, **changes: Any) -> trunks.Trunk:
    return trunks.Trunk(**{"name": "carrier", "auth": "ip", "host": host} | changes)


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({}, {}, {}),
        ({}, {"host": "203.0.113.7"}, {}),
        ({}, {"host": "sip.c.vn", "addresses": ("203.0.113.7",)}, {}),
        ({}, {"addresses": ("203.0.113.0/28",)}, {"has_other_addresses": True}),
        ({}, {"called_number_in": "to"}, {"has_other_place": True}),
        ({"host": "sip.c.vn"}, {"host": "SIP.c.vn:5080"}, {}),
        ({"host": "[2001:db8::7]"}, {"host": "[2001:DB8::7]:5070"}, {}),
        ({"host": "fe.cafe"}, {"host": "sip.c.vn"}, None),
        ({}, {"host": "203.0.113.8"}, None),
        ({}, {"enabled": False}, None),
    ],
)
async def test_neighbours(
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    *,
    one: dict[str, Any],
    other: dict[str, Any],
    found: dict[str, Any] | None,
) -> None:
    mine, theirs = (a_trunk(**{"host": "203.0.113.7:5060"} | given) for given in (one, other))
    async with database.transaction() as tx:
        rival = await domains.insert(tx, f"rival{ids.new().hex}.example.vn")
        await trunks.insert(tx, domain.domain_uuid, master_key, mine)
        await trunks.insert(tx, rival.domain_uuid, master_key, theirs)
        neighbours = await trunk_conflicts.neighbours(tx, mine.trunk_uuid)
        conflicts = await trunk_conflicts.conflicts(tx, mine.trunk_uuid)
    expected = TrunkConflict(
        trunk_uuid=mine.trunk_uuid,
        trunk="carrier",
        domain=domain.name,
        other_trunk="carrier",
        other_domain=rival.name,
        **found or {},
    )
    # other tests' companies have that address too
    assert [each for each in neighbours if each.other_domain == rival.name] == (
        [] if found is None else [expected]
    )
    assert [each for each in conflicts if each.other_domain == rival.name] == (
        [expected] if found else []
    )


async def test_a_hotline_of_both(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    """Written in different ways; on the trunk itself, or on another one of the company."""
    mine, theirs = a_trunk("203.0.113.17"), a_trunk("203.0.113.17")
    elsewhere = a_trunk("203.0.113.18", name="elsewhere")
    async with database.transaction() as tx:
        rival = await domains.insert(tx, f"rival{ids.new().hex}.example.vn")
        await trunks.insert(tx, domain.domain_uuid, master_key, mine)
        for each in (theirs, elsewhere):
            await trunks.insert(tx, rival.domain_uuid, master_key, each)
        await hotlines.insert(tx, domain.domain_uuid, "02873001234", mine.trunk_uuid)
        await hotlines.insert(tx, domain.domain_uuid, "02873001235", mine.trunk_uuid)
        await hotlines.insert(tx, rival.domain_uuid, "+842873001234", elsewhere.trunk_uuid)
        found = next(iter(await trunk_conflicts.conflicts(tx, mine.trunk_uuid)))
        every = [
            each
            for each in await trunk_conflicts.conflicts(tx)
            if mine.trunk_uuid == each.trunk_uuid or each.other_domain == domain.name
        ]
    assert found.numbers == ("02873001234",)
    assert len(every) == 1
    (line,) = carriers.described(found)
    assert "both companies have the hotline 02873001234" in line
    said = list(carriers.remarks(mine, [found]))
    assert said[0].startswith("note: the same address has carrier (rival")
    assert said[1] == f"warning: {line}"


def test_a_host_that_does_not_resolve() -> None:
    assert carriers.unresolved("192.0.2.7:5060") == carriers.unresolved("[::1]:5060") == ""
    assert "does not resolve" in carriers.unresolved("sip.carrier.invalid:5060")
