"""The way of a call and the rehearsal of a click-to-call as clients read them, with texts in their
language.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from tongdai.dialects.view import Utc
from tongdai.pbx import rehearsal, simulation
from tongdai.pbx.call import Direction
from tongdai.pbx.causes import Status
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.explanation import Limit


class RouteStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the way."""

    kind: simulation.Kind
    after_s: Annotated[int, Meta(description="Seconds from the start of the call.")]
    lasts_s: Annotated[int, Meta(description="Seconds that it lasts at most.")]
    extensions: Annotated[
        tuple[str, ...], Meta(description="Those that ring, or are passed over.")
    ]
    number: Annotated[str, Meta(description="The number that is dialled outside.")]
    trunk: str
    presented: Annotated[str, Meta(description="The calling number that they see.")]
    is_recorded: bool
    text: Annotated[str, Meta(description="Why, for people, in their language.")]


class RouteEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a call that nobody answers."""

    status: Status
    cause: str
    sip_status: Annotated[
        int, Meta(description="What the caller gets; 0 if it had been answered, as by a queue.")
    ]
    limit: Annotated[Limit, Meta(description='The limit that stopped it; "" for none.')]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The way of a call that nobody answers. Whoever answers ends it."""

    direction: Direction
    at: Utc
    steps: tuple[RouteStep, ...]
    end: Annotated[RouteEnd | None, Meta(description="null if there are too many steps to show.")]


class ClickPhone(msgspec.Struct, frozen=True, kw_only=True):
    """A registered phone of the extension."""

    device: str
    address: Annotated[str, Meta(examples=["203.0.113.9:5060"])]
    is_reachable: bool
    registered_since: Annotated[
        Utc | None, Meta(description="null if it was registered before the engine started.")
    ]
    expires_at: Utc


class ClickExtension(msgspec.Struct, frozen=True, kw_only=True):
    """The extension that would call."""

    extension: str
    is_known: bool
    is_enabled: bool
    suspended_until: Utc | None
    suspended_why: str
    phones: tuple[ClickPhone, ...]


class LimitUse(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a limit is used now."""

    limit: rehearsal.LoadName
    used: int
    most: Annotated[int | None, Meta(description="null: no limit.")]
    trunk: str


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What a click-to-call would do. Nothing rang."""

    would_call: Annotated[bool, Meta(description="Whether the extension's phones would ring.")]
    error: Annotated[str, Meta(description='The code that the call would get; "" for none.')]
    message: Annotated[str, Meta(description="The same for people.")]
    extension: ClickExtension
    limits: tuple[LimitUse, ...]
    route: Annotated[
        Route | None, Meta(description="The way to the number, once the extension has answered.")
    ]


def route(found: simulation.Route, language: str) -> Route:
    """The way, with its texts in the language."""
    return Route(
        direction=found.direction,
        at=found.at,
        steps=tuple(_step(each, language) for each in found.steps),
        end=_end(found.end) if found.end else None,
    )


def _end(end: simulation.End) -> RouteEnd:
    return RouteEnd(status=end.status, cause=end.cause, sip_status=end.sip_status, limit=end.limit)


def rehearsed(found: rehearsal.Rehearsal, message: str, language: str) -> Rehearsal:
    """The rehearsal; `message` is that of the error that the call would get."""
    own = found.extension
    return Rehearsal(
        would_call=not found.outcome.error,
        error=found.outcome.error,
        message=message,
        extension=ClickExtension(
            extension=own.extension,
            is_known=own.is_known,
            is_enabled=own.is_enabled,
            suspended_until=own.suspended_until,
            suspended_why=own.suspended_why,
            phones=tuple(map(_phone, own.phones)),
        ),
        limits=tuple(
            LimitUse(limit=each.limit, used=each.used, most=each.most, trunk=each.name)
            for each in found.loads
        ),
        route=route(found.route, language) if found.route else None,
    )


def _step(step: simulation.RouteStep, language: str) -> RouteStep:
    return RouteStep(
        kind=step.kind,
        after_s=step.after_s,
        lasts_s=step.lasts_s,
        extensions=step.extensions,
        number=step.number,
        trunk=step.trunk,
        presented=step.presented,
        is_recorded=step.is_recorded,
        text=step.why.of(language),
    )


def _phone(phone: rehearsal.RegisteredPhone) -> ClickPhone:
    device = Endpoint.parse(phone.endpoint)
    return ClickPhone(
        device=device.device if device else phone.endpoint,
        address=phone.address,
        is_reachable=phone.is_reachable,
        registered_since=phone.since,
        expires_at=phone.expires_at,
    )
