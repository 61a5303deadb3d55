"""Talks steered by command on the real switch: recording, transfer, mute, keys. Who hears whom is
told by their tones, also in the recording.
"""

from testbed import tones
from testbed.company import HOTLINE, Company, together
from testbed.hooks import Hook
from testbed.phones import ALICE_HZ, BOB_HZ, CUSTOMER_HZ, talk
from testbed.until import until
from tests.e2e.steering import (
    CUSTOMER,
    control,
    hears_nothing,
    live,
    shown_talking,
    talking,
)
from tests.lab import recorded

DONE = (200, "")
PROMPT_HZ = 1_500
SECRET_HZ = BOB_HZ
"""The extension's tone while the recording pauses."""


async def test_a_pause_is_not_in_the_recording_and_in_the_record(company: Company) -> None:
    """An inbound talk, and one outbound, whose recording begins on the customer's channel."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        assert await control(company, name, "recording", do="start") == (409, "NOTHING_TO_CHANGE")
        assert await control(company, name, "recording", do="pause") == DONE
        assert (await live(company))["is_recording_paused"]
        ring.voice.sounds(SECRET_HZ)
        await customer.hears(SECRET_HZ)
        await talk(customer, ring)
        ring.voice.sounds(ALICE_HZ)
        await customer.hears(ALICE_HZ)
        assert await control(company, name, "recording", do="resume") == DONE
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        record, samples = await recorded(company)
        assert len(record["recording_pauses"]) == 1
        assert tones.longest(samples, SECRET_HZ) == 0, "said in the pause"
        assert tones.longest(samples, ALICE_HZ) > 0.9, "before and after"
        assert tones.longest(samples, CUSTOMER_HZ) > 0.9


async def test_the_recording_of_a_called_customer_stops_and_starts(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await talk(call, customer)
        name = await shown_talking(company)
        assert await control(company, name, "recording", do="stop") == DONE
        customer.voice.sounds(SECRET_HZ)
        await call.hears(SECRET_HZ)
        customer.voice.sounds(CUSTOMER_HZ)
        await call.hears(CUSTOMER_HZ)
        assert await control(company, name, "recording", do="start") == DONE
        await talk(call, customer)
        await call.hang_up()
        await customer.over()
        record, samples = await recorded(company)
        assert record["recording_pauses"] == []
        assert tones.longest(samples, SECRET_HZ) == 0
        assert tones.longest(samples, CUSTOMER_HZ) > 0.9


async def test_a_talk_that_is_not_recorded_is_from_a_command_on(company: Company) -> None:
    await company.change_extension("101", recording=False)
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        assert await control(company, name, "recording", do="start") == DONE
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        _, samples = await recorded(company)
        assert tones.longest(samples, ALICE_HZ) > 0.4
        assert tones.longest(samples, CUSTOMER_HZ) > 0.4


async def test_a_customer_is_transferred_to_a_colleague_then_outside(
    company: Company, hook: Hook
) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        barred = await control(company, name, "transfer", to="+12025550123")
        assert barred == (409, "DESTINATION_BARRED")
        assert await control(company, name, "transfer", to="99") == (422, "INVALID_PHONE")
        await talk(ring, customer)

        assert await control(company, name, "transfer", to="102") == DONE
        await ring.over()
        with_bob = await bob.rings()
        await with_bob.answer()
        await talk(with_bob, customer)
        await shown_talking(company)
        assert await control(company, name, "transfer", to="0908000222") == DONE
        await with_bob.over()
        outside = await carrier.rings()
        await outside.answer()
        await outside.hears(customer)
        await customer.hears(outside)
        await customer.hang_up()
        await outside.over()
        await until(lambda: hook.events[-1]["state"] == "cdr")
        hook.expect_no_more()
        (found,) = await company.found(phone=CUSTOMER)
        record, samples = await recorded(company)
        assert record == record | {"id": name, "extension": "101", "hangup_by": "caller"}
        joined = [(each["number"], each["transferred_by"]) for each in record["participants"]]
        assert joined == [("102", "101"), ("0908000222", "102")]
        assert found == name
        for hertz in (ALICE_HZ, BOB_HZ, CUSTOMER_HZ):
            assert tones.longest(samples, hertz) > 0.4, hertz


async def test_a_transfer_by_command_that_fails_comes_back(company: Company, hook: Hook) -> None:
    """A called customer, to a colleague whose phone is busy."""
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        call = await alice.calls(CUSTOMER)
        customer = await carrier.rings()
        await customer.answer()
        await call.answered()
        await talk(call, customer)
        name = await shown_talking(company)
        assert await control(company, name, "transfer", to="102") == DONE
        await call.over()
        await (await bob.rings()).reject(486)
        again = await alice.rings()
        await again.answer()
        await talk(again, customer)
        await customer.hang_up()
        await again.over()
        await until(lambda: hook.events[-1]["state"] == "cdr")
        hook.expect_no_more()
        assert (await company.api.cdr(name))["status"] == "ANSWERED"


async def test_an_extension_is_muted_and_keys_are_sent(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        assert await control(company, name, "mute") == DONE
        assert await control(company, name, "mute", party="101") == (409, "NOTHING_TO_CHANGE")
        assert await control(company, name, "mute", party="102") == (422, "INVALID_FIELD")
        await hears_nothing(customer, ring)
        await ring.hears(customer)
        muted = [leg["number"] for leg in (await live(company))["legs"] if leg["is_muted"]]
        assert muted == ["101"]
        assert await control(company, name, "unmute") == DONE
        await talk(ring, customer)

        assert await control(company, name, "dtmf", digits="12#") == DONE
        await until(lambda: customer.voice.digits == "12#")
        assert await control(company, name, "dtmf", digits="7", party="101") == DONE
        await until(lambda: ring.voice.digits == "7")
        assert await control(company, name, "dtmf", digits="1,2") == (422, "INVALID_FIELD")
        await talk(ring, customer)
        await ring.hang_up()
        await customer.over()
        assert await control(company, name, "dtmf", digits="1") == (409, "CALL_ENDED")


async def test_a_hang_up_crosses_with_a_command(company: Company) -> None:
    """Whoever is first: the call ends, and the command has an answer."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        for what, body in (("hold", {}), ("recording", {"do": "pause"}), ("mute", {})):
            customer = await carrier.calls(HOTLINE, CUSTOMER)
            ring = await alice.rings()
            name = await talking(company, ring, customer)
            ring.hangs_up_now()
            status, _ = await control(company, name, what, **body)
            assert status in (200, 409)
            await customer.over()
            await until(company.is_quiet, 15)
            assert (await company.api.cdr(name))["status"] == "ANSWERED"


