"""The route simulator: the way of a call that nobody answers, step by step.

It plays signals to the code that routes real calls (`setup`, `call_flow`), and tells what that
decides. Time, load and registered phones are its input: nothing is asked, and nothing rings.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai.messages import Text
from tongdai.pbx import (
    call_flow,
    causes,
    explanation,
    forwarding_reasons,
    inbound,
    menus,
    numbers,
    queueing,
    setup,
)
from tongdai.pbx.actions import Ask, Configure, Dial, HangUp, Wait
from tongdai.pbx.call import (
    Call,
    Calling,
    Choosing,
    Course,
    Direction,
    Ended,
    Leaving,
    Parked,
    Ringing,
    Talking,
    Waiting,
    due,
)
from tongdai.pbx.causes import Status
from tongdai.pbx.directory import Directory
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.explanation import Limit
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import (
    AgentOffered,
    Arrived,
    Chosen,
    DialEnded,
    LegDialed,
    LegHungUp,
    LegRinging,
    Signal,
    TimerFired,
)

MOST_STEPS = 100
_CALL, _CHANNEL = UUID(int=0), "caller"
Kind = Literal["arrives", "rings", "waits", "hears", "passed_over", "goes_on", "ends"]
Phones = Mapping[str, int]
"""How many reachable phones each device has, by its endpoint. A device that is not in it has
one.
"""


class Question(msgspec.Struct, frozen=True):
    """Who calls which number. `caller` is an extension of the domain, else a number outside."""

    caller: str
    dialled: str


class RouteStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step. It begins `after_s` seconds after the call, and lasts `lasts_s` at most.
    `extensions` ring, or are passed over; `number` is dialled outside by `trunk`.
    """

    kind: Kind
    after_s: int
    why: Text
    lasts_s: int = 0
    extensions: tuple[str, ...] = ()
    number: str = ""
    trunk: str = ""
    presented: str = ""  # the calling number that they see
    is_recorded: bool = False


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a call that nobody answers, as its record has it. `sip_status` is what the caller
    gets, 0 if it had been answered before, as by a queue.
    """

    status: Status
    cause: str
    sip_status: int
    limit: Limit = Limit.NONE


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The way of a call. `end` is None if it was still going on after MOST_STEPS steps;
    `endpoints` are those of all devices that rang.
    """

    direction: Direction
    at: datetime
    steps: tuple[RouteStep, ...]
    end: End | None
    endpoints: tuple[str, ...] = ()


_NO_PHONES: Phones = MappingProxyType({})


def simulate(question: Question, context: RoutingContext, phones: Phones = _NO_PHONES) -> Route:
    """The way of the call at `context.now`."""
    absent = _absent(context.directory, phones)
    walk = _Walk(question, replace(context, absent=context.absent | absent), phones)
    steps = tuple(walk.steps())
    endpoints = tuple(sorted(walk.endpoints))
    direction = walk.call.direction
    return Route(
        direction=direction, at=context.now, steps=steps, end=walk.end, endpoints=endpoints
    )


def _absent(directory: Directory, phones: Phones) -> frozenset[str]:
    """The agents of queues without a phone."""
    agents = {agent for queue in directory.queues.values() for agent in queue.agents}
    return frozenset(
        agent
        for agent in agents
        if not any(phones.get(each, 1) for each in directory.endpoints(agent))
    )


