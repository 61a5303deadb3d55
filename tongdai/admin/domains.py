"""Domains: changes, also of their extensions; the end of a suspension; the key of encrypted
telephone numbers.
"""

import re
import secrets
from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db, devices, domains


async def update(
    tx: db.Tx, name: str, changes: dict[str, Any], *, unsuspend: bool = False
) -> directory.Domain:
    """The changed domain of that name; `unsuspend` ends the suspension of its outbound calls. A
    given `webrtc` holds for all its extensions. Raises as domains.update.
    """
    known = await domains.by_name(tx, name)
    if not unsuspend and changes.keys() <= domains.SETTINGS:
        await domains.set_settings(tx, known.domain_uuid, changes)
        return await domains.get(tx, known.domain_uuid)
    changed = msgspec.structs.replace(known, **changes)
    await domains.update(tx, changed)
    if "webrtc" in changes:
        change = devices.allow_browsers if changed.webrtc else devices.forbid_browsers
        await change(tx, changed.domain_uuid)
    if unsuspend:
        await domains.suspend(tx, changed.domain_uuid, None)
    return await domains.get(tx, changed.domain_uuid)


_KEY_BYTES = 32


async def give_phone_key(
    tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, text: str | None = None
) -> str:
    """Clients of the domain encrypt telephone numbers with this key from now on (click-to-call,
    AES-256): 32 visible ASCII characters, which are its bytes, or 64 hexadecimal digits of them.
    Returns the key, given or a random one. Raises errors.Invalid, errors.NotFound.
    """
    text = secrets.token_urlsafe(_KEY_BYTES * 3 // 4) if text is None else text
    await domains.set_phone_key(tx, domain_uuid, master_key, _phone_key(text))
    return text


def _phone_key(text: str) -> bytes:
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        return bytes.fromhex(text)
    if not re.fullmatch(r"[\x21-\x7e]{32}", text):
        raise errors.Invalid(messages.PHONE_KEY, field="key")
    return text.encode()
