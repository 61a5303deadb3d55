"""Events, subscriptions and domains for tests of delivery."""

from uuid import UUID

from tongdai import ids
from tongdai.pbx import directory, events
from tongdai.seal import Seal
from tongdai.store import db, domains

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def domain(database: db.Database) -> directory.Domain:
    """A domain of its own."""
    async with database.transaction() as tx:
        return await domains.insert(tx, f"{ids.new().hex}.example.vn")


def event(domain: directory.Domain, name: events.EventName = "ringing", call_uuid: UUID | None = None) -> events.Event:
    """An event of a new call, or of the given one."""
    call_uuid = call_uuid or ids.new()
    body = events.Body(
        call_id=call_uuid,
        sip_call_id=call_uuid.hex,
        domain=domain.name,
        direction="inbound",
        from_number="0899888999",
        to_number="101",
        hotline="19001919",
        state=name,
        duration=0,
        billsec=0,
        recording_url="",
        conversation_id=call_uuid,
    )
    return events.Event(ids.derived(call_uuid, name), domain.domain_uuid, call_uuid, body)


async def subscribe(
    database: db.Database, seal: Seal, domain: directory.Domain, event_name: str, url: str, *, apikey: str = ""
) -> UUID:
    """A subscription's id; its secret is SECRET."""
    subscription_uuid = ids.new()
    async with database.connection() as tx:
        await tx.execute(
            """
            INSERT INTO subscriptions
              (domain_uuid, subscription_uuid, event_name, callback_url, callback_apikey_sealed, secret_sealed)
            VALUES ($1, $2, $3, $4, $5, $6)
            """,
            domain.domain_uuid,
            subscription_uuid,
            event_name,
            url,
            seal.seal(apikey) if apikey else None,
            seal.seal(SECRET),
        )
    return subscription_uuid
