"""An extension dials: a number outside by the domain's trunk and hotline, or a colleague."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from testbed.company import HOTLINE, Company
from testbed.hooks import Hook
from testbed.phones import BOB_HZ, Talk, talk

CUSTOMER = "0909000111"


async def test_a_customer_answers(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        who: dict[str, Any] = {
            "direction": "outbound",
            "from_number": "101",
            "to_number": CUSTOMER,
            "hotline": HOTLINE,
            "sip_call_id": call.sip_call_id,
        }
        call_id = (await hook.expect("ringing", **who))["call_id"]
        who |= {"call_id": call_id, "conversation_id": call_id}
        customer = await carrier.rings()
        await call.ringing()
        await customer.answer()
        await call.answered()
        await hook.expect("answered", **who)
        await talk(call, customer)
        await customer.hang_up()
        await call.over()
        await hook.over(**who)
        record = await company.api.cdr(call.sip_call_id)
        assert record == record | {
            "id": call_id,
            "status": "ANSWERED",
            "cause": "NORMAL_CLEARING",
            "direction": 3,
            "extension": "101",
            "from_number": HOTLINE,
            "to_number": CUSTOMER,
            "hangup_by": "callee",
        }
        assert await company.api.cdr(customer.sip_call_id) == record


async def busy(customer: Talk) -> None:
    await customer.reject(486)


async def rejects(customer: Talk) -> None:
    await customer.ring()
    await customer.reject(603)


async def rings_out(customer: Talk) -> None:
    await customer.ring()
    await customer.reject(480)


async def unreachable(customer: Talk) -> None:
    await customer.progress()
    await customer.reject(480)


async def invalid(customer: Talk) -> None:
    await customer.reject(404)


async def congested(customer: Talk) -> None:
    await customer.reject(503)


Outcome: TypeAlias = tuple[Callable[[Talk], Awaitable[None]], str, str, int]
"""By the customer's behaviour: the record's status and cause, and the status for the phone."""
OUTCOMES: list[Outcome] = [
    (busy, "BUSY", "USER_BUSY", 486),
    (rejects, "BUSY", "CALL_REJECTED", 603),
    (rings_out, "NO-ANSWERED", "NO_ANSWER", 480),
    (unreachable, "NOT-AVAILABLE", "SUBSCRIBER_ABSENT", 480),
    (invalid, "INVALID", "UNALLOCATED_NUMBER", 404),
    (congested, "CONGESTION", "NORMAL_CIRCUIT_CONGESTION", 503),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome[0].__name__)
async def test_a_customer_does_not(company: Company, hook: Hook, outcome: Outcome) -> None:
    does, status, cause, code = outcome
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        call_id = (await hook.expect("ringing", from_number="101"))["call_id"]
        await does(await carrier.called())
        assert await call.refused() == code
        cdr = await hook.over(call_id=call_id, billsec=0, to_number=CUSTOMER)
        assert cdr["recording_url"] == ""
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": status,
            "cause": cause,
            "billsec": 0,
            "time_answered": "",
        }


async def test_the_extension_gives_up(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        call_id = (await hook.expect("ringing"))["call_id"]
        customer = await carrier.rings()
        await call.ringing()
        await call.cancel()
        await customer.cancelled()
        await hook.over(call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "CANCEL",
            "cause": "ORIGINATOR_CANCEL",
            "hangup_by": "caller",
        }


FOREIGN = "0911222333"
FORGED = "".join(
    f"\r\n{header}"
    for header in (
        f"P-Asserted-Identity: <sip:{FOREIGN}@bank.example.vn>",
        f"P-Preferred-Identity: <sip:{FOREIGN}@bank.example.vn>",
        f"Remote-Party-ID: <sip:{FOREIGN}@bank.example.vn>;party=calling;screen=yes;privacy=off",
        f"Diversion: <sip:{FOREIGN}@bank.example.vn>;reason=unconditional",
        f"History-Info: <sip:{FOREIGN}@bank.example.vn>;index=1",
        f"Referred-By: <sip:{FOREIGN}@bank.example.vn>",
    )
)


async def test_no_forged_number_goes_out(company: Company, hook: Hook) -> None:
    """Whatever else a phone says of itself, the customer sees the hotline."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        own = f'"Ngan hang {FOREIGN}" <sip:101@{alice.domain}>'
        call = await alice.calls(CUSTOMER, who=own, headers=FORGED)
        customer = await carrier.called()
        await customer.reject()
        await call.refused()
    assert "Diversion" in call.invite.text
    assert FOREIGN not in customer.invite.text
    assert customer.invite.header("From").startswith(f"<sip:{HOTLINE}@")
    assert customer.invite.header("P-Asserted-Identity").startswith(f"<sip:{HOTLINE}@")
    await hook.expect("ringing", from_number="101", hotline=HOTLINE)
    await hook.over(from_number="101", hotline=HOTLINE)


