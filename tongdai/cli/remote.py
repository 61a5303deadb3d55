"""Access to a running tongdai over its API: by the data folder on this machine, or by URL and key
from another one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import aiohttp
import msgspec
import typer

from tongdai import errors, settings

Url: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="TONGDAI_URL", help="URL of the API.", show_default="that of the data folder"
    ),
]
ApiKey: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="TONGDAI_API_KEY",
        help="The domain.",
        show_default="the demo's, of the data folder",
    ),
]
Token: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="TONGDAI_TOKEN", help="Instead of an API key, for a day.", show_default=False
    ),
]
_ANSWER_S = 10.0
_SILENT_S = 60.0  # streams have a heartbeat every 15 seconds


class Access(msgspec.Struct, frozen=True):
    """The URL of the API, and the API key or token for it."""

    url: str
    api_key: str = ""
    token: str = ""


def access(url: str = "", api_key: str = "", token: str = "") -> Access:
    """The given values; ready.json of the data folder gives the missing ones. Raises
    errors.SetupError.
    """
    path = settings.load().data / settings.READY
    known = _known(path) if path.exists() else {}
    here = str(known.get("base_url", ""))
    url = url.rstrip("/") or here
    if not url:
        raise errors.SetupError(
            f"nothing runs on {path.parent}: start it with tongdai up --sandbox"
        )
    if not url.startswith(("http://", "https://")):
        raise errors.SetupError(f"{url} is no URL of an API")
    if not (api_key or token) and url == here:
        api_key = known.get("api_key", "")
    if not (api_key or token):
        why = "it runs without the sandbox, whose key is known" if url == here else f"for {url}"
        raise errors.SetupError(f"--api-key or --token is needed: {why}")
    return Access(url, api_key, token)


def _known(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as reason:
        raise errors.SetupError(
            f"{path} is cut short, as by a power loss: start tongdai up again, which writes it"
        ) from reason


@asynccontextmanager
async def opened(known: Access) -> AsyncIterator[aiohttp.ClientSession]:
    """A session with the API that carries a token. Raises errors.Unavailable when the API does not
    answer.
    """
    limit = aiohttp.ClientTimeout(total=_ANSWER_S)
    try:
        async with aiohttp.ClientSession(known.url, timeout=limit) as api:
            await log_in(api, known)
            yield api
    except aiohttp.ClientConnectorCertificateError as reason:
        why = reason.certificate_error
        raise errors.Unavailable(untrusted(known.url, why)) from reason
    except aiohttp.ClientConnectionError as reason:
        raise errors.Unavailable(f"{known.url} does not answer.") from reason
    except TimeoutError as reason:
        raise errors.Unavailable(f"{known.url} does not answer in time.") from reason


def untrusted(url: str, why: Exception) -> str:
    """The words for a server whose certificate does not prove that it is that server."""
    said = getattr(why, "verify_message", "") or why
    return (
        f"{url} answers, but its certificate is not trusted: {said}. Set SSL_CERT_FILE to the "
        "certificate of its authority."
    )


async def log_in(api: aiohttp.ClientSession, known: Access) -> None:
    """Requests carry a token from now on: a new one if there is an API key."""
    token = known.token
    if known.api_key:
        token = (await answer(api.post("/v1/auth/token", json={"api_key": known.api_key})))[
            "data"
        ]["token"]
    api.headers["Authorization"] = f"Bearer {token}"


async def answer(asking: Any) -> Any:
    """The JSON of a successful response. Otherwise prints the API's error and raises
    typer.Exit.
    """
    async with asking as response:
        if response.status != 200:
            raise await refused(response)
        return await response.json()


async def refused(response: aiohttp.ClientResponse) -> typer.Exit:
    """The exit to raise, after printing the API's error."""
    try:
        why = (await response.json())["message"]
    except (aiohttp.ContentTypeError, ValueError, KeyError, TypeError):
        why = f"{response.url.origin()} answers {response.status}: is tongdai there?"
    typer.echo(f"error: {why}", err=True)
    return typer.Exit(1)


def streaming() -> aiohttp.ClientTimeout:
    """The time-out of endless responses: only silence ends them."""
    return aiohttp.ClientTimeout(total=None, sock_connect=_ANSWER_S, sock_read=_SILENT_S)
