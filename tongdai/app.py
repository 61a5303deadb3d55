"""The composition root: settings become a database, a switch, an engine, a dispatcher, an API; in this order they start,
in the reverse they stop.
"""

import asyncio
import contextlib
import fcntl
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec
import structlog
import uvicorn

from tongdai import __version__, api, errors
from tongdai import settings as configuration
from tongdai.asterisk import events, node, packages, provisioning
from tongdai.asterisk.switch import Address
from tongdai.engine import housekeeping
from tongdai.engine.commands import Desk
from tongdai.engine.engine import Engine, Place
from tongdai.engine.leader import Leader
from tongdai.engine.recovery import Recovery
from tongdai.sandbox import carrier, demo
from tongdai.seal import Seal
from tongdai.settings import Settings
from tongdai.store import db, extensions, migrate, server, trunks
from tongdai.webhooks import guard
from tongdai.webhooks.client import Client
from tongdai.webhooks.deliver import Dispatcher

log = structlog.get_logger()

Role = Literal["api", "engine", "webhooks"]
ROLES: tuple[Role, ...] = ("api", "engine", "webhooks")
Progress = Callable[[str, int, int], None]

LOOPBACK = ("127.0.0.0/8", "::1/128")
PROVISION_S = 0.05  # how long changes gather before the switch is told


