"""The audio of a browser phone: sends its tone by WebRTC, and hears the other side."""

import asyncio
import fractions
import math
from array import array
from collections import deque

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from testbed import tones
from testbed.until import until

OPUS_HZ, FRAME = 48_000, 960  # 20 ms
WINDOW_S = 0.4


class Tone(MediaStreamTrack):
    """A sine, in frames of 20 ms."""

    kind = "audio"

    def __init__(self, hertz: int) -> None:
        super().__init__()
        self._samples = array(
            "h",
            (round(8_000 * math.sin(2 * math.pi * hertz * at / OPUS_HZ)) for at in range(OPUS_HZ)),
        )
        self._sent, self._due = 0, 0.0

    async def recv(self) -> AudioFrame:
        """The next frame, when it is due."""
        loop = asyncio.get_running_loop()
        self._due = max(self._due + 0.02, loop.time() - 0.1) if self._due else loop.time()
        await asyncio.sleep(self._due - loop.time())
        at = self._sent % OPUS_HZ
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(self._samples[at : at + FRAME].tobytes())
        frame.sample_rate, frame.pts = OPUS_HZ, self._sent
        frame.time_base = fractions.Fraction(1, OPUS_HZ)
        self._sent += FRAME
        return frame


class Ear:
    """The last samples that came in, at 8 kHz."""

    def __init__(self) -> None:
        self.frames = 0
        self._heard: deque[int] = deque(maxlen=int(WINDOW_S * tones.RATE_HZ))
        self._listening: list[asyncio.Task[None]] = []

    def listen(self, track: MediaStreamTrack) -> None:
        """Hears that track from now on."""
        self._listening.append(asyncio.create_task(self._listen(track)))

    async def hears(self, hertz: float) -> None:
        """Returns when that tone comes in, loud. Raises AssertionError after 15 seconds."""
        await until(lambda: self.strength(hertz) > 2_000, 15, 0.05)

    def strength(self, hertz: float) -> float:
        full = len(self._heard) == self._heard.maxlen
        return tones.strength(self._heard, hertz) if full else 0.0

    def close(self) -> None:
        for task in self._listening:
            task.cancel()

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            self.frames += 1
            channels = len(frame.layout.channels)
            step = channels * frame.sample_rate // tones.RATE_HZ
            samples = array("h", bytes(frame.planes[0])[: 2 * channels * frame.samples])
            self._heard.extend(samples[::step])
