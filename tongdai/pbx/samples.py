"""Sample events of calls that do not exist: for clients that test their receivers."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx import causes, events
from tongdai.pbx.call import Direction
from tongdai.pbx.causes import ReleaseCause

Outcome = Literal["answered", "no_answer", "busy", "rejected", "caller_gave_up"]
MARK = "test"
"""The `customer_id` of a sample, unless another is given; its `sip_call_id` begins with it too."""
_RINGS_S = 3
_RELEASES: dict[Outcome, ReleaseCause] = {
    "answered": causes.ANSWERED,
    "no_answer": causes.NO_ANSWER,
    "busy": causes.BUSY,
    "rejected": causes.REJECTED,
    "caller_gave_up": causes.CANCELLED,
}
# the SIP message by which the extension's leg ends when it is called, and when it calls
_DISPOSITIONS: dict[Outcome, tuple[events.Disposition, events.Disposition]] = {
    "answered": ("send_bye", "recv_bye"),
    "no_answer": ("send_cancel", "send_refuse"),
    "busy": ("recv_refuse", "send_refuse"),
    "rejected": ("recv_refuse", "send_refuse"),
    "caller_gave_up": ("send_cancel", "recv_cancel"),
}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A call that does not exist. It began when its id was made, if that tells the time, else at
    `at`, the time of the event. `customer` is the other party; `talk_s` seconds.
    """

    call_uuid: UUID
    at: datetime
    direction: Direction = "inbound"
    customer: str = "0900000001"
    extension: str = "201"
    hotline: str = "19001919"
    sip_call_id: str = ""
    customer_id: str = MARK
    outcome: Outcome = "answered"
    talk_s: int = 9
    time_zone: str = "Asia/Ho_Chi_Minh"


def story(sample: Sample) -> tuple[events.EventName, ...]:
    """The events of the call, in order."""
    if sample.outcome == "answered":
        return ("ringing", "answered", "hangup", "cdr")
    if sample.direction == "inbound":
        return ("ringing", "hangup", "missed", "cdr")
    return ("ringing", "hangup", "cdr")


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


def of_recording(
    domain_uuid: UUID, domain_name: str, name: events.RecordingEventName, given: Sample
) -> events.Event:
    """An event of the call's recording, which does not exist."""
    is_ready = name == "recording.ready"
    facts = events.RecordingFacts(
        domain=domain_name,
        call_id=given.call_uuid,
        conversation_id=given.call_uuid,
        direction=given.direction,
        from_number=given.customer,
        to_number=given.extension,
        hotline=given.hotline,
        extension=given.extension,
        customer_id=given.customer_id,
        recording_url="",
        format="wav" if is_ready else "",
        channels=int(is_ready),
        duration_s=float(given.talk_s * is_ready),
        reason="" if is_ready else "lost",
    )
    event_uuid = ids.derived(given.call_uuid, f"{name}:{given.at.isoformat()}")
    return events.Event(event_uuid, domain_uuid, given.call_uuid, name, facts)


def sample(
    domain_uuid: UUID, domain_name: str, name: events.EventName, given: Sample
) -> events.Event:
    """An event of that name of the call. `missed` means that nobody answered, `answered`, `hold`
    and `unhold` that somebody did. Its ids are in no CDR.
    """
    of_a_talk = name in ("answered", "hold", "unhold", "parked")
    if (of_a_talk or name == "missed") and (given.outcome == "answered") != of_a_talk:
        outcome: Outcome = "answered" if of_a_talk else "no_answer"
        given = replace(given, outcome=outcome)
    began = ids.time_of(given.call_uuid) or given.at
    has_talked, has_ended = given.outcome == "answered", name in events.AT_THE_END
    answered = began + timedelta(seconds=_RINGS_S)
    talk_s = given.talk_s if has_talked else 0
    facts = events.CallFacts(
        domain=domain_name,
        call_id=given.call_uuid,
        sip_call_id=given.sip_call_id or f"{MARK}-{given.call_uuid}",
        conversation_id=given.call_uuid,
        direction=given.direction,
        from_number=given.extension if given.direction == "outbound" else given.customer,
        to_number=given.customer if given.direction == "outbound" else given.extension,
        hotline="" if given.direction == "local" else given.hotline,
        extension=given.extension,
        customer_id=given.customer_id,
        time_zone=given.time_zone,
        time_started=began,
        time_answered=answered if has_talked and name != "ringing" else None,
        time_ended=answered + timedelta(seconds=talk_s) if has_ended else None,
        duration=_RINGS_S + talk_s if has_ended else 0,
        billsec=talk_s if has_ended else 0,
    )
    facts = _ended(facts, given, name) if has_ended else facts
    event_uuid = ids.derived(given.call_uuid, f"{name}:{given.at.isoformat()}")
    return events.Event(event_uuid, domain_uuid, given.call_uuid, name, facts)


def _ended(facts: events.CallFacts, given: Sample, name: events.EventName) -> events.CallFacts:
    release = _RELEASES[given.outcome]
    by: events.Party = "caller" if given.outcome in ("answered", "caller_gave_up") else "system"
    return replace(
        facts,
        status=release.status,
        cause=release.cause,
        hangup_by="callee" if release.status == "BUSY" else by,
        reason=causes.hangup_reason(release) if name == "hangup" else "",
        sip_hangup_disposition=_DISPOSITIONS[given.outcome][given.direction == "outbound"],
    )
