"""The files in the folder of the embedded PostgreSQL that say whether it runs, and how to log in.

They are apart from the server itself (`store/server.py`), since commands need nothing else of it.
"""

import contextlib
import re
from pathlib import Path
from urllib.parse import quote

import msgspec

from tongdai import errors, process

ROLE = "tongdai"
"""The owner of the database of this name. It may create databases, but is no superuser: it cannot
read the machine's files."""


class Login(msgspec.Struct, frozen=True):
    """The password, in a file of the server's folder that only its owner can read."""

    superuser: str
    role: str


def dsn_of(folder: Path) -> str:
    """The DSN of the server running on the data in this folder. Raises errors.SetupError when
    there is none.
    """
    folder = folder.absolute()
    known = state(folder / "data")
    if len(known) < 5 or find(folder / "data") is None:
        raise errors.SetupError(
            f"no PostgreSQL runs in {folder}: start tongdai first, or set TONGDAI_DSN"
        )
    return dsn(Path(known[4]), ROLE, login(folder).role, ROLE)


def dsn(sockets: Path, user: str, password: str, database: str) -> str:
    """The DSN of a server whose Unix socket is in that folder."""
    return f"postgresql://{user}:{password}@/{database}?host={quote(str(sockets), safe='')}"


def login(folder: Path) -> Login:
    """The passwords. Raises errors.SetupError for a file that is damaged."""
    path = folder / "login.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Login)
    except (msgspec.DecodeError, UnicodeDecodeError) as reason:
        raise errors.SetupError(
            f"{path}, the passwords of PostgreSQL, is damaged: put it back from a backup"
        ) from reason


def find(data: Path) -> process.Process | None:
    """The server that runs on this data, if one does."""
    known = state(data)
    return process.find(int(known[0]), str(data)) if known else None


def state(data: Path) -> list[str]:
    """Lines of postmaster.pid: process id, data folder, start, port, folder of the socket,
    address, memory, status. None where there is no such file, or none that can be read.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        if lines and re.fullmatch("[0-9]{1,9}", lines[0]):
            return lines
    return []
