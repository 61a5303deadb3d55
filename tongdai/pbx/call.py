"""A call: its course (its present state, with the data of that state), its legs, and its result.
`pbx.step` says how signals change it.

Each field of a struct here has a mark for a crash of the engine: `Committed` fields are committed
whenever they change; `Recovered` fields need no commit of their own, because recovery finds them
again (in the CEL log, or on the switch). `is_worth_a_commit` reads these marks.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal, TypeAlias, TypeVar, assert_never, get_type_hints
from uuid import UUID

import msgspec
from msgspec import Meta

from tongdai.pbx.causes import REFUSALS, SEVERED, ReleaseCause
from tongdai.pbx.commands import Control, Requester
from tongdai.pbx.directory import LONGEST_RING_S, CallIdMode
from tongdai.pbx.hunting import HuntStep
from tongdai.pbx.signals import DialEnded

BLOCKED = "blocked"
"""The reason of a call whose caller the domain does not want (`Call.routed_by`)."""

LONGEST_S = 14_400  # of a talk, or of waiting (extensions.conf, TIMEOUT(absolute))
HOLD_S = 900  # of a hold by the API; half a minute later the switch ends it (extensions.conf)
LATE_S = 2  # how long after the end of Dial the end of a channel may come
# a phone that is there has rung by then: INVITE was repeated after 0.5, 1.5 and 3.5 s
# (RFC 3261 §17.1.1.2)
SILENT_S = 4
FORGOTTEN_S = LONGEST_RING_S + 10  # click-to-call: the switch itself ends the ringing before
Direction = Literal["inbound", "outbound", "local"]
VisitKind = Literal["queue", "ring_group"]
RecordingState = Literal["", "apart", "on", "off", "paused"]

T = TypeVar("T")
COMMITTED, RECOVERED = "commit", "recovery"
Committed: TypeAlias = Annotated[T, Meta(extra={"outlives_by": COMMITTED})]
"""A change of this field is committed before the next signal is handled: it cannot be recovered.
"""
Recovered: TypeAlias = Annotated[T, Meta(extra={"outlives_by": RECOVERED})]
"""A change of this field is committed with the next commit of the call only: after a crash, the
CEL log or the switch supplies it again.
"""


class Stage(StrEnum):
    """The name of a course, for logs and metrics."""

    CALLING = "calling"
    RINGING = "ringing"
    WAITING = "waiting"
    CHOOSING = "choosing"
    PARKED = "parked"
    TALKING = "talking"
    LEAVING = "leaving"
    ENDED = "ended"


# --- parties


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One party. `number` is its extension or telephone number; `leg_uuid` is its id in events,
    which show extensions only.
    """

    channel: Committed[str]
    number: Committed[str]
    role: Committed[Literal["caller", "callee"]]
    is_extension: Committed[bool]
    started_at: Committed[datetime]
    sip_call_id: Recovered[str] = ""  # ARI reports it of every channel
    leg_uuid: Committed[UUID | None] = None
    attempt: Committed[int] = 0  # the number of the dial that called it
    trunk: Committed[str] = ""  # the UUID of the trunk that carries it
    # the extension that transferred the call to it, "" for none
    transferred_by: Committed[str] = ""
    presented: Committed[str] = ""  # the hotline that it was called with
    trunk_name: Committed[str] = ""  # of the trunk that it was called by
    # the CEL log shows it by the cause with which the dialplan releases the caller
    rang: Recovered[bool] = False
    answered_at: Recovered[datetime | None] = None  # it answered; a queue answers its callers
    connected_at: Recovered[datetime | None] = None  # it was connected with the other party
    ended_at: Recovered[datetime | None] = None
    release: Recovered[ReleaseCause | None] = None
    # the final SIP response that ended it, 0 if none did; the CEL log has Q.850 causes only
    sip_status: Committed[int] = 0
    forwards_to: Committed[str] = ""  # the number that it responded 3xx with
    # it has put the other party on hold: neither the CEL log nor ARI's list of channels tells
    holds: Committed[bool] = False
    is_muted: Committed[bool] = False  # by command
    picks_up: Committed[bool] = False  # it takes, or took, what rang at another one
    dismissed: Committed[bool] = False  # we end its ringing: its extension refused the call
    published: Committed[tuple[str, ...]] = ()  # names of the events published of this leg

    @property
    def is_live(self) -> bool:
        return self.ended_at is None

    @property
    def has_refused(self) -> bool:
        """Whether a person, or the phone for a person, refused the call."""
        return self.sip_status in REFUSALS


