"""The catalogue of events, and the facts in each of them.

A dialect (`tongdai.dialects`) renders the facts for clients.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx import causes
from tongdai.pbx.call import Call, Direction, Joined, Leg, seconds
from tongdai.pbx.causes import HangupReason, ReleaseCause, Status
from tongdai.pbx.signals import RecordingFinished

EventName = Literal["ringing", "answered", "hold", "unhold", "parked", "hangup", "cdr", "missed"]
Application = Literal["dial", "click2call"]
Party = Literal["", "caller", "callee", "system"]
Disposition = Literal[
    "", "recv_bye", "send_bye", "recv_cancel", "send_cancel", "recv_refuse", "send_refuse"
]
"""FreeSWITCH's sip_hangup_disposition: the SIP message that ended the leg, received or sent by
us.
"""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NAMES: tuple[EventName, ...] = get_args(EventName)
"""Of calls."""
AT_THE_END: frozenset[EventName] = frozenset(("hangup", "cdr", "missed"))
"""Events of an ended call, or of the end of a leg's talk: they have durations."""
RecordingEventName = Literal["recording.ready", "recording.failed"]
OF_RECORDINGS: tuple[RecordingEventName, ...] = get_args(RecordingEventName)
DISABLED: Literal["endpoint.disabled"] = "endpoint.disabled"
ALL: tuple[str, ...] = (*NAMES, *OF_RECORDINGS, DISABLED)
"""All events that a client can subscribe to."""
MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "ringing": "An extension's phone rings.",
        "answered": "The call is answered: the parties talk.",
        "hold": "The talk is on hold: by the extension's phone, or by a command.",
        "unhold": "The parties talk again after a hold.",
        "parked": "The call waits at a slot to be taken back: the last of `routed_by` names it.",
        "hangup": "The talk has ended, or the extension's phones stopped ringing.",
        "cdr": "The call's record is written, and its recording can be played.",
        "missed": "An inbound call ended without an answer.",
        "recording.ready": "The recording can be played: its length, format and SHA-256.",
        "recording.failed": "The call should have a recording, and has none.",
        DISABLED: "A subscription was disabled: its URL failed for too long, or answered 410.",
    }
)
"""The meaning of each event, by its name."""


class CallFacts(msgspec.Struct, frozen=True, kw_only=True, tag_field="about", tag="call"):
    """The state of a call, and of one leg of it, when the event happened.

    `call_id` is the leg's id by the domain's call_id_mode. `duration` and `billsec` are whole
    seconds, 0 before the end. Moments are UTC; `time_answered` is that of the leg, and of the call
    in `cdr`. From `status` on, fields are of AT_THE_END, else "". `recording_url` and `time_zone`
    are stored as published: a repeated delivery must have the same bytes, even if the API's URL or
    the domain's time zone has changed since.
    """

    domain: str
    call_id: UUID
    sip_call_id: str
    conversation_id: UUID
    direction: Direction
    from_number: str
    to_number: str
    hotline: str
    extension: str = ""  # of the leg; of the call if no extension rang
    receive_dest: str = ""  # the ring group or queue
    customer_id: str = ""
    application: Application = "dial"
    time_zone: str = "UTC"
    time_started: datetime
    time_answered: datetime | None = None
    time_ended: datetime | None = None  # of the leg; other legs may go on
    duration: int = 0
    billsec: int = 0
    recording_url: str = ""
    status: Status | Literal[""] = ""
    cause: str = ""
    hangup_by: Party = ""
    reason: HangupReason = ""  # of hangup: why the leg stopped ringing
    sip_hangup_disposition: Disposition = ""
    trunk: str = ""  # the name of the trunk that carries the call, or was tried last
    sip_status: int = 0  # the final response of the party that was not reached
    # the reasons that led the call elsewhere than to the first destination of a number, in order
    routed_by: tuple[str, ...] = ()


class RecordingFacts(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="about", tag="recording"
):
    """A recording, as its record has it. From `format` on, fields are of recording.ready, else
    empty; `reason` is of recording.failed. `channels` is 2 if both sides are apart.
    """

    domain: str
    call_id: UUID
    conversation_id: UUID
    direction: Direction
    from_number: str
    to_number: str
    hotline: str
    extension: str
    customer_id: str
    recording_url: str
    format: str = ""
    channels: int = 0
    duration_s: float = 0.0
    size: int = 0
    sha256: str = ""
    reason: Literal["", "no_sound", "lost"] = ""


class SubscriptionFacts(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="about", tag="subscription"
):
    """A disabled subscription, the reason, and the moment (UTC)."""

    domain: str
    subscription_uuid: UUID
    event_name: str
    callback_url: str
    disabled_reason: str
    disabled_at: datetime


