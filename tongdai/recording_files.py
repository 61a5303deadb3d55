"""Files of recordings, behind one interface: nothing else reads, moves or removes them.

A file has a key, `DOMAIN_UUID/YYYY/MM/DD/NAME.wav`, which the database keeps. Today the files are
in a local folder (LocalFolder). An object store (S3) can take its place: a key is an object's
name, a range is a ranged GET, a thousand keys are one DeleteObjects, and a domain is a prefix.
"""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID

import structlog

log = structlog.get_logger()

CHUNK = 256 * 1024  # bytes that are read at once
_MISSED = ".missed"  # in a domain's folder; its time is when the domain was first missed


def key(domain_uuid: UUID, call_uuid: UUID, recording_uuid: UUID, started_at: datetime) -> str:
    """The key of a recording's file. The call's id is in it, so that an administrator finds the
    file without the database.
    """
    return f"{domain_uuid}/{started_at:%Y/%m/%d}/{call_uuid}.{recording_uuid}.wav"


class OpenFile(Protocol):
    """A file that is read; `size` is in bytes. `version` is another text for every other content
    of the key; it holds letters, digits and - only.
    """

    size: int
    version: str

    def read(self, first: int, length: int) -> AsyncIterator[bytes]:
        """`length` bytes from the byte `first` on, in pieces."""
        ...

    async def close(self) -> None: ...


class RecordingFiles(Protocol):
    """Each method raises OSError when the storage is away or full."""

    async def put(self, source: Path, key: str) -> int:
        """The file has the key, whole, and `source` is gone; or nothing has changed. A file that
        had the key before stays. The size of the file, in bytes.
        """
        ...

    async def size(self, key: str) -> int | None:
        """In bytes; None for no such file."""
        ...

    async def open(self, key: str) -> OpenFile | None:
        """None for no such file. The caller closes it."""
        ...

    async def delete(self, keys: Sequence[str]) -> set[str]:
        """The keys of which no file is left, also of those that had none before."""
        ...

    async def domains(self) -> set[UUID]:
        """The domains that have files."""
        ...

    async def missed_s(self, domain_uuid: UUID) -> float:
        """Seconds since the domain was first missed: 0 when that is now."""
        ...

    async def found_again(self, domain_uuid: UUID) -> None:
        """The domain is not missed any more."""
        ...

    async def delete_domain(self, domain_uuid: UUID) -> None:
        """No file of the domain is left."""
        ...


class LocalFolder:
    """RecordingFiles in a folder, which may be a network file system. Nothing outside the folder
    is read or changed, whatever a key says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def put(self, source: Path, key: str) -> int:
        return await asyncio.to_thread(_put, source, self.folder, key)

    async def size(self, key: str) -> int | None:
        return await asyncio.to_thread(_size, self.folder, key)

    async def open(self, key: str) -> OpenFile | None:
        return await asyncio.to_thread(_open, self.folder, key)

    async def delete(self, keys: Sequence[str]) -> set[str]:
        return await asyncio.to_thread(_delete, self.folder, keys)

    async def domains(self) -> set[UUID]:
        return await asyncio.to_thread(_domains, self.folder)

    async def missed_s(self, domain_uuid: UUID) -> float:
        return await asyncio.to_thread(_marked_s, self._mark(domain_uuid))

    async def found_again(self, domain_uuid: UUID) -> None:
        await asyncio.to_thread(self._mark(domain_uuid).unlink, missing_ok=True)

    async def delete_domain(self, domain_uuid: UUID) -> None:
        await asyncio.to_thread(shutil.rmtree, self.folder / str(domain_uuid))

    def _mark(self, domain_uuid: UUID) -> Path:
        return self.folder / str(domain_uuid) / _MISSED


class LocalFile:
    """An open file of a LocalFolder. Its content has come there whole (`put`) and is never written
    again, so its size and time identify it.
    """

    def __init__(self, file: BinaryIO, status: os.stat_result) -> None:
        self._file, self.size = file, status.st_size
        self.version = f"{status.st_mtime_ns:x}-{status.st_size:x}"

    async def read(self, first: int, length: int) -> AsyncIterator[bytes]:
        self._file.seek(first)
        left = length
        while left > 0 and (piece := await asyncio.to_thread(self._file.read, min(left, CHUNK))):
            left -= len(piece)
            yield piece

    async def close(self) -> None:
        self._file.close()


def _path(folder: Path, key: str) -> Path | None:
    """None for a key that leads out of the folder."""
    path = (folder / key).resolve()
    return path if path.is_relative_to(folder.resolve()) else None


def _put(source: Path, folder: Path, key: str) -> int:
    if (target := _path(folder, key)) is None:
        raise OSError(f"{key} leads out of {folder}")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        _move(source, target)
    source.unlink(missing_ok=True)
    return target.stat().st_size


def _move(source: Path, target: Path) -> None:
    """rename(2) is atomic; from another file system the file is copied to a draft first."""
    if source.stat().st_dev == target.parent.stat().st_dev:
        source.rename(target)
        return
    draft = target.with_suffix(".part")
    try:
        shutil.copyfile(source, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _size(folder: Path, key: str) -> int | None:
    path = _path(folder, key)
    return path.stat().st_size if path and path.is_file() else None


def _open(folder: Path, key: str) -> OpenFile | None:
    path = _path(folder, key)
    if path is None or not path.is_file():
        return None
    file = path.open("rb")
    return LocalFile(file, os.fstat(file.fileno()))


def _delete(folder: Path, keys: Sequence[str]) -> set[str]:
    """Files that cannot be removed now are left for the next time; the others go."""
    gone = set(keys)
    for key in keys:
        try:
            if path := _path(folder, key):
                path.unlink(missing_ok=True)
        except OSError as reason:
            log.warning("recording.not_deleted", file=key, why=str(reason))
            gone.discard(key)
    return gone


def _domains(folder: Path) -> set[UUID]:
    """A domain's folder is named by its domain_uuid; others (lost+found) are not ours."""
    found = set()
    for path in folder.iterdir() if folder.exists() else ():
        with contextlib.suppress(ValueError):
            found.add(UUID(path.name))
    return found


def _marked_s(mark: Path) -> float:
    """The mark is there; seconds since it was made."""
    with contextlib.suppress(FileNotFoundError):
        return max(0.0, time.time() - mark.stat().st_mtime)
    mark.touch()
    return 0.0
