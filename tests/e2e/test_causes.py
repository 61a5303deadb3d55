"""Why a call did not reach anybody: said by carriers and phones in SIP, told to callers in SIP, to
the operator and to the company in words.
"""

from typing import Any

import aiohttp
import pytest

from testbed import wire
from testbed.company import HOTLINE, PASSWORD, Company, Office
from testbed.hooks import Hook
from testbed.phones import PATIENCE_S
from testbed.until import until
from tongdai.store import trunk_registrations

CUSTOMER = "0909000111"


async def metric(office: Office, name: str) -> float:
    """The value of a line of /metrics, 0 if it is not there."""
    url = f"{office.instance.ready['base_url']}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        lines = (await answer.text()).splitlines()
    found = [line for line in lines if line.startswith(f"{name} ")]
    return float(found[0].split()[-1]) if found else 0.0


TROUBLE = [
    ("403 Forbidden", "CALL_REJECTED", 403, 403),
    ("402 Payment Required", "INTERWORKING", 402, 503),
    ("500 Server Internal Error", "NETWORK_OUT_OF_ORDER", 500, 503),
    ("504 Server Time-out", "RECOVERY_ON_TIMER_EXPIRE", 504, 504),
    ("503 Service Unavailable", "NORMAL_CIRCUIT_CONGESTION", 503, 503),
]


@pytest.mark.parametrize(("line", "cause", "status", "sent"), TROUBLE)
async def test_a_carriers_trouble_is_not_the_customers(
    company: Company,
    office: Office,
    hook: Hook,
    *,
    line: str,
    cause: str,
    status: int,
    sent: int,
) -> None:
    labels = f'domain="{company.name}",sip_status="{status}",trunk="ip"'
    name = f"tongdai_trunk_failures_total{{{labels}}}"
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        await (await carrier.invited()).respond(line)
        assert await call.refused() == sent
        await hook.expect("ringing")
        cdr = await hook.over(status="CONGESTION", cause=cause, sip_status=status, trunk="ip")
    record = await company.api.cdr(cdr["conversation_id"])
    wanted = {"status": "CONGESTION", "cause": cause, "sip_status": status, "trunk": "ip"}
    assert record == record | wanted
    assert await metric(office, name) == 1
    assert "trunk.failed" in office.instance.said
    assert f"sip_status={status}" in office.instance.said


async def test_a_password_that_the_carrier_does_not_take(
    company: Company, office: Office, hook: Hook
) -> None:
    await company.change_trunk("wrong", auth="digest", username="customer7", auth_username="")
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        carrier.challenges = True
        call = await alice.calls(CUSTOMER)
        assert await call.refused() == 503
        await hook.expect("ringing")
        await hook.over(status="CONGESTION", cause="CALL_REJECTED", sip_status=401)
    assert "sip_status=401" in office.instance.said


CUSTOMERS = [
    (("603 Decline",), "BUSY", "CALL_REJECTED", 603),
    (("180 Ringing", "487 Request Terminated"), "NO-ANSWERED", "NO_ANSWER", 480),
    (("180 Ringing", "408 Request Timeout"), "NO-ANSWERED", "NO_ANSWER", 408),
    (("404 Not Found",), "INVALID", "UNALLOCATED_NUMBER", 404),
    (("410 Gone",), "INVALID", "NUMBER_CHANGED", 410),
    (("604 Does Not Exist Anywhere",), "INVALID", "UNALLOCATED_NUMBER", 604),
]


@pytest.mark.parametrize(("lines", "status", "cause", "sent"), CUSTOMERS)
async def test_what_became_of_the_customer(
    company: Company, hook: Hook, *, lines: tuple[str, ...], status: str, cause: str, sent: int
) -> None:
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        invited = await carrier.invited()
        for line in lines:
            await invited.respond(line)
            if line.startswith("180"):
                await call.ringing()
        assert await call.refused() == sent
        await hook.expect("ringing")
        await hook.over(status=status, cause=cause, sip_status=int(lines[-1][:3]))


async def test_a_carrier_that_is_not_there_is_no_busy_customer(
    company: Company, hook: Hook
) -> None:
    """Its host name does not resolve."""
    await company.change_trunk(host="carrier.invalid")
    async with company.phone("101") as alice:
        call = await alice.calls(CUSTOMER)
        assert await call.refused() == 503
        await hook.expect("ringing")
        await hook.over(status="CONGESTION", billsec=0)


async def test_a_call_that_its_caller_gives_up_is_no_failure_of_the_trunk(
    company: Company, office: Office, hook: Hook
) -> None:
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        invited = await carrier.invited()
        await invited.respond("180 Ringing")
        await call.ringing()
        await hook.expect("ringing")
        await call.cancel()
        await hook.over(status="CANCEL", hangup_by="caller")
    assert f'domain="{company.name}"' not in await failures(office)


