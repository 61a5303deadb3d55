"""What is answered past the framework is answered as by it, which serves the same request when a
web page asks.
"""

from typing import Any

import pytest
from structlog.testing import capture_logs

from testbed.samples import record
from tests.api.conftest import Client, Reply, Tenant
from tongdai.store import cdr_search, cdrs, db

PAGE = {"Origin": "https://crm.example.vn"}


def told(reply: Reply) -> tuple[int, Any, dict[str, str]]:
    headers = {
        name.lower(): value
        for name, value in reply.headers.items()
        if name.lower() not in ("date", "vary")
    }
    kept = {
        name: value for name, value in headers.items() if not name.startswith("access-control-")
    }
    return reply.status, reply.json, kept


@pytest.mark.parametrize(
    "query", ["", "?limit=2", "?extension=101&status=BUSY", "?status=GREEN", "?scroll_id=forged"]
)
async def test_a_list_is_the_same(tenant: Tenant, database: db.Database, query: str) -> None:
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, [record(tenant.domain.domain_uuid) for _ in range(3)])

    straight = await tenant.client.get(f"/v1/cdr{query}", expect=None)
    framework = await tenant.client.get(f"/v1/cdr{query}", expect=None, headers=PAGE)

    assert told(straight) == told(framework)
    assert "Access-Control-Allow-Origin" not in straight.headers
    assert "Access-Control-Allow-Origin" in framework.headers


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "body", ["", "{}", "[1]", "no JSON", '{"ext": "101", "phone": "12"}', "x" * 70_000]
)
async def test_a_body_is_read_the_same(tenant: Tenant, method: str, body: str) -> None:
    kind = {"Content-Type": "application/json"}
    straight = await tenant.client.ask(
        method, "/v1/click2call", expect=None, data=body, headers=kind
    )
    framework = await tenant.client.ask(
        method, "/v1/click2call", expect=None, data=body, headers=kind | PAGE
    )

    assert told(straight) == told(framework)
    assert straight.status in (400, 413, 422)


@pytest.mark.parametrize(
    "sent", [{}, {"Authorization": "Basic Zm9v"}, {"Authorization": "Bearer a.b.c"}]
)
async def test_who_may_not_is_told_the_same(anybody: Client, sent: dict[str, str]) -> None:
    straight = await anybody.get("/v1/cdr", expect=401, headers=sent | {"Accept-Language": "vi"})
    framework = await anybody.get(
        "/v1/cdr", expect=401, headers=sent | {"Accept-Language": "vi"} | PAGE
    )

    assert told(straight) == told(framework)


async def test_a_fault_of_ours_is_told_measured_and_logged_the_same(
    tenant: Tenant, anybody: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cdr_search, "scroll", broken)
    with capture_logs() as lines:
        straight = await tenant.client.get("/v1/cdr", expect=500)
        framework = await tenant.client.get("/v1/cdr", expect=500, headers=PAGE)

    assert told(straight) == told(framework)
    assert [line["event"] for line in lines] == ["request failed", "request"] * 2
    metrics = (await anybody.get("/metrics")).body.decode()
    assert 'tongdai_http_seconds_count{method="GET",route="/v1/cdr",status="500"} 2.0' in metrics
