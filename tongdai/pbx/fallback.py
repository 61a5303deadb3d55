"""The fallback plan: the destinations of a domain's calls while no engine answers.

It is computed ahead from the routing, as if no call were live, and is simpler than an engine: a
destination rings all its phones at once, and outbound calls reach only emergency numbers and the
country's plain numbers (docs/decisions/0020-one-brain-for-the-fallback.md). The switch adds only
the count of live channels.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any, assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai.pbx import barring, hours, numbers, routing
from tongdai.pbx.actions import Party
from tongdai.pbx.directory import Directory, Domain, Extension, Queue
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.forwarding_reasons import SETTINGS
from tongdai.pbx.numbers import NumberFormat
from tongdai.pbx.routing import (
    CallOut,
    Change,
    Destination,
    Enqueue,
    Enter,
    ParkAt,
    Refuse,
    Ring,
    RoutingContext,
)

QUEUE_S = 60  # for so long the agents of a queue ring
_AFTER_ALL = datetime.max.replace(tzinfo=UTC)  # every suspension is over by then
_DIGITS = "0123456789"


class Entry(msgspec.Struct, frozen=True):
    """The call rings these parties together for at most `timeout_s` seconds; without parties it is
    rejected.
    """

    parties: tuple[Party, ...] = ()
    timeout_s: int = 0
    record: bool = False


class Egress(msgspec.Struct, frozen=True):
    """An egress trunk, and the hotline that calls by it present."""

    trunk: UUID
    presented_number: str


class Exit(msgspec.Struct, frozen=True):
    """The ways of outbound calls: `emergency`, regardless of limits, and `plain` for plain
    numbers, after `suspended_until` (Unix seconds). None: not possible.

    The plain numbers are those of `plain_prefixes(country, number_format)`. `max_calls`,
    `domain_max_calls` and `trunk_max_calls` limit the simultaneous calls of the extension, the
    domain's phones and the trunk.
    """

    emergency: Egress | None
    plain: Egress | None
    country: str
    number_format: NumberFormat
    record: bool
    suspended_until: int
    max_calls: int
    domain_max_calls: int
    trunk_max_calls: int


class PlainPrefix(msgspec.Struct, frozen=True):
    """Every number of `min_digits` to `max_digits` digits with this `prefix` may be called: the
    trunk gets it with `lead` in place of its first `strip` digits.
    """

    prefix: str
    min_digits: int
    max_digits: int
    strip: int = 0
    lead: str = ""


class FallbackPlan(msgspec.Struct, frozen=True):
    """The plan of one domain. `hotlines` are by trunk and digits of the called number in the
    carrier's form; `carriers` has the key of each trunk's addresses; `numbers` by dialled number
    and calling extension, "" for all without an entry of their own; `exits` likewise by extension.
    """

    domain: str
    hotlines: dict[tuple[UUID, str], Entry] = {}
    carriers: dict[UUID, str] = {}
    numbers: dict[tuple[str, str], Entry] = {}
    exits: dict[str, Exit] = {}


def plan(directory: Directory, now: datetime) -> FallbackPlan:
    """The domain's plan from now on, until its directory changes, or `next_change`."""
    domain = directory.domain
    if not domain.enabled:
        return FallbackPlan(domain.name)
    directory = _as_phones_ring(directory)
    context = RoutingContext(directory, now=now)
    return FallbackPlan(
        domain=domain.name,
        hotlines=dict(_hotlines(context)),
        carriers={each.trunk_uuid: each.carrier_key for each in directory.trunks.values()},
        numbers=dict(_numbers(context)),
        exits=dict(_exits(directory)),
    )


def _as_phones_ring(directory: Directory) -> Directory:
    """The directory without forwarding by extensions: meanwhile their own phones ring."""
    none: dict[str, Any] = dict.fromkeys(SETTINGS, "")
    extensions = {
        name: replace(known, **none) if any(getattr(known, one) for one in SETTINGS) else known
        for name, known in directory.extensions.items()
    }
    return replace(directory, extensions=extensions)


