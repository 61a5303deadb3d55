"""From what MixMonitor wrote to one finished WAV file: complete, in its place, or known to be
lost.
"""

import asyncio
import os
import struct
import wave
from datetime import datetime
from pathlib import Path
from uuid import UUID

HEADER = 44  # bytes of a RIFF header with one fmt and one data chunk, as Asterisk writes it
CLOSING_S = 5.0  # how long a file may take to be closed after its channel has gone
SILENT_S = 1.0  # and how long to show its first audio
POLL_S = 0.02
CUT = ".cut"  # beside a part: the moment (Unix seconds) up to which it counts
RATE = 16_000  # bytes a second: 8 kHz, 16 bits, mono


def place(domain_uuid: UUID, call_uuid: UUID, started_at: datetime) -> str:
    """Where a recording is kept, under the recordings folder."""
    return f"{domain_uuid}/{started_at:%Y/%m/%d}/{call_uuid}.wav"


async def finish(spool: Path, call_uuids: list[UUID], target: Path) -> bool:
    """The parts of a call's recording are one file at `target`, and gone from the spool. False:
    nothing was said.

    A part that nobody closed (Asterisk was killed) is repaired; parts follow each other in the
    order they began. Repeated, also after a crash in the middle, it finds it done or does it.
    Raises OSError; then the parts stay.
    """
    parts = [
        part
        for call_uuid in call_uuids
        for part in _parts(spool, call_uuid)
        if part.suffix == ".wav"
    ]
    await asyncio.gather(*(_closed(part) for part in parts if not _is_closed(part)))
    return await asyncio.to_thread(_join, parts, target)


def cut(spool: Path, call_uuid: UUID, at: datetime) -> None:
    """What the parts have up to this moment is all that counts of them: the recording goes on in
    another.
    """
    for part in _parts(spool, call_uuid):
        if part.suffix == ".wav" and not (mark := part.with_suffix(CUT)).exists():
            mark.write_text(str(at.timestamp()))


async def discard(spool: Path, call_uuid: UUID) -> None:
    """No part is left of a call that nobody answered: what was opened for it held no talk."""
    for part in _parts(spool, call_uuid):
        part.unlink(missing_ok=True)


def _parts(spool: Path, call_uuid: UUID) -> list[Path]:
    """The call's files, in the order they began."""
    beginning = f"{call_uuid.hex}-"
    names = os.listdir(spool)  # noqa: PTH208 -- glob() compiles each pattern and makes a Path of every file there is
    return [spool / name for name in sorted(names) if name.startswith(beginning)]


async def _closed(part: Path) -> None:
    """Returns when the header tells the file's true size: Asterisk writes it on closing.

    A part that has nothing but its header looks the same open and closed: it is soon taken to be
    silent.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not _is_closed(part):
        limit = CLOSING_S if part.stat().st_size > HEADER else min(SILENT_S, CLOSING_S)
        if loop.time() > began + limit:
            return
        await asyncio.sleep(POLL_S)


def _is_closed(part: Path) -> bool:
    with part.open("rb", buffering=0) as file:
        header = file.read(HEADER)
        size = os.fstat(file.fileno()).st_size
    told = int.from_bytes(header[40:], "little")
    return len(header) == HEADER and told == size - HEADER > 0


def _join(parts: list[Path], target: Path) -> bool:
    spoken = [part for part in parts if part.stat().st_size > HEADER]
    if spoken and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        for part in spoken:
            _shorten(part)
            _repair(part)
        _write(spoken, target)
    for part in parts:
        part.unlink(missing_ok=True)
        part.with_suffix(CUT).unlink(missing_ok=True)
    return bool(spoken)


def _write(spoken: list[Path], target: Path) -> None:
    """Only what is whole gets the name, also where the folder is on another file system."""
    if len(spoken) == 1 and spoken[0].stat().st_dev == target.parent.stat().st_dev:
        spoken[0].rename(target)
        return
    draft = target.with_suffix(".part")
    try:
        with wave.open(str(draft), "wb") as whole:
            for part in spoken:
                _append(part, whole)
        draft.replace(target)
    # of a part that is none, or of a draft that has nothing
    except (wave.Error, EOFError) as reason:
        raise OSError(f"{target.name} cannot be made: {reason}") from reason
    finally:
        draft.unlink(missing_ok=True)


def _shorten(part: Path) -> None:
    """To where it was cut, if it was: it went on until it was closed, which is when it was written
    last.
    """
    mark = part.with_suffix(CUT)
    if not mark.exists():
        return
    status = part.stat()
    beyond = int(max(0.0, status.st_mtime - float(mark.read_text())) * RATE) & ~1  # whole samples
    mark.unlink()  # first: what is cut anew, after a crash, would be cut by a later time
    os.truncate(part, max(HEADER, status.st_size - beyond))


def _append(part: Path, whole: wave.Wave_write) -> None:
    with wave.open(str(part), "rb") as piece:
        if whole.getnframes() == 0:
            whole.setparams(piece.getparams())
        while frames := piece.readframes(65_536):
            whole.writeframesraw(frames)


def _repair(part: Path) -> None:
    """The header tells the size that is there."""
    if _is_closed(part):
        return
    data = part.stat().st_size - HEADER
    with part.open("r+b") as file:
        file.seek(4)
        file.write(struct.pack("<I", data + HEADER - 8))
        file.seek(40)
        file.write(struct.pack("<I", data))