async def failures(office: Office) -> str:
    """The lines of /metrics that count failures of trunks."""
    url = f"{office.instance.ready['base_url']}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        lines = (await answer.text()).splitlines()
    return "\n".join(line for line in lines if line.startswith("tongdai_trunk_failures_total{"))


async def test_another_phone_of_the_carriers_answered(company: Company, hook: Hook) -> None:
    """Nobody missed the call: no `missed`, and the phone's CANCEL says so too."""
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        call = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        rung = await hook.expect("ringing")
        await call.rings()
        await call.cancel('Reason: Q.850;cause=26, SIP;cause=200;text="Call completed elsewhere"')
        await ring.cancelled()
        (cancel,) = ring.received("CANCEL")
        assert 'SIP;cause=200;text="Call completed elsewhere"' in cancel.text
        await hook.stopped("answered_elsewhere", rung)
        cdr = await hook.recorded(status="CANCEL")  # and no missed
    assert cdr["cause"] == "LOSE_RACE"


async def test_another_phone_of_the_carriers_answered_while_a_group_rang(
    company: Company, hook: Hook
) -> None:
    """Each phone of the group is told so, and each hangup has that reason."""
    await company.add_ring_group("600", "101", "102")
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.bare_carrier() as carrier,
    ):
        call = await carrier.calls(HOTLINE)
        rings = [await alice.rings(), await bob.rings()]
        rung = await hook.expect_in_any_order("ringing", "ringing")
        await call.rings()
        await call.cancel('Reason: Q.850;cause=26;text="Call completed elsewhere"')
        for ring in rings:
            await ring.cancelled()
            (cancel,) = ring.received("CANCEL")
            assert 'SIP;cause=200;text="Call completed elsewhere"' in cancel.text
        await hook.stopped("answered_elsewhere", *rung)
        await hook.recorded(status="CANCEL", cause="LOSE_RACE")


# --- OPTIONS, and further trunks


async def test_a_carrier_that_does_not_answer_options_is_called(
    company: Company, office: Office, hook: Hook
) -> None:
    async with company.phone("101") as alice, company.bare_carrier() as carrier:
        carrier.answers_options = False
        second = await company.add_trunk(name="silent")

        async def is_offline() -> bool:
            state = await office._ask_switch(f"endpoints/PJSIP/{second.trunk_uuid}-options")
            return state is not None and '"state":"offline"' in state

        await until(lambda: len(carrier.received("OPTIONS")) >= 2, 130)  # of both trunks
        await until(is_offline, 40)
        await company.change_hotline(trunk_uuid=second.trunk_uuid)
        call = await alice.calls(CUSTOMER)
        await (await carrier.invited()).respond("486 Busy Here")
        assert await call.refused() == 486
        await hook.expect("ringing")
        await hook.over(status="BUSY", trunk="silent")


async def test_a_trunk_that_is_not_asked(company: Company, office: Office) -> None:
    async with company.bare_carrier() as carrier:
        await company.change_trunk(qualify=False)
        path = f"endpoints/PJSIP/{company.trunk.trunk_uuid}-options"

        async def is_gone() -> bool:
            return await office._ask_switch(path) is None

        await until(is_gone, PATIENCE_S)
        before = len(carrier.received("OPTIONS"))
        call = await carrier.calls(HOTLINE)
        assert await call.refused() == 480
        assert len(carrier.received("OPTIONS")) == before


@pytest.mark.parametrize("first", ["503 Service Unavailable", "403 Forbidden"])
async def test_the_next_trunk_carries_what_the_first_does_not(
    company: Company, office: Office, hook: Hook, first: str
) -> None:
    elsewhere = await office.company()
    second = await company.add_trunk(
        name="second",
        host=f"{elsewhere.address}:{elsewhere._port}",
        addresses=(elsewhere.address,),
        number_format="e164",
    )
    await company.change_hotline(further_trunks=(second.trunk_uuid,))
    async with (
        company.phone("101") as alice,
        company.bare_carrier() as carrier,
        elsewhere.carrier() as other,
    ):
        call = await alice.calls(CUSTOMER)
        await (await carrier.invited()).respond(first)
        customer = await other.rings()
        assert customer.invite.start.startswith("INVITE sip:+84909000111@")
        await call.ringing()
        await customer.answer()
        await call.answered()
        await call.hang_up()
        await customer.over()
        await hook.expect("ringing")
        await hook.expect("answered", trunk="second")
        cdr = await hook.over(status="ANSWERED", trunk="second")
        record: dict[str, Any] = await company.api.cdr(cdr["conversation_id"])
        assert (record["trunk"], record["sip_status"]) == ("second", 0)

        call = await alice.calls(CUSTOMER)
        invited = await carrier.invited()
        await invited.respond("180 Ringing")
        await call.ringing()
        await invited.respond(first)
        assert await call.refused() in (403, 503)
        assert other.untaken == 0, "it rang already"
        await hook.expect("ringing")
        await hook.over(status="CONGESTION", trunk="ip")


