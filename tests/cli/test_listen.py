"""tongdai listen and tongdai trigger: real events of a real instance, in a terminal and at a
program beside it.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from signal import SIGINT
from typing import Any

import aiohttp
import pytest

from testbed.instance import REPOSITORY, Instance
from testbed.receivers import receiving
from testbed.until import until
from tests.cli.conftest import run
from tests.e2e.test_webhooks import is_signed

STORY = ["ringing", "answered", "hangup", "cdr"]


class Terminal:
    """A command that runs: what it has said so far, in lines."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.aside: list[str] = []

    async def read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        while line := await stream.readline():
            lines.append(line.decode().rstrip("\n"))

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.said]


@asynccontextmanager
async def listening(running: dict[str, str], *args: str) -> AsyncIterator[Terminal]:
    """`tongdai listen`, connected. Ctrl-C ends it without a complaint."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("TONGDAI_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tongdai", "listen", *args),
        cwd=REPOSITORY,
        env={**others, **running},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    terminal = Terminal()
    reading = asyncio.gather(
        terminal.read(process.stdout, terminal.said), terminal.read(process.stderr, terminal.aside)
    )
    try:
        await until(lambda: any(line.startswith("Listening") for line in terminal.aside), 20)
        yield terminal
        process.send_signal(SIGINT)
        assert await process.wait() == 0
        assert "Traceback" not in "".join(terminal.aside)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


async def command(running: dict[str, str], *args: str) -> Any:
    """A command in a thread of its own, where it may have a loop of its own."""
    return await asyncio.to_thread(run, running, *args)


async def test_events_of_a_real_call_come_to_a_program_on_this_machine(
    running: dict[str, str],
) -> None:
    async with (
        receiving() as receiver,
        listening(
            running, "--forward", receiver.url, "--callback-apikey", "Bearer crm"
        ) as terminal,
    ):
        made = await command(
            running, "sandbox", "call", "--customer", "0912000111", "--talk-s", "1", "--json"
        )
        assert made.exit_code == 0, made.output
        call_id = json.loads(made.stdout)["id"]
        await until(lambda: len(terminal.said) >= 4, 20)

    mine = [
        request
        for request in receiver.requests
        if request.event.conversation_id.hex == call_id.replace("-", "")
    ]
    assert [request.event.state for request in mine] == STORY
    [secret] = [
        line.removeprefix("Signed with ")
        for line in terminal.aside
        if line.startswith("Signed with ")
    ]
    assert all(is_signed(request, secret) for request in mine)
    assert {request.headers["Authorization"] for request in mine} == {"Bearer crm"}
    assert {request.headers["Content-Type"] for request in mine} == {"application/json"}
    for line, name in zip(terminal.said, STORY, strict=True):
        assert re.fullmatch(
            rf"\d\d:\d\d:\d\d  #\d+ {name} +inbound 0912000111 -> 202"
            r"  call [0-9a-f-]{36}  -> 200 in \d+ ms",
            line,
        ), line


async def test_a_crash_is_outlived_and_nothing_is_missed_or_told_twice(
    running: dict[str, str], instance: Instance
) -> None:
    async with listening(running, "--json", "--events", "ringing,cdr") as terminal:
        for name in ("ringing", "answered", "cdr"):
            assert (await command(running, "trigger", name)).exit_code == 0
        await until(lambda: len(terminal.said) == 2)
        await instance.kill()
        await instance.start()
        assert (await command(running, "trigger", "cdr", "--json")).exit_code == 0
        await until(lambda: len(terminal.said) == 3, 20)

    first, *rest = terminal.events
    assert [event["event"] for event in (first, *rest)] == ["ringing", "cdr", "cdr"]
    assert [event["seq"] - first["seq"] for event in rest] == [2, 3]
    assert first["body"]["customer_id"] == "test"


async def test_what_came_before_can_be_read_again(running: dict[str, str], ready: Any) -> None:
    made = [
        json.loads((await command(running, "trigger", name, "--json")).stdout) for name in STORY
    ]
    access = {
        "TONGDAI_URL": ready["base_url"],
        "TONGDAI_API_KEY": ready["api_key"],
        "TONGDAI_DATA": "/nonexistent",
    }
    async with listening(access, "--json", "--after", str(made[0]["seq"])) as terminal:
        await until(lambda: len(terminal.said) == 3)

    assert [event["webhook_id"] for event in terminal.events] == [
        event["webhook_id"] for event in made[1:]
    ]
    assert [event["body"] for event in terminal.events] == [event["body"] for event in made[1:]]


async def test_a_triggered_event_goes_to_who_subscribed(
    running: dict[str, str], ready: Any
) -> None:
    async with receiving() as receiver, aiohttp.ClientSession(ready["base_url"]) as api:
        async with api.post("/v1/auth/token", json={"api_key": ready["api_key"]}) as answer:
            api.headers["Authorization"] = f"Bearer {(await answer.json())['data']['token']}"
        async with api.post(
            "/v1/event", json={"callback_url": receiver.url, "event": "missed"}
        ) as answer:
            made = await answer.json()

        told = await command(running, "trigger", "missed")
        await until(lambda: receiver.requests)
        await (await api.delete(f"/v1/event/{made['id']}")).release()

    [request] = receiver.requests
    assert is_signed(request, made["data"]["secret"])
    assert (request.event.state, request.event.customer_id) == ("missed", "test")
    assert re.fullmatch(
        rf"missed {request.headers['webhook-id']} is event \d+ of {ready['domain']}\n", told.stdout
    ), told.stdout


async def test_a_sample_goes_to_a_url_though_nothing_runs(tmp_path: Path) -> None:
    secret = "whsec_EBCRloEOwhqKNHv5izXw8H9RLfL7BPAdHga+S+vp35k="
    nothing = {"TONGDAI_DATA": str(tmp_path)}
    async with receiving(lambda request: 200 if "good" in request.path else 500) as receiver:
        url = receiver.url.removesuffix("hook")
        told = await command(
            nothing, "trigger", "cdr", "--forward", f"{url}good", "--secret", secret
        )
        refused = await command(nothing, "trigger", "cdr", "--forward", f"{url}bad", "--json")
    nobody = await command(nothing, "trigger", "cdr", "--forward", receiver.url)

    assert is_signed(receiver.requests[0], secret)
    assert re.fullmatch(r"cdr [0-9a-f-]{36} -> 200 in \d+ ms\n", told.stdout)
    assert (refused.exit_code, json.loads(refused.stdout)["forwarded"]["status"]) == (1, 500)
    kept = refused.stderr.splitlines()[0].removeprefix("Signed with ")
    assert is_signed(receiver.requests[1], kept)
    assert nobody.exit_code == 1
    assert "-> no connection in" in nobody.stdout


async def test_the_secret_stays_the_same(tmp_path: Path, users_folder: Path) -> None:
    """It is the user's alone, and a line puts it into the receivers' file."""
    nothing = {"TONGDAI_DATA": str(tmp_path)}
    async with receiving() as receiver:
        first, second = [
            await command(nothing, "trigger", "cdr", "--forward", receiver.url) for _ in range(2)
        ]
    said, paste = first.stderr.splitlines()
    secret = said.removeprefix("Signed with ")
    assert first.stderr == second.stderr
    assert paste.endswith(f"echo {secret} > secrets.txt")
    assert all(is_signed(request, secret) for request in receiver.requests)
    kept = users_folder / "tongdai" / "listen-secret"
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (f"{secret}\n", 0o600)


CALL = "019adb1c-9c3e-7a41-ad09-ae9e087f2d31"


@pytest.mark.parametrize(
    ("outcome", "states", "end"),
    [
        ("answered", STORY, ("ANSWERED", "NORMAL_CLEARING", "")),
        ("busy", ["ringing", "hangup", "missed", "cdr"], ("BUSY", "USER_BUSY", "busy")),
        (
            "caller_gave_up",
            ["ringing", "hangup", "missed", "cdr"],
            ("CANCEL", "ORIGINATOR_CANCEL", "caller_gave_up"),
        ),
    ],
)
async def test_a_whole_call_is_rehearsed(
    tmp_path: Path, outcome: str, states: list[str], end: tuple[str, ...]
) -> None:
    """With one's own numbers, ids and outcome, to one's own receiver and as it wants them."""
    async with receiving() as receiver:
        told = await command(
            {"TONGDAI_DATA": str(tmp_path)},
            *("trigger", "call", "--from", "0909000111", "--to", "101", "--hotline", "19006868"),
            *("--outcome", outcome, "--call-id", CALL, "--customer-id", "crm-7"),
            *("--sip-call-id", "abc@phone", "--talk-s", "7", "--pause-s", "0"),
            *("--forward", receiver.url, "--header", "x-make-apikey: abc", "--numbers-as-text"),
        )
    assert told.exit_code == 0, told.output
    bodies = [json.loads(request.body) for request in receiver.requests]
    assert [body["state"] for body in bodies] == states
    assert {request.headers["x-make-apikey"] for request in receiver.requests} == {"abc"}
    who = {
        "call_id": CALL,
        "sip_call_id": "abc@phone",
        "from_number": "0909000111",
        "to_number": "101",
        "extension": "101",
        "hotline": "19006868",
        "customer_id": "crm-7",
    }
    assert all(body == body | who for body in bodies)
    over = next(body for body in bodies if body["state"] == "hangup")
    assert (over["status"], over["cause"], over["reason"]) == end
    assert over["billsec"] == ("7" if outcome == "answered" else "0")


async def test_a_whole_call_comes_to_the_domain(running: dict[str, str]) -> None:
    async with listening(running, "--json") as terminal:
        told = await command(
            running,
            *("trigger", "call", "--direction", "outbound", "--from", "0909000111", "--to", "101"),
            *("--call-id", CALL, "--pause-s", "0"),
        )
        assert told.exit_code == 0, told.output
        await until(lambda: len(terminal.said) >= 4)
    bodies = [event["body"] for event in terminal.events]
    assert [body["state"] for body in bodies] == STORY
    assert {(body["call_id"], body["from_number"], body["to_number"]) for body in bodies} == {
        (CALL, "101", "0909000111")
    }


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (
            ("listen", "--url", "http://127.0.0.1:1", "--api-key", "x"),
            4,
            "http://127.0.0.1:1 does not answer",
        ),
        (
            ("listen", "--url", "http://127.0.0.1:1"),
            4,
            "--api-key or --token is needed: for http://127.0.0.1:1",
        ),
        (("listen", "--url", "pbx", "--token", "x"), 4, "pbx is no URL of an API"),
        (("listen",), 4, "start it with tongdai up --sandbox"),
        (
            ("trigger", "create"),
            1,
            "event: one of ringing, answered, hold, unhold, parked, ",
        ),
        (("trigger", "cdr", "--forward", "ftp://crm.example.vn"), 1, "--forward: "),
        (("trigger", "call", "--outcome", "perhaps"), 1, "--outcome: one of answered, "),
        (
            (*("trigger", "cdr", "--forward", "http://127.0.0.1:3000"), "--header", "host: x"),
            1,
            "callback_headers: host is a header of our own",
        ),
        (
            ("trigger", "cdr", "--forward", "http://127.0.0.1:3000", "--secret", "x"),
            1,
            "secret: expected whsec_",
        ),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    tmp_path: Path, args: tuple[str, ...], code: int, told: str
) -> None:
    refused = run({"TONGDAI_DATA": str(tmp_path)}, *args)

    assert refused.exit_code == code
    assert told in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("listen", "--events", "create"), "event: one of"),
        (("listen", "--after", "999999999"), "after: the newest event has seq"),
        (("listen", "--api-key", "wrong"), "Unknown user, wrong password or wrong API key."),
        (("listen", "--token", "wrong"), "The token is not valid."),
    ],
)
def test_what_the_api_refuses_is_told_in_its_words(
    running: dict[str, str], args: tuple[str, ...], told: str
) -> None:
    refused = run(running, *args)

    assert refused.exit_code == 1
    assert told in refused.stderr
