"""tongdai sandbox: what the simulated carrier can be made to do, through the API of the running instance."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import aiohttp
import msgspec
import typer

from tongdai import errors, settings
from tongdai.cli import options, ready, terminal
from tongdai.sandbox import cast

app = typer.Typer(no_args_is_help=True, help="The sandbox: a simulated carrier, while `tongdai up` runs with it.")

LOOK_S = 0.25
SETUP_S = 120.0  # ring group and overflow, before anybody answers or nobody has
HOTLINE = typer.Option(help="A hotline of the demo company.", show_default="its default one")
CUSTOMER = typer.Option(help=f"Who calls: {', '.join(cast.CUSTOMERS)}, or any telephone number.")
TALK_S = typer.Option("--talk-s", min=1, max=3600, help="Seconds after the answer until the customer hangs up.")


@app.command()
def call(
    *,
    hotline: Annotated[str, HOTLINE] = "",
    customer: Annotated[str, CUSTOMER] = "answers",
    talk_s: Annotated[int, TALK_S] = 10,
    as_json: options.Json = False,
) -> None:
    """Have a simulated customer call a hotline, and show the call's record once it is over.

    Ctrl-C stops watching; the call goes on.

    Example: tongdai sandbox call --customer 0912345678 --talk-s 5
    """
    asyncio.run(_call({"hotline": hotline, "customer": customer, "talk_s": talk_s}, as_json=as_json))


async def _call(asked: dict[str, Any], *, as_json: bool) -> None:
    async with _api() as api:
        since = datetime.now(UTC).isoformat()
        calling = await _answer(api.post("/v1/sandbox/inbound", json=asked))
        terminal.aside(
            f"{calling['from_number']} calls {calling['to_number']}; its record comes when the call is over."
        )
        wanted = {"phone": calling["from_number"], "direction": "inbound", "start_date": since, "page": "1"}
        try:
            async with asyncio.timeout(SETUP_S + asked["talk_s"]):
                record = await _record(api, wanted)
        except TimeoutError as reason:
            raise errors.Unavailable("The call is not over yet; its record will be in GET /v1/cdr.") from reason
        terminal.fields(record, as_json=as_json)


async def _record(api: aiohttp.ClientSession, wanted: dict[str, str]) -> dict[str, Any]:
    """The record that is wanted, once it is there with its recording."""
    while True:
        for record in (await _answer(api.get("/v1/cdr", params=wanted)))["data"]:
            if record["recording_status"] != "pending":
                return dict(record)
        await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def _api() -> AsyncIterator[aiohttp.ClientSession]:
    """The API of the instance that runs on the data folder, with the demo's token. Raises errors.SetupError."""
    path = settings.load().data / ready.FILE
    try:
        known = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError as reason:
        raise errors.SetupError(f"nothing runs on {path.parent}: start it with tongdai up --sandbox") from reason
    if "api_key" not in known:
        raise errors.SetupError("it runs without the sandbox: start it with tongdai up --sandbox")
    limit = aiohttp.ClientTimeout(total=10)
    try:
        async with aiohttp.ClientSession(known["base_url"], timeout=limit) as api:
            told = await _answer(api.post("/v1/auth/token", json={"api_key": known["api_key"]}))
            api.headers["Authorization"] = f"Bearer {told['data']['token']}"
            yield api
    except aiohttp.ClientConnectionError as reason:
        raise errors.Unavailable(f"{known['base_url']} does not answer.") from reason


async def _answer(asking: Any) -> Any:
    """The JSON of a good answer. Raises typer.Exit after saying what the API refused."""
    async with asking as answer:
        told = await answer.json()
        if answer.status != 200:
            typer.echo(f"error: {told['message']}", err=True)
            raise typer.Exit(1)
        return told
