"""One private Asterisk process in a folder of its own: its files written, started, adopted, stopped.

It is started in a session of its own and outlives the program that started it, so that calls do; the next start in the
same folder finds it and takes it over. What is said to it over ARI lives elsewhere.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import resource
import secrets
import signal
import socket
import string
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import aiohttp
import msgspec

from tongdai import errors
from tongdai.asterisk import music, packages

TEMPLATES = Path(__file__).parent / "conf"
USER = "tongdai"
START_S = 30.0
"""A start takes about 2 s on an idle machine, several times that on a crowded one."""
STOP_S = 5.0
"""How long it may take to end by itself before it is killed."""
MAX_FILES = 65_536
"""Open files: about 6 a call (RTP and RTCP of two legs, recording)."""

RELOADABLE: dict[str, str] = {"extensions.conf": "pbx_config.so"}
"""Files that a running Asterisk takes anew, by the module that reads them; a change of others needs a restart."""

Files: TypeAlias = dict[str, str]


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of Asterisk is wanted. Addresses are host:port."""

    root: packages.Root
    folder: Path
    """Everything it writes; made if absent."""
    kind: Literal["pbx", "sandbox"] = "pbx"
    """Its templates: those of `conf/common` with `conf/<kind>` laid over them."""
    sip: str
    """UDP and TCP."""
    rtp: tuple[int, int]
    """First and last UDP port."""
    ari: str = ""
    """Loopback, as it is plain HTTP; "": a free port."""
    external_ip: str = ""
    """What SIP and SDP announce to those beyond a NAT."""
    channel_variables: Sequence[str] = ()
    """Sent along in every ARI event of a channel that has them."""
    values: Mapping[str, str] = {}
    """More names for the templates of this kind."""


class State(msgspec.Struct, frozen=True):
    """What the next start must know of the process in a folder."""

    pid: int
    ari: str
    password: str
    digest: str
    """Of the files that are read at start-up only."""


class Node:
    """A running Asterisk."""

    def __init__(self, spec: Spec, state: State, process: "subprocess.Popen[bytes] | None") -> None:
        self.folder, self.name = spec.folder, spec.kind
        self._command = spec.root.command("asterisk")
        self._state, self._process = state, process

    @property
    def pid(self) -> int:
        return self._state.pid

    @property
    def adopted(self) -> bool:
        """Whether it was running before, started by a program that is no more."""
        return self._process is None

    @property
    def url(self) -> str:
        """Base of its HTTP server, without a trailing slash; ARI is below `/ari`."""
        return f"http://{self._state.ari}"

    @property
    def user(self) -> str:
        return USER

    @property
    def password(self) -> str:
        return self._state.password

    @property
    def journal(self) -> Path:
        """The CEL file: one JSON object a line (conf/common/cel_custom.conf)."""
        return _journal(self.folder)

    @property
    def spool(self) -> Path:
        """Where it writes recordings: `recording/` those of ARI, `monitor/` those of MixMonitor by default."""
        return self.folder / "spool"

    async def console(self, command: str) -> str:
        """What its command line answers to, say, `core show channels`; errors.SetupError if it does not."""
        config = str(self.folder / "etc" / "asterisk.conf")
        process = await asyncio.create_subprocess_exec(
            *self._command,
            "-C",
            config,
            "-rx",
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said = (await process.communicate())[0].decode(errors="replace")
        if process.returncode:
            raise errors.SetupError(f"Asterisk's console: {said.strip()}")
        return said

    async def wait(self) -> None:
        """Returns when the process has ended, by whatever cause."""
        await _ended(self.pid)

    async def stop(self) -> None:
        """Ends it and its children, calls and all; returns when they are gone."""
        await _end(self.pid)
        if self._process is not None:
            self._process.wait()


async def start(spec: Spec) -> Node:
    """A node that answers over ARI: the one that already runs in the folder if it is of this kind, else a new one.

    Raises errors.SetupError with the address that is taken, or the end of Asterisk's log.
    """
    spec = msgspec.structs.replace(spec, folder=spec.folder.absolute())
    before = _remembered(spec.folder)
    if before is not None and is_running(before.pid, spec.folder):
        if await _adopt(spec, before):
            return Node(spec, before, None)
        await _end(before.pid)
    return await _launch(spec, before.password if before else secrets.token_urlsafe(24))


async def _adopt(spec: Spec, state: State) -> bool:
    """Whether the running one is what the spec asks for, and answers; then also with the dialplan of now."""
    if spec.ari not in ("", state.ari):
        return False
    files = render(spec, state.ari, state.password)
    if _digest(spec, files) != state.digest or not await _answers(spec, state):
        return False
    etc = spec.folder / "etc"
    for name, module in RELOADABLE.items():
        if (etc / name).read_text() != files[name]:
            _write(etc / name, files[name])
            await _ari(state, "PUT", f"asterisk/modules/{module}")
    return True


async def _launch(spec: Spec, password: str) -> Node:
    ari = spec.ari or f"127.0.0.1:{_free_port()}"
    for what, address, kind in (
        ("SIP", spec.sip, socket.SOCK_DGRAM),
        ("SIP", spec.sip, socket.SOCK_STREAM),
        ("ARI", ari, socket.SOCK_STREAM),
    ):
        _check_free(what, address, kind)
    files = render(spec, ari, password)
    _lay_out(spec.folder, files)
    config = spec.folder / "etc" / "asterisk.conf"
    with (spec.folder / "log" / "console").open("wb") as console:
        process = subprocess.Popen(
            [*spec.root.command("asterisk"), "-f", "-C", str(config)],
            cwd=spec.folder,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )
    state = State(process.pid, ari, password, _digest(spec, files))
    _write(spec.folder / "node.json", msgspec.json.encode(state).decode())
    node = Node(spec, state, process)
    try:
        async with asyncio.timeout(START_S):
            while not await _answers(spec, state):
                if process.poll() is not None:
                    raise errors.SetupError(f"Asterisk ended at start-up ({process.returncode}). {_tail(spec.folder)}")
                await asyncio.sleep(0.05)
    except BaseException as failure:
        await node.stop()
        if isinstance(failure, TimeoutError):
            raise errors.SetupError(f"Asterisk does not answer after {START_S:.0f} s. {_tail(spec.folder)}") from None
        raise
    return node


class Template(string.Template):
    """`@{name}`, because `${name}` is Asterisk's own."""

    delimiter = "@"
    idpattern = "(?!)"
    braceidpattern = "[a-z_]+"


def render(spec: Spec, ari: str, password: str) -> Files:
    """The configuration files by name."""
    host, _, port = ari.rpartition(":")
    first, last = spec.rtp
    values = {
        "folder": str(spec.folder),
        "run": "run",  # relative: the path of a socket may have 107 bytes only
        "modules": str(spec.root.modules),
        "data": str(spec.root.data),
        "name": spec.kind,
        "entity_id": _entity_id(spec.folder),
        "max_files": str(min(MAX_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1] & 0x7FFFFFFF)),
        "sip": spec.sip,
        "rtp_first": str(first),
        "rtp_last": str(last),
        "external": _external(spec.external_ip),
        "ari_host": host,
        "ari_port": port,
        "ari_user": USER,
        "ari_password": password,
        "channel_variables": ",".join(spec.channel_variables),
        **spec.values,
    }
    templates = [path for part in ("common", spec.kind) for path in sorted((TEMPLATES / part).glob("*.conf"))]
    return {path.name: Template(path.read_text()).substitute(values) for path in templates}


