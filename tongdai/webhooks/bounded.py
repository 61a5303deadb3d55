"""Bounds on reading an HTTP response: a receiver can cost us only a bounded amount of work, as
well as time.
"""

from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

BODY_BYTES = 20_000
"""The bytes of a response body that are read and thrown away, so that the connection can be used
again.
"""
_BYTES = BODY_BYTES + 16_384  # of head and body together
READS = 1_000  # reads from the socket for one response
_MESSAGES = 8  # heads of one response: interim ones (1xx), and the final one
_SLICE = 4_096  # bytes that are parsed before the heads in them are counted


class BoundedResponse(ResponseHandler):
    """aiohttp's protocol of a client connection. It reads at most so much of each response, and
    closes the connection then. A final status that arrived before that counts.
    """

    _bytes = _reads = _messages = 0  # what the bounds still permit

    def __init__(self, *args: Any, most_reads: int = READS, **options: Any) -> None:
        super().__init__(*args, **options)
        self._most_reads = most_reads

    def set_response_params(self, **params: Any) -> None:  # aiohttp calls it for each request
        self._bytes, self._reads, self._messages = _BYTES, self._most_reads, _MESSAGES
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:  # aiohttp calls it for each head
        self._messages -= 1
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Parses as many bytes as the bounds permit."""
        if not data:
            return super().data_received(data)  # aiohttp continues with what it has
        self._reads -= 1
        for start in range(0, len(data), _SLICE):
            part = data[start : start + _SLICE]
            self._bytes -= len(part)
            if self._bytes < 0 or self._reads < 0 or self._messages < 0:
                return self._close()
            super().data_received(part)
        return None

    def _close(self) -> None:
        self.set_exception(HttpProcessingError(message="the response is too long"))
        if self.transport is not None:
            self.transport.abort()


def connector(loop: Any, *, most_reads: int = READS, **options: Any) -> aiohttp.TCPConnector:
    """A connector that opens connections of that protocol."""
    made = aiohttp.TCPConnector(loop=loop, **options)
    made._factory = partial(BoundedResponse, loop=loop, most_reads=most_reads)  # type: ignore[assignment]  # noqa: SLF001  test_bounded.py checks that aiohttp has it
    return made
