"""The hotline rings a group: all together, in turn, or in turn from where the last call
stopped.
"""

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.phones import BOB_HZ, talk


async def test_all_ring_and_the_second_answers(company: Company, hook: Hook) -> None:
    await company.add_ring_group("600", "101", "102")
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, "0909000111")
        hers, his = await alice.rings(), await bob.rings()
        rung = await hook.expect_in_any_order("ringing", "ringing")
        by_number = {event["to_number"]: event for event in rung}
        assert {event["from_number"] for event in rung} == {"0909000111"}
        assert by_number["101"]["sip_call_id"] == hers.sip_call_id
        assert by_number["102"]["sip_call_id"] == his.sip_call_id
        assert by_number["101"]["call_id"] != by_number["102"]["call_id"]
        (conversation,) = {event["conversation_id"] for event in rung}

        await his.answer()
        await hers.cancelled()
        await customer.answered()
        bobs = {
            "call_id": by_number["102"]["call_id"],
            "conversation_id": conversation,
            "to_number": "102",
        }
        # Asterisk may tell of the phone that it stops before it tells of the answer
        answered, lost = await hook.expect_in_any_order("answered", "hangup")
        assert answered == answered | bobs
        assert lost == lost | {
            "call_id": by_number["101"]["call_id"],
            "reason": "answered_elsewhere",
            "billsec": 0,
            "status": "NO-ANSWERED",
            "cause": "LOSE_RACE",
            "hangup_by": "system",
            "extension": "101",
            "time_answered": "",
            "sip_hangup_disposition": "send_cancel",
        }
        await talk(his, customer)
        await customer.hang_up()
        await his.over()
        cdr = await hook.over(**bobs)
        assert cdr == cdr | {"status": "ANSWERED", "hangup_by": "caller", "receive_dest": "600"}

        record = await company.api.cdr(conversation)
        assert record == record | {"status": "ANSWERED", "extension": "102", "receive_dest": "600"}
        assert record["sip_call_id"] == his.sip_call_id
        for known_as in (*(event["call_id"] for event in rung), hers.sip_call_id, his.sip_call_id):
            assert await company.api.cdr(known_as) == record


async def test_with_one_id_for_the_conversation_there_is_one_of_each_event(
    company: Company, hook: Hook
) -> None:
    await company.change(call_id_mode="conversation")
    await company.add_ring_group("600", "101", "102")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        await alice.rings()
        ring = await bob.rings()
        rung = await hook.expect_in_any_order("ringing", "ringing")
        (call_id,) = {event["call_id"] for event in rung}
        await ring.answer()
        await customer.answered()
        await hook.expect("answered", call_id=call_id, to_number="102")
        await customer.hang_up()
        await hook.over(call_id=call_id)


async def test_a_domain_that_counts_hangups_gets_one(company: Company, hook: Hook) -> None:
    await company.change(ringing_hangups=False)
    await company.add_ring_group("600", "101", "102")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        hers, his = await alice.rings(), await bob.rings()
        await hook.expect_in_any_order("ringing", "ringing")
        await his.answer()
        await hers.cancelled()
        await customer.answered()
        answered = await hook.expect("answered", to_number="102")
        await customer.hang_up()
        await hook.over(call_id=answered["call_id"])


async def test_they_ring_in_turn_and_the_second_answers(company: Company, hook: Hook) -> None:
    await company.add_ring_group("600", "101", "102", strategy="sequential", ring_timeout_s=3)
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        hers = await alice.rings()
        first = await hook.expect("ringing", to_number="101")
        assert bob.untaken == 0
        await hers.cancelled()  # after 3 seconds
        his = await bob.rings()
        await hook.stopped("no_answer", first)
        second = await hook.expect(
            "ringing", to_number="102", conversation_id=first["conversation_id"]
        )
        assert alice.untaken == 0
        await his.answer()
        await customer.answered()
        await talk(his, customer)
        await hook.expect("answered", call_id=second["call_id"])
        await his.hang_up()
        await customer.over()
        await hook.over(call_id=second["call_id"])
        record = await company.api.cdr(first["conversation_id"])
        assert record == record | {"status": "ANSWERED", "extension": "102", "receive_dest": "600"}


