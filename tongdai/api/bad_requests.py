"""Requests that the HTTP parser cannot read get an error of the usual shape, though no application
ever sees them.
"""

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tongdai import messages
from tongdai.api import problems


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with a refusal in JSON instead of plain text. Most clients that meet it
    have put a Vietnamese name into a URL without percent-encoding.

    `send_400_response` is no documented part of uvicorn: tests/api/test_uvicorn.py says when an
    upgrade takes it away.
    """

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 uvicorn's signature
        """The connection ends: where the next request would begin cannot be known."""
        refusal = problems.BadRequest(messages.NO_HTTP)
        body = msgspec.json.encode(problems.body(refusal, "en"))
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            "content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
