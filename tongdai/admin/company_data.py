"""All data of a company: written into a folder for those who want it, or erased, with its
recordings.

The folder has TABLE.jsonl for each table, a JSON object a line, the recordings by their keys, and
the prompts by their names.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from tongdai import errors
from tongdai.recording_files import RecordingFiles
from tongdai.store import db, deletion, domains, export

RECORDINGS, PROMPTS = "recordings", "prompts"
_FILE_NAME = 200  # bytes of a prompt's name in that of its file, which may have 255
_FLUSH = 1_000  # lines that are written at once


async def write(
    database: db.Database,
    files: RecordingFiles,
    name: str,
    folder: Path,
    progress: deletion.Progress = lambda _what, _count: None,
) -> dict[str, int]:
    """The folder, which is new or empty and then only for its owner to read, has all data of the
    domain as of one moment, without secrets and live calls; and its prompts and recordings, except
    those that are deleted meanwhile. Returns how much of each kind.

    Raises errors.NotFound, and errors.SetupError for a folder with something in it. `progress` is
    called with a table or `recordings`, and how many are written so far.
    """
    written: dict[str, int] = {}
    async with export.snapshot(database) as tx:
        domain_uuid = (await domains.by_name(tx, name)).domain_uuid
        _make(folder)
        for table in await export.tables(tx):
            lines = export.rows(tx, table, domain_uuid)
            written[table] = await _write_lines(lines, folder / f"{table}.jsonl", progress)
        written["prompt_files"] = await _write_prompts(tx, domain_uuid, folder / PROMPTS)
        keys = [key async for key in export.files(tx, domain_uuid)]
    count = 0
    for key in keys:  # after the transaction: it takes long
        count += await _copy(files, key, folder / RECORDINGS / key.partition("/")[2])
        progress("recording_files", count)
    return {**written, "recording_files": count}


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise errors.SetupError(f"{folder} is not empty: name a new folder")


async def _write_lines(lines: AsyncIterator[str], path: Path, progress: deletion.Progress) -> int:
    """Writes the lines into the file. Returns how many."""
    count, waiting = 0, list[str]()
    with path.open("x", encoding="utf-8") as file:
        async for line in lines:
            waiting.append(line + "\n")
            count += 1
            if len(waiting) == _FLUSH:
                await asyncio.to_thread(file.writelines, waiting)
                waiting = []
                progress(path.stem, count)
        file.writelines(waiting)
    return count


async def _write_prompts(tx: db.Tx, domain_uuid: UUID, folder: Path) -> int:
    """Writes a WAV file for each prompt, by number and name. Returns how many."""
    folder.mkdir()
    count = 0
    async for name, sound in export.prompts(tx, domain_uuid):
        count += 1
        shortened = name.encode()[:_FILE_NAME].decode(errors="ignore")
        await asyncio.to_thread((folder / f"{count:03}-{shortened}.wav").write_bytes, sound)
    return count


async def _copy(files: RecordingFiles, key: str, target: Path) -> bool:
    """False for a file that is gone."""
    if (source := await files.open(key)) is None:
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            async for piece in source.read(0, source.size):
                await asyncio.to_thread(file.write, piece)
    finally:
        await source.close()
    return True


async def erase(
    database: db.Database,
    files: RecordingFiles,
    name: str,
    progress: deletion.Progress = lambda _what, _count: None,
    *,
    recordings: bool,
) -> None:
    """The domain is gone, with everything in it; its values in the audit log too. With
    `recordings` their files are gone now; otherwise housekeeping deletes them a week later. What
    is interrupted can be done again. Raises as deletion.begin.
    """
    async with database.transaction() as tx:
        domain_uuid = (await domains.by_name(tx, name)).domain_uuid
        await deletion.begin(tx, domain_uuid)
    if recordings:
        await _delete_files(files, domain_uuid)
    await deletion.finish(database, domain_uuid, progress)


async def _delete_files(files: RecordingFiles, domain_uuid: UUID) -> None:
    if domain_uuid in await files.domains():
        await files.delete_domain(domain_uuid)
