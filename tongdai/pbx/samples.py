"""Sample events of calls that do not exist: for clients that test their receivers."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from tongdai import ids
from tongdai.pbx import events

MARK = "test"
"""The `customer_id` of every sample; its `sip_call_id` begins with it too."""
_RINGS_S, _TALKS_S = 3, 9


def notice(
    domain_uuid: UUID, domain_name: str, subscription_uuid: UUID, callback_url: str, at: datetime
) -> events.Event:
    """A sample event: the subscription was disabled."""
    facts = events.SubscriptionFacts(
        domain=domain_name,
        subscription_uuid=subscription_uuid,
        event_name=events.DISABLED,
        callback_url=callback_url,
        disabled_reason="This is a test.",
        disabled_at=at,
    )
    return events.disabled(domain_uuid, facts)


def sample(
    domain_uuid: UUID, domain_name: str, name: events.EventName, call_uuid: UUID
) -> events.Event:
    """A sample event of that name, of an inbound call to a hotline; answered, unless it is
    `missed`.

    The call does not exist: its ids are in no CDR. It began when its id was made.
    """
    began = ids.time_of(call_uuid) or datetime.now(UTC)
    answered = began + timedelta(seconds=_RINGS_S)
    has_ended, has_talked = name in events.AT_THE_END, name in ("hangup", "cdr")
    facts = events.CallFacts(
        domain=domain_name,
        call_id=call_uuid,
        sip_call_id=f"{MARK}-{call_uuid}",
        conversation_id=call_uuid,
        direction="inbound",
        from_number="0900000001",
        to_number="201",
        hotline="19001919",
        extension="201",
        customer_id=MARK,
        time_started=began,
        time_answered=answered if has_talked or name == "answered" else None,
        time_ended=began + timedelta(seconds=_RINGS_S + _TALKS_S) if has_ended else None,
        duration=_RINGS_S + _TALKS_S if has_ended else 0,
        billsec=_TALKS_S if has_talked else 0,
    )
    return events.Event(ids.derived(call_uuid, name), domain_uuid, call_uuid, name, facts)
