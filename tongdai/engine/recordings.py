"""A call's recording, from Asterisk's parts to the finished file."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import structlog

from tongdai import errors, recording_files
from tongdai.asterisk import recording
from tongdai.engine.background import Background
from tongdai.engine.directories import Directories
from tongdai.engine.node_config import NodeConfig
from tongdai.pbx.call import Call
from tongdai.pbx.directory import RecordingFormat
from tongdai.pbx.recording import main_uuid
from tongdai.pbx.signals import RecordingFinished, Signal

log = structlog.get_logger()


class Recordings:
    """Calls `on_signal` with RecordingFinished."""

    def __init__(
        self,
        config: NodeConfig,
        directories: Directories,
        on_signal: Callable[[UUID, Signal], None],
        background: Background,
    ) -> None:
        self._config, self._directories = config, directories
        self._on_signal, self._background = on_signal, background
        self._finishing: set[UUID] = set()

    def finish(self, call: Call) -> None:
        """RecordingFinished follows once, also after repeated requests."""
        self._background.start(self._finish(call), "recording")

    def cut(self, call: Call) -> None:
        """The call is recorded to another part from now on."""
        for part_of in (call.call_uuid, *call.merged):
            recording.cut(self._config.spool, part_of, datetime.now(UTC))

    async def discard(self, call: Call) -> None:
        """Deletes all parts of the call's recording."""
        await recording.discard(self._config.spool, call.call_uuid)

    async def _finish(self, call: Call) -> None:
        if call.call_uuid in self._finishing:
            return
        self._finishing.add(call.call_uuid)
        try:
            finished = await self._finished(call)
        finally:
            self._finishing.discard(call.call_uuid)
        self._on_signal(call.call_uuid, finished)

    async def _finished(self, call: Call) -> RecordingFinished:
        uuid = main_uuid(call.call_uuid)
        key = recording_files.key(call.domain_uuid, call.call_uuid, uuid, call.started_at)
        parts = [call.call_uuid, *call.merged]
        try:
            stored = await recording.finish(
                self._config.spool, parts, self._config.recordings, key, await self._format(call)
            )
        except Exception:  # of any kind: the cdr event must not wait for ever
            log.exception("recording.lost", call_id=str(call.call_uuid))
            return RecordingFinished(call.channel, datetime.now(UTC), "", failed=True)
        if stored is None:
            return RecordingFinished(call.channel, datetime.now(UTC), "")
        return RecordingFinished(
            call.channel,
            datetime.now(UTC),
            stored.key,
            size=stored.size,
            duration_s=stored.duration_s,
            channels=stored.channels,
            sha256=stored.sha256,
        )

    async def _format(self, call: Call) -> RecordingFormat:
        """WAV if the domain's setting cannot be read now."""
        with contextlib.suppress(errors.TongdaiError):
            directory = await self._directories.get(call.domain_uuid)
            return directory.domain.recording_format
        return "wav"
