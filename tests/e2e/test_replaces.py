"""INVITE and REFER with Replaces (RFC 3891): a party takes another's place in a talk. It is seen,
counted, recorded and billed; across domains it ends the talk.
"""

from datetime import UTC, datetime
from typing import Any

from testbed import samples
from testbed.company import HOTLINE, Company, Office
from testbed.hooks import Hook
from testbed.phones import BOB_HZ, CAROL_HZ, Phone, Talk
from testbed.phones import talk as both_talk
from tests.e2e.test_transfer import answered_inbound, both_are_recorded
from tongdai.store import cdrs

CUSTOMER = "0909000333"


async def test_a_phone_that_replaces_its_own_call_out_pays_for_all_of_it(
    company: Company, hook: Hook
) -> None:
    await company.change_extension("101", max_calls=1)
    async with company.phone("101") as alice, company.carrier() as carrier:
        first, customer, conversation = await answered_outbound(alice, carrier, hook)
        second = await replaces(alice, first)
        await first.over()
        await hook.expect("hangup", call_id=conversation)
        ringing = await hook.expect("ringing", conversation_id=conversation, from_number="101")
        await hook.expect("answered", call_id=ringing["call_id"])
        refused = await alice.calls("0909000444")
        assert await refused.refused() == 486, "it talks still"
        await hook.expect("ringing", to_number="0909000444")
        await hook.over(to_number="0909000444")
        await both_talk(second, customer, 4)

        await customer.hang_up()
        await hook.expect("hangup", call_id=ringing["call_id"])
        await hook.expect("cdr", conversation_id=conversation)
        record = await company.api.cdr(conversation)
        assert (record["status"], record["hangup_by"]) == ("ANSWERED", "callee")
        assert record["billsec"] >= 5
        assert await company.api.cdr(second.sip_call_id) == record
        await both_are_recorded(company, record, first, second, customer)


async def test_the_minutes_of_the_day_count_what_follows_a_replaced_dialog(
    company: Company, office: Office
) -> None:
    await company.change(minutes_per_day=1)
    now = datetime.now(UTC)
    async with office.database.transaction() as tx:
        earlier = samples.record(company.uuid, time_started=now, time_ended=now, seconds_out=56)
        await cdrs.insert_many(tx, [earlier])
    async with company.phone("101") as alice, company.carrier() as carrier:
        first = await alice.calls(CUSTOMER)
        customer = await carrier.rings()
        await customer.answer()
        await first.answered()
        second = await replaces(alice, first)
        await first.over()
        await both_talk(second, customer, 4)
        refused = await alice.calls(CUSTOMER)
        assert await refused.refused() == 503, "while it goes on"
        await second.hang_up()
        await customer.over()
        refused = await alice.calls(CUSTOMER)
        assert await refused.refused() == 503
        assert carrier.untaken == 0


async def test_a_colleague_picks_up_a_talk(company: Company, hook: Hook) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)
        picked = await replaces(bob, talk)
        await talk.over()
        await hook.expect("hangup", call_id=conversation, to_number="101")
        ringing = await hook.expect("ringing", conversation_id=conversation, to_number="102")
        await hook.expect("answered", call_id=ringing["call_id"], to_number="102")
        await both_talk(picked, customer, 3)

        await customer.hang_up()
        await hook.expect("hangup", call_id=ringing["call_id"], to_number="102")
        await hook.expect("cdr", conversation_id=conversation)
        record = await company.api.cdr(conversation)
        assert (record["extension"], record["hangup_by"]) == ("101", "caller")
        assert record["billsec"] >= 4
        await both_are_recorded(company, record, talk, picked, customer)


async def test_the_one_who_picked_up_transfers(company: Company, hook: Hook) -> None:
    """Its REFER is of the same call, though its phone never dialled anything."""
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.phone("103", hertz=CAROL_HZ) as carol,
        company.carrier() as carrier,
    ):
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)
        picked = await replaces(bob, talk)
        await hook.expect("hangup", call_id=conversation)
        await hook.expect("ringing", conversation_id=conversation, to_number="102")
        await hook.expect("answered", conversation_id=conversation, to_number="102")
        await picked.refer(f"<sip:103@{company.name}>")
        with_carol = await carol.rings()
        await with_carol.answer()
        await both_talk(with_carol, customer)
        await hook.expect_in_any_order("ringing", "answered", "hangup")
        await customer.hang_up()
        await hook.expect("hangup", conversation_id=conversation, to_number="103")
        await hook.expect("cdr", conversation_id=conversation)
        record = await company.api.cdr(conversation)
        await both_are_recorded(company, record, talk, with_carol, customer)


