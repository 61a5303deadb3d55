"""baresip, from Debian's packages, driven by its ctrl_tcp module (JSON in netstrings)."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import msgspec

from testbed import ports
from testbed.softphones import softphone
from testbed.softphones.softphone import Setup, Softphone, process
from testbed.until import until
from tongdai.asterisk import packages

PACKAGE = "baresip-core"
SUITES = ("stable", "testing")
MODULES = (
    *("g711.so", "g722.so", "opus.so", "srtp.so", "ausine.so", "aufile.so"),
    *("account.so", "menu.so", "ctrl_tcp.so"),
)
REGISTERED = r"\nSIP/2\.0 200 .*\n(?:.+\n)*?CSeq: \d+ REGISTER\b"
DIALLED = (
    r"\nINVITE sip:\S+ SIP/2\.0\r\nVia: \S+ [^\r]*\r\nContact: [^\r]*\r\n"
    r"(?:.+\r\n)*?Call-ID: (\S+)"
)
CODECS = {"PCMA": "PCMA/8000/1", "G722": "G722/16000/1", "opus": "opus/48000/2"}


def fetched() -> packages.Root:
    """baresip in the cache, 73 MB; downloaded first where it is not there. Blocks."""
    return packages.fetch([PACKAGE], packages.default_cache(), lambda *_: None, suites=SUITES)


class Call(softphone.Call):
    def __init__(self, phone: "Phone", id_: str) -> None:
        super().__init__()
        self._phone, self.id = phone, id_
        self.is_transferred = False

    async def answer(self) -> None:
        await self._do("accept")
        await self.answered()

    async def hang_up(self) -> None:
        await self._do("hangup")
        await self.over()

    async def hold(self) -> None:
        await self._do("hold")

    async def resume(self) -> None:
        await self._do("resume")

    async def dial(self, digits: str) -> None:
        for digit in digits:
            await self._do("sndcode", digit)
            await asyncio.sleep(0.2)

    async def transfer(self, number: str) -> None:
        await self._do("transfer", self._phone.uri(number))

    async def ask(self, number: str) -> "Call":
        return await self._phone.begun(self._do("atransferstart", self._phone.uri(number)))

    async def join(self, other: softphone.Call) -> None:
        """`other` was begun by `ask`."""
        assert isinstance(other, Call)
        await self._do("atransferexec")

    async def _do(self, command: str, params: str = "") -> None:
        await self._phone.do("callfind", self.id)
        await self._phone.do(command, params)


class Phone(Softphone):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.known: dict[str, Call] = {}
        self.said: list[dict[str, Any]] = []
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    @property
    def wire(self) -> str:
        return (self.setup.folder / "baresip.log").read_bytes().decode(errors="replace")

    @property
    def registrations(self) -> int:
        return len(re.findall(REGISTERED, self.wire))

    async def calls(self, number: str) -> Call:
        return await self.begun(self.do("dial", self.uri(number)))

    async def begun(self, dialling: Awaitable[None]) -> Call:
        """The call that this begins."""
        before = self._dialled()
        await dialling
        (id_,) = await until(lambda: self._dialled() - before, softphone.PATIENCE_S)
        return self.known.setdefault(id_, Call(self, id_))

    def _dialled(self) -> set[str]:
        """Call-IDs of INVITEs that it sent."""
        return set(re.findall(DIALLED, self.wire))

    async def do(self, command: str, params: str = "") -> None:
        asked = msgspec.json.encode({"command": command, "params": params})
        self._writer.write(b"%d:%s," % (len(asked), asked))
        await self._writer.drain()

    async def connect(self, port: int) -> None:
        self._reader, self._writer = await until(lambda: _connected(port), softphone.PATIENCE_S)

    async def listen(self) -> None:
        """Takes what it tells, until the connection ends."""
        reader = self._reader
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = await reader.readuntil(b":")
                told = await reader.readexactly(int(length[:-1]) + 1)
                self.told(msgspec.json.decode(told[:-1]))

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def told(self, happened: dict[str, Any]) -> None:
        self.said.append(happened)
        kind = happened.get("type", "")
        if happened.get("class") == "call" and "id" in happened:
            self._call(kind, happened)

    def _call(self, kind: str, happened: dict[str, Any]) -> None:
        call = self.known.setdefault(happened["id"], Call(self, happened["id"]))
        call.is_answered |= kind == "CALL_ESTABLISHED"
        call.is_over |= kind == "CALL_CLOSED"
        if kind == "CALL_DTMF_START":
            call.digits += happened["param"]
        if kind == "CALL_INCOMING":
            self.came.put_nowait(call)


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None


def _write(root: packages.Root, setup: Setup, port: int) -> None:
    is_six = ":" in setup.address
    modules = next(root.prefix.glob("lib/**/g711.so")).parent
    (setup.folder / "config").write_text(
        "\n".join(
            [
                f"sip_listen {f'[{setup.address}]' if is_six else setup.address}:0",
                f"sip_cafile {setup.trust}" if setup.trust else "",
                "sip_verify_server yes" if setup.trust else "",
                f"audio_player aufile,{setup.heard}",
                f"audio_source ausine,{setup.hertz}",
                "audio_alert none",
                *("auplay_srate 8000", "auplay_channels 1"),
                *("ausrc_srate 48000", "ausrc_channels 1"),
                "call_max_calls 4",
                "jitter_buffer_type off",
                "audio_jitter_buffer_type off",
                f"net_af {'ipv6' if is_six else 'ipv4'}",
                f"net_interface {setup.address}",
                f"module_path {modules}",
                *(f"module {name}" for name in MODULES[:6]),
                *(f"module_app {name}" for name in MODULES[6:]),
                f"ctrl_tcp_listen 127.0.0.1:{port}",
                "",
            ]
        )
    )
    outbound = f"sip:{setup.server};transport={setup.transport}"
    media = ";mediaenc=srtp-mand" if setup.srtp else ""
    codecs = ",".join(CODECS[name] for name in setup.codecs)
    (setup.folder / "accounts").write_text(
        f"<sip:{setup.user}@{setup.domain}>;auth_pass={setup.password};regint=300;"
        f'outbound="{outbound}";audio_codecs={codecs}{media}\n'
    )
    (setup.folder / "contacts").write_text("")


def _into(log: BinaryIO) -> Callable[[bytes], None]:
    def write(line: bytes) -> None:
        log.write(line)

    return write


@asynccontextmanager
async def opened(setup: Setup) -> AsyncIterator[Phone]:
    root, port = await asyncio.to_thread(fetched), ports.server_port()
    _write(root, setup, port)
    phone = Phone(setup)
    command = [*root.command("baresip"), "-f", str(setup.folder), "-s"]
    with (setup.folder / "baresip.log").open("wb", 0) as log:
        async with process(command, setup.folder, _into(log)):
            await phone.connect(port)
            listening = asyncio.create_task(phone.listen())
            try:
                yield phone
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                await phone.close()
