"""Entries of Asterisk's own database (AstDB), kept as wanted.

ARI may not use the dialplan function DB() itself ("dangerous"; live_dangerously is off). A Local
channel may: it brings entries along as variables, and the context [fallback-store] writes them.
Fifty at a time take a fifth of what as many PJSIP objects take of our time.

Entries stand beneath a generation. What was there before we came, or Asterisk was restarted, is
another one: it is read until all entries of the new one are written, and then deleted.
"""

import asyncio
import itertools
import secrets
from collections.abc import Iterable, Iterator, Mapping

import structlog

from tongdai.asterisk import ari

log = structlog.get_logger()

ENTRIES, CHARACTERS = 50, 12_000  # of a batch, at most
WRITTEN_S = 5.0  # until when a batch must be written
LOOK_S = 0.002
GENERATION = "generation"
"""The key of the generation that is read."""
_STORED = {"variable": "TD_FALLBACK_STORED"}  # BATCH/GENERATION: the last that was written


class AstDb:
    """The entries of one Asterisk beneath "fallback"."""

    def __init__(self, written_s: float = WRITTEN_S) -> None:
        self._generation = ""
        self._written_s = written_s
        self._batches = itertools.count(1)

    def forget(self) -> None:
        """The entries that Asterisk holds are unknown from now on."""
        self._generation = ""

    async def recognise(self, link: ari.Link) -> bool:
        """Whether Asterisk says which generation an earlier engine wrote: we go on with it."""
        answer = await link.request("GET", "asterisk/variable", _STORED)
        stored = answer.json()["value"] if answer.is_ok else ""
        self._generation = stored.partition("/")[2]
        return self._generation != ""

    async def push(
        self, link: ari.Link, changed: Mapping[str, str], gone: Iterable[str] = ()
    ) -> bool:
        """These entries are written, and those `gone` are deleted. After `forget`, `changed` must
        be all. Whether Asterisk did so; if not it is logged. Raises errors.SwitchDown.
        """
        generation = self._generation or secrets.token_hex(4)
        wanted = {**dict.fromkeys(gone, ""), **changed}
        entries = {f"{generation}/{key}": value for key, value in wanted.items()}
        if not self._generation:
            entries[GENERATION] = generation  # the last
        for batch in _batches(entries):
            if not await self._write(link, batch, generation):
                log.error("switch.fallback_not_stored", entries=len(entries))
                return False
        self._generation = generation
        return True

    async def _write(self, link: ari.Link, batch: Mapping[str, str], generation: str) -> bool:
        """Returns when Asterisk has written them, and reads this generation if it shall."""
        number = f"{generation}.{next(self._batches)}"
        variables = {"TD_BATCH": number}
        for index, (key, value) in enumerate(batch.items(), 1):
            variables |= {f"TD_KEY{index}": key, f"TD_VALUE{index}": value}
        channel = {
            "endpoint": "Local/store@fallback-store/n",
            "context": "hangup",
            "extension": "16",
            "priority": "1",
        }
        inherited = {f"__{name}": value for name, value in variables.items()}
        answer = await link.request("POST", "channels", channel, {"variables": inherited})
        if not answer.is_ok:
            return False
        wanted = f"{number}/{generation if GENERATION in batch else ''}"
        return await self._is_written(link, wanted)

    async def _is_written(self, link: ari.Link, wanted: str) -> bool:
        try:
            async with asyncio.timeout(self._written_s):
                while True:
                    answer = await link.request("GET", "asterisk/variable", _STORED)
                    if answer.is_ok and answer.json()["value"].startswith(wanted):
                        return True
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            return False


def _batches(entries: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """A batch goes over the link as one frame."""
    batch: dict[str, str] = {}
    size = 0
    for key, value in entries.items():
        size += len(key) + len(value)
        if batch and (size > CHARACTERS or len(batch) >= ENTRIES):
            yield batch
            batch, size = {}, len(key) + len(value)
        batch[key] = value
    if batch:
        yield batch
