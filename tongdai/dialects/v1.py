"""Version 1: the keys of the reference in its order, and then ours."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from tongdai.dialects.view import Utc, View, local
from tongdai.pbx import cdr, events, recording
from tongdai.pbx.call import Direction
from tongdai.pbx.causes import HangupReason


class CallEvent(msgspec.Struct, frozen=True):
    """The body of a call's event. `duration` and `billsec` are whole seconds, 0 before the end of
    the call. Times are local to the domain, `YYYY-MM-DD HH:MM:SS`, "" while unknown. The fields
    from `status` on are of `hangup`, `cdr` and `missed`, else "".
    """

    call_id: UUID
    sip_call_id: str
    domain: str
    direction: Direction
    from_number: str
    to_number: str
    hotline: str
    state: str  # the event's name
    duration: int
    billsec: int
    recording_url: str
    conversation_id: UUID
    customer_id: str = ""
    extension: str = ""
    receive_dest: str = ""  # the ring group or queue
    application: events.Application = "dial"
    time_started: str = ""
    time_answered: str = ""
    time_ended: str = ""
    status: cdr.Status | Literal[""] = ""
    cause: str = ""
    hangup_by: events.Party = ""
    reason: HangupReason = ""  # of hangup: why the extension stopped ringing
    sip_hangup_disposition: events.Disposition = ""
    trunk: str = ""
    sip_status: int = 0
    routed_by: tuple[str, ...] = ()  # why it went elsewhere than to the number's destination


class RecordingEvent(msgspec.Struct, frozen=True):
    """The body of the events of a recording. From `format` on, fields are of `recording.ready`,
    else empty.
    """

    call_id: UUID  # as in the call's cdr event
    state: events.RecordingEventName
    domain: str
    direction: Direction
    from_number: str
    to_number: str
    hotline: str
    extension: str
    customer_id: str
    conversation_id: UUID
    recording_url: str
    format: str  # wav, flac, opus or mp3
    channels: int  # 2: both sides apart
    duration_s: float
    size: int  # bytes
    sha256: str  # of the file, in hexadecimal digits
    reason: Literal["", "no_sound", "lost"]  # of recording.failed


class EndpointDisabled(msgspec.Struct, frozen=True):
    """The body of the event that a subscription was disabled."""

    state: Literal["endpoint.disabled"]
    domain: str
    event_domain_uuid: UUID  # the subscription
    event_name: str
    callback_url: str
    disabled_reason: str
    disabled_at: Utc


EVENTS: Mapping[str, type[CallEvent | RecordingEvent | EndpointDisabled]] = MappingProxyType(
    dict.fromkeys(events.NAMES, CallEvent)
    | dict.fromkeys(events.OF_RECORDINGS, RecordingEvent)
    | {events.DISABLED: EndpointDisabled}
)
"""The body of each event."""


class Participant(msgspec.Struct, frozen=True):
    """A further party of a call; local times as in the record."""

    number: Annotated[str, Meta(description="Extension or telephone number.", examples=["102"])]
    trunk: Annotated[str, Meta(description='Name of its trunk; "" for extensions.')]
    transferred_by: Annotated[
        str, Meta(description="The extension that transferred the call to it.", examples=["101"])
    ]
    time_started: str
    time_answered: str
    billsec: Annotated[int, Meta(description="Seconds of its talk.", examples=[15])]


class RecordingPause(msgspec.Struct, frozen=True):
    """A part of the talk that is not in the recording; local times as in the record."""

    time_started: str
    time_ended: str


class CallRecord(msgspec.Struct, frozen=True):
    """One call, ended. Times are local to the domain, `YYYY-MM-DD HH:MM:SS` or ""; durations are
    whole seconds.
    """

    id: UUID
    sip_call_id: Annotated[
        str, Meta(description="The SIP Call-ID of the extension's leg where there is one.")
    ]
    cause: Annotated[
        str, Meta(description="The name of the Q.850 cause.", examples=["NORMAL_CLEARING"])
    ]
    duration: Annotated[int, Meta(description="Seconds from start to end.", examples=[11])]
    direction: Annotated[int, Meta(description="1 local, 2 inbound, 3 outbound.", examples=[3])]
    recording_url: Annotated[
        str, Meta(description='Plays without a token; "" when there is no recording.')
    ]
    extension: Annotated[
        str, Meta(description="Which received or made the call.", examples=["101"])
    ]
    from_number: Annotated[str, Meta(examples=["19001919"])]
    to_number: Annotated[str, Meta(examples=["0899888999"])]
    receive_dest: Annotated[
        str, Meta(description="The ring group or queue that the extension answered for.")
    ]
    time_started: Annotated[str, Meta(examples=["2021-02-17 17:30:35"])]
    time_answered: Annotated[str, Meta(examples=["2021-02-17 17:30:43"])]
    time_ended: Annotated[str, Meta(examples=["2021-02-17 17:30:46"])]
    status: Annotated[cdr.Status, Meta(examples=["ANSWERED"])]
    billsec: Annotated[int, Meta(description="Seconds from answer to end.", examples=[3])]
    hotline: Annotated[
        str,
        Meta(description="The domain's number that was called or shown.", examples=["19001919"]),
    ]
    conversation_id: Annotated[UUID, Meta(description="The same as id; events carry it too.")]
    call_id: Annotated[
        UUID, Meta(description="What the cdr event calls it: the id of the leg that was answered.")
    ]
    customer_id: Annotated[str, Meta(description="As given to click-to-call.")]
    recording_status: recording.Status
    hangup_by: Annotated[str, Meta(description="caller, callee or system.")]
    time_ringging: Annotated[
        str,
        Meta(
            description='When it began to ring, "" if it never did. Spelt as clients know it.',
            examples=["2021-02-17 17:30:36"],
        ),
    ]
    called_count: Annotated[
        int,
        Meta(
            description="How often a party was called: once for each extension that rang, each "
            "time, and for the number outside.",
            examples=[1],
        ),
    ]
    participants: Annotated[
        tuple[Participant, ...],
        Meta(
            description="Further parties: extensions that took the call over, numbers outside to "
            "which it was transferred, callers whom a transfer joined to it.",
        ),
    ]
    trunk: Annotated[
        str, Meta(description="The name of the trunk that carried it, or was tried last.")
    ]
    sip_status: Annotated[
        int,
        Meta(
            description="The final SIP response of the party that was not reached; 0: none.",
            examples=[0],
        ),
    ]
    routed_by: Annotated[
        tuple[str, ...],
        Meta(
            description="The reasons that led it elsewhere than to the destination of the number "
            "called, in order: `closed`, by the hours plan of the hotline; `blocked`, the caller "
            "is unwanted; `caller`, the caller has a destination of its own; `forward_busy:101`, "
            "extension 101 has forwarded it by that setting.",
            examples=[["closed"]],
        ),
    ]
    recording_pauses: Annotated[
        tuple[RecordingPause, ...],
        Meta(description="When a command paused the recording, so that the talk is not in it."),
    ]
    recording_format: Annotated[
        str, Meta(description='wav, flac, opus or mp3; "" without one.', examples=["wav"])
    ]
    recording_channels: Annotated[
        int,
        Meta(
            description="2: both sides apart, the party outside on the left; 1: together; 0: "
            "without one, or from before this was kept.",
            examples=[1],
        ),
    ]
    recording_seconds: Annotated[float, Meta(description="Its length.", examples=[3.5])]
    recording_sha256: Annotated[
        str, Meta(description="Of its file, in hexadecimal digits; older ones have none.")
    ]


def event(name: str, facts: events.Facts) -> CallEvent | RecordingEvent | EndpointDisabled:
    """The body of the event."""
    if isinstance(facts, events.RecordingFacts):
        return _recording(name, facts)
    if isinstance(facts, events.SubscriptionFacts):
        return EndpointDisabled(
            state=events.DISABLED,
            domain=facts.domain,
            event_domain_uuid=facts.subscription_uuid,
            event_name=facts.event_name,
            callback_url=facts.callback_url,
            disabled_reason=facts.disabled_reason,
            disabled_at=facts.disabled_at,
        )
    return CallEvent(
        call_id=facts.call_id,
        sip_call_id=facts.sip_call_id,
        domain=facts.domain,
        direction=facts.direction,
        from_number=facts.from_number,
        to_number=facts.to_number,
        hotline=facts.hotline,
        state=name,
        duration=facts.duration,
        billsec=facts.billsec,
        recording_url=facts.recording_url,
        conversation_id=facts.conversation_id,
        customer_id=facts.customer_id,
        extension=facts.extension,
        receive_dest=facts.receive_dest,
        application=facts.application,
        time_started=local(facts.time_started, facts.time_zone),
        time_answered=local(facts.time_answered, facts.time_zone),
        time_ended=local(facts.time_ended, facts.time_zone),
        status=facts.status,
        cause=facts.cause,
        hangup_by=facts.hangup_by,
        reason=facts.reason,
        sip_hangup_disposition=facts.sip_hangup_disposition,
        trunk=facts.trunk,
        sip_status=facts.sip_status,
        routed_by=facts.routed_by,
    )


def _recording(name: str, facts: events.RecordingFacts) -> RecordingEvent:
    return RecordingEvent(
        call_id=facts.call_id,
        state="recording.ready" if name == "recording.ready" else "recording.failed",
        domain=facts.domain,
        direction=facts.direction,
        from_number=facts.from_number,
        to_number=facts.to_number,
        hotline=facts.hotline,
        extension=facts.extension,
        customer_id=facts.customer_id,
        conversation_id=facts.conversation_id,
        recording_url=facts.recording_url,
        format=facts.format,
        channels=facts.channels,
        duration_s=facts.duration_s,
        size=facts.size,
        sha256=facts.sha256,
        reason=facts.reason,
    )


def record(record: cdr.Cdr, view: View) -> CallRecord:
    """The record as the domain sees it."""
    kept = record.recording
    token = kept.token if kept and kept.status in ("ready", "pending") else ""
    return CallRecord(
        id=record.cdr_uuid,
        sip_call_id=record.sip_call_id,
        cause=record.cause,
        duration=record.duration,
        direction=record.direction,
        recording_url=f"{view.recordings}{token}" if token else "",
        extension=record.extension,
        from_number=record.from_number,
        to_number=record.to_number,
        receive_dest=record.receive_dest,
        time_started=view.local(record.time_started),
        time_answered=view.local(record.time_answered),
        time_ended=view.local(record.time_ended),
        status=record.status,
        billsec=record.billsec,
        hotline=record.hotline,
        conversation_id=record.cdr_uuid,
        call_id=record.call_id,
        customer_id=record.customer_id,
        recording_status=kept.status if kept else "none",
        hangup_by=record.hangup_by,
        time_ringging=view.local(record.time_ringing),
        called_count=record.called_count,
        participants=tuple(
            Participant(
                number=each.number,
                trunk=each.trunk,
                transferred_by=each.transferred_by,
                time_started=view.local(each.time_started),
                time_answered=view.local(each.time_answered),
                billsec=each.seconds,
            )
            for each in record.participants
        ),
        trunk=record.trunk,
        sip_status=record.sip_status,
        routed_by=record.routed_by,
        recording_pauses=tuple(
            RecordingPause(view.local(each.time_started), view.local(each.time_ended))
            for each in record.recording_pauses
        ),
        recording_format=kept.format if kept and kept.status == "ready" else "",
        recording_channels=kept.channels or 0 if kept else 0,
        recording_seconds=kept.duration_s or 0.0 if kept else 0.0,
        recording_sha256=kept.sha256 or "" if kept else "",
    )
