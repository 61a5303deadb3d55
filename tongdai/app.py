"""The composition root: settings become a database, a switch, an engine, a dispatcher, an API.

They start in this order, and stop in reverse.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiohttp
import msgspec
import prometheus_client
import structlog
import uvicorn
from prometheus_client import REGISTRY
from prometheus_client.registry import Collector

from tongdai import (
    __version__,
    api,
    api_workers,
    edge,
    errors,
    files,
    messages,
    portal,
    ports,
    process,
    services,
    tracing,
)
from tongdai import settings as configuration
from tongdai.api.counts import Counts
from tongdai.asterisk import browser_addresses
from tongdai.asterisk.provisioning import SwitchConfig
from tongdai.asterisk.reconnect import Address
from tongdai.dispatching import DispatcherProcess
from tongdai.edge import registry as edge_metrics
from tongdai.encryption import MasterKey
from tongdai.engine import certificates, housekeeping, phone_credentials
from tongdai.engine.bans import Bans
from tongdai.engine.commands import CommandRunner
from tongdai.engine.engine import Engine
from tongdai.engine.leader import Leader
from tongdai.engine.live_state import LiveState
from tongdai.engine.measurements import Measurements
from tongdai.engine.node_config import NodeConfig
from tongdai.engine.prompts import Prompts
from tongdai.engine.provisioner import Provisioner
from tongdai.engine.recovery import Recovery
from tongdai.engine.refused_media import RefusedMedia
from tongdai.engine.trunk_registrations import TrunkRegistrations
from tongdai.engine.volumes import Volumes
from tongdai.pbx.endpoint import Endpoint
from tongdai.recording_files import LocalFolder
from tongdai.sandbox import demo
from tongdai.sandbox.carrier import Carrier
from tongdai.sandbox.demo import Demo
from tongdai.services import Services
from tongdai.settings import Settings
from tongdai.supervision import Supervised, kept
from tongdai.webhooks import guard, metrics
from tongdai.webhooks.client import Client
from tongdai.webhooks.dispatcher import Dispatcher
from tongdai.webhooks.trial import Trial

log = structlog.get_logger()

Role = Literal["api", "engine", "webhooks", "edge"]
ROLES: tuple[Role, ...] = ("api", "engine", "webhooks", "edge")
Work: TypeAlias = Coroutine[Any, Any, None]
"""A task that runs until it is cancelled."""

"""In the data folder while all can be used: addresses and credentials of this instance."""
LOOK_S = 0.05
KEEP_ALIVE_S = 75  # longer than clients and proxies keep an idle connection: they close it, not we


class Shared(msgspec.Struct, frozen=True):
    """What a worker of the API has together with others: the socket, what they count, and the
    metrics of all.
    """

    listening: socket.socket
    counts: Counts
    metrics: Callable[[], bytes]


class Instance(msgspec.Struct, frozen=True):
    """The running instance: its addresses and credentials, and an event for when all of it is
    usable.
    """

    settings: Settings
    ready: asyncio.Event
    demo: Demo | None = None
    sandbox: Carrier | None = None


@asynccontextmanager
async def up(
    settings: Settings, progress: services.Progress
) -> AsyncIterator[tuple[Instance, Work]]:
    """Everything: API and engine in this process, the dispatcher and the edge proxy in processes
    of their own, with a private PostgreSQL and Asterisk if none are given.

    Yields the instance, and the task that serves until it is cancelled. A clean stop ends
    PostgreSQL, Asterisk and the edge proxy. When this process is killed, or fails, they live on
    with their calls and the next start takes them over; a start that fails leaves running what ran
    before. Raises errors.SetupError.
    """
    if settings.workers > 1 and settings.sandbox:
        raise errors.SetupError("the sandbox has one API process: set TONGDAI_WORKERS to 1")
    key = services.master_key(settings)
    supervised: list[Supervised] = []
    async with AsyncExitStack() as stack:
        stack.enter_context(tracing.exported(settings.traces))
        stack.enter_context(services.locked(settings.data.absolute()))
        # left by a killed process: clients must not use it before this instance is ready
        (settings.data / configuration.READY).unlink(missing_ok=True)
        ports.check_free("HTTP", "tcp", settings.http)
        with _left_at_failure(supervised, only_adopted=True):
            opened, instance = await _started(stack, settings, key, progress, supervised)
            dispatcher = await DispatcherProcess(opened.settings).start()
            supervised.append(Supervised("the dispatcher", dispatcher, dispatcher.start))
            # also after a failure: its work is in the database
            stack.push_async_callback(dispatcher.stop)
            stack.enter_context(_shown(dispatcher))
        with _left_at_failure(supervised):
            roles: tuple[Role, ...] = ("api", "engine")
            yield instance, _serve(opened, roles, instance, supervised, dispatcher.wake)


@contextlib.contextmanager
def _left_at_failure(
    supervised: Collection[Supervised], *, only_adopted: bool = False
) -> Iterator[None]:
    """A failure of ours does not stop the services; a requested stop does."""
    try:
        yield
    except Exception:
        for each in supervised:
            each.leave(only_adopted=only_adopted)
        raise


async def _started(
    stack: AsyncExitStack,
    settings: Settings,
    key: MasterKey,
    progress: services.Progress,
    supervised: list[Supervised],
) -> tuple[Services, Instance]:
    """Starts the services that are not given, and the sandbox if it is wanted."""
    settings = await services.with_database(stack, settings, progress, supervised)
    root = None
    if not settings.asterisk_url or settings.sandbox:
        root = await asyncio.to_thread(services.asterisk, settings, progress)
    if not settings.asterisk_url and root:
        progress("Asterisk starts", 0, 0)
        settings = await services.with_switch(stack, settings, root, supervised)
    settings, edge_process = await services.with_edge(stack, settings, key, supervised)
    stack.enter_context(_shown(edge_process))
    opened = await services.opened(stack, settings, key)
    if not (settings.sandbox and root):
        return opened, Instance(settings, asyncio.Event())
    progress("the sandbox starts", 0, 0)
    made = await services.with_sandbox(stack, opened, root, supervised)
    return opened, Instance(settings, asyncio.Event(), *made)


async def serve(settings: Settings, roles: tuple[Role, ...]) -> None:
    """Runs these roles until cancelled, on an existing database and, for the engine, an existing
    switch.
    """
    key = services.master_key(settings)
    async with AsyncExitStack() as stack:
        stack.enter_context(tracing.exported(settings.traces))
        settings = services.with_running_database(settings)
        if {"engine", "edge"} & set(roles):
            settings = services.with_running_switch(settings)
        if "api" in roles or "edge" in roles:
            settings = services.with_edge_address(settings, starts="edge" in roles)
        opened = await services.opened(stack, settings, key)
        if settings.metrics and "api" not in roles:
            stack.enter_context(_metrics(settings.metrics))
        await _serve(opened, roles, Instance(settings, asyncio.Event()))


async def serve_shared(settings: Settings, shared: Shared) -> None:
    """Serves the API as one of several workers, until cancelled."""
    async with AsyncExitStack() as stack:
        stack.enter_context(tracing.exported(settings.traces))
        opened = await services.opened(stack, settings, services.master_key(settings))
        callbacks = guard.Guard(configuration.callback_networks(settings))
        feeds = api.Feeds(opened.database, opened.tenants)
        client = await stack.enter_async_context(Client(callbacks, __version__))
        deps = msgspec.structs.replace(
            _deps(opened, None, None, None, callbacks),
            feeds=feeds,
            published=feeds.wake,
            trial=Trial(client),
            counts=shared.counts,
            metrics=shared.metrics,
        )
        await _http(settings, portal.create(api.create(deps)), feeds.close, shared.listening)


async def _serve(
    opened: Services,
    roles: tuple[Role, ...],
    instance: Instance,
    supervised: Collection[Supervised] = (),
    *others: Callable[[Collection[UUID]], None],
) -> None:
    """Runs the roles until one fails for good or the task is cancelled; then all stop. `others`
    are called with the domains that have new events.
    """
    settings = opened.settings
    callbacks = guard.Guard(configuration.callback_networks(settings))
    async with AsyncExitStack() as stack:
        running: list[Work] = [kept("supervision", each.run) for each in supervised]
        feeds = api.Feeds(opened.database, opened.tenants)
        woken: list[Callable[[Collection[UUID]], None]] = [feeds.wake, *others]

        def published(domains: Collection[UUID]) -> None:
            """Does nothing: dispatchers and listeners in other processes poll."""
            for wake in woken:
                wake(domains)

        client = await stack.enter_async_context(Client(callbacks, __version__))
        if "webhooks" in roles:
            dispatcher = Dispatcher(opened.database, opened.master_key, client)
            stack.enter_context(_shown(metrics.REGISTRY))
            woken.append(dispatcher.wake)
            running.append(dispatcher.run())
        if "edge" in roles:
            stack.enter_context(_shown(edge_metrics.REGISTRY))
            running.append(_edge(opened))
        engine, commands = None, None
        if "engine" in roles:
            engine, commands, work = await _engine(stack, opened, published)
            running.append(work)
        if "api" in roles and settings.workers > 1:
            workers = await stack.enter_async_context(api_workers.started(settings))
            running += [kept("supervision", each.run) for each in workers.supervised]
            running += [
                kept("metrics of workers", workers.exchange_metrics),
                kept("readiness", partial(_tell_ready, instance, engine)),
            ]
        elif "api" in roles:
            deps = _deps(opened, instance.sandbox, engine, commands, callbacks)
            deps = msgspec.structs.replace(
                deps, feeds=feeds, published=published, trial=Trial(client)
            )
            running += [
                _http(settings, portal.create(api.create(deps)), feeds.close),
                kept("readiness", partial(_tell_ready, instance, engine)),
            ]
        log.info("roles.started", roles=", ".join(roles), version=__version__)
        async with asyncio.TaskGroup() as group:
            for work in running:
                group.create_task(work)


@contextlib.contextmanager
def _metrics(address: str) -> Iterator[None]:
    """Serves the metrics of this process, in a thread."""
    host, port = configuration.address(address)
    ports.check_free("metrics", "tcp", address)
    server, thread = prometheus_client.start_http_server(port, host)
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def _shown(collector: Collector) -> Iterator[None]:
    """Its metrics are among ours while it runs."""
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)


# --- API


def _deps(
    opened: Services,
    sandbox: Carrier | None,
    engine: Engine | None,
    commands: CommandRunner | None,
    callbacks: guard.Guard,
) -> api.Deps:
    settings = opened.settings
    checks: dict[str, Callable[[], Awaitable[object]]] = {
        "data": partial(_is_writable, settings.data)
    }
    if engine:
        checks["switch"] = partial(_is_linked, engine)
    return api.Deps(
        database=opened.database,
        tenants=opened.tenants,
        master_key=opened.master_key,
        base_url=settings.base_url,
        sip_server=configuration.sip_server(settings),
        recordings=LocalFolder(opened.recordings),
        callback_guard=callbacks.acceptable,
        token_life_s=settings.token_life_s,
        cors_origins=tuple(origin.strip() for origin in settings.cors_origins.split(",")),
        domain_rate=settings.rate_domain,
        most_subscriptions=settings.subscriptions,
        address_rate=settings.rate_address,
        checks=checks,
        sandbox=sandbox,
        commands=commands,
        ice=api.IceSettings(
            settings.stun, tuple(configuration.listed(settings.turn_urls)), settings.turn_secret
        ),
    )


async def _http(
    settings: Settings,
    application: Any,
    stopping: Callable[[], None],
    shared: socket.socket | None = None,
) -> None:
    """Serves until cancelled, on the socket that workers share if there is one; requests under
    way are finished first: `stopping` ends those without an end of their own.
    """
    host, port = configuration.address(settings.http)
    trusted = configuration.networks(settings.proxies)
    most = min(settings.http_connections // settings.workers, process.open_files() // 2)
    among = api.Connections(most, settings.http_connections_address, trusted)
    listener = api.Server(
        uvicorn.Config(
            application,
            http=api.Protocol.within(among),
            host=host,
            port=port,
            loop="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=trusted,
            ws=api.SipWebSocket.towards(settings.sip_ws),
            timeout_graceful_shutdown=5,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
    )
    serving = asyncio.create_task(
        listener.serve(sockets=[shared] if shared else None), name="http"
    )
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        stopping()
        listener.should_exit = True
        await serving
        raise


async def _is_writable(folder: Path) -> None:
    """Raises errors.Unavailable if no file can be written, as on a full volume."""
    try:
        await asyncio.to_thread(files.write, folder / ".readyz", bytes(4096))
    except OSError as reason:
        raise errors.Unavailable(messages.NOT_WRITABLE(why=reason.strerror)) from reason


async def _is_linked(engine: Engine) -> None:
    if not engine.switch.is_up:
        raise errors.SwitchDown


async def _tell_ready(instance: Instance, engine: Engine | None) -> None:
    """Sets `instance.ready` when the switch is linked, the robots have registered and the API
    responds.
    """
    if engine:
        await engine.switch.linked.wait()
        for number in demo.robots(instance.demo) if instance.demo else ():
            while not await engine.switch.phones(str(Endpoint(number, demo.DOMAIN))):  # noqa: ASYNC110 -- Asterisk sends no event
                await asyncio.sleep(LOOK_S)
    limit = aiohttp.ClientTimeout(total=2)
    async with aiohttp.ClientSession(timeout=limit) as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"http://{instance.settings.http}/readyz") as answer:
                    if answer.status == 200:
                        break
            await asyncio.sleep(LOOK_S)
    instance.ready.set()


# --- edge proxy


async def _edge(opened: Services) -> None:
    """Serves browser phones until cancelled, in this process."""
    config = services.edge_config(opened.settings, opened.master_key)
    Path(config.folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    await edge.serve(config, asyncio.Event())


# --- engine


async def _engine(
    stack: AsyncExitStack, opened: Services, published: Callable[[Collection[UUID]], None]
) -> tuple[Engine, CommandRunner, Work]:
    """The engine, the runner of its commands, and the task that makes it lead its switch and steer
    it.
    """
    settings, database = opened.settings, opened.database
    config = _node_config(opened)
    engine = Engine(database, config, opened.tenants.health_probe, published)
    live_state = LiveState(database, engine)
    addresses = {configuration.address(settings.sip)[0], settings.external_ip, "localhost"} - {
        "",
        services.ANY,
    }
    provisioner = Provisioner(
        database,
        opened.master_key,
        engine,
        addresses,
        demo.DOMAIN if settings.sandbox else "",
        config=SwitchConfig(settings.sip_qualify_s, settings.silence_s, settings.sip_sha),
    )
    commands = CommandRunner(database, engine, provisioner.provision)
    prompts = Prompts(database, config.node, config.prompts, engine.switch.reload_music)
    bans = Bans(
        database,
        Path(settings.asterisk_security),
        settings.sip_failures,
        clients=browser_addresses.Clients(services.edge_folder(settings)),
        proxies=configuration.networks(settings.sip_proxies),
        lock=provisioner.lock,
    )

    def lost() -> None:
        provisioner.lost()
        commands.wake()
        live_state.wake()
        prompts.wake()

    def wanted(node: str) -> None:
        if node == config.node:
            live_state.wake()

    def asked(payload: str) -> None:
        if payload.startswith(f"{config.node}/"):
            commands.wake()

    heard: dict[str, Callable[[str], None]] = {
        "directory": provisioner.directory_changed,
        "objects": provisioner.object_changed,
        "bans": provisioner.bans_changed,
        "prompts": lambda _payload: prompts.wake(),
        "commands": asked,
        "live_wanted": wanted,
    }
    await database.listen(heard, lost=lost)
    leader = Leader(settings.dsn, config.node)
    stack.push_async_callback(leader.release)
    recovery = Recovery(database, engine, config)

    async def prepared() -> None:
        await recovery.load()
        await engine.load()
        await provisioner.now()

    watched = {
        "data": settings.data,
        "cel_log": config.cel_log.parent,
        "spool": config.spool,
        "recordings": opened.recordings,
    }
    volumes = Volumes(watched, config.cel_log, lambda: engine.arrivals)
    measurements = Measurements(
        database, engine.live_calls, engine.switch.endpoint_states, config.node
    )
    days = {
        "events": settings.event_days,
        "attempts": settings.delivery_log_days,
        "timelines": settings.timeline_days,
    }
    keeping = partial(
        housekeeping.run,
        database,
        config.recordings,
        days,
        node=config.node,
        audit_days=settings.audit_days,
        logs=_own_logs(settings),
    )
    steering = [
        partial(kept, "switch", partial(engine.switch.run, recovery.reconnected)),
        partial(kept, "recovery", recovery.run),
        partial(kept, "commands", commands.run),
        partial(kept, "live state", live_state.run),
        partial(kept, "jitter buffers", engine.jitter_buffers.run),
        # after a failure it is unknown which objects were pushed
        partial(kept, "provisioner", provisioner.run, provisioner.lost),
        partial(kept, "prompts", prompts.run, prompts.wake),
        partial(kept, "volumes", volumes.run),
        partial(kept, "measurements", measurements.run),
        partial(kept, "housekeeping", keeping),
        partial(kept, "phone credentials", partial(phone_credentials.run, database)),
    ]
    if settings.sip_tls and settings.sip_tls_cert and settings.sip_tls_key:
        tls = (settings.sip_tls_cert.absolute(), settings.sip_tls_key.absolute())
        renewing = partial(certificates.watch, tls, engine.switch.reload_certificates)
        steering.append(partial(kept, "certificates", renewing))
    if settings.asterisk_security:
        steering.append(partial(kept, "bans", bans.run))
        # beside the security log (logger.conf)
        told = Path(settings.asterisk_security).with_name("sip")
        carriers = TrunkRegistrations(database, told, config.node)
        steering.append(partial(kept, "trunk registrations", carriers.run))
        refused = RefusedMedia(database, told, engine.mailboxes.put)
        steering.append(partial(kept, "refused media", refused.run))
    return engine, commands, _lead(leader, engine, prepared, steering)


def _own_logs(settings: Settings) -> Path | None:
    """The folder of the private Asterisk's logs; None if the operator runs Asterisk."""
    folder = Path(settings.asterisk_security).parent
    return folder if folder.is_relative_to(settings.data.absolute()) else None


