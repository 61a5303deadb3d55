"""The system under test: `tongdai up` with a company, phones that answer, and a subscriber; and
what all of them saw.

Two kinds. *Private*: PostgreSQL and Asterisk are started by `tongdai up`. *Given*: the scenario
starts them, and tongdai reaches them through proxies that can fail in several ways.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp
import msgspec

from chaos import callers, company, observations, receiver, reconciliation
from chaos.callers import PHONE, Callers
from testbed import ports
from testbed.instance import Instance
from testbed.proxy import Proxy, Streams, proxy
from testbed.until import until
from tongdai import errors, process, services
from tongdai.encryption import MasterKey
from tongdai.settings import Settings
from tongdai.store import db, deliveries, migrate, postmaster, server

POLL_S = 0.02


class Stand:
    """One system under test. `injected` grows with each fault."""

    def __init__(self, folder: Path, instance: Instance) -> None:
        self.folder, self.instance = folder, instance
        self.run = folder  # where the accounts of the run under way are
        self.numbers: list[str] = []
        self.phone_port = 0
        self.injected = observations.Injected()
        self.is_right = True  # whatever was reconciled
        self.is_loud = False  # whether those who call speak all the time
        self.token = ""
        self._killed_at = datetime.now(UTC)  # Asterisk
        self._command: list[str] = []
        self._revived: process.Process | None = None

    # --- what happens

    @asynccontextmanager
    async def calls(
        self, rate: float, talk_s: float, count: int = 1_000_000
    ) -> AsyncIterator[Callers]:
        """Customers call, `rate` times a second."""
        sip, numbers = self.instance.sip, self.numbers
        async with callers.calling(
            self.run, sip, numbers, rate, talk_s, count, is_loud=self.is_loud
        ) as made:
            yield made

    def had_outage(self, since: float) -> None:
        """Notes that new calls could be refused from then (Unix seconds) until now."""
        self.injected = msgspec.structs.replace(
            self.injected, outages=(*self.injected.outages, (since - 0.1, time.time()))
        )

    def had_recording_outage(self, since: float, more_s: float) -> None:
        """Notes that recordings were out of reach, or cut short, from then (Unix seconds) until
        now; their events may come `more_s` later.
        """
        self.injected = msgspec.structs.replace(
            self.injected,
            recording_outages=(*self.injected.recording_outages, (since, time.time() + more_s)),
        )

    async def kill_asterisk(self) -> None:
        """Sends SIGKILL. Asterisk is gone, and every call that was up has ended."""
        running = process.Process(self.asterisk_pid)
        self._command = Path(f"/proc/{running.pid}/cmdline").read_bytes().decode().split("\0")[:-1]
        os.kill(running.pid, signal.SIGKILL)
        await running.ended()
        self.injected = msgspec.structs.replace(
            self.injected, kills=(*self.injected.kills, time.time())
        )
        self._killed_at = datetime.now(UTC)

    async def revive_asterisk(self) -> None:
        """Asterisk runs again, as the next start of tongdai would find it, and answers."""
        folder = self.instance.data / "asterisk"
        self._revived = process.launch(self._command, folder, folder / "log" / "console")
        state = msgspec.json.decode((folder / "node.json").read_bytes())
        (folder / "node.json").write_bytes(msgspec.json.encode(state | {"pid": self._revived.pid}))
        await until(lambda: self.ari("asterisk/info"), 60)

    async def recorded(self, within_s: float) -> float:
        """Seconds until no call that was live when Asterisk was killed is live in the database."""
        began = time.monotonic()
        async with observations.opened(self.dsn) as database:

            async def is_recorded() -> bool:
                async with database.connection() as tx:
                    return not await tx.fetchval(
                        "SELECT count(*) FROM calls WHERE started_at < $1", self._killed_at
                    )

            await until(is_recorded, within_s)
        return time.monotonic() - began

    async def start(self) -> tuple[float, float]:
        """`tongdai up`; seconds until the API answers with data, and until it is ready."""
        began = time.monotonic()
        starting = asyncio.create_task(self.instance.start())
        answers = await self.answers(within_s=90) - began
        await self.is_ready(within_s=90)
        ready = time.monotonic() - began
        await starting
        return answers, ready

    # --- what is asked

    async def ask(self, path: str, within_s: float = 5.0) -> int:
        """The status; 0 for no answer."""
        url, limit = f"http://{self.instance.http}{path}", aiohttp.ClientTimeout(total=within_s)
        headers = {"Authorization": f"Bearer {self.token}"}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.get(url, headers=headers) as answer,
            ):
                return answer.status
        return 0

    async def answers(self, within_s: float) -> float:
        """The time (time.monotonic) when the API answered the company with data."""
        return await self._until_200("/v1/cdr?limit=1", within_s)

    async def is_ready(self, within_s: float) -> float:
        """The time (time.monotonic) when /readyz was 200: database, switch, and recovery."""
        return await self._until_200("/readyz", within_s)

    async def _until_200(self, path: str, within_s: float) -> float:
        deadline = time.monotonic() + within_s
        while await self.ask(path) != 200:
            assert time.monotonic() < deadline, (
                f"{path} does not answer within {within_s:.0f} s\n{self.instance.said}"
            )
            await asyncio.sleep(POLL_S)
        return time.monotonic()

    @property
    def memory(self) -> float:
        """Megabytes that tongdai itself uses."""
        status = Path(f"/proc/{self.instance.pid}/status").read_text()
        return (
            int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
            / 1024
        )

    async def metric(self, name: str) -> float | None:
        """A sample of /metrics, by its whole name with labels; None where there is none."""
        url = f"http://{self.instance.http}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            for line in (await answer.text()).splitlines():
                if line.startswith(f"{name} "):
                    return float(line.rpartition(" ")[2])
        return None

    # --- what was seen

    async def settled(self, within_s: float, *, repeats: bool = False) -> float:
        """Seconds until no call was live in the database, every answered call had a record and
        every event had been delivered; with `repeats`, also what was under way when we killed its
        dispatcher: its lease ends first.

        The reconciliation finds what is not there within that time.
        """
        began = time.monotonic()
        async with observations.opened(self.dsn) as database:
            while (
                not await self._is_quiet(database, repeats=repeats)
                and time.monotonic() < began + within_s
            ):
                await asyncio.sleep(0.2)
        return time.monotonic() - began

    async def _is_quiet(self, database: db.Database, *, repeats: bool) -> bool:
        seen = observations.read(self.run)
        answered = {call.call_id for call in seen.calls if call.answered}
        async with database.connection() as tx:
            if await tx.fetchval("SELECT count(*) FROM calls"):
                return False
            if repeats and await deliveries.count_outstanding(tx):
                return False
            names = await tx.fetch("SELECT sip_call_id FROM cdr_sip_call_ids")
            recorded = {row["sip_call_id"] for row in names}
            told = {
                str(row["event_uuid"]) for row in await tx.fetch("SELECT event_uuid FROM events")
            }
        return answered <= recorded and told <= {delivery.id for delivery in seen.deliveries}

    def played(self) -> Sequence[observations.Played]:
        """The recordings that the subscriber has fetched so far."""
        return observations.read(self.run).played

    async def reconciled(self) -> reconciliation.Reconciliation:
        """The observations of the run so far, reconciled."""
        await observations.write(self.dsn, self.run)
        (self.run / "injected.json").write_bytes(msgspec.json.encode(self.injected))
        found = reconciliation.reconcile(observations.read(self.run))
        self.is_right = self.is_right and found.is_clean
        return found

    # --- where things are

    @property
    def dsn(self) -> str:
        """Of the database itself, whatever proxy stands between it and tongdai."""
        return postmaster.dsn_of(self.instance.data / "postgres")

    @property
    def asterisk_pid(self) -> int:
        known = msgspec.json.decode((self.instance.data / "asterisk" / "node.json").read_bytes())
        return int(known["pid"])

    async def ari(self, path: str) -> Any:
        """The switch's own answer to a GET; None for no answer or 404."""
        known = msgspec.json.decode((self.instance.data / "switch.json").read_bytes())
        url = urlsplit(known["asterisk_url"])
        login = aiohttp.encode_basic_auth(unquote(url.username or ""), unquote(url.password or ""))
        address = f"http://{url.hostname}:{url.port}/ari/{path}"
        with contextlib.suppress(aiohttp.ClientError):
            async with (
                aiohttp.ClientSession(headers={"Authorization": login}) as session,
                session.get(address) as answer,
            ):
                return await answer.json() if answer.status == 200 else None
        return None

    async def found(self, size: int, *, recording: bool, sink: int) -> None:
        """A company of `size` extensions is registered; its events go to port `sink`."""
        self.is_loud = recording
        master_key = MasterKey((self.instance.data / "secret").read_text().strip().encode())
        async with observations.opened(self.dsn) as database:
            made = await company.insert(database, master_key, size, recording=recording)
            url = f"http://127.0.0.1:{sink}/hook"
            await company.subscribe(database, master_key, self.folder, url)
        self.numbers += made.hotlines
        self.token = await company.log_in(self.instance.http)
        await until(lambda: self.ari(f"endpoints/PJSIP/{made.trunk}"), 20)
        self.phone_port = ports.phone_port(PHONE)
        await asyncio.to_thread(
            company.register, self.phone_port, self.instance.sip, made.passwords
        )


