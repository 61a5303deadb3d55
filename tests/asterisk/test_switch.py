"""The switch over links that come and go: what is said first, what is kept, and when it must
stop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import TypeAlias
from unittest.mock import ANY
from uuid import UUID

import aiohttp
import msgspec
import pytest
import structlog

from testbed.until import until
from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk
from tongdai import errors
from tongdai.asterisk import ari, provisioning
from tongdai.asterisk.contacts import Contacts
from tongdai.asterisk.provisioning import Device, Objects
from tongdai.asterisk.reconnect import Timing
from tongdai.asterisk.registrations import QUERY_CHANNEL
from tongdai.asterisk.switch import APP, Snapshot, Switch
from tongdai.pbx.actions import (
    Contact,
    Dial,
    HangUp,
    Originate,
    Party,
    Record,
    SwitchAction,
    Wait,
)
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.jitter import Reception
from tongdai.pbx.signals import (
    NOT_ASKED,
    Arrived,
    LegAnswered,
    LegDialed,
    LegHungUp,
    LegRinging,
    Refused,
    Signal,
    Unanswered,
)

CALL = UUID("01a208b1-61e0-76f4-b2eb-0404ab11662d")
CONFIG = "asterisk/config/dynamic/res_pjsip"
Heard: TypeAlias = list[tuple[UUID, Signal]]


QUICK = Timing(back_off_s=(0.01,))
IMPATIENT = Timing(back_off_s=(0.01,), echo_s=0.01, echo_limit_s=0.05, request_s=60)


@pytest.fixture
async def asterisk(tmp_path: Path) -> AsyncIterator[FakeAsterisk]:
    async with fake.running(tmp_path / "cel.jsonl") as asterisk:
        yield asterisk


class Controller:
    """A switch that runs, and what it told."""

    def __init__(self, asterisk: FakeAsterisk, timing: Timing = QUICK) -> None:
        self.heard: Heard = []
        self.snapshots: list[Snapshot] = []
        self.may_listen = asyncio.Event()
        self.may_listen.set()
        self.contacts = Contacts(APP)
        self.switch = Switch(
            asterisk.address, lambda *signal: self.heard.append(signal), timing, self.contacts
        )
        self.task = asyncio.create_task(self.switch.run(self._linked))

    async def _linked(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)
        await self.may_listen.wait()

    @property
    def kinds(self) -> list[str]:
        return [type(signal).__name__ for _, signal in self.heard]

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def controller(asterisk: FakeAsterisk) -> AsyncIterator[Controller]:
    controller = Controller(asterisk)
    yield controller
    await controller.end()


@pytest.fixture
async def impatient(asterisk: FakeAsterisk) -> AsyncIterator[Controller]:
    """Gives up a silent link soon; a request, never."""
    controller = Controller(asterisk, IMPATIENT)
    yield controller
    await controller.end()


def objects(*numbers: str) -> Objects:
    return provisioning.objects(
        [
            Device(endpoint=Endpoint(number, "a.vn"), digest_md5="0" * 32, digest_sha256="")
            for number in numbers
        ],
        [],
        {},
    )


# --- connecting


async def test_what_is_said_before_it_listens(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await controller.switch.provision(objects("101"))
    await controller.switch.linked.wait()
    await asterisk.expect("POST events/user/echo")
    said = [asked.what for asked in asterisk.asked]
    assert said[:13] == [
        "PUT applications/tongdai/eventFilter",
        "GET asterisk/info",
        "GET asterisk/variable",
        "GET endpoints/PJSIP",
        "POST asterisk/variable",
        f"PUT {CONFIG}/auth/101@a.vn",
        f"GET {CONFIG}/aor/101@a.vn",
        f"PUT {CONFIG}/aor/101@a.vn",
        f"PUT {CONFIG}/endpoint/101@a.vn",
        "POST asterisk/variable",
        "POST applications/tongdai/subscription",
        "GET channels",
        "POST events/user/echo",
    ]
    allowed = [each["type"] for each in asterisk.asked[0].body["allowed"]]
    assert {
        "StasisStart",
        "Dial",
        "ChannelDestroyed",
        "ApplicationReplaced",
        "RESTResponse",
    } <= set(allowed)
    assert asterisk.asked[1].query == {"only": "system,status"}
    assert asterisk.objects == objects("101")


async def test_events_of_the_meantime_come_after_all_is_settled(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    controller.may_listen.clear()
    channel = await asterisk.arrives(fake.TRUNK, "19001919", call=CALL.hex)
    await until(lambda: controller.snapshots)
    await asterisk.rings(channel, "101@a.vn", answers=True)
    assert not controller.switch.is_up
    assert controller.heard == []
    (standing,) = controller.snapshots
    assert [each.id for each in standing.channels[CALL]] == [channel]
    assert standing.started_at.timestamp() == pytest.approx(
        asterisk.started_at.timestamp(), abs=0.001
    )
    controller.may_listen.set()
    await until(lambda: controller.kinds == ["LegDialed", "LegRinging", "LegAnswered"])


async def test_channels_of_nobody_do_not_stand_there(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await controller.switch.linked.wait()
    await asterisk.lose_link()
    asterisk._channel("16@hangup", "", "", "Down")
    await until(lambda: len(controller.snapshots) == 2)
    assert controller.snapshots[1].channels == {}


async def test_signals_come_in_order(asterisk: FakeAsterisk, controller: Controller) -> None:
    await asterisk.hear()
    channel = await asterisk.arrives(fake.TRUNK, "19001919", call=CALL.hex)
    peer = await asterisk.rings(channel, "101@a.vn", answers=True)
    await asterisk.hangs_up(peer)
    await until(lambda: len(controller.heard) == 6)
    assert {call for call, _ in controller.heard} == {CALL}
    kinds = [Arrived.__name__, LegDialed.__name__, LegRinging.__name__, LegAnswered.__name__]
    assert controller.kinds == [*kinds, "HangupAsked", LegHungUp.__name__]


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "StasisStart", "timestamp": "soon"},
        {"type": "StasisStart", "channel": 7},
        {"type": "ChannelDestroyed", "timestamp": "soon", "channel": {"id": "1", "name": "x"}},
        {"type": "Dial", "timestamp": "2026-11-23T13:55:52.486+0000"},
        {"type": "NobodyKnows"},
        {
            "type": "ChannelHangupRequest",
            "timestamp": "",
            "channel": {"id": "1", "name": "x", "channelvars": {}},
        },
    ],
)
async def test_an_odd_event_ends_nothing(
    asterisk: FakeAsterisk, controller: Controller, odd: fake.Json
) -> None:
    await asterisk.hear()
    if "channel" in odd and isinstance(odd["channel"], dict):
        odd["channel"]["channelvars"] = {"TD_CALL_ID": "?" * 32}
    await asterisk.send(odd)
    await asterisk.arrives(fake.TRUNK, "19001919", call=CALL.hex)
    await until(lambda: controller.kinds == ["Arrived"])
    assert asterisk.connections == 1


# --- links that come and go


async def test_a_lost_link_comes_again(asterisk: FakeAsterisk, controller: Controller) -> None:
    await controller.switch.provision(objects("101"))
    await asterisk.hear()
    await asterisk.lose_link()
    await until(lambda: len(controller.snapshots) == 2)
    await asterisk.hear()
    assert controller.switch.is_up
    assert asterisk.count(f"PUT {CONFIG}/.*") == 3, "the same Asterisk knows its phones"
    await asterisk.arrives(fake.TRUNK, "19001919", call=CALL.hex)
    await until(lambda: controller.kinds == ["Arrived"])


async def test_a_ban_that_was_lifted_before_we_were_here_is_taken_away_once(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    banned = provisioning.bans(["192.0.2.7"])
    await controller.switch.provision(banned)
    await asterisk.hear()
    assert asterisk.objects == banned
    await controller.switch.provision(banned, stale=banned.keys())
    assert asterisk.objects == banned, "banned again"

    asterisk.objects |= provisioning.bans(["192.0.2.8"])  # by whoever was here before
    for _ in range(2):
        await controller.switch.provision(
            {}, stale=provisioning.bans(["192.0.2.7", "192.0.2.8"]).keys()
        )
    assert asterisk.objects == {}
    assert asterisk.count(f"DELETE {CONFIG}/acl/.*") == 2


async def test_one_that_was_restarted_learns_everything_anew(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await controller.switch.provision(objects("101", "102"))
    await asterisk.hear()
    before = asterisk.started_at
    await asterisk.restart()
    await until(lambda: len(controller.snapshots) == 2)
    assert asterisk.objects == objects("101", "102")
    assert controller.snapshots[1].started_at > before


async def test_while_there_is_no_link_nothing_can_be_done(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    controller.may_listen.clear()
    await until(lambda: controller.snapshots)
    for attempt in (
        controller.switch.act(CALL, HangUp("c", 16)),
        controller.switch.phones("101@a.vn"),
    ):
        with pytest.raises(errors.SwitchDown):
            await attempt


async def test_a_silent_one_is_left_for_a_new_link(
    asterisk: FakeAsterisk, impatient: Controller
) -> None:
    asterisk.is_echoing = False  # it answers, but what happens is not told any more
    await until(lambda: asterisk.connections >= 3)
    asterisk.is_echoing = True
    await impatient.switch.linked.wait()


async def test_a_half_open_one_is_left_for_a_new_link_before_a_request_is_given_up(
    asterisk: FakeAsterisk, impatient: Controller
) -> None:
    await asterisk.hear()
    asterisk.is_answering = asterisk.is_echoing = False
    await until(lambda: asterisk.connections >= 2)
    asterisk.is_answering = asterisk.is_echoing = True
    await asterisk.lose_link()  # what the new one asked was not answered either
    await impatient.switch.linked.wait()


@pytest.mark.parametrize("version", ["22.10.0", "22.9.3~dfsg", "20.18.0", "23.1.0", "GIT-master"])
async def test_an_asterisk_with_known_holes_is_refused(
    asterisk: FakeAsterisk, version: str
) -> None:
    asterisk.version = version
    controller = Controller(asterisk)
    with pytest.raises(
        errors.SetupError, match=rf"Asterisk {version} .* 22\.10\.1 or a later 22\.x is needed"
    ):
        await controller.task
    assert not controller.switch.is_up


async def test_who_was_replaced_leaves_the_other_alone(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await asterisk.hear()
    address = asterisk.address
    login = {"Authorization": aiohttp.encode_basic_auth(address.user, address.password)}
    async with (
        aiohttp.ClientSession(headers=login) as session,
        session.ws_connect(f"{address.url}/ari/events", params={"app": "tongdai"}) as other,
    ):
        with pytest.raises(errors.SetupError, match="another controller"):
            await controller.task
        assert not controller.switch.is_up
        assert (asterisk.connections, asterisk.replaced) == (2, 1)
        await asterisk.send({"type": "StasisStart"})
        assert (await other.receive_json())["type"] == "StasisStart"


def gives_up_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The next attempt to connect is not answered. The URLs of those that were not."""
    connect = ari.connect
    given_up: list[str] = []

    async def given_up_once(url: str, *address: str, **limits: float) -> ari.Link:
        if not given_up:
            given_up.append(url)
            raise errors.SwitchDown("no answer") from TimeoutError()
        return await connect(url, *address, **limits)  # type: ignore[arg-type]

    monkeypatch.setattr(ari, "connect", given_up_once)
    return given_up


