"""Extensions by their entries, as clients of version 3 of the API make and change them."""

from uuid import UUID

from tongdai.admin import extensions as admin
from tongdai.pbx.directory import Extension
from tongdai.store import checks, db, extension_entries, extensions
from tongdai.store.extension_entries import Entry


async def create(
    tx: db.Tx,
    domain_uuid: UUID,
    number: str,
    password: str,
    *,
    enabled: bool = True,
    user_uuid: str | None = None,
    follow_me: str | None = None,
) -> Entry:
    """The new extension, whose default device is a SIP phone with that password. Raises as
    extensions.insert.
    """
    made = Extension(number, enabled=enabled)
    await extensions.insert(tx, domain_uuid, made, checks.sip_secret(password))
    await extension_entries.keep(tx, domain_uuid, number, user_uuid=user_uuid, follow_me=follow_me)
    return await extension_entries.get(tx, domain_uuid, number)


async def update(
    tx: db.Tx,
    domain_uuid: UUID,
    name: str,
    *,
    enabled: bool | None = None,
    password: str | None = None,
    user_uuid: str | None = None,
    follow_me: str | None = None,
) -> Entry:
    """The changed extension of that number or extension_uuid; None leaves what there was. Raises
    as extensions.update and devices.set_password.
    """
    number = (await extension_entries.get(tx, domain_uuid, name)).extension
    changes = {} if enabled is None else {"enabled": enabled}
    await admin.update(tx, domain_uuid, number, changes, password=password)
    await extension_entries.keep(tx, domain_uuid, number, user_uuid=user_uuid, follow_me=follow_me)
    return await extension_entries.get(tx, domain_uuid, number)
