"""What stands below the roles: PostgreSQL, Asterisk and the sandbox, given ones or private ones in
the data folder.

Private ones are started as processes that outlive us and are taken over by the next start; a clean
stop ends them. When they die by themselves they are started again.
"""

import asyncio
import fcntl
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from tongdai import errors, files, seal
from tongdai import settings as configuration
from tongdai.asterisk import events, node, packages, provisioning
from tongdai.sandbox import carrier, demo
from tongdai.seal import Seal
from tongdai.settings import Settings
from tongdai.store import db, migrate, server
from tongdai.store.tenants import Tenants

log = structlog.get_logger()

ANY = "0.0.0.0"  # noqa: S104 -- to recognise it, not to bind  # nosec B104
PAUSES_S = (0.0, 1.0, 5.0, 15.0, 30.0)  # before it is started again; the last one repeats
STEADY_S = 60.0  # who lived so long did not die of how it was started
Progress = Callable[[str, int, int], None]
"""Told what is being done, and how many of how many parts of it are done."""


class Running(Protocol):
    """PostgreSQL, Asterisk or the sandbox."""

    async def wait(self) -> None: ...
    async def stop(self) -> None: ...


class Kept:
    """One of them, from now on; `again` starts it anew at the same address, or raises
    errors.SetupError.
    """

    def __init__(
        self, what: str, running: Running, again: Callable[[], Awaitable[Running]]
    ) -> None:
        self._what, self._running, self._again = what, running, again

    async def run(self) -> None:
        """Until cancelled. One that dies is started at once; one that keeps dying, after longer
        and longer pauses.
        """
        clock = asyncio.get_running_loop().time
        tries = 0
        while True:
            began = clock()
            await self._running.wait()
            tries = 0 if clock() - began > STEADY_S else tries
            log.error(
                "private.died", what=self._what, again_in_s=PAUSES_S[min(tries, len(PAUSES_S) - 1)]
            )
            tries = await self._start(tries)
            log.warning("private.started_again", what=self._what)

    async def _start(self, tries: int) -> int:
        """How often it has been tried by now."""
        while True:
            await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
            tries += 1
            try:
                self._running = await self._again()
            except (errors.SetupError, OSError) as reason:
                log.error("private.not_started", what=self._what, why=str(reason))  # noqa: TRY400 -- said in a line
            else:
                return tries

    async def stop(self) -> None:
        await self._running.stop()


class Ground(msgspec.Struct, frozen=True):
    """What every role stands on. The settings tell of the private database and switch as if they
    had been given.
    """

    settings: Settings
    database: db.Database
    tenants: Tenants
    seal: Seal

    @property
    def recordings(self) -> Path:
        """Where recordings are kept."""
        return self.settings.data.absolute() / "recordings"


