"""Lamps of colleagues: phones subscribe to extensions of their own domain (RFC 4235 dialogs, RFC
3856 presence), and see them called and talking.
"""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from testbed import lamps
from testbed.company import HOTLINE, PASSWORD, Company, Office
from testbed.instance import Instance
from testbed.lamps import Watcher
from testbed.until import until

IDLE, RINGING, TALKING = "terminated", "early", "confirmed"
ON_THE_PHONE, READY = "On the phone", "Ready"
Watches = Callable[[Company, str], AbstractAsyncContextManager[Watcher]]


@pytest.fixture
def watches(office: Office) -> Watches:
    return lambda company, extension: lamps.watcher(
        office.instance.sip, extension, company.name, PASSWORD
    )


@pytest.fixture
async def desk(company: Company, watches: Watches) -> AsyncIterator[Watcher]:
    """The receptionist's phone: extension 101."""
    async with watches(company, "101") as made:
        yield made


async def test_a_lamp_follows_a_call_inside(company: Company, desk: Watcher) -> None:
    async with company.phone("102") as bob, company.phone("103") as carol:
        lamp, callers = await desk.watch("102"), await desk.watch("103")
        assert (lamp.status, callers.status) == (200, 200)
        await lamp.shows(IDLE)
        call = await carol.calls("102")
        ring = await bob.rings()
        await lamp.shows(RINGING)
        await callers.shows(TALKING)
        await ring.answer()
        await call.answered()
        await lamp.shows(TALKING)
        await callers.shows(TALKING)
        await call.hang_up()
        await ring.over()
        await lamp.shows(IDLE)
        await callers.shows(IDLE)


async def test_a_lamp_names_who_calls_but_no_withheld_number(
    company: Company, desk: Watcher
) -> None:
    async with company.phone("102") as bob, company.carrier() as carrier:
        await company.point_hotline("102")
        lamp = await desk.watch("102")
        await lamp.shows(IDLE)
        shown = await carrier.calls(HOTLINE, "0909000111")
        ring = await bob.rings()
        await lamp.shows(RINGING)
        assert "sip:0909000111@" in lamp.bodies[-1]
        await shown.cancel()
        await ring.cancelled()
        await lamp.shows(IDLE)
        hidden = await carrier.calls(
            HOTLINE,
            "0909000222",
            headers="\r\nPrivacy: id\r\nP-Asserted-Identity: <sip:0909000222@c.vn>",
        )
        ring = await bob.rings()
        await lamp.shows(RINGING)
        assert "0909000222" not in "".join(lamp.bodies)
        assert "anonymous" in lamp.bodies[-1]
        await hidden.cancel()
        await ring.cancelled()


async def test_presence_says_who_is_on_the_phone(company: Company, desk: Watcher) -> None:
    lamp = await desk.watch("102", "presence")
    assert lamp.status == 200
    await lamp.shows("Unavailable")
    async with company.phone("102") as bob, company.phone("103") as carol:
        await lamp.shows(READY)
        call = await carol.calls("102")
        ring = await bob.rings()
        await lamp.shows("Ringing")
        await ring.answer()
        await call.answered()
        await lamp.shows(ON_THE_PHONE)
        await ring.hang_up()
        await call.over()
        await lamp.shows(READY)


async def test_no_other_domain_has_lamps(
    office: Office, company: Company, desk: Watcher, watches: Watches
) -> None:
    """An extension of another domain is as one that there is not; a number that both have is the
    own one.
    """
    other = await office.company()
    await other.add_extension("150")
    unknown = await desk.watch("199")
    assert unknown.status == 404
    for who in ("150", "nobody"):
        foreign = await desk.watch(who, domain=other.name)
        assert (foreign.status, foreign.states) == (404, [])
    assert (await desk.watch("150")).status == 404
    async with watches(other, "101") as theirs:
        assert (await theirs.watch("150")).status == 200
    own = await desk.watch("102", domain=other.name)
    async with other.phone("102") as bob, other.phone("103") as carol:
        call = await carol.calls("102")
        ring = await bob.rings()
        await ring.answer()
        await call.answered()
        await call.hang_up()
        await ring.over()
    assert set(own.states) <= {IDLE}


async def test_strangers_see_no_lamps(company: Company, office: Office) -> None:
    async with lamps.watcher(office.instance.sip, "101", company.name, "wrong") as stranger:
        assert (await stranger.watch("102")).status == 401
    async with lamps.watcher(office.instance.sip, "199", company.name, "wrong") as stranger:
        assert (await stranger.watch("102")).status == 401


async def test_extensions_come_and_go_while_others_watch(company: Company, desk: Watcher) -> None:
    stays = await desk.watch("102")
    assert (await desk.watch("104")).status == 404
    await company.add_extension("104")
    lamp = await desk.watch("104")
    assert lamp.status == 200
    async with company.phone("104") as dave, company.phone("102") as bob:
        call = await bob.calls("104")
        ring = await dave.rings()
        await lamp.shows(RINGING)
        await stays.shows(TALKING)  # he who calls is on the phone
        await call.cancel()
        await ring.cancelled()
        await lamp.shows(IDLE)
    await company.remove_extension("104")
    await until(lambda: lamp.ended)
    assert (await desk.watch("104")).status == 404
    assert not stays.ended


async def test_any_device_of_an_extension_lights_its_lamp(company: Company, desk: Watcher) -> None:
    lamp = await desk.watch("102")
    await company.add_device("102", "mobile")
    async with company.phone("102-mobile") as bob, company.phone("103") as carol:
        call = await carol.calls("102")
        ring = await bob.rings()
        await lamp.shows(RINGING)
        await ring.answer()
        await call.answered()
        await lamp.shows(TALKING)
        await call.hang_up()
        await ring.over()
        await lamp.shows(IDLE)


async def test_lamps_shine_without_an_engine_and_after_its_restart(
    company: Company, desk: Watcher, pbx: Instance
) -> None:
    lamp = await desk.watch("102")
    async with company.phone("102") as bob, company.phone("103") as carol:
        await pbx.kill()
        for is_back in (False, True):
            if is_back:
                await pbx.start()
                await desk.refresh(lamp)
            call = await carol.calls("102")
            ring = await bob.rings()
            await lamp.shows(RINGING)
            await ring.answer()
            await call.answered()
            await lamp.shows(TALKING)
            await call.hang_up()
            await ring.over()
            await lamp.shows(IDLE)
    assert not lamp.ended


async def test_lamps_come_back_after_a_restart_of_the_switch(
    company: Company, desk: Watcher, pbx: Instance
) -> None:
    """Subscriptions do not outlive Asterisk; a phone learns it at its next refresh (481)."""
    before = await desk.watch("102")
    links = links_made(pbx)
    os.kill(asterisk(pbx), signal.SIGKILL)
    await until(lambda: links_made(pbx) > links, 40)
    assert await desk.refresh(before) == 481
    lamp = await desk.watch("102")
    async with company.phone("102") as bob, company.phone("103") as carol:
        call = await carol.calls("102")
        ring = await bob.rings()
        await lamp.shows(RINGING)
        await call.cancel()
        await ring.cancelled()
        await lamp.shows(IDLE)


def asterisk(pbx: Instance) -> int:
    """The process of the switch."""
    path = f"{pbx.data}/asterisk/etc"
    return next(pid for pid, command in pbx.processes().items() if path in command)


def links_made(pbx: Instance) -> int:
    """How often the engine has connected to the switch."""
    return pbx.log.read_text().count("switch.linked")
