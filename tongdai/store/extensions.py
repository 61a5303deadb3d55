"""Extensions: internal numbers with devices behind them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tongdai import errors, messages
from tongdai.pbx import directory, numbers
from tongdai.pbx.forwarding_reasons import SETTINGS
from tongdai.store import checks, db, devices, dialables, domains, lists, rows

_OWN = ("devices", "suspended_until", "suspended_why")  # written by other statements
_SELECT = """
SELECT *, ARRAY(
  SELECT name FROM devices WHERE domain_uuid = e.domain_uuid AND extension = e.extension
  ORDER BY name <> 'default', name) AS devices
FROM extensions AS e
"""
LISTING = lists.Listing(_SELECT, key="extension", sorts=("extension", "name"))


async def insert(
    tx: db.Tx,
    domain_uuid: UUID,
    extension: directory.Extension,
    password: str | None = None,
    kind: devices.Kind = "sip",
    *,
    webrtc: bool | None = None,
) -> str:
    """The extension and its default device of that kind exist. Browsers may register as it too
    (`webrtc`; None: as the domain says). Returns the device's SIP password, given or generated: it
    cannot be read again.

    Raises errors.Conflict when the number is taken, errors.Invalid naming the field that is wrong,
    errors.NotFound.
    """
    domain = await _check(tx, domain_uuid, extension)
    await dialables.insert(tx, domain_uuid, extension.extension, "extension")
    row = rows.values(extension, without=_OWN)
    await rows.insert(tx, "extensions", domain_uuid=domain_uuid, **row)
    device = devices.Device(kind=kind)
    chosen = await devices.insert(tx, domain_uuid, extension.extension, device, password)
    if domain.webrtc if webrtc is None else webrtc:
        await devices.allow_browsers(tx, domain_uuid, extension.extension)
    return chosen


async def find(tx: db.Tx, domain_uuid: UUID, extension: str) -> directory.Extension | None:
    """The extension, or None."""
    row = await tx.fetchrow(
        _SELECT + "WHERE domain_uuid = $1 AND extension = $2",
        domain_uuid,
        extension,
    )
    return db.struct_or_none(row, directory.Extension)


async def get(tx: db.Tx, domain_uuid: UUID, extension: str) -> directory.Extension:
    """The extension. Raises errors.NotFound."""
    if (found := await find(tx, domain_uuid, extension)) is None:
        raise errors.NotFound(f"no such extension: {extension}")
    return found


async def update(tx: db.Tx, domain_uuid: UUID, extension: directory.Extension) -> None:
    """The extension is as given, except its number, its devices and the suspension of its outbound
    calls (`suspend`).

    Raises as `insert` does.
    """
    await _check(tx, domain_uuid, extension)
    key = {"domain_uuid": domain_uuid, "extension": extension.extension}
    row = rows.values(extension, without=("extension", *_OWN))
    if not await rows.update(tx, "extensions", key, row):
        raise errors.NotFound(f"no such extension: {extension.extension}")


async def suspend(
    tx: db.Tx, domain_uuid: UUID, extension: str, until: datetime | None, why: str = ""
) -> None:
    """Outbound calls of the extension are suspended until then; None lifts the suspension. Raises
    errors.NotFound.
    """
    done = await tx.fetchval(
        """
        UPDATE extensions SET suspended_until = $3, suspended_why = $4
        WHERE domain_uuid = $1 AND extension = $2 RETURNING true
        """,
        domain_uuid,
        extension,
        until,
        why,
    )
    if not done:
        raise errors.NotFound(f"no such extension: {extension}")


async def suspended(tx: db.Tx, domain_uuid: UUID, extension: str) -> datetime | None:
    """Until when outbound calls of the extension are suspended; None: they are not, or there is no
    such extension.
    """
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        SELECT suspended_until FROM extensions
        WHERE domain_uuid = $1 AND extension = $2 AND suspended_until > now()
        """,
        domain_uuid,
        extension,
    )


async def delete(tx: db.Tx, domain_uuid: UUID, extension: str) -> None:
    """The extension is deleted. Raises errors.NotFound, and errors.Conflict naming what leads to
    it.
    """
    await dialables.delete(tx, domain_uuid, extension, "extension")


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[directory.Extension]:
    """The domain's extensions, by number."""
    found = await tx.fetch(_SELECT + "WHERE domain_uuid = $1 ORDER BY extension", domain_uuid)
    return db.structs(found, directory.Extension)


async def _check(tx: db.Tx, domain_uuid: UUID, extension: directory.Extension) -> directory.Domain:
    """The domain. Raises errors.Invalid if it may not have this extension, errors.NotFound."""
    checks.name(extension.name)
    domain = await domains.get(tx, domain_uuid)
    for setting in SETTINGS:
        if not (number := getattr(extension, setting)):
            continue
        if number == extension.extension:
            raise errors.Invalid(messages.LEADS_BACK(kind="extension"), field=setting)
        await dialables.require_or_outside(tx, domain_uuid, number, setting)
    if extension.hotline is None:
        return domain
    held = await tx.fetchval(
        """
        SELECT true FROM hotlines WHERE domain_uuid = $1 AND canonical = $2 FOR KEY SHARE
        """,
        domain_uuid,
        numbers.canonical(extension.hotline, domain.country),
    )
    if not held:
        raise errors.Invalid(messages.NO_HOTLINE_HERE, field="hotline")
    return domain
