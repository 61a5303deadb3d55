"""Phones behind a proxy: the real Kamailio, with the configuration of deploy/kamailio."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from testbed import kamailio
from testbed.company import HOTLINE, Company, Office
from testbed.kamailio import Proxy
from testbed.phones import CUSTOMER_HZ, PATIENCE_S
from testbed.softphones import baresip, pjsua2
from testbed.softphones.softphone import Transport
from testbed.until import until
from tests.softphones.preparing import HERTZ, Prepare, with_pjsua2

pytestmark = pytest.mark.clients
OTHER_HZ = 700


@pytest.fixture
async def proxy(office: Office, tmp_path: Path) -> AsyncIterator[Proxy]:
    own = office.instance.settings
    shown = own["sip_tls_cert"], own["sip_tls_key"]
    async with kamailio.proxy(tmp_path, office.instance.sip, *shown) as made:
        yield made


@with_pjsua2
@pytest.mark.shows("kamailio", "{transport}", "calls", "called", "hold", "keys", "blind")
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_phones_behind_it_register_and_are_called_and_call(
    proxy: Proxy, prepare: Prepare, company: Company, transport: Transport
) -> None:
    server = proxy.tls if transport == "tls" else proxy.address
    async with (
        pjsua2.opened(prepare(transport, server=server)) as alice,
        baresip.opened(prepare(transport, server=server, user="102", hertz=OTHER_HZ)) as bob,
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


@with_pjsua2
@pytest.mark.shows("kamailio", "attended")
async def test_a_phone_behind_it_transfers_after_it_has_asked(
    proxy: Proxy, prepare: Prepare, company: Company
) -> None:
    """The PBX tells who is on by an UPDATE, and then its BYE has to arrive too."""
    behind = {"server": proxy.address}
    async with (
        pjsua2.opened(prepare(**behind)) as alice,
        pjsua2.opened(prepare(**behind, user="102", hertz=OTHER_HZ)) as bob,
        company.carrier() as carrier,
    ):
        await alice.registered()
        await bob.registered()
        customer = await carrier.calls(HOTLINE)
        call = await alice.rings()
        await call.answer()
        await customer.answered()
        asking = asyncio.create_task(call.ask("102"))
        taken = await bob.rings()
        await taken.answer()
        asked = await asking
        await asked.answered()
        await bob.hears(HERTZ)
        await call.join(asked)
        await bob.hears(CUSTOMER_HZ)
        await customer.voice.hears(OTHER_HZ)
        await call.over()
        await asked.over()
        await until(lambda: "\nUPDATE sip:" in bob.wire, PATIENCE_S)
        await customer.hang_up()
        await taken.over()


@with_pjsua2
@pytest.mark.shows("kamailio", "blf")
async def test_lamps_shine_behind_it(proxy: Proxy, prepare: Prepare, company: Company) -> None:
    async with (
        pjsua2.opened(prepare(server=proxy.address)) as alice,
        baresip.opened(prepare(server=proxy.address, user="102", hertz=OTHER_HZ)) as bob,
    ):
        await alice.registered()
        await bob.registered()
        await alice.watch("102")
        await until(lambda: alice.shown.get("102") == "Ready", PATIENCE_S)
        asking = await bob.calls("101")
        asked = await alice.rings()
        await asked.answer()
        await asking.answered()
        await until(lambda: alice.shown["102"] == "On the phone", PATIENCE_S)
        await asked.hang_up()
        await asking.over()
        await until(lambda: alice.shown["102"] == "Ready", PATIENCE_S)
