"""The one WebSocket: requests find their answers, nothing that comes ends the reader, and its
death is told to all.
"""

import ast
import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from testbed.until import until
from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk
from tongdai import errors
from tongdai.asterisk import ari


@pytest.fixture
async def asterisk(tmp_path: Path) -> AsyncIterator[FakeAsterisk]:
    async with fake.running(tmp_path / "cel.jsonl") as asterisk:
        yield asterisk


@pytest.fixture
async def link(asterisk: FakeAsterisk) -> AsyncIterator[ari.Link]:
    """To an Asterisk that answers nothing by itself."""
    asterisk.is_answering = False
    link = await connect(asterisk)
    yield link
    await link.close()


async def connect(asterisk: FakeAsterisk, **limits: Any) -> ari.Link:
    address = asterisk.address
    return await ari.connect(address.url, address.user, address.password, "tongdai", **limits)


def answer(request_id: int, status: int = 200, body: str = "") -> dict[str, Any]:
    return {
        "type": "RESTResponse",
        "request_id": str(request_id),
        "status_code": status,
        "message_body": body,
    }


async def ask(
    link: ari.Link, asterisk: FakeAsterisk, *uris: str
) -> list[asyncio.Task[ari.Response]]:
    """Requests under way, which Asterisk has."""
    before = len(asterisk.asked)
    tasks = [asyncio.create_task(link.request("GET", uri)) for uri in uris]
    await until(lambda: len(asterisk.asked) == before + len(uris))
    return tasks


async def test_a_request_arrives_as_it_is_asked(asterisk: FakeAsterisk) -> None:
    link = await connect(asterisk)
    body = {"fields": [{"attribute": "context", "value": '"điện" \r\n'}]}
    answered = await link.request(
        "PUT", "asterisk/config/dynamic/res_pjsip/endpoint/101@a.vn", {"q": "a&b"}, body
    )
    assert (answered.status_code, answered.is_ok, answered.json()) == (200, True, body["fields"])
    what = "PUT asterisk/config/dynamic/res_pjsip/endpoint/101@a.vn"
    assert asterisk.asked == [fake.Request(what, {"q": "a&b"}, body)]
    await link.close()


async def test_requests_arrive_in_the_order_they_were_made(
    link: ari.Link, asterisk: FakeAsterisk
) -> None:
    tasks = await ask(link, asterisk, *map(str, range(50)))
    assert [asked.what for asked in asterisk.asked] == [f"GET {number}" for number in range(50)]
    for number in range(1, 51):
        await asterisk.send(answer(number))
    await asyncio.gather(*tasks)


async def test_answers_out_of_order_find_their_requests(
    link: ari.Link, asterisk: FakeAsterisk
) -> None:
    tasks = await ask(link, asterisk, "one", "two", "three")
    for number in (3, 1, 2):
        await asterisk.send(answer(number, 200 + number, f'"{number}"'))
    assert [(each.status_code, each.json()) for each in await asyncio.gather(*tasks)] == [
        (201, "1"),
        (202, "2"),
        (203, "3"),
    ]


async def test_answers_that_nobody_waits_for_change_nothing(
    link: ari.Link, asterisk: FakeAsterisk
) -> None:
    tasks = await ask(link, asterisk, "one")
    for number in (7, 1, 1):
        await asterisk.send(answer(number, 404))
    assert [each.is_ok for each in await asyncio.gather(*tasks)] == [False]


async def test_no_answer_in_time_is_a_switch_that_is_down(
    asterisk: FakeAsterisk,
) -> None:
    asterisk.is_answering = False
    link = await connect(asterisk, request_s=0.05)
    with pytest.raises(errors.SwitchDown, match="no answer to GET channels"):
        await link.request("GET", "channels")
    link.request_s = 5.0
    tasks = await ask(link, asterisk, "again")
    await asterisk.send(answer(1, 500))  # too late, and for nobody
    await asterisk.send(answer(2, 200))
    assert [each.status_code for each in await asyncio.gather(*tasks)] == [200]
    await link.close()


async def test_events_come_in_order_and_frames_that_make_no_sense_are_left_out(
    link: ari.Link, asterisk: FakeAsterisk
) -> None:
    sent = [
        b"no JSON",
        b'{"type":"One"}',
        b"",
        b"[]",
        b'{"type":7}',
        b'{"no":"type"}',
        b'{"type":"RESTResponse"}',
        b'{"type":"RESTResponse","request_id":1,"status_code":"many"}',
        '{"type":"Two","name":"Trần"}'.encode(),
    ]
    for frame in sent:
        await asterisk.send(frame)
    events = link.events()
    assert [await anext(events), await anext(events)] == [("One", sent[1]), ("Two", sent[-1])]


async def test_a_lost_link_fails_all_that_waits_and_ends_the_events(
    link: ari.Link, asterisk: FakeAsterisk
) -> None:
    tasks = await ask(link, asterisk, "one", "two")
    await asterisk.send({"type": "Last"})
    await asterisk.lose_link()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, errors.SwitchDown)
    assert [name async for name, _ in link.events()] == ["Last"]
    with pytest.raises(errors.SwitchDown):
        await link.request("GET", "channels")


async def test_a_closed_link_is_down(link: ari.Link, asterisk: FakeAsterisk) -> None:
    (task,) = await ask(link, asterisk, "one")
    await link.close()
    with pytest.raises(errors.SwitchDown):
        await task
    assert [event async for event in link.events()] == []


async def test_who_is_far_too_far_behind_gives_the_link_up(
    asterisk: FakeAsterisk,
) -> None:
    asterisk.is_answering = False
    link = await connect(asterisk, backlog=10)
    (task,) = await ask(link, asterisk, "one")
    for _ in range(20):
        await asterisk.send({"type": "Event"})
    with pytest.raises(errors.SwitchDown):
        await task
    async with asyncio.timeout(5):
        await link.close()
    assert len([event async for event in link.events()]) == 11


async def test_a_wrong_password_is_a_switch_that_is_down(asterisk: FakeAsterisk) -> None:
    with pytest.raises(errors.SwitchDown, match="401"):
        await ari.connect(asterisk.address.url, "tongdai", "wrong", "tongdai")


async def test_nobody_there_is_a_switch_that_is_down() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(errors.SwitchDown, match="ARI at http"):
            await ari.connect(
                f"http://127.0.0.1:{closed.getsockname()[1]}", "tongdai", "x", "tongdai"
            )


async def test_a_handshake_that_hangs_is_a_switch_that_is_down() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        with pytest.raises(errors.SwitchDown):
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            await ari.connect(url, "tongdai", "x", "tongdai", handshake_s=0.05)


def test_nothing_subscribes_to_everything() -> None:
    """One kind of subscription can deadlock Asterisk 22.10.1 (docs/reliability.md). Comments and
    docstrings are not searched.
    """
    source = Path(ari.__file__).parents[1]
    for file in source.rglob("*.py"):
        tree = ast.parse(file.read_text())
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            is_text = (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in said
            )
            assert not is_text or "subscribeall" not in str(ast.literal_eval(node)).lower(), file
            assert (
                not isinstance(node, ast.keyword) or (node.arg or "").lower() != "subscribeall"
            ), file
