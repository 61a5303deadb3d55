"""Browser phones with audio: SIP over WebSocket through the edge proxy, and a real WebRTC stack.

All of it is in a network of its own, as WebRTC uses no address of loopback (testbed/network.py).
"""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from testbed import browser, sipp, tones
from testbed.browser import Phone
from testbed.company import HOTLINE, PASSWORD, Company, Office, operated
from testbed.instance import Instance
from testbed.network import Network, NotAllowed
from testbed.phones import BOB_HZ, CAROL_HZ, CUSTOMER_HZ, SippSetup
from testbed.until import until

ANN_HZ = 500


class Lab:
    """A running instance in a network of its own. What tests do there runs in its thread."""

    def __init__(self, network: Network, folder: Path, sipp_command: list[str]) -> None:
        self._network, self._folder = network, folder
        self._sipp_command = sipp_command
        self._stack = AsyncExitStack()
        self.instance: Instance
        self.office: Office

    def open(self) -> None:
        self._network.run(self._opened())

    async def _opened(self) -> None:
        self.instance = Instance(self._folder, sandbox=False)
        await self.instance.start()
        setup = SippSetup(self._sipp_command, self._folder, self.instance.sip)
        self.office = await self._stack.enter_async_context(operated(self.instance, setup))

    def close(self) -> None:
        self._network.run(self._closed())

    async def _closed(self) -> None:
        try:
            await self._stack.aclose()
            assert await self.instance.interrupt() == 0, self.instance.said
            assert self.instance.processes() == {}
        finally:
            await self.instance.end()

    def play(self, story: Callable[["Lab", Company], Awaitable[None]], folder: Path) -> None:
        """Plays it with a company of its own, whose 101 may be a browser."""
        self._network.run(self._played(story, folder))

    async def _played(
        self, story: Callable[["Lab", Company], Awaitable[None]], folder: Path
    ) -> None:
        sipp.write_scenarios(folder)
        self.office.sipp = SippSetup(self._sipp_command, folder, self.instance.sip)
        company = await self.office.company()
        await company.allow_browsers("101")
        try:
            await story(self, company)
        except BaseException:
            print(self.instance.said)  # noqa: T201 -- with the failure
            raise
        await until(company.is_quiet, 15)

    @property
    def url(self) -> str:
        """Of the edge proxy."""
        return f"ws://{self.instance.environ['TONGDAI_SIP_WS']}/ws"

    @asynccontextmanager
    async def browser(self, company: Company, user: str = "101") -> AsyncIterator[Phone]:
        async with browser.phone(self.url, user, company.name, PASSWORD, hertz=ANN_HZ) as made:
            yield made

    async def is_open(self) -> bool:
        """Whether the edge proxy takes connections."""
        host, _, port = self.instance.environ["TONGDAI_SIP_WS"].rpartition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return False
        writer.close()
        return True

    def edge_pid(self) -> int:
        found = self.instance.processes()
        return next(pid for pid, command in found.items() if "tongdai.edge_process" in command)


@pytest.fixture(scope="module")
def lab(sipp_command: list[str]) -> Iterator[Lab]:
    try:
        network = Network()
    except NotAllowed as reason:
        pytest.skip(f"no network of its own can be made: {reason}")
    with tempfile.TemporaryDirectory(prefix="tongdai-browsers-") as folder:
        made = Lab(network, Path(folder), sipp_command)
        try:
            made.open()
            yield made
            made.close()
        finally:
            network.close()


def played(story: Callable[[Lab, Company], Awaitable[None]]) -> Callable[..., None]:
    """A test that plays the story in the lab."""

    def test(lab: Lab, tmp_path: Path) -> None:
        lab.play(story, tmp_path)

    # not __wrapped__: pytest would look at the story's parameters
    test.__name__, test.__qualname__, test.__doc__ = story.__name__, story.__name__, story.__doc__
    return test


async def recorded(company: Company) -> tuple[dict[str, Any], Any]:
    """The company's one record, and the samples of its recording."""

    async def ready() -> dict[str, Any] | None:
        listed = (await company.api.get("/v1/cdr", page=1)).json["data"]
        return listed[0] if listed and listed[0]["recording_status"] == "ready" else None

    cdr: dict[str, Any] = await until(ready, 15, 0.1)
    return cdr, tones.samples_of((await company.api.get(cdr["recording_url"])).body)


@played
async def test_a_browser_calls_out_and_both_are_in_the_recording(
    lab: Lab, company: Company
) -> None:
    async with lab.browser(company) as ann, company.carrier() as carrier:
        call = await ann.calls("0909000111")
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await call.ear.hears(CUSTOMER_HZ)
        await customer.voice.hears(ANN_HZ)
        await asyncio.sleep(1)
        await call.hang_up()
        await customer.over()
    cdr, samples = await recorded(company)
    assert (cdr["status"], cdr["extension"]) == ("ANSWERED", "101")
    for hertz in (ANN_HZ, CUSTOMER_HZ):
        assert tones.longest(samples, hertz) >= 1, hertz