async def test_a_prompt_is_played_into_a_talk(company: Company) -> None:
    """Both hear it, and the recording has it; of an inbound talk, and of one outbound."""
    await company.add_prompt("Ghi âm", tones.wav(PROMPT_HZ, rate_hz=16_000))
    async with company.phone("101") as alice, company.carrier() as carrier:
        for is_inbound in (True, False):
            if is_inbound:
                customer = await carrier.calls(HOTLINE, CUSTOMER)
                ring = await alice.rings()
                name = await talking(company, ring, customer)
            else:
                ring = await alice.calls(CUSTOMER)
                customer = await carrier.rings()
                await customer.answer()
                await ring.answered()
                await talk(ring, customer)
                name = await shown_talking(company)
            assert await control(company, name, "play", prompt="không có") == (
                422,
                "INVALID_FIELD",
            )
            assert await control(company, name, "play", prompt="Ghi âm") == DONE
            await together(customer.hears(PROMPT_HZ), ring.hears(PROMPT_HZ))
            await talk(ring, customer)
            await customer.hang_up()
            await ring.over()
            _, samples = await recorded(company)
            for hertz in (PROMPT_HZ, ALICE_HZ, CUSTOMER_HZ):
                assert tones.longest(samples, hertz) > 0.4, (is_inbound, hertz)


async def test_a_company_on_hold_hears_its_own_music(company: Company) -> None:
    await company.add_prompt("Nhạc chờ", tones.wav(PROMPT_HZ))
    await company.change(hold_music="Nhạc chờ")
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        assert await control(company, name, "hold") == DONE
        await customer.hears(PROMPT_HZ)
        await ring.hears(PROMPT_HZ)
        assert await control(company, name, "unhold") == DONE
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()


async def test_a_recording_pauses_many_times_in_one_talk(company: Company) -> None:
    """Each command follows the one before at once; nobody is lost."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        for _ in range(12):
            assert await control(company, name, "recording", do="pause") == DONE
            assert await control(company, name, "recording", do="resume") == DONE
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        record, samples = await recorded(company)
        assert len(record["recording_pauses"]) == 12
        assert tones.longest(samples, ALICE_HZ) > 0.9
        assert tones.longest(samples, CUSTOMER_HZ) > 0.9


async def test_a_talk_is_held_and_taken_back_many_times(company: Company) -> None:
    """Each command is asked for at once: of an inbound talk, and of one outbound."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        for is_inbound in (True, False):
            if is_inbound:
                customer = await carrier.calls(HOTLINE, CUSTOMER)
                ring = await alice.rings()
                name = await talking(company, ring, customer)
            else:
                ring = await alice.calls(CUSTOMER)
                customer = await carrier.rings()
                await customer.answer()
                await ring.answered()
                name = await shown_talking(company)
            for _ in range(12):
                assert await control(company, name, "hold") == DONE
                assert await control(company, name, "unhold") == DONE
                assert await control(company, name, "recording", do="pause") == DONE
                assert await control(company, name, "recording", do="resume") == DONE
            await talk(ring, customer)
            await customer.hang_up()
            await ring.over()
            await until(company.is_quiet, 15)
