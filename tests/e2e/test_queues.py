"""The hotline leads to a queue: callers wait with music, in order, for the agent who has been idle
longest.
"""

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.phones import BOB_HZ, Talk, talk


async def test_a_caller_hears_music_then_the_agent(company: Company, hook: Hook) -> None:
    await company.add_queue("700", "101")
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, "0909000111")
        await customer.answered()
        ring = await alice.rings()
        await customer.hears_music()
        call_id = (await hook.expect("ringing", to_number="101", from_number="0909000111"))[
            "call_id"
        ]
        await ring.answer()
        await hook.expect("answered", call_id=call_id)
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        await hook.over(call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "ANSWERED",
            "extension": "101",
            "receive_dest": "700",
            "direction": 2,
        }


async def test_the_agent_idle_longest_is_offered_the_call(company: Company) -> None:
    await company.add_queue("700", "101", "102")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        # Neither has talked yet: the queue's own order. Then who talked longest ago.
        for expected in (alice, bob, alice, bob):
            customer = await carrier.calls(HOTLINE)
            ring = await expected.rings()
            await ring.answer()
            await customer.answered()
            await customer.hang_up()
            await ring.over()
        assert (alice.untaken, bob.untaken) == (0, 0)


async def test_callers_keep_their_positions(company: Company) -> None:
    await company.add_queue("700", "101", no_answer_delay_s=1)
    async with company.phone("101") as alice, company.carrier() as carrier:
        first = await carrier.calls(HOTLINE, "0909000111")
        await first.answered()
        ring = await alice.rings()
        second = await carrier.calls(HOTLINE, "0909000222")
        await second.answered()
        await second.hears_music()

        await ring.reject(486)
        again = await alice.rings()  # after her rest
        assert caller(again) == "0909000111", "who waited first is still first"
        await again.answer()
        await talk(again, first)
        await again.hang_up()
        await first.over()
        last = await alice.rings()
        assert caller(last) == "0909000222"
        await last.answer()
        await talk(last, second)
        await second.hang_up()
        await last.over()


async def test_the_second_agent_answers(company: Company, hook: Hook) -> None:
    await company.add_queue("700", "101", "102", ring_timeout_s=3)
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        await customer.answered()
        hers = await alice.rings()
        first = await hook.expect("ringing", to_number="101")
        await hers.cancelled()  # after 3 seconds
        his = await bob.rings()
        await hook.stopped("no_answer", first)
        second = await hook.expect(
            "ringing", to_number="102", conversation_id=first["conversation_id"]
        )
        assert first["call_id"] != second["call_id"]
        await his.answer()
        await hook.expect("answered", call_id=second["call_id"])
        await talk(his, customer)
        await his.hang_up()
        await customer.over()
        await hook.over(call_id=second["call_id"], to_number="102")
        record = await company.api.cdr(first["conversation_id"])
        assert record == record | {"status": "ANSWERED", "extension": "102", "receive_dest": "700"}
        assert await reported(company, "queue") == {"700": {"calls": 1, "answered": 1}}
        assert await reported(company, "extension") == {
            "101": {"calls": 1, "no_answer": 1},
            "102": {"calls": 1, "answered": 1},
        }


async def test_the_wait_is_over_and_it_overflows(company: Company, hook: Hook) -> None:
    await company.add_queue("700", "101", timeout_s=3, overflow="102", no_answer_delay_s=60)
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        await customer.answered()
        await (await alice.called()).reject()
        await hook.expect("ringing", to_number="101")
        await hook.expect("hangup", to_number="101")
        ring = await bob.rings()  # after 3 seconds in which no agent was free
        call_id = (await hook.expect("ringing", to_number="102"))["call_id"]
        await ring.answer()
        await talk(ring, customer)
        await hook.expect("answered", call_id=call_id)
        await customer.hang_up()
        await hook.over(call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {"status": "ANSWERED", "extension": "102", "receive_dest": "700"}


async def test_nobody_answers(company: Company, hook: Hook) -> None:
    await company.add_queue("700", "101", ring_timeout_s=3, timeout_s=3)
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        await customer.answered()
        await alice.rings()
        call_id = (await hook.expect("ringing"))["call_id"]
        await customer.over()  # after 3 seconds
        await hook.over(missed=True, call_id=call_id, billsec=0)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "NO-ANSWERED",
            "cause": "NO_ANSWER",
            "receive_dest": "700",
            "billsec": 0,
        }
        assert record["recording_url"] == ""


async def test_the_customer_gives_up(company: Company, hook: Hook) -> None:
    await company.add_queue("700", "101", no_answer_delay_s=60)
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        await customer.answered()
        await (await alice.called()).reject()
        await hook.expect("ringing", to_number="101")
        await customer.hears_music()
        await customer.hang_up()
        cdr = await hook.over(missed=True)
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {
            "status": "CANCEL",
            "cause": "ORIGINATOR_CANCEL",
            "receive_dest": "700",
        }
        assert await reported(company, "queue") == {"700": {"calls": 1, "abandoned": 1}}


async def test_the_customer_gives_up_while_an_agent_rings(company: Company, hook: Hook) -> None:
    await company.add_queue("700", "101")
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        call_id = (await hook.expect("ringing"))["call_id"]
        await customer.answered()
        await customer.hang_up()
        await ring.cancelled()
        await hook.over(missed=True, call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "CANCEL",
            "cause": "ORIGINATOR_CANCEL",
            "extension": "101",
        }


def caller(ring: Talk) -> str:
    return ring.invite.header("From").partition("sip:")[2].partition("@")[0]


async def reported(company: Company, of: str) -> dict[str, dict[str, int]]:
    """What today's calls came to, by name: their counts, where there are any."""
    counts = ("calls", "answered", "abandoned", "no_answer", "overflowed")
    lines = (await company.api.get(f"/v1/reports/{of}")).json["data"]
    return {line["name"]: {each: line[each] for each in counts if line[each]} for line in lines}
