"""A subscriber of events in a process of its own, which survives the kills. It logs every POST.

    python -m chaos.receiver FOLDER

FOLDER/receiver.port has its port; FOLDER/secrets has the secrets that may sign, one a line.
Deliveries are logged to FOLDER/deliveries.jsonl, and the recordings that they name to
FOLDER/played.jsonl.
"""

import asyncio
import contextlib
import hashlib
import hmac
import io
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import aiohttp
import msgspec
from aiohttp import web

from chaos.observations import FETCH_S, Delivery, Played
from testbed.until import until
from tongdai.dialects import v1
from tongdai.webhooks import sign

AWAY, PATIENCE_S = 503, 10  # the database was away just then


class Receiver:
    """Fetches the recording that an event names, logs it, then logs the delivery and responds 204.
    So a delivery in the log has its recording in the log too.
    """

    def __init__(self, folder: Path, notes: BinaryIO, played: BinaryIO) -> None:
        self._secrets, self._notes, self._played = folder / "secrets", notes, played

    async def handle(self, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            return web.Response(status=200)
        body, at = await request.read(), time.time()
        is_signed = any(
            _is_signed(request.headers, body, secret)
            for secret in self._secrets.read_text().split()
        )
        told = msgspec.json.decode(body, type=v1.CallEvent)
        if told.recording_url:
            status, seconds = await _heard(told.recording_url)
            _write(self._played, Played(told.conversation_id, at, status, seconds, told.billsec))
        digest = hashlib.sha256(body).hexdigest()
        _write(self._notes, Delivery(request.headers.get("webhook-id", ""), digest, at, is_signed))
        return web.Response(status=204)


def _write(notes: BinaryIO, note: msgspec.Struct) -> None:
    notes.write(msgspec.json.encode(note) + b"\n")
    notes.flush()


async def _heard(url: str) -> tuple[int, float]:
    """As `_asked`; after a 503 it asks again each second, as its Retry-After says."""
    for _ in range(PATIENCE_S):
        status, seconds = await _asked(url)
        if status != AWAY:
            break
        await asyncio.sleep(1)
    return status, seconds


async def _asked(url: str) -> tuple[int, float]:
    """The HTTP status, and seconds of audio; status 0 for no response."""
    limit = aiohttp.ClientTimeout(total=FETCH_S)
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as answer:
            with wave.open(io.BytesIO(await answer.read())) as audio:
                return answer.status, audio.getnframes() / audio.getframerate()
    except wave.Error:
        return answer.status, 0.0
    except (aiohttp.ClientError, TimeoutError):
        return 0, 0.0


def _is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether that secret signed it, less than five minutes ago (Standard Webhooks)."""
    stamp = headers.get("webhook-timestamp", "0")
    if abs(time.time() - int(stamp)) > 300:
        return False
    good = sign.signature(sign.key(secret), headers.get("webhook-id", ""), int(stamp), body)
    return any(
        hmac.compare_digest(good, given) for given in headers.get("webhook-signature", "").split()
    )


async def receive(folder: Path) -> None:
    """Serves until the parent closes standard input."""
    loop = asyncio.get_running_loop()
    with (
        (folder / "deliveries.jsonl").open("ab") as notes,
        (folder / "played.jsonl").open("ab") as played,
    ):
        server = await loop.create_server(
            web.Server(Receiver(folder, notes, played).handle), "127.0.0.1", 0
        )
        (folder / "receiver.port").write_text(str(server.sockets[0].getsockname()[1]))
        await loop.run_in_executor(None, sys.stdin.read)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[int]:
    """The port of a subscriber in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chaos.receiver", str(folder)), stdin=subprocess.PIPE
    )
    try:
        port = folder / "receiver.port"
        await until(lambda: port.exists() and port.read_text(), 20)
        yield int(port.read_text())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(receive(Path(sys.argv[1])))
