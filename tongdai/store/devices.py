"""Devices: phones and browsers that register as an extension. Of their passwords only the SIP
digests are stored.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.pbx import endpoint
from tongdai.pbx.endpoint import Endpoint
from tongdai.store import checks, db, domains, lists

Kind = Literal["sip", "browser"]
MAX_CONTACTS = 5
_SECRET_BYTES = 18  # 24 characters, 144 bits


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device of an extension, without its password. `kind` "sip" is a SIP phone, "browser" a
    WebRTC endpoint (SIP over WebSocket, DTLS-SRTP, ICE). At most `max_contacts` may be registered
    at the same time. The device `webrtc` is a browser with the user name and password of the
    default device. With `srtp_required` its audio is encrypted, or there is no call.
    """

    name: str = endpoint.DEFAULT
    kind: Kind = "sip"
    max_contacts: int = MAX_CONTACTS
    srtp_required: bool = False
    mac: str = ""  # of a phone that fetches its configuration: 00:15:65:aa:bb:cc


class Configured(Device, frozen=True, kw_only=True):
    """A device as administrators see it. `account` names it in its domain: 101, 101-browser."""

    account: str
    extension: str
    created_at: datetime


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """A device for its node's switch. The digests are HA1 of user:domain:password, in hex (RFC
    8760 §2.4); the full ones of user@domain:domain:password, "" for passwords from before them.
    """

    domain_uuid: UUID
    domain: str
    extension: str
    name: str
    kind: Kind
    max_contacts: int
    srtp_required: bool
    display_name: str
    digest_md5: str
    digest_sha256: str
    digest_md5_full: str
    digest_sha256_full: str
    # that expire (phone_credentials.py), of browsers alone: each a user name, MD5, SHA-256
    credentials: tuple[tuple[str, str, str], ...] = ()
    music_of: UUID | None = None  # the prompt that a party on hold hears; None: the switch's own

    @property
    def endpoint(self) -> Endpoint:
        """Its endpoint; for a default device that is a browser, the one for browsers."""
        is_browser = self.name == endpoint.DEFAULT and self.kind == "browser"
        return Endpoint(self.extension, self.domain, endpoint.WEBRTC if is_browser else self.name)


_CONFIGURED = """
SELECT domain_uuid, extension, name, kind, max_contacts, srtp_required, mac, created_at,
  CASE WHEN name = 'default' THEN extension ELSE extension || '-' || name END AS account
FROM devices
"""
LISTING = lists.Listing(_CONFIGURED, key="account", sorts=("account", "name"))


