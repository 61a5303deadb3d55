"""The sandbox: an integrator needs no hardware. Robots and customers behave as named, each with
its own tone.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from testbed import phones, tones
from testbed.company import Api, Office, log_in, together
from testbed.phones import Phone
from testbed.until import until
from tongdai.sandbox import actors
from tongdai.store import domains, extensions

ROBOTS, CUSTOMERS = actors.ROBOTS, actors.CUSTOMERS


@pytest.fixture
async def demo(office: Office, sipp_folder: object) -> Api:
    """The demo company's API, with what ready.json tells."""
    admin = office.instance.ready["admin"]
    return await log_in(office.instance.ready["base_url"], admin["username"], admin["password"])


@pytest.fixture
async def alice(office: Office, demo: Api) -> AsyncIterator[Phone]:
    """A phone of the demo's extension 101, with the password of ready.json."""
    ready = office.instance.ready
    given = ready["extensions"][0]
    async with phones.phone(
        office.sipp, ready["domain"], given["extension"], given["password"]
    ) as phone:
        yield phone


def test_ready_json_names_who_plays(office: Office) -> None:
    ready = office.instance.ready
    assert ready["sandbox"]["robots"].keys() == {
        "answers",
        "answers_late",
        "no_answer",
        "busy",
        "rejects",
    }
    customers = {"answers", "hangs_up", "busy", "no_answer", "unreachable", "invalid"}
    assert ready["sandbox"]["customers"].keys() == customers


async def test_every_robot_behaves_as_it_is_named(office: Office, demo: Api) -> None:
    await ring_briefly(office, ROBOTS["no_answer"].number)

    async def clicked(behaviour: actors.RobotBehaviour) -> tuple[str, str]:
        answer = await demo.click(ROBOTS[behaviour].number, CUSTOMERS["busy"].number)
        record = await settled(demo, answer.json["call_id"])
        return record["status"], record["cause"]

    outcomes = await together(*map(clicked, ROBOTS))
    assert dict(zip(ROBOTS, outcomes, strict=True)) == {
        "answers": ("BUSY", "USER_BUSY"),  # the customer is
        "answers_late": ("BUSY", "USER_BUSY"),
        "no_answer": ("INVALID", "NO_ANSWER"),
        "busy": ("INVALID", "USER_BUSY"),
        "rejects": ("INVALID", "CALL_REJECTED"),
    }


async def test_every_customer_behaves_as_it_is_named(demo: Api) -> None:
    async def clicked(behaviour: actors.CustomerBehaviour, robot: str) -> tuple[str, str]:
        answer = await demo.click(robot, CUSTOMERS[behaviour].number)
        record = await settled(demo, answer.json["call_id"])
        return record["status"], record["cause"]

    prompt, late = ROBOTS["answers"].number, ROBOTS["answers_late"].number
    outcomes = await together(
        clicked("busy", prompt), clicked("unreachable", prompt), clicked("invalid", late)
    )
    assert outcomes == [
        ("BUSY", "USER_BUSY"),
        ("NOT-AVAILABLE", "SUBSCRIBER_ABSENT"),
        ("INVALID", "UNALLOCATED_NUMBER"),
    ]


async def test_a_robot_and_a_customer_are_both_in_the_recording(demo: Api) -> None:
    answer = await demo.click(ROBOTS["answers"].number, CUSTOMERS["hangs_up"].number)
    record = await settled(demo, answer.json["call_id"])
    assert (record["status"], record["hangup_by"]) == ("ANSWERED", "callee")
    assert actors.HANGS_UP_S - 1 <= record["billsec"] <= actors.HANGS_UP_S + 1
    samples = tones.samples_of((await demo.get(record["recording_url"])).body)
    assert tones.longest(samples, ROBOTS["answers"].tone) > actors.HANGS_UP_S - 2
    assert tones.longest(samples, CUSTOMERS["hangs_up"].tone) > actors.HANGS_UP_S - 2


async def test_a_phone_hears_the_customer_it_calls(alice: Phone, demo: Api) -> None:
    call = await alice.calls(CUSTOMERS["answers"].number)
    await call.answered()
    await call.hears(CUSTOMERS["answers"].tone)
    await call.hang_up()


async def test_a_phone_hears_why_a_customer_is_unreachable(alice: Phone, demo: Api) -> None:
    call = await alice.calls(CUSTOMERS["unreachable"].number)
    await call.progressing()
    await call.hears(CUSTOMERS["unreachable"].tone)
    assert await call.refused() == 480


async def test_a_customer_who_does_not_answer_goes_on_ringing(alice: Phone, demo: Api) -> None:
    call = await alice.calls(CUSTOMERS["no_answer"].number)
    await call.ringing()
    await call.cancel()
    record = await settled(demo, call.sip_call_id)
    assert record == record | {"status": "CANCEL", "to_number": CUSTOMERS["no_answer"].number}


async def test_a_simulated_customer_calls_the_hotline(
    alice: Phone, demo: Api, office: Office
) -> None:
    ready = office.instance.ready
    calling = await demo.post("/v1/sandbox/inbound", customer="0912345678", talk_s=2)
    assert calling.json == {
        "status": "success",
        "from_number": "0912345678",
        "to_number": ready["hotline"],
    }
    ring = await alice.rings()  # she is in the ring group of the hotline
    assert ring.invite.header("From").startswith("<sip:0912345678@")
    await ring.answer()
    await ring.hears(CUSTOMERS["answers"].tone)
    await ring.over()  # after 2 seconds
    record = await settled(demo, ring.sip_call_id)
    assert record == record | {
        "status": "ANSWERED",
        "direction": 2,
        "extension": "101",
        "from_number": "0912345678",
        "hotline": ready["hotline"],
        "receive_dest": ready["ring_group"],
    }
    samples = tones.samples_of((await demo.get(record["recording_url"])).body)
    assert tones.longest(samples, alice.hertz) > 0.5
    assert tones.longest(samples, CUSTOMERS["answers"].tone) > 0.5


async def test_a_simulated_customer_has_to_be_one(demo: Api) -> None:
    for wrong, field in (
        ({"customer": "nobody"}, "customer"),
        ({"hotline": "02811112222"}, "hotline"),
    ):
        answer = await demo.post("/v1/sandbox/inbound", **wrong)
        assert (answer.status, answer.json["error"]) == (422, "INVALID_FIELD")
        assert field in answer.json["message"]


async def ring_briefly(office: Office, number: str) -> None:
    """The shortest time that an operator may set."""
    async with office.database.transaction() as tx:
        domain_uuid = (await domains.by_name(tx, office.instance.ready["domain"])).domain_uuid
        known = await extensions.get(tx, domain_uuid, number)
        await extensions.update(tx, domain_uuid, msgspec.structs.replace(known, ring_timeout_s=5))


async def settled(api: Api, id: str) -> dict[str, Any]:
    """The record of the call, complete with its recording if it has one."""

    async def complete() -> dict[str, Any] | None:
        answer = await api.get(f"/v1/cdr/{id}")
        is_complete = answer.status == 200 and answer.json["recording_status"] != "pending"
        return answer.json if is_complete else None

    found: dict[str, Any] = await until(complete, 25)
    return found
