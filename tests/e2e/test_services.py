"""PostgreSQL, Asterisk and the sandbox die while `tongdai up` runs: they are started again, and
nothing is lost but the talks.
"""

import os
import signal

from testbed.company import HOTLINE, Api, Company, log_in
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import talk
from testbed.until import until
from tongdai.sandbox import actors


def process(pbx: Instance, *marks: str) -> int:
    """The oldest whose command line has these."""
    return min(
        pid for pid, command in pbx.processes().items() if all(mark in command for mark in marks)
    )


async def readiness(pbx: Instance) -> int:
    return (await Api(pbx.ready["base_url"]).get("/readyz")).status


async def is_ready(pbx: Instance) -> bool:
    return await readiness(pbx) == 200


async def is_not_ready(pbx: Instance) -> bool:
    return await readiness(pbx) == 503


async def test_asterisk_dies_in_a_call(company: Company, hook: Hook, pbx: Instance) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        call_id = (await hook.expect("ringing"))["call_id"]
        await hook.expect("answered")
        await talk(ring, customer, seconds=1.2)
        died = process(pbx, "/usr/sbin/asterisk", f"{pbx.data}/asterisk/etc")
        os.kill(died, signal.SIGKILL)
        await until(lambda: is_not_ready(pbx))
        await hook.over(call_id=call_id)
        record = await company.api.cdr(call_id)
        assert record == record | {"status": "ANSWERED", "hangup_by": "system"}
        await until(lambda: is_ready(pbx), 30)
        assert process(pbx, "/usr/sbin/asterisk", f"{pbx.data}/asterisk/etc") != died
        assert "service.ended" in pbx.said

        again = await carrier.calls(HOTLINE)
        second = await alice.rings()  # who has not registered again
        await hook.expect("ringing")
        await again.cancel()
        await second.cancelled()
        await hook.over(missed=True)


async def test_postgresql_dies_in_a_call(company: Company, pbx: Instance) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        died = process(pbx, "bin/postgres -D", f"{pbx.data}/postgres/data")
        os.kill(died, signal.SIGKILL)
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        await until(lambda: is_ready(pbx), 30)
        assert process(pbx, "bin/postgres -D", f"{pbx.data}/postgres/data") != died
        await until(lambda: is_recorded(company), 15)
        (record,) = (await company.api.get("/v1/cdr")).json["data"]
        assert record == record | {"status": "ANSWERED", "hangup_by": "caller"}
        told = (await company.api.get("/v1/event/feed")).json["data"]
        assert [event["event"] for event in told] == ["ringing", "answered", "hangup", "cdr"]


async def is_recorded(company: Company) -> bool:
    return await company.is_quiet() and bool((await company.api.get("/v1/cdr")).json["data"])


async def test_the_sandbox_dies(pbx: Instance) -> None:
    admin, robot = pbx.ready["admin"], actors.ROBOTS["answers"].number
    demo = await log_in(pbx.ready["base_url"], admin["username"], admin["password"])
    died, registered = (
        process(pbx, "/usr/sbin/asterisk", f"{pbx.data}/sandbox/etc"),
        registrations(pbx, robot),
    )
    os.kill(died, signal.SIGKILL)
    await until(lambda: registrations(pbx, robot) > registered, 30)
    assert process(pbx, "/usr/sbin/asterisk", f"{pbx.data}/sandbox/etc") != died

    # robot and carrier are both rung
    clicked = await demo.click(robot, actors.CUSTOMERS["busy"].number)
    # and the carrier rings a robot
    await demo.post("/v1/sandbox/inbound", customer="0912000999", talk_s=1)
    assert clicked.status == 200, clicked
    await until(lambda: is_recorded_as(demo, "BUSY", f"/{clicked.json['call_id']}"), 15)
    await until(lambda: is_recorded_as(demo, "ANSWERED", "?phone=0912000999"), 20)


async def is_recorded_as(api: Api, status: str, which: str) -> bool:
    found = (await api.get(f"/v1/cdr{which}")).json
    return status in [found.get("status"), *(record["status"] for record in found.get("data", ()))]


def registrations(pbx: Instance, number: str) -> int:
    """The number of times that it has authenticated at the switch."""
    said = (pbx.data / "asterisk" / "log" / "security").read_text()
    return sum("SuccessfulAuth" in line and f"{number}@" in line for line in said.splitlines())
