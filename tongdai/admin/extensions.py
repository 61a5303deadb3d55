"""Extensions, with the password of their default device."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.pbx import endpoint
from tongdai.pbx.directory import Extension
from tongdai.store import db, devices, dialables, extensions


@contextmanager
def naming() -> Iterator[None]:
    """Errors about the number of an extension name it as clients do: `extension`."""
    try:
        yield
    except (errors.Invalid, errors.Conflict) as reason:
        if reason.field == "number":
            reason.field = "extension"
        raise


async def create_range(
    tx: db.Tx,
    domain_uuid: UUID,
    numbers: Sequence[str],
    like: Extension,
    *,
    kind: devices.Kind = "sip",
    webrtc: bool | None = None,
    missing_only: bool = False,
) -> list[tuple[str, str]]:
    """Extensions of these numbers exist, all others of their fields as in `like`; with
    `missing_only` those that exist stay as they are. Returns the new ones with their random SIP
    passwords. Raises as extensions.insert, naming the number.
    """
    kinds = await dialables.kinds(tx, domain_uuid, numbers)
    taken = [one for one in kinds if not (missing_only and kinds[one] == "extension")]
    if taken:
        raise errors.Conflict(messages.NUMBERS_TAKEN(numbers=", ".join(taken)), field="extension")
    made = []
    for number in [one for one in numbers if one not in kinds]:
        extension = msgspec.structs.replace(like, extension=number)
        password = await extensions.insert(tx, domain_uuid, extension, None, kind, webrtc=webrtc)
        made.append((number, password))
    return made


async def delete(tx: db.Tx, domain_uuid: UUID, extension: str) -> None:
    """The extension is deleted. Raises as extensions.delete, and errors.Conflict while its
    outbound calls are suspended: a new one of the same number would not be.
    """
    if until := await extensions.suspended(tx, domain_uuid, extension):
        at = f"{until:%Y-%m-%d %H:%M} UTC"
        raise errors.Conflict(messages.SUSPENDED_STAYS(until=at), field="extension")
    await extensions.delete(tx, domain_uuid, extension)


async def update(
    tx: db.Tx,
    domain_uuid: UUID,
    extension: str,
    changes: dict[str, Any],
    *,
    password: str | None = None,
    new_password: bool = False,
    unsuspend: bool = False,
    webrtc: bool | None = None,
) -> tuple[Extension, str | None]:
    """The changed extension, and the new SIP password of its default device: the given one, a
    random one with `new_password`, else None, which leaves the old one. `unsuspend` ends the
    suspension of its outbound calls. `webrtc` says whether browsers may register as it too; None
    leaves it as it was. Raises as extensions.update.
    """
    known = await extensions.get(tx, domain_uuid, extension)
    await extensions.update(tx, domain_uuid, msgspec.structs.replace(known, **changes))
    if unsuspend:
        await extensions.suspend(tx, domain_uuid, extension, None)
    if webrtc is not None:
        change = devices.allow_browsers if webrtc else devices.forbid_browsers
        await change(tx, domain_uuid, extension)
    changed = await extensions.get(tx, domain_uuid, extension)
    if not new_password and password is None:
        return changed, None
    device = endpoint.DEFAULT
    return changed, await devices.set_password(tx, domain_uuid, extension, device, password)
