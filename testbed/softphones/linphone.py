"""linphonec, the console of linphone, from Debian's packages; it plays and records files."""

import asyncio
import re
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from testbed import ports, tones
from testbed.softphones import softphone
from testbed.softphones.softphone import Setup, Softphone, process, sent
from testbed.until import until
from tongdai.asterisk import packages

PACKAGE = "linphone-cli"
SUITES = ("stable", "testing")
PROMPT = "linphonec> "
REGISTERED = r"\nSIP/2\.0 200 .*\n(?:.+\n)*?CSeq: \d+ REGISTER\b"
SAYS_S = 60  # of the tone that a phone says
KEY_S = 0.3  # for a key: it is sent for some 160 ms
RATES = {"PCMA": 8_000, "G722": 8_000, "opus": 48_000}
_TOLD = re.compile(
    r"Receiving new incoming call from .+, assigned id (?P<came>\d+)"
    r"|Establishing call id to .+, assigned id (?P<begun>\d+)"
    r"|Call (?P<answered>\d+) with .+ connected\."
    r"|Call (?P<over>\d+) (?:with|to) .+ (?:ended|error)\b"
    r"|Call (?P<held>\d+) with .+ is now paused"
    r"|Receiving tone (?P<key>.) from"
)


def fetched() -> packages.Root:
    """linphonec in the cache; downloaded first where it is not there. Blocks."""
    return packages.fetch([PACKAGE], packages.default_cache(), lambda *_: None, suites=SUITES)


class Call(softphone.Call):
    def __init__(self, phone: "Phone", id_: int) -> None:
        super().__init__()
        self._phone, self.id = phone, id_
        self.is_held = False

    async def answer(self) -> None:
        await self._phone.do(f"answer {self.id}")
        await self.answered()

    async def hang_up(self) -> None:
        await self._phone.do(f"terminate {self.id}")
        await self.over()

    async def hold(self) -> None:
        self.is_held = False
        await self._phone.do(f"pause {self.id}")
        await until(lambda: self.is_held or self.is_over, softphone.PATIENCE_S)

    async def resume(self) -> None:
        await self._phone.do(f"resume {self.id}")

    async def dial(self, digits: str) -> None:
        for digit in digits:
            await self._phone.do(digit)
            await asyncio.sleep(KEY_S)

    async def transfer(self, number: str) -> None:
        await self._phone.do(f"transfer {self.id} {self._phone.uri(number)}")

    async def ask(self, number: str) -> "Call":
        await self.hold()
        return await self._phone.calls(number)

    async def join(self, other: softphone.Call) -> None:
        assert isinstance(other, Call)
        await self._phone.do(f"transfer {self.id} --to-call {other.id}")


class Phone(Softphone):
    """Commands are given one by one: the program forgets one that comes before it has taken the
    one before, and prompts after each.
    """

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.running: asyncio.subprocess.Process
        self.known: dict[int, Call] = {}
        self._said = ""
        self._taken = 0  # characters of it
        self._begun: asyncio.Queue[Call] = asyncio.Queue()

    @property
    def wire(self) -> str:
        return (self.setup.folder / "linphone.log").read_text(errors="replace")

    @property
    def registrations(self) -> int:
        return len(re.findall(REGISTERED, self.wire.replace("\r", "")))

    async def calls(self, number: str) -> Call:
        await self.do(f"call {self.uri(number)}")
        async with asyncio.timeout(softphone.PATIENCE_S):
            return await self._begun.get()

    async def do(self, command: str) -> None:
        before = self._said.count(PROMPT)
        await sent(self.running, command.encode() + b"\n")
        await until(lambda: self._said.count(PROMPT) > before, softphone.PATIENCE_S)

    async def prepare(self) -> None:
        """It says its tone, and records what it hears."""
        await until(lambda: PROMPT in self._said, softphone.PATIENCE_S)
        for command in ("soundcard use files", f"play {_tone(self.setup)}"):
            await self.do(command)
        await self.do(f"record {self.setup.heard}")

    def told(self, said: bytes) -> None:
        """Takes what it prints, as far as lines are complete."""
        self._said += said.decode(errors="replace")
        end = self._said.rfind("\n") + 1
        for found in _TOLD.finditer(self._said, self._taken, max(end, self._taken)):
            self._happened(str(found.lastgroup), found[str(found.lastgroup)])
        self._taken = max(end, self._taken)

    def _happened(self, what: str, which: str) -> None:
        if what == "key":
            for call in self.known.values():
                call.digits += which
            return
        id_ = int(which)
        if what in ("came", "begun"):
            call = self.known[id_] = Call(self, id_)
            (self.came if what == "came" else self._begun).put_nowait(call)
        else:
            call = self.known[id_]
            call.is_answered |= what == "answered"
            call.is_over |= what == "over"
            call.is_held |= what == "held"


def _tone(setup: Setup) -> str:
    path = setup.folder / "tone.wav"
    samples = [tones.DECODED[code] for packet in tones.tone(setup.hertz) for code in packet]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(tones.RATE_HZ)
        second = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
        file.writeframes(SAYS_S * second)
    return str(path)


def _write(setup: Setup) -> str:
    """Its settings; the path of the file."""
    server = f"<sip:{setup.server};transport={setup.transport}>"
    codecs = [
        f"[audio_codec_{at}]\nmime={name}\nrate={RATES[name]}\nenabled=1"
        for at, name in enumerate(setup.codecs)
    ]
    own = dict.fromkeys(("udp", "tcp", "tls"), 0) | {setup.transport: ports.server_port()}
    lines = [
        "[sip]",
        *(f"sip_port={own['udp']}", f"sip_tcp_port={own['tcp']}", f"sip_tls_port={own['tls']}"),
        *(f"bind_address={setup.address}", "default_proxy=0", "use_rfc2833=1", "use_info=0"),
        *("register_only_when_network_is_up=0", "guess_hostname=1"),
        f"root_ca={setup.trust}" if setup.trust else "",
        f"media_encryption={'srtp' if setup.srtp else 'none'}",
        f"media_encryption_mandatory={int(bool(setup.srtp))}",
        *("[rtp]", "audio_rtp_port=-1", "[sound]", "echocancellation=0"),
        *("[video]", "enabled=0", "capture=0", "display=0"),
        *("automatically_initiate=0", "automatically_accept=0"),
        *("[proxy_0]", f"reg_proxy={server}", f"reg_route={server}", "publish=0"),
        *(f"reg_identity=sip:{setup.user}@{setup.domain}", "reg_expires=300"),
        *("reg_sendregister=1", "[auth_info_0]", f"username={setup.user}"),
        *(f"passwd={setup.password}", f"domain={setup.domain}"),
        *codecs,
    ]
    path = setup.folder / "linphonerc"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@asynccontextmanager
async def opened(setup: Setup) -> AsyncIterator[Phone]:
    root = await asyncio.to_thread(fetched)
    for own in (".local/share/linphone", ".config/linphone"):
        (setup.folder / own).mkdir(parents=True)
    (setup.folder / "share").symlink_to(root.prefix / "share")  # it finds its grammars there
    loader, option, libraries, program = root.command("linphonec")
    command = [loader, option, f"{libraries}:{libraries}/pulseaudio", program]
    options = ["-c", _write(setup), "-d", "6", "-l", str(setup.folder / "linphone.log")]
    phone = Phone(setup)
    home = str(setup.folder)
    async with process(
        [*command, *options], setup.folder, phone.told, prompts=True, HOME=home
    ) as phone.running:
        await phone.prepare()
        yield phone
