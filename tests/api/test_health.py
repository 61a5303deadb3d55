"""Liveness, readiness, metrics and the log of requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
from structlog.testing import capture_logs

from tests.api.conftest import Client, Tenant, serve
from tongdai import api, app, errors
from tongdai.store import db


async def test_it_lives_and_is_ready(anybody: Client) -> None:
    assert (await anybody.get("/healthz")).json == {"status": "ok"}
    assert (await anybody.get("/readyz")).json == {"status": "ok", "checks": {"database": "ok"}}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_the_head_alone_will_do(anybody: Client, path: str) -> None:
    whole, head = await anybody.get(path), await anybody.ask("HEAD", path)

    assert head.body == b""
    assert head.headers["Content-Type"] == whole.headers["Content-Type"]


async def fine() -> None:
    pass


async def down() -> None:
    raise errors.SwitchDown("Asterisk does not answer.")


async def broken() -> None:
    raise RuntimeError("secret")


async def test_what_is_missing_is_named_and_503(deps: api.Deps) -> None:
    checks = {"recordings": fine, "switch": down, "webhooks": broken}
    async for url in serve(msgspec.structs.replace(deps, checks=checks)):
        async with aiohttp.ClientSession(url) as session:
            answer = await Client(session).get("/readyz", expect=503)

    assert answer.json == {
        "status": "unavailable",
        "checks": {
            "database": "ok",
            "recordings": "ok",
            "switch": "Asterisk does not answer.",
            "webhooks": "RuntimeError",
        },
    }


async def test_a_check_that_hangs_is_not_waited_for(deps: api.Deps) -> None:
    forever = asyncio.Event()
    quick = msgspec.structs.replace(
        deps, checks={"switch": forever.wait}, timing=api.Timing(check_s=0.05)
    )
    async for url in serve(quick):
        async with aiohttp.ClientSession(url) as session:
            answer = await Client(session).get("/readyz", expect=503)

    assert answer.json["checks"]["switch"] == "no answer"


async def test_requests_are_measured_by_route(anybody: Client, tenant: Tenant) -> None:
    await tenant.client.get("/v1/cdr/none-of-these-is-a-label", expect=404)
    await anybody.get("/nowhere/at-all", expect=404)
    answer = await anybody.get("/metrics")

    text = answer.body.decode()
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'tongdai_http_seconds_count{method="GET",route="/v1/cdr/{id}",status="404"}' in text
    assert 'tongdai_http_seconds_count{method="GET",route="none",status="404"}' in text
    assert "python_gc_objects_collected_total" in text
    assert "none-of-these" not in text
    assert "at-all" not in text


async def test_each_request_is_one_line_without_secrets(anybody: Client, tenant: Tenant) -> None:
    with capture_logs() as lines:
        await tenant.client.get("/v1/cdr?phone=0899888999")
        await anybody.post("/v1/auth/token", {"api_key": tenant.api_key})
        await anybody.get("/recordings/0123456789abcdef0123456789abcdef", expect=404)
        await anybody.get("/provisioning/linphone/fedcba9876543210", expect=404)
        await anybody.get("/%0d%0aforged%1b[31m%e2%80%a8", expect=404)

    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status"]) for line in requests[:4]] == [
        ("GET", "/v1/cdr", 200),
        ("POST", "/v1/auth/token", 200),
        ("GET", "/recordings/...", 404),
        ("GET", "/provisioning/...", 404),
    ]
    assert requests[4]["path"] == r"/\r\nforged\x1b[31m\u2028"
    everything = str(lines)
    assert not any(
        secret in everything
        for secret in (
            *(tenant.client.token, tenant.api_key, "0123456789abcdef", "fedcba9876543210", "0899"),
        )
    )


async def test_a_database_that_takes_no_writes_is_not_ready(
    anybody: Client, database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = database.connection

    @asynccontextmanager
    async def read_only() -> AsyncIterator[db.Tx]:
        async with checked() as tx:
            await tx.execute("SET default_transaction_read_only = on")
            try:
                yield tx
            finally:
                await tx.execute("SET default_transaction_read_only = off")

    monkeypatch.setattr(database, "connection", read_only)
    answer = await anybody.get("/readyz", expect=503)

    assert answer.json["checks"]["database"].endswith("The database is read-only.")


async def test_a_folder_that_takes_no_writes_is_named(tmp_path: Path) -> None:
    await app._is_writable(tmp_path)
    with pytest.raises(errors.Unavailable) as refused:
        await app._is_writable(tmp_path / "gone")

    assert refused.value.why.startswith("It cannot be written to: No such file")
