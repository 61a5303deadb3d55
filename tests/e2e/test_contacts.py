"""A phone that is gone delays nobody, and one that came back from another port is one phone.

The switch asks phones every two seconds here: `QUALIFY_S`.
"""

import asyncio
import itertools
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from testbed import wire
from testbed.company import HOTLINE, PASSWORD, Company, Office, operated
from testbed.instance import Instance
from testbed.phones import SippSetup
from testbed.until import until
from testbed.wire import Wire

QUALIFY_S = 2
GONE_S = QUALIFY_S + 3 + 2  # and the time that the phone has to respond, and some for us


@pytest.fixture(scope="module")
async def pbx() -> AsyncIterator[Instance]:
    """An instance that asks phones often."""
    with tempfile.TemporaryDirectory(prefix="tongdai-contacts-") as folder:
        instance = Instance(Path(folder), sandbox=False, sip_qualify_s=str(QUALIFY_S))
        try:
            await instance.start()
            yield instance
        finally:
            await instance.end()


@pytest.fixture(scope="module")
async def office(pbx: Instance, sipp_command: list[str]) -> AsyncIterator[Office]:
    with tempfile.TemporaryDirectory(prefix="tongdai-sipp-") as folder:
        async with operated(pbx, SippSetup(sipp_command, Path(folder), pbx.sip)) as made:
            yield made


class Line:
    """A phone by hand, at a port of its own. It responds to OPTIONS while `is_there`."""

    def __init__(self, line: Wire) -> None:
        self._line, self.is_there = line, True
        self.asked, self.invites = 0, list[str]()

    async def run(self) -> None:
        while True:
            message = (await self._line.receive()).decode()
            if message.startswith("OPTIONS ") and self.is_there:
                self.asked += 1
                await wire.reply(self._line, message, "200 OK")
            if message.startswith("INVITE "):
                self.invites.append(re.findall(r"(?im)^Call-ID: (.*?)\r?$", message)[0])
                if self.is_there:
                    await wire.reply(self._line, message, "486 Busy Here")

    @property
    def rung(self) -> int:
        return len(set(self.invites))


class Lines:
    """Opens lines that register as an extension."""

    def __init__(self, office: Office, company: Company, stack: AsyncExitStack) -> None:
        self._office, self._company, self._stack = office, company, stack
        self._cseqs = itertools.count(1, 2)

    async def register(self, extension: str, *, responds: bool = True, call: str = "") -> Line:
        line = await self._stack.enter_async_context(wire.udp(self._office.instance.sip))
        answers = await wire.authenticated(
            line,
            "REGISTER",
            extension,
            self._company.name,
            PASSWORD,
            call=call,
            cseq=next(self._cseqs),
        )
        assert [wire.status(answer) for answer in answers] == [401, 200]
        made = Line(line)
        made.is_there = responds
        task = asyncio.create_task(made.run())
        self._stack.callback(task.cancel)
        if responds:
            await until(lambda: made.asked)
        return made


@pytest.fixture
async def lines(office: Office, company: Company) -> AsyncIterator[Lines]:
    async with AsyncExitStack() as stack:
        yield Lines(office, company, stack)


async def gone(company: Company, extension: str) -> None:
    """Nobody can be called there any more, and the API says so."""

    async def is_gone() -> bool:
        answer = await company.api.click(extension, "0900000002")
        return answer.status == 409 and answer.json["error"] == "USER_NOT_REGISTERED"

    await until(is_gone, GONE_S + 3)


async def test_a_phone_that_comes_back_from_new_ports_is_always_let_in(
    lines: Lines, company: Company
) -> None:
    moved = [await lines.register("101") for _ in range(7)]
    for each in moved[:-1]:
        each.is_there = False
    async with company.phone("102") as bob:
        await asyncio.sleep(GONE_S)
        call = await bob.calls("101")
        assert await call.refused() == 486
    assert moved[-1].rung == 1
    assert [each.rung for each in moved[:-1]] == [0] * 6


