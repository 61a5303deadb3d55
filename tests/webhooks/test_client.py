"""The POST, against receivers that behave and receivers that do not."""

import asyncio
import contextlib
import datetime as dt
import email.utils
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yarl
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from testbed.receivers import Receiver, listening, receiving
from tongdai.webhooks.client import Client, Limits
from tongdai.webhooks.guard import Guard

LIMITS = Limits(connect_s=10, total_s=20, body_s=10)  # the machine may be busy
HOSTS = (Path(__file__).parent / "forbidden_hosts.txt").read_text().split()
LOOPBACK = ["127.0.0.0/8", "::1/128"]
BODY = '{"from_number":"Tổng đài"}'.encode()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """May reach loopback."""
    async with Client(Guard(LOOPBACK), "1.2.3", LIMITS) as client:
        yield client


# --- what is sent


async def test_the_body_and_headers_arrive_as_they_are(client: Client, receiver: Receiver) -> None:
    answer = await client.post(
        receiver.url + "?a=%2F&b=c", {"Authorization": "foo", "webhook-id": "1"}, BODY
    )

    [request] = receiver.requests
    assert (answer.status, answer.error, request.body) == (200, "", BODY)
    assert dict(request.headers) == {
        "Host": f"127.0.0.1:{receiver.port}",
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": "tongdai/1.2.3",
        "Authorization": "foo",
        "webhook-id": "1",
        "Content-Length": str(len(BODY)),
    }


async def test_one_connection_serves_many_posts(client: Client, receiver: Receiver) -> None:
    receiver.answer = lambda _: web.Response(body=b"x" * 19_000)

    answers = [await client.post(receiver.url, {}, BODY) for _ in range(5)]

    assert [answer.status for answer in answers] == [200] * 5
    assert receiver.connections == 1


async def test_cookies_are_not_kept(receiver: Receiver) -> None:
    receiver.answer = lambda _: web.Response(headers={"Set-Cookie": "session=1; Path=/"})
    async with Client(Guard(LOOPBACK), "1", LIMITS, Names(["127.0.0.1"])) as client:
        for _ in range(2):
            await client.post(f"http://crm.example.vn:{receiver.port}/", {}, BODY)

    assert "Cookie" not in receiver.requests[1].headers


