"""Libraries that others wrote verify real deliveries, and refuse what is not genuine."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from testbed.clients import Programs
from testbed.company import Api, log_in
from tests.clients.conftest import HERE

LIBRARIES = ("standardwebhooks", "svix")


class Receiver:
    """The receiver of webhooks.mjs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> Any:
        """The next line that it prints."""
        assert self._process.stdout
        async with asyncio.timeout(20):
            return msgspec.json.decode(await self._process.stdout.readline())

    async def knows(self, secret: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{secret}\n".encode())
        await self._process.stdin.drain()


@asynccontextmanager
async def running(
    node: Programs, folder: Path, *arguments: str | Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program of Node.js runs meanwhile."""
    process = await asyncio.create_subprocess_exec(
        "node",
        *arguments,
        cwd=folder,
        env=node.environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_deliveries_are_verified_before_and_after_the_secret_is_replaced(
    node: Programs, workshop: Path, demo: dict[str, str]
) -> None:
    api = await log_in(demo["API"], demo["USERNAME"], demo["PASSWORD"])
    shutil.copy(HERE / "webhooks.mjs", workshop)
    async with running(node, workshop, "webhooks.mjs") as process:
        receiver = Receiver(process)
        url = f"http://127.0.0.1:{await receiver.line()}/"
        made = (await api.post("/v1/event", callback_url=url, event="missed")).json["data"]
        await receiver.knows(made["secret"])
        first = await delivered(api, receiver, made["id"])
        await receiver.knows(
            (await api.post(f"/v1/event/{made['id']}/rotate_secret")).json["secret"]
        )
        second = await delivered(api, receiver, made["id"])
        await api.ask("DELETE", f"/v1/event/{made['id']}", {})

    refused = {"changed": False, "foreign": False, "old": False}
    for library in LIBRARIES:
        assert first[library] == {"by": [True], **refused}
        assert second[library] == {"by": [True, True], **refused}, "by either secret"
    assert (first["signatures"], second["signatures"]) == (1, 2)
    assert first["state"] == second["state"] == "missed"


async def delivered(api: Api, receiver: Receiver, subscription: str) -> Any:
    """The verdicts of the libraries on the delivery of a sample."""
    event = (await api.post("/v1/event/trigger", event="missed")).json
    judged = await receiver.line()
    assert judged["id"] == event["webhook_id"]
    return judged
