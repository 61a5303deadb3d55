"""tongdai trigger: sample events, to a URL or into a domain's log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol, get_args
from uuid import UUID

import msgspec
import typer

from tongdai import dialects, errors, ids
from tongdai.cli import forwarding, options, remote, terminal
from tongdai.pbx import events, samples
from tongdai.pbx.call import Direction

DOMAIN = "test.example.vn"
CALL = "call"
"""All events of a call, one after the other."""


def trigger(
    event: Annotated[
        str, typer.Argument(help=f"One of {', '.join(events.NAMES)}; or call: a whole call.")
    ],
    *,
    customer: Annotated[
        str, typer.Option("--from", help="The customer's number.", show_default="0900000001")
    ] = "",
    extension: Annotated[
        str, typer.Option("--to", help="The extension.", show_default="201")
    ] = "",
    hotline: Annotated[
        str, typer.Option(help="The domain's number.", show_default="19001919")
    ] = "",
    direction: Annotated[Direction, typer.Option(help="Of the call.")] = "inbound",
    outcome: Annotated[
        str, typer.Option(help=f"One of {', '.join(get_args(samples.Outcome))}.")
    ] = "answered",
    talk_s: Annotated[int, typer.Option(min=0, help="Seconds of the talk.")] = 9,
    pause_s: Annotated[
        float, typer.Option(min=0, help="Seconds from one event of a call to the next.")
    ] = 1.0,
    call_id: Annotated[UUID | None, typer.Option(help="A UUID.", show_default="a new one")] = None,
    sip_call_id: Annotated[str, typer.Option(help="Any.", show_default="test-...")] = "",
    customer_id: Annotated[str, typer.Option(help="Any.")] = samples.MARK,
    forward: forwarding.To = "",
    secret: forwarding.Secret = "",
    callback_apikey: forwarding.CallbackApikey = "",
    header: forwarding.Headers = None,
    ca: forwarding.Ca = "",
    numbers_as_text: forwarding.NumbersAsText = False,
    url: remote.Url = "",
    api_key: remote.ApiKey = "",
    token: remote.Token = "",
    as_json: options.Json = False,
) -> None:
    """Fire sample events: to a URL as a webhook, or else to all subscriptions to them in the
    domain.

    In the domain they come by the feed too. No call is behind them; unless you give others, their
    customer_id is "test" and their sip_call_id begins with "test-". For the domain an admin's API
    key is needed; to a URL nothing needs to run.

    Example: tongdai trigger call --from 0909000111 --to 101 --forward http://localhost:3000/hook
    """
    if outcome not in get_args(samples.Outcome):
        known = ", ".join(get_args(samples.Outcome))
        raise errors.Invalid(f"one of {known} is needed", field="--outcome")
    given = {"customer": customer, "extension": extension, "hotline": hotline}
    sample = msgspec.convert(
        {
            "call_uuid": call_id or ids.new(),
            "at": datetime.now(UTC),
            "direction": direction,
            "outcome": outcome,
            "talk_s": talk_s,
            "sip_call_id": sip_call_id,
            "customer_id": customer_id,
            **{name: value for name, value in given.items() if value},
        },
        samples.Sample,
    )
    names = _names(event, sample)
    to = forwarding.Target(forward, secret, callback_apikey, header, ca, numbers_as_text)
    place = _forwarded(to) if forward else _published(remote.access(url, api_key, token))
    asyncio.run(_play(names, sample, place, pause_s, as_json=as_json))


def _names(event: str, sample: samples.Sample) -> tuple[events.EventName, ...]:
    if event == CALL:
        return samples.story(sample)
    name = next((known for known in events.NAMES if known == event), None)
    if name is None:
        known = ", ".join((*events.NAMES, CALL))
        raise errors.Invalid(f"one of {known} is needed", field="event")
    return (name,)


class Fired(msgspec.Struct, frozen=True):
    """What became of one event: a line for people, JSON, and whether it was accepted."""

    line: str
    json: dict[str, Any]
    is_accepted: bool = True


class Place(Protocol):
    """Fires an event of the sample there."""

    async def __call__(self, name: events.EventName, sample: samples.Sample) -> Fired: ...


async def _play(
    names: tuple[events.EventName, ...],
    sample: samples.Sample,
    place: Any,
    pause_s: float,
    *,
    as_json: bool,
) -> None:
    """Fires the events. Raises typer.Exit when the receiver refuses one."""
    async with place as fire:
        for index, name in enumerate(names):
            if index:
                await asyncio.sleep(pause_s)
            sample = msgspec.structs.replace(sample, at=datetime.now(UTC))
            fired = await fire(name, sample)
            terminal.json(fired.json) if as_json else terminal.say(fired.line)
            if not fired.is_accepted:
                raise typer.Exit(1)


@asynccontextmanager
async def _forwarded(to: forwarding.Target) -> AsyncIterator[Place]:
    async with forwarding.forwarding(to) as forwarder:

        async def fire(name: events.EventName, sample: samples.Sample) -> Fired:
            event = samples.sample(ids.new(), DOMAIN, name, sample)
            body = dialects.event_of(dialects.DEFAULT, event)
            receipt = await forwarder.post(event.event_uuid, body)
            shown = {
                "webhook_id": event.event_uuid,
                "event": name,
                "body": msgspec.Raw(body),
                "forwarded": receipt,
            }
            line = f"{name} {event.event_uuid} {receipt}"
            return Fired(line, shown, 200 <= receipt.status < 300)

        yield fire


@asynccontextmanager
async def _published(known: remote.Access) -> AsyncIterator[Place]:
    async with remote.opened(known) as api:

        async def fire(name: events.EventName, sample: samples.Sample) -> Fired:
            triggered = await remote.answer(
                api.post("/v1/event/trigger", json=_asked(name, sample))
            )
            domain = triggered["body"]["domain"]
            line = f"{name} {triggered['webhook_id']} is event {triggered['seq']} of {domain}"
            return Fired(line, triggered)

        yield fire


def _asked(name: events.EventName, sample: samples.Sample) -> dict[str, Any]:
    """The request for POST /v1/event/trigger."""
    asked = msgspec.to_builtins(sample)
    del asked["at"], asked["time_zone"]
    return {"event": name, "call_id": asked.pop("call_uuid"), **asked}
