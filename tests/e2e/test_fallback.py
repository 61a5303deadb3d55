"""Calls that come while no engine answers: the fallback plan says where they go, and all of it is
published and recorded afterwards.
"""

import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

from testbed.company import HOTLINE, Company, Office
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import BOB_HZ, talk
from testbed.until import until

STRANGER, CUSTOMER = "0909000333", "0909000111"


async def test_calls_while_the_controller_is_dead(
    company: Company, hook: Hook, pbx: Instance
) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        await pbx.kill()
        customer = await carrier.calls(HOTLINE, STRANGER)
        ring = await alice.rings()
        await customer.ringing()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer, seconds=1.2)
        inside = await bob.calls("101")
        second = await alice.rings()
        await second.reject(486)
        assert await inside.refused() == 486
        nobody = await carrier.calls("19009999", STRANGER)
        assert await nobody.refused() == 503, "nobody knows where to go with it"
        await ring.hang_up()
        await customer.over()

        await pbx.start()
        who: dict[str, Any] = {
            "from_number": STRANGER,
            "to_number": "101",
            "hotline": HOTLINE,
            "domain": company.name,
        }
        told = await hook.expect_in_any_order(
            *(2 * ["ringing"]), "answered", *(2 * ["hangup"]), *(2 * ["cdr"])
        )
        mine = [event for event in told if event.items() >= who.items()]
        assert [event["state"] for event in mine] == ["answered", "cdr", "hangup", "ringing"]
        record = await company.api.cdr(mine[0]["call_id"])
        assert record == record | {
            "status": "ANSWERED",
            "hangup_by": "callee",
            "recording_status": "ready",
        }
        assert record["duration"] >= record["billsec"] >= 1
        found = (await company.api.get("/v1/cdr")).json
        statuses = {(cdr["direction"], cdr["status"]) for cdr in found["data"]}
        assert statuses == {(1, "BUSY"), (2, "ANSWERED")}, "what is nobody's is in no company"
        assert len(found["data"]) == 2


async def test_calls_that_nobody_answers_once_the_controller_is_dead(
    company: Company, pbx: Instance
) -> None:
    """It dies after it has routed them. The dialplan releases the callers, and the records are
    as if it had lived.
    """
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.phone("103") as carol,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, STRANGER)
        ring = await alice.rings()
        await customer.ringing()
        called = []
        for phone, number in ((bob, CUSTOMER), (carol, "0909000222")):
            called.append((await phone.calls(number), await carrier.called()))
        (bobs, unreachable), (carols, silent) = called
        await pbx.kill()
        await unreachable.reject(480)
        assert await bobs.refused() == 480
        await silent.ring()
        await carols.ringing()
        await silent.reject(480)
        assert await carols.refused() == 480
        await ring.cancelled()
        assert await customer.refused() == 480

        await pbx.start()

        async def all_of_them() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = (await company.api.get("/v1/cdr")).json["data"]
            return found if len(found) == 3 else []

        found = {record["extension"]: record for record in await until(all_of_them)}
        assert {number: (each["status"], each["cause"]) for number, each in found.items()} == {
            "101": ("NO-ANSWERED", "NO_ANSWER"),
            "102": ("NOT-AVAILABLE", "SUBSCRIBER_ABSENT"),
            "103": ("NO-ANSWERED", "NO_ANSWER"),
        }
        assert {each["hangup_by"] for each in found.values()} == {"system"}


