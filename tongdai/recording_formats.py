"""The formats in which recordings are kept. Asterisk writes WAV; libsndfile makes the others of
it, in a process of its own. This module is that process too
(`python -m tongdai.recording_formats`).
"""

import asyncio
import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import structlog

from tongdai import sound_process
from tongdai.pbx.directory import RecordingFormat

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {"wav": "audio/wav", "flac": "audio/flac", "opus": "audio/ogg", "mp3": "audio/mpeg"}
)
# libsndfile's names of the container and of the coding in it
_SNDFILE = {
    "flac": ("FLAC", "PCM_16"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
_WAIT_S = 60.0  # for a turn, when many talks end at once
_LEAST_S = 30.0  # for a recording of any length,
_FACTOR = 10  # and a second more for so many seconds of sound: Opus of two sides takes 1 for 80
_TURNS = 2
_BLOCK = 65_536  # frames that are read at once
_turns = asyncio.Semaphore(_TURNS)
log = structlog.get_logger()


async def convert(wav: Path, form: RecordingFormat, length_s: float) -> Path | None:
    """A new file beside it, with the same sound in that format; None, and no file, if that took
    too long or failed. The WAV file stays.
    """
    if form == "wav":
        return None
    target = wav.with_suffix(f".{form}")
    try:
        async with asyncio.timeout(_WAIT_S):
            await _turns.acquire()
        try:
            async with asyncio.timeout(_LEAST_S + length_s / _FACTOR):
                is_done = await _ask(wav, target, form, length_s)
        finally:
            _turns.release()
    except (TimeoutError, OSError) as reason:
        log.warning("recording.not_converted", file=wav.name, why=repr(reason))
        is_done = False
    if not is_done:
        target.unlink(missing_ok=True)
        return None
    return target


async def measure(content: bytes) -> tuple[int, float]:
    """The number of channels, and the seconds, of a recording in any format. Raises OSError for
    one that cannot be read.
    """
    answer = await sound_process.ask("tongdai.recording_formats", content=content)
    if not answer:
        raise OSError("not a recording")
    channels, length_s = answer.split()
    return int(channels), float(length_s)


async def _ask(wav: Path, target: Path, form: RecordingFormat, length_s: float) -> bool:
    cpu_s = str(int(_LEAST_S + length_s / _FACTOR))
    answer = await sound_process.ask(
        "tongdai.recording_formats", str(wav), str(target), form, cpu_s
    )
    if not answer:
        log.warning("recording.not_converted", file=wav.name, why="the conversion failed")
    return bool(answer)


# --- in that process


def main() -> None:
    """Converts a file, as the arguments say, and says so when it is whole; without arguments it
    measures standard input.
    """
    if len(sys.argv) == 1:
        sound_process.limit(int(_LEAST_S))
        sys.stdout.write(_measured(sys.stdin.buffer.read()))
        return
    wav, target, form, cpu_s = sys.argv[1:]
    sound_process.limit(int(cpu_s))
    os.nice(10)  # calls first
    _convert(wav, target, form)
    sys.stdout.write("done")


def _convert(wav: str, target: str, form: str) -> None:
    # Only this process needs it, and it takes a tenth of a second to import.
    import soundfile  # noqa: PLC0415

    container, coding = _SNDFILE[form]
    with (
        soundfile.SoundFile(wav) as source,
        soundfile.SoundFile(
            target, "w", source.samplerate, source.channels, coding, format=container
        ) as made,
    ):
        for block in source.blocks(_BLOCK, dtype="int16"):
            made.write(block)


def _measured(content: bytes) -> str:
    import soundfile  # noqa: PLC0415

    known = soundfile.info(io.BytesIO(content))
    return f"{known.channels} {known.duration}"


if __name__ == "__main__":
    main()
