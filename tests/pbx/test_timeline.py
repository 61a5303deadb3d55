"""The notes of a call's timeline: each step leaves what happened, what was decided, and why."""

from datetime import timedelta
from uuid import UUID

from msgspec.structs import replace

from tests.pbx.company import context
from tongdai.pbx import call_flow, setup, timeline
from tongdai.pbx.call import Call, Note
from tongdai.pbx.signals import Arrived, LegDialed, LegHungUp, LegRinging, Signal
from tongdai.pbx.step import Step

NOW = context().now
CALL = UUID(int=7)


def arrives(dialled: str) -> tuple[Arrived, Step]:
    domain = context().directory.domain
    signal = Arrived(CALL, "a", NOW, "phone", f"101@{domain.name}", dialled, "101", "a@phone")
    return signal, setup.arrive(signal, "token", context())


def after(call: Call, signal: Signal) -> Call:
    return timeline.noted(call, signal, call_flow.step(call, signal, context())).call


def told(call: Call) -> list[tuple[str, str]]:
    return [(note.what, note.party or note.detail) for note in call.notes]


def test_a_call_is_noted_from_its_arrival_to_a_refusal() -> None:
    signal, made = arrives("102")
    call = timeline.noted(None, signal, made).call
    assert told(call) == [("arrived", "101"), ("ring", "102")]
    phone = f"102@{call.domain}"
    later = NOW + timedelta(seconds=1)
    call = after(call, LegDialed("b", later, phone, "b@phone"))
    call = after(call, LegRinging("b", later))
    call = after(call, LegHungUp("b", later, 17, 486))
    assert told(call)[2:5] == [("dialed", "102"), ("event", "102"), ("ringing", "102")]
    (refused,) = [note for note in call.notes if note.what == "hung_up"]
    assert (refused.sip_status, refused.cause, refused.party) == (486, 17, "102")
    events = [note for note in call.notes if note.what == "event"]
    assert all(note.event_uuid for note in events)


def test_a_number_that_is_refused_has_its_reason() -> None:
    signal, made = arrives("+12025550123")
    call = timeline.noted(None, signal, made).call
    assert [note for note in told(call) if note[0] in ("barred", "result")] == [
        ("barred", "destination"),
        ("result", "OUTGOING_CALL_BARRED"),
    ]


def test_a_signal_without_effect_is_not_noted() -> None:
    signal, made = arrives("102")
    call = timeline.noted(None, signal, made).call
    assert after(call, LegRinging("unknown", NOW)).notes == call.notes


def test_a_call_has_a_bounded_number_of_notes() -> None:
    signal, made = arrives("102")
    full = tuple(Note(NOW, "timer") for _ in range(timeline.MOST))
    call = replace(timeline.noted(None, signal, made).call, notes=full)
    phone = f"102@{call.domain}"
    assert len(after(call, LegDialed("b", NOW, phone, "b@phone")).notes) == timeline.MOST
