"""The receivers of docs/examples take real deliveries in every language: each event once, by the
secret before too, and nothing that is not genuine.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

import aiohttp
import msgspec
import pytest

from testbed import ports
from testbed.company import Api, log_in
from testbed.until import until
from tests.clients import run_times
from tests.clients.conftest import ROOT
from tongdai.webhooks import sign

EXAMPLES = ROOT / "docs" / "examples"
START_S = 180  # of a receiver on a busy machine, and of one event


@asynccontextmanager
async def running(
    command: run_times.Command, folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program runs in the folder meanwhile."""
    process = await asyncio.create_subprocess_exec(
        *command.words,
        cwd=folder,
        env={**os.environ, **command.environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize("language", run_times.LANGUAGES)
async def test_a_receiver_takes_what_is_genuine_once(
    language: str, tmp_path: Path, demo: dict[str, str]
) -> None:
    api = await log_in(demo["API"], demo["USERNAME"], demo["PASSWORD"])
    port = ports.server().rpartition(":")[2]
    url = f"http://127.0.0.1:{port}/"
    made = (await api.post("/v1/event", callback_url=url, event="missed")).json["data"]
    (tmp_path / "secrets.txt").write_text(made["secret"] + "\n")
    command = await ready(run_times.LANGUAGES[language], tmp_path, port)
    async with running(command, tmp_path) as process:
        await until(lambda: posted(url, {}, b"{}"), START_S)
        await refuses(url, made["secret"])

        first = (await api.post("/v1/event/trigger", event="missed")).json
        lines = [await line(process)]
        await api.post(f"/v1/event/{made['id']}/resend", webhook_id=first["webhook_id"])
        await until(lambda: attempted(api, made["id"], first["webhook_id"], 2), START_S)
        await api.post(f"/v1/event/{made['id']}/rotate_secret")
        second = (await api.post("/v1/event/trigger", event="missed")).json
        lines.append(await line(process))
        await api.ask("DELETE", f"/v1/event/{made['id']}", {})
        process.kill()
        assert process.stdout
        rest = await process.stdout.read()

    bodies = [first["body"], second["body"]]
    assert lines == [
        f"missed {body['call_id']} {body['from_number']} -> {body['to_number']}" for body in bodies
    ], "each event once, what is sent again is not handled again"
    assert rest == b""


async def ready(language: run_times.Language, folder: Path, port: str) -> run_times.Command:
    """The command that runs the example, which has been compiled where its language asks so."""
    root = await asyncio.to_thread(run_times.fetched)
    example = EXAMPLES / language.example
    if language.build:
        async with running(language.build(root, example), folder) as compiler:
            said = await compiler.communicate()
        assert compiler.returncode == 0, said
    return language.run(root, example, port)


async def refuses(url: str, secret: str) -> None:
    """The receiver refuses bodies without a signature, by another secret, changed and old."""
    event, body, now = UUID(int=8), msgspec.json.encode({"state": "missed"}), int(time.time())
    keys = [sign.key(secret)]
    other = sign.key("whsec_EBCRloEOwhqKNHv5izXw8H9RLfL7BPAdHga+S+vp35k=")
    assert await posted(url, {}, body) == 401
    assert await posted(url, sign.headers(event, now, body, [other]), body) == 401
    assert await posted(url, sign.headers(event, now, body + b" ", keys), body) == 401
    assert await posted(url, sign.headers(event, now - 900, body, keys), body) == 401


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    async with asyncio.timeout(START_S):
        return (await process.stdout.readline()).decode().strip()


async def posted(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """The status of an answer; 0 where nobody answers."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, headers=headers, data=body) as answer,
        ):
            return answer.status
    except aiohttp.ClientError:
        return 0


async def attempted(api: Api, subscription: str, webhook_id: str, times: int) -> bool:
    """Whether the delivery was accepted so many times."""
    found = (await api.get(f"/v1/event/{subscription}/deliveries/{webhook_id}")).json
    return [one["status"] for one in found["attempts"]] == [204] * times
