"""A subscriber of events, as a process of its own that survives what is killed here: it notes every POST.

    python -m chaos.receiver FOLDER

Its port stands in FOLDER/receiver.port; the secrets that may sign are the lines of FOLDER/secrets; what came is in
FOLDER/deliveries.jsonl.
"""

import asyncio
import hashlib
import hmac
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec
from aiohttp import web

from chaos.ledger import Delivery
from tongdai.webhooks import sign


class Receiver:
    """Answers 204 once the note is written."""

    def __init__(self, folder: Path, notes: BinaryIO) -> None:
        self._secrets, self._notes = folder / "secrets", notes

    async def handle(self, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            return web.Response(status=200)
        body, at = await request.read(), time.time()
        is_signed = any(_is_signed(request.headers, body, secret) for secret in self._secrets.read_text().split())
        note = Delivery(request.headers.get("webhook-id", ""), hashlib.sha256(body).hexdigest(), at, is_signed)
        self._notes.write(msgspec.json.encode(note) + b"\n")
        self._notes.flush()
        return web.Response(status=204)


def _is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """By that secret, just now (Standard Webhooks)."""
    stamp = headers.get("webhook-timestamp", "0")
    if abs(time.time() - int(stamp)) > 300:
        return False
    good = sign.signature(sign.key(secret), headers.get("webhook-id", ""), int(stamp), body)
    return any(hmac.compare_digest(good, given) for given in headers.get("webhook-signature", "").split())


async def receive(folder: Path) -> None:
    """Until our parent closes standard input."""
    loop = asyncio.get_running_loop()
    with (folder / "deliveries.jsonl").open("ab") as notes:
        server = await loop.create_server(web.Server(Receiver(folder, notes).handle), "127.0.0.1", 0)
        (folder / "receiver.port").write_text(str(server.sockets[0].getsockname()[1]))
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(receive(Path(sys.argv[1])))
