"""The commands that steer a talk: the action that each asks of the switch, and its effect."""

import re
import unicodedata
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai import errors, messages
from tongdai.pbx import events, feature_codes, numbers, outcomes, recording, routing
from tongdai.pbx.actions import Mute, Part, Play, Press, Rejoin, Rerecord, SendAway, SteerAction
from tongdai.pbx.call import HOLD_S, Call, Leg, Talking
from tongdai.pbx.commands import (
    Control,
    HoldCall,
    MuteParty,
    Outcome,
    ParkCall,
    PlayPrompt,
    RecordCall,
    SendDigits,
    TransferCall,
    UnholdCall,
)
from tongdai.pbx.events import EventName
from tongdai.pbx.routing import Refuse, RoutingContext
from tongdai.pbx.step import Step, with_leg

_DIALLED = re.compile(r"[0-9*#]{1,32}")
_KEYS = re.compile(r"[0-9*#A-D]{1,32}")
_NOTHING = Outcome(error=errors.NothingToChange.code)


class Talk(msgspec.Struct, frozen=True):
    """Two parties that talk in a call, and the number of the action on them."""

    call: Call
    course: Talking
    one: Leg
    other: Leg
    number: int

    @property
    def extensions(self) -> list[Leg]:
        """The parties that are extensions."""
        return [leg for leg in (self.one, self.other) if leg.is_extension]

    def peer(self, leg: Leg) -> Leg:
        """The other party."""
        return self.other if leg.channel == self.one.channel else self.one

    def about(self, leg: Leg) -> tuple[str, str, UUID, int, int]:
        """The first fields of an action on that party."""
        return (
            leg.channel,
            self.peer(leg).channel,
            self.call.call_uuid,
            self.number,
            self.call.acted,
        )

    def party(self, number: str) -> Leg | None:
        """The party of that number; "": the one extension in the talk. None: there is none, or
        two are.
        """
        found = [leg for leg in (self.one, self.other) if leg.number == number]
        chosen = found if number else self.extensions
        return chosen[0] if len(chosen) == 1 else None


def action(talk: Talk, command: Control, context: RoutingContext) -> SteerAction | Outcome:
    """The action by which the command is carried out, or why it is refused."""
    match command:
        case HoldCall():
            return _NOTHING if talk.course.held_until else _part(talk, context)
        case UnholdCall():
            return Rejoin(*talk.about(talk.one)) if talk.course.held_until else _NOTHING
        case _ if talk.course.held_until:
            return Outcome(error=errors.CallNotTalking.code)
        case RecordCall(do=do):
            return _rerecord(talk, do, context)
        case TransferCall():
            return _send_away(talk, command, context)
        case ParkCall(by=by):
            return _park(talk, by, context)
        case MuteParty():
            return _mute(talk, command)
        case SendDigits():
            return _press(talk, command)
        case PlayPrompt(prompt=name):
            return _play(talk, name, context)
        case _:
            assert_never(command)


def done(call: Call, command: Control, at: datetime) -> Step:
    """The call after the switch has carried out the command."""
    match command:
        case TransferCall() | ParkCall() | SendDigits() | PlayPrompt():
            return Step(call)  # what comes of a transfer is a signal of its own
        case MuteParty(is_muted=is_muted, party=number):
            legs = [leg for leg in call.live_legs if leg.number == number]
            return Step(with_leg(call, legs[0].channel, is_muted=is_muted) if legs else call)
        case HoldCall() | UnholdCall() | RecordCall():
            if isinstance(call.course, Talking):
                return _changed(call, call.course, command, at)
            return Step(call)
        case _:
            assert_never(command)


def _changed(
    call: Call, course: Talking, command: HoldCall | UnholdCall | RecordCall, at: datetime
) -> Step:
    """The talk goes on in another way."""
    match command:
        case HoldCall():
            until = at + timedelta(seconds=HOLD_S)
            call = replace(call, course=replace(course, held_until=until))
            return told(call, None, "hold", at)
        case UnholdCall():
            call = replace(call, course=replace(course, held_until=None))
            return told(call, None, "unhold", at)
        case RecordCall(do=do):
            return Step(_rerecorded(call, course, do, at))


def named(talk: Talk, command: Control) -> Control:
    """The command with the party that it is about, if its user left that open."""
    leg = talk.party(command.party) if isinstance(command, MuteParty) else None
    return replace(command, party=leg.number) if leg else command


