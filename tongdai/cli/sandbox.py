"""tongdai sandbox: calls from the simulated carrier, through the API of the running instance."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import aiohttp
import typer

from tongdai import errors
from tongdai.cli import options, remote, terminal
from tongdai.sandbox import actors

app = typer.Typer(
    no_args_is_help=True, help="The sandbox: a simulated carrier, while `tongdai up` runs with it."
)

LOOK_S = 0.25
SETUP_S = 120.0  # ring group and overflow, until the call is answered or fails
HOTLINE = typer.Option(help="A hotline of the demo company.", show_default="its default one")
CUSTOMER = typer.Option(
    help=f"The caller: {', '.join(actors.CUSTOMERS)}, or any telephone number."
)
TALK_S = typer.Option(
    "--talk-s", min=1, max=3600, help="Seconds after the answer until the customer hangs up."
)


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
    asyncio.run(
        _call({"hotline": hotline, "customer": customer, "talk_s": talk_s}, as_json=as_json)
    )


async def _call(asked: dict[str, Any], *, as_json: bool) -> None:
    async with remote.opened(remote.access()) as api:
        since = datetime.now(UTC).isoformat()
        calling = await remote.answer(api.post("/v1/sandbox/inbound", json=asked))
        terminal.aside(
            f"{calling['from_number']} calls {calling['to_number']}; its record comes when the "
            "call is over."
        )
        wanted = {
            "phone": calling["from_number"],
            "direction": "inbound",
            "start_date": since,
            "page": "1",
        }
        try:
            async with asyncio.timeout(SETUP_S + asked["talk_s"]):
                record = await _record(api, wanted)
        except TimeoutError as reason:
            raise errors.Unavailable(
                "The call is not over yet; its record will be in GET /v1/cdr."
            ) from reason
        terminal.fields(record, as_json=as_json)


async def _record(api: aiohttp.ClientSession, wanted: dict[str, str]) -> dict[str, Any]:
    """The matching call record, once its recording is finished."""
    while True:
        for record in (await remote.answer(api.get("/v1/cdr", params=wanted)))["data"]:
            if record["recording_status"] != "pending":
                return dict(record)
        await asyncio.sleep(LOOK_S)
