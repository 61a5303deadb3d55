"""Click-to-call: from the HTTP request to the INVITE on the wire, beside a bare ARI originate
(G12).

    python -m bench click2call [--calls 300]

A phone (a UDP socket) is registered; each call is one HTTP request over a connection that is open
already, timed by one thread from before it is sent until the INVITE has come. Ours and the bare
`POST /ari/channels` of the same Asterisk take turns; the phone is busy, so each call ends at once,
and the next begins when that is over.
"""

import asyncio
import base64
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlsplit

from bench import company
from bench import rig as rigs
from bench.report import milliseconds, quantile, table
from bench.rig import Rig
from testbed.registration import Phone

PAUSE_S = 0.02  # between two calls
WARM = 20  # calls that do not count


class Http:
    """One connection that stays open."""

    def __init__(self, host: str, port: int, authorization: str) -> None:
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"Host: {host}:{port}\r\nAuthorization: {authorization}\r\nContent-Length: 0\r\n\r\n"
        )

    def send(self, method: str, target: str) -> None:
        self._socket.sendall(f"{method} {target} HTTP/1.1\r\n{self._head}".encode())

    def answer(self) -> bytes:
        """The response to what was sent, which must be 200."""
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(65_536)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), answer
        size = next(
            int(line[15:])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        while len(body) < size:
            body += self._socket.recv(65_536)
        return body

    def close(self) -> None:
        self._socket.close()


def measure(phone: Phone, http: Http, method: str, target: str) -> float:
    """Seconds from request to INVITE."""
    started = time.perf_counter()
    http.send(method, target)
    rung = phone.rung()
    http.answer()
    time.sleep(PAUSE_S)
    return rung - started


def contest(
    rig: Rig, at: company.Company, token: str, phone: Phone, calls: int
) -> dict[str, list[float]]:
    """Sorted seconds of both, measured in turn."""
    address = urlsplit(rig.asterisk.url)
    login = base64.b64encode(f"{rig.asterisk.user}:{rig.asterisk.password}".encode()).decode()
    extensions = list(at.passwords)
    with (
        _open(rigs.HOST, rig.http, f"Bearer {token}") as ours,
        _open(rigs.HOST, address.port, f"Basic {login}") as ari,
    ):

        def through_us(extension: str, number: int) -> float:
            # Another number each time: the same request again would mean the same call.
            return measure(
                phone, ours, "GET", f"/v1/click2call?ext={extension}&phone=0912{number:06d}"
            )

        def bare(extension: str, _: int) -> float:
            endpoint = quote(
                f"PJSIP/{extension}@{at.domain.name}/sip:{extension}@{phone.address}", safe=""
            )
            where = f"endpoint={endpoint}&context=hangup&extension=16&priority=1&timeout=30"
            return measure(phone, ari, "POST", f"/ari/channels?{where}")

        contestants: dict[str, Callable[[str, int], float]] = {
            "click-to-call": through_us,
            "bare ARI originate": bare,
        }
        times: dict[str, list[float]] = {name: [] for name in contestants}
        for n in range(WARM + calls):
            for name, call in contestants.items():
                times[name].append(call(extensions[n % len(extensions)], n))
    return {name: sorted(found[WARM:]) for name, found in times.items()}


@contextlib.contextmanager
def _open(host: str, port: int | None, authorization: str) -> Iterator[Http]:
    http = Http(host, port or 80, authorization)
    try:
        yield http
    finally:
        http.close()


async def run(calls: int) -> dict[str, list[float]]:
    async with rigs.rig() as rig:
        (one,) = await company.found(rig, 1, 20, recording=True)
        async with rig.up():
            token = await rig.token(one.api_key)
            phone = Phone(rigs.PHONE, 0, (rigs.HOST, rig.sip))
            await asyncio.to_thread(company.register, rig, [one], phone)
            try:
                return await asyncio.to_thread(contest, rig, one, token, phone, calls)
            finally:
                phone.close()


def main(calls: int = 300) -> None:
    times = asyncio.run(run(calls))
    limit = times["bare ARI originate"]
    rows = [
        (
            name,
            milliseconds(quantile(found, 0.5)),
            milliseconds(quantile(found, 0.99)),
            f"{quantile(found, 0.5) / quantile(limit, 0.5):.2f}",
            f"{quantile(found, 0.99) / quantile(limit, 0.99):.2f}",
        )
        for name, found in times.items()
    ]
    table("From HTTP request to INVITE (G12)", ("", "p50", "p99", "p50 ratio", "p99 ratio"), rows)
