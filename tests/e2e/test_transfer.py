"""Transfers by phones: the call keeps its identity, there is one record, and the parties hear each
other.
"""

from itertools import pairwise
from typing import Any

import pytest

from testbed import tones
from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.phones import ALICE_HZ, CUSTOMER_HZ, PATIENCE_S, Phone, Talk
from testbed.until import until

BOB_HZ = 620
TONES = {"alice": ALICE_HZ, "bob": BOB_HZ, "customer": CUSTOMER_HZ}


@pytest.mark.shows("sipp", "blind")
async def test_blind_transfer_of_a_customer(company: Company, hook: Hook) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)

        await talk.refer(f"<sip:102@{company.name}>")
        with_bob = await bob.rings()
        hangup, ringing = await hook.expect_in_any_order("hangup", "ringing")
        assert (hangup["call_id"], hangup["to_number"]) == (conversation, "101")
        assert (ringing["to_number"], ringing["from_number"]) == ("102", "0909000111")
        assert ringing["call_id"] != conversation == ringing["conversation_id"]

        await with_bob.answer()
        await hook.expect(
            "answered", call_id=ringing["call_id"], conversation_id=conversation, to_number="102"
        )
        await both_talk(with_bob, customer)
        await customer.hang_up()
        await hook.expect("hangup", call_id=ringing["call_id"], to_number="102")
        record = await one_record(company, hook, conversation)
        assert (record["from_number"], record["to_number"], record["hangup_by"]) == (
            "0909000111",
            HOTLINE,
            "caller",
        )
        assert await company.api.cdr(ringing["call_id"]) == record
        await both_are_recorded(company, record, talk, with_bob, customer)


async def test_blind_transfer_to_a_number_outside(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)

        await talk.refer(f"<sip:0908000222@{company.name}>")
        outside = await carrier.rings()
        _, ringing = await hook.expect_in_any_order("hangup", "ringing")
        shown = {"direction": "outbound", "from_number": "101", "to_number": "0908000222"}
        assert ringing == ringing | shown | {"conversation_id": conversation}
        own = ringing["call_id"]
        await outside.answer()
        await hook.expect("answered", call_id=own, hotline=HOTLINE, **shown)
        await both_talk(outside, customer)
        await customer.hang_up()
        await hook.expect("hangup", call_id=own, **shown)
        record = await one_record(company, hook, conversation)
        assert await company.api.cdr(own) == record
        for wanted in ({"phone": "0908000222"}, {"phone": "0909000111"}, {"extension": "101"}):
            assert await company.found(**wanted) == [conversation]


@pytest.mark.parametrize("target", ["102", "103", "99", "+12025550123", "0908000222"])
async def test_a_blind_transfer_that_fails_comes_back(
    company: Company, hook: Hook, target: str
) -> None:
    """To a phone that is busy or not there, a number that is unknown, barred, or busy."""
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)

        await talk.refer(f"<sip:{target}@{company.name}>")
        if target in ("102", "0908000222"):
            await (await (bob if target == "102" else carrier).rings()).reject(486)
        again = await alice.rings()
        await again.answer()
        await both_talk(again, customer)
        await customer.hang_up()
        await again.over()
        await until(lambda: hook.events[-1]["state"] == "cdr")
        hook.expect_no_more()
        record = await company.api.cdr(conversation)
        assert (record["status"], record["extension"]) == ("ANSWERED", "101")
        assert record["billsec"] >= 2
        await both_are_recorded(company, record, talk, customer)


async def test_a_transfer_that_fails_goes_back_to_the_queue_when_its_agent_is_gone(
    company: Company, hook: Hook
) -> None:
    await company.add_queue("700", "101", "102")
    await company.point_hotline("700")
    async with company.phone("102", hertz=BOB_HZ) as bob, company.carrier() as carrier:
        async with company.phone("101") as alice:
            customer = await carrier.calls(HOTLINE)
            await customer.answered()
            talk = await alice.rings()
            await talk.answer()
            await both_talk(talk, customer)
            await talk.refer(f"<sip:103@{company.name}>")
            await (await alice.rings()).reject(486)
        with_bob = await bob.rings()
        await with_bob.answer()
        await both_talk(with_bob, customer)
        await customer.hang_up()
        await until(lambda: hook.events[-1]["state"] == "cdr")
        hook.expect_no_more()
        (found,) = await company.found(phone="0909000111")
        record = await company.api.cdr(found)
        assert (record["status"], record["receive_dest"]) == ("ANSWERED", "700")
        assert await company.found(extension="102") == [found]


