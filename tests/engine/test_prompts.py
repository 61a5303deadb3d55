"""The switch's folder has the prompts of its node's domains, whatever it had before."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from testbed.until import until
from tongdai import errors, ids
from tongdai.audio import Converted
from tongdai.engine import prompts as engine_prompts
from tongdai.engine.prompts import Prompts
from tongdai.pbx.directory import Domain, Prompt
from tongdai.store import db, domains, prompts

LOW, HIGH = b"RIFF of 8 kHz", b"RIFF of 16 kHz"


class Desk:
    """A node of its own, with one domain, and a switch that counts how often it reads its music.
    `is_down`: it does not answer.
    """

    def __init__(self, database: db.Database, domain: Domain, folder: Path) -> None:
        self._database, self.domain, self.folder = database, domain, folder
        self.readings = list[str]()
        self.is_down = False

    async def upload(self, name: str, content: bytes = b"file") -> Prompt:
        async with self._database.transaction() as tx:
            sound = Converted(LOW, HIGH, 1.0)
            await prompts.keep(tx, self.domain.domain_uuid, name, content, sound)
            found = await prompts.find(tx, self.domain.domain_uuid, name)
        assert found is not None
        return found

    async def delete(self, name: str) -> None:
        async with self._database.transaction() as tx:
            await prompts.delete(tx, self.domain.domain_uuid, name)

    async def reload(self) -> None:
        if self.is_down:
            raise errors.SwitchDown
        self.readings.append((self.folder / "music.conf").read_text())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Callable[[], None]]:
        """Writes into the folder; what it gives wakes it."""
        work = Prompts(self._database, self.domain.node, self.folder, self.reload)
        task = asyncio.create_task(work.run())
        try:
            yield work.wake
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} if self.folder.exists() else set()


@pytest.fixture
async def desk(database: db.Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(engine_prompts, "RETRY_S", 0.05)
    async with database.transaction() as tx:
        name = f"d{ids.new().hex}.example.vn"
        domain = await domains.insert(tx, name, node=f"n{ids.new().hex}")
    return Desk(database, domain, tmp_path / "prompts")


def of(*known: Prompt) -> set[str]:
    files = {f"{one.file}{ending}" for one in known for ending in (".wav", ".wav16")}
    return {"music.conf", *files}


async def test_files_come_change_and_go(desk: Desk) -> None:
    first = await desk.upload("Lời chào")
    async with desk.running() as wake:
        await until(lambda: desk.files() == of(first))
        assert (desk.folder / f"{first.file}.wav").read_bytes() == LOW
        assert (desk.folder / f"{first.file}.wav16").read_bytes() == HIGH
        await until(lambda: len(desk.readings) == 1)
        entry = f"mode = playlist\nentry = {desk.folder / first.file}\n"
        assert f"[prompt-{first.prompt_uuid.hex}]\n{entry}" in desk.readings[0]

        changed = await desk.upload("Lời chào", b"another file")
        assert changed.file != first.file
        wake()
        await until(lambda: len(desk.readings) == 2)
        await until(lambda: desk.files() == of(first, changed))  # somebody may hear the old one
        assert str(desk.folder / first.file) not in desk.readings[1]

        await desk.delete("Lời chào")
        wake()
        await until(lambda: len(desk.readings) == 3)
        await until(lambda: desk.files() == of(changed))
        wake()
        await until(lambda: desk.files() == of())
    assert len(desk.readings) == 3


async def test_other_files_in_the_folder_stay(desk: Desk) -> None:
    desk.folder.mkdir()
    (desk.folder / "notes.txt").write_text("mine")
    left = f"{ids.new().hex}-{'0' * 16}.wav"
    (desk.folder / left).write_bytes(b"of an earlier run")
    async with desk.running():
        await until(lambda: desk.files() == {"music.conf", "notes.txt"})


async def test_a_switch_that_is_down_reads_later(desk: Desk) -> None:
    desk.is_down = True
    known = await desk.upload("chào")
    async with desk.running():
        await until(lambda: desk.files() == of(known))
        assert desk.readings == []
        desk.is_down = False
        await until(lambda: len(desk.readings) == 1)


async def test_a_folder_that_cannot_be_written_is_told_of(desk: Desk) -> None:
    known = await desk.upload("chào")
    desk.folder.write_text("no folder")
    with capture_logs() as logs:
        async with desk.running():
            await until(lambda: _said(logs, "prompts.not_written"))
            desk.folder.unlink()
            await until(lambda: desk.files() == of(known))


async def test_without_a_folder_it_is_said(desk: Desk, database: db.Database) -> None:
    await desk.upload("chào")
    work = Prompts(database, desk.domain.node, None, desk.reload)
    with capture_logs() as logs:
        task = asyncio.create_task(work.run())
        try:
            await until(lambda: _said(logs, "prompts.no_folder"))
        finally:
            task.cancel()
    assert desk.readings == []


def _said(logs: Any, event: str) -> bool:
    return any(one["event"] == event for one in logs)
