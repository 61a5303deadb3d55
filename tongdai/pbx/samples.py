"""Events of calls that never were, of the right shape, for those who try their subscribers out."""

from datetime import datetime
from uuid import UUID

from tongdai import ids
from tongdai.pbx import events

MARK = "test"
"""The `customer_id` of every sample; its `sip_call_id` begins with it too."""


def notice(
    domain_uuid: UUID, domain_name: str, subscription_uuid: UUID, callback_url: str, at: datetime
) -> events.Notice:
    """That the subscription was disabled, which it was not."""
    body = events.EndpointDisabled(
        state=events.DISABLED,
        domain=domain_name,
        event_domain_uuid=subscription_uuid,
        event_name=events.DISABLED,
        callback_url=callback_url,
        disabled_reason="This is a test.",
        disabled_at=at,
    )
    return events.disabled(domain_uuid, body)


def sample(
    domain_uuid: UUID, domain_name: str, name: events.EventName, call_uuid: UUID
) -> events.Event:
    """That event of an inbound call, as a simulated customer of the sandbox would make it;
    answered, unless missed.

    There is no such call: its ids are in no CDR.
    """
    ended, talked = name in ("hangup", "cdr", "missed"), name in ("hangup", "cdr")
    body = events.Body(
        call_id=call_uuid,
        sip_call_id=f"{MARK}-{call_uuid}",
        domain=domain_name,
        direction="inbound",
        from_number="0900000001",
        to_number="201",
        hotline="19001919",
        state=name,
        duration=12 if ended else 0,
        billsec=9 if talked else 0,
        recording_url="",
        conversation_id=call_uuid,
        customer_id=MARK,
    )
    return events.Event(ids.derived(call_uuid, name), domain_uuid, call_uuid, body)
