"""The result of one signal, and functions for every part of the call flow."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from tongdai.pbx import events
from tongdai.pbx.actions import Action
from tongdai.pbx.barring import BarReason
from tongdai.pbx.call import Call, Leg
from tongdai.pbx.causes import ReleaseCause
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.commands import Answer
from tongdai.pbx.events import Event, EventName


class Step(msgspec.Struct, frozen=True):
    """The call after a signal, the actions for the switch, the events for subscribers, and the
    record of an ended call; `done` when nothing is left to do for the call.

    `unexpected`: the signal has no meaning in the present course of the call, and changed nothing.
    """

    call: Call
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    cdr: Cdr | None = None
    done: bool = False
    bar_reason: BarReason | None = None  # the limit on outbound calls that the call met
    unexpected: bool = False
    answers: tuple[Answer, ...] = ()  # outcomes of commands


class Declined(msgspec.Struct, frozen=True):
    """A command that was declined without a call."""

    answer: Answer
    bar_reason: BarReason | None = None  # the limit on outbound calls that it met


def ignored(call: Call) -> Step:
    """The step of a signal without meaning for the call."""
    return Step(call, unexpected=True)


def with_events(step: Step, events: tuple[Event, ...]) -> Step:
    """The step with these events before its own."""
    return replace(step, events=(*events, *step.events))


def with_leg(call: Call, channel: str, **changes: object) -> Call:
    """The call with the leg of that channel changed."""
    return replace(
        call,
        legs=tuple(
            replace(leg, **changes) if leg.channel == channel else leg for leg in call.legs
        ),
    )


def publish(
    call: Call, leg: Leg, name: EventName, at: datetime, release: ReleaseCause | None = None
) -> tuple[Call, tuple[Event, ...]]:
    """The event of the leg, and the call, which marks it as published on every leg of that id. A
    published event is not published again. `release`: why the leg is over.

    In call_id_mode "conversation" all legs have one id: the call is answered once, even after a
    transfer.
    """
    current = call.leg(leg.channel) or leg
    same_id = (
        call.legs if call.call_id_mode == "conversation" and name != "ringing" else (current,)
    )
    if any(name in each.published for each in same_id):
        return call, ()
    legs = tuple(
        replace(each, published=(*each.published, name))
        if each.leg_uuid and each.leg_uuid == current.leg_uuid
        else each
        for each in call.legs
    )
    event = events.of_call(call, current, name, at, release=release)
    return replace(call, legs=legs), (event,)