# --- courses


class Hunt(msgspec.Struct, frozen=True, kw_only=True, tag="hunt"):
    """The rest of a hunt: the steps that have not rung yet, the end of all ringing, and the
    number that the call overflows to ("": none).
    """

    steps: Committed[tuple[HuntStep, ...]] = ()
    until: Committed[datetime | None] = None
    overflow: Committed[str] = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True, tag="waiting"):
    """The caller waits in a queue, with music. `since` is its place in the queue, kept through
    unanswered offers.
    """

    queue: Committed[str]
    since: Committed[datetime]
    until: Committed[datetime]
    overflow: Committed[str] = ""


class Choosing(msgspec.Struct, frozen=True, kw_only=True, tag="choosing"):
    """The caller hears a menu's prompt, and may press keys. `tries`: how often it has heard it
    without a choice.
    """

    menu: Committed[str]
    since: Committed[datetime]
    tries: Committed[int] = 0


class Parked(msgspec.Struct, frozen=True, kw_only=True, tag="parked"):
    """The controlled leg waits with music at a slot of the domain, until a phone takes it back."""

    slot: Committed[str]
    since: Committed[datetime]


class Ringing(msgspec.Struct, frozen=True, kw_only=True, tag="ringing"):
    """Parties are being called for the controlled leg. `then` follows when none answers: the rest
    of the hunt, or waiting in the queue again.
    """

    then: Committed[Hunt | Waiting] = Hunt()
    agent: Committed[str] = ""  # the extension that a queue offers the call to
    egress_trunk: Committed[str] = ""  # the trunk that is being dialled by, "" for none
    extensions: Committed[tuple[str, ...]] = ()  # the extensions that are being dialled
    outside: Committed[str] = ""  # the number that is being dialled by the trunk
    presented: Committed[str] = ""  # with this number of ours
    trunk_name: Committed[str] = ""
    forwarder: Committed[str] = ""  # the extension that may forward the call (3xx), "" for none
    # Dial() is over, and the release of a leg that it rang is still to come
    dial_ended: Committed[DialEnded | None] = None


class Calling(msgspec.Struct, frozen=True, kw_only=True, tag="calling"):
    """Click-to-call: the extension's own phones ring. `then` begins when one of them answers."""

    then: Committed[Ringing]


class Talking(msgspec.Struct, frozen=True, kw_only=True, tag="talking"):
    """Two parties are connected; the switch alone keeps them connected. `held_until`: by command
    they wait apart with music, until then at most; None: they talk. `recording` is "" while the
    settings of the extensions decide; "apart": so too, on a channel beside the talk.
    """

    held_until: Committed[datetime | None] = None
    recording: Committed[RecordingState] = ""


class Leaving(msgspec.Struct, frozen=True, kw_only=True, tag="leaving"):
    """We are releasing the controlled leg (`release` is the cause), or it has left by itself
    (None); other channels are left.
    """

    release: Committed[ReleaseCause | None] = None


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """No channel is left; at most the recording is still being finished."""

    release: Committed[ReleaseCause]


Course: TypeAlias = Calling | Ringing | Waiting | Choosing | Parked | Talking | Leaving | Ended


# --- the call


