"""Events sent once, without retries, as webhooks to a URL of the developer's own, signed like real
ones.
"""

import base64
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
import typer

from tongdai import __version__, errors
from tongdai.cli import terminal
from tongdai.webhooks import guard, retry, sign
from tongdai.webhooks.client import Client

To: TypeAlias = Annotated[
    str,
    typer.Option("--forward", help="A URL that gets each event as a webhook.", show_default=False),
]
Secret: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Secret that signs them: whsec_ and base64.",
        show_default="a new one, which is printed",
    ),
]
CallbackApikey: TypeAlias = Annotated[
    str, typer.Option(help="Sent as it is in their Authorization header.", show_default=False)
]
_ANYWHERE = ("0.0.0.0/0", "::/0")


class Receipt(msgspec.Struct, frozen=True):
    """The receiver's HTTP status; 0 without a response, with the reason."""

    status: int
    latency_ms: int
    error: str

    def __str__(self) -> str:
        return f"-> {self.status or self.error} in {self.latency_ms} ms"


class Forwarder:
    """Posts to one URL."""

    def __init__(self, client: Client, url: str, key: bytes, apikey: str) -> None:
        self._client, self._url, self._key = client, url, key
        self._own = {"Authorization": apikey} if apikey else {}

    async def post(self, event_uuid: UUID, body: bytes) -> Receipt:
        """The receiver's response to one POST."""
        headers = sign.headers(event_uuid, int(time.time()), body, [self._key])
        answer: retry.Answer = await self._client.post(self._url, headers | self._own, body)
        return Receipt(answer.status, int(answer.latency_s * 1000), answer.error)


@asynccontextmanager
async def forwarding(url: str, secret: str, apikey: str) -> AsyncIterator[Forwarder]:
    """A forwarder to the URL. Prints the secret when it is a new one. Raises errors.Invalid."""
    anywhere = guard.Guard(_ANYWHERE)
    try:
        anywhere.acceptable(url)
    except errors.Invalid as reason:
        raise errors.Invalid(reason.why, field="--forward") from reason
    if not secret:
        secret = sign.PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        terminal.aside(f"Signed with {secret}")
    key = sign.key(secret)
    async with Client(anywhere, __version__) as client:
        yield Forwarder(client, url, key, apikey)
