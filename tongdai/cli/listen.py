"""tongdai listen: shows a domain's events in a terminal as they happen, and forwards them to a
program on this machine.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import aiohttp
import msgspec
import typer

from tongdai.cli import forwarding, options, remote, terminal

FEED = "/v1/event/feed"
AGAIN_S = 1.0
_LINE_BYTES = 1 << 20


class Heard(msgspec.Struct, frozen=True):
    """One block of the stream. It has a name if it is an event."""

    seq: str = ""
    event: str = ""
    webhook_id: str = ""
    data: str = ""


def listen(
    *,
    forward: forwarding.To = "",
    events: Annotated[
        str, typer.Option(help="Only these, such as ringing,cdr.", show_default="all of them")
    ] = "",
    after: Annotated[
        int | None,
        typer.Option(min=0, help="Begin after that seq.", show_default="from now on"),
    ] = None,
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
    """Show a domain's events as they happen, and forward each to a URL as a webhook: no tunnel is
    needed.

    A line for each event, with the receiver's status; in JSON with all that is in it. After a
    broken connection it goes on where it was. What the receiver does not take is not tried again.
    Ctrl-C ends it.

    Example: tongdai listen --forward http://localhost:3000/hook --events ringing,cdr
    """
    query = {"event": events} if events else {}
    listener = Listener(
        remote.access(url, api_key, token),
        query,
        "" if after is None else str(after),
        as_json=as_json,
    )
    to = forwarding.Target(forward, secret, callback_apikey, header, ca, numbers_as_text)
    receiver = forwarding.forwarding(to) if forward else nullcontext()
    with suppress(KeyboardInterrupt):
        asyncio.run(listener.run(receiver))


class Listener:
    """Follows the stream of one domain."""

    def __init__(
        self, known: remote.Access, query: dict[str, str], seq: str, *, as_json: bool
    ) -> None:
        self._known, self._query, self._seq, self._as_json = known, query, seq, as_json

    async def run(
        self, receiver: AbstractAsyncContextManager[forwarding.Forwarder | None]
    ) -> None:
        """Follows the stream until it is refused. Raises typer.Exit, and errors.Unavailable if the
        first connection fails.
        """
        async with receiver as forwarder, remote.opened(self._known) as api:
            await self._follow(api, forwarder)
            while True:
                await asyncio.sleep(AGAIN_S)
                with suppress(aiohttp.ClientConnectionError, TimeoutError):
                    await self._follow(api, forwarder)

    async def _follow(
        self, api: aiohttp.ClientSession, forwarder: forwarding.Forwarder | None
    ) -> None:
        """Follows one connection to its end. Raises typer.Exit when the API refuses it
        for good.
        """
        async with api.get(
            FEED,
            params=self._query,
            headers=self._headers(),
            timeout=remote.streaming(),
            read_bufsize=_LINE_BYTES,
        ) as answer:
            if answer.status == 401 and self._known.api_key:
                return await remote.log_in(api, self._known)
            if answer.status in (429, 503):
                return await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
            if answer.status != 200:
                raise await remote.refused(answer)
            terminal.aside(
                f"Listening to {self._known.url}, "
                f"{f'after event {self._seq}' if self._seq else 'from now on'}."
            )
            try:
                async for heard in blocks(answer.content):
                    await self._hear(heard, forwarder)
            except (aiohttp.ClientError, TimeoutError):
                terminal.aside("The connection broke; connecting again.")
            return None

    def _headers(self) -> dict[str, str]:
        return {"Accept": "text/event-stream"} | (
            {"Last-Event-ID": self._seq} if self._seq else {}
        )

    async def _hear(self, heard: Heard, forwarder: forwarding.Forwarder | None) -> None:
        if heard.event:
            body = heard.data.encode()
            receipt = await forwarder.post(UUID(heard.webhook_id), body) if forwarder else None
            terminal.say(_json(heard, receipt) if self._as_json else _line(heard, receipt))
        self._seq = heard.seq or self._seq


async def blocks(content: aiohttp.StreamReader) -> AsyncIterator[Heard]:
    """Server-sent events (WHATWG HTML §9.2.6), as our stream writes them."""
    fields: dict[str, str] = {}
    async for line in content:
        if name_and_value := line.decode().rstrip("\r\n"):
            name, _, value = name_and_value.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            yield Heard(
                fields.get("id", ""),
                fields.get("event", ""),
                fields.get("webhook-id", ""),
                fields.get("data", ""),
            )
            fields = {}


def _json(heard: Heard, receipt: forwarding.Receipt | None) -> str:
    """One line of JSON with the whole event."""
    line: dict[str, Any] = {
        "seq": int(heard.seq),
        "webhook_id": heard.webhook_id,
        "event": heard.event,
        "body": msgspec.Raw(heard.data.encode()),
    }
    return msgspec.json.encode(line | ({"forwarded": receipt} if receipt else {})).decode()


def _line(heard: Heard, receipt: forwarding.Receipt | None) -> str:
    """One line for people: 16:20:03  #42 ringing   inbound 0900000001 -> 201  call 019adb1c...  ->
    204 in 12 ms
    """
    body = msgspec.json.decode(heard.data)
    if "call_id" in body:
        what = (
            f"{body['direction']} {body['from_number']} -> {body['to_number']}  call "
            f"{body['call_id']}"
        )
    else:
        what = heard.data  # a notice, which has no call
    line = f"{datetime.now(UTC).astimezone():%H:%M:%S}  #{heard.seq} {heard.event:<8}  {what}"
    return re.sub(r"[^\x20-\x7e\u00a0-\uffff]", "?", f"{line}  {receipt}" if receipt else line)
