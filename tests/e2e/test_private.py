"""PostgreSQL and Asterisk die while `tongdai up` runs: they are started again, and nothing is lost but the talks."""

import os
import signal

from tests.e2e.company import HOTLINE, Api, Company
from tests.e2e.hooks import Hook
from tests.e2e.instance import Instance
from tests.e2e.phones import talk
from tests.until import until


def process(pbx: Instance, *marks: str) -> int:
    """The oldest whose command line has these."""
    return min(pid for pid, command in pbx.processes().items() if all(mark in command for mark in marks))


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
        assert "private.died" in pbx.said

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