def sealed(settings: Settings) -> Seal:
    """The data folder and the master key are there. Raises errors.SetupError."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        return seal.load_or_make(settings.secret, settings.data / "secret")
    except OSError as reason:
        raise errors.SetupError(
            f"the data folder {settings.data} cannot be used: {reason.strerror}"
        ) from reason


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """No other instance runs on the data folder, and none will. Raises errors.SetupError."""
    with (data / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as reason:
            raise errors.SetupError(
                f"another tongdai runs on {data}: stop it, or give TONGDAI_DATA another folder"
            ) from reason
        yield


async def with_database(
    stack: AsyncExitStack, settings: Settings, progress: Progress, kept: list[Kept]
) -> Settings:
    """The database is there and of this version; the settings have its DSN. A private one is among
    the kept.
    """
    if settings.dsn:
        dsn = settings.dsn
    else:
        progress("PostgreSQL starts", 0, 0)
        folder = settings.data.absolute() / "postgres"
        running = await server.start(folder)
        kept.append(Kept("PostgreSQL", running, lambda: server.start(folder)))
        stack.push_async_callback(kept[-1].stop)
        dsn = running.dsn
    for name in await migrate.apply(dsn):
        progress(f"migrated {name}", 0, 0)
    return msgspec.structs.replace(settings, dsn=dsn)


def with_running_database(settings: Settings) -> Settings:
    """The database that the settings name, or the embedded one that runs in this data folder."""
    dsn = settings.dsn or server.dsn_of(settings.data.absolute() / "postgres")
    return msgspec.structs.replace(settings, dsn=dsn)


def asterisk(settings: Settings, progress: Progress) -> packages.Root:
    """The Asterisk that the settings name, or the one fetched; it blocks. Raises
    errors.SetupError.
    """
    given = Path(settings.asterisk) if settings.asterisk else None
    return packages.asterisk(settings.cache or packages.default_cache(), progress, given)


async def with_switch(
    stack: AsyncExitStack, settings: Settings, root: packages.Root, kept: list[Kept]
) -> Settings:
    """The private Asterisk runs, and is among the kept; the settings say where, as if it had been
    given.
    """
    data = settings.data.absolute()
    # ARI's own, so that all parts of a recording are together
    spool = data / "asterisk" / "spool" / "recording"
    spool.mkdir(parents=True, exist_ok=True)
    spec = node.Spec(
        root=root,
        folder=data / "asterisk",
        sip=settings.sip,
        rtp=configuration.port_range(settings.rtp),
        ari=settings.ari,
        external_ip=settings.external_ip,
        channel_variables=events.VARIABLES,
        values={"recordings": str(spool), "tls": _tls(settings)},
    )
    running = await node.start(spec)
    spec = msgspec.structs.replace(spec, ari=running.url.removeprefix("http://"))
    kept.append(Kept("Asterisk", running, lambda: node.start(spec)))
    stack.push_async_callback(kept[-1].stop)
    url = running.url.replace("://", f"://{running.user}:{running.password}@")
    known = {
        "asterisk_url": url,
        "asterisk_journal": str(running.journal),
        "asterisk_spool": str(spool),
        "asterisk_security": str(running.security),
    }
    files.write(data / "switch.json", msgspec.json.encode(known))
    return msgspec.structs.replace(settings, **known)


def _tls(settings: Settings) -> str:
    """The transport for SIP over TLS, or nothing."""
    certificate, key = settings.sip_tls_cert, settings.sip_tls_key
    if not (settings.sip_tls and certificate and key):
        return ""
    return provisioning.tls_transport(
        settings.sip_tls, str(certificate.absolute()), str(key.absolute())
    )


def with_running_switch(settings: Settings) -> Settings:
    """The switch that the settings name, or the private one of this data folder. Raises
    errors.SetupError: none.
    """
    if settings.asterisk_url:
        return settings
    try:
        known = msgspec.json.decode(
            (settings.data / "switch.json").read_bytes(), type=dict[str, str]
        )
    except FileNotFoundError as reason:
        raise errors.SetupError(
            "no Asterisk is known: set TONGDAI_ASTERISK_URL, TONGDAI_ASTERISK_JOURNAL and TONGDAI_ASTERISK_SPOOL"
        ) from reason
    return msgspec.structs.replace(settings, **known)


async def with_sandbox(
    stack: AsyncExitStack, ground: Ground, root: packages.Root, kept: list[Kept]
) -> tuple[demo.Demo, carrier.Carrier]:
    """The demo company is there, and its carrier and robot phones run; they are among the kept."""
    if given := ground.settings.sandbox_sip:
        made, player = await _play(ground, root, given)
    else:
        path = ground.settings.data.absolute() / "sandbox.address"
        try:  # the same at each start: a running sandbox is taken over
            made, player = await _play(ground, root, path.read_text().strip())
        except (FileNotFoundError, errors.SetupError):  # none yet, or somebody else has it now
            files.write(path, f"127.0.0.2:{_free_port('127.0.0.2')}")
            made, player = await _play(ground, root, path.read_text())
    kept.append(Kept("the sandbox", player, player.again))
    stack.push_async_callback(kept[-1].stop)
    return made, player


async def _play(
    ground: Ground, root: packages.Root, sip: str
) -> tuple[demo.Demo, carrier.Carrier]:
    settings, data = ground.settings, ground.settings.data.absolute()
    made = await demo.make(ground.database, ground.seal, data, sip)
    stage = carrier.Stage(
        folder=data / "sandbox",
        sip=sip,
        rtp=_other_ports(*configuration.port_range(settings.rtp)),
        switch=_from_here(settings.sip),
        domain=made.domain,
        passwords=demo.robots(made),
    )
    return made, await carrier.start(root, stage)


def _from_here(address: str) -> str:
    """The address as this machine reaches itself: "any" is none that a carrier could be known
    by.
    """
    host, port = configuration.address(address)
    return f"127.0.0.1:{port}" if host == ANY else address


def _other_ports(first: int, last: int) -> tuple[int, int]:
    """A range of the same size beside the switch's."""
    size = min(last - first + 1, 4000)
    return (
        (last + 1, last + size) if last + size < 65_536 else (max(1024, first - size), first - 1)
    )


async def opened(stack: AsyncExitStack, settings: Settings, key: Seal) -> Ground:
    """The database is open, until the stack is unwound."""
    database, tenants = db.Database(settings.dsn, is_busy=True), Tenants(settings.dsn)
    for one in (database, tenants):
        await one.open()
        stack.push_async_callback(one.close)
    return Ground(settings, database, tenants, key)


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def check_free(what: str, address: str) -> None:
    """Nothing else listens there. Raises errors.SetupError."""
    host, port = configuration.address(address)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as reason:
            raise errors.SetupError(
                f"the {what} address {address} cannot be used: {reason.strerror}"
            ) from reason