async def test_a_round_robin_begins_with_the_next_each_time(company: Company) -> None:
    await company.add_ring_group("600", "101", "102", "103", strategy="round_robin")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.phone("103") as carol,
        company.carrier() as carrier,
    ):
        for expected in (alice, bob, carol, alice):
            customer = await carrier.calls(HOTLINE)
            ring = await expected.rings()
            assert [phone.untaken for phone in (alice, bob, carol)] == [0, 0, 0]
            await customer.ringing()
            await customer.cancel()
            await ring.cancelled()


async def test_busy_members_are_passed_over(company: Company, hook: Hook) -> None:
    await company.add_ring_group("600", "101", "102", strategy="sequential")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        await (await alice.called()).reject(486)
        ring = await bob.rings()
        first = await hook.expect("ringing", to_number="101")
        await hook.stopped("busy", first)
        second = await hook.expect("ringing", to_number="102")
        await ring.answer()
        await customer.answered()
        await hook.expect("answered", call_id=second["call_id"])
        await customer.hang_up()
        await hook.over(call_id=second["call_id"])


async def test_nobody_answers_and_it_overflows(company: Company, hook: Hook) -> None:
    await company.add_ring_group("600", "101", "102", timeout_s=3, overflow="103")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.phone("103") as carol,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        hers, his = await alice.rings(), await bob.rings()
        rung = await hook.expect_in_any_order("ringing", "ringing")
        await hers.cancelled()  # after 3 seconds
        await his.cancelled()
        ring = await carol.rings()
        await hook.stopped("no_answer", *rung)
        last = await hook.expect("ringing", to_number="103")
        await ring.answer()
        await customer.answered()
        await hook.expect("answered", call_id=last["call_id"])
        await customer.hang_up()
        await hook.over(call_id=last["call_id"])
        record = await company.api.cdr(last["conversation_id"])
        assert record == record | {"status": "ANSWERED", "extension": "103", "receive_dest": "600"}


async def test_nobody_answers(company: Company, hook: Hook) -> None:
    await company.add_ring_group("600", "101", "102", timeout_s=3)
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        await alice.rings()
        await bob.rings()
        rung = await hook.expect_in_any_order("ringing", "ringing")
        assert await customer.refused() == 480
        await hook.stopped("no_answer", *rung)
        cdr = await hook.recorded(missed=True)
        first = next(event for event in rung if event["call_id"] == event["conversation_id"])
        assert cdr["call_id"] == first["call_id"]
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {
            "status": "NO-ANSWERED",
            "cause": "NO_ANSWER",
            "receive_dest": "600",
        }


async def test_the_customer_gives_up(company: Company, hook: Hook) -> None:
    await company.add_ring_group("600", "101", "102")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        rings = [await alice.rings(), await bob.rings()]
        rung = await hook.expect_in_any_order("ringing", "ringing")
        await customer.ringing()
        await customer.cancel()
        for ring in rings:
            await ring.cancelled()
        await hook.stopped("caller_gave_up", *rung)
        cdr = await hook.recorded(missed=True)
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {
            "status": "CANCEL",
            "cause": "ORIGINATOR_CANCEL",
            "receive_dest": "600",
        }


async def test_nobody_is_registered(company: Company, hook: Hook) -> None:
    await company.add_ring_group("600", "101", "102")
    async with company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        assert await customer.refused() == 480
        cdr = await hook.over(missed=True)
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {
            "status": "NOT-AVAILABLE",
            "cause": "SUBSCRIBER_ABSENT",
            "receive_dest": "600",
        }


async def test_an_agent_picks_up_and_drops(company: Company, hook: Hook) -> None:
    """It was answered, and the agent hung up: everybody is told so, and nobody rings on."""
    await company.add_ring_group("600", "101", "102")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        picked, other = await alice.rings(), await bob.rings()
        rung = await hook.expect_in_any_order("ringing", "ringing")
        by_number = {event["to_number"]: event for event in rung}
        await picked.answer()
        await picked.hang_up()
        await other.cancelled()
        await customer.over()
        events = await hook.expect_in_any_order("answered", "cdr", "hangup", "hangup")
        answered, cdr, *hangups = events
        mine = by_number["101"]["call_id"]
        assert answered["call_id"] == cdr["call_id"] == mine
        told = {each["call_id"]: (each["hangup_by"], each["reason"]) for each in hangups}
        lost = by_number["102"]["call_id"]
        assert told[mine] == ("callee", "")
        assert told[lost][1] == "answered_elsewhere"
    record = await company.api.cdr(cdr["call_id"])
    wanted = {"status": "ANSWERED", "extension": "101", "hangup_by": "callee"}
    assert record == record | wanted
    assert record["billsec"] <= 1
