"""The HTTP server: uvicorn, which leaves signals to the process that it runs in."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class Server(uvicorn.Server):
    """`serve()` runs until `should_exit` is set, and installs no signal handlers.

    It overrides `capture_signals`, which uvicorn does not document: tests/api/test_uvicorn.py
    fails when an upgrade removes it.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """No signal is captured: the composition root stops all parts in their order."""
        yield
