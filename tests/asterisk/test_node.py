import asyncio
import re
import socket
import subprocess
import sys
import wave
from array import array
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import msgspec
import pytest

from testbed import ports
from tongdai import errors, process
from tongdai.asterisk import cel_log, music, node, packages
from tongdai.engine import housekeeping

Start: TypeAlias = Callable[[node.Spec], Coroutine[None, None, node.Node]]

PJSIP = """
[transport-udp]
type = transport
protocol = udp
bind = @{sip}

[neighbour]
type = endpoint
context = answers
allow = ulaw

[neighbour]
type = identify
endpoint = neighbour
match = 127.0.0.1
"""
EXTENSIONS = """
[answers]
exten => 100,1,Answer()
 same => n,Milliwatt()
"""
INVITE = b"""INVITE sip:100@pbx SIP/2.0\r
Via: SIP/2.0/UDP 127.0.0.1:%(port)d;branch=z9hG4bK1\r
From: <sip:%(from)s@127.0.0.1>;tag=1\r
To: <sip:100@pbx>\r
Call-ID: 1\r
CSeq: 1 INVITE\r
Contact: <sip:phone@127.0.0.1:%(port)d>\r
Content-Length: 0\r
\r
"""
STARTER = """
import asyncio, pathlib, sys, time
import msgspec
from tongdai.asterisk import node
given = msgspec.json.decode(sys.argv[1])
spec = msgspec.convert(given, node.Spec, dec_hook=lambda kind, value: kind(value))
print(asyncio.run(node.start(spec)).pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="session")
async def root() -> packages.Root:
    return await asyncio.to_thread(
        packages.asterisk, packages.default_cache(), lambda _text, _done, _total: None
    )


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """node.start, whose nodes are gone afterwards."""
    started = []

    async def _start(spec: node.Spec) -> node.Node:
        started.append(await node.start(spec))
        return started[-1]

    yield _start
    for one in started:
        await one.stop()


@pytest.fixture
def spec(root: packages.Root, tmp_path: Path) -> node.Spec:
    return a_spec(root, tmp_path / "switch")


def a_spec(root: packages.Root, folder: Path) -> node.Spec:
    """A node that answers its neighbours on this machine, on ports that are free now."""
    (conf := folder.with_name(f"{folder.name}-conf")).mkdir()
    (conf / "pjsip.conf").write_text(PJSIP)
    (conf / "extensions.conf").write_text(EXTENSIONS)
    rtp = ports.audio(22)
    return node.Spec(
        root=root,
        folder=folder,
        conf=conf,
        sip=ports.server(),
        rtp=(rtp.start, rtp.stop - 1),
    )


async def ari(running: node.Node, method: str, path: str, body: object = None) -> Any:
    """The response of ARI; anything but success fails the test with its text."""
    login = {"Authorization": aiohttp.encode_basic_auth(running.user, running.password)}
    async with (
        aiohttp.ClientSession(headers=login) as session,
        session.request(method, f"{running.url}/ari/{path}", json=body) as response,
    ):
        text = await response.text()
        assert response.ok, f"{method} {path}: {response.status} {text}"
        return msgspec.json.decode(text or "null")


async def push(running: node.Node, kind: str, name: str, **fields: str) -> None:
    attributes = [{"attribute": field, "value": value} for field, value in fields.items()]
    await ari(
        running, "PUT", f"asterisk/config/dynamic/res_pjsip/{kind}/{name}", {"fields": attributes}
    )


async def entries(running: node.Node, until: str) -> list[dict[str, str]]:
    """The events so far, once one of that type is among them."""
    async with asyncio.timeout(10):
        while True:
            lines = running.cel_log.read_text().splitlines() if running.cel_log.exists() else []
            events = [msgspec.json.decode(line, type=dict[str, str]) for line in lines]
            if any(event["eventtype"] == until for event in events):
                return events
            await asyncio.sleep(0.02)


def log(running: node.Node) -> str:
    return (running.folder / "log" / "messages").read_text()


async def test_it_starts_without_a_complaint_and_stops_without_a_trace(
    start: Start, spec: node.Spec
) -> None:
    running = await start(spec)
    assert not running.adopted
    modules = await ari(running, "GET", "asterisk/modules")
    named = re.findall(r"^load = (\S+)", (node.COMMON / "modules.conf").read_text(), re.MULTILINE)
    assert len(named) > 100
    assert {module["name"] for module in modules if module["status"] == "Running"} >= set(named)
    assert [
        line for line in log(running).splitlines() if "ERROR" in line or "WARNING" in line
    ] == []
    await running.stop()
    assert process.find(running.pid, str(spec.folder / "etc" / "asterisk.conf")) is None
    with pytest.raises(aiohttp.ClientError):
        await ari(running, "GET", "asterisk/info")


async def test_every_kind_of_object_is_pushed_over_ari(start: Start, spec: node.Spec) -> None:
    running = await start(spec)
    await push(
        running, "auth", "101@a.test", auth_type="userpass", username="101", password="secret"
    )
    await push(running, "aor", "101@a.test", max_contacts="5")
    await push(
        running, "endpoint", "101@a.test", aors="101@a.test", auth="101@a.test", context="answers"
    )
    await push(running, "endpoint", "trunk", context="answers")
    await push(running, "identify", "trunk", endpoint="trunk", match="192.0.2.7")
    await push(running, "domain_alias", "alias.test", domain="a.test")
    await push(
        running, "registration", "trunk", server_uri="sip:192.0.2.7", client_uri="sip:us@192.0.2.7"
    )
    shown = await running.console("pjsip show endpoint trunk")
    assert "192.0.2.7/32" in shown
    await ari(running, "DELETE", "asterisk/config/dynamic/res_pjsip/endpoint/trunk")


async def test_two_side_by_side_call_each_other_and_the_cel_log_tells(
    start: Start, root: packages.Root, tmp_path: Path
) -> None:
    specs = [a_spec(root, tmp_path / name) for name in ("one", "other")]
    async with asyncio.TaskGroup() as starting:  # if one fails, the other is not left
        tasks = [starting.create_task(start(spec)) for spec in specs]
    one, other = (task.result() for task in tasks)
    await push(one, "aor", "other", contact=f"sip:100@{specs[1].sip}")
    await push(
        one,
        "endpoint",
        "other",
        aors="other",
        context="answers",
        disallow="all",
        allow="ulaw",
        tenantid="a",
    )
    call = {
        "endpoint": "PJSIP/other",
        "context": "answers",
        "extension": "100",
        "priority": 1,
        "callerId": '"<é" <7>',
    }
    channel = await ari(one, "POST", "channels", call)
    await entries(one, until="ANSWER")
    assert len(await ari(other, "GET", "channels")) == 1
    await ari(one, "DELETE", f"channels/{channel['id']}")
    events = await entries(one, until="HANGUP")
    assert [event["eventtype"] for event in events] == ["CHAN_START", "ANSWER", "HANGUP"]
    hangup = events[2]
    assert (hangup["uniqueid"], hangup["tenantid"]) == (channel["id"], "a")
    assert msgspec.json.decode(hangup["eventextra"])["hangupcause"] == 16
    assert float(events[0]["eventtime"]) <= float(hangup["eventtime"])
    assert re.fullmatch(r"one-\d+\.\d+", channel["id"]), (
        "the system's name keeps ids of several apart"
    )


@pytest.mark.parametrize("caller", [b"%0A%7B%7D", b"%FF%FE", b"a%09b", b"%22%5C", b"%E1%BA%BF"])
async def test_no_caller_can_write_into_the_cel_log(
    start: Start, spec: node.Spec, caller: bytes
) -> None:
    running = await start(spec)
    host, _, port = spec.sip.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.sendto(
            INVITE % {b"from": caller, b"port": phone.getsockname()[1]}, (host, int(port))
        )
        events = await entries(running, until="ANSWER")
    assert [event["eventtype"] for event in events] == ["CHAN_START", "ANSWER"]


async def test_a_cel_log_that_grew_long_is_begun_anew_and_read_on(
    start: Start, spec: node.Spec
) -> None:
    running = await start(spec)
    host, _, port = spec.sip.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.sendto(
            INVITE % {b"from": b"101", b"port": phone.getsockname()[1]}, (host, int(port))
        )
        written = await entries(running, until="ANSWER")
        place = cel_log.Offset(running.cel_log.stat().st_ino, 0)
        housekeeping.rotate(running.cel_log, 1 << 20)
        assert running.cel_log.exists(), "it was not long"
        housekeeping.rotate(running.cel_log, 10)
        (channel,) = {event["uniqueid"] for event in written}
        await ari(running, "DELETE", f"channels/{channel}")
        await entries(running, until="HANGUP")
    told = [entry.eventtype for entry in cel_log.since(running.cel_log, place)]
    assert told == ["CHAN_START", "ANSWER", "HANGUP"]


async def test_it_outlives_a_killed_controller_and_is_taken_over(
    start: Start, spec: node.Spec
) -> None:
    controller = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTER, msgspec.json.encode(spec, enc_hook=str).decode()),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert controller.stdout is not None
    pid = int(await controller.stdout.readline())
    controller.kill()
    await controller.wait()
    (spec.conf / "extensions.conf").write_text(f"{EXTENSIONS}\n[new]\nexten => 200,1,Hangup()\n")
    running = await start(spec)
    assert (running.pid, running.adopted) == (pid, True)
    assert "'200'" in await running.console("dialplan show new")


async def test_one_that_runs_with_other_addresses_is_replaced(
    start: Start, spec: node.Spec
) -> None:
    first = await start(spec)
    second = await start(msgspec.structs.replace(spec, sip=ports.server()))
    assert not second.adopted
    assert second.pid != first.pid
    await first.wait()
    assert second.password == first.password, "what was configured with it goes on working"


async def test_an_end_by_other_hands_is_noticed(start: Start, spec: node.Spec) -> None:
    running = await start(spec)
    await running.console("core stop now")
    async with asyncio.timeout(10):
        await running.wait()


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_an_address_in_use_is_named(spec: node.Spec, kind: socket.SocketKind) -> None:
    host, _, port = spec.sip.rpartition(":")
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((host, int(port)))
        protocol = "UDP" if kind is socket.SOCK_DGRAM else "TCP"
        with pytest.raises(errors.SetupError, match=rf"{spec.sip} \({protocol}\).*in use"):
            await node.start(spec)


async def test_a_start_that_fails_shows_the_end_of_the_log(spec: node.Spec) -> None:
    modules = (node.COMMON / "modules.conf").read_text()
    (spec.conf / "modules.conf").write_text(f"{modules}\nrequire = res_of_nowhere.so\n")
    with pytest.raises(errors.SetupError, match=r"(?s)ended at start-up.*res_of_nowhere"):
        await node.start(spec)


async def test_a_path_too_long_for_a_socket(
    start: Start, root: packages.Root, tmp_path: Path
) -> None:
    (deep := tmp_path / ("long" * 30)).mkdir()
    running = await start(a_spec(root, deep / "switch"))
    assert "System uptime" in await running.console("core show uptime")


async def test_passwords_are_for_the_owner_alone(start: Start, spec: node.Spec) -> None:
    running = await start(spec)
    holding = [
        path
        for path in spec.folder.rglob("*")
        if path.is_file() and running.password in path.read_text("latin-1")
    ]
    assert {path.name for path in holding} == {"ari.conf", "node.json"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holding)


def test_an_address_beyond_a_nat_is_announced_to_the_outside_alone(spec: node.Spec) -> None:
    (spec.conf / "pjsip.conf").write_text("@{external}")
    outside = msgspec.structs.replace(spec, external_ip="203.0.113.5")
    text = node.render(outside, "127.0.0.1:1", "secret")["pjsip.conf"]
    assert "external_media_address = 203.0.113.5" in text
    assert "local_net = 192.168.0.0/16" in text
    assert node.render(spec, "127.0.0.1:1", "secret")["pjsip.conf"] == ""


@pytest.mark.parametrize(
    ("sip", "external", "lines"),
    [
        ("192.0.2.7:5060", "", ""),
        ("192.0.2.7:5060", "192.0.2.7", ""),
        (
            "192.0.2.7:5060",
            "203.0.113.5",
            "[ice_host_candidates]\n192.0.2.7 => 203.0.113.5,include_local_address",
        ),
        # where it listens on every address: that of the route to the public one
        (
            "0.0.0.0:5060",
            "127.1.2.3",
            "[ice_host_candidates]\n127.0.0.1 => 127.1.2.3,include_local_address",
        ),
    ],
)
def test_browsers_get_the_address_beyond_a_nat(
    spec: node.Spec, sip: str, external: str, lines: str
) -> None:
    beyond = msgspec.structs.replace(spec, sip=sip, external_ip=external)
    text = node.render(beyond, "127.0.0.1:1", "secret")["rtp.conf"]
    assert text.rstrip().endswith(lines)
    assert ("[ice_host_candidates]" in text) == bool(lines)
    assert "stunaddr" not in text


def test_a_stun_server(spec: node.Spec) -> None:
    known = msgspec.structs.replace(spec, stun="stun.example.vn:3478")
    text = node.render(known, "127.0.0.1:1", "secret")["rtp.conf"]
    assert "\nstunaddr = stun.example.vn:3478\n" in text


def test_hold_music_sounds_and_loops(tmp_path: Path) -> None:
    music.write(tune := tmp_path / "tune.wav")
    with wave.open(str(tune)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        samples = array("h", file.readframes(file.getnframes()))
    assert len(samples) == 20 * 8000
    assert abs(samples[0]) < 100
    assert abs(samples[-1]) < 100
    assert 4_000 < max(samples) < 16_000
