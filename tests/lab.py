"""A running instance in a network of its own, and the tests that play there: WebRTC uses no
address of loopback (testbed/network.py).
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from testbed import browser, certificate, ports, sipp, tones
from testbed.browser import Phone
from testbed.company import PASSWORD, Company, Office, operated
from testbed.instance import Instance
from testbed.network import Network, NotAllowed
from testbed.phones import SippSetup
from testbed.until import until

ANN_HZ = 500  # the browser's tone


class Lab:
    """A running instance in a network of its own. What tests do there runs in its thread."""

    def __init__(self, network: Network, folder: Path, sipp_command: list[str]) -> None:
        self._network, self._folder = network, folder
        self._sipp_command = sipp_command
        self._stack = AsyncExitStack()
        self.instance: Instance
        self.office: Office

    def open(self) -> None:
        self._network.run(self._opened())

    async def _opened(self) -> None:
        tls = certificate.write(self._folder)
        self.instance = Instance(self._folder, sandbox=False)
        self.instance.set(sip_wss=ports.server(), **tls)
        await self.instance.start()
        setup = SippSetup(self._sipp_command, self._folder, self.instance.sip)
        self.office = await self._stack.enter_async_context(operated(self.instance, setup))

    def close(self) -> None:
        self._network.run(self._closed())

    async def _closed(self) -> None:
        try:
            await self._stack.aclose()
            assert await self.instance.interrupt() == 0, self.instance.said
            assert self.instance.processes() == {}
        finally:
            await self.instance.end()

    def play(self, story: Callable[["Lab", Company], Awaitable[None]], folder: Path) -> None:
        """Plays it with a company of its own, whose 101 may be a browser."""
        self._network.run(self._played(story, folder))

    async def _played(
        self, story: Callable[["Lab", Company], Awaitable[None]], folder: Path
    ) -> None:
        sipp.write_scenarios(folder)
        self.office.sipp = SippSetup(self._sipp_command, folder, self.instance.sip)
        company = await self.office.company()
        await company.allow_browsers("101")
        try:
            await story(self, company)
        except BaseException:
            print(self.instance.said)  # noqa: T201 -- with the failure
            raise
        await until(company.is_quiet, 15)

    @property
    def url(self) -> str:
        """Of the edge proxy."""
        return f"ws://{self.instance.environ['TONGDAI_SIP_WS']}/ws"

    @property
    def secure_url(self) -> str:
        """The same with TLS."""
        return f"wss://{self.instance.settings['sip_wss']}/ws"

    @asynccontextmanager
    async def browser(self, company: Company, user: str = "101") -> AsyncIterator[Phone]:
        async with browser.phone(self.url, user, company.name, PASSWORD, hertz=ANN_HZ) as made:
            yield made

    async def is_open(self) -> bool:
        """Whether the edge proxy takes connections."""
        host, _, port = self.instance.environ["TONGDAI_SIP_WS"].rpartition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return False
        writer.close()
        return True

    def edge_pid(self) -> int:
        """Of the edge proxy; 0 while there is none."""
        found = self.instance.processes()
        return next(
            (pid for pid, command in found.items() if "tongdai.edge_process" in command), 0
        )


@contextmanager
def opened(sipp_command: list[str]) -> Iterator[Lab]:
    """A lab. Skips the tests, with the reason, where no network can be made."""
    try:
        network = Network()
    except NotAllowed as reason:
        pytest.skip(f"no network of its own can be made: {reason}")
    with tempfile.TemporaryDirectory(prefix="tongdai-browsers-") as folder:
        made = Lab(network, Path(folder), sipp_command)
        try:
            made.open()
            yield made
            made.close()
        finally:
            network.close()


def played(story: Callable[[Lab, Company], Awaitable[None]]) -> Callable[..., None]:
    """A test that plays the story in the lab."""

    def test(lab: Lab, tmp_path: Path) -> None:
        lab.play(story, tmp_path)

    # not __wrapped__: pytest would look at the story's parameters
    test.__name__, test.__qualname__, test.__doc__ = story.__name__, story.__name__, story.__doc__
    return test


async def recorded(company: Company) -> tuple[dict[str, Any], Any]:
    """The company's one record, and the samples of its recording."""

    async def ready() -> dict[str, Any] | None:
        listed = (await company.api.get("/v1/cdr", page=1)).json["data"]
        return listed[0] if listed and listed[0]["recording_status"] == "ready" else None

    cdr: dict[str, Any] = await until(ready, 15, 0.1)
    return cdr, tones.samples_of((await company.api.get(cdr["recording_url"])).body)
