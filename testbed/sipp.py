"""SIPp processes, and a control connection to each (SIPp's 3PCC commands over TCP): the process
reports what happened, and gets told what to do next.

So a scenario contains the SIP, and a test decides when. Every SIP message of a process is in its
message log.
"""

import asyncio
import contextlib
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from testbed.until import until

SCENARIOS = Path(__file__).parent / "scenarios"
LIFE_S = 150  # no process lives longer
END = b"\x1b"  # of a command


class Message(msgspec.Struct, frozen=True):
    """One SIP message as it was on the wire."""

    is_sent: bool
    text: str

    @property
    def start(self) -> str:
        return self.text.partition("\n")[0].strip()

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Of the request, or of the one that a response is to."""
        return self.header("CSeq").split()[1]

    def header(self, name: str) -> str:
        """Its value, "" when it is not there."""
        found = re.search(rf"^{name}:[ \t]*(.*?)\s*$", self.text, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else ""

    @property
    def audio(self) -> tuple[str, int] | None:
        """The address and port in its SDP; None without audio."""
        host = re.search(r"^c=IN IP4 (\S+)", self.text, re.MULTILINE)
        port = re.search(r"^m=audio ([1-9]\d*)", self.text, re.MULTILINE)
        return (host[1], int(port[1])) if host and port else None


class Sipp:
    """`calls` are the Call-IDs of calls that came in, in order; `told` is what the process
    reported of each call.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self.calls: list[str] = []
        self.own = ""  # Call-ID of the call or registration that the process itself began
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        self._line: asyncio.StreamWriter | None = None

    def say(self, call_id: str, do: str, with_: str = "") -> None:
        assert self._line, "the line is up once something was told"
        self._line.write(f"Call-ID: {call_id}\r\nDo: {do}\r\nWith: {with_}\r\n\r\n".encode() + END)

    def messages(self, call_id: str = "") -> list[Message]:
        """All SIP messages so far, in order; those of one call."""
        text = self._log.read_bytes().decode(errors="replace") if self._log.exists() else ""
        parts = re.split(
            r"^-{47} \S+\n(?:UDP|TCP) (control )?message (sent|received).*?\n\n",
            text,
            flags=re.MULTILINE,
        )
        found = [
            Message(way == "sent", message)
            for control, way, message in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
            if not control
        ]
        return [
            message for message in found if not call_id or message.header("Call-ID") == call_id
        ]

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._line = writer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self._hear((await reader.readuntil(END)).decode())
        writer.close()

    def _hear(self, told: str) -> None:
        call_id = re.search(r"(?i)Call-ID: (\S+)", told)
        word = re.search(r"Now: (\S+)", told)
        assert call_id, told
        if word and word[1] == "here":
            self.own = call_id[1]
        if word and word[1] == "called":
            self.calls.append(call_id[1])
        self.told[call_id[1]].append(word[1] if word else "aborted")


@asynccontextmanager
async def running(
    command: Sequence[str], folder: Path, name: str, *options: str
) -> AsyncIterator[Sipp]:
    """A SIPp process with its control connection, ended afterwards. Logs are NAME.errors,
    NAME.messages and NAME.screen.
    """
    sipp = Sipp(folder / f"{name}.messages")
    lines: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.add(writer)
        await sipp.listen(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    line = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with (folder / f"{name}.screen").open("wb") as screen:
        process = await asyncio.create_subprocess_exec(
            *command,
            *options,
            *("-3pcc", line, "-nostdin", "-aa", "-base_cseq", "10", "-timeout", str(LIFE_S)),
            *(
                "-trace_err",
                "-error_file",
                f"{name}.errors",
                "-trace_msg",
                "-message_file",
                f"{name}.messages",
            ),
            *("-cid_str", f"{name}-%u-%p@%s"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=screen,
            stderr=screen,
            cwd=folder,
        )
    try:
        await until(lambda: lines or process.returncode is not None, 15)
        assert process.returncode is None, (folder / f"{name}.screen").read_text(errors="replace")[
            -2000:
        ]
        yield sipp
    finally:
        server.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        for writer in lines:
            writer.close()
        await server.wait_closed()


def write_scenarios(folder: Path) -> None:
    """The scenarios are in the folder, with talking.xml put in where they have <talking/>."""
    talking = (SCENARIOS / "talking.xml").read_text()
    for source in SCENARIOS.glob("*.xml"):
        (folder / source.name).write_text(source.read_text().replace("<talking/>", talking))
