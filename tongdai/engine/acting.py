"""Executes actions after the commit: most by the switch, some by the engine."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import assert_never
from uuid import UUID

import structlog
from msgspec.structs import replace

from tongdai import errors
from tongdai.asterisk.switch import Switch
from tongdai.engine.directories import Directories
from tongdai.engine.recordings import Recordings
from tongdai.engine.settings_by_phone import SettingsByPhone
from tongdai.pbx import patience
from tongdai.pbx.actions import (
    Action,
    Adopt,
    Ask,
    Configure,
    Confirm,
    Dial,
    Fetch,
    FinishRecording,
    HangUp,
    Mute,
    Originate,
    Park,
    Part,
    PickUp,
    Play,
    Press,
    Record,
    Rejoin,
    Rerecord,
    Rotate,
    SendAway,
    StopRecord,
    SwitchAction,
    Wait,
)
from tongdai.pbx.call import Call
from tongdai.store import db, ring_groups

log = structlog.get_logger()

RETRY_S = 0.1


class Actor:
    def __init__(
        self,
        database: db.Database,
        switch: Switch,
        directories: Directories,
        recordings: Recordings,
        settings: SettingsByPhone,
    ) -> None:
        self._database, self._switch = database, switch
        self._directories, self._recordings = directories, recordings
        self._settings = settings

    async def act(self, call: Call, action: Action) -> None:
        """The action is done or under way. Waits while the link is down."""
        match action:
            case FinishRecording():
                self._recordings.finish(call)
            case Rotate(ring_group=number):
                with contextlib.suppress(errors.Unavailable):  # the rotation is lost, not the call
                    await self._rotate(call.domain_uuid, number)
            case Record():
                self._recordings.cut(call)
                await self.steer(call.call_uuid, action)
            case HangUp(channel=channel, is_asked=is_asked):
                if channel == call.channel and not is_asked and await self._has_gone_on(call):
                    log.warning("call.gone_on", call_id=str(call.call_uuid), channel=channel)
                else:
                    await self.steer(call.call_uuid, action)
            case StopRecord():
                self._recordings.cut(call)
            case Part() | Rejoin() | Rerecord() | SendAway() | Mute() | Press() | Play():
                # after a lost link recovery finds out whether it was done
                with contextlib.suppress(errors.SwitchDown):
                    await self._switch.act(call.call_uuid, action)
            case Configure():
                await self._settings.store(call, action)
            case (
                Dial()
                | Wait()
                | Ask()
                | Confirm()
                | PickUp()
                | Park()
                | Fetch()
                | Originate()
                | Adopt()
            ):
                await self.steer(call.call_uuid, action)
            case _:
                assert_never(action)

    async def steer(self, call_uuid: UUID, action: SwitchAction) -> None:
        """The switch has executed or refused the action. An action that is no longer possible when
        the link is back is refused and harmless.
        """
        if isinstance(action, Originate):  # the API request waits: no second try
            await self._switch.act(call_uuid, action)
            return
        while True:
            await self._switch.linked.wait()
            with contextlib.suppress(errors.SwitchDown):
                await self._switch.act(call_uuid, action)
                return
            await asyncio.sleep(RETRY_S)

    async def _has_gone_on(self, call: Call) -> bool:
        """Whether Asterisk no longer waits for our decision: the dialplan has gone on by
        itself.
        """
        if not patience.may_have_gone_on(call, datetime.now(UTC)):
            return False
        with contextlib.suppress(errors.SwitchDown):
            channels = (await self._switch.snapshot()).channels.get(call.call_uuid, ())
            return any(
                each.id == call.channel and each.dialplan.app_name == "Dial" for each in channels
            )
        return False

    async def _rotate(self, domain_uuid: UUID, number: str) -> None:
        """The ring group's round robin begins one member further on, in memory and in the
        database.
        """
        directory = await self._directories.get(domain_uuid)
        group = directory.ring_groups.get(number)
        if group is None:
            return
        turned = replace(group, next_member=group.next_member + 1)
        groups = {**directory.ring_groups, number: turned}
        self._directories.replace(replace(directory, ring_groups=groups))
        async with self._database.connection() as tx:
            await ring_groups.advance(tx, domain_uuid, number)