async def test_calls_while_the_controller_is_frozen(
    company: Company, hook: Hook, pbx: Instance
) -> None:
    """The switch does not notice: it believes that somebody listens."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        os.kill(pbx.pid, signal.SIGSTOP)
        try:
            customer = await carrier.calls(HOTLINE, STRANGER)
            ring = await alice.rings()
            await customer.ringing()
            await ring.answer()
            await customer.answered()
            await talk(ring, customer)
        finally:
            os.kill(pbx.pid, signal.SIGCONT)
        call_id = (await hook.expect("ringing", to_number="101", from_number=STRANGER))["call_id"]
        await hook.expect("answered", call_id=call_id)
        await customer.hang_up()
        await ring.over()
        await hook.over(call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {"status": "ANSWERED", "hangup_by": "caller"}
        asked = datetime.fromisoformat(record["time_answered"]) - datetime.fromisoformat(
            record["time_started"]
        )
        assert asked.total_seconds() >= 2, "it began when the customer called, not when we came to"


async def test_phones_call_help_the_country_and_groups_while_the_controller_is_dead(
    company: Company, office: Office, pbx: Instance
) -> None:
    await company.add_queue("700", "101")
    await company.add_ring_group("600", "101", "102")
    await company.add_ring_group("601", "103")
    await company.point_hotline("101")
    await office.has_fallback(f"number/{company.name}/600", "102")
    await office.has_fallback(f"number/{company.name}/601", "103")
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        await pbx.kill()
        call = await alice.calls("113")
        help_ = await carrier.rings()
        assert help_.invite.start.startswith("INVITE sip:113@")
        assert f"<sip:{HOTLINE}@" in help_.invite.header("From")
        await help_.answer()
        await call.answered()
        await talk(help_, call, seconds=1.2)
        await call.hang_up()
        await help_.over()
        call = await alice.calls("0909000333")
        customer = await carrier.rings()
        assert customer.invite.start.startswith("INVITE sip:0909000333@")
        await customer.reject(486)
        assert await call.refused() == 486
        for number in ("600", "700"):
            call = await bob.calls(number)
            ring = await alice.rings()
            await ring.answer()
            await call.answered()
            await talk(ring, call)
            await call.hang_up()
            await ring.over()
        call = await alice.calls("601")
        assert await call.refused() == 480, "nobody is there"
        barred = ("00441234567890", "19001234", "019001234", "118", "1%26PJSIP%2F113")
        hostile = ("1%29%3A0%3A1,PJSIP", "0909000333,90,g")
        calls = [await alice.calls(number) for number in (*barred, *hostile)]
        assert [await call.refused() for call in calls] == 7 * [503]
        call = await alice.calls("103")
        assert await call.refused() == 480, "it is not registered"
        assert (carrier.untaken, bob.untaken) == (0, 0)

        await pbx.start()
        found = await records(company, 13)
        assert found == sorted(
            [
                (1, "101", "1&PJSIP/113", "CONGESTION", "101", ""),
                (1, "101", "1-:0:1,PJSIP", "CONGESTION", "101", ""),
                (1, "101", "0909000333,90,g", "CONGESTION", "101", ""),
                (1, "101", "103", "NOT-AVAILABLE", "101", ""),
                (1, "101", "601", "NOT-AVAILABLE", "101", "601"),
                (1, "102", "600", "ANSWERED", "102", "600"),
                (1, "102", "700", "ANSWERED", "102", "700"),
                (3, "101", "00441234567890", "CONGESTION", "101", ""),
                (3, "101", "019001234", "CONGESTION", "101", ""),
                (3, "101", "19001234", "CONGESTION", "101", ""),
                (3, HOTLINE, "118", "CONGESTION", "101", ""),
                (3, HOTLINE, "0909000333", "BUSY", "101", ""),
                (3, HOTLINE, "113", "ANSWERED", "101", ""),
            ]
        )


async def test_limits_hold_while_the_controller_is_dead(
    company: Company, office: Office, pbx: Instance
) -> None:
    small, counted = await office.company(), await office.company()
    await company.suspend("101", datetime.now(UTC) + timedelta(hours=1))
    await company.change_extension("102", max_calls=1)
    await company.change_trunk(max_calls=2)
    await small.change(max_calls=1)
    await counted.change(minutes_per_day=60)
    await office.has_fallback(f"exit/{company.name}/101", ",2,100,2")
    await office.has_fallback(f"exit/{company.name}/102", ",0,1,100,2")
    await office.has_fallback(f"exit/{small.name}", ",0,2,1,100")
    await office.has_fallback(f"exit/{counted.name}", ",,,,84,")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.phone("103") as carol,
        company.carrier() as carrier,
        small.phone("101") as first,
        small.phone("102") as second,
        small.carrier() as another,
        counted.phone("101") as third,
        counted.carrier() as yet_another,
    ):
        await pbx.kill()
        going = [
            await bob.calls(CUSTOMER),
            await carol.calls(CUSTOMER),
            await first.calls(CUSTOMER),
        ]
        rings = [await called.rings() for called in (carrier, carrier, another)]
        stopped = [await phone.calls(CUSTOMER) for phone in (alice, bob, carol, second, third)]
        assert [await call.refused() for call in stopped] == 5 * [503], (
            "suspended; extension; trunk; domain; minutes"
        )
        for phone, called in (
            (alice, carrier),
            (bob, carrier),
            (second, another),
            (third, yet_another),
        ):
            call = await phone.calls("113")
            help_ = await called.rings()
            await call.cancel()
            await help_.cancelled()
        await going[0].cancel()
        await rings[0].cancelled()
        call = await carol.calls(CUSTOMER)
        await carrier.rings()
        assert (carrier.untaken, another.untaken, yet_another.untaken) == (0, 0, 0)
        for each in (*going[1:], call):
            await each.cancel()
        await pbx.start()
        statuses = sorted(status for *_, status, _, _ in await records(company, 8))
        assert statuses == [*(5 * ["CANCEL"]), *(3 * ["CONGESTION"])]


async def test_calls_out_of_another_country_while_the_controller_is_dead(
    office: Office, pbx: Instance
) -> None:
    """Its own numbers and its own emergency numbers go out, as the carrier wants them."""
    british, american = await office.company(), await office.company()
    for company, country_code, hotline in (
        (british, "44", "02079460000"),
        (american, "1", "2125550199"),
    ):
        await company.remove_hotline(HOTLINE)
        await company.change(country_code=country_code)
        await company.add_hotline(hotline, company.trunk, destination="101", is_default=True)
    await british.change_trunk(number_format="e164")
    await office.has_fallback(f"exit/{british.name}", ",44,44-e164,")
    await office.has_fallback(f"exit/{american.name}", ",1,1-national,")
    async with (
        british.phone("101") as first,
        british.carrier() as london,
        american.phone("101") as second,
        american.carrier() as new_york,
    ):
        await pbx.kill()
        for phone, carrier, dialled, wanted in (
            (first, london, "02079460123", "+442079460123"),
            (first, london, "999", "999"),
            (second, new_york, "2125550100", "2125550100"),
            (second, new_york, "911", "911"),
        ):
            call = await phone.calls(dialled)
            called = await carrier.rings()
            assert called.invite.start.startswith(f"INVITE sip:{wanted}@"), called.invite.start
            await call.cancel()
            await called.cancelled()
        barred = {
            first: ("09061234567", "07012345678", "113", "00441234567890"),
            second: ("9002345678", "18765550100", "8765550100", "113", "0909000333"),
        }
        for phone, numbers in barred.items():
            for number in numbers:
                call = await phone.calls(number)
                assert await call.refused() == 503, number
        assert (london.untaken, new_york.untaken) == (0, 0)
        await pbx.start()


async def test_a_transfer_while_the_controller_is_dead(company: Company, pbx: Instance) -> None:
    """The record is of the whole call, and of nobody else's end."""
    await company.add_ring_group("600", "102")
    await company.point_hotline("101")
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, STRANGER)
        first = await alice.rings()
        await first.answer()
        await customer.answered()
        await talk(first, customer, seconds=1)
        await pbx.kill()
        await first.refer(f"<sip:600@{company.name}>")
        second = await bob.rings()
        assert f"<sip:{STRANGER}@" in second.invite.header("From")
        await second.answer()
        await talk(second, customer, seconds=2)
        await second.refer(f"<sip:0044123456789@{company.name}>")
        await customer.over()

        await pbx.start()
        assert await records(company, 1) == [(2, STRANGER, HOTLINE, "ANSWERED", "101", "600")]
        await until(company.is_quiet, 15)
        told = (await company.api.get("/v1/event/feed")).json["data"]
        assert (
            sorted(event["event"] for event in told)
            == ["answered"] * 2 + ["cdr"] + ["hangup"] * 2 + ["missed"] + ["ringing"] * 2
        ), "the last transfer led nowhere"
        (record,) = (await company.api.get("/v1/cdr")).json["data"]
        assert record == record | {"hangup_by": "system", "recording_status": "ready"}
        assert record["billsec"] >= 3


