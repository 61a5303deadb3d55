"""Live calls, on a real PostgreSQL."""

import pytest

from testbed.samples import call
from tongdai.pbx.directory import Domain
from tongdai.store import calls, db


@pytest.mark.parametrize(("on_disk", "expected"), [(True, "on"), (False, "off")])
async def test_only_a_state_that_nobody_is_told_of_waits_for_no_disk(
    database: db.Database, domain: Domain, on_disk: bool, expected: str
) -> None:
    async with database.connection() as tx:
        async with db.whole(tx):
            await calls.save_many(tx, domain.name, [one := call(domain)], on_disk=on_disk)
            assert await tx.fetchval("SHOW synchronous_commit") == expected
        assert await tx.fetchval("SHOW synchronous_commit") == "on", (
            "the next transaction is as any"
        )
        assert await calls.find(tx, domain.domain_uuid, one.call_uuid) == one
        await calls.delete_many(tx, [(domain.domain_uuid, one.call_uuid)])
