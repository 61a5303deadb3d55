"""The instance itself: Ctrl-C, kill -9, starting again, and two side by side."""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

import aiohttp

from testbed import ports, tones
from testbed.company import HOTLINE, PASSWORD, Api, Company, Office, log_in, operated
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import BOB_HZ, SippSetup, talk
from testbed.receivers import receiving
from testbed.until import until


async def test_a_killed_controller_takes_its_calls_over_again(
    company: Company, hook: Hook, pbx: Instance
) -> None:
    async with (
        company.phone("101") as alice,
        company.phone("102", hertz=BOB_HZ) as bob,
        company.carrier() as carrier,
    ):
        lasting = await carrier.calls(HOTLINE, "0909000111")
        hers = await alice.rings()
        await hers.answer()
        await lasting.answered()
        lasting_id = (await hook.expect("ringing", to_number="101"))["call_id"]
        await hook.expect("answered", call_id=lasting_id)
        ending = await bob.calls("0909000222")
        outside = await carrier.rings()
        await outside.answer()
        await ending.answered()
        await talk(hers, lasting)
        await talk(ending, outside)
        ending_id = (await hook.expect("ringing", from_number="102"))["call_id"]
        await hook.expect("answered", call_id=ending_id)
        before = pbx.processes()

        await pbx.kill()
        await talk(hers, lasting)  # the switch carries it, controller or not
        await outside.hang_up()
        await ending.over()

        await pbx.start()
        kept = before.keys() & pbx.processes().keys()
        assert sum("asterisk" in before[pid] for pid in kept) >= 2, (
            "both Asterisks were taken over as they ran"
        )
        await hook.over(call_id=ending_id)  # told late, and right
        record = await company.api.cdr(ending_id)
        assert record == record | {
            "status": "ANSWERED",
            "hangup_by": "callee",
            "recording_status": "ready",
        }
        await talk(hers, lasting)
        await hers.hang_up()
        await lasting.over()
        cdr = await hook.over(call_id=lasting_id)
        samples = tones.samples_of((await company.api.get(cdr["recording_url"])).body)
        assert tones.longest(samples, hers.voice.hertz) > 1
        assert tones.longest(samples, lasting.voice.hertz) > 1

        again = await carrier.calls(HOTLINE, "0909000444")
        ring = await alice.rings()  # who has not registered again
        assert ring.invite.header("From").startswith("<sip:0909000444@")
        await hook.expect("ringing", from_number="0909000444")
        await again.ringing()
        await again.cancel()
        await ring.cancelled()
        await hook.over(missed=True)


async def test_data_and_registrations_survive_a_restart(
    company: Company, office: Office, pbx: Instance
) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        async with receiving() as receiver:
            hook = Hook(receiver)
            await hook.subscribe(company.api, "cdr")
            customer = await carrier.calls(HOTLINE)
            ring = await alice.rings()
            await ring.answer()
            await customer.answered()
            await talk(ring, customer)
            await customer.hang_up()
            await ring.over()
            cdr = await hook.expect("cdr")
        record = await company.api.cdr(cdr["call_id"])

        async with company.api.listening() as stream:
            assert (await stream.content.readline()).startswith(b"retry")
            assert await pbx.interrupt() == 0, pbx.said
            assert await stream.content.read() is not None, "an open stream has its end"
        assert "running task" not in pbx.said, "and does not delay it"
        assert pbx.processes() == {}
        assert not (pbx.data / "ready.json").exists()
        await pbx.start()
        await office.reopen()

        assert await company.api.cdr(cdr["call_id"]) == record, (
            "the token is still good, the record still there"
        )
        played = await company.api.get(cdr["recording_url"])
        assert tones.longest(tones.samples_of(played.body), ring.voice.hertz) > 0
        again = await carrier.calls(HOTLINE)
        ring = await alice.rings()  # who has not registered again
        await ring.answer()
        await again.answered()
        await talk(ring, again)


async def test_the_same_data_is_not_run_twice(pbx: Instance) -> None:
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tongdai", "up"),
        env={**os.environ, "TONGDAI_DATA": str(pbx.data), "TONGDAI_HTTP": ports.server()},
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await second.communicate()
    assert second.returncode == 4
    (line,) = said.decode().strip().splitlines()
    assert f"another tongdai runs on {pbx.data}" in line
    assert (await Api(pbx.ready["base_url"]).get("/readyz")).status == 200


