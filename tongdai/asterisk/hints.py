"""Hints of the dialplan: by them phones see whether a colleague is called or talks (lamps, BLF).

A phone subscribes in the context of its own domain, so that no other domain's extension exists for
it. The switch follows its devices by itself: neither an engine nor a request per call is needed.
Asterisk makes contexts of files alone: `hints.conf` is written as a whole, and the dialplan is
read again (docs/decisions/0068-hints-are-written-into-a-file.md).
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import structlog

from tongdai import files
from tongdai.asterisk import ari
from tongdai.pbx.endpoint import Endpoint

log = structlog.get_logger()

CONTEXT = 70  # characters of a domain in the name of a context, which may have 79
RELOAD_URI = "asterisk/modules/pbx_config.so"
REST = 20
"""A reading takes a twentieth of the time at most: it grows with the square of the extensions that
are watched (50 ms for 1,000), and calls wait meanwhile."""


def context(domain: str) -> str:
    """The context of the domain's hints."""
    is_long = len(domain) > CONTEXT
    return f"hints-{sha256(domain.encode()).hexdigest()[:32] if is_long else domain}"


def fields(endpoint: Endpoint) -> dict[str, str]:
    """A device, as the hints need it."""
    return {
        "domain": endpoint.domain,
        "extension": endpoint.extension,
        "device": endpoint.device,
    }


def render(devices: Iterable[Mapping[str, str]]) -> str:
    """The file with hints for the extensions of these devices, and for no other number. An
    extension is called, or talks, if one of its devices is.
    """
    extensions: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for one in devices:
        extensions[one["domain"], one["extension"]].add(one["device"])
    alike: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (domain, extension), names in extensions.items():
        alike[domain, tuple(sorted(names))].append(extension)
    lines = ["; Written by tongdai when an extension comes or goes."]
    last = ""
    for (domain, devices_), numbers in sorted(alike.items()):
        if domain != last:
            lines.append(f"[{context(last := domain)}]")
        said = "&".join(f"PJSIP/{Endpoint('${EXTEN}', domain, device)}" for device in devices_)
        lines += [f"exten => {pattern},hint,{said}" for pattern in patterns(numbers)]
    return "\n".join([*lines, ""])


def patterns(numbers: Iterable[str]) -> list[str]:
    """Asterisk's extension patterns that fit these numbers and no others: _1[0-5]X for 100 to 159.
    Asterisk makes an extension of a pattern only when somebody watches it.
    """
    of_length: defaultdict[int, set[str]] = defaultdict(set)
    for number in numbers:
        of_length[len(number)].add(number)
    found = (each for length in sorted(of_length) for each in _patterns(of_length[length]))
    return [each if each.isdecimal() else f"_{each}" for each in found]


def _patterns(numbers: Collection[str]) -> Iterator[str]:
    """As `patterns`, for numbers of one length."""
    if "" in numbers:
        yield ""
        return
    rest: defaultdict[str, set[str]] = defaultdict(set)
    for number in numbers:
        rest[number[0]].add(number[1:])
    first: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for digit in sorted(rest):
        first[frozenset(rest[digit])].append(digit)
    for numbers_, digits in first.items():
        for pattern in _patterns(numbers_):
            yield _digit(digits) + pattern


def _digit(digits: Collection[str]) -> str:
    one = "".join(digits)
    return "X" if len(one) == 10 else one if len(one) == 1 else f"[{one}]"


class Hints:
    """The hints of one Asterisk, whose extensions.conf includes the file at `path`; None: it has
    none. `again` is called when changes may be pushed that had to wait.
    """

    def __init__(
        self,
        path: Path | None,
        again: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._again, self._clock = path, again, clock
        self._rests_until = 0.0
        self._waiting: asyncio.TimerHandle | None = None

    async def push(self, link: ari.Link, devices: Iterable[Mapping[str, str]]) -> bool:
        """Asterisk has hints for these devices and no others. False where it has not: it was asked
        too often (then `again` is called), or failed to, which is logged. Raises
        errors.SwitchDown.
        """
        if self._path is None:
            return True
        if (rest := self._rests_until - self._clock()) > 0:
            self._wait(rest)
            return False
        try:
            await asyncio.to_thread(_write, self._path, list(devices))
        except OSError as reason:
            log.error("switch.hints_not_written", path=str(self._path), why=str(reason))  # noqa: TRY400
            return False
        begun = self._clock()
        answer = await link.request("PUT", RELOAD_URI)
        now = self._clock()
        self._rests_until = now + REST * (now - begun)
        if not answer.is_ok:
            log.error("switch.hints_not_read", why=answer.message_body)
        return answer.is_ok

    def _wait(self, seconds: float) -> None:
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._waiting = None
        self._again()


def _write(path: Path, devices: list[Mapping[str, str]]) -> None:
    # Asterisk may run as another user; the file names extensions, and no password
    files.write(path, render(devices), mode=0o644)
