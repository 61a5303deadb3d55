"""Phones that others wrote, against a running instance. What they show is in
docs/compatibility.md (tests/compatibility.py).
"""

import asyncio
import re

import pytest

from testbed import tones
from testbed.company import HOTLINE, Company, Office
from testbed.phones import BOB_HZ, CUSTOMER_HZ, PATIENCE_S
from testbed.softphones import baresip, linphone, pjsua2
from testbed.softphones.softphone import Opened, Transport
from testbed.until import until
from tests.softphones.preparing import HERTZ, Prepare, with_pjsua2
from tongdai.pbx.endpoint import DEFAULT
from tongdai.store import devices

CLIENTS: dict[str, Opened] = {
    "pjsua2": pjsua2.opened,
    "baresip": baresip.opened,
    "linphone": linphone.opened,
}
pytestmark = pytest.mark.clients
PJSUA2 = pytest.param("pjsua2", marks=with_pjsua2)
every = pytest.mark.parametrize("client", [PJSUA2, "baresip", "linphone"])


@pytest.mark.shows("{client}", "{transport}", "calls")
@every
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_it_registers_and_calls_and_both_hear(
    client: str, prepare: Prepare, company: Company, transport: Transport
) -> None:
    async with CLIENTS[client](prepare(transport)) as phone, company.carrier() as carrier:
        await phone.registered()
        call = await phone.calls("0909000111")
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await phone.hears(CUSTOMER_HZ)
        await customer.voice.hears(HERTZ)
        await call.hang_up()
        await customer.over()


@pytest.mark.shows("{client}", "called")
@every
async def test_it_is_called_and_both_are_in_the_recording(
    client: str, prepare: Prepare, company: Company
) -> None:
    async with CLIENTS[client](prepare()) as phone, company.carrier() as carrier:
        await phone.registered()
        customer = await carrier.calls(HOTLINE)
        call = await phone.rings()
        await call.answer()
        await customer.answered()
        await phone.hears(CUSTOMER_HZ)
        await customer.voice.hears(HERTZ)
        await asyncio.sleep(1)
        await customer.hang_up()
        await call.over()

    async def ready() -> str:
        listed = (await company.api.get("/v1/cdr", page=1)).json["data"]
        is_ready = listed and listed[0]["recording_status"] == "ready"
        return str(listed[0]["recording_url"]) if is_ready else ""

    url = await until(ready, PATIENCE_S, 0.1)
    samples = tones.samples_of((await company.api.get(url)).body)
    for hertz in (HERTZ, CUSTOMER_HZ):
        assert tones.longest(samples, hertz) >= 1, hertz


# not baresip 1.1: told to resume, it ended now and then (docs/compatibility.md)
@pytest.mark.shows("{client}", "hold")
@pytest.mark.parametrize("client", [PJSUA2, "linphone"])
async def test_it_holds_and_resumes(client: str, prepare: Prepare, company: Company) -> None:
    async with CLIENTS[client](prepare()) as phone, company.carrier() as carrier:
        await phone.registered()
        call = await phone.calls("0909000111")
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await customer.voice.hears(HERTZ)
        await call.hold()
        await customer.hears_music()
        await call.resume()
        await customer.voice.hears(HERTZ)
        await phone.hears(CUSTOMER_HZ)
        await customer.hang_up()
        await call.over()


@pytest.mark.shows("{client}", "keys")
@every
async def test_its_keys_arrive(client: str, prepare: Prepare, company: Company) -> None:
    async with CLIENTS[client](prepare()) as phone, company.carrier() as carrier:
        await phone.registered()
        call = await phone.calls("0909000111")
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await customer.voice.hears(HERTZ)
        await call.dial("19#")
        await until(lambda: customer.voice.digits == "19#", PATIENCE_S)
        await customer.hang_up()
        await call.over()


@pytest.mark.shows("{client}", "keys heard")
@pytest.mark.parametrize("client", [PJSUA2, "linphone"])
async def test_it_hears_keys(client: str, prepare: Prepare, company: Company) -> None:
    async with CLIENTS[client](prepare()) as phone, company.carrier() as carrier:
        await phone.registered()
        call = await phone.calls("0909000111")
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await customer.voice.hears(HERTZ)
        customer.voice.dial("*05")
        await until(lambda: call.digits == "*05", PATIENCE_S)
        await customer.hang_up()
        await call.over()


