"""A backup of an installation while it runs, in a folder, and its restoration into an empty one.

The folder has the database (database.dump), the recordings, the master key (secret), FILES of the
data folder as far as they are there, and backup.json. A further backup into the same
folder copies new recordings only, removes those that were deleted, and replaces the rest; at each
moment the folder holds a whole backup.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tongdai import __version__, encryption, errors, files, services, settings_file
from tongdai.recording_files import LocalFolder
from tongdai.settings import Settings
from tongdai.store import db, dump, migrate, postmaster, recordings, server

ABOUT, DUMP, RECORDINGS, SECRET = "backup.json", "database.dump", "recordings", "secret"
FILES = (settings_file.NAME, "demo.json")
"""Files of a data folder that are kept too: the operator's settings, and the sandbox's demo."""
_PARTIAL = ".part"
Progress = Callable[[str, int], object]
"""Called with what is done, and how much of it so far."""


class About(msgspec.Struct, frozen=True):
    """What a backup holds. `schema` is the last migration of its database; `recordings` are files
    of recordings, `size` is the dump's, in bytes.
    """

    version: str
    made_at: datetime
    schema: str
    recordings: int
    size: int


async def make(settings: Settings, folder: Path, progress: Progress) -> About:
    """The folder holds a backup of the installation as of now. Calls go on meanwhile. An embedded
    PostgreSQL that does not run is started for it.

    Raises errors.SetupError, for a folder that holds other things too, and OSError for one that
    is full or may not be written.
    """
    _open_folder(folder)
    key = _master_key(settings)
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(_running(settings))
        if pending := await migrate.pending(dsn):
            raise errors.SetupError(
                f"the database is of an earlier version ({pending[0]} is missing): tongdai migrate"
            )
        progress("database", 0)
        await dump.write(dsn, draft := folder / f"{DUMP}{_PARTIAL}")
        # after the dump: each recording that it names, and that is not deleted since, is there
        keys = await _keys(dsn)
    kept = await _copy_recordings(keys, settings, folder / RECORDINGS, progress)
    about = About(
        __version__, datetime.now(UTC), max(migrate.checksums()), len(kept), draft.stat().st_size
    )
    files.write(folder / SECRET, key)
    for name in FILES:
        if (given := settings.data / name).exists():
            files.write(folder / name, given.read_bytes())
    draft.replace(folder / DUMP)
    files.write(folder / ABOUT, msgspec.json.format(msgspec.json.encode(about)))
    await asyncio.to_thread(_remove_others, folder / RECORDINGS, kept)
    return about


async def restore(settings: Settings, folder: Path, progress: Progress) -> About:
    """The data folder, in which there was no installation, and the database, which was empty, hold
    the backup of that folder. What fails or is interrupted leaves neither: a data folder that was
    cut off is refused by `up`.

    Raises errors.SetupError.
    """
    about = read(folder)
    if about.schema not in migrate.checksums():
        raise errors.SetupError(
            f"{folder} is of tongdai {about.version}, which is newer: restore it with that version"
        )
    data = settings.data
    with _emptied(data), services.locked(data):
        (data / services.UNFINISHED).touch()
        _give_key(settings, folder, data)
        _put_files(folder, data)
        async with _made(settings) as dsn:
            if not await dump.is_empty(dsn):
                raise errors.SetupError("the database is not empty: TONGDAI_DSN needs a new one")
            await asyncio.to_thread(_put_recordings, folder, data, progress)
            progress("database", 0)
            await dump.read(dsn, folder / DUMP)
        (data / services.UNFINISHED).unlink()
    return about


def read(folder: Path) -> About:
    """What the backup holds. Raises errors.SetupError for a folder without a whole backup."""
    try:
        return msgspec.json.decode((folder / ABOUT).read_bytes(), type=About)
    except (OSError, msgspec.DecodeError) as reason:
        raise errors.SetupError(f"{folder} holds no backup: {reason}") from reason


def _open_folder(folder: Path) -> None:
    """The folder is there, and only for its owner to read: the master key is in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / ABOUT).exists() and any(
        path
        for path in folder.iterdir()
        if not path.name.endswith(_PARTIAL) and path.name not in (RECORDINGS, SECRET, DUMP, *FILES)
    ):
        raise errors.SetupError(f"{folder} holds other things: name a new folder")
    folder.chmod(0o700)