def prepare(settings: Settings) -> Seal:
    """The data folder and the master key are there. Raises errors.SetupError."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        return Seal(_master_key(settings))
    except OSError as reason:
        raise errors.SetupError(f"the data folder {settings.data} cannot be used: {reason.strerror}") from reason


def _master_key(settings: Settings) -> bytes:
    if settings.secret:
        return settings.secret.encode()
    path = settings.data / "secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip().encode()


class Instance(msgspec.Struct, frozen=True):
    """A running instance: what it is known by, and when all of it can be used."""

    settings: Settings
    demo: demo.Demo | None
    ready: asyncio.Event


@asynccontextmanager
async def up(settings: Settings, progress: Progress) -> AsyncIterator[tuple[Instance, Coroutine[Any, Any, None]]]:
    """Everything in one process, with a PostgreSQL and an Asterisk of its own where none are given.

    Yields what was started, and what serves until it is cancelled. When we are killed, PostgreSQL and Asterisk live
    on and the next start takes them over; a clean stop ends them. Raises errors.SetupError.
    """
    seal = prepare(settings)
    data = settings.data.absolute()
    async with AsyncExitStack() as stack:
        stack.enter_context(_alone(data))
        check_free("HTTP", settings.http)
        settings = await _with_database(stack, settings, progress)
        root = None
        if not settings.asterisk_url or settings.sandbox:
            root = await asyncio.to_thread(_asterisk, settings, progress)
        if not settings.asterisk_url and root:
            progress("Asterisk starts", 0, 0)
            settings = await _with_switch(stack, settings, root)
        database = await _open(stack, settings)
        made, player = None, None
        if settings.sandbox and root:
            progress("the sandbox starts", 0, 0)
            made, player = await _with_sandbox(stack, settings, root, database, seal, data)
        instance = Instance(settings, made, asyncio.Event())
        yield instance, _serve(settings, ROLES, database, seal, player, instance)


async def serve(settings: Settings, roles: tuple[Role, ...]) -> None:
    """These roles until cancelled, on a database, and for the engine a switch, that are there already."""
    seal = prepare(settings)
    async with AsyncExitStack() as stack:
        settings = _with_running_database(settings)
        if "engine" in roles:
            settings = with_running_switch(settings)
        database = await _open(stack, settings)
        await _serve(settings, roles, database, seal, None, Instance(settings, None, asyncio.Event()))


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """No other instance runs on the data folder, and none will. Raises errors.SetupError."""
    with (data / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as reason:
            raise errors.SetupError(
                f"another tongdai runs on {data}: stop it, or give TONGDAI_DATA another folder"
            ) from reason
        yield


async def _with_database(stack: AsyncExitStack, settings: Settings, progress: Progress) -> Settings:
    if settings.dsn:
        dsn = settings.dsn
    else:
        progress("PostgreSQL starts", 0, 0)
        running = await server.start(settings.data.absolute() / "postgres")
        stack.push_async_callback(running.stop)
        dsn = running.dsn
    for name in await migrate.apply(dsn):
        progress(f"migrated {name}", 0, 0)
    return msgspec.structs.replace(settings, dsn=dsn)


def _with_running_database(settings: Settings) -> Settings:
    dsn = settings.dsn or server.dsn_of(settings.data.absolute() / "postgres")
    return msgspec.structs.replace(settings, dsn=dsn)


def _asterisk(settings: Settings, progress: Progress) -> packages.Root:
    given = Path(settings.asterisk) if settings.asterisk else None
    return packages.asterisk(settings.cache or packages.default_cache(), progress, given)


async def _with_switch(stack: AsyncExitStack, settings: Settings, root: packages.Root) -> Settings:
    """The private Asterisk runs; the settings say where, as if it had been given."""
    data = settings.data.absolute()
    spool = data / "asterisk" / "spool" / "recording"  # ARI's own, so that all parts of a recording are together
    spool.mkdir(parents=True, exist_ok=True)
    running = await node.start(
        node.Spec(
            root=root,
            folder=data / "asterisk",
            sip=settings.sip,
            rtp=configuration.port_range(settings.rtp),
            ari=settings.ari,
            external_ip=settings.external_ip,
            channel_variables=events.VARIABLES,
            values={"recordings": str(spool), "tls": _tls(settings)},
        )
    )
    stack.push_async_callback(running.stop)
    url = running.url.replace("://", f"://{running.user}:{running.password}@")
    (data / "switch.json").touch(mode=0o600)
    known = {"asterisk_url": url, "asterisk_journal": str(running.journal), "asterisk_spool": str(spool)}
    (data / "switch.json").write_bytes(msgspec.json.encode(known))
    return msgspec.structs.replace(settings, **known)


def _tls(settings: Settings) -> str:
    """The transport for SIP over TLS, or nothing."""
    certificate, key = settings.sip_tls_cert, settings.sip_tls_key
    if not (settings.sip_tls and certificate and key):
        return ""
    return provisioning.tls_transport(settings.sip_tls, str(certificate.absolute()), str(key.absolute()))


def with_running_switch(settings: Settings) -> Settings:
    """The switch that the settings name, or the private one of this data folder. Raises errors.SetupError: none."""
    if settings.asterisk_url:
        return settings
    try:
        known = msgspec.json.decode((settings.data / "switch.json").read_bytes(), type=dict[str, str])
    except FileNotFoundError as reason:
        raise errors.SetupError(
            "no Asterisk is known: set TONGDAI_ASTERISK_URL, TONGDAI_ASTERISK_JOURNAL and TONGDAI_ASTERISK_SPOOL"
        ) from reason
    return msgspec.structs.replace(settings, **known)


async def _with_sandbox(
    stack: AsyncExitStack, settings: Settings, root: packages.Root, database: db.Database, seal: Seal, data: Path
) -> tuple[demo.Demo, carrier.Carrier]:
    sip = settings.sandbox_sip or _sandbox_address(data)
    made = await demo.make(database, seal, data, sip)
    first, last = configuration.port_range(settings.rtp)
    player = await carrier.start(
        root, data / "sandbox", sip, _other_ports(first, last), _from_here(settings.sip), made.domain, demo.robots(made)
    )
    stack.push_async_callback(player.stop)
    return made, player


def _sandbox_address(data: Path) -> str:
    """A loopback address beside the switch's, the same at each start: a running sandbox is taken over."""
    path = data / "sandbox.address"
    if not path.exists():
        path.write_text(f"127.0.0.2:{_free_port('127.0.0.2')}")
    return path.read_text().strip()


def _from_here(address: str) -> str:
    """The address as this machine reaches itself: "any" is none that a carrier could be known by."""
    host, port = configuration.address(address)
    return f"127.0.0.1:{port}" if host == "0.0.0.0" else address  # noqa: S104 it is replaced