Facts: TypeAlias = CallFacts | RecordingFacts | SubscriptionFacts


class Event(msgspec.Struct, frozen=True):
    """An event to publish once. `event_uuid` is derived, so a repeated publication is harmless."""

    event_uuid: UUID
    domain_uuid: UUID
    order_key: UUID  # the conversation or the subscription: events of one key stay in order
    name: str
    facts: Facts
    since: datetime = LONG_AGO  # it was not published before this moment


def of_call(
    call: Call,
    leg: Leg | None,
    name: EventName,
    at: datetime,
    *,
    release: ReleaseCause | None = None,
    recording_url: str = "",
    number: int = 0,
) -> Event:
    """An event of a leg, or of a call that rang no extension (leg None). `release`: why the leg,
    or the call, is over; of AT_THE_END only. `number`: which one it is of events that a leg has
    more than once.

    As in the reference, from_number is the extension on outbound calls, to_number on inbound ones.
    """
    has_ended = name in AT_THE_END
    facts = CallFacts(
        domain=call.domain,
        call_id=call.published_id(leg),
        sip_call_id=(leg or call.caller).sip_call_id,
        conversation_id=call.call_uuid,
        direction=_direction(call, leg),
        from_number=_from(call, leg),
        to_number=_to(call, leg),
        hotline=leg.presented or call.hotline if leg and _is_transfer_out(leg) else call.hotline,
        extension=_extension(call, leg),
        receive_dest=call.receive_dest,
        customer_id=call.customer_id,
        application=application(call),
        time_zone=call.time_zone,
        time_started=call.started_at,
        time_answered=_answered_at(call, leg, name),
        time_ended=at if has_ended else None,
        duration=call.duration(at) if has_ended else 0,
        billsec=_billsec(call, leg, name, at) if has_ended else 0,
        recording_url=recording_url,
        trunk=call.trunk,
        routed_by=call.routed_by,
    )
    if has_ended and release:
        by = hung_up_by(call, leg, release) if name == "hangup" else party(call.hangup_by)
        facts = replace(
            facts,
            status=release.status,
            cause=release.cause,
            hangup_by=by,
            reason=causes.hangup_reason(release) if name == "hangup" else "",
            sip_hangup_disposition=disposition(call, leg, release, by),
            sip_status=release.sip_status,
        )
    return Event(
        event_uuid=ids.derived(
            call.call_uuid,
            f"{name}:{leg.leg_uuid if leg else ''}" + f":{number}" * bool(number),
        ),
        domain_uuid=call.domain_uuid,
        order_key=call.call_uuid,
        name=name,
        facts=facts,
        since=call.started_at,
    )


def of_recording(
    call: Call,
    finished: RecordingFinished,
    format: str,
    url: str,
) -> Event:
    """The event of the call's recording, which is finished or lost."""
    name: RecordingEventName = "recording.ready" if finished.file else "recording.failed"
    leg = call.published_leg
    facts = RecordingFacts(
        domain=call.domain,
        call_id=call.published_id(leg),
        conversation_id=call.call_uuid,
        direction=call.direction,
        from_number=_from(call, leg),
        to_number=_to(call, leg),
        hotline=call.hotline,
        extension=_extension(call, leg),
        customer_id=call.customer_id,
        recording_url=url,
    )
    if finished.file:
        facts = replace(
            facts,
            format=format,
            channels=finished.channels,
            duration_s=finished.duration_s,
            size=finished.size,
            sha256=finished.sha256,
        )
    else:
        facts = replace(facts, reason="lost" if finished.failed else "no_sound")
    return Event(
        event_uuid=ids.derived(call.call_uuid, name),
        domain_uuid=call.domain_uuid,
        order_key=call.call_uuid,
        name=name,
        facts=facts,
        since=call.started_at,
    )


def application(call: Call) -> Application:
    """What asked for the call."""
    return "click2call" if call.is_click_to_call else "dial"


def of_joined(
    call: Call, joined: Joined, at: datetime, release: ReleaseCause, recording_url: str
) -> Event:
    """The `cdr` event of a caller's own call that a transfer made part of this one."""
    by = hung_up_by(call, None, release)
    facts = CallFacts(
        domain=call.domain,
        call_id=joined.call_id,
        sip_call_id=joined.sip_call_id,
        conversation_id=call.call_uuid,
        direction="inbound",
        from_number=joined.from_number,
        to_number=joined.to_number,
        hotline=joined.hotline,
        extension=joined.extension,
        receive_dest=joined.receive_dest,
        customer_id=joined.customer_id,
        time_zone=call.time_zone,
        time_started=joined.started_at,
        time_answered=joined.answered_at,
        time_ended=at,
        duration=seconds(joined.started_at, at),
        billsec=seconds(joined.answered_at, at) if joined.answered_at else 0,
        recording_url=recording_url,
        status=release.status,
        cause=release.cause,
        hangup_by=by,
        sip_hangup_disposition=disposition(call, None, release, by),
    )
    return Event(
        event_uuid=ids.derived(call.call_uuid, f"cdr:{joined.call_id}"),
        domain_uuid=call.domain_uuid,
        order_key=call.call_uuid,
        name="cdr",
        facts=facts,
        since=call.started_at,
    )


