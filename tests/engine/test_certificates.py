"""A renewed certificate is noticed, and loaded until Asterisk has it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from testbed.until import until
from tongdai import errors
from tongdai.engine import certificates


class Asterisk:
    """It is away at first, and counts what it is asked for."""

    def __init__(self) -> None:
        self.asked = self.reloaded = 0
        self.is_away = True

    async def reload(self) -> None:
        self.asked += 1
        if self.is_away:
            raise errors.SwitchDown
        self.reloaded += 1


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "sip.pem", tmp_path / "sip.key"
    for path in made:
        path.write_text("old")
    return made


@pytest.fixture
async def asterisk(files: tuple[Path, Path]) -> AsyncIterator[Asterisk]:
    made = Asterisk()
    watching = asyncio.create_task(certificates.watch(files, made.reload, 0.01))
    await asyncio.sleep(0)
    yield made
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


def renew(path: Path) -> None:
    """As certbot does: another file under the same name."""
    draft = path.with_suffix(".new")
    draft.write_text("new")
    os.utime(draft, (1, 1))
    draft.replace(path)


async def looks(times: int, looked: Callable[[], int]) -> None:
    before = looked()
    await until(lambda: looked() >= before + times)


async def test_it_is_loaded_once_it_has_changed(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, state = 0, certificates._state

    def counted(paths: tuple[Path, Path]) -> object:
        nonlocal seen
        seen += 1
        return state(paths)

    monkeypatch.setattr(certificates, "_state", counted)
    asterisk = Asterisk()
    asterisk.is_away = False
    watching = asyncio.create_task(certificates.watch(files, asterisk.reload, 0.01))
    try:
        await looks(3, lambda: seen)
        assert asterisk.asked == 0
        renew(files[0])
        await until(lambda: asterisk.reloaded == 1)
        await looks(3, lambda: seen)
        assert asterisk.asked == 1
        files[1].unlink()  # it is being replaced
        await looks(3, lambda: seen)
        assert asterisk.asked == 1
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_it_is_tried_again_while_asterisk_is_away(
    files: tuple[Path, Path], asterisk: Asterisk
) -> None:
    await until(lambda: not asterisk.asked)
    await asyncio.sleep(0.05)  # the first look is over
    renew(files[1])
    await until(lambda: asterisk.asked >= 2)
    asterisk.is_away = False
    await until(lambda: asterisk.reloaded == 1)
