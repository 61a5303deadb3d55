"""Settings that an extension has dialled are stored, as the audit log tells them."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import structlog
from msgspec.structs import replace

from tongdai import errors
from tongdai.engine.directories import Directories
from tongdai.pbx.actions import Configure
from tongdai.pbx.call import Call
from tongdai.pbx.signals import Configured
from tongdai.store import audit, db, domains, extensions, hours_plans

log = structlog.get_logger()


class SettingsByPhone:
    """`told` gets the signal Configured."""

    def __init__(
        self,
        database: db.Database,
        directories: Directories,
        told: Callable[[UUID, Configured], None],
    ) -> None:
        self._database, self._directories, self._told = database, directories, told

    async def store(self, call: Call, action: Configure) -> None:
        """The setting is stored, and the next call knows it; or it is refused."""
        is_done = True
        try:
            async with self._database.transaction() as tx:
                await _store(tx, call.domain_uuid, action)
        except errors.TongdaiError as reason:
            log.warning("setting.refused", call_id=str(call.call_uuid), why=str(reason))
            is_done = False
        self._directories.forget(str(call.domain_uuid))
        done = Configured(action.channel, datetime.now(UTC), is_done=is_done)
        self._told(call.call_uuid, done)


async def _store(tx: db.Tx, domain_uuid: UUID, action: Configure) -> None:
    setting = action.setting
    await audit.acting(tx, f"phone:{action.extension}")
    await audit.alone(tx, domain_uuid)
    await domains.refuse_deleting(tx, domain_uuid)
    if setting.noun == "hours_plan":
        await hours_plans.change(tx, domain_uuid, setting.name, {**setting.changes})
        return
    before = await extensions.get(tx, domain_uuid, setting.name)
    await extensions.update(tx, domain_uuid, replace(before, **setting.changes))