async def test_a_phone_that_registers_anew_replaces_itself_at_once(
    lines: Lines, company: Company
) -> None:
    before = await lines.register("101", call="same-phone")
    before.is_there = False
    await asyncio.sleep(1.1)  # Asterisk keeps the end of a registration in whole seconds
    now = await lines.register("101", call="same-phone")
    async with company.phone("102") as bob:
        call = await bob.calls("101")
        assert await call.refused() == 486
    assert (before.rung, now.rung) == (0, 1)


async def test_a_dead_phone_beside_a_living_one_delays_nobody(
    lines: Lines, company: Company
) -> None:
    dead, living = await lines.register("101"), await lines.register("101")
    dead.is_there = False
    async with company.phone("102") as bob:
        call = await bob.calls("101")
        begun = asyncio.get_running_loop().time()
        assert await call.refused() == 486
        assert asyncio.get_running_loop().time() - begun < 6, "before it is known that it is dead"
        await asyncio.sleep(GONE_S)
        rung = dead.rung
        call = await bob.calls("101")
        begun = asyncio.get_running_loop().time()
        assert await call.refused() == 486
        assert asyncio.get_running_loop().time() - begun < 1
    assert living.rung == 2
    assert dead.rung == rung


async def test_an_extension_whose_phones_are_all_dead_is_not_called(
    lines: Lines, company: Company
) -> None:
    dead = await lines.register("101")
    dead.is_there = False
    await gone(company, "101")
    rung = dead.rung
    async with company.phone("102") as bob, company.carrier() as carrier:
        begun = asyncio.get_running_loop().time()
        assert await (await bob.calls("101")).refused() == 480
        assert await (await carrier.calls(HOTLINE)).refused() == 480
        assert asyncio.get_running_loop().time() - begun < 2
    assert dead.rung == rung


async def test_a_phone_that_knows_no_options_is_rung_all_the_same(
    lines: Lines, company: Company
) -> None:
    silent = await lines.register("101", responds=False)
    await asyncio.sleep(GONE_S)
    async with company.phone("102") as bob:
        call = await bob.calls("101")
        await until(lambda: silent.rung)
        await call.end()


async def test_a_queue_skips_agents_that_cannot_be_reached_and_overflows_without_any(
    lines: Lines, company: Company
) -> None:
    await company.add_queue("700", "101", "103", overflow="102", ring_timeout_s=15)
    dead = await lines.register("101")
    async with company.phone("102") as bob, company.carrier() as carrier:
        async with company.phone("103") as agent:
            dead.is_there = False
            await gone(company, "101")
            rung = dead.rung
            customer = await carrier.calls(HOTLINE)
            ring = await agent.rings()
            await ring.answer()
            await customer.hang_up()
            await ring.over()
            assert dead.rung == rung
            assert await agent.register(expires_s=0)
        customer = await carrier.calls(HOTLINE)
        ring = await bob.rings()
        assert not customer.received("200"), "it has not waited with music"
        await ring.answer()
        await customer.answered()
        await customer.hang_up()
        await ring.over()


async def test_a_waiting_caller_gets_the_agent_who_comes_and_the_overflow_when_all_go(
    lines: Lines, company: Company
) -> None:
    await company.add_queue("700", "101", "103", overflow="102", ring_timeout_s=5)
    async with company.phone("102") as bob, company.phone("103") as agent:
        other = await bob.calls("103")
        talking = await agent.rings()
        await talking.answer()
        await other.answered()
        async with company.carrier() as carrier:
            customer = await carrier.calls(HOTLINE)
            await customer.answered()
            await customer.hears_music()
            newcomer = await lines.register("101")
            await until(lambda: newcomer.rung)
            newcomer.is_there = False
            await other.hang_up()
            await talking.over()
            assert await agent.register(expires_s=0)
            ring = await bob.rings()
            await customer.hang_up()
            await ring.cancelled()
