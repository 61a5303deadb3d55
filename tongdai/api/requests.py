"""One HTTP request, in the form that the handlers of operations get."""

import asyncio
import zlib
from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope

from tongdai import errors, messages
from tongdai.api import limits, problems

if TYPE_CHECKING:
    from tongdai.api.context import Context

MAX_BODY = 64 * 1024  # bytes, also of a body after decompression


class Request:
    """One request, and the context of the application that serves it."""

    __slots__ = ("context", "receive", "scope")

    def __init__(self, context: "Context", scope: Scope, receive: Receive) -> None:
        self.context, self.scope, self.receive = context, scope, receive

    @property
    def path_parameters(self) -> dict[str, Any]:
        """The texts in place of the path's {names}."""
        found: dict[str, Any] = self.scope.get("path_params", {})
        return found

    @property
    def address(self) -> str:
        """The client's address; of IPv6 its network."""
        return limits.client_key(self.scope["client"][0]) if self.scope.get("client") else ""

    @property
    def language(self) -> str:
        """The language of `Accept-Language`: "vi" or "en"."""
        return problems.language_of(self.header(b"accept-language"))

    def header(self, name: bytes) -> str:
        """The first header of that name (in lower case); "" if there is none."""
        for known, value in self.scope["headers"]:
            if known == name:
                return str(value, "latin-1")
        return ""

    def has_header(self, name: bytes) -> bool:
        """Whether the client sent such a header."""
        return any(known == name for known, _ in self.scope["headers"])

    def has_body(self) -> bool:
        """Whether the head announces a body (RFC 9112 §6.3)."""
        length = self.header(b"content-length") or "0"
        return length != "0" or self.has_header(b"transfer-encoding")

    async def body(self, most: int = MAX_BODY, within_s: float | None = None) -> bytes:
        """The whole body, decompressed. Raises problems.TooLarge beyond so many bytes,
        problems.RequestTimeout beyond `within_s`, else `Timing.body_s`,
        problems.UnsupportedEncoding, and problems.BadRequest for malformed gzip or when the
        client leaves before the end.
        """
        try:
            async with asyncio.timeout(within_s or self.context.deps.timing.body_s):
                body = await self._received(most)
        except TimeoutError as reason:
            raise problems.RequestTimeout from reason
        encoding = self.header(b"content-encoding").strip().lower()
        if encoding in ("", "identity"):
            return body
        if encoding not in ("gzip", "x-gzip"):
            raise problems.UnsupportedEncoding
        return _inflated(body, most)

    async def _received(self, most: int) -> bytes:
        length = self.header(b"content-length")
        if length.isascii() and length.isdigit() and int(length[:9]) > most:
            raise problems.TooLarge
        body = bytearray()
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise problems.BadRequest
            piece: bytes = message.get("body", b"")
            body += piece
            if len(body) > most:
                raise problems.TooLarge
            if not message.get("more_body", False):
                return bytes(body)


def _inflated(body: bytes, most: int) -> bytes:
    """The content of a gzip file (RFC 1952) of one member; it decompresses at most `most` + 1
    bytes. Raises problems.TooLarge, problems.BadRequest.
    """
    inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = inflate.decompress(body, most + 1)
    except zlib.error as reason:
        raise problems.BadRequest(messages.NO_GZIP) from reason
    if len(content) > most:
        raise problems.TooLarge
    if not inflate.eof or inflate.unused_data:
        raise problems.BadRequest(messages.NO_GZIP)
    return content


def bearer(request: Request) -> str:
    """The token of `Authorization: Bearer` (RFC 6750 §2.1). Raises errors.NotAuthenticated if
    there is none.
    """
    scheme, _, token = request.header(b"authorization").partition(" ")
    if scheme.lower() == "bearer" and (token := token.strip()):
        return token
    raise errors.NotAuthenticated
