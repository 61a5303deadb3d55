"""Click-to-call as the reference tells it: the extension, then the customer; and every way in
which it can fail.
"""

import asyncio
from typing import Any

import pytest

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.phones import BOB_HZ, talk
from testbed.until import until
from tests.e2e.test_outbound import OUTCOMES, Outcome

CUSTOMER = "0909000111"


async def test_what_both_phones_show_by_default(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        await company.api.click("101", CUSTOMER)
        ring = await alice.rings()
        assert ring.invite.header("From").startswith('"Click2Call" <sip:101@')
        assert "Answer-Mode" not in ring.invite.text
        await ring.answer()
        customer = await carrier.called()
        assert customer.invite.header("From").startswith(f"<sip:{HOTLINE}@")
        assert customer.invite.header("P-Asserted-Identity").startswith(f"<sip:{HOTLINE}@")


async def test_every_parameter_is_on_the_wire(company: Company, hook: Hook) -> None:
    await company.add_hotline("02873001234", company.trunk)
    async with company.phone("101") as alice, company.carrier() as carrier:
        clicked = await company.api.click(
            "101",
            "+84 909 000 111",
            src_cid_name="Nguyễn Văn An",
            src_cid_number="0912345678",
            dest_cid_name="Cong ty ABC",
            dest_cid_number="02873001234",
            auto_answer="true",
            hotline="02873001234",
            customer_id="crm-42",
        )
        assert clicked.status == 200, clicked
        ring = await alice.rings()
        assert ring.invite.header("From").startswith('"Nguyễn Văn An" <sip:0912345678@')
        assert ring.invite.header("Answer-Mode") == "Auto"
        assert "answer-after=0" in ring.invite.header("Call-Info")
        assert "alert-autoanswer" in ring.invite.header("Alert-Info")
        await hook.expect(
            "ringing", customer_id="crm-42", hotline="02873001234", from_number="101"
        )
        await ring.answer()
        customer = await carrier.rings()
        assert customer.invite.start.startswith(f"INVITE sip:{CUSTOMER}@")
        assert customer.invite.header("From").startswith('"Cong ty ABC" <sip:02873001234@')
        await customer.answer()
        await hook.expect("answered")
        await customer.hang_up()
        cdr = await hook.over(customer_id="crm-42", hotline="02873001234")
        record = await company.api.cdr(cdr["call_id"])
        assert record == record | {
            "from_number": "02873001234",
            "customer_id": "crm-42",
            "status": "ANSWERED",
        }


async def test_no_number_but_the_companys_own_goes_out(company: Company, hook: Hook) -> None:
    """A foreign dest_cid_number gives way to the hotline, and a hotline asked for to be shown is
    the one called by.
    """
    await company.add_hotline("02873001234", company.trunk)
    async with company.phone("101") as alice, company.carrier() as carrier:
        for asked, shown in (("0911222333", HOTLINE), ("+842873001234", "02873001234")):
            clicked = await company.api.click("101", CUSTOMER, dest_cid_number=asked)
            await (await alice.rings()).answer()
            customer = await carrier.called()
            assert "0911222333" not in customer.invite.text
            assert customer.invite.header("From").startswith(f"<sip:{shown}@")
            await customer.reject()
            await hook.expect("ringing", hotline=shown)
            await hook.over(call_id=clicked.json["call_id"], hotline=shown)
            assert (await company.api.cdr(clicked.json["call_id"]))["from_number"] == shown


async def test_an_unregistered_extension(company: Company, hook: Hook) -> None:
    clicked = await company.api.click("101", CUSTOMER)
    assert (clicked.status, clicked.json["status"], clicked.json["error"]) == (
        409,
        "fail",
        "USER_NOT_REGISTERED",
    )
    assert (await company.api.get("/v1/cdr")).json["data"] == []


async def test_a_phone_that_signed_off_is_rung_no_more(company: Company) -> None:
    """Though it was known a moment ago."""
    # the same request again would mean the same call
    numbers = (f"09090002{n:02d}" for n in range(100))
    async with company.phone("101") as alice:
        for _ in range(2):
            await company.api.click("101", next(numbers))
            await (await alice.called()).reject(486)
        assert await alice.register(expires_s=0)

        async def refused() -> Any:
            clicked = await company.api.click("101", next(numbers))
            return clicked.json if clicked.status != 200 else None

        assert (await until(refused))["error"] == "USER_NOT_REGISTERED"
        assert await alice.register()
        await company.api.click("101", next(numbers))
        await (await alice.called()).reject(486)


@pytest.mark.parametrize(
    ("code", "cause", "error"),
    [(486, "USER_BUSY", "USER_BUSY"), (603, "CALL_REJECTED", "USER_REJECTED")],
)
async def test_an_extension_that_does_not_want(
    company: Company, hook: Hook, code: Any, cause: str, error: str
) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        clicked = await company.api.click("101", CUSTOMER)
        assert clicked.json["status"] == "success", "its phone has been asked to ring"
        call_id = clicked.json["call_id"]
        await (await alice.called()).reject(code)
        await hook.expect("ringing", call_id=call_id)
        await hook.over(call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "INVALID",
            "cause": cause,
            "extension": "101",
            "to_number": CUSTOMER,
        }

        waiting = asyncio.create_task(company.api.click("101", CUSTOMER, wait="answer"))
        await (await alice.called()).reject(code)
        refused = await waiting
        assert (refused.status, refused.json["error"]) == (409, error)
        await hook.expect("ringing", call_id=refused.json["call_id"])
        await hook.over(call_id=refused.json["call_id"])
        assert carrier.untaken == 0


async def test_an_extension_that_rings_out(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        waiting = asyncio.create_task(company.api.click("101", CUSTOMER, wait="answer"))
        ring = await alice.rings()
        call_id = (await hook.expect("ringing", from_number="101", to_number=CUSTOMER))["call_id"]
        assert not waiting.done()
        await ring.cancelled()  # after the extension's 5 seconds
        refused = await waiting
        assert (refused.status, refused.json["error"]) == (409, "USER_NOT_ANSWERING")
        await hook.over(call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {"status": "INVALID", "cause": "NO_ANSWER", "billsec": 0}
        assert carrier.untaken == 0


async def test_waiting_for_the_extension_to_answer(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        waiting = asyncio.create_task(company.api.click("101", CUSTOMER, wait="answer"))
        ring = await alice.rings()
        assert not waiting.done()
        await ring.answer()
        assert (await waiting).json["status"] == "success"
        await carrier.rings()


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome[0].__name__)
async def test_a_customer_does_not_answer(company: Company, hook: Hook, outcome: Outcome) -> None:
    does, status, cause, _ = outcome
    async with company.phone("101") as alice, company.carrier() as carrier:
        call_id = (await company.api.click("101", CUSTOMER)).json["call_id"]
        ring = await alice.rings()
        await hook.expect("ringing", call_id=call_id)
        await ring.answer()
        await does(await carrier.called())
        await ring.over()
        await hook.over(call_id=call_id, billsec=0, recording_url="")
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": status,
            "cause": cause,
            "billsec": 0,
            "time_answered": "",
        }


async def test_the_extension_hears_why_a_customer_is_unreachable(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        await company.api.click("101", CUSTOMER)
        ring = await alice.rings()
        await ring.answer()
        announcement = await carrier.called()
        await announcement.progress()
        await ring.hears(announcement)
        await announcement.reject(480)
        await ring.over()


async def test_the_extension_gives_up(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call_id = (await company.api.click("101", CUSTOMER)).json["call_id"]
        ring = await alice.rings()
        await hook.expect("ringing", call_id=call_id)
        await ring.answer()
        customer = await carrier.rings()
        await ring.hang_up()
        await customer.cancelled()
        await hook.over(call_id=call_id, billsec=0)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "CANCEL",
            "cause": "ORIGINATOR_CANCEL",
            "hangup_by": "caller",
        }


async def test_all_phones_of_the_extension_ring(company: Company, hook: Hook) -> None:
    async with (
        company.phone("101") as desk,
        company.phone("101", hertz=BOB_HZ) as mobile,
        company.carrier() as carrier,
    ):
        call_id = (await company.api.click("101", CUSTOMER)).json["call_id"]
        on_desk, on_mobile = await desk.rings(), await mobile.rings()
        await hook.expect("ringing", call_id=call_id)
        await on_mobile.answer()
        await on_desk.cancelled()
        customer = await carrier.rings()
        await customer.answer()
        await hook.expect("answered", call_id=call_id, sip_call_id=on_mobile.sip_call_id)
        await talk(on_mobile, customer)
        await customer.hang_up()
        await on_mobile.over()
        await hook.over(call_id=call_id)


async def test_a_colleague_is_called_too(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.phone("102", hertz=BOB_HZ) as bob:
        call_id = (await company.api.click("101", "102")).json["call_id"]
        ring = await alice.rings()
        await hook.expect(
            "ringing", call_id=call_id, direction="local", from_number="101", to_number="102"
        )
        await ring.answer()
        his = await bob.rings()
        await his.answer()
        await talk(ring, his)
        await hook.expect("answered", call_id=call_id)
        await his.hang_up()
        await hook.over(call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "ANSWERED",
            "direction": 1,
            "extension": "101",
            "to_number": "102",
        }


async def test_an_extension_with_its_hands_full(company: Company) -> None:
    await company.change_extension("101", max_calls=1)
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        clicked = await company.api.click("101", CUSTOMER)
        assert (clicked.status, clicked.json["error"]) == (409, "USER_BUSY")
        await customer.hang_up()
        await ring.over()


async def test_a_company_without_a_hotline(company: Company) -> None:
    await company.remove_hotline(HOTLINE)
    async with company.phone("101") as alice:
        clicked = await company.api.click("101", CUSTOMER)
        assert (clicked.status, clicked.json["error"]) == (409, "NO_HOTLINE")
        assert alice.untaken == 0


async def test_the_same_click_twice_calls_once(company: Company, hook: Hook) -> None:
    """With a key of the client's; or without one, within three seconds, while the call lives."""
    async with company.phone("101") as alice, company.carrier():
        asked = {"ext": "101", "phone": CUSTOMER}
        key = {"Idempotency-Key": "click-7"}
        first = await company.api.get("/v1/click2call/async", headers=key, **asked)
        ring = await alice.rings()
        again = await company.api.get("/v1/click2call/async", headers=key, **asked)
        assert again.json == first.json
        assert (await company.api.post("/v1/click2call", **asked)).json == first.json
        assert "no-store" in first.headers["cache-control"]
        await ring.reject(486)
        await hook.expect("ringing")
        await hook.over(call_id=first.json["call_id"])
        other = await company.api.post("/v1/click2call", **asked)
        assert other.json["call_id"] != first.json["call_id"]
        await (await alice.rings()).reject(486)
        await hook.expect("ringing")
        await hook.over(call_id=other.json["call_id"])
        assert alice.untaken == 0


BAD = [
    ({"ext": "101"}, "phone"),
    ({"phone": CUSTOMER}, "ext"),
    ({"ext": "999", "phone": CUSTOMER}, "ext"),
    ({"ext": "101&PJSIP/102", "phone": CUSTOMER}, "ext"),
    ({"ext": "101", "phone": "12"}, "phone"),
    ({"ext": "101", "phone": "0909000111@evil.example.vn"}, "phone"),
    ({"ext": "101", "phone": "0909000111,30,g"}, "phone"),
    ({"ext": "101", "phone": "${SHELL(id)}"}, "phone"),
    ({"ext": "101", "phone": CUSTOMER, "src_cid_name": "An\r\nX-Evil: 1"}, "src_cid_name"),
    ({"ext": "101", "phone": CUSTOMER, "src_cid_number": "12<x"}, "src_cid_number"),
    ({"ext": "101", "phone": CUSTOMER, "dest_cid_name": '"<sip:x@y>'}, "dest_cid_name"),
    ({"ext": "101", "phone": CUSTOMER, "dest_cid_number": "abc"}, "dest_cid_number"),
    ({"ext": "101", "phone": CUSTOMER, "auto_answer": "maybe"}, "auto_answer"),
    ({"ext": "101", "phone": CUSTOMER, "hotline": "02811112222"}, "hotline"),
    ({"ext": "101", "phone": CUSTOMER, "wait": "forever"}, "wait"),
]


async def test_bad_parameters_are_named_and_nobody_is_called(company: Company) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        for parameters, field in BAD:
            answer = await company.api.ask("GET", "/v1/click2call", dict(parameters))
            assert answer.status == 422, (parameters, answer)
            assert answer.json["status"] == "fail"
            assert field in answer.json["message"], (parameters, answer)
        good = await company.api.click("101", CUSTOMER, src_cid_name="Good one")
        ring = await alice.rings()
        assert "Good one" in ring.invite.header("From"), "the first call that came"
        assert (good.status, alice.untaken, bob.untaken, carrier.untaken) == (200, 0, 0, 0)


async def test_extensions_of_two_digits(company: Company) -> None:
    """Called and found like any other."""
    for number in ("10", "11"):
        await company.add_extension(number)
    async with company.phone("10") as alice, company.phone("11") as bob:
        assert (await company.api.click("10", "11")).status == 200
        ring = await alice.rings()
        await ring.answer()
        other = await bob.rings()
        await other.answer()
        await talk(ring, other)
        await other.hang_up()
        await ring.over()
        await until(company.is_quiet, 15)
    (record,) = await company.found()
    for filters in ({"extension": "10"}, {"extension": "11"}, {"phone": "11"}, {"phone": "10"}):
        assert await company.found(**filters) == [record], filters