def _external(address: str) -> str:
    if not address:
        return ""
    inside = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
    lines = [f"external_{what}_address = {address}" for what in ("signaling", "media")]
    return "\n".join(lines + [f"local_net = {network}" for network in inside])


def is_running(pid: int, folder: Path) -> bool:
    """Whether this process is the Asterisk of this folder, and not one that got its number later."""
    try:
        return str(folder / "etc" / "asterisk.conf").encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


async def _answers(spec: Spec, state: State) -> bool:
    """Whether ARI answers on that address, and is the one of this folder."""
    try:
        info = await _ari(state, "GET", "asterisk/info?only=system")
    except (aiohttp.ClientError, TimeoutError):
        return False
    return bool(info["system"]["entity_id"] == _entity_id(spec.folder))


async def _ari(state: State, method: str, path: str) -> Any:
    limit = aiohttp.ClientTimeout(total=5)
    login = {"Authorization": aiohttp.encode_basic_auth(USER, state.password)}
    async with (
        aiohttp.ClientSession(headers=login, timeout=limit, raise_for_status=True) as session,
        session.request(method, f"http://{state.ari}/ari/{path}") as response,
    ):
        return msgspec.json.decode(await response.read() or b"null")


async def _end(pid: int) -> None:
    """SIGTERM, then SIGKILL after STOP_S; then whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await _ended(pid)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            await _ended(pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # it leads a session, so its children are of its group


async def _ended(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _lay_out(folder: Path, files: Files) -> None:
    """The folder with all that Asterisk expects in it. Only its owner may enter: the files hold passwords."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (
        "etc",
        "lib",
        "lib/keys",
        "log",
        "log/cel-custom",
        "moh",
        "run",
        "spool",
        "spool/recording",
        "spool/monitor",
        "spool/tmp",
    ):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    for name, text in files.items():
        _write(folder / "etc" / name, text)
    for name in ("messages", "security"):
        if (log := folder / "log" / name).exists():
            log.replace(log.with_suffix(".previous"))
    if not (tune := folder / "moh" / "arpeggio.wav").exists():
        music.write(tune)


def _write(path: Path, text: str) -> None:
    """Complete or not at all, readable by its owner alone."""
    draft = path.with_name(f".{path.name}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def _remembered(folder: Path) -> State | None:
    try:
        return msgspec.json.decode((folder / "node.json").read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None


def _digest(spec: Spec, files: Files) -> str:
    fixed = [(name, text) for name, text in sorted(files.items()) if name not in RELOADABLE]
    return hashlib.sha256(msgspec.json.encode([spec.root.command("asterisk"), fixed])).hexdigest()


def _journal(folder: Path) -> Path:
    return folder / "log" / "cel-custom" / "journal.jsonl"


def _entity_id(folder: Path) -> str:
    """In the form of a MAC address, locally administered; the same for the same folder."""
    digest = hashlib.sha256(str(folder).encode()).digest()
    return "02:" + digest[:5].hex(":")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _check_free(what: str, address: str, kind: socket.SocketKind) -> None:
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            protocol = "TCP" if kind is socket.SOCK_STREAM else "UDP"
            raise errors.SetupError(
                f"the {what} address {address} ({protocol}) cannot be used: {error.strerror}"
            ) from error


def _tail(folder: Path) -> str:
    """The end of what Asterisk said, without colours."""
    said = ""
    for name in ("messages", "console"):
        if (path := folder / "log" / name).exists() and not said:
            said = re.sub(r"\x1b\[[0-9;]*m", "", path.read_text(errors="replace"))
    lines = said.strip().splitlines()[-10:]
    return "The end of its log:\n" + "\n".join(lines)