async def test_an_attempt_of_our_own_that_comes_late_is_no_other_controller(
    asterisk: FakeAsterisk, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asterisk.hear()
    given_up = gives_up_once(monkeypatch)
    await asterisk.lose_link()
    await until(lambda: given_up and controller.switch.is_up)
    address = asterisk.address
    late = await ari.connect(address.url, address.user, address.password, "tongdai")
    # by it, and by us again
    await until(lambda: asterisk.replaced == 2 and controller.switch.is_up)
    await late.close()


async def test_long_after_an_attempt_was_given_up_it_is_another_controller(
    asterisk: FakeAsterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = Controller(asterisk, Timing(back_off_s=(0.01,), late_s=0.0))
    await asterisk.hear()
    given_up = gives_up_once(monkeypatch)
    await asterisk.lose_link()
    await until(lambda: given_up and controller.switch.is_up)
    address = asterisk.address
    other = await ari.connect(address.url, address.user, address.password, "tongdai")
    with pytest.raises(errors.SetupError, match="another controller"):
        await controller.task
    await other.close()


# --- provisioning


async def test_changes_are_told_at_once(asterisk: FakeAsterisk, controller: Controller) -> None:
    await controller.switch.provision(objects("101"))
    await asterisk.hear()
    await controller.switch.provision(objects("102"))
    assert asterisk.objects == objects("102")
    await asterisk.expect(f"PUT {CONFIG}/endpoint/102@a.vn")
    for kind in ("endpoint", "aor", "auth"):
        await asterisk.expect(f"DELETE {CONFIG}/{kind}/101@a.vn")


async def test_a_change_touches_its_own_objects_alone(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await controller.switch.provision(objects("101", "102", "103"))
    await asterisk.hear()
    changed = {("auth", "102@a.vn"): {"auth_type": "digest", "username": "x"}}
    before = len(asterisk.asked)
    await controller.switch.provision_changes(changed, objects("103").keys())
    assert asterisk.objects == objects("101", "102") | changed
    said = [asked.what.removeprefix("PUT ").removeprefix("DELETE ") for asked in asterisk.asked]
    assert said[before:] == [
        "POST asterisk/variable",
        f"{CONFIG}/auth/102@a.vn",
        *(f"{CONFIG}/{kind}/103@a.vn" for kind in ("endpoint", "aor", "auth")),
        "POST asterisk/variable",
    ]


async def test_a_change_while_the_link_was_away_is_told_with_the_next(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await controller.switch.provision(objects("101", "102"))
    await asterisk.hear()
    controller.may_listen.clear()
    await asterisk.lose_link()
    await until(lambda: not controller.switch.is_up)
    await controller.switch.provision_changes(objects("103"), objects("102").keys())
    controller.may_listen.set()
    await until(lambda: asterisk.objects == objects("101", "103") or None)


async def test_a_new_controller_recognises_that_all_is_there(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await controller.switch.provision(objects("101", "102"))
    await asterisk.hear()
    await controller.switch.provision_changes(objects("103"), objects("102").keys())
    await controller.end()
    before = len(asterisk.asked)
    second = Controller(asterisk)
    await second.switch.provision(objects("101", "103"))
    await until(lambda: second.switch.is_up)
    assert [asked for asked in asterisk.asked[before:] if CONFIG in asked.what] == []
    await second.switch.provision_changes(objects("104"), [])
    assert asterisk.objects == objects("101", "103", "104"), "and goes on from there"
    await second.end()


@pytest.mark.parametrize("value", ["", "1234"])
async def test_a_new_controller_pushes_all_where_it_does_not_know(
    asterisk: FakeAsterisk, controller: Controller, value: str
) -> None:
    """The one before it died while it pushed, or wanted something else."""
    asterisk.objects |= objects("101")
    asterisk.variables["TD_OBJECTS"] = value
    await controller.switch.provision(objects("101", "102"))
    await asterisk.hear()
    assert asterisk.objects == objects("101", "102")
    assert asterisk.count(f"PUT {CONFIG}/auth/.*") == 2


async def test_devices_and_trunks_of_before_are_swept(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    """They were deleted while no controller was here."""
    others = {("endpoint", "nobody"): {"context": "hangup"}}
    trunk = {("endpoint", "01a208b1-0000-7000-8000-000000000001"): {"context": "trunk"}}
    asterisk.objects |= objects("101", "102") | trunk | others
    await controller.switch.provision(objects("101"))
    await asterisk.hear()
    assert asterisk.objects == objects("101") | others


async def test_what_changed_while_the_link_was_away_is_told_with_the_next(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await controller.switch.provision(objects("101"))
    await asterisk.hear()
    controller.may_listen.clear()
    await asterisk.lose_link()
    await until(lambda: not controller.switch.is_up)
    await controller.switch.provision(objects("102"))
    controller.may_listen.set()
    await until(lambda: asterisk.objects == objects("102") or None)


# --- acting


async def test_actions_are_asked_for_in_order(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await asterisk.hear()
    channel = await asterisk.arrives(fake.TRUNK, "19001919")
    await controller.switch.act(CALL, Wait(channel, "default"))
    await controller.switch.act(CALL, Dial(channel, (Party("101@a.vn"),), 30, "0909000111"))
    await controller.switch.act(CALL, HangUp(channel, 17))
    steering = [each.what for each in asterisk.asked if channel in each.what][-5:]
    asked = [each.removeprefix(f"POST channels/{channel}/") for each in steering]
    assert asked == ["answer", "moh", "variable", "continue", f"DELETE channels/{channel}"]
    assert channel not in asterisk.channels


async def test_what_is_no_longer_possible_is_harmless(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await asterisk.hear()
    channel = await asterisk.arrives(fake.TRUNK, "19001919")
    dial = Dial(channel, (Party("101@a.vn"),), 30, "0909000111")
    await controller.switch.act(CALL, dial)
    await controller.switch.act(CALL, dial)  # it is not in Stasis any more
    await asterisk.hangs_up(channel)
    await controller.switch.act(CALL, dial)
    await controller.switch.act(CALL, HangUp(channel, 16))


async def test_the_phones_of_an_extension(asterisk: FakeAsterisk, controller: Controller) -> None:
    await asterisk.hear()
    phones = ["PJSIP/101@a.vn/sip:101@192.0.2.7:5060", "PJSIP/101@a.vn/sip:101@192.0.2.8:5060"]
    asterisk.contacts["101@a.vn"] = "&".join(phones)
    assert await controller.switch.phones("101@a.vn") == phones
    assert await controller.switch.phones("102@a.vn") == []
    assert asterisk.count("POST channels/create") == 1, "one channel is enough for all questions"
    await asterisk.restart()
    await asterisk.hear()
    assert await controller.switch.phones("101@a.vn") == phones
    assert asterisk.count("POST channels/create") == 2


async def test_an_aor_that_stands_is_not_told_again(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    """Asterisk would make what is registered there permanent; one that has changed begins anew."""
    trunk = ("aor", "01a208b1-0000-7000-8000-000000000001")
    asterisk.objects |= objects("101") | {
        trunk: {"contact": "sip:192.0.2.1", "qualify_frequency": "60"}
    }
    wanted = objects("101", "102") | {
        trunk: {"contact": "sip:192.0.2.2", "qualify_frequency": "60"}
    }
    await controller.switch.provision(wanted)
    await asterisk.hear()
    assert asterisk.objects == wanted
    assert asterisk.count(f"(PUT|DELETE) {CONFIG}/aor/101@a.vn") == 0
    assert asterisk.count(f"PUT {CONFIG}/aor/102@a.vn") == 1
    told = [
        asked.what.partition(" ")[0]
        for asked in asterisk.asked
        if asked.what.endswith(f"aor/{trunk[1]}")
    ]
    assert told == ["GET", "DELETE", "PUT"]


ASKED = "GET channels/tongdai-query/variable"
DESK, MOBILE = "sip:101@192.0.2.7", "sip:101@192.0.2.8"


class Phones:
    """The phones of 101@a.vn that the controller would ring, and how often it asked for them."""

    def __init__(self, asterisk: FakeAsterisk, controller: Controller) -> None:
        self.asterisk, self.controller = asterisk, controller

    async def found(self, endpoint: str = "101@a.vn") -> tuple[list[str], int]:
        before = self.asterisk.count(ASKED)
        found = await self.controller.switch.phones(endpoint)
        return [each.rpartition("/")[2] for each in found], self.asterisk.count(ASKED) - before

    async def register(self, *addresses: str, endpoint: str = "101@a.vn") -> None:
        await self._heard(self.asterisk.registers(endpoint, *addresses))

    async def responds(self, uri: str, *, is_there: bool) -> None:
        await self._heard(self.asterisk.responds("101@a.vn", uri, is_there=is_there))

    async def _heard(self, happens: Awaitable[None]) -> None:
        before = self.controller.contacts.changes
        await happens
        await until(lambda: self.controller.contacts.changes > before)


@pytest.fixture
async def phones(asterisk: FakeAsterisk, controller: Controller) -> Phones:
    await asterisk.hear()
    return Phones(asterisk, controller)


async def test_phones_are_asked_for_again_when_any_may_have_changed(phones: Phones) -> None:
    asterisk, controller = phones.asterisk, phones.controller
    assert await phones.found() == ([], 2), "the question, and again with a channel to ask by"
    assert await phones.found() == ([], 0), "that nobody is there is believed for a moment"
    await phones.register(DESK)
    assert [await phones.found(), await phones.found()] == [([DESK], 2), ([DESK], 0)]
    await phones.register(DESK, endpoint="102@a.vn")
    assert await phones.found("102@a.vn") == ([DESK], 2)
    assert await phones.found() == ([DESK], 0), "of the other there is no news"
    await phones.register()
    assert await phones.found() == ([], 1)
    await phones.register(DESK, MOBILE)
    assert await phones.found() == ([DESK, MOBILE], 2)
    await controller.switch.provision(objects("101"))
    assert await phones.found() == ([DESK, MOBILE], 2)
    await asterisk.lose_link()
    await asterisk.hear()
    assert await phones.found() == ([DESK, MOBILE], 2)
    controller.contacts.ask_again_s = 0.0
    await phones.register(DESK, MOBILE)
    assert [(await phones.found())[1], (await phones.found())[1]] == [2, 2]


async def test_a_phone_that_no_longer_responds_is_not_rung(phones: Phones) -> None:
    await phones.register(DESK, MOBILE)
    assert await phones.found() == ([DESK, MOBILE], 3)
    await phones.responds(MOBILE, is_there=False)
    assert await phones.found() == ([DESK], 0)
    await phones.responds(MOBILE, is_there=True)
    assert await phones.found() == ([DESK, MOBILE], 0)
    await phones.responds(DESK, is_there=False)
    await phones.responds(MOBILE, is_there=False)
    assert await phones.found() == ([], 0)


async def test_a_phone_that_never_responded_to_options_is_rung_all_the_same(
    phones: Phones,
) -> None:
    phones.asterisk.statuses |= {DESK: "Unreachable", MOBILE: "NonQualified"}
    await phones.register(DESK, MOBILE)
    assert await phones.found() == ([DESK, MOBILE], 3)
    await phones.responds(MOBILE, is_there=False)
    assert await phones.found() == ([DESK, MOBILE], 0)
    await phones.responds(DESK, is_there=True)
    await phones.responds(DESK, is_there=False)
    assert await phones.found() == ([MOBILE], 0), "it can respond, and does not"
    phones.controller.contacts.forget()
    assert await phones.found() == ([MOBILE], 2), "that is known for as long as it is registered"


async def test_a_phone_that_came_back_from_another_port_is_one_phone(phones: Phones) -> None:
    call_id, other = "0@phone", "1@phone"
    phones.asterisk.call_ids = {DESK: (call_id, 100), MOBILE: (other, 100)}
    await phones.register(DESK, MOBILE)
    assert await phones.found() == ([DESK, MOBILE], 3)
    phones.asterisk.call_ids = {DESK: (call_id, 100), MOBILE: (call_id, 160)}
    phones.controller.contacts.forget()
    assert await phones.found() == ([MOBILE], 2)
    phones.asterisk.call_ids = {DESK: (call_id, 160), MOBILE: (call_id, 160)}
    phones.controller.contacts.forget()
    assert await phones.found() == ([DESK, MOBILE], 2), "two addresses of one REGISTER"


@pytest.mark.parametrize(
    "uri",
    [
        "sip:101&PJSIP/0900@192.0.2.7",
        "sip:101,30,x@192.0.2.7",
        "sip:${EXTEN}@192.0.2.7",
        "sip:101@192.0.2.7;x=[",
        "sip:101@192.0.2.7;x=(",
        "sip:101@192.0.2.7?Route=x",
    ],
)
async def test_an_address_that_means_more_in_a_dial_string_is_not_rung(
    phones: Phones, uri: str
) -> None:
    phones.asterisk.contacts["101@a.vn"] = f"PJSIP/101@a.vn/{DESK}"
    phones.asterisk.other_contacts["101@a.vn"] = uri
    assert (await phones.found())[0] == [DESK]


async def test_addresses_of_real_phones_are_rung(phones: Phones) -> None:
    addresses = [
        "sip:101@127.0.0.1:29006;alias=127.0.0.1~47379~1;x-ast-orig-host=10.99.99.99:5060",
        "sip:hk3lj0a2@192.0.2.7:49152;transport=ws;x-ast-orig-host=hk3.invalid:0",
        "sips:101@[2001:db8::7]:5061;transport=TLS;ob",
        "sip:101-0x55d0a8@192.0.2.7:5060;rinstance=6d8c1f9be7d1a3aa;pn-prid=a%3Ab",
    ]
    phones.asterisk.contacts["101@a.vn"] = "&".join(f"PJSIP/101@a.vn/{one}" for one in addresses)
    found = await phones.controller.switch.phones("101@a.vn")
    assert found == [f"PJSIP/101@a.vn/{one}" for one in addresses]


async def test_what_was_asked_before_a_change_is_not_remembered(phones: Phones) -> None:
    asterisk, controller = phones.asterisk, phones.controller
    asterisk.contacts["101@a.vn"] = "PJSIP/101@a.vn/sip:101@192.0.2.7"
    await controller.switch.phones("102@a.vn")
    asterisk.may_answer.clear()
    before = controller.contacts.changes
    asking = asyncio.create_task(controller.switch.phones("101@a.vn"))
    await asterisk.expect(ASKED, variable="PJSIP_AOR(101@a.vn,contact)")
    await asterisk.send({"type": "ContactStatusChange", "endpoint": {"resource": "101@a.vn"}})
    await until(lambda: controller.contacts.changes > before)
    asterisk.may_answer.set()
    assert await asking == ["PJSIP/101@a.vn/sip:101@192.0.2.7"]
    assert await phones.found() == (["sip:101@192.0.2.7"], 2), "asked again"


PHONES = ("PJSIP/101@a.vn/sip:1@192.0.2.7", "PJSIP/101@a.vn/sip:2@192.0.2.7")
CLICK = Originate(
    tuple(map(Contact, ("one", "two"), PHONES)),
    30,
    "101",
    "Click2Call",
    auto_answer=False,
    call_uuid=CALL,
    then=Dial("one", (Party("102@a.vn"),), 30, "101"),
)


async def test_calling_the_phones_of_an_extension(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await asterisk.hear()
    await controller.switch.act(CALL, CLICK)
    assert [asked.query["endpoint"] for asked in asterisk.asked[-2:]] == [*PHONES]
    assert controller.kinds == ["LegDialed", "LegDialed"]
    await controller.switch.act(CALL, CLICK)
    assert controller.heard[2:] == [
        (CALL, Refused(channel, ANY, CLICK, 409)) for channel in ("one", "two")
    ], "those channels exist"
    assert [signal.channel for _, signal in controller.heard] == ["one", "two"] * 2


async def test_phones_that_may_ring_though_the_link_was_lost(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await asterisk.hear()
    await controller.switch.phones("102@a.vn")  # whom the call is for is known
    asterisk.is_answering = False
    acting = asyncio.create_task(controller.switch.act(CALL, CLICK))
    await asterisk.expect("POST channels/two")
    await asterisk.lose_link()
    await acting
    assert controller.heard == [(CALL, Unanswered(channel, ANY)) for channel in ("one", "two")]


async def test_phones_are_not_called_while_there_is_no_link(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    controller.may_listen.clear()
    await until(lambda: controller.snapshots)
    await controller.switch.act(CALL, CLICK)
    assert controller.heard == [
        (CALL, Refused(channel, ANY, CLICK, NOT_ASKED)) for channel in ("one", "two")
    ]


@pytest.mark.parametrize(
    ("refused", "action"),
    [
        ("continue", Dial("c", (Party("101@a.vn"),), 30, "0909000111")),
        ("variable", Dial("c", (Party("101@a.vn"),), 30, "0909000111")),
        ("moh", Wait("c", "default")),
        ("hang up", HangUp("c", 17)),
        ("snoop", Record("c", CALL)),
        ("record", Record("c", CALL)),
    ],
)
async def test_what_asterisk_refuses_comes_back_as_a_signal(
    asterisk: FakeAsterisk, controller: Controller, refused: str, action: SwitchAction
) -> None:
    await asterisk.hear()
    channel = await asterisk.arrives(fake.TRUNK, "19001919", call=CALL.hex)
    await until(lambda: controller.kinds == ["Arrived"])
    action = msgspec.structs.replace(action, channel=channel)
    asterisk.refuses = {refused}
    await controller.switch.act(CALL, action)
    assert controller.heard[1:] == [(CALL, Refused(channel, ANY, action, 500))]


async def test_what_cannot_be_put_into_a_dial_string_is_refused(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await asterisk.hear()
    dial = Dial("c", (Party("101@a.vn,evil"),), 30, "0909000111")
    await controller.switch.act(CALL, dial)
    assert controller.heard == [(CALL, Refused("c", ANY, dial, 400))]


async def test_recording_goes_on_at_another_channel(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await asterisk.hear()
    channel = await asterisk.arrives(fake.TRUNK, "19001919")
    await controller.switch.act(CALL, Record(channel, CALL))
    await asterisk.expect(f"POST channels/{channel}/snoop/.*", spy="both")
    for _ in range(2):  # at first the listening channel is not there yet
        await asterisk.expect("POST channels/spy-.*/record", format="wav")


async def test_a_party_is_looked_at_and_gets_a_jitter_buffer(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await asterisk.hear()
    channel = await asterisk.arrives(fake.TRUNK, "19001919")
    asterisk.rtp_statistics = {channel: {"rxcount": 35, "local_normdevjitter": 0.0153}}
    assert await controller.switch.reception(channel) == Reception(35, 0.0153)
    assert await controller.switch.reception("gone") is None
    await controller.switch.buffer_jitter(channel, 400)
    await asterisk.expect("POST channels/create", channelId=QUERY_CHANNEL)
    variable = f"EXPORT({channel},JITTERBUFFER(adaptive))"
    asked = {"variable": variable, "value": "400"}
    await asterisk.expect(f"POST channels/{QUERY_CHANNEL}/variable", **asked)


# --- the fallback plans


def entries(*numbers: str) -> Objects:
    return provisioning.fallback({f"number/a.vn/{number}": f"dial|{number}" for number in numbers})


def stored(asterisk: FakeAsterisk) -> set[str]:
    return {key.rpartition("/")[2] for key in asterisk.fallback}


async def test_entries_of_the_fallback_come_before_devices(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    """Before anybody can call, they are those of now."""
    asterisk.astdb |= {"old/number/a.vn/109": "dial|109", "generation": "old"}
    await controller.switch.provision(objects("101") | entries("101", "600"))
    await asterisk.hear()
    said = [asked.what for asked in asterisk.asked]
    assert said.index("POST channels") < said.index(f"PUT {CONFIG}/auth/101@a.vn")
    assert stored(asterisk) == {"101", "600"}
    assert not any(key.startswith("old") for key in asterisk.astdb), "nothing stale is left"


async def test_changed_entries_alone_are_written(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await controller.switch.provision(entries("101", "600"))
    await asterisk.hear()
    generation = asterisk.astdb["generation"]
    await controller.switch.provision_changes(entries("601"), entries("600").keys())
    assert stored(asterisk) == {"101", "601"}
    assert asterisk.astdb["generation"] == generation
    written = [asked for asked in asterisk.asked if asked.what == "POST channels"]
    keys = [text for name, text in written[-1].body["variables"].items() if "KEY" in name]
    assert sorted(keys) == [f"{generation}/number/a.vn/60{last}" for last in "01"]


async def test_a_new_controller_goes_on_with_the_entries_that_are_there(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await controller.switch.provision(objects("101") | entries("101"))
    await asterisk.hear()
    await controller.end()
    generation, writes = asterisk.astdb["generation"], asterisk.count("POST channels")
    second = Controller(asterisk)
    await second.switch.provision(objects("101") | entries("101"))
    await until(lambda: second.switch.is_up)
    assert asterisk.count("POST channels") == writes
    await second.switch.provision_changes(entries("102"), [])
    assert stored(asterisk) == {"101", "102"}
    assert asterisk.astdb["generation"] == generation
    await second.end()


async def test_a_restarted_asterisk_gets_all_entries_anew(
    asterisk: FakeAsterisk, controller: Controller
) -> None:
    await controller.switch.provision(entries("101"))
    await asterisk.hear()
    generation = asterisk.astdb["generation"]
    asterisk.astdb[f"{generation}/number/a.vn/109"] = "dial|of who knows when"
    await asterisk.restart()
    await until(lambda: asterisk.astdb["generation"] != generation)
    assert stored(asterisk) == {"101"}


async def test_a_switch_whose_dialplan_stores_nothing_gets_its_devices(
    asterisk: FakeAsterisk, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no fallback; that is logged."""
    monkeypatch.setattr(controller.switch._config._astdb, "_written_s", 0.05)
    asterisk.stores = False
    with structlog.testing.capture_logs() as said:
        await controller.switch.provision(objects("101") | entries("101"))
        await asterisk.hear()
    assert "switch.fallback_not_stored" in {entry["event"] for entry in said}
    assert asterisk.objects == objects("101")
    asterisk.stores = True
    await controller.switch.provision_changes(objects("102"), [])
    assert stored(asterisk) == {"101"}, "it is tried again with the next push"