class _Walk:
    """A call on its way. `place` is the internal number that it is at, "" outside."""

    def __init__(self, question: Question, context: RoutingContext, phones: Phones) -> None:
        self._question, self._context, self._phones = question, context, phones
        self._directory = context.directory
        self._at, self._offered = context.now, set[str]()
        self.end: End | None = None
        self.endpoints: set[str] = set()
        self._made = setup.arrive(self._arrived(), "", context)
        self.call = self._made.call
        self._place = _destination(self.call, context)

    def _arrived(self) -> Arrived:
        caller, dialled = self._question.caller, self._question.dialled
        is_phone = caller in self._directory.extensions
        endpoint = self._directory.endpoints(caller)[0] if is_phone else self._ingress(dialled)
        return Arrived(
            call_uuid=_CALL,
            channel=_CHANNEL,
            at=self._at,
            via="phone" if is_phone else "trunk",
            endpoint=endpoint,
            dialled=dialled,
            caller_number=caller,
            sip_call_id="",
        )

    def _ingress(self, dialled: str) -> str:
        """The trunk by which a call to the hotline comes."""
        hotline = self._directory.hotline(numbers.clean(dialled) or dialled)
        return str(hotline.trunk_uuid) if hotline else ""

    def steps(self) -> Iterator[RouteStep]:
        """All steps, in order."""
        yield self._step("arrives", explanation.arrival(self._caller, self.call, self._context))
        yield from self._moved()
        for _ in range(MOST_STEPS):
            yield from self._told()
            if self.end:
                return
            overflows, course = self.call.overflows, self.call.course
            for signal in self._next():
                self._take(signal)
            yield from self._left_menu(course)
            yield from self._moved(overflows)

    @property
    def _caller(self) -> str:
        return self._question.caller

    @property
    def _own(self) -> str:
        return self._caller if self._caller in self._directory.extensions else ""

    def _take(self, signal: Signal) -> None:
        self._at = max(self._at, signal.at)
        self._made = call_flow.step(self.call, signal, replace(self._context, now=self._at))
        self.call = self._made.call

    def _step(self, kind: Kind, why: Text, **more: object) -> RouteStep:
        after_s = round((self._at - self._context.now).total_seconds())
        return RouteStep(kind=kind, after_s=after_s, why=why, **more)  # type: ignore[arg-type]

    # --- what was decided

    def _moved(self, overflows: int | None = None) -> Iterator[RouteStep]:
        """The call has come to its first place (None), or on from there by overflow."""
        for _ in range(self.call.overflows - (overflows or 0)):
            if overflows is None:
                yield from self._passed_over()
            before = self._place
            self._place = _overflow(self._place, self.call, self._directory)
            yield self._step(
                "goes_on", explanation.onward(before, self._place, self.call, self._directory)
            )
            self._offered, overflows = set(), None
        if overflows is None:
            yield from self._passed_over()

    def _left_menu(self, before: Course) -> Iterator[RouteStep]:
        """The call has gone on from the menu that it was in."""
        if not isinstance(before, Choosing) or isinstance(self.call.course, Leaving):
            return
        if isinstance(self.call.course, Choosing) and self.call.course.tries:
            return
        menu = self._directory.menus[before.menu]
        self._place = menu.overflow
        text = explanation.LEAVES if menus.is_asking(menu) else explanation.AFTER
        place = explanation.place(self._place, self._directory)
        yield self._step("goes_on", explanation.filled(text, place=place))
        yield from self._passed_over()

    def _passed_over(self) -> Iterator[RouteStep]:
        """Members of the ring group, or agents of the queue, who do not ring."""
        for extension in _members(self._place, self._directory):
            why = explanation.why_passed_over(extension, self._own, self._context)
            if why is None and not self._has_phones(extension):
                why = explanation.NOT_REGISTERED
            if why:
                yield self._step("passed_over", why, extensions=(extension,))

    def _has_phones(self, extension: str) -> bool:
        endpoints = self._directory.endpoints(extension)
        self.endpoints |= {*endpoints}
        return any(self._phones.get(each, 1) for each in endpoints)

    def _told(self) -> Iterator[RouteStep]:
        for action in self._made.actions:
            match action:
                case Dial():
                    yield self._rings(action)
                case Wait() if not self._offered:
                    yield self._waits()
                case Ask():
                    yield self._hears(action)
                case Configure():
                    yield self._sets()
                case HangUp(channel=channel) if channel == self.call.channel:
                    yield self._ends()
                case _:
                    pass

    def _rings(self, dial: Dial) -> RouteStep:
        course = self.call.course if isinstance(self.call.course, Ringing) else Ringing()
        shown = {"presented": dial.caller_id, "is_recorded": dial.record}
        if course.outside:
            further = explanation.further_trunks(self.call, self._context)
            text = explanation.GOES_OUT_FURTHER if further else explanation.GOES_OUT
            why = explanation.filled(text, trunk=course.trunk_name, further=", ".join(further))
            out = {"number": dial.parties[0].number, "trunk": course.trunk_name}
            return self._step("rings", why, lasts_s=dial.timeout_s, **out, **shown)
        lasts_s = dial.timeout_s if self._reachable(dial) else 0
        why = explanation.filled(explanation.RINGS, seconds=dial.timeout_s)
        if course.agent:
            queue = self.call.receive_dest
            text = explanation.RINGS_FOR_QUEUE
            why = explanation.filled(text, queue=queue, seconds=dial.timeout_s)
        if not lasts_s:
            why = explanation.NOT_REGISTERED
        rung = course.extensions
        return self._step("rings", why, lasts_s=lasts_s, extensions=rung, **shown)

    def _reachable(self, dial: Dial) -> list[str]:
        """The endpoints that ring."""
        endpoints = [party.endpoint for party in dial.parties]
        self.endpoints |= {each for each in endpoints if Endpoint.parse(each)}
        return [each for each in endpoints if self._phones.get(each, 1)]

    def _waits(self) -> RouteStep:
        queue = self._directory.queues[self._place]
        again = max(queue.no_answer_delay_s, queueing.LEAST_DELAY_S)
        why = explanation.filled(explanation.WAITS, seconds=queue.timeout_s, again=again)
        return self._step("waits", why, lasts_s=queue.timeout_s)

    def _hears(self, ask: Ask) -> RouteStep:
        menu = self._directory.menus[self._menu]
        return self._step("hears", explanation.hearing(menu), lasts_s=self._heard_s(ask))

    @property
    def _menu(self) -> str:
        course = self.call.course
        return course.menu if isinstance(course, Choosing) else ""

    def _heard_s(self, ask: Ask) -> int:
        """Seconds of its prompts, and of waiting for a key."""
        known = self._directory.prompts.values()
        heard = sum(one.duration_s for one in known if one.file in ask.files)
        return round(heard) + ask.timeout_s

    def _sets(self) -> RouteStep:
        """A setting is stored, and the call is over: not here, where nothing is done."""
        done = causes.ANSWERED
        self.end = End(status=done.status, cause=done.cause, sip_status=0)
        return self._step("ends", explanation.feature(self.call.dialled, self._directory))

    def _ends(self) -> RouteStep:
        release = self.call.release or causes.NO_ANSWER
        leg = self.call.controlled
        is_up = leg is not None and leg.answered_at is not None
        why, limit = explanation.why_ended(
            self.call, release, self._made.bar_reason, self._context
        )
        self.end = End(
            status=release.status,
            cause=release.cause,
            sip_status=0 if is_up else causes.sent(release),
            limit=limit,
        )
        return self._step("ends", why)

    # --- what happens next, as nobody answers

    def _next(self) -> Sequence[Signal]:
        dial = next((each for each in self._made.actions if isinstance(each, Dial)), None)
        if dial:
            return self._rung_out(dial)
        match self.call.course:
            case Waiting() as waiting:
                return [self._offered_or_over(waiting)]
            case Choosing():
                ask = next(each for each in self._made.actions if isinstance(each, Ask))
                over = self._at + timedelta(seconds=self._heard_s(ask))
                return [Chosen(self.call.channel, over, "")]
            case Calling() | Ringing() | Parked() | Talking() | Leaving() | Ended():
                return []
            case _:
                assert_never(self.call.course)

    def _rung_out(self, dial: Dial) -> list[Signal]:
        rung, at = self._reachable(dial), self._at
        if not rung:
            return [DialEnded(dial.channel, at, "CHANUNAVAIL", 20)]
        over = at + timedelta(seconds=dial.timeout_s)
        names = [f"{each} {self.call.attempt}" for each in rung]
        return [
            *(LegDialed(name, at, each, "") for name, each in zip(names, rung, strict=True)),
            *(LegRinging(name, at) for name in names),
            *(LegHungUp(name, over, 0) for name in names),
            DialEnded(dial.channel, over, "NOANSWER", 0),
        ]

    def _offered_or_over(self, waiting: Waiting) -> Signal:
        """An offer to the next agent who has had none; the end of the waiting after the last."""
        queue = self._directory.queues[waiting.queue]
        left = {
            name: queueing.Agent()
            for name in queue.agents
            if name not in self._offered | self._context.absent
            and explanation.why_passed_over(name, self._own, self._context) is None
        }
        caller = queueing.Caller(_CHANNEL, waiting.since)
        offers = queueing.offers(queue, [caller], left, self._at)
        if offers:
            self._offered.add(offers[0][1])
            return AgentOffered(self.call.channel, self._at, offers[0][1])
        return TimerFired(self.call.channel, due(self.call) or self._at)


def _destination(call: Call, context: RoutingContext) -> str:
    """The internal number that a call first comes to, "" for none."""
    directory, number = context.directory, call.dialled
    own = None if directory.is_internal(number) else directory.hotline(number)
    if call.direction != "outbound" and own:
        known = inbound.known(call.caller_number, context.caller, own, directory)
        known = known if call.direction == "inbound" else None
        number = inbound.target(own, directory, context.now, known).number
    return number if directory.is_internal(number) else ""


def _members(number: str, directory: Directory) -> tuple[str, ...]:
    if group := directory.ring_groups.get(number):
        return tuple(dict.fromkeys(group.members))
    queue = directory.queues.get(number)
    return tuple(dict.fromkeys(queue.agents)) if queue else ()


def _overflow(number: str, call: Call, directory: Directory) -> str:
    known = directory.ring_groups.get(number) or directory.queues.get(number)
    if known and known.overflow:
        return known.overflow
    setting = forwarding_reasons.last(call.routed_by, number)
    if setting and (extension := directory.extensions.get(number)):
        return str(getattr(extension, setting))
    hotline = directory.hotline(call.dialled)
    return hotline.destination if hotline and inbound.ROUTED in call.routed_by else ""
