"""A dispatcher's rounds, step by step: claim, and settle what came of it."""

from datetime import UTC, datetime

from tongdai.pbx import directory
from tongdai.store import db, deliveries
from tongdai.store.deliveries import Attempt, Delivery, Heads, Outcome, State

URL = "http://crm.example.vn/hook"
HOUR = 3600.0


async def claim(
    database: db.Database,
    domain: directory.Domain,
    room: int = 8,
    lease_s: float = 60,
    heads: Heads = deliveries.NOT_LOOKED,
) -> list[Delivery]:
    async with database.connection() as tx:
        return await deliveries.claim(
            tx, [domain.domain_uuid], {}, room=room, lease_s=lease_s, heads=heads
        )


async def settle(database: db.Database, *outcomes: Outcome) -> list[deliveries.Disabled]:
    async with database.transaction() as tx:
        return [*(await deliveries.settle(tx, outcomes, disable_after_s=120 * HOUR)).disabled]


def outcome(delivery: Delivery, status: int, delay_s: float = 5.0, disable: str = "") -> Outcome:
    """As it follows from an answer with this HTTP status."""
    state: State = "delivered" if status == 200 else "failed" if disable else "due"
    attempt = Attempt(datetime.now(UTC), status, 7, "" if status else "no connection")
    return Outcome(delivery, state, 0.0 if state == "delivered" else delay_s, attempt, disable)