async def test_the_api_may_run_in_a_process_of_its_own(company: Company, pbx: Instance) -> None:
    address = ports.server()
    apart = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tongdai", "serve", "--role", "api"),
        env={**os.environ, "TONGDAI_DATA": str(pbx.data), "TONGDAI_HTTP": address},
        cwd=Path(__file__).parents[2],
    )
    try:
        await until(lambda: is_ready(address), 30)
        api = await log_in(f"http://{address}", f"admin@{company.name}", PASSWORD)
        async with company.phone("101") as alice, company.carrier() as carrier:
            clicked = await api.click("101", "0909000111")
            ring = await alice.rings()
            assert clicked.json["status"] == "success"
            await ring.reject(486)
            assert carrier.untaken == 0

        async def recorded() -> bool:
            return (await api.get(f"/v1/cdr/{clicked.json['call_id']}")).status == 200

        await until(recorded, 15)
    finally:
        apart.terminate()
        assert await apart.wait() == 0


async def test_a_role_without_the_api_has_metrics_of_its_own(pbx: Instance) -> None:
    address = ports.server()
    apart = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tongdai", "serve", "--role", "webhooks"),
        env={**os.environ, "TONGDAI_DATA": str(pbx.data), "TONGDAI_METRICS": address},
        cwd=Path(__file__).parents[2],
    )

    async def told() -> str:
        with contextlib.suppress(aiohttp.ClientError):
            return (await Api(f"http://{address}").get("/metrics")).body.decode()
        return ""

    try:
        assert "tongdai_deliver" in await until(told, 30)
    finally:
        apart.terminate()
        assert await apart.wait() == 0


async def is_ready(address: str) -> bool:
    with contextlib.suppress(aiohttp.ClientError):
        return (await Api(f"http://{address}").get("/readyz")).status == 200
    return False


async def test_two_run_side_by_side(
    pbx: Instance, office: Office, company: Company, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Instance(tmp_path / "other", sandbox=False)
    try:
        await other.start()
        assert other.ready.keys() == {"base_url", "sip", "pid"}, (
            "without the sandbox there is no demo company"
        )
        place = SippSetup(office.sipp.command, tmp_path, other.sip)
        async with operated(other, place) as their_office:
            theirs = await their_office.company()
            assert theirs.name == "company1.example.vn", "each has domains of its own"
            await no_sandbox(theirs.api)
            await asyncio.gather(a_call(company), a_call(theirs))
        assert len(other.processes()) >= 3
        os.kill(other.pid, signal.SIGTERM)
        await until(lambda: other.processes() == {}, 40)
        await a_call(company)
    finally:
        await other.end()


async def no_sandbox(api: Api) -> None:
    """Nobody simulates calls, and callbacks reach no private address."""
    simulated = await api.post("/v1/sandbox/inbound", customer="answers")
    assert simulated.status == 404
    inward = await api.post("/v1/event", callback_url="http://127.0.0.1:9/hook", event="cdr")
    assert (inward.status, inward.json["status"]) == (422, "fail")


async def a_call(company: Company) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()


async def test_running_out_of_descriptors_sheds_load_and_ends_nothing(
    company: Company, hook: Hook, pbx: Instance
) -> None:
    """Half requests take all that there are, for a while; the talk does not notice, and afterwards
    all is as before.
    """
    host, _, port = pbx.http.rpartition(":")
    allowed = resource.prlimit(pbx.pid, resource.RLIMIT_NOFILE)
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        call_id = (await hook.expect("ringing"))["call_id"]
        await hook.expect("answered", call_id=call_id)
        before = pbx.processes().keys()
        opened = len(list(Path(f"/proc/{pbx.pid}/fd").iterdir()))
        resource.prlimit(pbx.pid, resource.RLIMIT_NOFILE, (opened + 4, allowed[1]))
        try:
            half = [await asyncio.open_connection(host, int(port)) for _ in range(300)]
            for _, writer in half:
                writer.write(b"GET ")
            await talk(ring, customer, seconds=5)
        finally:
            resource.prlimit(pbx.pid, resource.RLIMIT_NOFILE, allowed)
        for _, writer in half:
            writer.close()

        await talk(ring, customer)
        await until(lambda: is_ready(pbx.http), 30)
        await customer.hang_up()
        await ring.over()
        await hook.over(call_id=call_id)
    assert before <= pbx.processes().keys()
