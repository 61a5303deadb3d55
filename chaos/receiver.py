"""A subscriber of events, as a process of its own that survives what is killed here: it notes
every POST.

    python -m chaos.receiver FOLDER

Its port stands in FOLDER/receiver.port; the secrets that may sign are the lines of FOLDER/secrets;
what came is in FOLDER/deliveries.jsonl; what recordings it heard of sounded like, in
FOLDER/played.jsonl.
"""

import asyncio
import hashlib
import hmac
import io
import sys
import time
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import aiohttp
import msgspec
from aiohttp import web

from chaos.reconciliation import Delivery, Played
from tongdai.pbx import events
from tongdai.webhooks import sign


class Receiver:
    """Answers 204 once the recording that an event tells of has been heard and, after it, the
    delivery noted: whoever finds a delivery in the notes finds what it sounded like too.
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
        told = msgspec.json.decode(body, type=events.Body)
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
    """The status, and seconds of audio; 0 for no answer."""
    limit = aiohttp.ClientTimeout(total=5)
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as answer:
            with wave.open(io.BytesIO(await answer.read())) as audio:
                return answer.status, audio.getnframes() / audio.getframerate()
    except wave.Error:
        return answer.status, 0.0
    except (aiohttp.ClientError, TimeoutError):
        return 0, 0.0


def _is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """By that secret, just now (Standard Webhooks)."""
    stamp = headers.get("webhook-timestamp", "0")
    if abs(time.time() - int(stamp)) > 300:
        return False
    good = sign.signature(sign.key(secret), headers.get("webhook-id", ""), int(stamp), body)
    return any(
        hmac.compare_digest(good, given) for given in headers.get("webhook-signature", "").split()
    )


async def receive(folder: Path) -> None:
    """Until our parent closes standard input."""
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


if __name__ == "__main__":
    asyncio.run(receive(Path(sys.argv[1])))
