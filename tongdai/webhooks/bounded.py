"""How much of an HTTP response is read: the work that a receiver can make us do is bounded, not
only its time.
"""

from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

BODY_BYTES = 20_000
"""Of a body; it is read so that the connection can be used again, and thrown away."""
_BYTES = BODY_BYTES + 16_384  # of head and body together
_READS = 1_000  # from the socket
_MESSAGES = 8  # heads: interim ones (1xx), and the final one
_SLICE = 4_096  # bytes that are parsed before the messages in them are counted


class BoundedResponse(ResponseHandler):
    """aiohttp's protocol of a client connection, which reads so much for each request and closes
    the connection then. A final status that came before counts.
    """

    _bytes = _reads = _messages = 0  # still to be read

    def set_response_params(self, **params: Any) -> None:  # aiohttp's, called for each request
        self._bytes, self._reads, self._messages = _BYTES, _READS, _MESSAGES
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:  # aiohttp's, called for each head
        self._messages -= 1
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Parses what the bounds permit."""
        if not data:
            return super().data_received(data)  # aiohttp goes on with what it has
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


def connector(loop: Any, **options: Any) -> aiohttp.TCPConnector:
    """A connector whose connections are bounded so."""
    made = aiohttp.TCPConnector(loop=loop, **options)
    made._factory = partial(BoundedResponse, loop=loop)  # type: ignore[assignment]  # noqa: SLF001  test_bounded.py holds it
    return made
