"""Extensions: internal numbers with phones behind them. Their passwords are kept as SIP digests
alone.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.pbx import directory, numbers
from tongdai.store import checks, db, dialables, domains

_SECRET_BYTES = 18  # 24 characters, 144 bits


class Login(msgspec.Struct, frozen=True):
    """What the switch needs to let an extension's phones in.

    The digests are HA1 over extension:domain:password, in hex (RFC 8760 §2.4).
    """

    domain_uuid: UUID
    domain: str
    extension: str
    name: str
    digest_md5: str
    digest_sha256: str


async def insert(
    tx: db.Tx, domain_uuid: UUID, extension: directory.Extension, password: str | None = None
) -> str:
    """The extension's SIP password, given or made now: it cannot be read again.

    Raises errors.Conflict when the number is taken, errors.Invalid naming the field that is wrong,
    errors.NotFound.
    """
    domain, password = await _checked(tx, domain_uuid, extension), password or generated()
    md5, sha256 = digests(extension.extension, domain, checks.sip_secret(password))
    await dialables.insert(tx, domain_uuid, extension.extension, "extension")
    await tx.execute(
        """
        INSERT INTO extensions (domain_uuid, extension, name, digest_md5, digest_sha256, enabled, recording, hotline,
                                max_calls, ring_timeout_s)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        domain_uuid,
        extension.extension,
        extension.name,
        md5,
        sha256,
        extension.enabled,
        extension.recording,
        extension.hotline,
        extension.max_calls,
        extension.ring_timeout_s,
    )
    return password


async def find(tx: db.Tx, domain_uuid: UUID, extension: str) -> directory.Extension | None:
    """The extension, or None."""
    row = await tx.fetchrow(
        "SELECT * FROM extensions WHERE domain_uuid = $1 AND extension = $2",
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
    """The extension is as given; its number and its password stay, and whether it is frozen
    (`freeze`).

    Raises as `insert` does.
    """
    await _checked(tx, domain_uuid, extension)
    done = await tx.fetchval(
        """
        UPDATE extensions SET name = $3, enabled = $4, recording = $5, hotline = $6, max_calls = $7, ring_timeout_s = $8
        WHERE domain_uuid = $1 AND extension = $2 RETURNING true
        """,
        domain_uuid,
        extension.extension,
        extension.name,
        extension.enabled,
        extension.recording,
        extension.hotline,
        extension.max_calls,
        extension.ring_timeout_s,
    )
    if not done:
        raise errors.NotFound(f"no such extension: {extension.extension}")


async def freeze(
    tx: db.Tx, domain_uuid: UUID, extension: str, until: datetime | None, why: str = ""
) -> None:
    """Until then the extension calls nobody outside; None lifts it. Raises errors.NotFound."""
    done = await tx.fetchval(
        """
        UPDATE extensions SET frozen_until = $3, frozen_why = $4
        WHERE domain_uuid = $1 AND extension = $2 RETURNING true
        """,
        domain_uuid,
        extension,
        until,
        why,
    )
    if not done:
        raise errors.NotFound(f"no such extension: {extension}")


async def set_password(
    tx: db.Tx, domain_uuid: UUID, extension: str, password: str | None = None
) -> str:
    """The new SIP password, given or made now: it cannot be read again. Raises errors.NotFound,
    errors.Invalid.
    """
    password = password or generated()
    domain = (await domains.get(tx, domain_uuid)).name
    done = await tx.fetchval(
        """
        UPDATE extensions SET digest_md5 = $3, digest_sha256 = $4
        WHERE domain_uuid = $1 AND extension = $2 RETURNING true
        """,
        domain_uuid,
        extension,
        *digests(extension, domain, checks.sip_secret(password)),
    )
    if not done:
        raise errors.NotFound(f"no such extension: {extension}")
    return password


async def delete(tx: db.Tx, domain_uuid: UUID, extension: str) -> None:
    """The extension is gone. Raises errors.NotFound, and errors.Conflict naming what leads to
    it.
    """
    await dialables.delete(tx, domain_uuid, extension, "extension")


async def list_for_provisioning(tx: db.Tx) -> Sequence[Login]:
    """All extensions that may register, with their digests. For the switch: it crosses tenants."""
    rows = await tx.fetch(
        """
        SELECT domain_uuid, domains.name AS domain, extension, extensions.name, digest_md5, digest_sha256
        FROM extensions JOIN domains USING (domain_uuid)
        WHERE extensions.enabled AND domains.enabled
        ORDER BY domains.name, extension
        """
    )
    return db.structs(rows, Login)


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[directory.Extension]:
    """The domain's extensions, by number."""
    rows = await tx.fetch(
        "SELECT * FROM extensions WHERE domain_uuid = $1 ORDER BY extension", domain_uuid
    )
    return db.structs(rows, directory.Extension)


def generated() -> str:
    """A new random SIP password of 24 letters, digits, - and _."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digests(extension: str, domain: str, password: str) -> tuple[str, str]:
    """HA1 by MD5 and by SHA-256, in hex; the domain's name is the realm (RFC 8760 §2.4)."""
    secret = f"{extension}:{domain}:{password}".encode()
    return hashlib.md5(secret, usedforsecurity=False).hexdigest(), hashlib.sha256(
        secret
    ).hexdigest()


async def _checked(tx: db.Tx, domain_uuid: UUID, extension: directory.Extension) -> str:
    """The domain's name, once the extension is one that it may have."""
    checks.name(extension.name)
    domain = await domains.get(tx, domain_uuid)
    if extension.hotline is not None:
        canonical = numbers.canonical(extension.hotline, domain.country_code)
        held = await tx.fetchval(
            "SELECT true FROM hotlines WHERE domain_uuid = $1 AND canonical = $2 FOR KEY SHARE",
            domain_uuid,
            canonical,
        )
        if not held:
            raise errors.Invalid("no such hotline in this domain", field="hotline")
    return domain.name
