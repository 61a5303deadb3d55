"""SIP and audio by IPv6, on ::1."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from testbed import ports
from testbed.company import Office, operated
from testbed.instance import Instance
from testbed.phones import SippSetup
from testbed.softphones import baresip
from tests.softphones.preparing import HERTZ, Prepare

pytestmark = pytest.mark.clients
OTHER_HZ = 700


@pytest.fixture(scope="module")
async def pbx() -> AsyncIterator[Instance]:
    """An instance that speaks SIP on ::1."""
    with tempfile.TemporaryDirectory(prefix="tongdai-ipv6-") as folder:
        instance = Instance(Path(folder), sandbox=False)
        instance.sip = f"[::1]:{ports.server_port()}"
        instance.set(sip=instance.sip)
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


@pytest.mark.shows("baresip", "ipv6")
async def test_phones_register_and_talk_by_ipv6(prepare: Prepare) -> None:
    six = {"address": "::1"}
    async with (
        baresip.opened(prepare(**six)) as alice,
        baresip.opened(prepare(**six, user="102", hertz=OTHER_HZ)) as bob,
    ):
        await alice.registered()
        await bob.registered()
        call = await alice.calls("102")
        ring = await bob.rings()
        await ring.answer()
        await call.answered()
        await alice.hears(OTHER_HZ)
        await bob.hears(HERTZ)
        assert "c=IN IP6 ::1" in alice.wire
        await ring.hang_up()
        await call.over()
