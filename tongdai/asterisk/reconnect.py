"""The link to Asterisk: connected again whenever it is lost, after a back-off.

Three rules (docs/reliability.md): never subscribeAll; an echo proves that the link lives; one
controller a node.
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

LINKS = 8  # whose last signs of life are remembered


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
    # for so long TCP repeats what a half-open link held back (RFC 6298)
    late_s: float = 180.0


DEFAULT = Timing()


class Connection:
    """`on_open` is awaited with each new link, before its events; then `on_event` gets the type
    and JSON of each event, in order.
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
        # when the last links last carried anything
        self.last_frames_at: deque[datetime] = deque(maxlen=LINKS)
        self.linked = asyncio.Event()

    @property
    def is_up(self) -> bool:
        return self.linked.is_set()

    @property
    def link(self) -> ari.Link:
        """Raises errors.SwitchDown while there is none."""
        if self._link is None or not self.is_up:
            raise errors.SwitchDown
        return self._link

    async def run(self, on_open: Callable[[ari.Link], Awaitable[None]]) -> None:
        """Stays connected until cancelled. Raises what `on_open` raises, other than
        errors.Unavailable; and errors.SetupError when another controller has connected: if we
        connected again, each would push the other out for ever.
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
        """Until the link is lost."""
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
        """Raises errors.SwitchDown where it may be an attempt of our own that came late, else
        errors.SetupError.
        """
        if asyncio.get_running_loop().time() < self._gave_up_at + self._timing.late_s:
            raise errors.SwitchDown("an earlier attempt of ours came late, and took the link")
        raise errors.SetupError("another controller steers this switch now")

    async def _echo(self, link: ari.Link) -> None:
        """Asks for an event now and then, and closes the link when none comes: the application
        may be dead behind a live socket, and a socket may be half open.
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