def _other_ports(first: int, last: int) -> tuple[int, int]:
    """A range of the same size beside the switch's."""
    size = min(last - first + 1, 4000)
    return (last + 1, last + size) if last + size < 65_536 else (max(1024, first - size), first - 1)


async def _open(stack: AsyncExitStack, settings: Settings) -> db.Database:
    database = db.Database(settings.dsn)
    await database.open()
    stack.push_async_callback(database.close)
    return database


# --- roles


async def _serve(
    settings: Settings,
    roles: tuple[Role, ...],
    database: db.Database,
    seal: Seal,
    player: carrier.Carrier | None,
    instance: Instance,
) -> None:
    """The roles run until one fails or we are cancelled; then all stop."""
    allow = [*configuration.networks(settings.callback_allow), *(LOOPBACK if settings.sandbox else ())]
    async with AsyncExitStack() as stack:
        running: list[Coroutine[Any, Any, None]] = []
        dispatcher = None
        if "webhooks" in roles:
            client = await stack.enter_async_context(Client(guard.Guard(allow), __version__))
            dispatcher = Dispatcher(database, seal, client)
            running.append(dispatcher.run())
        engine = None
        if "engine" in roles:
            engine, work = await _engine(
                stack, settings, database, seal, dispatcher.wake if dispatcher else lambda: None
            )
            running.append(work)
        if "api" in roles:
            running.append(await _api(stack, settings, database, seal, player, engine, guard.Guard(allow)))
        if "api" in roles:
            running.append(_tell_ready(instance, engine))
        async with asyncio.TaskGroup() as group:
            for work in running:
                group.create_task(work)


async def _tell_ready(instance: Instance, engine: Engine | None) -> None:
    """`instance.ready` is set when the switch is linked, the robots have registered and the API answers."""
    if engine:
        await engine.switch.linked.wait()
        for number in demo.robots(instance.demo) if instance.demo else ():
            while not await engine.switch.phones(f"{number}@{demo.DOMAIN}"):
                await asyncio.sleep(0.05)
    limit = aiohttp.ClientTimeout(total=2)
    async with aiohttp.ClientSession(timeout=limit) as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"http://{instance.settings.http}/readyz") as answer:
                    if answer.status == 200:
                        break
            await asyncio.sleep(0.05)
    instance.ready.set()


async def _api(
    stack: AsyncExitStack,
    settings: Settings,
    database: db.Database,
    seal: Seal,
    player: carrier.Carrier | None,
    engine: Engine | None,
    callbacks: guard.Guard,
) -> Coroutine[Any, Any, None]:
    checks: dict[str, Callable[[], Awaitable[object]]] = {"database": lambda: _answers(database)}
    if engine:
        checks["switch"] = lambda: _is_linked(engine)
    application = api.create(
        api.Deps(
            database=database,
            seal=seal,
            base_url=settings.base_url,
            recordings=recordings(settings),
            callback_guard=callbacks.acceptable,
            token_life_s=settings.token_life_s,
            cors_origins=tuple(origin.strip() for origin in settings.cors_origins.split(",")),
            checks=checks,
            sandbox=player,
        )
    )
    return _http(settings, application)