async def test_a_phone_picks_up_while_the_other_rings(company: Company, hook: Hook) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await hook.expect("ringing", to_number="101")
        await customer.ringing()
        picked = await replaces(bob, ring)
        await ring.cancelled()
        await customer.answered()
        await both_talk(picked, customer, 2)
        await customer.hang_up()
        await hook.expect_in_any_order("answered", "hangup", "hangup", "cdr", "ringing")
        (record,) = (await company.api.get("/v1/cdr")).json["data"]
        assert (record["status"], record["extension"]) == ("ANSWERED", "102")
        assert record["billsec"] >= 2


async def test_a_dialog_of_another_domain_is_not_replaced(
    company: Company, hook: Hook, office: Office
) -> None:
    """Asterisk joins them before we are asked: it is ended at once, and both records say so."""
    other = await office.company()
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)
        async with other.phone("102", hertz=BOB_HZ) as thief:
            stolen = await replaces(thief, talk)
            await stolen.over()
        await customer.over()
        await talk.over()
        await hook.over(conversation_id=conversation)
        record = await company.api.cdr(conversation)
        assert (record["status"], record["cause"]) == ("ANSWERED", "CALL_REJECTED")
        assert record["hangup_by"] == "system"
        own = await one_record(other)
        assert (own["status"], own["cause"]) == ("INVALID", "CALL_REJECTED")
        assert (own["from_number"], own["extension"]) == ("102", "102")
        assert own["billsec"] == 0


async def test_a_ringing_dialog_that_another_domain_replaces_is_missed(
    company: Company, hook: Hook, office: Office
) -> None:
    """Asterisk has ended its ringing before we are asked: the call cannot ring on. The company
    learns that nobody has talked with the customer, and the other one gets no more than a refusal.
    """
    other = await office.company()
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        ringing = await hook.expect("ringing", to_number="101")
        await customer.ringing()
        async with other.phone("102", hertz=BOB_HZ) as thief:
            stolen = await replaces(thief, ring)
            await stolen.over()
        await ring.cancelled()
        await customer.over()
        told = await hook.expect_in_any_order("hangup", "missed", "cdr")
        assert {event["call_id"] for event in told} == {ringing["call_id"]}
        assert {event["billsec"] for event in told} == {0}
        record = await one_record(company)
        assert (record["status"], record["cause"]) == ("INVALID", "CALL_REJECTED")
        assert (record["hangup_by"], record["billsec"]) == ("system", 0)
        own = await one_record(other)
        assert (own["status"], own["cause"]) == ("INVALID", "CALL_REJECTED")
        assert (own["from_number"], own["billsec"]) == ("102", 0)


async def test_a_transfer_to_a_dialog_of_another_domain_ends_both(
    company: Company, hook: Hook, office: Office
) -> None:
    other = await office.company()
    async with (
        company.phone("101") as alice,
        company.carrier() as carrier,
        other.phone("101", hertz=BOB_HZ) as bob,
        other.carrier() as carrier_of_other,
    ):
        customer, talk, conversation = await answered_inbound(alice, carrier, hook)
        theirs = await carrier_of_other.calls(HOTLINE)
        with_bob = await bob.rings()
        await with_bob.answer()
        await theirs.answered()
        await both_talk(with_bob, theirs, 1)

        await talk.refer(f"<sip:101@{company.name}?Replaces={with_bob.replaces}>")
        await customer.over()
        await theirs.over()
        await hook.over(conversation_id=conversation)
        for record in (await company.api.cdr(conversation), await one_record(other)):
            assert (record["status"], record["cause"]) == ("ANSWERED", "CALL_REJECTED")
            assert record["hangup_by"] == "system"
            assert record["billsec"] >= 1


async def answered_outbound(alice: Phone, carrier: Any, hook: Hook) -> tuple[Talk, Talk, str]:
    """Alice's side, the customer's side, and the call's id."""
    talk = await alice.calls(CUSTOMER)
    customer = await carrier.rings()
    conversation = (await hook.expect("ringing", direction="outbound"))["call_id"]
    await customer.answer()
    await talk.answered()
    await hook.expect("answered", call_id=conversation)
    await both_talk(talk, customer)
    return talk, customer, conversation


async def replaces(phone: Phone, talk: Talk) -> Talk:
    """The phone takes the place of that dialog."""
    headers = f"\r\nReplaces: {talk.replaced_by}\r\nRequire: replaces"
    taken = await phone.calls("101", headers=headers)
    await taken.answered()
    return taken


async def one_record(company: Company) -> dict[str, Any]:
    (record,) = (await company.api.get("/v1/cdr")).json["data"]
    found: dict[str, Any] = await company.api.cdr(record["id"])
    return found