@asynccontextmanager
async def private(
    size: int = 10,
    *,
    recording: bool = False,
    prepare: Callable[[Path], None] = lambda _: None,
    **settings: str,
) -> AsyncIterator[Stand]:
    """`tongdai up` that starts PostgreSQL and Asterisk itself, a company of `size` extensions, and
    their phones. `prepare` gets the data folder before. All is removed afterwards, except for logs
    and observations of a run that went wrong.
    """
    folder = Path(tempfile.mkdtemp(prefix="tongdai-chaos-"))
    own = {"callback_allow": "127.0.0.0/8", "ari": ports.server(), **settings}
    stand = Stand(folder, Instance(folder, sandbox=False, calls=150, **own))
    async with kept_if_wrong(stand), AsyncExitStack() as stack:
        stack.push_async_callback(stand.instance.end)
        prepare(stand.instance.data)
        await stand.instance.start()
        await _people(stack, stand, size, recording=recording)
        yield stand


class Given(Stand):
    """PostgreSQL and Asterisk are started here, and tongdai reaches them through proxies."""

    postgres: server.Server
    to_postgres: Proxy
    to_asterisk: Proxy

    async def stop_postgres(self) -> None:
        """An immediate shutdown, like a crash."""
        os.kill(self.postgres.pid, signal.SIGQUIT)
        await self.postgres.wait()

    async def start_postgres(self) -> None:
        self.postgres = await server.start(self.instance.data / "postgres")

    async def reach_postgres(self) -> Streams:
        """A connection to its Unix socket. Raises OSError when it does not run."""
        try:
            folder = parse_qs(urlsplit(self.dsn).query)["host"][0]
        except errors.SetupError as reason:
            raise ConnectionRefusedError from reason
        return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")

    @asynccontextmanager
    async def people(self, size: int = 10) -> AsyncIterator[None]:
        """The company, its phones and its subscriber are there, for a tongdai that the scenario
        started.
        """
        async with AsyncExitStack() as stack:
            await _people(stack, self, size, recording=False)
            yield


