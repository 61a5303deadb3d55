"""The services below the roles: PostgreSQL, Asterisk, the edge proxy and the sandbox.

The operator names them in the settings, or they run embedded in the data folder: as processes
that outlive a crash of ours and are adopted by the next start. A clean stop ends them;
`supervision` starts them again when they end by themselves.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tongdai import __version__, edge_process, encryption, errors, files, ports
from tongdai import settings as configuration
from tongdai.asterisk import browser_addresses, events, node, packages, provisioning
from tongdai.edge import EdgeConfig
from tongdai.encryption import MasterKey
from tongdai.sandbox import carrier, demo
from tongdai.settings import Settings
from tongdai.store import db, migrate, postmaster, server
from tongdai.store.tenants import Tenants
from tongdai.supervision import Supervised

UNFINISHED = "restore.unfinished"
"""A file in a data folder into which a backup is being restored."""
ANY = "0.0.0.0"  # noqa: S104 -- to recognise it, not to bind  # nosec B104
Progress = Callable[[str, int, int], None]
"""Called with the step that begins, the number of its parts done, and the number of all."""


class Services(msgspec.Struct, frozen=True):
    """The open database, the master key and the settings, which name an embedded database and a
    private Asterisk as if the operator had set them.
    """

    settings: Settings
    database: db.Database
    tenants: Tenants
    master_key: MasterKey

    @property
    def recordings(self) -> Path:
        """The folder of finished recordings."""
        return self.settings.data.absolute() / "recordings"


def master_key(settings: Settings) -> MasterKey:
    """The master key; it and the data folder are made at the first start.

    Raises errors.SetupError.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        return encryption.load_or_make(settings.secret, settings.data / "secret")
    except OSError as reason:
        raise errors.SetupError(
            f"the data folder {settings.data} cannot be used: {reason.strerror}"
        ) from reason


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """No other instance runs on the data folder meanwhile. Raises errors.SetupError."""
    if (data / UNFINISHED).exists():
        raise errors.SetupError(
            f"a restore into {data} was interrupted: empty it, and restore again"
        )
    with (data / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as reason:
            raise errors.SetupError(
                f"another tongdai runs on {data}: stop it, or give TONGDAI_DATA another folder"
            ) from reason
        yield


async def with_database(
    stack: AsyncExitStack, settings: Settings, progress: Progress, supervised: list[Supervised]
) -> Settings:
    """The settings with the DSN of a running, migrated database.

    An embedded one is started, supervised, and stopped when the stack is unwound.
    """
    if settings.dsn:
        dsn = settings.dsn
    else:
        progress("PostgreSQL starts", 0, 0)
        folder = settings.data.absolute() / "postgres"
        running = await server.start(folder)
        supervised.append(Supervised("PostgreSQL", running, lambda: server.start(folder)))
        stack.push_async_callback(supervised[-1].stop)
        dsn = running.dsn
    for name in await migrate.apply(dsn):
        progress(f"migrated {name}", 0, 0)
    return msgspec.structs.replace(settings, dsn=dsn)


def with_running_database(settings: Settings) -> Settings:
    """The database that the settings name, or the embedded one that runs in this data folder."""
    dsn = settings.dsn or postmaster.dsn_of(settings.data.absolute() / "postgres")
    return msgspec.structs.replace(settings, dsn=dsn)


def asterisk(settings: Settings, progress: Progress) -> packages.Root:
    """The Asterisk packages in the folder that the settings name, else in the cache folder, into
    which they are downloaded first. It blocks. Raises errors.SetupError.
    """
    given = Path(settings.asterisk) if settings.asterisk else None
    return packages.asterisk(settings.cache or packages.default_cache(), progress, given)


async def with_switch(
    stack: AsyncExitStack, settings: Settings, root: packages.Root, supervised: list[Supervised]
) -> Settings:
    """The settings with the address and files of a private Asterisk, which runs supervised and is
    stopped when the stack is unwound.
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
        stun=settings.stun,
        channel_variables=events.VARIABLES,
        values={"recordings": str(spool), "tls": _tls(settings)},
    )
    running = await node.start(spec)
    spec = msgspec.structs.replace(spec, ari=running.url.removeprefix("http://"))
    supervised.append(Supervised("Asterisk", running, lambda: node.start(spec)))
    stack.push_async_callback(supervised[-1].stop)
    url = running.url.replace("://", f"://{running.user}:{running.password}@")
    known = {
        "asterisk_url": url,
        "asterisk_cel_log": str(running.cel_log),
        "asterisk_spool": str(spool),
        "asterisk_security": str(running.security),
        "asterisk_hints": str(running.hints),
        "asterisk_prompts": str(running.prompts),
    }
    files.write(data / "switch.json", msgspec.json.encode(known))
    return msgspec.structs.replace(settings, **known)


def _tls(settings: Settings) -> str:
    """The transport for SIP over TLS, or nothing."""
    certificate, key = settings.sip_tls_cert, settings.sip_tls_key
    if not (settings.sip_tls and certificate and key):
        return ""
    return provisioning.tls_transport(
        settings.sip_tls,
        str(certificate.absolute()),
        str(key.absolute()),
        node.external(settings.external_ip),
    )


def with_running_switch(settings: Settings) -> Settings:
    """The settings with the address of the switch that they name, else of the private one of the
    data folder. Raises errors.SetupError where there is neither.
    """
    if settings.asterisk_url:
        return settings
    try:
        known = msgspec.json.decode(
            (settings.data / "switch.json").read_bytes(), type=dict[str, str]
        )
    except msgspec.DecodeError as reason:
        raise errors.SetupError(
            f"{settings.data / 'switch.json'} is damaged: start tongdai up again, which writes it"
        ) from reason
    except FileNotFoundError as reason:
        raise errors.SetupError(
            "no Asterisk is known: set TONGDAI_ASTERISK_URL, TONGDAI_ASTERISK_CEL_LOG and"
            " TONGDAI_ASTERISK_SPOOL"
        ) from reason
    return msgspec.structs.replace(settings, **known)


async def with_edge(
    stack: AsyncExitStack, settings: Settings, key: MasterKey, supervised: list[Supervised]
) -> tuple[Settings, edge_process.EdgeProcess]:
    """The settings with the address of the edge proxy, which runs supervised and is stopped when
    the stack is unwound. Raises errors.SetupError.
    """
    running = await edge_process.start(edge_config(settings, key))
    config = running.config
    supervised.append(Supervised("the edge proxy", running, lambda: edge_process.start(config)))
    stack.push_async_callback(supervised[-1].stop)
    return msgspec.structs.replace(settings, sip_ws=config.ws), running


def edge_config(settings: Settings, key: MasterKey) -> EdgeConfig:
    """The config of the edge proxy in front of the switch that the settings name."""
    url = urlsplit(settings.asterisk_url)
    switch = f"{url.scheme.replace('http', 'ws')}://{url.netloc.rpartition('@')[2]}/ws"
    certificate, private_key = settings.sip_tls_cert, settings.sip_tls_key
    return EdgeConfig(
        version=__version__,
        folder=str(edge_folder(settings)),
        switch=switch,
        source_key=browser_addresses.source_key(key),
        ws=settings.sip_ws,
        wss=settings.sip_wss,
        certificate=str(certificate.absolute()) if certificate else "",
        private_key=str(private_key.absolute()) if private_key else "",
        proxies=tuple(configuration.networks(settings.proxies)),
        connections=settings.sip_ws_connections,
        connections_address=settings.sip_ws_connections_address,
        log_level=settings.log_level,
        log_json=settings.log_json,
    )


def with_edge_address(settings: Settings, *, starts: bool) -> Settings:
    """The settings with the address of the edge proxy: theirs, else a free port if it `starts`
    now, else that of the one of this data folder, else none.
    """
    if settings.sip_ws:
        return settings
    free = f"127.0.0.1:{ports.free_port('tcp', '127.0.0.1')}" if starts else ""
    address = free or edge_process.address(edge_folder(settings))
    return msgspec.structs.replace(settings, sip_ws=address)


def edge_folder(settings: Settings) -> Path:
    """The folder of the edge proxy's files."""
    return settings.data.absolute() / "edge"


async def with_sandbox(
    stack: AsyncExitStack, services: Services, root: packages.Root, supervised: list[Supervised]
) -> tuple[demo.Demo, carrier.Carrier]:
    """The demo company, made at the first start, and its carrier and robot phones, which run
    supervised until the stack is unwound.
    """
    if given := services.settings.sandbox_sip:
        made, sandbox = await _start_sandbox(services, root, given)
    else:
        path = services.settings.data.absolute() / "sandbox.address"
        try:  # the same at each start: a running sandbox is taken over
            made, sandbox = await _start_sandbox(services, root, path.read_text().strip())
        except (FileNotFoundError, errors.SetupError):  # none yet, or somebody else has it now
            files.write(path, f"127.0.0.2:{ports.free_port('udp', '127.0.0.2')}")
            made, sandbox = await _start_sandbox(services, root, path.read_text())
    supervised.append(Supervised("the sandbox", sandbox, sandbox.restart))
    stack.push_async_callback(supervised[-1].stop)
    return made, sandbox


async def _start_sandbox(
    services: Services, root: packages.Root, sip: str
) -> tuple[demo.Demo, carrier.Carrier]:
    settings, data = services.settings, services.settings.data.absolute()
    made = await demo.make(services.database, services.master_key, data, sip)
    config = carrier.SandboxConfig(
        folder=data / "sandbox",
        sip=sip,
        rtp=_other_ports(*configuration.port_range(settings.rtp)),
        switch=_from_here(settings.sip),
        domain=made.domain,
        passwords=demo.robots(made),
    )
    return made, await carrier.start(root, config)


def _from_here(address: str) -> str:
    """The address by which this machine reaches itself: a trunk cannot be known by 0.0.0.0."""
    host, port = configuration.address(address)
    return f"127.0.0.1:{port}" if host == ANY else address


def _other_ports(first: int, last: int) -> tuple[int, int]:
    """A range of the same size beside the switch's."""
    size = min(last - first + 1, 4000)
    return (
        (last + 1, last + size) if last + size < 65_536 else (max(1024, first - size), first - 1)
    )


async def opened(stack: AsyncExitStack, settings: Settings, key: MasterKey) -> Services:
    """The database is open, until the stack is unwound."""
    database, tenants = db.Database(settings.dsn, is_busy=True), Tenants(settings.dsn)
    for one in (database, tenants):
        await one.open()
        stack.push_async_callback(one.close)
    return Services(settings, database, tenants, key)
