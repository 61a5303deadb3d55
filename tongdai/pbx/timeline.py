"""The notes of a call's timeline: what happened to it, what was decided and why, which events were
published.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai.pbx import signals
from tongdai.pbx.actions import (
    Action,
    Adopt,
    Ask,
    Configure,
    Confirm,
    Dial,
    Fetch,
    FinishRecording,
    HangUp,
    Mute,
    Originate,
    Park,
    Part,
    PickUp,
    Play,
    Press,
    Record,
    Rejoin,
    Rerecord,
    Rotate,
    SendAway,
    StopRecord,
    Wait,
)
from tongdai.pbx.call import Call, Choosing, Note, Waiting
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.signals import Signal
from tongdai.pbx.step import Step

MOST = 400
"""The most notes of a call; then only its end is noted."""
DECISIONS: frozenset[str] = frozenset(
    (
        "routed",
        "barred",
        "ring",
        "wait",
        "ask",
        "pick_up",
        "park",
        "retrieve",
        "configure",
        "release",
        "result",
        "record",
        "stop_record",
        "steer",
    )
)
"""The notes that tell what was decided, and why; "event" is an event that was published, and all
others are signals of the switch, of users and of the clock.
"""


def noted(before: Call | None, signal: Signal, made: Step) -> Step:
    """The step whose call also has the notes of it. A signal without effect leaves none."""
    if made.unexpected and not (made.actions or made.events):
        return made
    notes = (*made.call.notes, *_notes(before, signal, made))
    if len(notes) > MOST and not made.cdr and not made.done:
        return made
    return replace(made, call=replace(made.call, notes=notes))


def _notes(before: Call | None, signal: Signal, made: Step) -> Iterator[Note]:
    at = signal.at
    yield _of_signal(made.call, signal)
    known = before.routed_by if before else ()
    for reason in made.call.routed_by[len(known) :]:
        yield Note(at, "routed", detail=reason)
    if made.bar_reason:
        yield Note(at, "barred", detail=made.bar_reason)
    for action in made.actions:
        yield from _of_action(made.call, action, at)
    release = made.call.release
    if release and (before is None or before.release != release):
        yield Note(at, "result", "", release.sip_status, release.q850, release.cause)
    for event in made.events:
        party = getattr(event.facts, "extension", "")
        yield Note(at, "event", party, detail=event.name, event_uuid=event.event_uuid)


def _of_signal(call: Call, signal: Signal) -> Note:
    leg = call.leg(signal.channel)
    at, party = signal.at, leg.number if leg else ""
    match signal:
        case signals.Arrived():
            return Note(at, "arrived", call.caller_number, detail=call.dialled)
        case signals.CommandAsked():
            return Note(at, "command", call.caller_number, detail=call.dialled)
        case signals.LegDialed(endpoint=endpoint):
            device = Endpoint.parse(endpoint)
            return Note(at, "dialed", party, detail=device.device if device else call.trunk)
        case signals.LegRinging():
            return Note(at, "ringing", party)
        case signals.LegForwarded(to=to):
            return Note(at, "forwarded", party, detail=to)
        case signals.LegAnswered():
            return Note(at, "answered", party)
        case signals.HangupAsked():
            return Note(at, "hangup", party)
        case signals.LegHungUp(cause=cause, sip_status=status):
            return Note(at, "hung_up", party, status, cause)
        case signals.DialEnded(dialstatus=status, cause=cause):
            return Note(at, "dial_ended", party, 0, cause, status)
        case signals.Chosen(keys=keys):
            return Note(at, "keys", party, detail=keys)
        case signals.Configured(is_done=is_done):
            return Note(at, "configured" if is_done else "not_configured", party)
        case signals.PickupAsked(extension=extension):
            return Note(at, "pickup_asked", extension)
        case signals.RetrievalAsked(extension=extension):
            return Note(at, "retrieval_asked", extension)
        case signals.BlindTransferred(dialled=dialled):
            return Note(at, "transferred", party, detail=dialled)
        case signals.AttendedTransferred():
            return Note(at, "attended_transfer", party)
        case signals.LegReplaced():
            return Note(at, "replaced", party)
        case signals.Severed():
            return Note(at, "severed", party)
        case signals.AgentOffered(extension=extension):
            return Note(at, "agent_offered", extension)
        case signals.AgentsLeft():
            return Note(at, "agents_left")
        case signals.TimerFired():
            return Note(at, "timer")
        case signals.RecordingFinished(failed=failed):
            return Note(at, "recording_failed" if failed else "recording_finished")
        case signals.EndAsked():
            return Note(at, "end_asked")
        case signals.ControlAsked(command=command):
            return Note(at, "control_asked", detail=str(command.__struct_config__.tag))
        case signals.Executed(is_done=is_done):
            return Note(at, "executed" if is_done else "not_executed")
        case signals.TalkFound(is_held=is_held):
            return Note(at, "found", detail="hold" if is_held else "talk")
        case signals.LegHeld():
            return Note(at, "unhold" if isinstance(signal, signals.LegUnheld) else "hold", party)
        case signals.Refused(action=action):
            return Note(at, "refused", party, detail=type(action).__name__)
        case signals.Unanswered():
            return Note(at, "unanswered", party)
        case _:
            assert_never(signal)


def _of_action(call: Call, action: Action, at: datetime) -> Iterator[Note]:
    match action:
        case Dial():
            yield Note(at, "ring", _called(action), detail=f"{action.timeout_s} s")
        case Originate(then=then):
            yield Note(at, "ring", call.extension, detail=_called(then))
        case Wait():
            queue = call.course.queue if isinstance(call.course, Waiting) else ""
            yield Note(at, "wait", detail=queue)
        case Ask():
            menu = call.course.menu if isinstance(call.course, Choosing) else ""
            yield Note(at, "ask", detail=menu)
        case HangUp(channel=channel, cause=cause, sip_status=status):
            leg = call.leg(channel)
            yield Note(at, "release", leg.number if leg else "", status, cause)
        case Record():
            yield Note(at, "record")
        case StopRecord():
            yield Note(at, "stop_record")
        case Part() | Rejoin() | Rerecord() | SendAway() | Mute() | Press() | Play():
            yield Note(at, "steer", detail=type(action).__name__)
        case PickUp():
            yield Note(at, "pick_up")
        case Park():
            yield Note(at, "park")
        case Fetch():
            yield Note(at, "retrieve")
        case Configure(extension=extension):
            yield Note(at, "configure", extension)
        case Adopt() | Confirm() | FinishRecording() | Rotate():
            return
        case _:
            assert_never(action)


def _called(action: Dial) -> str:
    """The extensions and numbers outside, each once."""
    devices = ((Endpoint.parse(each.endpoint), each.number) for each in action.parties)
    called = (device.extension if device else number for device, number in devices)
    return ", ".join(dict.fromkeys(called))


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A POST of an event to a webhook, or the reason that there was none; `state` is that of the
    delivery afterwards.
    """

    at: datetime
    event_uuid: UUID
    url: str
    status: int
    latency_ms: int
    state: str
    error: str