@asynccontextmanager
async def given(
    size: int = 10, *, recording: bool = False, is_up: bool = True
) -> AsyncIterator[Given]:
    """`tongdai up` on a PostgreSQL and an Asterisk that are started here. Without `is_up` those
    two run, and tongdai does not.
    """
    folder = Path(tempfile.mkdtemp(prefix="tongdai-chaos-"))
    stand = Given(folder, Instance(folder, sandbox=False, calls=150))
    async with kept_if_wrong(stand), AsyncExitStack() as stack:
        stand.instance.set(**await _start_services(stack, stand))
        stack.push_async_callback(stand.instance.end)
        if is_up:
            await stand.instance.start()
            await _people(stack, stand, size, recording=recording)
        yield stand


async def _start_services(stack: AsyncExitStack, stand: Given) -> dict[str, str]:
    """Asterisk and PostgreSQL run. Returns the settings that name them."""
    data = stand.instance.data
    data.mkdir()
    await stand.start_postgres()
    stack.push_async_callback(lambda: stand.postgres.stop())  # noqa: PLW0108 -- the one that runs then
    chosen = Settings(
        data=data, sip=stand.instance.sip, rtp=stand.instance.rtp, ari=ports.server()
    )
    root = await asyncio.to_thread(services.asterisk, chosen, lambda *_: None)
    chosen = await services.with_switch(stack, chosen, root, [])
    services.master_key(chosen)
    await migrate.apply(stand.dsn)
    ari = urlsplit(chosen.asterisk_url)
    stand.to_asterisk = await stack.enter_async_context(
        proxy(lambda: asyncio.open_connection(ari.hostname, ari.port)),
    )
    stand.to_postgres = await stack.enter_async_context(proxy(stand.reach_postgres))
    login = urlsplit(stand.dsn).netloc.rpartition("@")[0]
    return {
        "dsn": f"postgresql://{login}@127.0.0.1:{stand.to_postgres.port}/tongdai",
        "asterisk_url": f"http://{ari.username}:{ari.password}@127.0.0.1:{stand.to_asterisk.port}",
        "asterisk_cel_log": chosen.asterisk_cel_log,
        "asterisk_spool": chosen.asterisk_spool,
        "callback_allow": "127.0.0.0/8",
    }


async def _people(stack: AsyncExitStack, stand: Stand, size: int, *, recording: bool) -> None:
    sink = await stack.enter_async_context(receiver.running(stand.folder))
    await stand.found(size, recording=recording, sink=sink)
    await stack.enter_async_context(
        callers.phones(stand.folder, stand.phone_port, is_loud=recording)
    )


@asynccontextmanager
async def kept_if_wrong(stand: Stand) -> AsyncIterator[None]:
    """The folder is removed, except for logs and observations of a run that went wrong."""
    is_right = False
    try:
        yield
        is_right = stand.is_right
    except asyncio.CancelledError:  # Ctrl-C
        is_right = True
        raise
    finally:
        logs = stand.instance.data / "asterisk" / "log"
        if not is_right and logs.exists():
            shutil.copytree(logs, stand.folder / "asterisk-log")
        gone = stand.folder if is_right else stand.instance.data
        await asyncio.to_thread(shutil.rmtree, gone, ignore_errors=True)
        if not is_right:
            print(f"  its observations and logs are in {stand.folder}", flush=True)