async def test_a_customer_transfers_nobody(company: Company, hook: Hook) -> None:
    """Neither the caller nor the called one, unless the trunk's setting says so."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer, talk, _ = await answered_inbound(alice, carrier, hook)
        await customer.may_not_refer(f"<sip:0908000222@{company.name}>")
        await both_talk(talk, customer)
        await talk.hang_up()
        await hook.over()

        out = await alice.calls("0909000333")
        called = await carrier.rings()
        await called.answer()
        await out.answered()
        await called.may_not_refer(f"<sip:0908000222@{company.name}>")
        await both_talk(out, called)
        await out.hang_up()
        await hook.expect_in_any_order("ringing", "answered", "hangup", "cdr")
        assert carrier.untaken == 0, "no call went out to the number that the customer chose"


async def test_a_customer_transfers_where_the_trunk_lets_it(company: Company, hook: Hook) -> None:
    await company.change_trunk(transfers=True)
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        await company.trunk_has("allow_transfer", "true")
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)
        await customer.refer(f"<sip:102@{company.name}>")
        with_bob = await bob.rings()
        await with_bob.answer()
        await both_talk(with_bob, talk)
        await talk.hang_up()
        await hook.expect_in_any_order("ringing", "answered", "hangup", "hangup", "cdr")
        assert (await company.api.cdr(conversation))["status"] == "ANSWERED"


@pytest.mark.shows("sipp", "attended")
async def test_attended_transfer_of_a_customer(company: Company, hook: Hook) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)

        await talk.hold()
        asking = await alice.calls("102")
        asked = await bob.rings()
        consultation = (
            await hook.expect("ringing", to_number="102", from_number="101", direction="local")
        )["call_id"]
        await asked.answer()
        await asking.answered()
        await hook.expect("answered", call_id=consultation)
        await asked.hears(asking)

        await talk.refer(f"<sip:102@{company.name}?Replaces={asking.replaces}>")
        await both_talk(asked, customer)
        answered, *hung_up, ringing = await hook.expect_in_any_order(
            "hangup", "hangup", "ringing", "answered"
        )
        over, left = sorted(hung_up, key=lambda event: event["call_id"] == conversation)
        assert over == over | {
            "call_id": consultation,
            "reason": "transferred",
            "from_number": "101",
            "to_number": "102",
        }
        assert (left["to_number"], left["status"]) == ("101", "ANSWERED")
        now = {
            "call_id": ringing["call_id"],
            "conversation_id": conversation,
            "direction": "inbound",
            "from_number": "0909000111",
            "to_number": "102",
        }
        assert (ringing, answered) == (ringing | now, answered | now)
        assert ringing["call_id"] not in (conversation, consultation)
        await asked.hang_up()
        await hook.expect("hangup", **now, hangup_by="callee", status="ANSWERED")
        record = await one_record(company, hook, conversation)
        assert await company.api.cdr(consultation) == record
        assert await company.api.cdr(ringing["call_id"]) == record
        assert await company.api.cdr(asking.sip_call_id) == record
        await both_are_recorded(company, record, talk, asked, customer)


async def test_displays_follow_a_transfer_and_the_carriers_does_not(company: Company) -> None:
    """RFC 3325 in a re-INVITE: SIPp's phones do not say that they take UPDATE."""
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, "0909000111")
        talk = await alice.rings()
        await talk.answer()
        await customer.answered()
        await talk.hold()
        asking = await alice.calls("102")
        asked = await bob.rings()
        assert f"<sip:101@{company.name}>" in asked.invite.header("P-Asserted-Identity")
        await asked.answer()
        await asking.answered()
        before = len(asked.received("INVITE"))
        await talk.refer(f"<sip:102@{company.name}?Replaces={asking.replaces}>")
        await both_talk(asked, customer)

        def shown() -> list[str]:
            within = asked.received("INVITE")[before:]
            return [each.header("P-Asserted-Identity") for each in within]

        await until(lambda: any("sip:0909000111@" in each for each in shown()), PATIENCE_S)
        assert not [each for each in customer.messages if "sip:102@" in each.text]
        await asked.hang_up()
        await customer.over()


