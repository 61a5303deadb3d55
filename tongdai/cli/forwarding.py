"""Events sent once, without retries, as webhooks to a URL of the developer's own, signed like real
ones.
"""

import base64
import os
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
import typer

from tongdai import __version__, dialects, errors, files
from tongdai.cli import terminal
from tongdai.store import checks
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
        show_default="yours: made once, kept, and printed",
    ),
]
CallbackApikey: TypeAlias = Annotated[
    str, typer.Option(help="Sent as it is in their Authorization header.", show_default=False)
]
Headers: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        help="A further header, such as 'x-make-apikey: abc'; may be repeated.",
        show_default=False,
    ),
]
Ca: TypeAlias = Annotated[
    str,
    typer.Option(
        help="A PEM file with certificates that the receiver is trusted by.", show_default=False
    ),
]
NumbersAsText: TypeAlias = Annotated[
    bool, typer.Option("--numbers-as-text", help="duration and billsec are sent as text.")
]
_ANYWHERE = ("0.0.0.0/0", "::/0")


class Target(msgspec.Struct, frozen=True):
    """The URL, and how events are sent to it: the values of the options above."""

    url: str
    secret: str = ""
    callback_apikey: str = ""
    header: Sequence[str] | None = None
    ca: str = ""
    numbers_as_text: bool = False


class Receipt(msgspec.Struct, frozen=True):
    """The receiver's HTTP status; 0 without a response, with the reason."""

    status: int
    latency_ms: int
    error: str

    def __str__(self) -> str:
        return f"-> {self.status or self.error} in {self.latency_ms} ms"


class Forwarder:
    """Posts to one URL."""

    def __init__(
        self, client: Client, to: Target, key: bytes, own: dict[str, str], trusted: str
    ) -> None:
        self._client, self._to, self._key = client, to, key
        self._own, self._trusted = own, trusted

    async def post(self, event_uuid: UUID, body: bytes) -> Receipt:
        """The receiver's response to one POST."""
        body = dialects.as_text(body) if self._to.numbers_as_text else body
        signed = sign.headers(event_uuid, int(time.time()), body, [self._key])
        answer: retry.Answer = await self._client.post(
            self._to.url, self._own | signed, body, trusted=self._trusted
        )
        return Receipt(answer.status, int(answer.latency_s * 1000), answer.error)


@asynccontextmanager
async def forwarding(to: Target) -> AsyncIterator[Forwarder]:
    """A forwarder to the URL. Prints the secret unless one is given. Raises errors.Invalid."""
    anywhere = guard.Guard(_ANYWHERE)
    try:
        anywhere.acceptable(to.url)
    except errors.Invalid as reason:
        raise errors.Invalid(reason.why, field="--forward") from reason
    own, trusted = headers(to.header or ()), certificates(to.ca)
    if to.callback_apikey:
        own["Authorization"] = to.callback_apikey
    if not (secret := to.secret):
        secret = _kept_secret()
        terminal.aside(f"Signed with {secret}")
        terminal.aside(
            f"The same each time. For the example receivers: echo {secret} > secrets.txt"
        )
    key = sign.key(secret)
    async with Client(anywhere, __version__) as client:
        yield Forwarder(client, to, key, own, trusted)


def headers(given: Sequence[str]) -> dict[str, str]:
    """The headers of texts such as "x-make-apikey: abc"; "" is none. Raises errors.Invalid."""
    pairs = [text.partition(":") for text in given if text]
    if any(not colon for _, colon, _ in pairs):
        raise errors.Invalid("NAME: VALUE is needed", field="--header")
    return checks.callback_headers({name.strip(): value.strip() for name, _, value in pairs})


def certificates(path: str) -> str:
    """The certificates in the PEM file; "" for "". Raises errors.Invalid."""
    if not path:
        return ""
    try:
        return checks.certificates(Path(path).expanduser().read_text(), "--ca")
    except (OSError, UnicodeDecodeError) as reason:
        raise errors.Invalid(str(reason), field="--ca") from reason


def _kept_secret() -> str:
    """The user's own secret, the same each time; a new one where it cannot be kept."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "tongdai"
    path = folder / "listen-secret"
    with suppress(OSError, UnicodeDecodeError, errors.Invalid):
        sign.key(known := path.read_text().strip())
        return known
    made = sign.PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(path, f"{made}\n")
    return made