# --- registrations


async def test_a_registration_is_tried_again_and_its_state_is_told(
    company: Company, office: Office
) -> None:
    """A carrier that refuses, and takes the password later: nobody restarts anything."""

    async def state() -> tuple[bool, int] | None:
        async with office.database.connection() as tx:
            found = await trunk_registrations.list(tx, company.uuid)
        return next(((each.is_registered, each.sip_status) for each in found), None)

    async def is_state(wanted: tuple[bool, int]) -> bool:
        return await state() == wanted

    async with company.bare_carrier() as carrier:
        carrier.registers = "403 Forbidden"
        await company.change_trunk("trunk-password", auth="registration", username="customer7")
        await until(lambda: is_state((False, 403)), 20)
        assert "trunk.not_registered" in office.instance.said
        carrier.registers = "200 OK"
        await until(lambda: is_state((True, 200)), 60)
    gauge = f'tongdai_trunk_registered{{domain="{company.name}",trunk="ip"}}'
    assert await metric(office, gauge) == 1
    assert "trunk.registered" in office.instance.said


# --- calls that the switch refuses by itself


def sdp(address: str, media: str) -> list[str]:
    host = address.partition(":")[0]
    return ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", media]


G729 = "m=audio 4000 RTP/AVP 18"


async def are_counted(office: Office, domain: str, caller: str, calls: int) -> None:
    name = f'tongdai_refused_media_total{{caller="{caller}",domain="{domain}"}}'

    async def is_so() -> bool:
        return await metric(office, name) == calls

    await until(is_so, 20)


def told(office: Office, domain: str) -> list[str]:
    rows = office.instance.said.splitlines()
    return [row for row in rows if "call.media_refused" in row and f"domain={domain}" in row]


@pytest.mark.parametrize("media", [G729, "m=audio 4000 RTP/SAVP 8", "m=audio 4000 RTP/AVPF 8"])
async def test_a_phones_call_whose_media_the_switch_refuses(
    company: Company, office: Office, hook: Hook, media: str
) -> None:
    """Asterisk makes no channel of it: which number was called is unknown."""
    async with wire.udp(office.instance.sip) as line:
        answers = await wire.authenticated(
            line,
            "INVITE",
            "101",
            company.name,
            PASSWORD,
            to=f"102@{company.name}",
            body=sdp(line.address, media),
        )
        assert wire.status(answers[-1]) == 488
    await are_counted(office, company.name, "101", 1)
    [row] = told(office, company.name)
    assert ("g729" in row) == (media == G729)
    cdr = await hook.over(from_number="101", to_number="")
    record = await company.api.cdr(cdr["call_id"])
    assert record == record | {
        "direction": 1,
        "extension": "101",
        "from_number": "101",
        "to_number": "",
        "status": "INVALID",
        "cause": "BEARERCAPABILITY_NOTAVAIL",
        "hangup_by": "system",
        "duration": 0,
    }


async def refused_call(company: Company, office: Office) -> None:
    """The carrier calls the hotline with a codec that the switch has not."""
    to = f"{HOTLINE}@{office.instance.sip}"
    async with wire.udp(office.instance.sip, company.address) as line:
        offer = sdp(line.address, G729)
        invite = wire.request(
            line, "INVITE", CUSTOMER, "c.vn", to=to, call=company.name, body=offer
        )
        assert wire.status(await wire.ask(line, invite)) == 488


async def test_a_carriers_call_whose_codecs_the_switch_refuses(
    company: Company, office: Office, hook: Hook
) -> None:
    await refused_call(company, office)
    await are_counted(office, company.name, "ip", 1)
    cdr = await hook.over(missed=True, from_number="anonymous", to_number="")
    record = await company.api.cdr(cdr["call_id"])
    assert record == record | {"direction": 2, "cause": "BEARERCAPABILITY_NOTAVAIL", "duration": 0}


async def test_a_refused_call_of_a_carrier_of_two_companies_is_told_to_the_operator_alone(
    company: Company, office: Office
) -> None:
    """Only the number called, which is unknown, tells which company it was for."""
    other = await office.company()
    await other.add_trunk(name="same carrier", host=company.address, addresses=())
    await refused_call(company, office)
    await until(lambda: told(office, company.name) or told(office, other.name), 20)
    [row] = told(office, company.name) + told(office, other.name)
    assert "g729" in row
    for each in (company, other):
        assert (await each.api.get("/v1/cdr")).json["data"] == []