async def test_attended_transfer_while_the_target_still_rings(
    company: Company, hook: Hook
) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)

        await talk.hold()
        asking = await alice.calls("102")
        asked = await bob.rings()
        await asking.ringing()
        consultation = (await hook.expect("ringing", to_number="102"))["call_id"]
        await talk.refer(f"<sip:102@{company.name}?Replaces={asking.replaces}>")
        *hung_up, ringing = await hook.expect_in_any_order("hangup", "hangup", "ringing")
        over = next(event for event in hung_up if event["call_id"] == consultation)
        assert (over["reason"], over["billsec"]) == ("transferred", 0)
        now = {
            "call_id": ringing["call_id"],
            "conversation_id": conversation,
            "from_number": "0909000111",
            "to_number": "102",
        }
        assert ringing == ringing | now
        await asked.answer()
        await hook.expect("answered", **now)
        await asked.hears(customer)
        await customer.hang_up()
        await hook.expect("hangup", **now)
        await one_record(company, hook, conversation)


async def test_attended_transfer_to_a_number_outside_is_recorded_once(
    company: Company, hook: Hook
) -> None:
    """The consultation's own recording hangs on the party outside, which stays."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)

        await talk.hold()
        asking = await alice.calls("0908000222")
        asked = await carrier.rings()
        await asked.answer()
        await asking.answered()
        await asked.hears(asking)
        await talk.refer(f"<sip:0908000222@{company.name}?Replaces={asking.replaces}>")
        for _ in range(4):
            await both_talk(asked, customer)
        await asked.hang_up()
        states = ("answered", "answered", "hangup", "hangup", "hangup", "ringing", "ringing")
        events = await hook.expect_in_any_order(*states)
        shown = {"direction": "outbound", "from_number": "101", "to_number": "0908000222"}
        assert [each for each in events if each == each | shown] == [
            each for each in events if each["call_id"] != conversation
        ]
        record = await one_record(company, hook, conversation)
        samples = tones.samples_of((await company.api.get(record["recording_url"])).body)
        assert len(samples) / tones.RATE_HZ < record["billsec"] + 3, (
            "the consultation took a second or two"
        )
        assert await company.found(phone="0908000222") == [conversation]


async def test_the_parts_of_a_recording_are_in_the_order_of_time(company: Company) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        talk = await alice.rings()
        await talk.answer()
        await customer.answered()
        await both_talk(talk, customer)
        await talk.hold()
        asking = await alice.calls("102")
        asked = await bob.rings()
        await asked.answer()
        await asking.answered()
        await both_talk(asked, asking)
        await talk.refer(f"<sip:102@{company.name}?Replaces={asking.replaces}>")
        await both_talk(asked, customer)
        await asked.hang_up()
        await until(company.is_quiet)
        (found,) = await company.found()
        samples = tones.samples_of(
            (await company.api.get((await company.api.cdr(found))["recording_url"])).body
        )
    heard = [
        {name for name, hertz in TONES.items() if tones.strength(window, hertz) > 1_000}
        for at in range(0, len(samples), tones.RATE_HZ // 10)
        if (window := samples[at : at + tones.RATE_HZ // 10])
    ]
    # two windows long: one window alone may have the end of a part and the beginning of the next
    talks = [each for before, each in pairwise(heard) if len(each) == 2 and each == before]
    order = [each for n, each in enumerate(talks) if n == 0 or each != talks[n - 1]]
    assert order == [{"alice", "customer"}, {"alice", "bob"}, {"bob", "customer"}], heard


async def test_who_is_not_to_be_recorded_is_not_after_a_transfer_either(company: Company) -> None:
    await company.change_extension("102", recording=False)
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        talk = await alice.rings()
        await talk.answer()
        await customer.answered()
        await both_talk(talk, customer)
        await talk.hold()
        asking = await alice.calls("102")
        asked = await bob.rings()
        await asked.answer()
        await asking.answered()
        await talk.refer(f"<sip:102@{company.name}?Replaces={asking.replaces}>")
        await both_talk(asked, customer)
        await both_talk(asked, customer)
        await asked.hang_up()
        await until(company.is_quiet)
        (found,) = await company.found()
        record = await company.api.cdr(found)
        samples = tones.samples_of((await company.api.get(record["recording_url"])).body)
        assert tones.longest(samples, talk.voice.hertz) > 0.5
        assert tones.longest(samples, BOB_HZ) < 0.5, "until the switch told of the transfer"


async def test_two_customers_that_are_joined_are_both_found(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)
        await talk.hold()
        other = await carrier.calls(HOTLINE, "0977666555")
        second = await alice.rings()
        await second.answer()
        await other.answered()
        own = (await hook.expect("ringing", from_number="0977666555"))["call_id"]
        await hook.expect("answered", call_id=own)
        await talk.refer(f"<sip:101@{company.name}?Replaces={second.replaces}>")
        await both_talk(customer, other)
        await hook.expect_in_any_order("hangup", "hangup")
        await other.hang_up()
        ends = await hook.expect_in_any_order("cdr", "cdr")
        shown = {each["call_id"]: each["from_number"] for each in ends}
        assert shown == {conversation: "0909000111", own: "0977666555"}
        for phone in ("0909000111", "0977666555"):
            assert await company.found(phone=phone) == [conversation]
        assert (await company.api.cdr(own))["id"] == conversation


async def test_outbound_call_is_transferred_to_a_colleague(company: Company, hook: Hook) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        talk = await alice.calls("0909000333")
        customer = await carrier.rings()
        await customer.answer()
        await talk.answered()
        await both_talk(customer, talk)
        conversation = (await hook.expect("ringing", direction="outbound"))["call_id"]
        await hook.expect("answered", call_id=conversation)

        await talk.refer(f"<sip:102@{company.name}>")
        with_bob = await bob.rings()
        _, ringing = await hook.expect_in_any_order("hangup", "ringing")
        assert (ringing["from_number"], ringing["to_number"]) == ("102", "0909000333")
        await with_bob.answer()
        await hook.expect("answered", call_id=ringing["call_id"])
        await both_talk(with_bob, customer)
        await with_bob.hang_up()
        await hook.expect("hangup", call_id=ringing["call_id"])
        record = await one_record(company, hook, conversation)
        assert (record["direction"], record["extension"]) == (3, "101")
        await both_are_recorded(company, record, talk, with_bob, customer)


async def answered_inbound(alice: Phone, carrier: Any, hook: Hook) -> tuple[Talk, Talk, str]:
    """A customer talks with Alice: the customer's side, Alice's side, and the call's id."""
    customer = await carrier.calls(HOTLINE)
    talk = await alice.rings()
    conversation: str = (await hook.expect("ringing", to_number="101", direction="inbound"))[
        "call_id"
    ]
    await talk.answer()
    await customer.answered()
    await hook.expect("answered", call_id=conversation)
    await both_talk(talk, customer)
    return customer, talk, conversation


async def both_talk(one: Talk, other: Talk) -> None:
    """They hear each other, and go on for a second (50 packets of 20 ms)."""
    await one.hears(other)
    await other.hears(one)
    before = other.voice.packets
    await until(lambda: other.voice.packets >= before + 50)


async def one_record(company: Company, hook: Hook, conversation: str) -> dict[str, Any]:
    """The cdr event comes, and there is this one record and no other."""
    await hook.expect("cdr", conversation_id=conversation)
    listed = (await company.api.get("/v1/cdr")).json["data"]
    assert [item["id"] for item in listed] == [conversation]
    record = await company.api.cdr(conversation)
    assert (record["status"], record["cause"]) == ("ANSWERED", "NORMAL_CLEARING")
    assert record["billsec"] <= record["duration"]
    return record


async def both_are_recorded(company: Company, record: dict[str, Any], *talks: Talk) -> None:
    """Everybody who talked is heard in the recording."""
    played = await company.api.get(record["recording_url"])
    samples = tones.samples_of(played.body)
    for talk in talks:
        assert tones.longest(samples, talk.voice.hertz) > 0, talk.voice.hertz
