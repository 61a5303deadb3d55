"""Routing: the destination of a dialled number."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai.pbx import (
    barring,
    causes,
    feature_codes,
    forwarding_reasons,
    hunting,
    inbound,
    numbers,
    settings_by_phone,
)
from tongdai.pbx.actions import Party, Setting
from tongdai.pbx.directory import (
    Caller,
    Directory,
    Domain,
    Extension,
    Hotline,
    RingGroup,
    Trunk,
)

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
    parked: frozenset[str] = frozenset()  # the slots at which calls of the domain are parked
    caller: Caller | None = None  # what is known of the number that calls from outside


class _Routed(msgspec.Struct, frozen=True, kw_only=True):
    """`by`: the reasons why it is another destination than the first one of the number called."""

    by: tuple[str, ...] = ()


class Ring(_Routed, frozen=True):
    """Hunt steps, one after the other; then `overflow`, if any.

    `release` is the release cause if there is no party to ring. `extension`: the only one that is
    called, which may forward the call; "" for a ring group, where nobody may. With an `extension`
    the overflow is to where that forwards, which may be outside.
    """

    steps: tuple[hunting.HuntStep, ...]
    timeout_s: int
    receive_dest: str = ""
    overflow: str = ""
    rotate: str = ""
    release: causes.ReleaseCause = causes.ABSENT
    extension: str = ""


class Enqueue(_Routed, frozen=True):
    queue: str


class Enter(_Routed, frozen=True):
    menu: str


class Change(_Routed, frozen=True):
    """A setting that the extension which calls has dialled."""

    setting: Setting


class ParkAt(_Routed, frozen=True):
    """The call is parked, at a free slot of the domain."""


class CallOut(_Routed, frozen=True):
    """A party outside, by a trunk of the hotline; `number` is the number as it was dialled.
    `further` are the same party by its next trunks, in order.
    """

    party: Party
    hotline: Hotline
    number: str = ""
    trunk_name: str = ""
    further: tuple[Party, ...] = ()


class Refuse(_Routed, frozen=True):
    """`reason`: the limit on outbound calls that refused the call, if any."""

    release: causes.ReleaseCause
    reason: barring.BarReason | None = None


Destination = Ring | Enqueue | Enter | Change | ParkAt | CallOut | Refuse


def inside(number: str, context: RoutingContext, caller: str = "") -> Destination | None:
    """The destination of an internal number, or of a hotline of the domain, which a call from
    inside reaches without a carrier; None if the domain does not have it. `caller` is an extension
    or "". An emergency number of the country is never internal.
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
    if number in directory.menus:
        return Enter(number)
    if hotline := directory.hotline(number):
        return from_hotline(hotline, context, caller)
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
    trunks = _trunks(chosen, directory)
    if not trunks and dialled.is_emergency:
        chosen = next((each for each in directory.by_default() if _trunks(each, directory)), None)
        trunks = _trunks(chosen, directory)
    if chosen is None or not trunks:
        return Refuse(causes.BARRED)
    reason = barring.bar_reason(dialled, domain, known, context.usage, context.now)
    free = [each for each in trunks if dialled.is_emergency or not is_full(each, context)]
    if reason is None and not free:
        reason = barring.BarReason.TRUNK
    if reason:
        return Refuse(barring.RELEASES[reason], reason)
    first, *further = (_party(number, trunk, domain) for trunk in free)
    return CallOut(first, chosen, number, free[0].name, tuple(further))


def _party(number: str, trunk: Trunk, domain: Domain) -> Party:
    wanted = numbers.formatted(number, trunk.number_format, domain.country)
    return Party(endpoint=str(trunk.trunk_uuid), number=wanted)


def presented(number: str, party: Party, directory: Directory) -> str:
    """The calling number in the format of the trunk that the party is called by."""
    trunk = directory.trunks[UUID(party.endpoint)]
    return numbers.formatted(number, trunk.number_format, directory.domain.country)


def _trunks(hotline: Hotline | None, directory: Directory) -> list[Trunk]:
    """The enabled trunks of calls that present a hotline; none if that is disabled."""
    return directory.trunks_of(hotline) if hotline and hotline.enabled else []


def next_trunk(
    further: Sequence[hunting.HuntStep], context: RoutingContext, extension: str
) -> tuple[list[hunting.HuntStep], barring.BarReason | None]:
    """The further trunks that may carry one more call now, in order; or the limit that bars a
    second attempt of the extension's call.
    """
    directory, free = context.directory, []
    for step in further:
        party = step.parties[0]
        trunk = directory.trunks.get(UUID(party.endpoint))
        dialled = numbers.parse(party.number, directory.domain.country)
        if trunk is None or not trunk.enabled or dialled is None:
            continue
        known = directory.extensions.get(extension)
        reason = barring.bar_reason(dialled, directory.domain, known, context.usage, context.now)
        if reason:
            return [], reason
        if dialled.is_emergency or not is_full(trunk, context):
            free.append(step)
    return free, None


