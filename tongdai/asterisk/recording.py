"""Joins the parts that MixMonitor wrote into one finished WAV file in recording_files."""

import asyncio
import os
import struct
import wave
from datetime import datetime
from pathlib import Path
from uuid import UUID

from tongdai.recording_files import RecordingFiles

HEADER = 44  # bytes of a RIFF header with one fmt and one data chunk, as Asterisk writes it
CLOSING_S = 5.0  # how long a file may take to be closed after its channel has gone
SILENT_S = 1.0  # and how long until its first audio, at most
POLL_S = 0.02
CUT = ".cut"  # beside a part: the moment (Unix seconds) up to which it counts
JOINED = "joined.draft"  # among the parts of a call: all of them in one file
RATE = 16_000  # bytes a second: 8 kHz, 16 bits, mono


async def finish(
    spool: Path,
    call_uuids: list[UUID],
    files: RecordingFiles,
    key: str,
    *,
    closing_s: float = CLOSING_S,
) -> int:
    """The parts of a call's recording become one file of that key, and leave the spool. Returns
    its size in bytes; 0 if there was no sound, and no file.

    A part that was not closed within `closing_s` (Asterisk was killed) is repaired. Parts are in
    the order in which they began. A repeated call, also after a crash, finds the file or makes it.
    Raises OSError; then the parts stay.
    """
    parts = [
        part
        for call_uuid in call_uuids
        for part in _parts(spool, call_uuid)
        if part.suffix == ".wav"
    ]
    parts.sort(key=_began)
    await asyncio.gather(*(_closed(part, closing_s) for part in parts if not _is_closed(part)))
    whole = await asyncio.to_thread(_whole, parts)
    size = await (files.put(whole, key) if whole else files.size(key))
    if rest := [part for part in parts if part != whole]:
        await asyncio.to_thread(_remove, rest)
    return size or 0


def seconds(size: int) -> float:
    """The duration of a recording of that many bytes."""
    return max(0, size - HEADER) / RATE


def cut(spool: Path, call_uuid: UUID, at: datetime) -> None:
    """Parts made so far count up to this moment; later sound comes in another part."""
    for part in _parts(spool, call_uuid):
        if part.suffix == ".wav" and not (mark := part.with_suffix(CUT)).exists():
            mark.write_text(str(at.timestamp()))


async def discard(spool: Path, call_uuid: UUID) -> None:
    """The parts of an unanswered call are deleted: they hold no talk."""
    for part in _parts(spool, call_uuid):
        part.unlink(missing_ok=True)


def _parts(spool: Path, call_uuid: UUID) -> list[Path]:
    """The call's files, in the order in which they began."""
    beginning = f"{call_uuid.hex}-"
    names = os.listdir(spool)  # noqa: PTH208 -- glob() compiles each pattern and makes a Path of every file there is
    return [spool / name for name in sorted(names) if name.startswith(beginning)]


def _began(part: Path) -> tuple[float, bool, str]:
    """The Unix second in which it began, as its name says, of a talk's later parts with
    milliseconds; of the same second, parts that were cut come first.
    """
    second = part.name.split("-")[1]
    return float(second), not part.with_suffix(CUT).exists(), part.name


async def _closed(part: Path, closing_s: float) -> None:
    """Returns when the header has the file's true size: Asterisk writes it on closing.

    An open part without sound looks like a closed one. After SILENT_S it counts as silent.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not _is_closed(part):
        limit = closing_s if part.stat().st_size > HEADER else min(SILENT_S, closing_s)
        if loop.time() > began + limit:
            return
        await asyncio.sleep(POLL_S)


def _is_closed(part: Path) -> bool:
    with part.open("rb", buffering=0) as file:
        header = file.read(HEADER)
        size = os.fstat(file.fileno()).st_size
    said = int.from_bytes(header[40:], "little")
    return len(header) == HEADER and said == size - HEADER > 0


def _whole(parts: list[Path]) -> Path | None:
    """One file with the sound of all parts: the only part itself, or a new file beside them. None
    when there is no sound.
    """
    spoken = [part for part in parts if part.stat().st_size > HEADER]
    for part in spoken:
        _shorten(part)
        _repair(part)
    return _joined(spoken) if len(spoken) > 1 else next(iter(spoken), None)


def _joined(spoken: list[Path]) -> Path:
    """The parts joined in one file. Raises OSError, and leaves no draft, if a part is no WAV file
    or the draft cannot be written.
    """
    draft = _draft(spoken[0])
    try:
        with wave.open(str(draft), "wb") as whole:
            for part in spoken:
                _append(part, whole)
    except (wave.Error, EOFError) as reason:
        draft.unlink(missing_ok=True)
        raise OSError(f"{draft.name} cannot be made: {reason}") from reason
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _remove(parts: list[Path]) -> None:
    for part in parts:
        for left in (part, part.with_suffix(CUT), _draft(part)):
            left.unlink(missing_ok=True)


def _draft(part: Path) -> Path:
    return part.with_name(f"{part.name.partition('-')[0]}-{JOINED}")


def _shorten(part: Path) -> None:
    """Truncates the part at its cut, if it has one. Asterisk wrote until the file's last change,
    when it closed it.
    """
    mark = part.with_suffix(CUT)
    if not mark.exists():
        return
    status = part.stat()
    beyond = int(max(0.0, status.st_mtime - float(mark.read_text())) * RATE) & ~1  # whole samples
    mark.unlink()  # first: a second cut, after a crash, would measure from a later time
    os.truncate(part, max(HEADER, status.st_size - beyond))


def _append(part: Path, whole: wave.Wave_write) -> None:
    with wave.open(str(part), "rb") as piece:
        if whole.getnframes() == 0:
            whole.setparams(piece.getparams())
        while frames := piece.readframes(65_536):
            whole.writeframesraw(frames)


def _repair(part: Path) -> None:
    """Writes the true size of the file into its header."""
    if _is_closed(part):
        return
    data = part.stat().st_size - HEADER
    with part.open("r+b") as file:
        file.seek(4)
        file.write(struct.pack("<I", data + HEADER - 8))
        file.seek(40)
        file.write(struct.pack("<I", data))