@pytest.mark.shows("{client}", "blind")
@every
async def test_it_transfers_blindly(client: str, prepare: Prepare, company: Company) -> None:
    async with (
        CLIENTS[client](prepare()) as phone,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        await phone.registered()
        customer = await carrier.calls(HOTLINE)
        call = await phone.rings()
        await call.answer()
        await customer.answered()
        await phone.hears(CUSTOMER_HZ)
        await call.transfer("102")
        ring = await bob.rings()
        await ring.answer()
        await ring.hears(customer)
        await customer.voice.hears(BOB_HZ)
        await call.over()
        await customer.hang_up()
        await ring.over()


@pytest.mark.shows("{client}", "attended")
@pytest.mark.parametrize("client", [PJSUA2, "linphone"])
async def test_it_transfers_after_it_has_asked(
    client: str, prepare: Prepare, company: Company
) -> None:
    async with (
        CLIENTS[client](prepare()) as phone,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        await phone.registered()
        customer = await carrier.calls(HOTLINE)
        call = await phone.rings()
        await call.answer()
        await customer.answered()
        await phone.hears(CUSTOMER_HZ)
        asking = asyncio.create_task(call.ask("102"))
        ring = await bob.rings()
        await ring.answer()
        asked = await asking
        await asked.answered()
        await ring.hears(HERTZ)
        await call.join(asked)
        await ring.hears(customer)
        await customer.voice.hears(BOB_HZ)
        await call.over()
        await asked.over()
        await customer.hang_up()
        await ring.over()


@with_pjsua2
async def test_an_update_names_who_is_on_after_a_transfer(
    prepare: Prepare, company: Company
) -> None:
    async with (
        company.phone("101") as alice,
        pjsua2.opened(prepare(user="102")) as bob,
        company.carrier() as carrier,
    ):
        await bob.registered()
        customer = await carrier.calls(HOTLINE, "0909000111")
        talk = await alice.rings()
        await talk.answer()
        await customer.answered()
        await talk.hold()
        asking = await alice.calls("102")
        asked = await bob.rings()
        await asked.answer()
        await asking.answered()
        await talk.refer(f"<sip:102@{company.name}?Replaces={asking.replaces}>")
        await customer.voice.hears(HERTZ)

        def shown() -> bool:
            updates = re.findall(r"\nUPDATE sip:(?:.+\n)+", bob.wire.replace("\r", ""))
            return any("P-Asserted-Identity: <sip:0909000111@" in each for each in updates)

        await until(shown, PATIENCE_S)
        await customer.hang_up()
        await asked.over()


@with_pjsua2
@pytest.mark.shows("pjsua2", "blf")
async def test_it_shows_who_is_on_the_phone(prepare: Prepare, company: Company) -> None:
    async with (
        pjsua2.opened(prepare()) as phone,
        company.phone("102") as bob,
        company.phone("103") as carol,
    ):
        await phone.registered()
        await phone.watch("102")
        await until(lambda: phone.shown.get("102") == "Ready", PATIENCE_S)
        call = await carol.calls("102")
        ring = await bob.rings()
        await until(lambda: phone.shown["102"] == "Ringing", PATIENCE_S)
        await ring.answer()
        await call.answered()
        await until(lambda: phone.shown["102"] == "On the phone", PATIENCE_S)
        await call.hang_up()
        await ring.over()
        await until(lambda: phone.shown["102"] == "Ready", PATIENCE_S)


@pytest.mark.shows("{client}", "srtp")
@every
async def test_its_srtp_is_taken_both_ways(
    client: str, prepare: Prepare, company: Company, office: Office
) -> None:
    async with office.database.transaction() as tx:
        device = devices.Device(name=DEFAULT, srtp_required=True)
        await devices.update(tx, company.uuid, "101", device)
    await company.knows_field("101", "media_encryption_optimistic", "no", "false")
    async with (
        CLIENTS[client](prepare("tls", srtp="required")) as phone,
        company.phone("102", hertz=BOB_HZ) as bob,
    ):
        await phone.registered()
        call = await phone.calls("102")
        ring = await bob.rings()
        await ring.answer()
        await call.answered()
        await phone.hears(BOB_HZ)
        await ring.hears(HERTZ)
        await call.hang_up()
        await ring.over()
        ring = await bob.calls("101")
        call = await phone.rings()
        await call.answer()
        await ring.answered()
        await phone.hears(BOB_HZ)
        await ring.hears(HERTZ)
        await ring.hang_up()
        await call.over()
        assert "RTP/SAVP" in phone.wire


@pytest.mark.shows("{client}", "{codec}")
@pytest.mark.parametrize(
    ("client", "codec"),
    [
        pytest.param("pjsua2", "G722", marks=with_pjsua2),
        ("baresip", "G722"),
        ("baresip", "opus"),
        ("linphone", "G722"),
        ("linphone", "opus"),
    ],
)
async def test_it_speaks_another_codec(
    client: str, prepare: Prepare, company: Company, codec: str
) -> None:
    async with (
        CLIENTS[client](prepare(codecs=(codec,))) as phone,
        company.phone("102", hertz=BOB_HZ) as bob,
    ):
        await phone.registered()
        call = await phone.calls("102")
        ring = await bob.rings()
        await ring.answer()
        await call.answered()
        await phone.hears(BOB_HZ)
        await ring.hears(HERTZ)
        await call.hang_up()
        await ring.over()


@pytest.mark.shows("{client}", "moved")
@every
async def test_it_comes_back_from_another_port(
    client: str, prepare: Prepare, company: Company
) -> None:
    """It was killed, and did not unregister."""
    async with CLIENTS[client](prepare()) as phone:
        await phone.registered()
    async with (
        CLIENTS[client](prepare()) as phone,
        company.phone("102", hertz=BOB_HZ) as bob,
    ):
        await phone.registered()
        ring = await bob.calls("101")
        call = await phone.rings()
        await call.answer()
        await ring.answered()
        await phone.hears(BOB_HZ)
        await ring.hang_up()
        await call.over()
