"""Extensions dial codes: they forward, are not disturbed, open and close hotlines; and they take
calls that ring at colleagues.
"""

from typing import Any

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import BOB_HZ, CAROL_HZ, Phone, talk
from testbed.until import until
from tests.e2e.test_menus import record_of

CUSTOMER, TONE_HZ = "0909000111", 880
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


async def dials(phone: Phone, code: str) -> None:
    """The code is confirmed by its tone, and the call is over."""
    call = await phone.calls(code)
    await call.answered()
    await call.hears(TONE_HZ)
    await call.over()


async def audited(company: Company, noun: str) -> dict[str, Any]:
    """The newest change of such a thing in the audit log."""
    listed = await company.api.get("/v1/admin/audit", noun=noun)
    newest: dict[str, Any] = listed.json["data"][0]
    return newest


async def test_calls_are_forwarded_until_the_code_says_otherwise(company: Company) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        await dials(alice, "*72102")
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await bob.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        change = await audited(company, "extension")
        assert (change["actor"], change["after"]) == ("phone:101", {"forward_always": "102"})

        await dials(alice, "*73")
        customer = await carrier.calls(HOTLINE, "0909000222")
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await customer.hang_up()
        await ring.over()


async def test_who_is_not_to_be_disturbed_is_busy(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        await dials(alice, "*78")
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        assert await customer.refused() == 486
        await dials(alice, "*79")
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        await customer.cancel()
        await ring.cancelled()


async def test_nobody_forwards_where_it_may_not_call(company: Company) -> None:
    async with company.phone("101") as alice:
        refused = await alice.calls("*7200442079460000")
        assert await refused.refused() == 403
        refused = await alice.calls("*72999")
        assert await refused.refused() == 603, "no number that can be forwarded to"
        shown = await company.api.get("/v1/admin/extensions/101")
        assert shown.json["forward_always"] == ""


async def test_a_hotline_is_closed_by_a_code(company: Company) -> None:
    await company.add_hours_plan("office", weekly=("mon-sun 00:00-24:00",))
    await company.change_hotline(hours="office", closed_destination="102")
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        await dials(alice, "*282")
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await bob.rings()
        await customer.cancel()
        await ring.cancelled()
        assert (await audited(company, "hours_plan"))["after"] == {"override": "closed"}
        await dials(alice, f"*280{HOTLINE}")
        customer = await carrier.calls(HOTLINE, "0909000222")
        ring = await alice.rings()
        await customer.cancel()
        await ring.cancelled()


async def test_a_domain_has_codes_of_its_own(company: Company) -> None:
    codes = ["do_not_disturb=*60", "forward_always="]
    answer = await company.api.ask(
        "PATCH", f"/v1/admin/domains/{company.name}", {}, {"feature_codes": codes}
    )
    assert answer.status == 200, answer

    async def known() -> bool:
        route = await company.api.post("/v1/admin/route", caller="101", number="*60")
        return bool(route.json["end"]["status"] == "ANSWERED")

    await until(known)
    async with company.phone("101") as alice:
        await dials(alice, "*60")
        refused = await alice.calls("*72102")
        assert await refused.refused() == 404
    listed = (await company.api.get("/v1/admin/feature-codes")).json["data"]
    by_name = {each["feature"]: each["code"] for each in listed}
    assert (by_name["do_not_disturb"], by_name["forward_always"]) == ("*60", "")


async def test_a_colleague_takes_the_call_that_rings(company: Company, hook: Hook) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        first = await hook.expect("ringing", to_number="101", from_number=CUSTOMER)
        picked = await bob.calls("*8101")
        await picked.answered()
        await customer.answered()
        await ring.cancelled()
        [cancel] = ring.received("CANCEL")
        assert ELSEWHERE in cancel.text
        told = await hook.expect_in_any_order("hangup", "ringing", "answered")
        states = {each["state"]: each for each in told}
        assert states["hangup"]["to_number"] == "101"
        assert states["hangup"]["reason"] == "answered_elsewhere"
        assert {states[name]["to_number"] for name in ("ringing", "answered")} == {"102"}
        await talk(picked, customer, seconds=3)
        await customer.hang_up()
        await picked.over()
        await hook.expect("hangup", to_number="102", from_number=CUSTOMER)
        await hook.expect("cdr", conversation_id=first["conversation_id"])
    record = await record_of(company, CUSTOMER)
    assert (record["status"], record["extension"]) == ("ANSWERED", "102")
    assert len(await company.found()) == 1, "the pick-up is no call of its own"


async def test_a_call_of_the_group_is_taken_by_one_who_does_not_ring(company: Company) -> None:
    """103 shares a queue with 102, whose group rings; both members stop."""
    await company.add_ring_group("600", "101", "102")
    await company.add_queue("700", "102", "103")
    await company.point_hotline("600")
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.phone("103", hertz=CAROL_HZ) as carol,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        rings = [await alice.rings(), await bob.rings()]
        picked = await carol.calls("*8")
        await picked.answered()
        await customer.answered()
        for ring in rings:
            await ring.cancelled()
            assert ELSEWHERE in ring.received("CANCEL")[0].text
        await talk(picked, customer)
        await picked.hang_up()
        await customer.over()
    record = await record_of(company, CUSTOMER)
    assert (record["extension"], record["hangup_by"]) == ("103", "callee")


async def test_nothing_rings_that_could_be_taken(company: Company) -> None:
    async with company.phone("102") as bob:
        refused = await bob.calls("*8101")
        assert await refused.refused() == 480


async def test_a_call_that_was_taken_outlives_the_engine(company: Company, pbx: Instance) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        picked = await bob.calls("*8101")
        await picked.answered()
        await customer.answered()
        await ring.cancelled()
        await pbx.kill()
        await talk(picked, customer)
        await customer.hang_up()
        await picked.over()
        await pbx.start()
    record = await record_of(company, CUSTOMER)
    assert (record["status"], record["extension"], record["hangup_by"]) == (
        "ANSWERED", "102", "caller",
    )  # fmt: skip
    assert len(await company.found()) == 1
