"""The HTTP server: uvicorn, which leaves signals to the process that it runs in."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn

log = structlog.get_logger()


class Server(uvicorn.Server):
    """`serve()` runs until `should_exit` is set, and installs no signal handlers.

    It overrides `capture_signals`, which uvicorn does not document: tests/api/test_uvicorn.py
    fails when an upgrade removes it.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, and says where."""
        await super().startup(sockets)
        if self.started:
            log.info("http.listening", address=f"{self.config.host}:{self.config.port}")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """No signal is captured: the composition root stops all parts in their order."""
        yield
