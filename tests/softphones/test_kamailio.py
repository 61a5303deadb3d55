"""Phones behind a proxy: the real Kamailio, with the configuration of deploy/kamailio."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from testbed import kamailio
from testbed.company import HOTLINE, Company, Office
from testbed.phones import CUSTOMER_HZ, PATIENCE_S
from testbed.softphones import baresip, pjsua2
from testbed.until import until
from tests.softphones.preparing import HERTZ, Prepare, with_pjsua2

pytestmark = pytest.mark.clients
OTHER_HZ = 700


@pytest.fixture
async def proxy(office: Office, tmp_path: Path) -> AsyncIterator[str]:
    async with kamailio.proxy(tmp_path, office.instance.sip) as address:
        yield address


@with_pjsua2
@pytest.mark.shows("kamailio", "udp", "calls", "called", "hold", "keys", "blind")
async def test_phones_behind_it_register_and_are_called_and_call(
    proxy: str, prepare: Prepare, company: Company
) -> None:
    async with (
        pjsua2.opened(prepare(server=proxy)) as alice,
        baresip.opened(prepare(server=proxy, user="102", hertz=OTHER_HZ)) as bob,
        company.carrier() as carrier,
    ):
        await alice.registered()
        await bob.registered()
        customer = await carrier.calls(HOTLINE)
        call = await alice.rings()
        await call.answer()
        await customer.answered()
        await alice.hears(CUSTOMER_HZ)
        await customer.voice.hears(HERTZ)
        await call.dial("19#")
        await until(lambda: customer.voice.digits == "19#", PATIENCE_S)
        await customer.voice.hears(HERTZ)  # the last key is up again
        await call.hold()
        await customer.hears_music()
        await call.resume()
        await customer.voice.hears(HERTZ)
        await call.transfer("102")
        taken = await bob.rings()
        await taken.answer()
        await bob.hears(CUSTOMER_HZ)
        await customer.voice.hears(OTHER_HZ)
        await call.over()
        await customer.hang_up()
        await taken.over()

        asking = await bob.calls("101")
        asked = await alice.rings()
        await asked.answer()
        await asking.answered()
        await alice.hears(OTHER_HZ)
        await bob.hears(HERTZ)
        await asked.hang_up()
        await asking.over()
