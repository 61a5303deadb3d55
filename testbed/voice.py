"""The audio of one party of a call: sends its tone as RTP, hears the other side, sends and takes
digits (RFC 4733).
"""

import asyncio
import itertools
import struct
from collections import deque

from testbed import tones
from testbed.until import until

ALAW, DIGITS = 8, 101  # RTP payload types, as in the scenarios' SDP
WINDOW_S = 0.4
KEYS = "0123456789*#ABCD"


class Voice(asyncio.DatagramProtocol):
    """Sends nothing until `talks_to` gives the other side's address."""

    def __init__(self, hertz: int) -> None:
        self.hertz = hertz
        self.burst = 1  # packets that go out together, as over mobile networks
        self.digits = ""  # that the other side dialled
        self.packets = 0  # of audio, that came
        self._tone = itertools.cycle(tones.tone(hertz))
        self._heard: deque[int] = deque(maxlen=int(WINDOW_S * tones.RATE_HZ))
        self._last_digit = -1  # its RTP time
        self._sequence, self._time = (
            itertools.count(1),
            itertools.count(tones.PACKET, tones.PACKET),
        )
        self._keys: deque[str] = deque()
        self._peer: tuple[str, int] | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, address: str) -> None:
        """It has a port of that address, always an even one."""
        while True:
            self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self, local_addr=(address, 0)
            )
            self.port: int = self._transport.get_extra_info("sockname")[1]
            if self.port % 2 == 0:
                return
            self._transport.close()

    def talks_to(self, host: str, port: int) -> None:
        """The tone goes there from now on."""
        self._peer = (host, port)
        self._task = self._task or asyncio.create_task(self._speak(), name=f"voice-{self.port}")

    def sounds(self, hertz: int) -> None:
        """It has this tone from now on."""
        self.hertz, self._tone = hertz, itertools.cycle(tones.tone(hertz))

    def fall_silent(self) -> None:
        """It sends nothing any more, and still hears."""
        if self._task:
            self._task.cancel()

    def close(self) -> None:
        self.fall_silent()
        self._transport.close()

    def dial(self, digits: str) -> None:
        """The keys are pressed one after the other, 100 ms each."""
        self._keys.extend(digits)

    async def hears(self, hertz: float) -> None:
        """Returns when that tone comes in, loud. Raises AssertionError after 15 seconds."""
        await until(lambda: self.strength(hertz) > 2_000, 15)

    def forget(self) -> None:
        """What came in so far counts no more."""
        self._heard.clear()

    @property
    def heard(self) -> list[int]:
        """The last samples."""
        return list(self._heard)

    def strength(self, hertz: float) -> float:
        full = len(self._heard) == self._heard.maxlen
        return tones.strength(self._heard, hertz) if full else 0.0

    # --- RTP (RFC 3550)

    def datagram_received(self, data: bytes, _address: tuple[str, int]) -> None:
        kind = data[1] & 0x7F
        if kind == ALAW:
            self.packets += 1
            self._heard.extend(tones.DECODED[code] for code in data[12:])
        elif kind == DIGITS:
            self._hear_digit(struct.unpack("!I", data[4:8])[0], data[12])

    def _hear_digit(self, time: int, key: int) -> None:
        """One key press comes in several packets with the same RTP time."""
        if time != self._last_digit:
            self._last_digit = time
            self.digits += KEYS[key]

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if self._keys:
                due = await self._press(KEYS.index(self._keys.popleft()), due)
            for _ in range(self.burst):
                self._send(ALAW, next(self._time), next(self._tone))
            due = max(due + 0.02 * self.burst, loop.time() - 0.2)
            await asyncio.sleep(due - loop.time())

    async def _press(self, key: int, due: float) -> float:
        """Five packets while it is down, the last three times and marked as the end (RFC 4733
        §2.5).
        """
        loop = asyncio.get_running_loop()
        time = next(self._time)
        for count in range(1, 6):
            self._send(
                DIGITS,
                time,
                struct.pack("!BBH", key, 10, count * tones.PACKET),
                is_first=count == 1,
            )
            due += 0.02
            await asyncio.sleep(due - loop.time())
        for _ in range(3):
            self._send(DIGITS, time, struct.pack("!BBH", key, 0x80 | 10, 6 * tones.PACKET))
        for _ in range(10):  # a pause between keys
            next(self._time)
        await asyncio.sleep(0.1)
        return loop.time()

    def _send(self, kind: int, time: int, payload: bytes, *, is_first: bool = False) -> None:
        header = struct.pack(
            "!BBHII",
            0x80,
            kind | (0x80 if is_first else 0),
            next(self._sequence) & 0xFFFF,
            time,
            self.port,
        )
        if not self._transport.is_closing():
            self._transport.sendto(header + payload, self._peer)
