"""Music on hold, generated at the first set-up of a switch: no file to ship, no licence
to name.
"""

import math
import wave
from array import array
from pathlib import Path

RATE_HZ = 8_000
NOTE_S = 0.625
"""32 notes make a loop of 20 seconds."""

CHORDS = (
    (261.63, 329.63, 392.00, 493.88),  # C major 7
    (220.00, 261.63, 329.63, 392.00),  # A minor 7
    (174.61, 220.00, 261.63, 329.63),  # F major 7
    (196.00, 246.94, 293.66, 349.23),  # G 7
)
"""Hz, low to high; each is played up, then down."""


def write(path: Path) -> None:
    """Writes an arpeggio as a WAV file, 16 bit mono at 8 kHz, 20 seconds; it starts and ends in
    silence so that it loops.
    """
    notes = [note for chord in CHORDS for note in (*chord, *reversed(chord))]
    samples = array("h")
    for note in notes:
        samples.extend(_tone(note))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())


def _tone(hertz: float) -> list[int]:
    """One plucked note: a sine and a faint octave, with a fast attack and a slow decay."""
    count = round(RATE_HZ * NOTE_S)
    step = 2 * math.pi * hertz / RATE_HZ
    return [
        round(
            5_000 * _envelope(at / count) * (math.sin(step * at) + 0.25 * math.sin(2 * step * at))
        )
        for at in range(count)
    ]


def _envelope(part: float) -> float:
    """Loudness (0 to 1) at this part (0 to 1) of a note."""
    return min(part / 0.03, 1.0) * math.pow(1.0 - part, 1.5)