class Transfer(msgspec.Struct, frozen=True):
    """A transfer under way: the extension that transferred, and the ring group or queue by which
    the call had come to it, "" for none.
    """

    by: Committed[str]
    came_by: Committed[str] = ""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A visit of a ring group or queue. `until`: when the call went elsewhere; None while it has
    not.
    """

    kind: Committed[VisitKind]
    number: Committed[str]
    since: Committed[datetime]
    service_level_s: Committed[int]
    until: Committed[datetime | None] = None


class Pause(msgspec.Struct, frozen=True):
    """A pause of the recording; `until` is None while it lasts."""

    since: Committed[datetime]
    until: Committed[datetime | None] = None


class Steering(msgspec.Struct, frozen=True, kw_only=True):
    """An action on the talk that the switch has been asked for `at` that moment, and has not told
    the outcome of. `command_uuid` is the command that waits for it; None: nobody does.
    """

    number: Committed[int]
    at: Committed[datetime]
    command: Committed[Control]
    command_uuid: Committed[UUID | None]


class Note(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A line of the call's timeline (pbx.timeline). `party` is a number, or several; `sip_status`
    and `cause` (Q.850) are 0 where there is none. `event_uuid` is that of a published event.
    """

    at: Recovered[datetime]
    what: Recovered[str]
    party: Recovered[str] = ""
    sip_status: Recovered[int] = 0
    cause: Recovered[int] = 0
    detail: Recovered[str] = ""
    event_uuid: Recovered[UUID | None] = None


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """A caller of its own whose call an attended transfer made part of another one: what the
    `cdr` event of that call says. `call_id` is its leg's id in events.
    """

    call_id: Committed[UUID]
    sip_call_id: Committed[str]
    from_number: Committed[str]
    to_number: Committed[str]
    hotline: Committed[str]
    extension: Committed[str]
    receive_dest: Committed[str]
    customer_id: Committed[str]
    started_at: Committed[datetime]
    answered_at: Committed[datetime | None]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation. `channel` is the controlled leg: the party that we route. It is the
    caller, or the transferee of the last transfer.
    """

    call_uuid: Committed[UUID]
    domain_uuid: Committed[UUID]
    domain: Committed[str]
    country_code: Committed[str]
    call_id_mode: Committed[CallIdMode]
    time_zone: Committed[str] = "UTC"  # of local times in events
    # whether each extension that stops ringing has a hangup event
    ringing_hangups: Committed[bool] = True
    direction: Committed[Direction]
    course: Committed[Course]
    started_at: Committed[datetime]
    channel: Committed[str]
    caller_number: Committed[str]  # a telephone number (inbound), else an extension
    # the called number: a hotline (inbound), a telephone number (outbound), an internal number
    dialled: Committed[str]
    # ours: the one that answered or rang first (inbound), else the one that calls
    extension: Committed[str] = ""
    hotline: Committed[str] = ""
    presented_number: Committed[str] = ""  # caller id on the outbound leg
    trunk: Committed[str] = ""  # the name of the trunk that carries it, or was tried last
    receive_dest: Committed[str] = ""  # ring group or queue
    visits: Committed[tuple[Visit, ...]] = ()  # of ring groups and queues
    # the reasons that led it elsewhere than to the first destination of a number, in order: of
    # pbx.inbound
    routed_by: Committed[tuple[str, ...]] = ()
    customer_id: Committed[str] = ""
    is_click_to_call: Committed[bool] = False
    # of the command that made the call, until its outcome is known
    requester: Committed[Requester | None] = None
    steering: Committed[Steering | None] = None
    acted: Committed[int] = 0  # the number of the last action on the talk
    steered: Committed[int] = 0  # how often so far: numbers of actions and events
    pauses: Committed[tuple[Pause, ...]] = ()  # of the recording, by command
    record: Committed[bool] = False
    recording_token: Committed[str] = ""
    legs: Committed[tuple[Leg, ...]] = ()
    attempt: Committed[int] = 0  # number of dials
    overflows: Committed[int] = 0
    # until its target answers, or it has failed
    transfer: Committed[Transfer | None] = None
    failures: Committed[tuple[ReleaseCause, ...]] = ()  # of failed dials, each once
    # when a channel last came back to be routed: a signal that repeats it changes nothing
    returned_at: Committed[datetime | None] = None
    answered_at: Recovered[datetime | None] = None
    ended_at: Recovered[datetime | None] = None
    hangup_by: Recovered[str] = ""
    # made or completed from the CEL log afterwards
    reconstructed: Recovered[bool] = False
    # consultations that an attended transfer made part of this call
    merged: Committed[tuple[UUID, ...]] = ()
    joined: Committed[tuple[Joined, ...]] = ()  # of these, calls from outside
    # ids in events of legs that got a new one when they became part of this call
    former_ids: Committed[tuple[UUID, ...]] = ()
    # nothing depends on them: those since the last commit are lost with us
    notes: Recovered[tuple[Note, ...]] = ()

    @property
    def stage(self) -> Stage:
        return _STAGES[type(self.course)]

    @property
    def release(self) -> ReleaseCause | None:
        """The cause of the call's end, as far as it is decided."""
        return self.course.release if isinstance(self.course, Leaving | Ended) else None

    @property
    def is_missed(self) -> bool:
        """Whether a caller from outside leaves, or is released, without anybody to talk to: before
        an answer, or after a transfer that nobody answered. Nobody misses one that is blocked.
        """
        is_left = isinstance(self.course, Leaving) and self.course.release != SEVERED
        is_alone = self.answered_at is None or is_left
        return self.direction == "inbound" and is_alone and BLOCKED not in self.routed_by

    @property
    def agent(self) -> str:
        """The extension that a queue offers the call to now, or ""."""
        return self.course.agent if isinstance(self.course, Ringing) else ""

    @property
    def caller(self) -> Leg:
        """The leg that began the call; of a click-to-call, the phone that answered, before that
        the first one called.
        """
        return self.legs[0]

    @property
    def controlled(self) -> Leg | None:
        """The leg of `channel`."""
        return self.leg(self.channel)

    def leg(self, channel: str) -> Leg | None:
        return next((leg for leg in self.legs if leg.channel == channel), None)

    @property
    def live_legs(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in self.legs if leg.is_live)

    @property
    def extensions(self) -> frozenset[str]:
        """Our extensions that are in the call now, or that it is about to ring: they count from
        the decision on, so that limits hold for simultaneous calls. While a party talks alone,
        the extension that left it counts: another phone may have taken its place (RFC 3891).
        """
        here = {leg.number for leg in self.live_legs if leg.is_extension}
        here |= {self.agent, self._left_last} - {""}
        if not isinstance(self.course, Ringing) or self.course.dial_ended:
            return frozenset(here)
        rung = {leg.number for leg in self.dialled_legs}
        return frozenset(here | {*self.course.extensions} - rung)

    @property
    def _left_last(self) -> str:
        """The extension that has just left the talk with the only live leg, or ""."""
        if not isinstance(self.course, Talking) or len(self.live_legs) != 1:
            return ""
        left = [leg for leg in self.legs if leg.is_extension and leg.connected_at and leg.ended_at]
        last = max(left, key=lambda leg: leg.ended_at or self.started_at, default=None)
        return last.number if last else ""

    @property
    def egress_trunk(self) -> str:
        """The trunk that the last dial went out by, "" if it went to extensions."""
        if isinstance(self.course, Calling):
            return self.course.then.egress_trunk
        if isinstance(self.course, Ringing):
            return self.course.egress_trunk
        return next((leg.trunk for leg in self.dialled_legs if leg.trunk), "")

    @property
    def trunks(self) -> tuple[str, ...]:
        """The trunks that its parties talk or are being called by; each trunk once per party."""
        carried = tuple(leg.trunk for leg in self.live_legs if leg.trunk)
        is_dialling = isinstance(self.course, Calling | Ringing) and self.egress_trunk
        if not is_dialling or any(leg.trunk for leg in self.dialled_legs):
            return carried
        return (*carried, self.egress_trunk)

    @property
    def dialled_legs(self) -> tuple[Leg, ...]:
        """The legs that the last dial called."""
        return tuple(
            leg for leg in self.legs if leg.role == "callee" and leg.attempt == self.attempt
        )

    @property
    def unheard_legs(self) -> tuple[Leg, ...]:
        """The phones that have not rung yet, of an extension that refused the call on another
        phone.
        """
        if not isinstance(self.course, Calling | Ringing) or self.answered_at:
            return ()
        rung = self.legs if isinstance(self.course, Calling) else self.dialled_legs
        refused = {leg.number for leg in rung if leg.has_refused}
        if not refused:
            return ()
        silent = (leg for leg in rung if leg.is_live and not leg.rang and not leg.dismissed)
        return tuple(leg for leg in silent if leg.number in refused)

    @property
    def published_legs(self) -> tuple[Leg, ...]:
        """The legs that events show: our extensions', in the order they were called."""
        return tuple(leg for leg in self.legs if leg.leg_uuid)

    @property
    def published_leg(self) -> Leg | None:
        """The leg that stands for the whole call: the first that talked, else the first."""
        connected = [leg for leg in self.published_legs if leg.connected_at]
        return min(
            connected,
            key=lambda leg: leg.connected_at or self.started_at,
            default=next(iter(self.published_legs), None),
        )

    @property
    def rung_legs(self) -> tuple[Leg, ...]:
        """The legs that the switch called, in that order; of a click-to-call also the extension's
        own, unless Asterisk refused to call them.
        """
        return tuple(leg for leg in self.legs if leg.role == "callee" or self._is_own_phone(leg))

    def _is_own_phone(self, leg: Leg) -> bool:
        return self.is_click_to_call and "ringing" in leg.published

    @property
    def ringing_at(self) -> datetime | None:
        """When the switch first called a party; None if it called nobody."""
        return min((leg.started_at for leg in self.rung_legs), default=None)

    @property
    def called_count(self) -> int:
        """The number of times that a party was called. Phones of an extension that ring together
        count once.
        """
        return len({(leg.role, leg.number, leg.attempt) for leg in self.rung_legs})

    def published_id(self, leg: Leg | None) -> UUID:
        """The call_id in events and records for a leg, by the domain's call_id_mode."""
        own = leg.leg_uuid if leg and self.call_id_mode == "leg" else None
        return own or self.call_uuid

    def duration(self, at: datetime) -> int:
        """Whole seconds from the start."""
        return seconds(self.started_at, at)

    def seconds_out(self, at: datetime) -> int:
        """Whole seconds of talk by all legs that we placed on trunks, until `at`."""
        placed = (leg for leg in self.legs if leg.role == "callee" and leg.trunk)
        return sum(
            seconds(leg.answered_at, leg.ended_at or max(at, leg.answered_at))
            for leg in placed
            if leg.answered_at
        )

    def billsec(self, at: datetime) -> int:
        """Whole seconds from the answer, 0 when there was none."""
        return seconds(max(self.answered_at, self.started_at), at) if self.answered_at else 0


