"""Sound files that users send, converted to WAV as Asterisk plays it: 16 bits, mono, 8 and 16 kHz.

libsndfile reads them, in a process of its own with little memory and time: a file that makes it
fail, whatever is in it, ends no call. This module is that process too (`python -m tongdai.audio`).
"""

import asyncio
import io
import sys
import wave
from typing import Any

import msgspec

from tongdai import errors, messages, sound_process

MOST_BYTES = 20 * 1024 * 1024
MOST_S = 600.0
LOW_HZ, HIGH_HZ = 8_000, 16_000
_PEAK = 32_767
_CPU_S = 30
_PATIENCE_S = 60.0
_BLOCK = 65_536  # frames that are read at once
_turns = asyncio.Semaphore(2)


class Converted(msgspec.Struct, frozen=True):
    """The same sound in both rates, as whole WAV files."""

    wav_8k: bytes
    wav_16k: bytes
    duration_s: float


class _Refused(msgspec.Struct, frozen=True):
    is_too_long: bool = False


async def convert(content: bytes, field: str = "body") -> Converted:
    """The sound of a WAV, MP3, OGG or FLAC file. Raises errors.Invalid for a file that has none,
    or more than MOST_S seconds.
    """
    try:
        async with _turns, asyncio.timeout(_PATIENCE_S):
            answer = await sound_process.ask("tongdai.audio", content=content)
    except TimeoutError as reason:
        raise errors.Invalid(messages.NOT_AUDIO, field=field) from reason
    try:
        return msgspec.msgpack.decode(answer, type=Converted)
    except msgspec.DecodeError:
        pass
    if answer and msgspec.msgpack.decode(answer, type=_Refused).is_too_long:
        raise errors.Invalid(messages.AUDIO_TOO_LONG(most=round(MOST_S / 60)), field=field)
    raise errors.Invalid(messages.NOT_AUDIO, field=field)


# --- in that process


def main() -> None:
    """Reads a file from standard input; writes a Converted or a _Refused to standard output."""
    sound_process.limit(_CPU_S)
    sys.stdout.buffer.write(msgspec.msgpack.encode(_converted(sys.stdin.buffer.read())))


def _converted(content: bytes) -> Converted | _Refused:
    # Only this process needs them, and they take a tenth of a second to import.
    import soundfile  # noqa: PLC0415

    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            high = _resampled(file, HIGH_HZ)
            if high is None:
                return _Refused(is_too_long=True)
            file.seek(0)
            low = _resampled(file, LOW_HZ)
    except (soundfile.SoundFileError, ValueError):
        return _Refused()
    if low is None or not len(high):
        return _Refused()
    return Converted(_wav(low, LOW_HZ), _wav(high, HIGH_HZ), len(high) / HIGH_HZ)


def _resampled(file: Any, rate_hz: int) -> Any:
    """All samples of the file, its channels mixed to one, at that rate; None if they take more
    than MOST_S.
    """
    import numpy as np  # noqa: PLC0415
    import soxr  # noqa: PLC0415

    stream = soxr.ResampleStream(file.samplerate, rate_hz, 1, dtype="float32")
    pieces = []
    for block in file.blocks(_BLOCK, dtype="float32", always_2d=True):
        if file.tell() > MOST_S * file.samplerate:
            return None
        pieces.append(stream.resample_chunk(block.mean(axis=1)))
    pieces.append(stream.resample_chunk(np.zeros(0, "float32"), last=True))
    return np.nan_to_num(np.concatenate(pieces))


def _wav(samples: Any, rate_hz: int) -> bytes:
    """The samples (1 is full scale) as a WAV file; what is louder makes all of it softer."""
    peak = max(1.0, float(abs(samples).max()))
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((samples * (_PEAK / peak)).astype("<i2").tobytes())
    return content.getvalue()


if __name__ == "__main__":
    main()