@played
async def test_a_browser_rings_with_a_desk_phone_and_either_answers(
    lab: Lab, company: Company
) -> None:
    async with (
        lab.browser(company) as ann,
        company.phone("101") as desk,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        in_browser, on_desk = await ann.rings(), await desk.rings()
        await in_browser.answer()
        await customer.answered()
        await on_desk.cancelled()
        await in_browser.ear.hears(CUSTOMER_HZ)
        await customer.voice.hears(ANN_HZ)
        await customer.hang_up()
        await in_browser.over()

        customer = await carrier.calls(HOTLINE)
        in_browser, on_desk = await ann.rings(), await desk.rings()
        await on_desk.answer()
        await customer.answered()
        await in_browser.cancelled()
        await on_desk.hears(customer)
        await on_desk.hang_up()
        await customer.over()


@played
async def test_hold_and_keys_of_a_browser(lab: Lab, company: Company) -> None:
    async with lab.browser(company) as ann, company.carrier() as carrier:
        call = await ann.calls("0909000111")
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await customer.voice.hears(ANN_HZ)
        await call.dial("19#")
        await until(lambda: customer.voice.digits == "19#", 15)
        await call.hold()
        await customer.hears_music()
        await call.resume()
        await customer.voice.hears(ANN_HZ)
        await call.ear.hears(CUSTOMER_HZ)
        await customer.hang_up()
        await call.over()


@played
async def test_a_browser_transfers_blindly(lab: Lab, company: Company) -> None:
    async with (
        lab.browser(company) as ann,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        call = await ann.rings()
        await call.answer()
        await customer.answered()
        await call.refer(f"sip:102@{company.name}")
        ring = await bob.rings()
        await ring.answer()
        await ring.hears(customer)
        await customer.voice.hears(BOB_HZ)
        await until(lambda: any("SIP/2.0 200" in each for each in call.notified), 15)
        await call.hang_up()
        await customer.hang_up()
        await ring.over()


@played
async def test_a_browser_transfers_after_it_has_asked(lab: Lab, company: Company) -> None:
    async with (
        lab.browser(company) as ann,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        call = await ann.rings()
        await call.answer()
        await customer.answered()
        await call.hold()
        asked = await ann.calls("102")
        ring = await bob.rings()
        await ring.answer()
        await asked.answered()
        await asked.ear.hears(BOB_HZ)
        await call.refer(f"sip:102@{company.name}?Replaces={asked.replaces}")
        await ring.hears(customer)
        await customer.voice.hears(BOB_HZ)
        await asked.over()
        await customer.hang_up()
        await ring.over()


@played
async def test_two_browsers_talk(lab: Lab, company: Company) -> None:
    await company.allow_browsers("102")
    async with (
        lab.browser(company) as ann,
        browser.phone(lab.url, "102", company.name, PASSWORD, hertz=CAROL_HZ) as carol,
    ):
        call = await ann.calls("102")
        ring = await carol.rings()
        await ring.answer()
        await call.answered()
        await call.ear.hears(CAROL_HZ)
        await ring.ear.hears(ANN_HZ)
        assert "opus/48000" in call.peer.remoteDescription.sdp
        await ring.hang_up()
        await call.over()


@played
async def test_click_to_call_rings_a_browser_that_may_answer_by_itself(
    lab: Lab, company: Company
) -> None:
    async with lab.browser(company) as ann, company.carrier() as carrier:
        asked = asyncio.create_task(company.api.click("101", "0909000111", auto_answer=1))
        ring = await ann.rings()
        assert "answer-after=0" in ring.invite.header("Call-Info")
        await ring.answer()
        customer = await carrier.rings()
        await customer.answer()
        await ring.ear.hears(CUSTOMER_HZ)
        await customer.voice.hears(ANN_HZ)
        assert (await asked).status == 200
        await ring.hang_up()
        await customer.over()


@played
async def test_a_call_outlives_the_edge_proxy_and_its_bye_arrives(
    lab: Lab, company: Company
) -> None:
    """Killed in a call; the browser connects again, as clients do, and the other hangs up."""
    async with company.carrier() as carrier:
        ann = Phone("101", company.name, PASSWORD, ANN_HZ)
        async with ann.connected(lab.url):
            call = await ann.calls("0909000111")
            customer = await carrier.rings()
            await customer.answer()
            await call.answered()
            await call.ear.hears(CUSTOMER_HZ)
            frames = call.ear.frames
            os.kill(lab.edge_pid(), signal.SIGKILL)
            await ann.is_closed.wait()
        await until(lab.is_open, 15)
        await until(lambda: call.ear.frames > frames + 20, 15)
        async with ann.connected(lab.url):
            await customer.hang_up()
            await call.over()
            assert call.peer.connectionState == "connected", "until it was told"
        await ann.end()


@played
async def test_a_call_and_a_registration_outlive_engine_and_api(
    lab: Lab, company: Company
) -> None:
    async with lab.browser(company) as ann, company.carrier() as carrier:
        call = await ann.calls("0909000111")
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        edge, frames = lab.edge_pid(), call.ear.frames
        await lab.instance.kill()
        await until(lambda: call.ear.frames > frames + 20, 15)
        await lab.instance.start()
        assert lab.edge_pid() == edge, "it was adopted"
        await call.ear.hears(CUSTOMER_HZ)
        await customer.hang_up()
        await call.over()
        again = await carrier.calls(HOTLINE)
        ring = await ann.rings()  # on the same connection and registration
        assert len(ann.register_statuses) == 1
        await ring.reject()
        assert await again.refused() in (486, 480)