def _node_config(opened: Services) -> NodeConfig:
    settings = opened.settings
    address = urlsplit(settings.asterisk_url)
    url = f"{address.scheme}://{address.netloc.rpartition('@')[2]}"
    return NodeConfig(
        node=settings.node,
        address=Address(url, unquote(address.username or ""), unquote(address.password or "")),
        cel_log=Path(settings.asterisk_cel_log),
        spool=Path(settings.asterisk_spool),
        recordings=LocalFolder(opened.recordings),
        recording_url=f"{settings.base_url}/recordings/",
        hints=Path(settings.asterisk_hints) if settings.asterisk_hints else None,
        jitter_buffer_ms=settings.jitter_buffer_ms,
        prompts=Path(settings.asterisk_prompts) if settings.asterisk_prompts else None,
    )


async def _lead(
    leader: Leader,
    engine: Engine,
    prepared: Callable[[], Awaitable[None]],
    steering: Collection[Callable[[], Work]],
) -> None:
    """Once it leads, the engine steers the switch; it ends when another leads, or when commits
    fail for good.
    """
    await leader.acquire()
    await prepared()
    committing = asyncio.create_task(engine.group_commit.run(), name="group-commit")
    try:
        async with asyncio.TaskGroup() as group:
            for run in steering:
                group.create_task(run())
            group.create_task(_ended(committing))
            await leader.lost()
            raise errors.SetupError("another controller leads this switch now")
    finally:
        await engine.close()
        committing.cancel()
        await asyncio.gather(committing, return_exceptions=True)


async def _ended(task: asyncio.Task[None]) -> None:
    """Raises the exception of the task, once it has ended; cancellation does not reach the
    task.
    """
    await asyncio.wait([task])
    task.result()
