"""tongdai trigger: a sample event, to a URL or into a domain's log."""

import asyncio
from typing import Annotated

import msgspec
import typer

from tongdai import dialects, errors, ids
from tongdai.cli import forwarding, options, remote, terminal
from tongdai.pbx import events, samples

DOMAIN = "test.example.vn"


def trigger(
    event: Annotated[str, typer.Argument(help=f"One of {', '.join(events.NAMES)}.")],
    *,
    forward: forwarding.To = "",
    secret: forwarding.Secret = "",
    callback_apikey: forwarding.CallbackApikey = "",
    url: remote.Url = "",
    api_key: remote.ApiKey = "",
    token: remote.Token = "",
    as_json: options.Json = False,
) -> None:
    """Fire a sample event: to a URL as a webhook, or else to all subscriptions to it in the
    domain.

    In the domain it comes by the feed too. Its customer_id is "test" and its sip_call_id begins
    with "test-"; no call is behind it. For the domain an admin's API key is needed; to a URL
    nothing needs to run.

    Example: tongdai trigger ringing --forward http://localhost:3000/hook
    """
    name = next((known for known in events.NAMES if known == event), None)
    if name is None:
        raise errors.Invalid(f"one of {', '.join(events.NAMES)} is needed", field="event")
    if forward:
        asyncio.run(_forward(name, forward, secret, callback_apikey, as_json=as_json))
    else:
        asyncio.run(_publish(name, remote.access(url, api_key, token), as_json=as_json))


async def _forward(
    name: events.EventName, url: str, secret: str, apikey: str, *, as_json: bool
) -> None:
    """Sends the event. Raises typer.Exit when the receiver refuses it."""
    event = samples.sample(ids.new(), DOMAIN, name, ids.new())
    body = dialects.event_of(dialects.DEFAULT, event)
    async with forwarding.forwarding(url, secret, apikey) as forwarder:
        receipt = await forwarder.post(event.event_uuid, body)
    if as_json:
        terminal.json(
            {
                "webhook_id": event.event_uuid,
                "event": name,
                "body": msgspec.Raw(body),
                "forwarded": receipt,
            }
        )
    else:
        terminal.say(f"{name} {event.event_uuid} {receipt}")
    if not 200 <= receipt.status < 300:
        raise typer.Exit(1)


async def _publish(name: events.EventName, known: remote.Access, *, as_json: bool) -> None:
    async with remote.opened(known) as api:
        triggered = await remote.answer(api.post("/v1/event/trigger", json={"event": name}))
    if as_json:
        terminal.json(triggered)
    else:
        domain = triggered["body"]["domain"]
        terminal.say(f"{name} {triggered['webhook_id']} is event {triggered['seq']} of {domain}")
