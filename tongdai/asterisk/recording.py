"""Joins the parts that MixMonitor wrote into one finished file in recording_files.

A part is one file; where both sides are apart, two: `.far.wav` has what the party outside says,
`.near.wav` the other side.
"""

import array
import asyncio
import hashlib
import os
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import datetime
from itertools import groupby
from pathlib import Path
from uuid import UUID

import msgspec

from tongdai import recording_formats
from tongdai.pbx.directory import RecordingFormat
from tongdai.pbx.recording import FORMATS
from tongdai.recording_files import RecordingFiles

HEADER = 44  # bytes of a RIFF header with one fmt and one data chunk, as Asterisk writes it
CLOSING_S = 5.0  # how long a file may take to be closed after its channel has gone
SILENT_S = 1.0  # and how long until its first audio, at most
POLL_S = 0.02
CUT = ".cut"  # beside a part: the moment (Unix seconds) up to which it counts
JOINED = "joined.draft"  # among the parts of a call: all of them in one file
RATE = 16_000  # bytes a second of one side: 8 kHz, 16 bits
FAR, NEAR = ".far", ".near"
_FRAMES = 65_536  # that are read at once


class Finished(msgspec.Struct, frozen=True):
    """The file of a recording; its size is in bytes, `sha256` in hexadecimal digits."""

    key: str
    size: int
    duration_s: float
    channels: int
    sha256: str


async def finish(
    spool: Path,
    call_uuids: list[UUID],
    files: RecordingFiles,
    key: str,
    form: RecordingFormat = "wav",
    *,
    closing_s: float = CLOSING_S,
) -> Finished | None:
    """The parts of a call's recording become one file, and leave the spool; None if there was no
    sound, and no file. `key` is that of a WAV file; in another format the file has its ending, and
    stays WAV if the conversion fails.

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
    stored = await _stored(whole, files, key, form) if whole else await _found(files, key)
    if rest := [part for part in parts if part != whole]:
        await asyncio.to_thread(_remove, rest)
    return stored


async def _stored(whole: Path, files: RecordingFiles, key: str, form: RecordingFormat) -> Finished:
    channels, duration_s = await asyncio.to_thread(_measured, whole)
    converted = await recording_formats.convert(whole, form, duration_s)
    if converted:
        key = f"{key.removesuffix('.wav')}.{form}"
    await files.put(converted or whole, key)
    if converted:
        await asyncio.to_thread(whole.unlink, missing_ok=True)
    return await _described(files, key, channels, duration_s)


async def _found(files: RecordingFiles, key: str) -> Finished | None:
    """The file that was stored before a crash; None without one."""
    for form in FORMATS:
        known = f"{key.removesuffix('.wav')}.{form}"
        if await files.size(known) is not None:
            content = b"".join([piece async for piece in _content(files, known)])
            return await _described(files, known, *await recording_formats.measure(content))
    return None


async def _described(
    files: RecordingFiles, key: str, channels: int, duration_s: float
) -> Finished:
    digest, size = hashlib.sha256(), 0
    async for piece in _content(files, key):
        size += len(piece)
        await asyncio.to_thread(digest.update, piece)
    return Finished(key, size, duration_s, channels, digest.hexdigest())


async def _content(files: RecordingFiles, key: str) -> AsyncIterator[bytes]:
    if (file := await files.open(key)) is None:
        raise OSError(f"{key} is gone")
    try:
        async for piece in file.read(0, file.size):
            yield piece
    finally:
        await file.close()


def _measured(whole: Path) -> tuple[int, float]:
    """The number of channels of the WAV file, and its seconds."""
    with whole.open("rb") as file:
        channels = int.from_bytes(file.read(HEADER)[22:24], "little")
    return channels, max(0, whole.stat().st_size - HEADER) / RATE / channels


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
    if len(spoken) == 1 and not _side(spoken[0]):
        return spoken[0]
    return _joined(spoken) if spoken else None


def _joined(spoken: list[Path]) -> Path:
    """The parts joined in one file; with both sides apart if they are in one of the parts. Raises
    OSError, and leaves no draft, if a part is no WAV file or the draft cannot be written.
    """
    draft, channels = _draft(spoken[0]), 2 if any(_side(part) for part in spoken) else 1
    try:
        with wave.open(str(draft), "wb") as whole:
            whole.setparams((channels, 2, 8_000, 0, "NONE", ""))
            for _, files in groupby(spoken, _without_side):
                _append(list(files), whole, channels)
    except (wave.Error, EOFError) as reason:
        draft.unlink(missing_ok=True)
        raise OSError(f"{draft.name} cannot be made: {reason}") from reason
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _side(part: Path) -> str:
    """FAR or NEAR; "" for a part with both sides in one."""
    return next((side for side in (FAR, NEAR) if part.stem.endswith(side)), "")


def _without_side(part: Path) -> str:
    return part.stem.removesuffix(_side(part))


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


def _append(files: list[Path], whole: wave.Wave_write, channels: int) -> None:
    """The sound of one part at the end of the whole. Where both sides are apart, a part in which
    they are together is on both.
    """
    with ExitStack() as opened:
        sides = {_side(file): opened.enter_context(wave.open(str(file), "rb")) for file in files}
        while any(sound := [side.readframes(_FRAMES) for side in sides.values()]):
            said = dict(zip(sides, sound, strict=True))
            together = said.get("", b"")
            if channels == 1:
                whole.writeframesraw(together)
            else:
                far, near = said.get(FAR, together), said.get(NEAR, together)
                whole.writeframesraw(_beside(far, near))


def _beside(left: bytes, right: bytes) -> bytes:
    """Samples of 16 bits in turn; the shorter side has silence at its end."""
    both = array.array("h", bytes(2 * max(len(left), len(right))))
    both[0 : len(left) : 2] = array.array("h", left)
    both[1 : len(right) : 2] = array.array("h", right)
    return both.tobytes()


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
