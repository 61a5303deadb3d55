"""The link to Asterisk: a lost link is connected again after a back-off.

Three rules (docs/reliability.md): subscribe only to `endpoint:PJSIP`; an echo shows that the link
is alive; one controller for each node.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import structlog

from tongdai import errors
from tongdai.asterisk import ari

log = structlog.get_logger()

LINKS = 8  # the number of links whose last frame is remembered


class Address(msgspec.Struct, frozen=True):
    """The URL of an Asterisk's ARI, without "/ari", and its user."""

    url: str
    user: str
    password: str


class Timing(msgspec.Struct, frozen=True):
    """Seconds. `back_off_s`: between attempts to connect, the last one repeats; Asterisk needs the
    first to forget the old link.
    """

    back_off_s: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0)
    echo_s: float = 2.0  # from one echo to the next
    echo_limit_s: float = 3.0  # how late an echo may come
    request_s: float = ari.REQUEST_S
    # for so long TCP retransmits over a half-open link (RFC 6298)
    late_s: float = 180.0


DEFAULT = Timing()


class Connection:
    """Awaits `on_open` with each new link, before its events; then `on_event` gets the type and
    JSON of each event, in order.
    """

    def __init__(
        self,
        address: Address,
        app: str,
        on_event: Callable[[str, bytes], None],
        timing: Timing = DEFAULT,
    ) -> None:
        self._address, self._app, self._on_event = address, app, on_event
        self._timing = timing
        self._link: ari.Link | None = None
        self._gave_up_at = -timing.late_s  # when an attempt to connect was given up, unanswered
        self.heard_at = 0.0  # when the last echo came (event loop's time)
        self.lost_at: datetime | None = None  # when the last link was lost; None before that
        # when each of the last links carried its last frame
        self.last_frames_at: deque[datetime] = deque(maxlen=LINKS)
        self.linked = asyncio.Event()

    @property
    def is_up(self) -> bool:
        return self.linked.is_set()

    @property
    def link(self) -> ari.Link:
        """The open link. Raises errors.SwitchDown without one."""
        if self._link is None or not self.is_up:
            raise errors.SwitchDown
        return self._link

    async def run(self, on_open: Callable[[ari.Link], Awaitable[None]]) -> None:
        """Stays connected until cancelled. Raises the errors of `on_open`, except
        errors.Unavailable; and errors.SetupError when another controller has connected: by
        connecting again, each would disconnect the other for ever.
        """
        tries = 0
        while True:
            try:
                self._link = await self._connect()
                tries = 0
                await self._serve(self._link, on_open)
            except (errors.Unavailable, OSError) as reason:
                log.warning("switch.lost", why=str(reason), code=type(reason).__name__)
            finally:
                if self.is_up:
                    self.lost_at = datetime.now(UTC)
                self.linked.clear()
                if self._link:
                    self.last_frames_at.append(self._link.last_frame_at)
                    await self._link.close()
                    self._link = None
            back_off_s = self._timing.back_off_s
            await asyncio.sleep(back_off_s[min(tries, len(back_off_s) - 1)])
            tries += 1

    async def _connect(self) -> ari.Link:
        address = self._address
        try:
            return await ari.connect(
                address.url,
                address.user,
                address.password,
                self._app,
                request_s=self._timing.request_s,
            )
        except errors.SwitchDown as reason:
            if isinstance(reason.__cause__, TimeoutError):
                self._gave_up_at = asyncio.get_running_loop().time()
            raise

    async def _serve(self, link: ari.Link, on_open: Callable[[ari.Link], Awaitable[None]]) -> None:
        """Handles the link's events until it is lost."""
        await on_open(link)
        echo = asyncio.create_task(self._echo(link), name="ari-echo")
        try:
            self.linked.set()
            log.info("switch.linked", url=self._address.url)
            async for name, data in link.events():
                if name == "ApplicationReplaced":
                    self._replaced()
                elif name == "ChannelUserevent":
                    self.heard_at = asyncio.get_running_loop().time()
                else:
                    self._on_event(name, data)
            raise errors.SwitchDown("the link was lost")
        finally:
            echo.cancel()
            await asyncio.gather(echo, return_exceptions=True)

    def _replaced(self) -> None:
        """Another connection has replaced the link. Raises errors.SwitchDown if it may be a late
        attempt of ours, else errors.SetupError.
        """
        if asyncio.get_running_loop().time() < self._gave_up_at + self._timing.late_s:
            raise errors.SwitchDown("an earlier attempt of ours came late, and took the link")
        raise errors.SetupError("another controller steers this switch now")

    async def _echo(self, link: ari.Link) -> None:
        """Requests an event at intervals, and closes the link when none comes: the application may
        be dead behind a live socket, and a socket may be half open.
        """
        loop, timing = asyncio.get_running_loop(), self._timing
        self.heard_at = loop.time()
        while (silent_at := self.heard_at + timing.echo_s + timing.echo_limit_s) > loop.time():
            next_at = min(loop.time() + timing.echo_s, silent_at)
            with contextlib.suppress(errors.SwitchDown, TimeoutError):
                async with asyncio.timeout_at(next_at):
                    await link.request("POST", "events/user/echo", {"application": self._app})
            await asyncio.sleep(next_at - loop.time())
        log.warning("switch.silent")
        await link.close()
