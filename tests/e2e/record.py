"""Makes tests/asterisk/recordings anew: python -m tests.e2e.record NAME...

Each is one call between SIPp's phones and carrier through a real Asterisk: all that goes over the
ARI link meanwhile, and what Asterisk writes into its CEL log. The names of the domain and of the
trunk are made the same in all of them.
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from testbed import sipp
from testbed.company import HOTLINE, Company, operated
from testbed.instance import Instance
from testbed.phones import SippSetup
from testbed.until import until
from tests.asterisk import fake
from tongdai.asterisk import packages

CUSTOMER = "0909000111"
Flow = Callable[[Company], Awaitable[None]]
FLOWS: dict[str, tuple[str, Flow]] = {}


def flow(about: str) -> Callable[[Flow], Flow]:
    """A call to record, under the name of the function."""

    def known(function: Flow) -> Flow:
        FLOWS[function.__name__] = about, function
        return function

    return known


# --- inbound


@flow("A customer calls the hotline, 101 rings for 5 seconds and nobody answers.")
async def inbound_rang_out(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        await ring.cancelled()
        assert await customer.refused() == 480


@flow("A customer calls the hotline, 101 rings and rejects it (603).")
async def inbound_rejected(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        await ring.reject(603)
        await customer.refused()


@flow("A customer calls the hotline, 101's phone answers 480 without ringing.")
async def inbound_unavailable(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        await (await alice.called()).reject(480)
        await customer.refused()


@flow("A customer calls the hotline of group 600: 101 and 102 ring together, nobody answers.")
async def ring_group_rang_out(company: Company) -> None:
    await company.add_ring_group("600", "101", "102", timeout_s=3)
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        hers, his = await alice.rings(), await bob.rings()
        await hers.cancelled()
        await his.cancelled()
        await customer.refused()


@flow("A customer calls the hotline of group 600: 101, then 102 rings, nobody answers.")
async def ring_group_in_turn_rang_out(company: Company) -> None:
    await company.add_ring_group("600", "101", "102", strategy="sequential", ring_timeout_s=3)
    async with (
        company.phone("101") as alice,
        company.phone("102") as bob,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        await (await alice.rings()).cancelled()
        await (await bob.rings()).cancelled()
        await customer.refused()


@flow("A customer calls the hotline of queue 700: 101 does not answer, the queue's time is over.")
async def queue_timed_out(company: Company) -> None:
    await company.add_queue("700", "101", ring_timeout_s=3, timeout_s=4, no_answer_delay_s=60)
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        await (await alice.rings()).cancelled()
        await customer.over()


# --- outbound


@flow("101 calls a customer, who is busy (486).")
async def outbound_busy(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        await (await carrier.called()).reject(486)
        await call.refused()


@flow("101 calls a customer; it rings, and the carrier gives up (480).")
async def outbound_no_answer(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        customer = await carrier.rings()
        await call.ringing()
        await customer.reject(480)
        await call.refused()


@flow("101 calls a customer, whom the carrier cannot reach (480, nothing rang).")
async def outbound_unreachable(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        call = await alice.calls(CUSTOMER)
        await (await carrier.called()).reject(480)
        await call.refused()


# --- click-to-call


@flow("Click-to-call: 101 rings for 5 seconds and does not answer.")
async def click_to_call_rang_out(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier():
        assert (await company.api.click("101", CUSTOMER)).status == 200
        await (await alice.rings()).cancelled()


@flow("Click-to-call: 101 answers, the customer rings and does not answer (480).")
async def click_to_call_no_answer(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        assert (await company.api.click("101", CUSTOMER)).status == 200
        own = await alice.rings()
        await own.answer()
        customer = await carrier.rings()
        await customer.reject(480)
        await own.over()


# --- how it is written down


class Tapped(Instance):
    """It writes what goes over its ARI link to `tap`."""

    module = "tests.asterisk.tapped"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, sandbox=False)
        self.tap = folder / "tap.jsonl"
        self.environ["TAP"] = str(self.tap)

    @property
    def log_of_channels(self) -> list[dict[str, str]]:
        """The CEL log so far."""
        path = self.data / "asterisk" / "log" / "cel-custom" / "cel.jsonl"
        if not path.exists():
            return []
        return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]

    @property
    def frames(self) -> list[dict[str, Any]]:
        lines = self.tap.read_bytes().splitlines() if self.tap.exists() else []
        return [msgspec.json.decode(line) for line in lines]


async def record(instance: Tapped, company: Company, name: str) -> None:
    about, function = FLOWS[name]
    frames, entries = len(instance.frames), len(instance.log_of_channels)
    await function(company)
    await until(company.is_quiet, 15)
    text = _as_text(about, instance.frames[frames:], instance.log_of_channels[entries:])
    text = text.replace(company.name, fake.DOMAIN).replace(
        str(company.trunk.trunk_uuid), fake.TRUNK
    )
    (fake.RECORDINGS / f"{name}.json").write_text(text)


def _as_text(about: str, frames: list[dict[str, Any]], cel_log: list[dict[str, str]]) -> str:
    """One frame, one entry a line."""
    lists = [
        ",\n  ".join(msgspec.json.encode(each).decode() for each in some)
        for some in (frames, cel_log)
    ]
    text = '{{"told": {},\n "frames": [\n  {}],\n "cel_log": [\n  {}]}}\n'.format(
        msgspec.json.encode(about).decode(), *lists
    )
    return re.sub(r'"asterisk_id":"[^"]*"', '"asterisk_id":"00:00:00:00:00:00"', text)


async def main(names: list[str]) -> None:
    root = await asyncio.to_thread(
        packages.fetch, ["sip-tester"], packages.default_cache(), lambda *_: None
    )
    with tempfile.TemporaryDirectory(prefix="tongdai-record-") as folder:
        instance, sipps = Tapped(Path(folder)), Path(folder) / "sipp"
        sipps.mkdir()
        sipp.write_scenarios(sipps)
        try:
            await instance.start()
            place = SippSetup(root.command("sipp"), sipps, instance.sip)
            async with operated(instance, place) as office:
                for name in names:
                    await record(instance, await office.company(), name)
                    sys.stdout.write(f"{name}\n")
        finally:
            await instance.end()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or sorted(FLOWS)))