async def test_proxies_of_the_environment_are_not_used(
    client: Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with Client(Guard(["127.0.0.0/8"]), "1", LIMITS) as fresh:
            answer = await fresh.post(receiver.url, {}, BODY)

    assert (answer.status, proxy.connections) == (200, 0)


@pytest.mark.parametrize("apikey", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\x00b", "a\rb"])
async def test_a_header_that_cannot_be_sent_sends_nothing(
    client: Client, receiver: Receiver, apikey: str
) -> None:
    answer = await client.post(receiver.url, {"Authorization": apikey}, BODY)

    assert (answer.status, answer.is_hopeless, receiver.requests) == (0, True, [])


async def test_a_url_that_cannot_be_called_is_hopeless(client: Client) -> None:
    answer = await client.post("http://user:password@127.0.0.1:8080/", {}, BODY)

    assert answer.is_hopeless
    assert "callback_apikey" in answer.error


# --- what comes back


@pytest.mark.parametrize("status", [200, 204, 301, 304, 400, 404, 410, 429, 500, 503])
async def test_the_status_is_what_counts(client: Client, receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _: status

    assert (await client.post(receiver.url, {}, BODY)).status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(client: Client, receiver: Receiver, status: int) -> None:
    async with receiving() as target:
        receiver.answer = lambda _: web.Response(status=status, headers={"Location": target.url})

        answer = await client.post(receiver.url, {}, BODY)

    assert (answer.status, target.connections) == (status, 0)


@pytest.mark.parametrize(
    ("header", "asked"), [("120", 120), ("0", 0), ("-5", None), ("soon", None), ("", None)]
)
async def test_retry_after_in_seconds(
    client: Client, receiver: Receiver, header: str, asked: float | None
) -> None:
    receiver.answer = lambda _: web.Response(status=503, headers={"Retry-After": header})

    assert (await client.post(receiver.url, {}, BODY)).retry_after_s == asked


async def test_retry_after_as_a_date(client: Client, receiver: Receiver) -> None:
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    receiver.answer = lambda _: web.Response(status=503, headers={"Retry-After": date})

    answer = await client.post(receiver.url, {}, BODY)

    assert answer.retry_after_s == pytest.approx(100, abs=10)


async def test_a_huge_body_is_not_read(client: Client) -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    async with listening(endless) as receiver:
        answer = await client.post(receiver.url, {}, BODY)
        await asyncio.wait_for(receiver.is_cut_off.wait(), 10)

    assert answer.status == 200
    assert sent < 20_000_000  # what the buffers of both sides hold


@pytest.mark.parametrize(
    "endlessly", [b"x" * 65536, b"X-Another: header\r\n" * 4096], ids=["one", "many"]
)
async def test_endless_headers_are_not_read(client: Client, endlessly: bytes) -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX-First: ")
        while True:
            writer.write(endlessly)
            await writer.drain()
            sent += len(endlessly)

    async with listening(endless) as receiver:
        answer = await client.post(receiver.url, {}, BODY)
        await asyncio.wait_for(receiver.is_cut_off.wait(), 10)

    assert (answer.status, answer.error) == (0, "the answer is no HTTP")
    assert sent < 20_000_000  # what the buffers of both sides hold


async def test_a_body_that_drips_is_left() -> None:
    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    limits = Limits(connect_s=10, total_s=60, body_s=0.1)
    async with listening(dripping) as receiver, Client(Guard(LOOPBACK), "1", limits) as client:
        answer = await asyncio.wait_for(client.post(receiver.url, {}, BODY), 15)
        await asyncio.wait_for(receiver.is_cut_off.wait(), 10)

    assert (answer.status, answer.error) == (200, "")


async def test_a_compressed_body_is_not_unpacked(client: Client, receiver: Receiver) -> None:
    receiver.answer = lambda _: web.Response(body=b"no gzip", headers={"Content-Encoding": "gzip"})

    answers = [await client.post(receiver.url, {}, BODY) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert receiver.connections == 1  # so nothing was found wrong with it


@pytest.mark.parametrize("line", [b"", b"H", b"HTTP/1.1 200 OK\r\nX: "])
async def test_no_whole_answer_in_time_is_a_timeout(line: bytes) -> None:
    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(line)
        await reader.read()

    limits = Limits(connect_s=20, total_s=0.8)
    async with listening(dripping) as receiver, Client(Guard(LOOPBACK), "1", limits) as client:
        answer = await client.post(receiver.url, {}, BODY)

    assert (answer.status, answer.error, answer.is_timeout) == (0, "no answer in time", True)


async def test_a_handshake_that_hangs_is_no_connection() -> None:
    async with (
        listening() as receiver,
        Client(Guard(LOOPBACK), "1", Limits(connect_s=0.1, total_s=20)) as client,
    ):
        answer = await client.post(receiver.url.replace("http:", "https:"), {}, BODY)

    assert (answer.error, answer.is_timeout) == ("no connection", True)


async def test_what_is_no_http_is_no_answer(client: Client) -> None:
    async def ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await reader.read()

    async with listening(ssh) as receiver:
        answer = await client.post(receiver.url, {}, BODY)

    assert (answer.status, answer.error, answer.is_hopeless) == (0, "the answer is no HTTP", False)


# --- connections that break


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes with RST."""
    await reader.readuntil(b"\r\n\r\n")
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
    )


async def test_a_connection_that_breaks_is_tried_once_more_at_once(client: Client) -> None:
    async with listening(reset) as receiver:
        answer = await client.post(receiver.url, {}, BODY)

    assert (answer.status, answer.error) == (0, "the connection broke before the answer")
    assert (answer.is_timeout, answer.is_hopeless, receiver.connections) == (False, False, 2)


async def test_a_kept_connection_that_the_receiver_closed_costs_nothing(client: Client) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n" + BODY)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")  # and gone, just as the next request comes

    async with listening(once) as receiver:
        answers = [await client.post(receiver.url, {}, BODY) for _ in range(3)]

    assert [answer.status for answer in answers] == [204, 204, 204]
    assert receiver.connections == 3


# --- where it must not go


class Names(AbstractResolver):
    """Answers each look-up with the next list of addresses; the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002  the answers are given
    ) -> list[ResolveResult]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None: ...


@pytest.mark.parametrize("host", HOSTS)
async def test_the_connector_alone_keeps_forbidden_hosts_out(host: str) -> None:
    async with (
        listening() as canary,
        listening(host="::1", port=canary.port) as canary6,
        Client(Guard(), "1", LIMITS) as client,
    ):
        with contextlib.suppress(ValueError):  # not even a URL
            answer = await client._post(yarl.URL(f"http://{host}:{canary.port}/hook"), {}, BODY)
            assert answer
            assert answer.status == 0

    assert (canary.connections, canary6.connections) == (0, 0)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "fd00::1",
        "64:ff9b::7f00:1",
    ],
)
async def test_a_name_with_a_forbidden_address_is_not_connected(address: str) -> None:
    async with listening() as canary, Client(Guard(), "1", LIMITS, Names([address])) as client:
        answer = await client.post(f"http://crm.example.vn:{canary.port}/", {}, BODY)

    assert (answer.error, answer.is_timeout, canary.connections) == ("no connection", False, 0)


async def test_a_name_that_changes_its_address_is_judged_anew(receiver: Receiver) -> None:
    """127.0.0.2 is the public side here, 127.0.0.1 the forbidden one: on the same port."""
    async with receiving(host="127.0.0.2", port=receiver.port) as public:
        public.answer = lambda _: web.Response(headers={"Connection": "close"})
        async with Client(
            Guard(["127.0.0.2/32"]), "1", LIMITS, Names(["127.0.0.2"], ["127.0.0.1"])
        ) as client:
            first = await client.post(f"http://crm.example.vn:{receiver.port}/", {}, BODY)
            client._session.connector.clear_dns_cache()  # type: ignore[union-attr]
            second = await client.post(f"http://crm.example.vn:{receiver.port}/", {}, BODY)

    assert (first.status, second.status, second.error) == (200, 0, "no connection")
    assert (public.connections, receiver.connections) == (1, 0)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1", "127.0.0.2"], ["::1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]]
)
async def test_of_several_addresses_the_permitted_ones_are_used(
    receiver: Receiver, addresses: list[str]
) -> None:
    async with (
        receiving(host="127.0.0.2", port=receiver.port) as public,
        Client(Guard(["127.0.0.2/32"]), "1", LIMITS, Names(addresses)) as client,
    ):
        answer = await client.post(f"http://crm.example.vn:{receiver.port}/", {}, BODY)

    assert (answer.status, public.connections, receiver.connections) == (200, 1, 0)


