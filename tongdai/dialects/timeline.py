"""A call's timeline as clients read it, times by RFC 3339."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from tongdai.dialects.view import Utc
from tongdai.pbx.call import Note
from tongdai.pbx.causes import CAUSES
from tongdai.pbx.recording import Recording
from tongdai.pbx.timeline import DECISIONS, Attempt

Kind = Literal["signal", "decision", "event", "delivery", "action", "recording"]


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened. Fields that it has not are left out."""

    at: Utc
    kind: Annotated[
        Kind,
        Meta(
            description="signal: of the switch, a user or the clock; decision: what tongdai made "
            "of it; event: published; delivery: one POST of an event to a webhook; action: what a "
            "user asked of the call; recording: its file."
        ),
    ]
    what: Annotated[str, Meta(examples=["answered"])]
    party: Annotated[str, Meta(description="Number of the party, or of several.")] = ""
    sip_status: Annotated[int, Meta(description="Final SIP response.", examples=[486])] = 0
    cause: Annotated[str, Meta(description="By Q.850.", examples=["USER_BUSY"])] = ""
    detail: Annotated[
        str, Meta(description="Why, where to, or how much, by `what`.", examples=["closed"])
    ] = ""
    event_id: UUID | None = None
    url: Annotated[str, Meta(description="Of the webhook.")] = ""
    http_status: Annotated[int, Meta(description="Of a delivery; left out: no response.")] = 0
    latency_ms: int = 0
    actor: Annotated[str, Meta(description="Who asked.", examples=["user:lan"])] = ""


def of_note(note: Note) -> TimelineEntry:
    """What happened, was decided or was published."""
    kind: Kind = "decision" if note.what in DECISIONS else "signal"
    is_event = note.what == "event"
    cause, _ = CAUSES.get(note.cause, (str(note.cause or ""), ""))
    return TimelineEntry(
        at=note.at,
        kind="event" if is_event else kind,
        what=note.detail if is_event else note.what,
        party=note.party,
        sip_status=note.sip_status,
        cause=cause,
        detail="" if is_event else note.detail,
        event_id=note.event_uuid,
    )


def of_attempt(attempt: Attempt) -> TimelineEntry:
    """A POST to a webhook."""
    return TimelineEntry(
        at=attempt.at,
        kind="delivery",
        what=attempt.state,
        detail=attempt.error,
        event_id=attempt.event_uuid,
        url=attempt.url,
        http_status=attempt.status,
        latency_ms=attempt.latency_ms,
    )


def of_action(at: datetime, actor: str, asked: Mapping[str, Any]) -> TimelineEntry:
    """What a user asked of the call, as the audit log has it."""
    given = (f"{name}={value}" for name, value in asked.items() if name != "command" and value)
    return TimelineEntry(
        at=at,
        kind="action",
        what=str(asked.get("command", "hangup")),
        detail=", ".join(given),
        actor=actor,
    )


def of_recording(recording: Recording) -> TimelineEntry:
    """The beginning of its file, and the file's state now."""
    length = f"{recording.duration_s:.1f} s" if recording.duration_s is not None else ""
    at, state = recording.started_at, recording.status
    return TimelineEntry(at=at, kind="recording", what=state, detail=length)
