"""Headless Chromium, from Debian's packages and without root, driven by its DevTools protocol."""

import asyncio
import base64
import itertools
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec

from testbed import ports
from testbed.until import until
from tongdai.asterisk import packages

SUITES = ("stable", "testing")
START_S = 30.0


def fetched() -> packages.Root:
    """Chromium in the cache, 770 MB unpacked; downloaded first where it is not there. Blocks."""
    root = packages.fetch(
        ["chromium"], packages.default_cache(), lambda _text, _done, _total: None, suites=SUITES
    )
    # Chromium looks for its files beside the program that runs, which is the loader
    loader = root.prefix / "lib" / "chromium" / "ld.so"
    if not loader.exists():
        draft = loader.with_suffix(".new")
        shutil.copyfile(root.loader[0], draft)
        draft.chmod(0o755)
        draft.rename(loader)
    return root


def _command(root: packages.Root) -> list[str]:
    home, libraries = root.prefix / "lib" / "chromium", Path(root.loader[2])
    path = f"{libraries}:{libraries / 'pulseaudio'}"
    return [str(home / "ld.so"), "--library-path", path, str(home / "chromium")]


def _is_said(event: dict[str, Any]) -> bool:
    """On the console, an exception, or a violation of the page's security policy."""
    if event.get("method") == "Audits.issueAdded":
        return bool(event["params"]["issue"]["code"] == "ContentSecurityPolicyIssue")
    return event.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown")


class Page:
    """An open page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, port: int) -> None:
        self._port = port  # of the browser's DevTools
        self._socket, self._ids = socket, itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self.said: list[str] = []  # on its console, and to its developer
        self._reading = asyncio.create_task(self._read())

    async def run(self, script: str) -> Any:
        """The value of the expression, or of its promise. Raises AssertionError when it throws."""
        answer = await self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    async def prefers(self, theme: str) -> None:
        """The page is told that its user prefers the theme, light or dark."""
        wanted = [{"name": "prefers-color-scheme", "value": theme}]
        await self.ask("Emulation.setEmulatedMedia", features=wanted)

    async def picture(self, path: Path) -> None:
        """Writes a screenshot, as PNG."""
        answer = await self.ask("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))

    @asynccontextmanager
    async def tab(self, url: str) -> AsyncIterator["Page"]:
        """A further tab of the same browser, closed at the end."""
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{self._port}/json/new?{url}") as answer:
                made = await answer.json(content_type=None)
            address = made["webSocketDebuggerUrl"]
            async with (
                session.ws_connect(address, max_msg_size=0) as socket,
                Page(socket, self._port) as page,
            ):
                yield page
            await session.get(f"http://127.0.0.1:{self._port}/json/close/{made['id']}")

    async def ask(self, method: str, **params: object) -> Any:
        """The answer to a command of the DevTools protocol."""
        number = next(self._ids)
        self._asked[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(START_S):
            return await self._asked[number]

    async def _read(self) -> None:
        async for message in self._socket:
            found = msgspec.json.decode(message.data)
            if waiting := self._asked.pop(found.get("id", 0), None):
                waiting.set_result(found.get("result", {}))
            elif _is_said(found):
                self.said.append(str(found["params"])[:3000])

    async def __aenter__(self) -> Self:
        await self.ask("Runtime.enable")
        await self.ask("Audits.enable")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


@asynccontextmanager
async def opened(
    root: packages.Root, folder: Path, url: str, options: Sequence[str] = ()
) -> AsyncIterator[Page]:
    """A page in a Chromium of its own, whose files are in the folder; `options` are of its command
    line.
    """
    command, child = _command(root), folder / "child"
    child.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
    child.chmod(0o755)
    port = ports.server_port()
    with (folder / "chromium.log").open("ab") as log:
        running = await asyncio.create_subprocess_exec(
            *command,
            "--headless=new",
            "--no-sandbox",  # it wants a set-uid program, or user namespaces
            "--no-zygote",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--browser-subprocess-path={child}",
            f"--user-data-dir={folder / 'profile'}",
            f"--remote-debugging-port={port}",
            "--autoplay-policy=no-user-gesture-required",
            "--ignore-certificate-errors",
            # as for pages that may use the microphone; others' addresses are hidden behind names
            "--disable-features=WebRtcHideLocalIpsWithMdns",
            *options,
            url,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        async with aiohttp.ClientSession() as session:
            address = await until(lambda: _page(session, port), START_S, 0.1)
            async with (
                session.ws_connect(address, max_msg_size=0) as socket,
                Page(socket, port) as page,
            ):
                yield page
    finally:
        running.terminate()
        try:
            async with asyncio.timeout(10):
                await running.wait()
        except TimeoutError:
            running.kill()
            await running.wait()


async def _page(session: aiohttp.ClientSession, port: int) -> str:
    """The address of the page's DevTools; "" before it is there."""
    try:
        async with session.get(f"http://127.0.0.1:{port}/json") as answer:
            pages = [one for one in await answer.json() if one["type"] == "page"]
    except aiohttp.ClientError:
        return ""
    return str(pages[0]["webSocketDebuggerUrl"]) if pages else ""