async def _http(settings: Settings, application: Any) -> None:
    """Serves until cancelled; requests under way are finished first."""
    host, port = configuration.address(settings.http)
    listener = uvicorn.Server(
        uvicorn.Config(
            application,
            host=host,
            port=port,
            loop="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
    listener.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # signals are the command line's
    serving = asyncio.create_task(listener._serve(), name="http")  # noqa: SLF001 -- serve() takes the signals
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        listener.should_exit = True
        await serving
        raise


async def _answers(database: db.Database) -> None:
    async with database.connection() as tx:
        await tx.execute("SELECT 1")


async def _is_linked(engine: Engine) -> None:
    if not engine.switch.is_up:
        raise errors.SwitchDown


async def _engine(
    stack: AsyncExitStack, settings: Settings, database: db.Database, seal: Seal, published: Callable[[], None]
) -> tuple[Engine, Coroutine[Any, Any, None]]:
    address = urlsplit(settings.asterisk_url)
    netloc = address.netloc.rpartition("@")[2]
    place = Place(
        node="switch-1",
        address=Address(
            f"{address.scheme}://{netloc}", unquote(address.username or ""), unquote(address.password or "")
        ),
        journal=Path(settings.asterisk_journal),
        spool=Path(settings.asterisk_spool),
        recordings=recordings(settings),
        recording_url=f"{settings.base_url}/recordings/",
    )
    engine = Engine(database, place, published)
    desk = Desk(database, engine)
    engine.moved = desk.moved
    provisioner = Provisioner(settings, database, seal, engine)

    def lost() -> None:
        provisioner.changed("")
        desk.wake()

    await database.listen({"directory": provisioner.changed, "commands": lambda _: desk.wake()}, lost=lost)
    leader = Leader(settings.dsn, place.node)
    stack.push_async_callback(leader.release)
    recovery = Recovery(database, engine, place)
    keeping = housekeeping.run(database, place.recordings)
    return engine, _lead(leader, engine, desk, provisioner, recovery, keeping)


async def _lead(
    leader: Leader,
    engine: Engine,
    desk: Desk,
    provisioner: "Provisioner",
    recovery: Recovery,
    keeping: Coroutine[Any, Any, None],
) -> None:
    """Once it leads, the engine steers the switch; when another leads, it ends."""
    await leader.acquire()
    await recovery.load()
    await engine.load()
    await provisioner.now()
    ledger = asyncio.create_task(engine.ledger.run(), name="ledger")
    try:
        async with asyncio.TaskGroup() as group:
            for work in (engine.switch.run(), recovery.run(), desk.run(), provisioner.run(), keeping):
                group.create_task(work)
            await leader.lost()
            raise errors.SetupError("another controller leads this switch now")
    finally:
        await engine.close()
        ledger.cancel()
        await asyncio.gather(ledger, return_exceptions=True)


class Provisioner:
    """Keeps the switch told of the phones and trunks there are."""

    def __init__(self, settings: Settings, database: db.Database, seal: Seal, engine: Engine) -> None:
        self._database, self._seal, self._engine = database, seal, engine
        self._settings = settings
        self._changed = asyncio.Event()

    def changed(self, domain_uuid: str) -> None:
        self._engine.directories.forget(domain_uuid)
        self._changed.set()

    async def now(self) -> None:
        async with self._database.connection() as tx:
            logins = await extensions.list_for_provisioning(tx)
            links = await trunks.list_for_provisioning(tx, self._seal)
        phones = [
            provisioning.Phone(login.domain, login.extension, login.name, login.digest_md5, login.digest_sha256)
            for login in logins
        ]
        await self._engine.switch.provision(provisioning.objects(phones, map(_carrier, links), self._aliases(logins)))

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(PROVISION_S)
            self._changed.clear()
            try:
                await self.now()
            except errors.Unavailable as reason:
                log.warning("provisioning.waiting", why=str(reason))
                await asyncio.sleep(1)
                self._changed.set()

    def _aliases(self, logins: Any) -> dict[str, str]:
        """Phones that know only an address mean the one domain there is, or the demo's."""
        domains = {login.domain for login in logins}
        only = demo.DOMAIN if self._settings.sandbox and demo.DOMAIN in domains else None
        if len(domains) == 1:
            only = next(iter(domains))
        hosts = {configuration.address(self._settings.sip)[0], self._settings.external_ip, "localhost"} - {
            "",
            "0.0.0.0",
        }
        return dict.fromkeys(sorted(hosts), only) if only else {}


def _carrier(link: trunks.Link) -> provisioning.Carrier:
    trunk = link.trunk
    return provisioning.Carrier(
        trunk=str(trunk.trunk_uuid),
        auth=trunk.auth,
        host=trunk.host,
        transport=trunk.transport,
        addresses=trunk.addresses,
        username=trunk.username,
        password=link.password,
        from_user=trunk.from_user,
        from_domain=trunk.from_domain,
    )


def recordings(settings: Settings) -> Path:
    """Where recordings are kept."""
    return settings.data.absolute() / "recordings"


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
            raise errors.SetupError(f"the {what} address {address} cannot be used: {reason.strerror}") from reason
