"""`serve` and `listen` as they begin and fail."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from testbed import certificate, ports
from testbed.until import until
from tongdai.client.http import Api, Refused
from tongdai.store import db

ROOT = Path(__file__).parents[2]
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


class Said(NamedTuple):
    code: int
    err: str


async def said(*words: str, **environ: str) -> Said:
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tongdai", *words),
        env={**os.environ, **environ},
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await running.communicate()
    return Said(running.returncode or 0, err.decode())


async def test_a_start_that_fails_is_json_where_log_lines_are(tmp_path: Path) -> None:
    given = {"TONGDAI_DATA": str(tmp_path), "TONGDAI_DSN": NOWHERE, "TONGDAI_SECRET": "x" * 32}
    plain = await said("serve", "--role", "webhooks", **given)
    assert plain.err.startswith("error: ")
    told = await said("serve", "--role", "webhooks", **given, TONGDAI_LOG_JSON="true")
    assert told.code == plain.code == 4
    lines = [json.loads(line) for line in told.err.splitlines()]
    assert (lines[-1]["event"], lines[-1]["level"]) == ("failed", "error")


async def test_serve_says_what_runs_and_where_it_listens(
    database: db.Database, tmp_path: Path
) -> None:
    address = ports.server()
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tongdai", "serve", "--role", "api"),
        env={
            **os.environ,
            "TONGDAI_DATA": str(tmp_path),
            "TONGDAI_DSN": database.dsn,
            "TONGDAI_SECRET": "x" * 32,
            "TONGDAI_HTTP": address,
            "TONGDAI_LOG_JSON": "true",
        },
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    assert running.stderr
    told: list[dict[str, str]] = []

    async def heard() -> bool:
        assert running.stderr
        line = await running.stderr.readline()
        assert line, f"it ended: {told}"
        told.append(json.loads(line))
        return told[-1]["event"] == "http.listening"

    try:
        await until(heard, 60)
        assert told[-1]["address"] == address
        assert [each["roles"] for each in told if each["event"] == "roles.started"] == ["api"]
    finally:
        running.terminate()
        await running.communicate()


@asynccontextmanager
async def untrusted(folder: Path) -> AsyncIterator[str]:
    """A server whose certificate nobody here trusts."""
    made = certificate.write(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made["sip_tls_cert"], made["sip_tls_key"])
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def test_a_certificate_that_is_not_trusted_is_said_to_be_so(tmp_path: Path) -> None:
    async with untrusted(tmp_path) as url:
        told = await said("listen", "--url", url, "--api-key", "x", TONGDAI_DATA=str(tmp_path))
        with pytest.raises(Refused) as refused:
            await asyncio.to_thread(Api(url).ask, "GET", "/readyz")
    for text in (told.err, str(refused.value)):
        assert f"{url} answers, but its certificate is not trusted: self-signed" in text
        assert "SSL_CERT_FILE" in text
    assert told.code == 4
