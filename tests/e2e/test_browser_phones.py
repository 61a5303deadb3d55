"""Browser phones with audio: SIP over WebSocket through the edge proxy, and a real WebRTC stack
(aiortc). tests/browser has real browsers.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest

from testbed import browser, tones
from testbed.browser import Phone
from testbed.company import HOTLINE, PASSWORD, Company
from testbed.phones import BOB_HZ, CAROL_HZ, CUSTOMER_HZ
from testbed.until import until
from tests import lab as labs
from tests.lab import ANN_HZ, Lab, played, recorded


@pytest.fixture(scope="module")
def lab(sipp_command: list[str]) -> Iterator[Lab]:
    with labs.opened(sipp_command) as made:
        yield made


@pytest.mark.shows("aiortc", "websocket", "calls", "dtls")
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


@pytest.mark.shows("aiortc", "called")
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


@pytest.mark.shows("aiortc", "hold", "keys")
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


@pytest.mark.shows("aiortc", "blind")
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


@pytest.mark.shows("aiortc", "attended")
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


@pytest.mark.shows("aiortc", "opus")
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


@pytest.mark.shows("aiortc", "moved")
@played
async def test_a_call_outlives_the_edge_proxy_and_its_bye_arrives(
    lab: Lab, company: Company
) -> None:
    """Killed in a call; the browser connects again, as clients do, and the other hangs up."""
    async with company.carrier() as carrier, AsyncExitStack() as stack:
        ann = Phone("101", company.name, PASSWORD, ANN_HZ)
        stack.push_async_callback(ann.end)
        async with ann.connected(lab.url):
            call = await ann.calls("0909000111")
            customer = await carrier.rings()
            await customer.answer()
            await call.answered()
            await call.ear.hears(CUSTOMER_HZ)
            frames, killed = call.ear.frames, lab.edge_pid()
            assert killed
            os.kill(killed, signal.SIGKILL)
            await ann.is_closed.wait()
        # the killed one's port still takes connections for a moment
        await until(lambda: lab.edge_pid() not in (0, killed), 15)
        await until(lab.is_open, 15)
        await until(lambda: call.ear.frames > frames + 20, 15)
        async with ann.connected(lab.url):
            await customer.hang_up()
            await call.over()
            assert call.peer.connectionState == "connected", "until it was told"


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


@played
async def test_a_page_registers_with_credentials_that_end_and_its_call_goes_on(
    lab: Lab, company: Company
) -> None:
    """The extension's own password is in no page. A restart of the engine ends none."""
    first = (await company.api.post("/v1/phone/credentials", extension="101")).json
    second = (await company.api.post("/v1/phone/credentials", extension="101")).json
    async with page(lab, first) as ann, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        call = await ann.rings()
        await call.answer()
        await customer.answered()
        await call.ear.hears(CUSTOMER_HZ)
        await expire(lab, company, first["username"])

        async def is_refused() -> bool:
            return await ann.register() == 401

        await until(is_refused, 30)
        await customer.voice.hears(ANN_HZ)
        ann.account, ann.password = second["username"], second["password"]
        await lab.instance.kill()
        await lab.instance.start()
        assert await ann.register() == 200
        await customer.hang_up()
        await call.over()
        call = await ann.calls("0909000111")
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await call.hang_up()
        await customer.over()


def page(lab: Lab, made: dict[str, Any]) -> AbstractAsyncContextManager[Phone]:
    """A phone with these credentials, as the extension."""
    return browser.phone(
        lab.url,
        made["extension"],
        made["domain"],
        made["password"],
        hertz=ANN_HZ,
        account=made["username"],
    )


async def expire(lab: Lab, company: Company, username: str) -> None:
    """The end of these credentials has come."""
    async with lab.office.database.transaction() as tx:
        await tx.execute(
            """
            UPDATE phone_credentials SET expires_at = now()
            WHERE domain_uuid = $1 AND username = $2
            """,
            company.uuid,
            username,
        )
