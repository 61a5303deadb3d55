"""The HTTP client that posts deliveries: one keep-alive session. It connects only where the guard
permits, and limits the time and the bytes of each response.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import TracebackType
from typing import Self, TypeAlias
from uuid import UUID

import aiohttp
import msgspec
import structlog
import yarl
from aiohttp.abc import AbstractResolver

from tongdai import errors
from tongdai.webhooks import bounded, names, retry
from tongdai.webhooks.guard import Guard

# below Node.js' 5 s, the shortest of the common servers: we must close first
_KEEPALIVE_S = 4.0
# a reused connection that breaks so soon was closed while we wrote: the request was not read
_AGAIN_S = 1.0
_Tls: TypeAlias = ssl.SSLContext | None
_log = structlog.get_logger()
_HEADERS = {"Content-Type": "application/json", "Accept": "*/*", "Accept-Encoding": "identity"}


class Limits(msgspec.Struct, frozen=True):
    """Limits of one POST: seconds to connect, until the status has arrived, and for the response's
    body; and reads from the socket.
    """

    connect_s: float = 5.0
    total_s: float = 15.0
    body_s: float = 1.0
    reads: int = bounded.READS


class Client:
    """Use it as a context manager. `version` is tongdai's, for User-Agent."""

    def __init__(
        self,
        guard: Guard,
        version: str,
        limits: Limits | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._guard, self._version, self._limits = guard, version, limits or Limits()
        self._resolver = resolver or names.Names()
        self._target = lru_cache(4096)(guard.acceptable)
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        connector = bounded.connector(
            asyncio.get_running_loop(),
            most_reads=self._limits.reads,
            resolver=self._resolver,
            socket_factory=self._guard.socket,
            limit=0,  # the dispatcher's slots are the limit
            keepalive_timeout=_KEEPALIVE_S,
            use_dns_cache=False,  # the resolver caches, for each domain apart
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(
                total=self._limits.total_s, connect=self._limits.connect_s
            ),
            headers=_HEADERS | {"User-Agent": f"tongdai/{self._version}"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        reason: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        await self._resolver.close()  # the connector does not close one that it was given

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        domain: UUID | None = None,
        trusted: str = "",
    ) -> retry.Answer:
        """Posts the body and returns the result; it raises only when the task is cancelled.
        `headers` are sent unchanged, or nothing is sent. `domain` is charged for the name look-up.
        `trusted` are PEM certificates by which a receiver is trusted, in place of the system's.
        """
        names.asking.set(domain)
        started = time.monotonic()
        try:
            target, tls = self._target(url), _tls(trusted)
        except errors.Invalid as reason:
            return retry.Answer(error=f"the URL cannot be called: {reason.why}", is_hopeless=True)
        except ValueError:
            return retry.Answer(error="callback_ca cannot be read", is_hopeless=True)
        answer = await self._post(target, headers, body, tls)
        if answer is None and time.monotonic() - started < _AGAIN_S:
            answer = await self._post(target, headers, body, tls)
        answer = answer or retry.Answer(error="the connection broke before the answer")
        return msgspec.structs.replace(answer, latency_s=time.monotonic() - started)

    async def _post(
        self, target: yarl.URL, headers: Mapping[str, str], body: bytes, tls: _Tls = None
    ) -> retry.Answer | None:
        """None: the connection broke before a response."""
        try:
            async with self._session.post(
                target, headers=headers, data=body, allow_redirects=False, ssl=tls or True
            ) as response:
                await self._drain(response)
                return retry.Answer(status=response.status, retry_after_s=_retry_after_s(response))
        except Exception as reason:  # noqa: BLE001  the other POSTs must go on
            return _failure(reason)

    async def _drain(self, response: aiohttp.ClientResponse) -> None:
        """The body was read to its end, so the connection can be used again; otherwise the
        connection will be closed.
        """
        if response.content.at_eof():
            return
        # only the status counts
        with suppress(TimeoutError, aiohttp.ClientError, ConnectionError):
            async with asyncio.timeout(self._limits.body_s):
                left = bounded.BODY_BYTES
                while chunk := await response.content.read(left):  # b"" once nothing is left
                    left -= len(chunk)


@lru_cache(256)
def _tls(trusted: str) -> _Tls:
    """A context that trusts these certificates alone, and a receiver's own among them; None: the
    system's. The receiver's name is checked in either case. Raises ValueError.
    """
    if not trusted:
        return None
    context = ssl.create_default_context(cadata=trusted)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


# refused, filtered, forbidden or unknown look alike: subscribers must not map our network
_NOT_CONNECTED = "no connection"
_FAILURES: tuple[
    tuple[type[Exception] | tuple[type[Exception], ...], retry.Answer | None], ...
] = (
    (aiohttp.ConnectionTimeoutError, retry.Answer(error=_NOT_CONNECTED, is_timeout=True)),
    (TimeoutError, retry.Answer(error="no answer in time", is_timeout=True)),
    (
        (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError),
        retry.Answer(error="TLS failed"),
    ),
    (aiohttp.ClientConnectorError, retry.Answer(error=_NOT_CONNECTED)),
    ((aiohttp.ClientConnectionError, OSError), None),
    (aiohttp.ClientResponseError, retry.Answer(error="the answer is no HTTP")),
    (
        (aiohttp.InvalidURL, ValueError, TypeError),
        retry.Answer(error="the request cannot be sent", is_hopeless=True),
    ),
)


def _failure(reason: Exception) -> retry.Answer | None:
    """The failure in the words of the first matching line; None: the connection broke before a
    response.
    """
    for kinds, answer in _FAILURES:
        if isinstance(reason, kinds):
            return answer
    _log.error("an unforeseen failure of a POST", exc_info=reason)
    return retry.Answer(error="the request failed")


def _retry_after_s(response: aiohttp.ClientResponse) -> float | None:
    """Retry-After in seconds, given as delta-seconds or as a date (RFC 9110 10.2.3); None where it
    is absent or malformed.
    """
    if (text := response.headers.get("Retry-After")) is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