async def test_refused_forbidden_and_unknown_look_alike(client: Client) -> None:
    async with listening() as gone:
        pass
    async with Client(Guard(), "1", LIMITS, Names(["127.0.0.1"])) as outside:
        answers = [
            await client.post(gone.url, {}, BODY),  # refused
            await client.post(f"http://no-such-name.invalid:{gone.port}/", {}, BODY),
            await outside.post(f"http://crm.example.vn:{gone.port}/", {}, BODY),
        ]

    assert {(answer.status, answer.error, answer.is_hopeless) for answer in answers} == {
        (0, "no connection", False)
    }


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    client: Client, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    async with receiving(tls=context) as receiver:
        answer = await client.post(receiver.url.replace("http:", "https:"), {}, BODY)

    assert (answer.status, answer.error, receiver.requests) == (0, "TLS failed", [])


async def test_a_certificate_that_the_subscription_trusts_is_accepted(
    client: Client, tmp_path: Path
) -> None:
    """For its own name only; and no other is trusted then."""
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    own, other = self_signed(tmp_path / "own"), self_signed(tmp_path / "other")
    trusted, strange = (x509_of(path) for path in (own, other))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    async with receiving(tls=context) as receiver:
        url = receiver.url.replace("http:", "https:")
        answers = [
            await client.post(url, {}, BODY, trusted=pem) for pem in (trusted, strange, trusted)
        ]
        renamed = await client.post(url.replace("127.0.0.1", "localhost"), {}, BODY, None, trusted)

    assert [(answer.status, answer.error) for answer in answers] == [
        (200, ""),
        (0, "TLS failed"),
        (200, ""),
    ]
    assert (renamed.status, renamed.error) == (0, "TLS failed")


def x509_of(path: Path) -> str:
    return path.read_text().partition("-----END PRIVATE KEY-----\n")[2]


def self_signed(folder: Path) -> Path:
    """A file with a key and its certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
