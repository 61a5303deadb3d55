"""One private Asterisk process in its own folder: its files are written; it is started, adopted,
stopped.

It runs in a session of its own and outlives the program that started it, so calls go on; the next
start in the same folder adopts it. ARI is in other modules.
"""

import asyncio
import contextlib
import hashlib
import re
import resource
import secrets
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import msgspec

from tongdai import errors, files, ports, process
from tongdai.asterisk import music, packages

COMMON, PBX = (Path(__file__).parent / "conf" / name for name in ("common", "pbx"))
USER = "tongdai"
START_S = 30.0
"""A start takes about 2 s on an idle machine, several times that on a crowded one."""
STOP_S = 5.0
"""Seconds for a clean stop; then the process is killed."""
MAX_FILES = 65_536
"""Open files: about 6 a call (RTP and RTCP of two legs, recording)."""

RELOADABLE: dict[str, str] = {"extensions.conf": "pbx_config.so"}
"""Files that a running Asterisk can reload, with the module that reads them; a change of
other files needs a restart.
"""

Files: TypeAlias = dict[str, str]


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """The wanted Asterisk. Addresses are host:port."""

    root: packages.Root
    folder: Path
    """Everything it writes; made if absent. Its name is the name of the system, which
    begins every uniqueid.
    """
    conf: Path = PBX
    """The folder of its templates, which override those of `conf/common`."""
    sip: str
    """UDP and TCP."""
    rtp: tuple[int, int]
    """First and last UDP port."""
    ari: str = ""
    """Loopback, as it is plain HTTP; "": a free port."""
    external_ip: str = ""
    """The address that SIP, SDP and ICE announce beyond a NAT."""
    stun: str = ""
    """A STUN server, host:port; "": none."""
    channel_variables: Sequence[str] = ()
    """Channel variables that every ARI event of the channel includes."""
    values: Mapping[str, str] = {}
    """More names for the templates of this kind."""


class State(msgspec.Struct, frozen=True):
    """The process in a folder, saved for the next start."""

    pid: int
    ari: str
    password: str
    digest: str
    """The checksum of the files that are read at start-up only."""


