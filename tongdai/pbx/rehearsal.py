"""A click-to-call that is only thought through: what would happen, and why not."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai.pbx import setup, simulation
from tongdai.pbx.commands import ClickToCall, Outcome
from tongdai.pbx.directory import Directory, Extension, Hotline
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import CommandAsked
from tongdai.pbx.simulation import Question, Route
from tongdai.pbx.step import Declined

_CALL = UUID(int=0)

LoadName = Literal[
    "domain_calls", "extension_calls", "calls_per_minute", "minutes_per_day", "trunk_calls"
]


class RegisteredPhone(msgspec.Struct, frozen=True):
    """A phone that is registered. `since` is None if it was so before the engine began to look."""

    endpoint: str
    address: str
    is_reachable: bool
    since: datetime | None
    expires_at: datetime


class ExtensionNow(msgspec.Struct, frozen=True, kw_only=True):
    """The extension that would call, as it is now."""

    extension: str
    is_known: bool
    is_enabled: bool = False
    suspended_until: datetime | None = None
    suspended_why: str = ""
    phones: tuple[RegisteredPhone, ...] = ()


class Load(msgspec.Struct, frozen=True):
    """How much of a limit is used; `most` None is no limit. `name` is of a trunk."""

    limit: LoadName
    used: int
    most: int | None
    name: str = ""


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What the command would come to. `outcome` has no error if the extension would ring; `route`
    is the way of the call after it has answered, None for an unknown extension.
    """

    outcome: Outcome
    extension: ExtensionNow
    loads: tuple[Load, ...]
    route: Route | None


Registered = Mapping[str, Sequence[RegisteredPhone]]
"""The registered phones of each device, by its endpoint."""


def rehearse(command: ClickToCall, registered: Registered, context: RoutingContext) -> Rehearsal:
    """What the click-to-call would do now, by the code that decides real ones."""
    directory = context.directory
    own = [each for name in directory.endpoints(command.ext) for each in registered.get(name, ())]
    contacts = [phone.address for phone in own if phone.is_reachable]
    asked = CommandAsked(_CALL, "rehearsal", context.now, directory.domain.domain_uuid, command)
    made = setup.click_to_call(asked, contacts, "", context)
    outcome = made.answer.outcome if isinstance(made, Declined) else Outcome()
    known = directory.extensions.get(command.ext)
    return Rehearsal(
        outcome=outcome,
        extension=_extension(command.ext, known, tuple(own)),
        loads=tuple(_loads(known, context)),
        route=_route(command, registered, context) if known else None,
    )


def _extension(
    number: str, known: Extension | None, phones: tuple[RegisteredPhone, ...]
) -> ExtensionNow:
    if known is None:
        return ExtensionNow(extension=number, is_known=False)
    return ExtensionNow(
        extension=number,
        is_known=True,
        is_enabled=known.enabled,
        suspended_until=known.suspended_until,
        suspended_why=known.suspended_why,
        phones=phones,
    )


def _route(command: ClickToCall, registered: Registered, context: RoutingContext) -> Route:
    """The way to the number once the extension has answered; a call of its own to the same number
    goes the same, by the hotline that the command asks for.
    """
    wanted = context.directory.hotline(command.hotline or command.dest_cid_number)
    if wanted and wanted.enabled:
        context = replace(context, directory=_presenting(context.directory, command.ext, wanted))
    phones = {name: _reachable(each) for name, each in registered.items()}
    return simulation.simulate(Question(command.ext, command.phone), context, phones)


def _presenting(directory: Directory, extension: str, hotline: Hotline) -> Directory:
    """The directory in which the extension's own hotline is that one."""
    own = replace(directory.extensions[extension], hotline=hotline.number)
    return replace(directory, extensions=directory.extensions | {extension: own})


def _reachable(phones: Sequence[RegisteredPhone]) -> int:
    return sum(phone.is_reachable for phone in phones)


def _loads(known: Extension | None, context: RoutingContext) -> list[Load]:
    domain, usage = context.directory.domain, context.usage
    found = [Load("domain_calls", context.calls, domain.max_calls)]
    if known:
        calls = context.talks.get(known.extension, 0)
        found.append(Load("extension_calls", calls, known.max_calls))
    found += [
        Load("calls_per_minute", usage.started, domain.calls_per_minute),
        Load("minutes_per_day", usage.talked_s // 60, domain.minutes_per_day),
    ]
    trunks = sorted(context.directory.trunks.values(), key=lambda trunk: trunk.name)
    for trunk in trunks:
        used = context.by_trunk.get(str(trunk.trunk_uuid), 0)
        found.append(Load("trunk_calls", used, trunk.max_calls, trunk.name))
    return found
