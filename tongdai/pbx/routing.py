"""Routing: the destination of a dialled number."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import msgspec

from tongdai.pbx import barring, causes, hunting, numbers
from tongdai.pbx.actions import Party
from tongdai.pbx.directory import Directory, Extension, Hotline, RingGroup, Trunk

# carriers time out before; RFC 3261 §16.6 requires more than 180 only of proxies
OUTBOUND_TIMEOUT_S = 90
MAX_OVERFLOWS = 5  # a chain of overflows longer than this is a ring


class RoutingContext(msgspec.Struct, frozen=True):
    """The input of a decision besides the call: the domain's directory, and the numbers of live
    calls.
    """

    directory: Directory
    now: datetime
    talks: Mapping[str, int] = MappingProxyType({})  # extension -> live calls
    calls: int = 0  # live calls of the domain
    recording_url: str = ""  # prefix of a recording's token
    # extensions for which `talks` includes the call being decided
    own: frozenset[str] = frozenset()
    # trunk's UUID -> its live calls, of all domains
    by_trunk: Mapping[str, int] = MappingProxyType({})
    usage: barring.Usage = barring.Usage()
    absent: frozenset[str] = frozenset()  # agents of queues without a reachable phone


class Ring(msgspec.Struct, frozen=True):
    """Hunt steps, one after the other; then `overflow`, if any.

    `release` is the release cause if there is no party to ring. `extension`: the only one that is
    called, which may forward the call; "" for a ring group, where nobody may.
    """

    steps: tuple[hunting.HuntStep, ...]
    timeout_s: int
    receive_dest: str = ""
    overflow: str = ""
    rotate: str = ""
    release: causes.ReleaseCause = causes.ABSENT
    extension: str = ""


class Enqueue(msgspec.Struct, frozen=True):
    queue: str


class CallOut(msgspec.Struct, frozen=True):
    """A party outside; `number` is the number as it was dialled."""

    party: Party
    hotline: Hotline
    number: str = ""
    trunk_name: str = ""


class Refuse(msgspec.Struct, frozen=True):
    """`reason`: the limit on outbound calls that refused the call, if any."""

    release: causes.ReleaseCause
    reason: barring.BarReason | None = None


Destination = Ring | Enqueue | CallOut | Refuse


def inside(number: str, context: RoutingContext, caller: str = "") -> Destination | None:
    """The destination of an internal number; None if the domain does not have it. `caller` is an
    extension or "". An emergency number of the country is never internal.
    """
    directory = context.directory
    if numbers.is_emergency(number, directory.domain.country):
        return None
    if extension := directory.extensions.get(number):
        return Refuse(causes.BUSY) if number == caller else _extension(extension, context)
    if group := directory.ring_groups.get(number):
        return _ring_group(group, context, caller)
    if queue := directory.queues.get(number):
        present = (agent for agent in queue.agents if agent not in context.absent)
        has_agents = any(_is_enabled(agent, context) for agent in present)
        return (
            Enqueue(number)
            if has_agents
            else Ring((), 0, receive_dest=number, overflow=queue.overflow)
        )
    return None


def outside(
    number: str, context: RoutingContext, *, extension: str = "", hotline: str = ""
) -> CallOut | Refuse:
    """The hotline and trunk for a public number, and its form for that trunk.

    `hotline` "" means the extension's own, else the domain's default. An emergency call goes out
    regardless of limits, and by any enabled hotline if that one is not.
    """
    directory, domain = context.directory, context.directory.domain
    dialled = numbers.parse(number, domain.country)
    if dialled is None:
        return Refuse(causes.UNALLOCATED)
    known = directory.extensions.get(extension)
    chosen = directory.hotline(hotline) if hotline else directory.default_hotline(known)
    trunk = _trunk(chosen, directory)
    if trunk is None and dialled.is_emergency:
        chosen = next((each for each in directory.by_default() if _trunk(each, directory)), None)
        trunk = _trunk(chosen, directory)
    if chosen is None or trunk is None:
        return Refuse(causes.BARRED)
    reason = barring.bar_reason(dialled, domain, known, context.usage, context.now)
    if reason is None and is_full(trunk, context) and not dialled.is_emergency:
        reason = barring.BarReason.TRUNK
    if reason:
        return Refuse(barring.RELEASES[reason], reason)
    wanted = numbers.formatted(number, trunk.number_format, domain.country)
    return CallOut(
        Party(endpoint=str(trunk.trunk_uuid), number=wanted), chosen, number, trunk.name
    )


def presented(number: str, party: Party, directory: Directory) -> str:
    """The calling number in the format of the trunk that the party is called by."""
    trunk = directory.trunks[UUID(party.endpoint)]
    return numbers.formatted(number, trunk.number_format, directory.domain.country)


def _trunk(hotline: Hotline | None, directory: Directory) -> Trunk | None:
    """The trunk of calls that present a hotline; None if either is disabled."""
    trunk = directory.trunks.get(hotline.trunk_uuid) if hotline and hotline.enabled else None
    return trunk if trunk and trunk.enabled else None


def is_full(trunk: Trunk, context: RoutingContext) -> bool:
    """Whether the trunk has its maximum of calls, in and out together."""
    return context.by_trunk.get(str(trunk.trunk_uuid), 0) >= trunk.max_calls


def from_phone(
    number: str, context: RoutingContext, extension: str, *, by: str = ""
) -> Destination:
    """The destination of a number that an extension dials, or to which extension `by` transfers:
    internal numbers first.
    """
    if known := inside(number, context, extension):
        return known
    return outside(number, context, extension=by or extension)


def from_hotline(hotline: Hotline | None, context: RoutingContext) -> Destination:
    """The destination of a carrier's call to one of the domain's hotlines."""
    if hotline is None or not hotline.enabled or not hotline.destination:
        return Refuse(causes.UNALLOCATED)
    return inside(hotline.destination, context) or Refuse(causes.UNALLOCATED)


def _extension(extension: Extension, context: RoutingContext) -> Destination:
    if not extension.enabled:
        return Refuse(causes.ABSENT)
    if not _reachable(extension.extension, context):
        return Refuse(causes.BUSY)
    parties = tuple(map(Party, context.directory.endpoints(extension.extension)))
    return Ring(
        steps=(hunting.HuntStep(parties, extension.ring_timeout_s),),
        timeout_s=extension.ring_timeout_s,
        extension=extension.extension,
    )


def _ring_group(group: RingGroup, context: RoutingContext, caller: str) -> Ring:
    """The hunt steps of the group, without the calling extension."""
    others = [member for member in group.members if member != caller]
    steps = hunting.steps(
        group,
        lambda member: member != caller and _reachable(member, context),
        context.directory.endpoints,
    )
    return Ring(
        steps=steps,
        timeout_s=group.timeout_s,
        receive_dest=group.number,
        overflow=group.overflow,
        rotate=group.number if hunting.rotates(group.strategy) else "",
        release=causes.BUSY
        if any(_is_enabled(member, context) for member in others)
        else causes.ABSENT,
    )


def _reachable(extension: str, context: RoutingContext) -> bool:
    """Whether the extension may get one more call."""
    known = context.directory.extensions.get(extension)
    others = context.talks.get(extension, 0) - (extension in context.own)
    return known is not None and known.enabled and others < known.max_calls


def _is_enabled(extension: str, context: RoutingContext) -> bool:
    known = context.directory.extensions.get(extension)
    return known is not None and known.enabled
