"""tongdai event: a domain's subscriptions, what was delivered to them, and sending it again.

What sends webhooks is imported where it is used: aiohttp takes longer than all the rest.
"""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args
from uuid import UUID

import msgspec
import typer

from tongdai import dialects, errors, messages, settings
from tongdai.admin import subscriptions as admin
from tongdai.cli import options, session, terminal
from tongdai.store import deliveries, delivery_log, failing_subscriptions, subscriptions

if TYPE_CHECKING:
    from tongdai.webhooks.guard import Guard

app = typer.Typer(no_args_is_help=True, help="Event subscriptions and their deliveries.")

Id = Annotated[
    UUID, typer.Argument(metavar="ID", help="The subscription's id.", show_default=False)
]
SINCE = typer.Option(help="Events published from then on, UTC.", show_default=False)
UNTIL = typer.Option(help="And before then, UTC.", show_default=False)
COLUMNS = "id", "event_name", "callback_url", "enabled", "disabled_reason", "failing_since"
FAILING = (
    *("domain", "event_name", "callback_url", "failing_since", "due"),
    *("last_status", "last_error", "enabled", "id"),
)


class Shown(msgspec.Struct, frozen=True):
    """A subscription without its secrets."""

    id: UUID
    event_name: str
    callback_url: str
    enabled: bool
    disabled_reason: str
    failing_since: datetime | None
    previous_secret_until: datetime | None
    numbers_as_text: bool
    accept_redirects: bool
    callback_headers: tuple[str, ...]  # names
    callback_ca: str


