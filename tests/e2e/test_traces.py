"""Traces of an instance: from the request to the telephone, and on to the webhook."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from testbed import collector
from testbed.company import Api, log_in
from testbed.instance import Instance
from testbed.receivers import Receiver, receiving
from testbed.until import until
from tongdai.sandbox import actors

ROBOT, CUSTOMER = actors.ROBOTS["answers"].number, actors.CUSTOMERS["hangs_up"].number


@pytest.fixture
async def traces() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def traced(tmp_path: Path, traces: Receiver) -> AsyncIterator[Instance]:
    """With a sandbox; its spans come without delay, its log is JSON."""
    instance = Instance(tmp_path, sandbox=True, calls=4, traces=traces.url, log_json="1")
    instance.environ["OTEL_BSP_SCHEDULE_DELAY"] = "100"
    try:
        await instance.start()
        yield instance
    finally:
        await instance.end()


async def demo(instance: Instance) -> Api:
    admin = instance.ready["admin"]
    return await log_in(instance.ready["base_url"], admin["username"], admin["password"])


@pytest.mark.parametrize("key", ["", "once"], ids=["in this process", "by the database"])
async def test_a_click_to_call_is_a_trace_from_request_to_originate_and_its_call_another(
    traced: Instance, traces: Receiver, key: str
) -> None:
    api = await demo(traced)
    headers = {"Idempotency-Key": key} if key else {}
    async with receiving() as hook:
        await api.post("/v1/event", event="cdr", callback_url=hook.url)
        asked_for = {"ext": ROBOT, "phone": CUSTOMER}
        clicked = await api.ask("POST", "/v1/click2call", {}, asked_for, headers)
        call_id = clicked.json["call_id"]
        await until(lambda: hook.requests, 60)

        def come() -> bool:
            spans = collector.spans(traces)
            return {"call", "webhook"} <= {span.name for span in spans if of(span, call_id)}

        await until(come, 30)
    spans = collector.spans(traces)

    [request] = [span for span in spans if span.name == "POST /v1/click2call"]
    asked = {span.name: span for span in spans if span.trace == request.trace}
    assert asked["CommandAsked"].parent == request.id
    assert asked["CommandAsked"].links == (UUID(call_id).hex,)
    for part in ("decide", "commit", "Originate"):
        assert asked[part].parent == asked["CommandAsked"].id

    mine = [span for span in spans if of(span, call_id)]
    [root] = [span for span in mine if span.name == "call"]
    assert root.attributes["tongdai.is_answered"] is True
    [answered] = [span for span in mine if span.name == "LegAnswered" and span.parent == root.id][
        :1
    ]
    within = {span.name for span in mine if span.parent == answered.id}
    assert {"decide", "commit"} <= within
    [attempt] = [span for span in mine if span.name == "webhook"]
    assert attempt.parent == root.id
    assert attempt.attributes["tongdai.event"] == "cdr"

    said = traced.log.read_text()
    assert f'"trace_id": "{request.trace}"' in said
    assert f'"trace_id": "{root.trace}"' in said


def of(span: collector.Span, call_id: str) -> bool:
    return span.trace == UUID(call_id).hex