def is_full(trunk: Trunk, context: RoutingContext) -> bool:
    """Whether the trunk has its maximum of calls, in and out together."""
    return context.by_trunk.get(str(trunk.trunk_uuid), 0) >= trunk.max_calls


def from_phone(
    number: str, context: RoutingContext, extension: str, *, by: str = ""
) -> Destination:
    """The destination of a number that an extension dials, or to which extension `by` transfers:
    feature codes first, then internal numbers.
    """
    own_codes = context.directory.domain.feature_codes
    if dialled := feature_codes.dialled(number, own_codes):
        if by:
            return ParkAt() if dialled.feature == "park" else Refuse(causes.UNALLOCATED)
        return _by_code(dialled, context, extension)
    if known := inside(number, context, extension):
        return known
    return outside(number, context, extension=by or extension)


def _by_code(
    dialled: feature_codes.Dialled, context: RoutingContext, extension: str
) -> Change | Refuse:
    """The setting that the extension dialled; to forward outside it may where it may call."""
    directory = context.directory
    made = settings_by_phone.setting(dialled, extension, directory)
    if isinstance(made, causes.ReleaseCause):
        return Refuse(made)
    number = dialled.argument
    is_number = made.noun == "extension" and number != ""
    if is_number and not directory.is_internal(number):
        found = outside(number, context, extension=extension)
        if isinstance(found, Refuse):
            return found
    return Change(made)


def from_hotline(
    hotline: Hotline | None,
    context: RoutingContext,
    caller: str = "",
    known: Caller | None = None,
) -> Destination:
    """The destination of a call to one of the domain's hotlines; `caller` is the extension that
    calls it, "" for a party outside, of which `known` is known. A hotline leads to no other
    hotline.
    """
    if hotline is None or not hotline.enabled:
        return Refuse(causes.UNALLOCATED)
    directory = context.directory
    target = inbound.target(hotline, directory, context.now, known)
    found: Destination | None = Refuse(target.release)
    if target.number and not directory.hotline(target.number):
        found = inside(target.number, context, caller)
        if found is None and target.by:  # its own destination is never outside
            found = outside(target.number, context, extension=caller, hotline=hotline.number)
    found = found or Refuse(causes.UNALLOCATED)
    if known and target.by == (inbound.ROUTED,):
        found = _or_static(found, hotline, target.number)
    return replace(found, by=target.by) if target.by else found


def _or_static(found: Destination, hotline: Hotline, number: str) -> Destination:
    """The caller's own destination, that `number`; the hotline's if that one cannot be called, or
    does not answer and leads nowhere itself.
    """
    if isinstance(found, Refuse):
        found = Ring((), 0, release=found.release)
    if isinstance(found, Ring) and not found.overflow and number != hotline.destination:
        return replace(found, overflow=hotline.destination)
    return found


def _extension(extension: Extension, context: RoutingContext) -> Destination:
    if not extension.enabled:
        return Refuse(causes.ABSENT)
    if extension.forward_always:
        return _forwarded(extension, "forward_always", causes.ABSENT)
    if not _reachable(extension.extension, context):
        if extension.forward_busy:
            return _forwarded(extension, "forward_busy", causes.BUSY)
        return Refuse(causes.BUSY)
    parties = tuple(map(Party, context.directory.endpoints(extension.extension)))
    return Ring(
        steps=(hunting.HuntStep(parties, extension.ring_timeout_s),),
        timeout_s=extension.ring_timeout_s,
        extension=extension.extension,
    )


def _forwarded(
    extension: Extension, setting: forwarding_reasons.Setting, release: causes.ReleaseCause
) -> Ring:
    """The extension does not ring: its calls go on to where the setting says."""
    return Ring(
        (),
        0,
        overflow=getattr(extension, setting),
        release=release,
        extension=extension.extension,
        by=(forwarding_reasons.reason(setting, extension.extension),),
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
    is_free = known is not None and known.enabled and not known.do_not_disturb
    return known is not None and is_free and others < known.max_calls


def may_call(extension: str, context: RoutingContext) -> bool:
    """Whether the extension may begin one more call."""
    known = context.directory.extensions.get(extension)
    talks = context.talks.get(extension, 0)
    return known is not None and known.enabled and talks < known.max_calls


def _is_enabled(extension: str, context: RoutingContext) -> bool:
    known = context.directory.extensions.get(extension)
    return known is not None and known.enabled
