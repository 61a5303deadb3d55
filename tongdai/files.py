"""Files that are read again after a crash."""

import os
from pathlib import Path


def write(path: Path, content: str | bytes, *, mode: int = 0o600) -> None:
    """The file holds all of `content`, or what it held before: also after a full volume or a
    power loss.

    The draft `.NAME` beside it is written, flushed to the disk (fsync) and renamed (rename(2) is
    atomic), and the folder is flushed. A failure leaves no draft. Raises OSError.
    """
    draft = path.with_name(f".{path.name}")
    try:
        _write_through(draft, content.encode() if isinstance(content, str) else content, mode)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def _write_through(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)  # one left by a crash may have another mode
    created = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(created, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    """A renamed file is in its folder after a power loss, too (fsync(2), NOTES)."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
