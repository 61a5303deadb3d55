"""A company for calls to happen in, and what the database holds of them afterwards."""

from typing import Any
from uuid import UUID

import msgspec

from tongdai import dialects
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Domain, Extension, Queue, RingGroup
from tongdai.pbx.recording import Recording
from tongdai.store import db, domains, extensions, hotlines, queues, ring_groups, trunks

HOTLINE = "19001919"
CUSTOMER = "0909000111"


class Company:
    """A domain with extensions 101, 102 and 103, and a hotline that leads to 101."""

    def __init__(self, database: db.Database, domain: Domain, trunk: UUID) -> None:
        self.database, self.domain, self.trunk = database, domain, str(trunk)
        self.uuid, self.name = domain.domain_uuid, domain.name

    def phone(self, extension: str) -> str:
        """Its endpoint."""
        return f"{extension}@{self.name}"

    # --- set up

    async def add_ring_group(self, number: str, *members: str, **properties: Any) -> None:
        """The hotline leads to it."""
        async with self.database.transaction() as tx:
            await ring_groups.insert(
                tx, self.uuid, RingGroup(number, members=members, **properties)
            )
        await self.point_hotline(number)

    async def add_queue(self, number: str, *agents: str, **properties: Any) -> None:
        """The hotline leads to it."""
        async with self.database.transaction() as tx:
            await queues.insert(tx, self.uuid, Queue(number, agents=agents, **properties))
        await self.point_hotline(number)

    async def point_hotline(self, destination: str) -> None:
        async with self.database.transaction() as tx:
            known = await hotlines.get(tx, self.uuid, HOTLINE)
            await hotlines.update(
                tx, self.uuid, msgspec.structs.replace(known, destination=destination)
            )

    async def change_extension(self, number: str, **changes: Any) -> None:
        async with self.database.transaction() as tx:
            known = await extensions.get(tx, self.uuid, number)
            await extensions.update(tx, self.uuid, msgspec.structs.replace(known, **changes))

    # --- what is written

    async def events(self) -> list[dict[str, Any]]:
        """The bodies of all events, in order."""
        async with self.database.connection() as tx:
            rows = await tx.fetch(
                "SELECT name, facts FROM events WHERE domain_uuid = $1 ORDER BY seq", self.uuid
            )
        bodies = [dialects.event("v1", row["name"], row["facts"]) for row in rows]
        return [msgspec.json.decode(body) for body in bodies]

    async def told(self) -> list[str]:
        """The events' names, each with the extension it speaks of."""
        return [f"{body['state']} {body[_ours(body)]}" for body in await self.events()]

    async def was_told(self, what: str) -> bool:
        return what in await self.told()

    async def cdrs(self) -> list[dict[str, Any]]:
        """All records, oldest first."""
        async with self.database.connection() as tx:
            rows = await tx.fetch(
                "SELECT * FROM cdrs WHERE domain_uuid = $1 ORDER BY time_started", self.uuid
            )
        return [dict(row) for row in rows]

    async def recordings(self) -> list[Recording]:
        """All recordings, oldest first."""
        async with self.database.connection() as tx:
            rows = await tx.fetch(
                "SELECT * FROM recordings WHERE domain_uuid = $1 ORDER BY recording_uuid",
                self.uuid,
            )
        return db.structs(rows, Recording)

    async def recording(self) -> Recording:
        """The one recording."""
        (recording,) = await self.recordings()
        return recording

    async def cdr(self) -> dict[str, Any]:
        """The one record."""
        (record,) = await self.cdrs()
        return record

    async def is_locked_out(self) -> bool:
        """Whether a transaction waits for another's lock."""
        async with self.database.connection() as tx:
            return bool(await tx.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    async def live(self) -> int:
        """The number of calls that are live in the database."""
        async with self.database.connection() as tx:
            return int(
                await tx.fetchval("SELECT count(*) FROM calls WHERE domain_uuid = $1", self.uuid)
            )


def _ours(body: dict[str, Any]) -> str:
    return "from_number" if body["direction"] == "outbound" else "to_number"


async def found(database: db.Database, domain: Domain, master_key: MasterKey) -> Company:
    """The domain is a company now."""
    trunk = trunks.Trunk(name="carrier", auth="ip", host="127.0.0.9", addresses=("127.0.0.9",))
    async with database.transaction() as tx:
        await domains.update(tx, domain)
        for number in ("101", "102", "103"):
            await extensions.insert(
                tx, domain.domain_uuid, Extension(number, ring_timeout_s=5), "a-sip-password"
            )
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await hotlines.insert(
            tx, domain.domain_uuid, HOTLINE, trunk.trunk_uuid, destination="101", is_default=True
        )
    return Company(database, domain, trunk.trunk_uuid)


async def prepare(name: str, company: Company) -> None:
    """The company is set up as the one of that recording (tests/e2e/record.py)."""
    match name:
        case "ring_group":
            await company.add_ring_group("600", "101", "102")
        case "ring_group_rang_out":
            await company.add_ring_group("600", "101", "102", timeout_s=3)
        case "ring_group_in_turn_rang_out":
            in_turn = {"strategy": "sequential", "ring_timeout_s": 3}
            await company.add_ring_group("600", "101", "102", **in_turn)
        case "queue":
            await company.add_queue("700", "101")
        case "queue_timed_out":
            times = {"ring_timeout_s": 3, "timeout_s": 4, "no_answer_delay_s": 60}
            await company.add_queue("700", "101", **times)