async def test_a_colleagues_number_in_from_is_nobodys_right(company: Company) -> None:
    """Though the password is right for another extension."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER, who=f"<sip:102@{alice.domain}>", headers=FORGED)
        assert await call.refused() == 401
        assert carrier.untaken == 0


@pytest.mark.parametrize(
    "who",
    [
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        '"Anonymous" <sip:anonymous@DOMAIN>',
        f"<sip:{FOREIGN}@DOMAIN>",
    ],
)
async def test_a_phone_that_hides_its_number_is_known_by_its_digest(
    company: Company, hook: Hook, who: str
) -> None:
    """Whatever From says, the call is that of the extension with the password."""
    who = who.replace("DOMAIN", company.name)
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER, who=who, headers=FORGED + "\r\nPrivacy: id")
        customer = await carrier.called()
        await customer.reject()
        await call.refused()
    assert FOREIGN not in customer.invite.text
    assert f"<sip:{HOTLINE}@" in customer.invite.header("P-Asserted-Identity")
    await hook.expect("ringing", from_number="101", hotline=HOTLINE)
    await hook.over(from_number="101", hotline=HOTLINE)


async def test_a_company_without_a_hotline_calls_nobody(company: Company, hook: Hook) -> None:
    await company.remove_hotline(HOTLINE)
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        assert await call.refused() == 403
        await hook.expect("ringing")
        cdr = await hook.over()
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {"status": "INVALID", "cause": "OUTGOING_CALL_BARRED"}
        assert carrier.untaken == 0


async def test_a_colleague_answers(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.phone("102", hertz=BOB_HZ) as bob:
        call = await alice.calls("102")
        ring = await bob.rings()
        who = {"direction": "local", "from_number": "101", "to_number": "102", "hotline": ""}
        call_id = (await hook.expect("ringing", **who))["call_id"]
        await ring.answer()
        await call.answered()
        await hook.expect("answered", call_id=call_id)
        await talk(call, ring)
        await call.hang_up()
        await ring.over()
        await hook.over(call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {
            "status": "ANSWERED",
            "direction": 1,
            "from_number": "101",
            "to_number": "102",
        }
        assert await company.api.cdr(call.sip_call_id) == record
        assert await company.api.cdr(ring.sip_call_id) == record


async def test_a_colleague_is_busy(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.phone("102") as bob:
        call = await alice.calls("102")
        await (await bob.called()).reject(486)
        assert await call.refused() == 486
        await hook.expect("ringing")
        cdr = await hook.over(direction="local")
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {"status": "BUSY", "cause": "USER_BUSY", "direction": 1}


async def test_a_number_inside_that_nobody_has(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls("99")
        assert await call.refused() == 404
        cdr = await hook.over()
        record = await company.api.cdr(cdr["conversation_id"])
        assert record == record | {"status": "INVALID", "cause": "UNALLOCATED_NUMBER"}
        assert carrier.untaken == 0


async def test_the_own_hotline_stays_inside(company: Company, hook: Hook) -> None:
    """It does not go out by the carrier and come back as a second call."""
    await company.point_hotline("102")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        call = await alice.calls(HOTLINE)
        ring = await bob.rings()
        await hook.expect("ringing", direction="local", to_number="102")
        await call.ringing()
        await call.cancel()
        await ring.cancelled()
        await hook.over(direction="local", status="CANCEL")
        assert carrier.untaken == 0
