"""The file of hints, and how often Asterisk reads it."""

import asyncio
import random
import re
from pathlib import Path
from typing import Any, cast

import pytest

from testbed.until import until
from tongdai.asterisk import ari
from tongdai.asterisk.hints import CONTEXT, RELOAD_URI, Hints, context, fields, patterns, render
from tongdai.pbx.endpoint import Endpoint


def fits(pattern: str, number: str) -> bool:
    """Whether Asterisk finds the number by that pattern (extensions.conf)."""
    expression = pattern.removeprefix("_").replace("X", "[0-9]")
    return re.fullmatch(expression, number) is not None


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([], []),
        (["101"], ["101"]),
        ([str(number) for number in range(1000, 2000)], ["_1XXX"]),
        ([str(number) for number in range(100, 160)], ["_1[012345]X"]),
        (["10", "101", "102", "23456789"], ["10", "_10[12]", "23456789"]),
    ],
)
def test_patterns_are_few(numbers: list[str], expected: list[str]) -> None:
    assert patterns(numbers) == expected


def test_patterns_fit_the_numbers_and_no_others() -> None:
    """The seed is fixed: what fails once fails again."""
    chance = random.Random(9)  # noqa: S311 -- no secret
    every = [f"{number:0{length}}" for length in (2, 3) for number in range(10**length)]
    for share in (0.02, 0.5, 0.98):
        numbers = {number for number in every if chance.random() < share}
        found = patterns(numbers)
        assert {number for number in every if any(fits(each, number) for each in found)} == numbers


def test_each_domain_has_a_context_of_its_own() -> None:
    devices = [
        Endpoint("101", "a.vn"),
        Endpoint("102", "a.vn"),
        Endpoint("102", "a.vn", "webrtc"),
        Endpoint("101", "b.vn"),
    ]
    lines = render(map(fields, devices)).splitlines()[1:]
    assert lines == [
        "[hints-a.vn]",
        "exten => 101,hint,PJSIP/${EXTEN}@a.vn",
        "exten => 102,hint,PJSIP/${EXTEN}@a.vn&PJSIP/${EXTEN}-webrtc@a.vn",
        "[hints-b.vn]",
        "exten => 101,hint,PJSIP/${EXTEN}@b.vn",
    ]


def test_long_domains_have_contexts_that_asterisk_can_have() -> None:
    long = [f"{'x' * (CONTEXT - 4 + more)}.{letter}.vn" for more in range(3) for letter in "ab"]
    names = [context(domain) for domain in long]
    assert len(set(names)) == len(names)
    assert all(len(name) < 80 for name in names)


class Link:
    """A link to an Asterisk that takes `seconds` for each reading, by its own clock."""

    def __init__(self, seconds: float = 0.0, status: int = 204) -> None:
        self.now, self._seconds, self._status = 0.0, seconds, status
        self.asked: list[tuple[str, str]] = []

    def clock(self) -> float:
        return self.now

    async def request(self, method: str, uri: str, *_: Any, **__: Any) -> ari.Response:
        self.asked.append((method, uri))
        self.now += self._seconds
        return ari.Response("1", self._status)


async def pushed(hints: Hints, link: Link, *numbers: str) -> bool:
    devices = [fields(Endpoint(number, "a.vn")) for number in numbers]
    return await hints.push(cast("ari.Link", link), devices)


async def test_asterisk_reads_what_was_written(tmp_path: Path) -> None:
    path, link = tmp_path / "hints.conf", Link()
    assert await pushed(Hints(path, lambda: None), link, "101")
    assert "exten => 101,hint," in path.read_text()
    assert link.asked == [("PUT", RELOAD_URI)]


async def test_without_a_file_nothing_is_asked() -> None:
    link = Link()
    assert await pushed(Hints(None, lambda: None), link, "101")
    assert link.asked == []


@pytest.mark.parametrize("status", [404, 409])
async def test_what_asterisk_does_not_read_is_tried_again(tmp_path: Path, status: int) -> None:
    refuses = Link(status=status)
    hints = Hints(tmp_path / "hints.conf", lambda: None, refuses.clock)
    assert not await pushed(hints, refuses, "101")
    assert await pushed(hints, Link(), "101")


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    link = Link()
    assert not await pushed(Hints(tmp_path / "nowhere" / "hints.conf", lambda: None), link, "101")
    assert link.asked == []


async def test_long_readings_are_rare(tmp_path: Path) -> None:
    """A reading of 10 ms is followed by 200 ms of rest: what comes meanwhile is read once."""
    woken = asyncio.Event()
    link = Link(seconds=0.01)
    hints = Hints(tmp_path / "hints.conf", woken.set, link.clock)
    assert await pushed(hints, link, "101")
    assert not await pushed(hints, link, "101", "102")
    assert not await pushed(hints, link, "101", "102", "103")
    await until(woken.is_set)
    link.now += 0.25
    assert await pushed(hints, link, "101", "102", "103")
    assert len(link.asked) == 2
