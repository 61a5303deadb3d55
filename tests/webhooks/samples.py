"""Events, subscriptions and domains for tests of delivery."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from tongdai import dialects, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory, events
from tongdai.store import db, domains, outbox

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def domain(database: db.Database) -> directory.Domain:
    """A domain of its own."""
    async with database.transaction() as tx:
        return await domains.insert(tx, f"{ids.new().hex}.example.vn")


def event(
    domain: directory.Domain, name: events.EventName = "ringing", call_uuid: UUID | None = None
) -> events.Event:
    """An event of a new call, or of the given one."""
    call_uuid = call_uuid or ids.new()
    facts = events.CallFacts(
        domain=domain.name,
        call_id=call_uuid,
        sip_call_id=call_uuid.hex,
        conversation_id=call_uuid,
        direction="inbound",
        from_number="0899888999",
        to_number="101",
        hotline="19001919",
        time_started=ids.time_of(call_uuid) or datetime.now(UTC),
    )
    return events.Event(ids.derived(call_uuid, name), domain.domain_uuid, call_uuid, name, facts)


def body(event: events.Event) -> bytes:
    """The body that subscribers get."""
    return dialects.event_of("v1", event)


async def subscribe(
    database: db.Database,
    master_key: MasterKey,
    domain: directory.Domain,
    event_name: str,
    url: str,
    *,
    apikey: str = "",
) -> UUID:
    """A subscription's id; its secret is SECRET."""
    subscription_uuid = ids.new()
    async with database.connection() as tx:
        await tx.execute(
            """
            INSERT INTO subscriptions
              (domain_uuid, subscription_uuid, event_name, callback_url, callback_apikey_encrypted,
               secret_encrypted)
            VALUES ($1, $2, $3, $4, $5, $6)
            """,
            domain.domain_uuid,
            subscription_uuid,
            event_name,
            url,
            master_key.encrypt(apikey) if apikey else None,
            master_key.encrypt(SECRET),
        )
    return subscription_uuid


async def publish(database: db.Database, *published: events.Event) -> None:
    """The events stand, in this order, committed."""
    async with database.transaction() as tx:
        await outbox.publish_many(tx, published)


async def pass_time(database: db.Database, seconds: float) -> None:
    """As if so many seconds had passed: everything the database has dated lies so much further
    back.
    """
    async with database.transaction() as tx:
        for table, column in (
            ("events", "created_at"),
            ("deliveries", "created_at"),
            ("deliveries", "due_at"),
            ("deliveries", "leased_until"),
            ("attempts", "created_at"),
            ("attempts", "at"),
            ("subscriptions", "failing_since"),
        ):
            await tx.execute(
                f"UPDATE {table} SET {column} = {column} - $1::interval",  # noqa: S608
                timedelta(seconds=seconds),
            )


async def attempts(database: db.Database) -> list[tuple[int, int, str]]:
    """The log: (attempt, status, error) in the order in which it was written."""
    async with database.connection() as tx:
        rows = await tx.fetch(
            "SELECT attempt, status, error FROM attempts ORDER BY at, seq, attempt"
        )
    return [(row["attempt"], row["status"], row["error"]) for row in rows]


async def states(database: db.Database) -> list[str]:
    """The deliveries' states, in the order of their events: those that are due, and how the others
    ended.
    """
    async with database.connection() as tx:
        rows = await tx.fetch(
            """
            SELECT CASE WHEN deliveries.seq IS NULL THEN ended.state ELSE 'due' END AS state
            FROM deliveries FULL JOIN (
              SELECT DISTINCT ON (domain_uuid, subscription_uuid, seq) * FROM attempts
              WHERE state <> 'due'
              ORDER BY domain_uuid, subscription_uuid, seq, at DESC
            ) AS ended USING (domain_uuid, subscription_uuid, seq)
            ORDER BY domain_uuid, seq, subscription_uuid
            """
        )
    return [row["state"] for row in rows]
