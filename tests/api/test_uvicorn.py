"""Parts of uvicorn that it does not document and that we override. When an upgrade fails these
tests, look for what took the place of the part that is named.
"""

import inspect
import signal

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.api.conftest import serve
from tongdai import api


def test_uvicorn_still_asks_capture_signals() -> None:
    assert "self.capture_signals()" in inspect.getsource(uvicorn.Server.serve)


def test_uvicorn_still_refuses_by_send_400_response() -> None:
    assert [*inspect.signature(HttpToolsProtocol.send_400_response).parameters] == ["self", "msg"]
    assert "self.send_400_response(" in inspect.getsource(HttpToolsProtocol.data_received)


@pytest.mark.parametrize(
    "name",
    [
        "connection_made",
        "connection_lost",
        "data_received",
        "on_message_begin",
        "on_url",
        "on_header",
        "on_headers_complete",
        "on_body",
        "on_message_complete",
        "on_response_complete",
        "pause_writing",
        "resume_writing",
    ],
)
def test_uvicorn_still_has_what_the_limits_override(name: str) -> None:
    ours, theirs = getattr(api.Protocol, name), getattr(HttpToolsProtocol, name)
    assert [*inspect.signature(ours).parameters] == [*inspect.signature(theirs).parameters]
    source = inspect.getsource(HttpToolsProtocol)
    for attribute in ("self.cycle", "self.timeout_keep_alive_task", "self.transport"):
        assert attribute in source


async def test_a_server_leaves_signals_alone(deps: api.Deps) -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    async for _ in serve(deps):
        during = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]

    assert during == before
