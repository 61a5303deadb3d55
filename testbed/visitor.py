"""Somebody who uses the portal: opens its pages, reads them, and works by keyboard.

async with visiting(folder, base_url) as visitor:
    await visitor.signs_in("admin@demo.tongdai.local", password)
    await visitor.opens("/calls")
    await visitor.sees("tbody tr")
"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from testbed import chromium
from testbed.chromium import Page
from testbed.until import until

PATIENCE_S = 20.0
WIDE, PHONE = (1440, 900), (390, 844)
_AXE = Path(__file__).parents[1] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38}
_CONTROL = 2
Theme = Literal["light", "dark"]


class Visitor:
    """A browser with one page."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page, self._base_url = page, base_url

    async def opens(self, path: str) -> None:
        """The page has loaded what it shows."""
        self.page.said.clear()
        await self.page.ask("Page.navigate", url=self._base_url + path)
        here = json.dumps(path)
        await self._until(
            f"location.pathname + location.search === {here} && document.readyState === 'complete'"
        )
        await self.is_loaded()

    async def is_loaded(self) -> None:
        """A heading is there, and nothing is being loaded."""
        await self._until(
            "document.querySelector('h1') && !document.querySelector('.waiting, [aria-busy=true]')"
        )

    async def signs_in(self, username: str, password: str) -> None:
        """As the page's form does; whoever was signed in before is not any more."""
        await self.page.ask("Page.navigate", url=f"{self._base_url}/favicon.ico")
        await self._until("location.pathname === '/favicon.ico'")
        await self._fetched("/v1/session", "POST", {"username": username, "password": password})

    async def signs_out(self) -> None:
        await self._fetched("/v1/session", "DELETE")

    async def prefers(self, language: Literal["vi", "en"], theme: Theme) -> None:
        """The next page is in that language and theme."""
        features = [{"name": "prefers-color-scheme", "value": theme}]
        await self.page.ask("Emulation.setEmulatedMedia", features=features)
        await self.page.run(f"localStorage.setItem('language', '{language}')")

    async def looks_at_domain(self, name: str) -> None:
        """As an operator; "" for none."""
        await self.page.run(f"localStorage.setItem('domain', {json.dumps(name)})")

    async def has_screen(self, size: tuple[int, int]) -> None:
        """The page is so wide and high, in CSS pixels."""
        await self.page.ask(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=False,
        )

    async def sees(self, selector: str, text: str = "") -> None:
        """An element is there, with that text in it."""
        await self._until(f"({_texts(selector)}).some((one) => one.includes({json.dumps(text)}))")

    async def sees_no(self, selector: str, text: str = "") -> None:
        """No element with that text is left."""
        await self._until(f"!({_texts(selector)}).some((one) => one.includes({json.dumps(text)}))")

    async def reads(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        return await self.page.run(expression)

    async def is_at(self, path: str) -> None:
        await self._until(f"location.pathname + location.search === {json.dumps(path)}")

    async def focuses(self, selector: str) -> None:
        """The element has the focus, once it is there."""
        await self.sees(selector)
        await self.page.run(f"document.querySelector({json.dumps(selector)}).focus()")

    async def focuses_field(self, label: str, dialog: str) -> None:
        """The field with that label has the focus, in the dialog with that heading."""
        wanted = [json.dumps(text) for text in (dialog, label)]
        field = (
            "[...document.querySelectorAll('dialog')]"
            f".filter((one) => one.querySelector('h2').innerText.includes({wanted[0]}))"
            ".flatMap((one) => [...one.querySelectorAll('label')])"
            f".find((one) => one.innerText === {wanted[1]})?.control"
        )
        await self._until(f"{field}?.offsetParent")
        await self.page.run(f"{field}.focus()")

    async def presses_on(self, selector: str, text: str, *, last: bool = False) -> None:
        """Enter is pressed on the first element with that text in it, or the last one."""
        await self.sees(selector, text)
        found = (
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            f".filter((one) => one.innerText.includes({json.dumps(text)}))"
            f".at({-1 if last else 0})"
        )
        await self.page.run(f"{found}.focus()")
        await self.presses("Enter")

    async def types(self, text: str) -> None:
        """Into what has the focus, in place of what is there."""
        await self.page.run("document.activeElement.select?.()")
        await self.page.ask("Input.insertText", text=text)

    async def presses(self, key: str, *, control: bool = False) -> None:
        """A key of the keyboard goes down and up."""
        pressed: dict[str, Any] = {
            "key": key,
            "modifiers": _CONTROL if control else 0,
            "windowsVirtualKeyCode": _KEYS.get(key, ord(key[0].upper())),
        }
        text = {"text": "\r"} if key == "Enter" else {}
        await self.page.ask("Input.dispatchKeyEvent", type="keyDown", **pressed, **text)
        await self.page.ask("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def barriers(self) -> list[str]:
        """What keeps people with disabilities from using the page: the serious and critical
        findings of axe-core, a line each.
        """
        await self.page.run(f"window.axe ? 1 : (() => {{ {_AXE.read_text()}; return 1 }})()")
        found = await self.page.run(
            "axe.run({resultTypes: ['violations']}).then((done) => done.violations.map((one) =>"
            " [one.impact, one.id, one.nodes.slice(0, 3).map((n) => n.html).join(' ')]))"
        )
        return [" ".join(each) for each in found if each[0] in ("serious", "critical")]

    async def saves_files_in(self, folder: Path) -> None:
        """Files that the page offers are written there."""
        await self.page.ask("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    async def picture(self, file: Path) -> None:
        """Writes what is on the screen, as WebP."""
        taken = await self.page.ask("Page.captureScreenshot", format="webp", quality=80)
        file.write_bytes(base64.b64decode(taken["data"]))

    async def _until(self, expression: str) -> None:
        """As until; with a failure goes what the page showed and said."""
        try:
            await until(lambda: self._is(expression), PATIENCE_S, 0.05)
        except AssertionError as reason:
            shown = await self.page.run("document.body?.innerText.slice(0, 2000)")
            place = await self.page.run("location.href")
            raise AssertionError(
                f"not so: {expression}\n{place}\n{shown}\n{self.page.said}"
            ) from reason

    async def _is(self, expression: str) -> bool:
        """False also while the page changes."""
        try:
            return bool(await self.page.run(f"Boolean({expression})"))
        except (AssertionError, KeyError):
            return False

    async def _fetched(self, path: str, method: str, body: object = None) -> None:
        given = {"method": method, "headers": {"X-Requested-With": "test"}}
        if body is not None:
            given["headers"] |= {"Content-Type": "application/json"}  # type: ignore[operator]
            given["body"] = json.dumps(body)
        asked = f"fetch({json.dumps(path)}, {json.dumps(given)}).then((answer) => answer.status)"
        status = await self.page.run(asked)
        assert status == 200, f"{method} {path}: {status}"


def _texts(selector: str) -> str:
    return (
        f"[...document.querySelectorAll({json.dumps(selector)})]"
        ".map((one) => one.innerText ?? one.textContent ?? '')"
    )


@asynccontextmanager
async def visiting(folder: Path, base_url: str) -> AsyncIterator[Visitor]:
    """A visitor in a Chromium of its own, whose files are in the folder."""
    async with chromium.opened(chromium.fetched(), folder, f"{base_url}/favicon.ico") as page:
        await page.ask("Page.enable")
        visitor = Visitor(page, base_url)
        await visitor.has_screen(WIDE)
        yield visitor
