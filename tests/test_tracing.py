"""Traces by OTLP over HTTP, taken by a real receiver; and nothing of them without the setting."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from testbed import collector, ports
from testbed.receivers import Receiver, receiving
from testbed.until import until
from tests import databases
from tests.webhooks import samples
from tests.webhooks.dispatching import dispatching
from tongdai import errors, ids, tracing
from tongdai.api.access_log import AccessLog
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db

SERVER, CLIENT = 2, 3


@pytest.fixture
async def database(dispatched: db.Database) -> db.Database:
    return await databases.emptied(dispatched)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def traces(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The receiver, to which this process sends its spans without delay."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with tracing.exported(receiver.url):
        yield receiver


async def found(traces: Receiver, *names: str) -> list[collector.Span]:
    """The spans of these names, once all have come."""

    def come() -> list[collector.Span]:
        spans = {span.name: span for span in collector.spans(traces)}
        return [spans[name] for name in names] if spans.keys() >= set(names) else []

    return list(await until(come, 30))


async def test_spans_are_nested_and_logs_name_their_trace(traces: Receiver) -> None:
    with tracing.span("outer") as span, tracing.span("inner"):
        span.set({"one": 1})
        span.rename("renamed")
        line = tracing.with_trace_id(None, "info", {"event": "said"})
        header = tracing.traceparent()

    outer, inner = await found(traces, "renamed", "inner")
    assert (inner.parent, inner.trace, outer.parent) == (outer.id, outer.trace, "")
    assert (outer.attributes, outer.service) == ({"one": 1}, "tongdai")
    assert line == {"event": "said", "trace_id": outer.trace}
    assert header.rpartition("-")[0] == f"00-{inner.trace}-{inner.id}"
    assert tracing.with_trace_id(None, "info", {"event": "later"}) == {"event": "later"}


async def test_a_calls_trace_has_its_id_and_a_requests_step_is_the_requests(
    traces: Receiver,
) -> None:
    call_uuid = ids.new()
    with tracing.span("request"):
        asked = tracing.traceparent()
    with tracing.span("CommandAsked", of_call=call_uuid, after=asked):
        pass
    with tracing.span("LegAnswered", of_call=call_uuid):
        pass
    tracing.call(call_uuid, datetime.now(UTC), {"tongdai.domain": "a.vn"})

    request, first, later, call = await found(
        traces, "request", "CommandAsked", "LegAnswered", "call"
    )
    assert (first.trace, first.parent, first.links) == (request.trace, request.id, (call.trace,))
    assert (later.trace, later.parent, later.links) == (call.trace, call.id, ())
    assert UUID(call.trace) == call_uuid
    assert call.parent == ""


async def test_an_exception_fails_its_span_and_goes_on(traces: Receiver) -> None:
    with pytest.raises(errors.NotFound), tracing.span("lost"):
        raise errors.NotFound

    [span] = await found(traces, "lost")
    assert span.is_error


async def test_a_sampler_of_the_environment_leaves_traces_out(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    call_uuid = ids.new()
    with tracing.exported(receiver.url):
        with tracing.span("request"), tracing.span("step", of_call=call_uuid):
            pass
        tracing.call(call_uuid, datetime.now(UTC), {})

    assert receiver.requests == []


async def test_a_collector_that_is_away_harms_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with tracing.exported(f"http://{ports.server()}/v1/traces"), tracing.span("x"):
        pass
    assert not tracing.is_on()
    assert "Failed to export" in caplog.text


@pytest.mark.parametrize(("status", "is_error"), [(404, False), (500, True)])
async def test_a_request_goes_on_with_its_clients_trace_and_hides_its_path(
    traces: Receiver, status: int, is_error: bool
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path_template"] = "/recordings/{token}"
        await Response(status_code=status)(scope, receive, send)

    client = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    asked = {
        "type": "http",
        "method": "GET",
        "path": "/recordings/a-token",
        "headers": [(b"traceparent", client.encode())],
    }

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_: Message) -> None:
        pass

    await AccessLog(app)(asked, receive, send)

    [span] = await found(traces, "GET /recordings/{token}")
    assert (span.trace, span.parent) == tuple(client.split("-")[1:3])
    assert (span.kind, span.is_error) == (SERVER, is_error)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/recordings/{token}",
        "http.response.status_code": status,
    }


async def test_a_webhook_attempt_is_in_the_trace_of_its_call(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, traces: Receiver
) -> None:
    async with receiving(lambda _: 500) as hook:
        await samples.subscribe(database, master_key, domain, "hangup", hook.url)
        event = samples.event(domain, "hangup")
        async with dispatching(database):
            await samples.publish(database, event)
            [span] = await found(traces, "webhook")

    assert UUID(span.trace) == event.order_key
    assert (span.kind, span.is_error) == (CLIENT, True)
    assert span.attributes == {
        "server.address": "127.0.0.1",
        "http.response.status_code": 500,
        "tongdai.event": "hangup",
        "tongdai.webhook_id": str(event.event_uuid),
        "tongdai.attempt": 1,
        "tongdai.outcome": "due",
    }


def test_without_the_setting_nothing_of_opentelemetry_is_imported() -> None:
    script = (
        "import sys, tongdai.app, tongdai.dispatching; from tongdai import tracing\n"
        "with tracing.exported(''), tracing.span('x') as span: span.set({'a': 1})\n"
        "print(tracing.traceparent(), [name for name in sys.modules if 'opentelemetry' in name])"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert said == " []\n"


def test_missing_packages_are_named_with_the_cure() -> None:
    script = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from tongdai import errors, tracing\n"
        "try:\n"
        "    with tracing.exported('http://127.0.0.1:4318/v1/traces'): pass\n"
        "except errors.SetupError as reason: print(reason)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http" in said
