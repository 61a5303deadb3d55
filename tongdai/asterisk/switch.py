"""One Asterisk as the engine sees it: signals come, actions go, phones and trunks are known; links
come and go below.

Reconnecting follows docs/reliability.md: never subscribeAll; an echo proves that the link lives;
one leader a node.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import structlog

from tongdai import errors
from tongdai.asterisk import ari, events, packages, provisioning, translate
from tongdai.asterisk.contacts import Contacts
from tongdai.asterisk.dynamic_config import DynamicConfig
from tongdai.pbx.actions import Action, Dial, HangUp, Originate, Record, Wait
from tongdai.pbx.signals import LegDialed, OriginateRefused, Signal

log = structlog.get_logger()

APP = "tongdai"
ECHO_S = 2.0
ECHO_LIMIT_S = 3.0
# the last one repeats; Asterisk must have forgotten the old link
RECONNECT_S = (0.5, 1.0, 2.0, 5.0)
LATE_S = 180.0  # for so long TCP repeats what a half-open link held back (RFC 6298)
SPY_TRIES, SPY_S = 50, 0.02
GONE, CONFLICT = 404, 409  # ARI: no such channel; it is not in the application


class Address(msgspec.Struct, frozen=True):
    """Where an Asterisk's ARI is, without "/ari"."""

    url: str
    user: str
    password: str


class Standing(msgspec.Struct, frozen=True):
    """What runs on the switch at this moment: channel ids by call, and since when it has been up.
    `lost_at`: when the link before this one went; None for the first.
    """

    started_at: datetime
    channels: dict[UUID, tuple[events.Channel, ...]]
    lost_at: datetime | None = None