class Node:
    """A running Asterisk."""

    def __init__(
        self, spec: Spec, state: State, running: process.Process, *, adopted: bool
    ) -> None:
        self.folder = spec.folder
        self.url = f"http://{state.ari}"
        """Base of its HTTP server, without a trailing slash; ARI is below `/ari`."""
        self.user, self.password = USER, state.password
        self.adopted = adopted
        """Whether it ran already, started by a program that has ended."""
        self.cel_log = spec.folder / "log" / "cel-custom" / "cel.jsonl"
        """The CEL file: one JSON object a line (conf/common/cel_custom.conf)."""
        self.security = spec.folder / "log" / "security"
        """The security log: successful and failed SIP authentications (conf/common/logger.conf).
        """
        self.hints = spec.folder / "etc" / "hints.conf"
        """The file that extensions.conf includes (`asterisk/hints.py`)."""
        self.prompts = spec.folder / "prompts"
        """The folder of prompts (`asterisk/prompt_files.py`)."""
        self.spool = spec.folder / "spool"
        """The folder of its recordings: `recording/` those of ARI, `monitor/` those of
        MixMonitor by default.
        """
        self._command, self._running = spec.root.command("asterisk"), running

    @property
    def pid(self) -> int:
        return self._running.pid

    async def console(self, command: str) -> str:
        """The output of a console command such as `core show channels`. Raises errors.SetupError
        if it fails.
        """
        console = await asyncio.create_subprocess_exec(
            *(*self._command, "-C", str(_config(self.folder)), "-rx", command),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said = (await console.communicate())[0].decode(errors="replace")
        if console.returncode:
            raise errors.SetupError(f"Asterisk's console: {said.strip()}")
        return said

    async def wait(self) -> None:
        """Returns when the process has ended, for any reason."""
        await self._running.ended()

    async def stop(self) -> None:
        """Ends the process, its children and its calls; returns when they are gone."""
        await self._running.end(signal.SIGTERM, STOP_S)


async def start(spec: Spec) -> Node:
    """A node that answers over ARI: the one running in the folder if it matches `spec`, else a new
    one.

    Raises errors.SetupError with the address that is taken, or the end of Asterisk's log.
    """
    spec = msgspec.structs.replace(spec, folder=spec.folder.absolute())
    before = _remembered(spec.folder)
    if (
        before is not None
        and (running := process.find(before.pid, str(_config(spec.folder)))) is not None
    ):
        if await _adopts(spec, before):
            return Node(spec, before, running, adopted=True)
        await running.end(signal.SIGTERM, STOP_S)
    return await _launch(spec, before.password if before else secrets.token_urlsafe(24))


async def _adopts(spec: Spec, state: State) -> bool:
    """Whether the running Asterisk matches `spec` and answers; if so it has loaded the present
    dialplan.
    """
    if spec.ari not in ("", state.ari):
        return False
    texts = render(spec, state.ari, state.password)
    if _digest(spec, texts) != state.digest or not await _answers(spec, state):
        return False
    for name, module in RELOADABLE.items():
        path = spec.folder / "etc" / name
        if path.read_text() != texts[name]:
            files.write(path, texts[name])
            await _ari(state, "PUT", f"asterisk/modules/{module}")
    return True


async def _launch(spec: Spec, password: str) -> Node:
    ari = spec.ari or f"127.0.0.1:{ports.free_port('tcp', '127.0.0.1')}"
    ports.check_free("SIP", "udp", spec.sip)
    ports.check_free("SIP", "tcp", spec.sip)
    ports.check_free("ARI", "tcp", ari)
    texts = render(spec, ari, password)
    _lay_out(spec.folder, texts)
    command = [*spec.root.command("asterisk"), "-f", "-C", str(_config(spec.folder))]
    running = process.launch(command, spec.folder, spec.folder / "log" / "console")
    state = State(running.pid, ari, password, _digest(spec, texts))
    files.write(spec.folder / "node.json", msgspec.json.encode(state))
    try:
        async with asyncio.timeout(START_S):
            await _ready(spec, state, running)
    except BaseException as failure:
        await running.end(signal.SIGTERM, STOP_S)
        if isinstance(failure, TimeoutError):
            raise errors.SetupError(
                f"Asterisk does not answer after {START_S:.0f} s. {_tail(spec.folder)}"
            ) from None
        raise
    return Node(spec, state, running, adopted=False)


async def _ready(spec: Spec, state: State, running: process.Process) -> None:
    """Returns once ARI answers; until all modules are loaded it answers 503."""
    while not await _answers(spec, state):
        if not running.is_running:
            raise errors.SetupError(f"Asterisk ended at start-up. {_tail(spec.folder)}")
        await asyncio.sleep(0.05)


def render(spec: Spec, ari: str, password: str) -> Files:
    """The configuration files by name: templates with each `@{name}` replaced (`${name}` is
    Asterisk's own).
    """
    host, _, port = ari.rpartition(":")
    first, last = spec.rtp
    values = {
        "folder": str(spec.folder),
        "run": "run",  # relative: the path of a socket may have 107 bytes only
        "modules": str(spec.root.modules),
        "data": str(spec.root.data),
        "name": re.sub(r"\W+", "-", spec.folder.name),
        "entity_id": _entity_id(spec.folder),
        "max_files": str(_max_files()),
        "sip": spec.sip,
        "rtp_first": str(first),
        "rtp_last": str(last),
        "external": external(spec.external_ip),
        "stun": f"stunaddr = {spec.stun}" if spec.stun else "",
        "ice": _ice(spec),
        "ari_host": host,
        "ari_port": port,
        "ari_user": USER,
        "ari_password": password,
        "channel_variables": ",".join(spec.channel_variables),
        **spec.values,
    }
    templates = [path for folder in (COMMON, spec.conf) for path in sorted(folder.glob("*.conf"))]
    return {
        path.name: re.sub(r"@\{(\w+)\}", lambda name: values[name[1]], path.read_text())
        for path in templates
    }


def _max_files() -> int:
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MAX_FILES if allowed == resource.RLIM_INFINITY else min(MAX_FILES, allowed)


def external(address: str) -> str:
    """The lines of a transport that announces this address beyond a NAT; "" for none."""
    if not address:
        return ""
    inside = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
    lines = [f"external_{what}_address = {address}" for what in ("signaling", "media")]
    return "\n".join(lines + [f"local_net = {network}" for network in inside])


def _ice(spec: Spec) -> str:
    """The public address as an ICE candidate, beside the local address that a NAT maps it to:
    `external_media_address` has no effect on browsers.
    """
    local = _local_address(spec) if spec.external_ip else ""
    if local in ("", spec.external_ip):
        return ""
    return f"[ice_host_candidates]\n{local} => {spec.external_ip},include_local_address"


def _local_address(spec: Spec) -> str:
    """The address of this machine that SIP listens on, or that packets to the public address
    leave from; "" if there is none.
    """
    with contextlib.suppress(ValueError):  # a name
        host = ip_address(spec.sip.rpartition(":")[0].strip("[]"))
        if not host.is_unspecified:
            return str(host)
    family = socket.AF_INET6 if ":" in spec.external_ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect((spec.external_ip, 9))  # of UDP: it sends nothing
        return str(probe.getsockname()[0])
    return ""


async def _answers(spec: Spec, state: State) -> bool:
    """Whether ARI answers on that address, and belongs to the Asterisk of this folder."""
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


def _lay_out(folder: Path, texts: Files) -> None:
    """The folder with all files that Asterisk expects. Only its owner may enter: the files hold
    passwords.
    """
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
    for name, text in texts.items():
        files.write(folder / "etc" / name, text)
    for name in ("messages", "security", "sip", "console"):
        if (log := folder / "log" / name).exists():
            log.replace(log.with_suffix(".previous"))
    if not (tune := folder / "moh" / "arpeggio.wav").exists():
        music.write(tune)


def _remembered(folder: Path) -> State | None:
    try:
        return msgspec.json.decode((folder / "node.json").read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None


def _digest(spec: Spec, texts: Files) -> str:
    fixed = [(name, text) for name, text in sorted(texts.items()) if name not in RELOADABLE]
    return hashlib.sha256(msgspec.json.encode([spec.root.command("asterisk"), fixed])).hexdigest()


def _config(folder: Path) -> Path:
    return folder / "etc" / "asterisk.conf"


def _entity_id(folder: Path) -> str:
    """A locally administered MAC address; always the same for a folder."""
    digest = hashlib.sha256(str(folder).encode()).digest()
    return "02:" + digest[:5].hex(":")


def _tail(folder: Path) -> str:
    """The end of Asterisk's log, without colours."""
    said = ""
    for name in ("messages", "console"):
        if (path := folder / "log" / name).exists() and not said:
            said = re.sub(r"\x1b\[[0-9;]*m", "", path.read_text(errors="replace"))
    lines = said.strip().splitlines()[-10:]
    return "The end of its log:\n" + "\n".join(lines)
