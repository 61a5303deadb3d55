"""Tones: made, carried as G.711 A-law, and found again by frequency analysis. Each party has a
frequency of its own, so that audio tells which parties are connected.
"""

import io
import math
import wave
from array import array
from collections.abc import Sequence

RATE_HZ = 8_000
PACKET = 160  # samples in 20 ms


def tone(hertz: int, amplitude: int = 8_000) -> list[bytes]:
    """One second of a sine as 50 packets of A-law (whole Hz, so that it can be repeated without a
    click).
    """
    samples = [
        round(amplitude * math.sin(2 * math.pi * hertz * at / RATE_HZ)) for at in range(RATE_HZ)
    ]
    encoded = bytes(encode(sample) for sample in samples)
    return [encoded[at : at + PACKET] for at in range(0, RATE_HZ, PACKET)]


def wav(hertz: int, seconds: int = 2, rate_hz: int = RATE_HZ, amplitude: int = 8_000) -> bytes:
    """A WAV file, 16 bit mono, with a sine of that frequency."""
    turn = 2 * math.pi * hertz / rate_hz
    samples = array("h", (round(amplitude * math.sin(turn * at)) for at in range(rate_hz)))
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes() * seconds)
    return content.getvalue()


def strength(samples: Sequence[int], hertz: float) -> float:
    """Amplitude of that frequency in the samples (Goertzel's algorithm): a sine of 8,000 gives
    about 8,000.
    """
    turn = 2 * math.cos(2 * math.pi * hertz / RATE_HZ)
    one = two = 0.0
    for sample in samples:
        one, two = sample + turn * one - two, one
    power = one * one + two * two - turn * one * two
    return 2 * math.sqrt(max(power, 0.0)) / max(len(samples), 1)


def longest(samples: Sequence[int], hertz: float, at_least: float = 1_000.0) -> float:
    """Seconds in total during which the tone sounds, measured in windows of 100 ms."""
    window = RATE_HZ // 10
    heard = [
        strength(samples[at : at + window], hertz) > at_least
        for at in range(0, len(samples) - window + 1, window)
    ]
    return sum(heard) * window / RATE_HZ


def samples_of(content: bytes) -> "array[int]":
    """Of a WAV file, 16 bit mono at 8 kHz."""
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE_HZ)
        return array("h", file.readframes(file.getnframes()))


def encode(sample: int) -> int:
    """One 16 bit sample in A-law (ITU-T G.711)."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(abs(sample), 32_767) >> 4
    if magnitude < 32:
        code = magnitude >> 1
    else:
        exponent = magnitude.bit_length() - 5
        code = (exponent << 4) | ((magnitude >> exponent) & 0x0F)
    return (sign | code) ^ 0x55


def decode(code: int) -> int:
    """The 16 bit sample of one octet of A-law."""
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = (
        (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    )
    return magnitude if code & 0x80 else -magnitude


DECODED = [decode(code) for code in range(256)]