class Switch:
    """`on_signal` gets every signal, in order; `on_link` is awaited after each (re)connection,
    before its signals.
    """

    def __init__(
        self,
        address: Address,
        on_signal: Callable[[UUID, Signal], None],
        on_link: Callable[[Standing], Awaitable[None]],
    ) -> None:
        self._address, self._on_signal, self._on_link = address, on_signal, on_link
        self._link: ari.Link | None = None
        self._config = DynamicConfig()
        self._contacts = Contacts(APP)
        self._started_at: datetime | None = None
        self._lost_at: datetime | None = None
        self._echoed = 0.0
        self._gave_up_at = -LATE_S  # a handshake that was not answered
        self.linked = asyncio.Event()

    @property
    def is_up(self) -> bool:
        return self.linked.is_set()

    async def run(self) -> None:
        """Stays connected until cancelled. Raises errors.SetupError when Asterisk is too old, and
        when another controller has connected: whoever then connects again pushes the other out,
        for ever.
        """
        tries = 0
        while True:
            try:
                self._link = await self._connect()
                tries = 0
                await self._serve(self._link)
            except (errors.Unavailable, OSError) as reason:
                log.warning("switch.lost", why=str(reason), code=type(reason).__name__)
            finally:
                if self.is_up:
                    self._lost_at = datetime.now(UTC)
                self.linked.clear()
                self._contacts.forget()
                if self._link:
                    await self._link.close()
                    self._link = None
            await asyncio.sleep(RECONNECT_S[min(tries, len(RECONNECT_S) - 1)])
            tries += 1

    async def _connect(self) -> ari.Link:
        try:
            return await ari.connect(
                self._address.url, self._address.user, self._address.password, APP
            )
        except errors.SwitchDown as reason:
            if isinstance(reason.__cause__, TimeoutError):
                self._gave_up_at = asyncio.get_running_loop().time()
            raise

    def _replaced(self) -> None:
        """Raises errors.SwitchDown where it may be an attempt of our own that came late, else
        errors.SetupError.
        """
        if asyncio.get_running_loop().time() < self._gave_up_at + LATE_S:
            raise errors.SwitchDown("an earlier attempt of ours came late, and took the link")
        raise errors.SetupError("another controller steers this switch now")

    async def _serve(self, link: ari.Link) -> None:
        """Until the link dies: everything that must be said first, then events for as long as they
        come.
        """
        await self._filter(link)
        started_at = await self._restarted(link)
        await self._push(link)
        await self._checked(
            link.request(
                "POST", f"applications/{APP}/subscription", {"eventSource": "endpoint:PJSIP"}
            )
        )
        await self._on_link(await self._standing(link, started_at))
        echo = asyncio.create_task(self._echo(link), name="ari-echo")
        try:
            self.linked.set()
            log.info("switch.linked", url=self._address.url)
            async for name, data in link.events():
                if name == "ApplicationReplaced":
                    self._replaced()
                self._handle(name, data)
            raise errors.SwitchDown("the link was lost")
        finally:
            echo.cancel()
            await asyncio.gather(echo, return_exceptions=True)

    def _handle(self, name: str, data: bytes) -> None:
        try:
            event = events.decode(name, data)
            meant = translate.signal(event) if event else None
        except (msgspec.ValidationError, ValueError) as reason:
            log.warning("switch.odd_event", event_type=name, why=str(reason))
            return
        if isinstance(event, events.ChannelUserevent):
            self._echoed = asyncio.get_running_loop().time()
        elif isinstance(event, events.ContactStatusChange):
            self._contacts.changed(event.endpoint.resource)
        elif meant:
            self._on_signal(*meant)

    async def _echo(self, link: ari.Link) -> None:
        """A listener can be dead behind a live socket, and a socket half open: only an echo
        tells.
        """
        loop = asyncio.get_running_loop()
        self._echoed = loop.time()
        while (silent_at := self._echoed + ECHO_S + ECHO_LIMIT_S) > loop.time():
            next_at = min(loop.time() + ECHO_S, silent_at)
            with contextlib.suppress(errors.SwitchDown, TimeoutError):
                async with asyncio.timeout_at(next_at):
                    await link.request("POST", "events/user/echo", {"application": APP})
            await asyncio.sleep(next_at - loop.time())
        log.warning("switch.silent")
        await link.close()

    async def _filter(self, link: ari.Link) -> None:
        allowed = {"allowed": [{"type": name} for name in events.NAMES]}
        await self._checked(link.request("PUT", f"applications/{APP}/eventFilter", body=allowed))

    async def _restarted(self, link: ari.Link) -> datetime:
        """Since when it has been up; a new one knows nothing of what was pushed before.

        Raises errors.SetupError for one that is too old.
        """
        info = (
            await self._checked(link.request("GET", "asterisk/info", {"only": "system,status"}))
        ).json()
        if not packages.is_serving(version := info["system"]["version"]):
            wanted = ".".join(map(str, packages.ASTERISK))
            raise errors.SetupError(
                f"Asterisk {version} has known holes: {wanted} or a later 22.x is needed"
            )
        started_at = events.moment(info["status"]["startup_time"])
        if self._started_at != started_at:
            self._config.forget()
        self._started_at = started_at
        return started_at

    async def standing(self) -> Standing:
        """What runs now. Raises errors.SwitchDown."""
        if self._started_at is None:
            raise errors.SwitchDown
        return await self._standing(self._up(), self._started_at)

    async def _standing(self, link: ari.Link, started_at: datetime) -> Standing:
        answer = await self._checked(link.request("GET", "channels"))
        channels: dict[UUID, tuple[events.Channel, ...]] = {}
        for channel in msgspec.json.decode(answer.message_body, type=list[events.Channel]):
            if call_uuid := translate.call_id(channel):
                channels[call_uuid] = (*channels.get(call_uuid, ()), channel)
        return Standing(started_at, channels, self._lost_at)

    # --- what is known

    async def provision(
        self, wanted: provisioning.Objects, stale: Collection[tuple[str, str]] = ()
    ) -> None:
        """The switch knows these objects and no others, now or as soon as it is up. `stale`: what
        it may have been told before we were here.
        """
        self._config.want(wanted, stale)
        if self._link is not None and self.is_up:
            with contextlib.suppress(errors.SwitchDown):
                await self._push(self._link)

    async def _push(self, link: ari.Link) -> None:
        await self._config.push(link)
        self._contacts.forget()

    # --- what is done

    async def act(self, action: Action) -> None:
        """The action is under way. What the switch refuses because the channel is gone comes as a
        signal anyway.
        """
        match action:
            case Dial():
                await self._all(translate.dial(action))
            case Wait():
                await self._all(translate.wait(action))
            case Record():
                await self._record(action)
            case HangUp():
                await self._all([translate.hang_up(action)])

    async def _all(self, requests: Sequence[translate.Request]) -> None:
        link = self._up()
        answers = await asyncio.gather(
            *(
                link.request(request.method, request.uri, request.query, request.body)
                for request in requests
            )
        )
        for request, answer in zip(requests, answers, strict=True):
            if not answer.is_ok and answer.status_code not in (GONE, CONFLICT):
                log.error(
                    "switch.refused",
                    uri=request.uri,
                    status=answer.status_code,
                    why=answer.message_body,
                )

    async def _record(self, action: Record) -> None:
        """The channel that listens in needs a moment to enter our application before it can
        record.
        """
        listen, record = translate.record(action, datetime.now(UTC))
        await self._all([listen])
        for _ in range(SPY_TRIES):
            answer = await self._up().request(record.method, record.uri, record.query)
            if answer.status_code != CONFLICT:
                break
            await asyncio.sleep(SPY_S)
        if not answer.is_ok and answer.status_code != GONE:
            log.error("switch.not_recording", channel=action.channel, status=answer.status_code)

    async def originate(self, action: Originate, phones: Sequence[str]) -> bool:
        """These phones of the extension ring; signals LegDialed or OriginateRefused of each.
        Whether any rings.
        """
        link, rings = self._up(), False
        for channel_id, phone in zip(action.channels, phones, strict=True):
            request = translate.originate(action, phone, channel_id)
            answer = await link.request(request.method, request.uri, request.query, request.body)
            now = datetime.now(UTC)
            if answer.is_ok:
                rings = True
                channel = msgspec.json.decode(answer.message_body, type=events.Channel)
                self._on_signal(
                    action.call_uuid,
                    LegDialed(channel.id, now, channel.endpoint, channel.protocol_id),
                )
            else:
                self._on_signal(action.call_uuid, OriginateRefused(channel_id, now))
        return rings

    async def phones(self, endpoint: str) -> list[str]:
        """The registered phones of an extension, ready to dial. Raises errors.SwitchDown."""
        return await self._contacts.of(self._up(), endpoint)

    def _up(self) -> ari.Link:
        if self._link is None or not self.is_up:
            raise errors.SwitchDown
        return self._link

    async def _checked(self, request: Awaitable[ari.Response]) -> ari.Response:
        answer = await request
        if not answer.is_ok:
            raise errors.SwitchDown(f"{answer.status_code} {answer.message_body}")
        return answer