_STAGES: dict[type[Course], Stage] = {
    Calling: Stage.CALLING,
    Ringing: Stage.RINGING,
    Waiting: Stage.WAITING,
    Choosing: Stage.CHOOSING,
    Parked: Stage.PARKED,
    Talking: Stage.TALKING,
    Leaving: Stage.LEAVING,
    Ended: Stage.ENDED,
}


def due(call: Call) -> datetime | None:
    """The moment at which the call needs a TimerFired; None when only signals move it."""
    match call.course:
        case Waiting(until=until):
            return until
        case Ringing(dial_ended=DialEnded(at=at)):
            return at + timedelta(seconds=LATE_S)
        case Ringing():
            return _silent_at(call)
        case Calling():
            forgotten_at = call.started_at + timedelta(seconds=FORGOTTEN_S)
            return min(forgotten_at, _silent_at(call) or forgotten_at)
        case Talking(held_until=until):
            return until
        case Choosing() | Parked() | Leaving() | Ended():
            return None
        case _:
            assert_never(call.course)


def waits_in_stasis(course: Course) -> bool:
    """Whether an answered caller belongs in Stasis: nothing is to be decided for it."""
    match course:
        case Waiting():
            return True
        case Calling() | Ringing() | Choosing() | Parked() | Talking() | Leaving() | Ended():
            return False
        case _:
            assert_never(course)