async def test_a_transfer_while_the_controller_is_frozen(
    company: Company, hook: Hook, pbx: Instance
) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, STRANGER)
        first = await alice.rings()
        await first.answer()
        await customer.answered()
        call_id = (await hook.expect("ringing"))["call_id"]
        await hook.expect("answered")
        os.kill(pbx.pid, signal.SIGSTOP)
        try:
            await first.refer(f"<sip:0909000444@{company.name}>")
            outside = await carrier.rings()
            await outside.answer()
            await talk(outside, customer)
        finally:
            os.kill(pbx.pid, signal.SIGCONT)
        _, over, ringing = await hook.expect_in_any_order("answered", "hangup", "ringing")
        assert (over["call_id"], ringing["to_number"]) == (call_id, "0909000444")
        await outside.hang_up()
        await customer.over()
        await hook.expect("hangup", call_id=ringing["call_id"])
        await hook.expect("cdr", call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "ANSWERED",
            "from_number": STRANGER,
            "to_number": HOTLINE,
        }
        assert len(await records(company, 1)) == 1


async def records(company: Company, count: int) -> list[tuple[Any, ...]]:
    """The records, sorted, once there are so many."""

    async def found() -> list[dict[str, Any]] | None:
        listed: list[dict[str, Any]] = (await company.api.get("/v1/cdr", limit=50)).json["data"]
        return listed if len(listed) >= count else None

    fields = ("direction", "from_number", "to_number", "status", "extension", "receive_dest")
    return sorted(tuple(cdr[field] for field in fields) for cdr in await until(found, 15))