async def insert(
    tx: db.Tx, domain_uuid: UUID, extension: str, device: Device, password: str | None = None
) -> str:
    """Stores the device. Returns its SIP password, given or generated: it cannot be read again.

    Raises errors.Conflict when the extension has a device of this name, errors.Invalid naming the
    field that is wrong, errors.NotFound.
    """
    password = password or generated()
    name = checks.device(device.name, "name")
    if name == endpoint.WEBRTC:
        raise errors.Invalid(messages.WEBRTC_DEVICE, field="name")
    known = await _digests(tx, domain_uuid, extension, name, password)
    await tx.execute(
        """
        INSERT INTO devices (domain_uuid, extension, name, kind, max_contacts, srtp_required, mac,
                             digest_md5, digest_sha256, digest_md5_full, digest_sha256_full)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        domain_uuid,
        extension,
        name,
        device.kind,
        device.max_contacts,
        device.srtp_required,
        checks.mac(device.mac),
        *known,
    )
    return password


async def allow_browsers(tx: db.Tx, domain_uuid: UUID, extension: str | None = None) -> None:
    """Browsers may register as the extension, or all extensions of the domain, also while SIP
    phones do: they have the device `webrtc`. A default device that is a browser needs none.
    """
    await tx.execute("SELECT allow_browsers($1, $2)", domain_uuid, extension)


async def forbid_browsers(tx: db.Tx, domain_uuid: UUID, extension: str | None = None) -> None:
    """The extension, or all of the domain, have no device `webrtc`."""
    await tx.execute(
        """
        DELETE FROM devices
        WHERE domain_uuid = $1 AND extension = COALESCE($2, extension) AND name = $3
        """,
        domain_uuid,
        extension,
        endpoint.WEBRTC,
    )


async def get(tx: db.Tx, domain_uuid: UUID, extension: str, name: str) -> Device:
    """The device. Raises errors.NotFound."""
    row = await tx.fetchrow(
        """
        SELECT name, kind, max_contacts, srtp_required, mac FROM devices
        WHERE domain_uuid = $1 AND extension = $2 AND name = $3
        """,
        domain_uuid,
        extension,
        name,
    )
    return db.struct(row, Device, _missing(extension, name))


async def configured(tx: db.Tx, domain_uuid: UUID, account: str) -> Configured:
    """The device of that account: 101, 101-browser. Raises errors.NotFound."""
    extension, _, name = account.partition("-")
    row = await tx.fetchrow(
        _CONFIGURED + "WHERE domain_uuid = $1 AND extension = $2 AND name = $3",
        domain_uuid,
        extension,
        name or endpoint.DEFAULT,
    )
    return db.struct(row, Configured, _missing(extension, name))


async def update(tx: db.Tx, domain_uuid: UUID, extension: str, device: Device) -> None:
    """The device of that name is as given; its password stays. A default device that becomes a
    browser takes the place of the device `webrtc`. Raises errors.NotFound, errors.Invalid.
    """
    if device.name == endpoint.WEBRTC and device.kind != "browser":
        raise errors.Invalid(messages.WEBRTC_DEVICE, field="kind")
    done = await tx.fetchval(
        """
        UPDATE devices SET kind = $4, max_contacts = $5, srtp_required = $6, mac = $7
        WHERE domain_uuid = $1 AND extension = $2 AND name = $3 RETURNING true
        """,
        domain_uuid,
        extension,
        device.name,
        device.kind,
        device.max_contacts,
        device.srtp_required,
        checks.mac(device.mac),
    )
    if not done:
        raise errors.NotFound(_missing(extension, device.name))
    if device.name == endpoint.DEFAULT and device.kind == "browser":
        await forbid_browsers(tx, domain_uuid, extension)


async def has_password(
    tx: db.Tx, domain_uuid: UUID, extension: str, name: str, password: str
) -> bool:
    """Whether that is the device's SIP password. Raises errors.NotFound, errors.Invalid."""
    known = await _digests(tx, domain_uuid, extension, name, password)
    found = await tx.fetchval(
        """
        SELECT digest_sha256 = $4 FROM devices
        WHERE domain_uuid = $1 AND extension = $2 AND name = $3
        """,
        domain_uuid,
        extension,
        name,
        known[1],
    )
    if found is None:
        raise errors.NotFound(_missing(extension, name))
    return bool(found)


async def set_password(
    tx: db.Tx, domain_uuid: UUID, extension: str, name: str, password: str | None = None
) -> str:
    """Sets and returns the SIP password, given or generated: it cannot be read again. The default
    device and the device `webrtc` have the same. Raises errors.NotFound, errors.Invalid.
    """
    password = password or generated()
    known = await _digests(tx, domain_uuid, extension, name, password)
    shared = (endpoint.DEFAULT, endpoint.WEBRTC)
    done = await tx.fetchval(
        """
        UPDATE devices SET digest_md5 = $4, digest_sha256 = $5, digest_md5_full = $6,
          digest_sha256_full = $7
        WHERE domain_uuid = $1 AND extension = $2 AND name = ANY ($3) RETURNING true
        """,
        domain_uuid,
        extension,
        shared if name in shared else (name,),
        *known,
    )
    if not done:
        raise errors.NotFound(_missing(extension, name))
    return password


async def password_changes(
    tx: db.Tx, domain_uuid: UUID, extension: str, name: str | None = None
) -> int:
    """How often the password of the device was changed; None: of all devices of the extension."""
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        SELECT coalesce(sum(password_changes), 0) FROM devices
        WHERE domain_uuid = $1 AND extension = $2 AND ($3::text IS NULL OR name = $3)
        """,
        domain_uuid,
        extension,
        name,
    )


async def delete(tx: db.Tx, domain_uuid: UUID, extension: str, name: str) -> None:
    """The device is deleted. Raises errors.NotFound, and errors.Conflict for the default device,
    which every extension has.
    """
    if name == endpoint.DEFAULT:
        raise errors.Conflict(messages.DEFAULT_DEVICE, field="device")
    if not await tx.fetchval(
        """
        DELETE FROM devices WHERE domain_uuid = $1 AND extension = $2 AND name = $3
        RETURNING true
        """,
        domain_uuid,
        extension,
        name,
    ):
        raise errors.NotFound(_missing(extension, name))


async def list(tx: db.Tx, domain_uuid: UUID, extension: str) -> Sequence[Device]:
    """The extension's devices, the default one first."""
    rows = await tx.fetch(
        """
        SELECT name, kind, max_contacts, srtp_required, mac FROM devices
        WHERE domain_uuid = $1 AND extension = $2
        ORDER BY name <> $3, name
        """,
        domain_uuid,
        extension,
        endpoint.DEFAULT,
    )
    return db.structs(rows, Device)


_PROVISIONED = """
SELECT domains.domain_uuid, domains.name AS domain, extension, devices.name, devices.kind,
  max_contacts, srtp_required, extensions.name AS display_name, digest_md5, digest_sha256,
  digest_md5_full, digest_sha256_full, prompt_uuid AS music_of,
  CASE WHEN devices.kind = 'browser' AND devices.name IN ('default', 'webrtc') THEN ARRAY (
    SELECT ARRAY[username, p.digest_md5, p.digest_sha256] FROM phone_credentials AS p
    WHERE p.domain_uuid = devices.domain_uuid AND p.extension = devices.extension
      AND expires_at > now() ORDER BY username) ELSE '{}' END AS credentials
FROM devices JOIN extensions USING (domain_uuid, extension) JOIN domains USING (domain_uuid)
  LEFT JOIN prompts ON prompts.domain_uuid = domains.domain_uuid AND prompts.name = hold_music
WHERE extensions.enabled AND domains.enabled AND node = $1
"""


async def list_for_provisioning(
    tx: db.Tx, node: str, domain_uuid: UUID | None = None, extension: str | None = None
) -> Sequence[Provisioned]:
    """The devices that the node's switch lets in: all, or those of one domain or one extension.
    It crosses tenants.
    """
    wanted = [value for value in (domain_uuid, extension) if value is not None]
    columns = zip(("domains.domain_uuid", "extension"), wanted, strict=False)
    where = "".join(f" AND {name} = ${place}" for place, (name, _) in enumerate(columns, 2))
    order = " ORDER BY domains.name, extension, devices.name"
    rows = await tx.fetch(_PROVISIONED + where + order, node, *wanted)
    return db.structs(rows, Provisioned)


def generated() -> str:
    """A new random SIP password of 24 letters, digits, - and _."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digests(user: str, domain: str, password: str) -> tuple[str, str]:
    """HA1 by MD5 and by SHA-256, in hex; the domain's name is the realm (RFC 8760 §2.4)."""
    secret = f"{user}:{domain}:{password}".encode()
    return (
        hashlib.md5(secret, usedforsecurity=False).hexdigest(),
        hashlib.sha256(secret).hexdigest(),
    )


async def _digests(
    tx: db.Tx, domain_uuid: UUID, extension: str, name: str, password: str
) -> tuple[str, ...]:
    """The digests for the user name and for its full spelling, in the order of the columns."""
    domain = (await domains.get(tx, domain_uuid)).name
    user, secret = Endpoint(extension, domain, name).user, checks.sip_secret(password)
    return (*digests(user, domain, secret), *digests(f"{user}@{domain}", domain, secret))


def _missing(extension: str, name: str) -> str:
    return f"no such device: {name} of extension {extension}"
