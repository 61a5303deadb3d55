"""What no HTTP parser takes, answered in the shape of every other error though no application ever
sees it.
"""

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tongdai.api import problems

_WHY = "It is no HTTP that we know. In a URL, what is not ASCII must be percent-encoded."


class Protocol(HttpToolsProtocol):
    """uvicorn's own, but for its refusal, which is plain text that helps nobody.

    Most who meet it have put a Vietnamese name into a URL as it is.
    """

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 uvicorn's signature
        """The connection ends: where the next request would begin cannot be known."""
        body = msgspec.json.encode(problems.told(problems.BadRequest(_WHY), "en"))
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            "content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
