"""The phone in the browser, as a user has it: the page /phone, and the widget in a CRM's page, in
Chromium with a microphone that gives a tone.
"""

import asyncio
import math
import os
import signal
import sys
import wave
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from testbed import chromium, ports, tones
from testbed.chromium import Page
from testbed.company import HOTLINE, PASSWORD, Company
from testbed.network import ADDRESS
from testbed.phones import BOB_HZ, CUSTOMER_HZ
from testbed.until import until
from tests import lab as labs
from tests.lab import Lab, recorded
from tongdai.asterisk import packages

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
MICROPHONE_HZ = 1100  # above what the browser takes for noise
PATIENCE_S = 30
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
BUTTON = (
    "[...(root?.querySelectorAll('button') ?? [])]"
    ".find((one) => one.ariaLabel === name || one.textContent === name)"
)


@pytest.fixture(scope="module")
def lab(sipp_command: list[str]) -> Iterator[Lab]:
    with labs.opened(sipp_command) as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> packages.Root:
    return chromium.fetched()


def microphone(folder: Path) -> Path:
    """A file with a tone that pauses twice a second, as speech does."""
    path, rate = folder / "microphone.wav", 48_000
    samples = array(
        "h",
        (
            round(12_000 * math.sin(2 * math.pi * MICROPHONE_HZ * at / rate))
            if at % (rate // 2) < rate * 2 // 5
            else 0
            for at in range(4 * rate)
        ),
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


class WebPhone:
    """The phone in a page, used by what it shows."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def js(self, script: str, **given: object) -> Any:
        """The value of the expression; `root` is what is shown of the phone."""
        names = "".join(
            f"const {name} = {msgspec.json.encode(value).decode()};"
            for name, value in given.items()
        )
        body = f"const root = document.querySelector('#tongdai-phone')?.shadowRoot; {names}"
        return await self.page.run(f"(() => {{ {body} return {script}; }})()")

    async def clicks(self, name: str) -> None:
        async def done() -> bool:
            return bool(
                await self.js(
                    f"((one) => one && !one.disabled && (one.click(), true))({BUTTON})", name=name
                )
            )

        await self.until(done)

    async def types(self, selector: str, text: str) -> None:
        async def done() -> bool:
            script = "((one) => one && ((one.value = text), true))(root?.querySelector(selector))"
            return bool(await self.js(script, selector=selector, text=text))

        await self.until(done)

    async def dials(self, number: str) -> None:
        await self.types(".dial input", number)
        await self.clicks("Call")

    async def shows(self, text: str) -> None:
        async def shown() -> bool:
            said = await self.js("root?.querySelector('section')?.innerText ?? ''")
            return text in said

        await self.until(shown)

    async def calls(self) -> list[dict[str, Any]]:
        return list(await self.page.run("window.tongdai?.state?.calls ?? []"))

    async def is_ready(self) -> None:
        async def ready() -> bool:
            return bool(await self.page.run("window.tongdai?.state?.line === 'ready'"))

        await self.until(ready)

    async def has(self, *phases: str) -> None:
        """Calls in these phases, in their order."""

        async def reached() -> bool:
            return [one["phase"] for one in await self.calls()] == list(phases)

        await self.until(reached)

    async def until(self, condition: Any) -> None:
        """With a failure goes what the page shows, and wrote on its console."""
        try:
            await until(condition, PATIENCE_S, 0.1)
        except AssertionError:
            print(await self.page.run("JSON.stringify(window.tongdai?.state)"))  # noqa: T201
            print(await self.js("root?.querySelector('section')?.innerText"))  # noqa: T201
            print(*self.page.said, sep="\n")  # noqa: T201
            raise


@asynccontextmanager
async def opened(
    browser: packages.Root,
    folder: Path,
    url: str,
    *,
    permits: bool = True,
    language: str = "en",
) -> AsyncIterator[WebPhone]:
    """The page; the browser `permits` it the microphone, or refuses that."""
    options = (
        *(["--use-fake-ui-for-media-stream"] if permits else []),
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone(folder)}",
        f"--accept-lang={language}",
        "--window-size=480,900",
    )
    async with chromium.opened(browser, folder, url, options) as page:
        yield WebPhone(page)


@asynccontextmanager
async def signed_in(
    lab: Lab, company: Company, browser: packages.Root, folder: Path
) -> AsyncIterator[WebPhone]:
    """The page /phone as 101, of somebody who signed in there."""
    await company.change_extension("101", ring_timeout_s=60)
    url = f"{lab.instance.ready['base_url']}/phone?extension=101"
    async with opened(browser, folder, url) as phone:
        await phone.shows("You are signed out")
        await phone.types("input[name=username]", f"admin@{company.name}")
        await phone.types("input[name=password]", PASSWORD)
        await phone.clicks("Sign in")
        await phone.is_ready()
        yield phone


def test_it_is_called_and_talks_and_holds(
    lab: Lab, browser: packages.Root, tmp_path: Path
) -> None:
    """The recording has the tone of its microphone, and that of the customer."""

    async def story(lab: Lab, company: Company) -> None:
        async with (
            signed_in(lab, company, browser, tmp_path) as phone,
            company.carrier() as carrier,
        ):
            customer = await carrier.calls(HOTLINE)
            await phone.shows("Incoming call")
            await picture(phone, "incoming")
            await phone.clicks("Answer")
            await customer.answered()
            await phone.has("talking")
            await customer.voice.hears(MICROPHONE_HZ)
            await phone.clicks("Keypad")
            await phone.clicks("5")
            await until(lambda: customer.voice.digits == "5", PATIENCE_S)
            await phone.clicks("Hold")
            await customer.hears_music()
            await phone.shows("On hold")
            await phone.clicks("Resume")
            await customer.voice.hears(MICROPHONE_HZ)
            await phone.shows(" connection")
            await picture(phone, "talking")
            await phone.clicks("Hang up")
            await customer.over()
        _, samples = await recorded(company)
        for hertz in (MICROPHONE_HZ, CUSTOMER_HZ):
            assert tones.longest(samples, hertz) >= 0.5, hertz

    lab.play(story, tmp_path)


def test_a_second_call_waits_and_calls_are_transferred(
    lab: Lab, browser: packages.Root, tmp_path: Path
) -> None:
    async def story(lab: Lab, company: Company) -> None:
        async with (
            signed_in(lab, company, browser, tmp_path) as phone,
            company.phone("102", hertz=BOB_HZ) as bob,
            company.carrier() as carrier,
        ):
            first = await carrier.calls(HOTLINE)
            await phone.clicks("Answer")
            await first.answered()
            second = await carrier.calls(HOTLINE)
            await phone.shows("Another call")
            await picture(phone, "waiting")
            await phone.clicks("Answer")
            await second.answered()
            await second.voice.hears(MICROPHONE_HZ)
            await first.hears_music()
            await phone.clicks("Transfer")  # of the first, which is on hold
            await phone.types(".panel input", "102")
            await phone.clicks("Transfer now")
            ring = await bob.rings()
            await ring.answer()
            await ring.hears(first)
            await first.voice.hears(BOB_HZ)
            await phone.has("talking")
            await first.hang_up()
            await ring.over()

            await phone.clicks("Transfer")
            await phone.types(".panel input", "102")
            await phone.clicks("Ask first")
            ring = await bob.rings()
            await second.hears_music()
            await ring.answer()
            await phone.has("talking", "talking")
            await picture(phone, "consulting")
            await phone.clicks("Connect both")
            await ring.hears(second)
            await second.voice.hears(BOB_HZ)
            await phone.has()
            await second.hang_up()
            await ring.over()
            await phone.clicks("Recent calls")
            await phone.shows("0909000111")
            await picture(phone, "history")

    lab.play(story, tmp_path)


def test_a_call_is_kept_when_the_connection_and_the_network_change(
    lab: Lab, browser: packages.Root, tmp_path: Path
) -> None:
    """First the WebSocket ends; then the machine gets another address, as of another network."""

    async def story(lab: Lab, company: Company) -> None:
        async with (
            signed_in(lab, company, browser, tmp_path) as phone,
            company.carrier() as carrier,
        ):
            await phone.dials("0909 000 111")
            customer = await carrier.rings()
            await phone.shows("Ringing")
            await customer.answer()
            await phone.has("talking")
            await customer.voice.hears(MICROPHONE_HZ)
            os.kill(lab.edge_pid(), signal.SIGKILL)
            await phone.shows("Connection lost")
            await picture(phone, "lost")
            await phone.is_ready()
            await customer.voice.hears(MICROPHONE_HZ)
            async with another_address():
                await phone.shows("Audio interrupted")
                await phone.shows(" connection")
                await customer.voice.hears(MICROPHONE_HZ)
                await customer.hang_up()
                await phone.has()

    lab.play(story, tmp_path)


def test_credentials_that_have_ended_are_asked_for_again(
    lab: Lab, browser: packages.Root, tmp_path: Path
) -> None:
    """While a call goes on, which is kept."""

    async def story(lab: Lab, company: Company) -> None:
        async with (
            signed_in(lab, company, browser, tmp_path) as phone,
            company.carrier() as carrier,
        ):
            customer = await carrier.calls(HOTLINE)
            await phone.clicks("Answer")
            await customer.answered()
            await phone.has("talking")
            endpoint = f"101-webrtc@{company.name}"
            before = (await lab.office.endpoint(endpoint))["auth"]
            async with lab.office.database.transaction() as tx:
                await tx.execute(
                    "UPDATE phone_credentials SET expires_at = now() WHERE domain_uuid = $1",
                    company.uuid,
                )

            async def has_ended() -> bool:
                return len((await lab.office.endpoint(endpoint))["auth"]) < len(before)

            await until(has_ended, PATIENCE_S)
            os.kill(lab.edge_pid(), signal.SIGKILL)
            await phone.shows("Connection lost")
            await phone.is_ready()
            assert len((await lab.office.endpoint(endpoint))["auth"]) == len(before)
            await customer.voice.hears(MICROPHONE_HZ)
            await customer.hang_up()
            await phone.has()

    lab.play(story, tmp_path)


@pytest.mark.parametrize("language", ["en", "vi"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_who_cannot_see_it_can_use_it(
    lab: Lab, browser: packages.Root, tmp_path: Path, language: str, theme: str
) -> None:
    """axe-core finds nothing serious, in either language and theme."""

    async def story(lab: Lab, company: Company) -> None:
        url = f"{lab.instance.ready['base_url']}/phone?extension=101"
        async with opened(browser, tmp_path, url, language=language) as phone:
            await phone.page.prefers(theme)
            await phone.shows("Sign in" if language == "en" else "Đăng nhập")
            await picture(phone, f"{theme}-{language}")
            await phone.page.run(AXE.read_text())
            found = await phone.page.run("axe.run().then((all) => all.violations)")
            serious = [one for one in found if one["impact"] in ("serious", "critical")]
            assert serious == []
            assert await phone.js("root.querySelector('main').lang") == language

    lab.play(story, tmp_path)


@asynccontextmanager
async def another_address() -> AsyncIterator[None]:
    """The network's card has another address; at the end its own."""
    new = ADDRESS.replace(".77.", ".78.")
    await ip(f"address add {new}/24 dev td0", f"address del {ADDRESS}/24 dev td0")
    try:
        yield
    finally:
        await ip(f"address add {ADDRESS}/24 dev td0", f"address del {new}/24 dev td0")


async def ip(*commands: str) -> None:
    for command in (*commands, "route replace default dev td0"):
        running = await asyncio.create_subprocess_exec("ip", *command.split())
        assert await running.wait() == 0, command


def test_of_two_tabs_one_has_the_phone(lab: Lab, browser: packages.Root, tmp_path: Path) -> None:
    async def story(lab: Lab, company: Company) -> None:
        async with (
            signed_in(lab, company, browser, tmp_path) as phone,
            phone.page.tab(f"{lab.instance.ready['base_url']}/phone?extension=101") as page,
            company.carrier() as carrier,
        ):
            other = WebPhone(page)
            await other.is_ready()
            assert [await is_here(one) for one in (phone, other)] == [True, False]
            customer = await carrier.calls(HOTLINE)
            await other.shows("Incoming call")
            await phone.has("ringing")
            await other.clicks("Answer")
            await customer.answered()
            await customer.voice.hears(MICROPHONE_HZ)
            await other.clicks("Hang up")
            await customer.over()
            await phone.has()
            await phone.page.run("location.href = 'about:blank'")
            await other.until(lambda: is_here(other))
            await other.is_ready()
            customer = await carrier.calls(HOTLINE)
            await other.clicks("Answer")
            await customer.answered()
            await customer.voice.hears(MICROPHONE_HZ)
            await customer.hang_up()
            await other.has()

    lab.play(story, tmp_path)


async def is_here(phone: WebPhone) -> bool:
    return bool(await phone.page.run("window.tongdai.isHere"))


def test_the_page_of_a_crm_calls_by_a_click_and_shows_who_calls(
    lab: Lab, browser: packages.Root, tmp_path: Path
) -> None:
    """docs/examples/crm.py, which permits scripts with its nonce alone, and no style."""

    async def story(lab: Lab, company: Company) -> None:
        await company.change_extension("101", ring_timeout_s=60)
        async with (
            crm(company) as url,
            opened(browser, tmp_path, f"{url}/?extension=101") as phone,
            company.carrier() as carrier,
        ):
            await phone.is_ready()
            look = "getComputedStyle(root.querySelector('.launcher')).backgroundColor"
            assert await phone.js(look) not in ("rgba(0, 0, 0, 0)", "")
            await phone.page.run("document.querySelector('[data-tongdai-call]').click()")
            customer = await carrier.rings()
            await customer.answer()
            await customer.voice.hears(MICROPHONE_HZ)
            await phone.until(lambda: says(phone, "Đang nói chuyện với 0909000111"))
            await phone.clicks("Hang up")
            await customer.over()
            await phone.until(lambda: says(phone, "Đã kết thúc: 0909000111"))
            await phone.has()
            customer = await carrier.calls(HOTLINE)
            await phone.until(lambda: says(phone, "Đang gọi đến"))
            link = await phone.js("root.querySelector('.card a').href")
            assert link.endswith("/?customer=0909000111")
            await picture(phone, "crm")
            await phone.clicks("Decline")
            await customer.refused()
            await phone.has()

    lab.play(story, tmp_path)


def test_what_is_wrong_is_said(lab: Lab, browser: packages.Root, tmp_path: Path) -> None:
    """A microphone that the browser refuses; an extension that browsers may not register as."""

    async def story(lab: Lab, company: Company) -> None:
        async with crm(company) as url:
            async with opened(browser, tmp_path, f"{url}/?extension=101", permits=False) as phone:
                await phone.clicks("Phone")
                await phone.shows("does not let this page use the microphone")
                await picture(phone, "refused")
            async with opened(browser, tmp_path, f"{url}/?extension=102") as phone:
                await phone.clicks("Phone")
                await phone.shows("must permit it")
                await phone.shows("Try again")
                await company.allow_browsers("102")
                await phone.clicks("Try again")
                await phone.is_ready()

    lab.play(story, tmp_path)


async def says(phone: WebPhone, text: str) -> bool:
    return text in await phone.page.run("document.getElementById('caller').textContent")


@asynccontextmanager
async def crm(company: Company) -> AsyncIterator[str]:
    """The URL of the sample CRM, with an API key that may make tokens of phones and no more."""
    made = await company.api.post(
        "/v1/admin/api-keys", username="admin", name="CRM", scopes=["phone:grant"]
    )
    port = ports.server_port()
    own = {"API": company.api.base_url, "API_KEY": made.json["api_key"]}
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "docs" / "examples" / "crm.py"),
        str(port),
        env=os.environ | own,
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def is_up() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await until(is_up, PATIENCE_S)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        await running.wait()


async def picture(phone: WebPhone, name: str) -> None:
    """A screenshot for people, where TONGDAI_PICTURES names a folder."""
    if folder := os.environ.get("TONGDAI_PICTURES"):
        await phone.page.picture(Path(folder) / f"phone-{name}.png")