def next_change(directory: Directory, now: datetime) -> datetime | None:
    """The first moment after `now` at which the plan may be another one although the directory is
    the same: a hotline opens or closes; None: there is none.
    """
    zone = directory.domain.time_zone
    used = {hotline.hours for hotline in directory.hotlines.values()}
    plans = (plan for name, plan in directory.hours_plans.items() if name in used)
    changes = (hours.next_change(plan, now, zone) for plan in plans)
    return min(filter(None, changes), default=None)


# --- calls in, and calls inside


def _hotlines(context: RoutingContext) -> Iterator[tuple[tuple[UUID, str], Entry]]:
    directory, country = context.directory, context.directory.domain.country
    for hotline in directory.hotlines.values():
        entry = _entry(routing.from_hotline(hotline, context), context, is_inbound=True)
        if not entry.parties:
            continue
        national = numbers.national(hotline.canonical, country)
        for trunk in directory.trunks_of(hotline):
            for written in {hotline.canonical, national.removeprefix("+")}:
                if directory.hotline(written) == hotline:
                    yield (trunk.trunk_uuid, written), entry


def _numbers(context: RoutingContext) -> Iterator[tuple[tuple[str, str], Entry]]:
    """The entries; an extension has its own for a number that leads elsewhere for it."""
    directory = context.directory
    internal = (
        *(*directory.extensions, *directory.ring_groups),
        *(*directory.queues, *directory.menus),
    )
    for number in (*internal, *_own_hotlines(directory)):
        for_all = _inside(number, "", context)
        if for_all is None:
            continue
        yield (number, ""), for_all
        for caller in _concerned(number, directory):
            own = _inside(number, caller, context)
            if own is not None and own != for_all:
                yield (number, caller), own


def _own_hotlines(directory: Directory) -> Iterator[str]:
    """The digits by which phones dial the domain's own hotlines."""
    country = directory.domain.country
    for hotline in directory.hotlines.values():
        national = numbers.national(hotline.canonical, country)
        for written in {hotline.canonical, f"+{hotline.canonical}", national}:
            if directory.hotline(written) == hotline:
                yield written


def _concerned(number: str, directory: Directory) -> tuple[str, ...]:
    """The extensions that ring when the number is dialled: none rings itself."""
    if (hotline := directory.hotline(number)) and number not in directory.extensions:
        number = hotline.destination
    if group := directory.ring_groups.get(number):
        return group.members
    if queue := directory.queues.get(number):
        return queue.agents
    if number in directory.menus:
        return tuple(directory.extensions)  # one of its keys may lead to any
    return (number,)


def _inside(number: str, caller: str, context: RoutingContext) -> Entry | None:
    """The entry of a dialled number; None for an external number."""
    destination = routing.inside(number, context, caller)
    return _entry(destination, context, caller) if destination else None


def _entry(
    destination: Destination,
    context: RoutingContext,
    caller: str = "",
    *,
    is_inbound: bool = False,
) -> Entry:
    rung: Iterator[Party]
    match destination:
        case Ring(steps=steps, timeout_s=timeout_s):
            rung = chain.from_iterable(each.parties for each in steps)
        case Enqueue(queue=number):
            queue = context.directory.queues[number]
            rung, timeout_s = _agents(queue, context, caller), min(queue.timeout_s, QUEUE_S)
        case Enter(menu=number):
            return past_menu(number, context, caller, is_inbound=is_inbound)
        case Change() | ParkAt() | CallOut() | Refuse():
            return Entry()
        case _:
            assert_never(destination)
    parties = tuple(dict.fromkeys(rung))
    if not parties:
        return Entry()
    named = (Endpoint.parse(party.endpoint) for party in parties)
    extensions = {endpoint.extension for endpoint in named if endpoint}
    return Entry(parties, timeout_s, is_inbound and context.directory.records(*extensions))


def past_menu(
    number: str,
    context: RoutingContext,
    caller: str,
    *,
    is_inbound: bool,
    passed: frozenset[str] = frozenset(),
) -> Entry:
    """The phones that ring in place of the menu: those of its overflow, else of the first of its
    keys that leads to some, also by other menus than those that were `passed`.
    """
    menu, passed = context.directory.menus[number], passed | {number}
    for target in (menu.overflow, *menu.choices.values()):
        match routing.inside(target, context, caller) if target else None:
            case None:
                continue
            case Enter(menu=further) if further in passed:
                continue
            case Enter(menu=further):
                entry = past_menu(further, context, caller, is_inbound=is_inbound, passed=passed)
            case destination:
                entry = _entry(destination, context, caller, is_inbound=is_inbound)
        if entry.parties:
            return entry
    return Entry()


