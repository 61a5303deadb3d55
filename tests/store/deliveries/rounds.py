"""The steps of a dispatcher: it claims, and records the outcomes."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from tongdai.pbx import directory
from tongdai.store import db, deliveries, delivery_outcomes, low_water
from tongdai.store.deliveries import Attempt, Delivery, Outcome, State
from tongdai.store.low_water import Marks

URL = "http://crm.example.vn/hook"
HOUR = 3600.0


def never(_since: datetime, _now: datetime) -> str:
    """However long it fails, it is not disabled."""
    return ""


async def claim(
    database: db.Database,
    domain: directory.Domain,
    credit: int = 8,
    lease_s: float = 60,
    marks: Marks = low_water.NOT_LOOKED,
) -> list[Delivery]:
    """Each endpoint of the domain has that credit."""
    async with database.connection() as tx:
        return await claim_in(tx, domain.domain_uuid, credit, lease_s, marks)


async def claim_in(
    tx: db.Tx,
    domain_uuid: UUID,
    credit: int = 8,
    lease_s: float = 60,
    marks: Marks = low_water.NOT_LOOKED,
) -> list[Delivery]:
    """As `claim`, in a transaction."""
    rows = await tx.fetch(
        "SELECT DISTINCT endpoint FROM subscriptions WHERE domain_uuid = $1", domain_uuid
    )
    credits_ = {row["endpoint"]: credit for row in rows}
    return await deliveries.claim(tx, credits_, lease_s=lease_s, marks=marks)


async def record(
    database: db.Database,
    *outcomes: Outcome,
    disable_reason: Callable[[datetime, datetime], str] = never,
) -> list[delivery_outcomes.Disabled]:
    async with database.transaction() as tx:
        return [*(await delivery_outcomes.record(tx, outcomes, disable_reason)).disabled]


def outcome(delivery: Delivery, status: int, delay_s: float = 5.0, disable: str = "") -> Outcome:
    """As it follows from an answer with this HTTP status."""
    state: State = "delivered" if status == 200 else "failed" if disable else "due"
    attempt = Attempt(datetime.now(UTC), status, 7, "" if status else "no connection")
    return Outcome(delivery, state, 0.0 if state == "delivered" else delay_s, attempt, disable)