def is_repeatable(command: Control) -> bool:
    """Whether the switch may do it twice: of an unknown outcome it is done once more."""
    return isinstance(command, RecordCall | MuteParty)


def told(call: Call, leg: Leg | None, name: EventName, at: datetime) -> Step:
    """The event, of the leg that did it, or else of an extension that is in the talk."""
    candidates = [leg, *call.live_legs, call.published_leg]
    shown = next((each for each in candidates if each and each.leg_uuid), None)
    call = replace(call, steered=call.steered + 1)
    event = events.of_call(call, shown, name, at, number=call.steered)
    return Step(call, events=(event,))


def _part(talk: Talk, context: RoutingContext) -> Part:
    return Part(*talk.about(talk.one), music=context.directory.music_named())


# --- recording


def _rerecord(talk: Talk, do: str, context: RoutingContext) -> Rerecord | Outcome:
    state, is_on = talk.course.recording, recording.is_on(talk.call, talk.course, context)
    may = {
        "start": not is_on and state != "paused",
        "stop": is_on or state == "paused",
        "pause": is_on,
        "resume": state == "paused",
    }
    if not may[do]:
        return _NOTHING
    if state == "apart":
        return Outcome(error=errors.SteeringRefused.code)
    return Rerecord(
        *talk.about(talk.one),
        record=do in ("start", "resume"),
    )


def _rerecorded(call: Call, course: Talking, do: str, at: datetime) -> Call:
    call = recording.without_pause(call, at)
    match do:
        case "pause":
            call = recording.paused(call, at)
            return replace(call, course=replace(course, recording="paused"))
        case "stop":
            return replace(call, course=replace(course, recording="off"))
        case _:
            return replace(call, record=True, course=replace(course, recording="on"))


# --- transfer


def _send_away(talk: Talk, command: TransferCall, context: RoutingContext) -> SendAway | Outcome:
    """As if the phone of the extension had sent REFER; but a number that is refused at once is an
    error, and the talk goes on.
    """
    by = talk.party(command.by)
    if by is None or not by.is_extension:
        return _invalid("by", messages.key(messages.NOT_IN_THE_TALK))
    number = numbers.clean(command.to) or command.to
    if not _DIALLED.fullmatch(number.removeprefix("+")):
        return Outcome(error=errors.InvalidPhone.code, field="to")
    stays = talk.peer(by)
    own = stays.number if stays.is_extension else ""
    destination = routing.from_phone(number, context, own, by=by.number)
    if isinstance(destination, Refuse):
        refused = outcomes.refused(destination)
        return replace(refused, field="to" if refused.field else "")
    return SendAway(
        *talk.about(stays),
        to=number,
    )


def _park(talk: Talk, by: str, context: RoutingContext) -> SendAway | Outcome:
    code = feature_codes.code("park", context.directory.domain.feature_codes)
    if not code:
        return Outcome(error=errors.SteeringRefused.code)
    asked = TransferCall(call_uuid=talk.call.call_uuid, to=code, by=by)
    return _send_away(talk, asked, context)


# --- audio of one party


def _mute(talk: Talk, command: MuteParty) -> Mute | Outcome:
    leg = talk.party(command.party)
    if leg is None:
        return _invalid("party", messages.key(messages.NOT_IN_THE_TALK))
    if leg.is_muted == command.is_muted:
        return _NOTHING
    return Mute(
        *talk.about(leg),
        is_muted=command.is_muted,
    )


def _press(talk: Talk, command: SendDigits) -> Press | Outcome:
    if not _KEYS.fullmatch(command.digits):
        return _invalid("digits", messages.key(messages.KEYS_NEEDED))
    named = talk.party(command.party)
    if named is None:
        return _invalid("party", messages.key(messages.NOT_IN_THE_TALK))
    leg = named if command.party else talk.peer(named)
    return Press(
        *talk.about(leg),
        digits=command.digits,
    )


def _play(talk: Talk, name: str, context: RoutingContext) -> Play | Outcome:
    prompt = context.directory.prompts.get(unicodedata.normalize("NFC", name))
    if prompt is None:
        return _invalid("prompt", messages.key(messages.NO_SUCH_PROMPT))
    return Play(*talk.about(talk.one), file=prompt.file)


def _invalid(field: str, why: str) -> Outcome:
    return Outcome(error=errors.Invalid.code, field=field, why=why)
