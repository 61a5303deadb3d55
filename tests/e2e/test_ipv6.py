"""SIP and audio over IPv6."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import pytest

from testbed import wire
from testbed.company import PASSWORD, Company, operated
from testbed.instance import Instance
from testbed.phones import SippSetup
from testbed.until import until
from testbed.voice import Voice
from testbed.wire import Wire

HOST = "::1"
ALICE_HZ, BOB_HZ = 440, 880
Line = Callable[[str, str], AbstractAsyncContextManager[Wire]]


@pytest.fixture(scope="module")
async def six(sipp_command: list[str]) -> AsyncIterator[Company]:
    """A company on a switch that listens on [::1]."""
    with tempfile.TemporaryDirectory(prefix="tongdai-six-") as folder:
        instance = Instance(Path(folder), sandbox=False)
        instance.sip = f"[{HOST}]:{instance.sip.rpartition(':')[2]}"
        instance.set(sip=instance.sip)
        try:
            await instance.start()
            setup = SippSetup(sipp_command, Path(folder), instance.sip)
            async with operated(instance, setup) as office:
                yield await office.company()
        finally:
            await instance.end()


def sdp(voice: Voice) -> list[str]:
    return [
        *("v=0", f"o=- 1 1 IN IP6 {HOST}", "s=-", f"c=IN IP6 {HOST}", "t=0 0"),
        f"m=audio {voice.port} RTP/AVP 8",
    ]


async def voice(stack: AsyncExitStack, hertz: int) -> Voice:
    made = Voice(hertz)
    await made.open(HOST)
    stack.callback(made.close)
    return made


def speak(own: Voice, message: str) -> None:
    """Sends audio where the SDP of the message says: to the switch, by IPv6."""
    assert re.search(rf"(?m)^c=IN IP6 {HOST}\r?$", message)
    own.talks_to(HOST, int(re.findall(r"m=audio (\d+)", message)[0]))


@pytest.mark.parametrize("transport", [wire.udp, wire.tcp])
async def test_two_phones_talk_over_ipv6(six: Company, transport: Line) -> None:
    switch = six.switch
    async with AsyncExitStack() as stack:
        alice = await stack.enter_async_context(wire.udp(switch, HOST))
        bob = await stack.enter_async_context(transport(switch, HOST))
        hers, his = await voice(stack, ALICE_HZ), await voice(stack, BOB_HZ)
        for line, number in ((alice, "101"), (bob, "102")):
            answers = await wire.authenticated(line, "REGISTER", number, six.name, PASSWORD)
            assert [wire.status(answer) for answer in answers] == [401, 200]
        to = f"102@{six.name}"
        calling = asyncio.create_task(
            wire.authenticated(alice, "INVITE", "101", six.name, PASSWORD, to=to, body=sdp(hers))
        )
        stack.callback(calling.cancel)
        invite = await wire.called(bob)
        speak(his, invite)
        contact = f"Contact: <sip:102@{bob.address};transport={bob.via.lower()}>"
        await wire.reply(bob, invite, "200 OK", contact, body=sdp(his))
        answer = (await calling)[-1]
        assert wire.status(answer) == 200
        await wire.acknowledge(alice, answer)
        speak(hers, answer)
        await hers.hears(BOB_HZ)
        await his.hears(ALICE_HZ)
        assert wire.status(await wire.ask(alice, wire.within(alice, answer, "BYE", 20))) == 200
        await wire.reply(bob, await wire.next_request(bob, "BYE"), "200 OK")
        await until(six.is_quiet, 15)
    record = (await six.api.get("/v1/cdr")).json["data"][0]
    assert record == record | {"status": "ANSWERED", "hangup_by": "caller"}