@app.command("list")
def list_(*, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a domain's event subscriptions."""
    found = session.call(domain, subscriptions.list, session.master_key())
    terminal.many([_shown(one) for one in found], *COLUMNS, as_json=as_json)


@app.command()
def failing(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many of them.")] = 20,
    as_json: options.Json = False,
) -> None:
    """Show which subscriptions of all domains fail: those first for which most deliveries wait.

    With the status and the error of the last attempt; status 0 is no answer.

    Example: tongdai event failing --limit 5
    """
    found = session.run(lambda tx: failing_subscriptions.worst(tx, limit))
    terminal.many(found, *FAILING, as_json=as_json)


@app.command()
def show(subscription: Id, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Show a subscription: whether it is enabled, and why not."""
    terminal.one(_shown(_get(domain, subscription)), as_json=as_json)


@app.command("deliveries")
def deliveries_(
    subscription: Id,
    *,
    domain: options.Domain,
    event: Annotated[
        UUID | None,
        typer.Option(help="Show the attempts of this webhook-id alone.", show_default=False),
    ] = None,
    state: Annotated[str, typer.Option(help="due, delivered or failed.", show_default=False)] = "",
    since: Annotated[datetime | None, SINCE] = None,
    until: Annotated[datetime | None, UNTIL] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    as_json: options.Json = False,
) -> None:
    """Show what was delivered to a subscription, newest event first.

    Example: tongdai event deliveries 0192f3a4-... --domain sales.example.vn --state failed
    """
    _get(domain, subscription)
    if event:
        _, _, made = session.call(domain, delivery_log.get, subscription, event)
        return terminal.many(
            made, "at", "status", "latency_ms", "error", "callback_url", as_json=as_json
        )
    wanted = delivery_log.Filter(
        state=_one_of(("", *get_args(deliveries.State)), state),
        since=_utc(since) or delivery_log.FIRST,
        until=_utc(until) or delivery_log.LAST,
    )
    found = session.call(
        domain, delivery_log.page, subscription, wanted, limit=limit, before=2**63 - 1
    )
    columns = (
        "event_uuid",
        "event_name",
        "created_at",
        "state",
        "attempts",
        "status",
        "error",
        "due_at",
    )
    return terminal.many(found, *columns, as_json=as_json)


@app.command()
def resend(
    subscription: Id,
    *,
    domain: options.Domain,
    event: Annotated[
        UUID | None, typer.Option(help="Only the event of this webhook-id.", show_default=False)
    ] = None,
    state: Annotated[
        str,
        typer.Option(
            help="failed, delivered, or unsent (missed while disabled); all: all.",
            show_default=True,
        ),
    ] = "failed",
    since: Annotated[datetime | None, SINCE] = None,
    until: Annotated[datetime | None, UNTIL] = None,
    url: Annotated[
        str | None, typer.Option(help="Send there instead.", show_default=False)
    ] = None,
) -> None:
    """Send events again: one, or all of a state and time. Body and webhook-id stay.

    Example: tongdai event resend 0192f3a4-... --domain sales.example.vn --since 2026-11-20
    """
    if url:
        _guard().acceptable(url, "url")
    if event:
        done = session.call(domain, delivery_log.resend_one, subscription, event, url)
    else:
        choices = get_args(delivery_log.Choice)
        selection = delivery_log.Selection(
            states=choices if state == "all" else (_one_of(choices, state),),
            since=_utc(since) or delivery_log.FIRST,
            until=_utc(until) or delivery_log.LAST,
        )
        done = session.call(domain, delivery_log.resend, subscription, selection, url)
    terminal.say(f"{done.count} deliveries are due now.")
    if done.next:
        terminal.aside(
            f"There are more: go on with --since {done.next.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
        )


@app.command("test")
def try_(subscription: Id, *, domain: options.Domain, as_json: options.Json = False) -> None:
    """Send a sample event to a subscription now, and show what its endpoint said."""
    one = _get(domain, subscription)
    terminal.one(asyncio.run(_try(one, domain)), as_json=as_json)


@app.command()
def rotate_secret(
    subscription: Id, *, domain: options.Domain, as_json: options.Json = False
) -> None:
    """Replace a subscription's secret; deliveries are signed by both for 24 hours."""
    one = session.change(domain, subscriptions.rotate_secret, session.master_key(), subscription)
    terminal.one(_shown(one), as_json=as_json, secret=one.secret)
    terminal.once("secret")


@app.command()
def update(
    subscription: Id,
    *,
    domain: options.Domain,
    numbers_as_text: Annotated[
        bool | None,
        typer.Option(
            "--numbers-as-text/--no-numbers-as-text",
            help="duration and billsec are sent as text.",
            show_default=False,
        ),
    ] = None,
    accept_redirects: Annotated[
        bool | None,
        typer.Option(
            "--accept-redirects/--no-accept-redirects",
            help="302 and 303 count as accepted.",
            show_default=False,
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            help="A further header of each POST, such as 'x-make-apikey: abc'; they replace "
            "those before. May be repeated; '' removes all.",
            show_default=False,
        ),
    ] = None,
    ca: Annotated[
        str | None,
        typer.Option(
            help="A PEM file with certificates that the receiver is trusted by; '' for the usual "
            "authorities.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Change how a subscription's events are sent; what is not given stays.

    Example: tongdai event update 0192f3a4-... --domain sales.example.vn --accept-redirects
    """
    from tongdai.cli import forwarding  # noqa: PLC0415

    changes = options.given(
        numbers_as_text=numbers_as_text,
        accept_redirects=accept_redirects,
        callback_headers=None if header is None else forwarding.headers(header),
        callback_ca=None if ca is None else forwarding.certificates(ca),
    )
    found = _get(domain, subscription)
    changed = msgspec.structs.replace(found.options, **changes)
    one = session.change(domain, subscriptions.change, session.master_key(), subscription, changed)
    terminal.one(_shown(one), as_json=as_json)


@app.command()
def enable(subscription: Id, *, domain: options.Domain) -> None:
    """Enable a subscription, as if it had never failed."""
    session.change(domain, subscriptions.enable, subscription)
    terminal.say(
        f"Enabled {subscription}. What it missed: tongdai event resend {subscription} --state "
        "unsent"
    )


@app.command()
def disable(
    subscription: Id,
    *,
    domain: options.Domain,
    reason: Annotated[
        str, typer.Option(help="The reason that its owner reads.")
    ] = "Disabled by the operator.",
) -> None:
    """Disable a subscription; what is still due to it is given up."""
    session.change(
        domain, subscriptions.disable, subscription, reason.strip() or "Disabled by the operator."
    )
    terminal.say(f"Disabled {subscription}.")


def _get(domain: str, subscription: UUID) -> subscriptions.Subscription:
    return session.call(domain, subscriptions.get, session.master_key(), subscription)


async def _try(one: subscriptions.Subscription, domain: str) -> deliveries.Attempt:
    from tongdai import __version__  # noqa: PLC0415
    from tongdai.webhooks.client import Client  # noqa: PLC0415
    from tongdai.webhooks.trial import Trial  # noqa: PLC0415

    event = admin.sample(one, domain)
    async with Client(_guard(), __version__) as client:
        as_text = one.options.numbers_as_text
        body = dialects.event_of(one.dialect, event, numbers_as_text=as_text)
        return await Trial(client).send(one, event.event_uuid, body)


def _guard() -> "Guard":
    from tongdai.webhooks.guard import Guard  # noqa: PLC0415

    return Guard(settings.callback_networks(settings.load()))


def _one_of(choices: tuple[Any, ...], text: str) -> Any:
    if text not in choices:
        known = ", ".join(filter(None, choices))
        raise errors.Invalid(messages.ONE_OF(choices=known), field="state")
    return text


def _utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)


def _shown(one: subscriptions.Subscription) -> Shown:
    return Shown(
        one.subscription_uuid,
        one.event_name,
        one.callback_url,
        one.enabled,
        one.disabled_reason,
        one.failing_since,
        one.previous_secret_until,
        one.options.numbers_as_text,
        one.options.accept_redirects,
        tuple(one.options.callback_headers),
        one.options.callback_ca,
    )
