"""The bounds on reading a receiver's response. The tests send no more than the bounds need."""

import asyncio
from functools import partial

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from msgspec.structs import replace

from testbed.receivers import Behaviour, Receiver, listening
from tongdai.webhooks import bounded
from tongdai.webhooks.client import Client, Limits
from tongdai.webhooks.guard import Guard

LIMITS = Limits(connect_s=10, total_s=20, body_s=10)
TOO_LONG = "the answer is no HTTP"


def saying(*parts: bytes, pause_s: float = 0) -> Behaviour:
    """Reads the head of a request, says the parts and then nothing more."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)
        while await reader.read(65536):
            pass

    return behave


async def post(behaviour: Behaviour, limits: Limits = LIMITS) -> tuple[int, str]:
    async with (
        listening(behaviour) as receiver,
        Client(Guard(["127.0.0.0/8"]), "1", limits) as client,
    ):
        answer = await client.post(receiver.url, {}, b"{}")
    return answer.status, answer.error


async def test_a_few_interim_responses_are_read_over() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    final = b"HTTP/1.1 204 No Content\r\n\r\n"

    assert await post(saying(interim * 3, final)) == (204, "")


@pytest.mark.parametrize("pause_s", [0, 0.001])
async def test_more_interim_responses_than_the_bound_end_the_delivery(pause_s: float) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    number = bounded._MESSAGES + 4

    assert await post(saying(*[interim] * number, pause_s=pause_s)) == (0, TOO_LONG)


async def test_more_bytes_than_the_bound_end_the_delivery() -> None:
    """Headers that stay below every other limit."""
    header = b"X-A: " + b"a" * 4000 + b"\r\n"
    number = bounded._BYTES // len(header) + 2

    assert await post(saying(b"HTTP/1.1 200 OK\r\n", *[header] * number)) == (0, TOO_LONG)


async def test_more_reads_than_the_bound_end_the_delivery() -> None:
    few = replace(LIMITS, reads=5)
    parts = [b"HTTP/1.1 200 OK\r\n", *[b"X-A: a\r\n"] * 6]

    assert await post(saying(*parts, pause_s=0.02), few) == (0, TOO_LONG)


async def test_a_body_in_tiny_chunks_is_not_read_to_its_end() -> None:
    """The status that came before counts."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert await post(saying(head + b"1\r\nx\r\n" * (bounded._BYTES // 6 + 2000))) == (200, "")


async def test_the_bounds_are_for_each_request(receiver: Receiver) -> None:
    receiver.answer = lambda _: web.Response(body=b"x" * 19_000)
    async with Client(Guard(["127.0.0.0/8"]), "1", LIMITS) as client:
        answers = [await client.post(receiver.url, {}, b"{}") for _ in range(5)]

    assert [answer.status for answer in answers] == [200] * 5
    assert receiver.connections == 1


async def test_aiohttp_makes_its_connections_as_we_know_it() -> None:
    """We replace what makes the protocol of a connection, which aiohttp does not document. When
    this fails after an upgrade, see how `bounded.connector` can reach it now.
    """
    loop = asyncio.get_running_loop()
    plain = aiohttp.TCPConnector()
    ours = bounded.connector(loop)

    assert isinstance(plain._factory, partial)
    assert plain._factory.func is ResponseHandler
    assert isinstance(ours._factory(), bounded.BoundedResponse)
    for made in (plain, ours):
        await made.close()
