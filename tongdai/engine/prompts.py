"""The switch of a node has the prompts of its domains as files (`asterisk/prompt_files.py`).

The database has the sound. Files that could not be written are written again: until then a caller
hears nothing in their place, and the log says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from tongdai import errors
from tongdai.asterisk import prompt_files
from tongdai.pbx.directory import Prompt
from tongdai.store import db, prompts

log = structlog.get_logger()

RETRY_S = 1.0


class Prompts:
    """The prompts of one node. `folder` is read by its switch, too; None: it has none. `reload`
    makes the switch read the classes of hold music again; it raises errors.SwitchDown.
    """

    def __init__(
        self,
        database: db.Database,
        node: str,
        folder: Path | None,
        reload: Callable[[], Awaitable[None]],
    ) -> None:
        self._database, self._node, self._folder, self._reload = database, node, folder, reload
        self._before: Sequence[Prompt] = ()  # their files stay a while: a call may yet play them
        self._is_unread = True  # by the switch
        self._awake = asyncio.Event()
        self._awake.set()

    def wake(self) -> None:
        """A prompt has come, changed or gone, or notifications may have been lost."""
        self._awake.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            try:
                await self._write()
            except errors.Unavailable as reason:
                log.warning("prompts.waiting", why=str(reason))
            except OSError as reason:
                log.error("prompts.not_written", folder=str(self._folder), why=str(reason))  # noqa: TRY400
            else:
                continue
            await asyncio.sleep(RETRY_S)
            self._awake.set()

    async def _write(self) -> None:
        """The folder has the prompts of the database, and the switch has read their classes."""
        async with self._database.connection() as tx:
            wanted = await prompts.of_node(tx, self._node)
        if self._folder is None:
            if wanted:
                log.warning("prompts.no_folder", setting="TONGDAI_ASTERISK_PROMPTS")
            return
        now = [one.prompt for one in wanted]
        self._folder.mkdir(parents=True, exist_ok=True)
        lacking = await asyncio.to_thread(prompt_files.missing, self._folder, now)
        for one in wanted:
            if one.prompt in lacking:
                await self._write_one(self._folder, one)
        self._is_unread |= await asyncio.to_thread(prompt_files.write_classes, self._folder, now)
        if self._is_unread:
            await self._reload()
            self._is_unread = False
            log.info("prompts.written", files=[one.file for one in lacking], total=len(now))
        await asyncio.to_thread(prompt_files.sweep, self._folder, [*now, *self._before])
        self._before = now

    async def _write_one(self, folder: Path, wanted: prompts.OnSwitch) -> None:
        """One at a time: a prompt may have 30 MB."""
        async with self._database.connection() as tx:
            sound = await prompts.sound(tx, wanted)
        if sound is not None:
            await asyncio.to_thread(prompt_files.write, folder, wanted.prompt, sound)
