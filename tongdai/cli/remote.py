"""A running tongdai, reached over its API: from the data folder of this machine, or by URL and key
from anywhere.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeAlias

import aiohttp
import msgspec
import typer

from tongdai import errors, settings
from tongdai.cli import ready

Url: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="TONGDAI_URL", help="Where the API is.", show_default="that of the data folder"
    ),
]
ApiKey: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="TONGDAI_API_KEY",
        help="Whose domain.",
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
    """Where the API is, and by what right: the API key, or a token."""

    url: str
    api_key: str = ""
    token: str = ""


def access(url: str = "", api_key: str = "", token: str = "") -> Access:
    """What was given; what was not, as ready.json of the data folder has it. Raises
    errors.SetupError.
    """
    path = settings.load().data / ready.FILE
    known: dict[str, Any] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
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


@asynccontextmanager
async def opened(known: Access) -> AsyncIterator[aiohttp.ClientSession]:
    """The API, with a token. Raises errors.Unavailable where nobody answers."""
    limit = aiohttp.ClientTimeout(total=_ANSWER_S)
    try:
        async with aiohttp.ClientSession(known.url, timeout=limit) as api:
            await log_in(api, known)
            yield api
    except aiohttp.ClientConnectionError as reason:
        raise errors.Unavailable(f"{known.url} does not answer.") from reason
    except TimeoutError as reason:
        raise errors.Unavailable(f"{known.url} does not answer in time.") from reason


async def log_in(api: aiohttp.ClientSession, known: Access) -> None:
    """From now on requests carry a token: a new one where there is an API key."""
    token = known.token
    if known.api_key:
        token = (await answer(api.post("/v1/auth/token", json={"api_key": known.api_key})))[
            "data"
        ]["token"]
    api.headers["Authorization"] = f"Bearer {token}"


async def answer(asking: Any) -> Any:
    """The JSON of a good answer. Raises typer.Exit after saying what the API refused."""
    async with asking as told:
        if told.status != 200:
            raise await refused(told)
        return await told.json()


async def refused(told: aiohttp.ClientResponse) -> typer.Exit:
    """What the API refused is said; to be raised."""
    try:
        why = (await told.json())["message"]
    except (aiohttp.ContentTypeError, ValueError, KeyError, TypeError):
        why = f"{told.url.origin()} answers {told.status}: is tongdai there?"
    typer.echo(f"error: {why}", err=True)
    return typer.Exit(1)


def streaming() -> aiohttp.ClientTimeout:
    """For answers that do not end, as long as something comes."""
    return aiohttp.ClientTimeout(total=None, sock_connect=_ANSWER_S, sock_read=_SILENT_S)