def _master_key(settings: Settings) -> bytes:
    encryption.load(settings.secret, settings.data / SECRET)
    return settings.secret.encode() or (settings.data / SECRET).read_bytes()


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[str]:
    """The DSN of the database; an embedded one runs meanwhile."""
    folder = settings.data.absolute() / "postgres"
    if settings.dsn or postmaster.find(folder / "data"):
        yield settings.dsn or postmaster.dsn_of(folder)
        return
    with services.locked(settings.data):
        async with _made(settings) as dsn:
            yield dsn


@asynccontextmanager
async def _made(settings: Settings) -> AsyncIterator[str]:
    """As `_running`, where none runs; an embedded one is made if there is none."""
    if settings.dsn:
        yield settings.dsn
        return
    running = await server.start(settings.data.absolute() / "postgres")
    try:
        yield running.dsn
    finally:
        await running.stop()


async def _keys(dsn: str) -> list[str]:
    """The keys of the recordings that can be heard. Copying them takes longer than a transaction
    should.
    """
    database = db.Database(dsn, size=1)
    await database.open()
    try:
        async with database.transaction() as tx:
            return [key async for key in recordings.keys(tx)]
    finally:
        await database.close()


async def _copy_recordings(
    keys: Sequence[str], settings: Settings, folder: Path, progress: Progress
) -> set[Path]:
    """Each of these recordings that is still there has a file in the folder. Returns their
    paths.
    """
    source, kept = LocalFolder(settings.data.absolute() / RECORDINGS), set[Path]()
    for key in keys:
        if await _copy(source, key, path := folder / key):
            kept.add(path)
        progress("recordings", len(kept))
    return kept


async def _copy(source: LocalFolder, key: str, target: Path) -> bool:
    """False for a file that is gone. A file that was copied before stays: none is ever changed."""
    if target.exists():
        return True
    if (opened := await source.open(key)) is None:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(target.name + _PARTIAL)
    try:
        with draft.open("wb") as file:
            async for piece in opened.read(0, opened.size):
                await asyncio.to_thread(file.write, piece)
    finally:
        await opened.close()
    draft.replace(target)
    return True


def _remove_others(folder: Path, kept: set[Path]) -> None:
    """No file of the folder is left but these."""
    for path in folder.rglob("*") if folder.exists() else ():
        if path.is_file() and path not in kept:
            path.unlink()


@contextmanager
def _emptied(data: Path) -> Iterator[None]:
    """A data folder without an installation; what was put there is gone again if it fails."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours = [data / name for name in ("postgres", RECORDINGS, SECRET, "asterisk", "demo.json")]
    if there := [path.name for path in ours if path.exists()]:
        raise errors.SetupError(
            f"{data} is in use, it has {', '.join(there)}: give TONGDAI_DATA a new folder"
        )
    if (data / services.UNFINISHED).exists():
        (data / services.UNFINISHED).unlink()
    try:
        yield
    except BaseException:
        for path in ours:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (data / services.UNFINISHED).unlink(missing_ok=True)
        raise


def _give_key(settings: Settings, folder: Path, data: Path) -> None:
    """The data folder has the master key, or the settings name the same. Raises
    errors.SetupError.
    """
    key = (folder / SECRET).read_bytes()
    if settings.secret and settings.secret.encode() != key.strip():
        raise errors.SetupError(
            "TONGDAI_SECRET is not the master key of the backup: unset it, and it is restored too"
        )
    if not settings.secret:
        files.write(data / SECRET, key)


def _put_files(folder: Path, data: Path) -> None:
    """The data folder has these files of the backup, unless it has its own. TONGDAI_DSN is left
    out of the settings: it names the database that was backed up, which may still be in use.
    """
    for name in FILES:
        given, own = folder / name, data / name
        if given.exists() and not own.exists():
            lines = given.read_text().splitlines(keepends=True)
            files.write(own, "".join(line for line in lines if not _names_dsn(line)))


def _names_dsn(line: str) -> bool:
    return line.removeprefix("export ").lstrip().startswith("TONGDAI_DSN")


def _put_recordings(folder: Path, data: Path, progress: Progress) -> None:
    source = folder / RECORDINGS
    found = (path for path in source.rglob("*.*") if path.is_file())  # none without the folder
    for count, path in enumerate(found, 1):
        target = data / RECORDINGS / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        progress("recordings", count)