def _silent_at(call: Call) -> datetime | None:
    """From when on a phone is not waited for that has not rung, as another one refused."""
    since = min((leg.started_at for leg in call.unheard_legs), default=None)
    return since and since + timedelta(seconds=SILENT_S)


def seconds(start: datetime, end: datetime) -> int:
    """Whole seconds between times shown without fractions: 17:30:35 to 17:30:46 is 11."""
    return max(0, int((end.replace(microsecond=0) - start.replace(microsecond=0)).total_seconds()))


# --- what outlives a crash


def is_worth_a_commit(before: Call, after: Call) -> bool:
    """Whether a crash now would lose data for good: a `Committed` field of the call, its course or
    a leg has changed.
    """
    return _differs(before, after)


def _differs(before: object, after: object) -> bool:
    if before is after:
        return False
    if type(before) is not type(after):
        return True
    if isinstance(before, tuple) and isinstance(after, tuple):
        return len(before) != len(after) or any(map(_differs, before, after))
    kind: type = type(before)
    if (names := committed_fields(kind)) is None:
        return before != after
    return any(_differs(getattr(before, name), getattr(after, name)) for name in names)


@cache
def committed_fields(kind: type) -> tuple[str, ...] | None:
    """The names of the struct's `Committed` fields; None for a type that marks no field, which is
    compared as a whole.
    """
    marks = marks_of(kind)
    if not any(marks.values()):
        return None
    return tuple(name for name, mark in marks.items() if mark != RECOVERED)


def marks_of(kind: type) -> dict[str, str]:
    """The mark of each field of a struct: COMMITTED, RECOVERED, or "" for no mark."""
    if not issubclass(kind, msgspec.Struct):
        return {}
    hints = get_type_hints(kind, include_extras=True)
    return {name: next(iter(_marks(hints[name])), "") for name in kind.__struct_fields__}


def _marks(hint: object) -> list[str]:
    metadata = getattr(hint, "__metadata__", ())
    return [
        each.extra["outlives_by"]
        for each in metadata
        if isinstance(each, Meta) and each.extra and "outlives_by" in each.extra
    ]