def _agents(queue: Queue, context: RoutingContext, caller: str) -> Iterator[Party]:
    for agent in queue.agents:
        if agent in context.directory.extensions:
            yield from _entry(
                routing.inside(agent, context, caller) or Ring((), 0), context
            ).parties


# --- outbound calls


def _exits(directory: Directory) -> Iterator[tuple[str, Exit]]:
    for_all = _exit(directory, Extension(""))
    yield "", for_all
    for name, extension in directory.extensions.items():
        own = _exit(directory, extension)
        if own != for_all:
            yield name, own


def _exit(directory: Directory, extension: Extension) -> Exit:
    """The exit of the extension; "" is for those without their own."""
    domain = directory.domain
    ends = [until for until in (domain.suspended_until, extension.suspended_until) if until]
    plain = _plain_egress(directory, extension)
    trunk = directory.trunks[plain.trunk] if plain else None
    return Exit(
        emergency=_emergency_egress(directory, extension),
        plain=plain,
        country=domain.country,
        number_format=trunk.number_format if trunk else "national",
        record=directory.records(extension.extension),
        suspended_until=math.ceil(max((until.timestamp() for until in ends), default=0)),
        max_calls=extension.max_calls,
        domain_max_calls=domain.max_calls,
        trunk_max_calls=trunk.max_calls if trunk else 0,
    )


def _emergency_egress(directory: Directory, extension: Extension) -> Egress | None:
    number = min(numbers.emergency_numbers(directory.domain.country), default=None)
    return _egress(number, directory, extension) if number else None


def _plain_egress(directory: Directory, extension: Extension) -> Egress | None:
    """The trunk for plain numbers; None if minutes a day are limited, since the switch does not
    know the rest. The switch itself waits for the end of a suspension.
    """
    permitted = plain_prefixes(directory.domain.country, "plain")
    if directory.domain.minutes_per_day is not None or not permitted:
        return None
    number = permitted[0].prefix.ljust(permitted[0].min_digits, "2")
    return _egress(number, directory, extension)


def _egress(number: str, directory: Directory, extension: Extension) -> Egress | None:
    context = RoutingContext(directory, now=_AFTER_ALL)
    found = routing.outside(number, context, extension=extension.extension)
    if not isinstance(found, CallOut):
        return None
    presented = routing.presented(found.hotline.number, found.party, directory)
    return Egress(UUID(found.party.endpoint), presented)


@lru_cache(1024)
def plain_prefixes(country: str, number_format: NumberFormat) -> tuple[PlainPrefix, ...]:
    """Prefixes of the country's own numbers, as dialled at home, that every domain may call. For a
    trunk with E.164 a prefix whose numbers are written in different ways is left out; other trunks
    get numbers as dialled, a national form.
    """
    code, region = (country, "") if country.isdigit() else ("", country)
    domain = Domain(UUID(int=0), "", country_code=code, region=region)
    permitted = barring.permitted_prefixes(domain, None, _AFTER_ALL)
    if number_format != "e164":
        return tuple(
            PlainPrefix(each.prefix, each.min_digits, each.max_digits) for each in permitted
        )
    return tuple(filter(None, (_international(each, country) for each in permitted)))


def _international(permitted: barring.PermittedPrefix, country: str) -> PlainPrefix | None:
    """The E.164 form of the prefix's first digits, derived from samples of each length with
    different further digits.
    """
    prefix, lengths = permitted.prefix, range(permitted.min_digits, permitted.max_digits + 1)
    samples = [(prefix + digit + _DIGITS * 2)[:length] for length in lengths for digit in _DIGITS]
    wanted = [numbers.formatted(sample, "e164", country) for sample in samples]
    for strip in range(len(prefix) + 1):
        lead = wanted[0].removesuffix(samples[0][strip:])
        if all(full == lead + each[strip:] for full, each in zip(wanted, samples, strict=True)):
            return PlainPrefix(prefix, permitted.min_digits, permitted.max_digits, strip, lead)
    return None