def hung_up_by(call: Call, leg: Leg | None, release: ReleaseCause) -> Party:
    """The party that ended the leg, which is over for the cause `release`; a phone that refuses
    has ended it too.
    """
    match release:
        case _ if release.status == "CANCEL":
            return party(call.hangup_by) or "caller"
        case _ if leg is None or leg.role == "caller" or leg.connected_at:
            return party(call.hangup_by) or "system"
        case ReleaseCause(status="BUSY"):
            return "callee"
        case _:
            return "system"


def party(text: str) -> Party:
    """The text as one of the words."""
    match text:
        case "caller" | "callee" | "system":
            return text
        case _:
            return ""


def disposition(call: Call, leg: Leg | None, release: ReleaseCause, by: Party) -> Disposition:
    """The SIP message that ended the leg (None: the caller's), which `by` has ended for the cause
    `release`. Once it is answered, its end is a BYE; before, a CANCEL by the side that sent the
    INVITE, or a refusal by the other side. An attended transfer ends no leg.
    """
    if release in (causes.TRANSFERRED, causes.TRANSFERRED_TALK):
        return ""
    leg = leg or call.caller
    if release.status == "ANSWERED" or leg.answered_at:
        return "recv_bye" if by == leg.role and _is_first_to_leave(call, leg) else "send_bye"
    if leg.role == "caller" and not call.is_click_to_call:
        return "recv_cancel" if by == leg.role else "send_refuse"
    reason = causes.hangup_reason(release)
    has_refused = reason == "no_answer" and leg.sip_status not in (0, causes.REQUEST_TERMINATED)
    is_refused = has_refused or reason in ("busy", "rejected", "unreachable")
    return "recv_refuse" if is_refused else "send_cancel"


def _is_first_to_leave(call: Call, leg: Leg) -> bool:
    """Whether no other party of the leg's role left the last talk before it: after a transfer
    there may be two callees.
    """
    since, until = call.ended_at, leg.ended_at
    return not (since and until) or not any(
        since <= other.ended_at < until
        for other in call.legs
        if other.role == leg.role and other.connected_at and other.ended_at
    )


def disabled(domain_uuid: UUID, facts: SubscriptionFacts) -> Event:
    """The event of a disabled subscription."""
    event_uuid = ids.derived(facts.subscription_uuid, f"disabled:{facts.disabled_at.isoformat()}")
    return Event(
        event_uuid, domain_uuid, facts.subscription_uuid, DISABLED, facts, facts.disabled_at
    )


def _is_transfer_out(leg: Leg) -> bool:
    """Whether it is a party outside to which an extension transferred the call."""
    return leg.transferred_by != "" and leg.trunk != ""


def _extension(call: Call, leg: Leg | None) -> str:
    if leg and _is_transfer_out(leg):
        return leg.transferred_by
    return leg.number if leg and leg.is_extension else call.extension


def _direction(call: Call, leg: Leg | None) -> Direction:
    return "outbound" if leg and _is_transfer_out(leg) else call.direction


def _from(call: Call, leg: Leg | None) -> str:
    if leg and _is_transfer_out(leg):
        return leg.transferred_by
    if call.direction == "outbound":
        return leg.number if leg else call.extension
    return call.caller_number


def _to(call: Call, leg: Leg | None) -> str:
    if leg and _is_transfer_out(leg):
        return leg.number
    if call.direction == "outbound" or (leg and leg.role == "caller"):
        return call.dialled
    if leg is None:
        return call.extension if call.direction == "inbound" and call.extension else call.dialled
    return leg.number


def _answered_at(call: Call, leg: Leg | None, name: EventName) -> datetime | None:
    if leg is None or name in ("cdr", "missed") or call.call_id_mode == "conversation":
        return call.answered_at
    # the answer of the extension that calls may have been lost
    return leg.connected_at or (call.answered_at if leg.role == "caller" else None)


def _billsec(call: Call, leg: Leg | None, name: EventName, at: datetime) -> int:
    """The leg's own talk time if the call had several talks; else that of the whole call."""
    if leg and leg.connected_at and call.answered_at and leg.connected_at > call.answered_at:
        return seconds(leg.connected_at, at)
    return call.billsec(at) if _answered_at(call, leg, name) else 0
