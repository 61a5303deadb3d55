"""Calls that come while nobody decides: whom the switch knows rings, and all of it is told and recorded afterwards."""

import os
import signal
from datetime import datetime
from typing import Any

from tests.e2e.company import HOTLINE, Company
from tests.e2e.hooks import Hook
from tests.e2e.instance import Instance
from tests.e2e.phones import BOB_HZ, talk

STRANGER = "0909000333"


async def test_calls_while_the_controller_is_dead(company: Company, hook: Hook, pbx: Instance) -> None:
    async with company.phone("101") as alice, company.phone("102", hertz=BOB_HZ) as bob, company.carrier() as carrier:
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
        who: dict[str, Any] = {"from_number": STRANGER, "to_number": "101", "hotline": HOTLINE, "domain": company.name}
        told = await hook.expect_in_any_order(
            *(2 * ["ringing"]), "answered", *(3 * ["hangup"]), "missed", *(3 * ["cdr"])
        )
        mine = [event for event in told if event.items() >= who.items()]
        assert [event["state"] for event in mine] == ["answered", "cdr", "hangup", "ringing"]
        record = await company.api.cdr(mine[0]["call_id"])
        assert record == record | {"status": "ANSWERED", "hangup_by": "callee", "recording_status": "ready"}
        assert record["duration"] >= record["billsec"] >= 1
        found = (await company.api.get("/v1/cdr")).json
        statuses = {(cdr["direction"], cdr["status"]) for cdr in found["data"]}
        assert statuses == {(1, "BUSY"), (2, "ANSWERED"), (2, "CONGESTION")}
        assert len(found["data"]) == 3


async def test_calls_while_the_controller_is_frozen(company: Company, hook: Hook, pbx: Instance) -> None:
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
        asked = datetime.fromisoformat(record["time_answered"]) - datetime.fromisoformat(record["time_started"])
        assert asked.total_seconds() >= 2, "it began when the customer called, not when we came to"
