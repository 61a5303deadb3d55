"""Links by which phones and softphones fetch their configuration."""

import io
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from tongdai import errors, messages, phone_files
from tongdai.encryption import MasterKey
from tongdai.pbx import endpoint
from tongdai.phone_files import PhoneForm, SipServer, SoftphoneForm
from tongdai.store import db, devices, provisioning_links
from tongdai.store.provisioning_links import Kind

if TYPE_CHECKING:
    import segno

LIFE_S = 86_400
"""Of a link for a softphone, in seconds."""
SHORTEST_S, LONGEST_S = 60, 30 * 86_400
_PATH = "provisioning"


class Url(msgspec.Struct, frozen=True):
    """The URL of a link for phones of one form."""

    form: PhoneForm | SoftphoneForm
    url: str

    @property
    def qr_svg(self) -> str:
        """The URL as a QR code: an SVG element."""
        return str(_qr(self.url).svg_inline(omitsize=True))

    @property
    def qr_text(self) -> str:
        """The URL as a QR code of block characters, for terminals."""
        drawn = io.StringIO()
        _qr(self.url).terminal(drawn, compact=True)
        return drawn.getvalue()


class Made(msgspec.Struct, frozen=True):
    """A new link. Its URLs hold the secret, and are shown this once."""

    kind: Kind
    expires_at: datetime | None
    urls: list[Url]


async def create(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    base_url: str,
    account: str,
    *,
    kind: Kind,
    life_s: int = LIFE_S,
) -> Made:
    """The device of that account has a new link, and a new password that belongs to it. `life_s`
    is for softphones; a phone's link lives until it is replaced.

    Raises errors.NotFound, and errors.Conflict for a browser, or a phone without a MAC.
    """
    device = await devices.configured(tx, domain_uuid, account)
    if device.kind == "browser":
        raise errors.Conflict(messages.BROWSER_HAS_NO_LINK, field="kind")
    if kind == "phone" and not device.mac:
        raise errors.Conflict(messages.MAC_NEEDED, field="mac")
    secret = await provisioning_links.insert(
        tx,
        domain_uuid,
        master_key,
        device.extension,
        device.name,
        kind=kind,
        life_s=life_s if kind == "softphone" else None,
    )
    link = await provisioning_links.get(tx, domain_uuid, device.extension, device.name)
    forms = phone_files.PHONE_FORMS if kind == "phone" else phone_files.SOFTPHONE_FORMS
    return Made(kind, link.expires_at, [_url(base_url, form, secret) for form in forms])


async def get(tx: db.Tx, domain_uuid: UUID, account: str) -> provisioning_links.Link:
    """The link of the device of that account. Raises errors.NotFound."""
    device = await devices.configured(tx, domain_uuid, account)
    return await provisioning_links.get(tx, domain_uuid, device.extension, device.name)


async def delete(tx: db.Tx, domain_uuid: UUID, account: str) -> None:
    """Nobody fetches by the link any more; the password stays. Raises errors.NotFound."""
    device = await devices.configured(tx, domain_uuid, account)
    await provisioning_links.delete(tx, domain_uuid, device.extension, device.name)


def file(
    opened: provisioning_links.Opened,
    form: PhoneForm | SoftphoneForm,
    secret: str,
    server: SipServer,
    base_url: str,
) -> str:
    """The file of a device, for whoever has the secret of its link."""
    user = endpoint.Endpoint(opened.extension, opened.domain, opened.name).user
    account = phone_files.Account(
        domain=opened.domain,
        user=user,
        display_name=opened.display_name,
        password=provisioning_links.password_of(secret),
        srtp_required=opened.srtp_required,
        mac=opened.mac,
        server=server,
        url=_url(base_url, form, secret).url,
    )
    return phone_files.rendered(form, account)


def _qr(url: str) -> "segno.QRCode":
    import segno  # noqa: PLC0415  commands that show none do not wait for it

    return segno.make_qr(url, error="m")


def _url(base_url: str, form: PhoneForm | SoftphoneForm, secret: str) -> Url:
    """A phone appends its file's name to a URL that ends with a slash."""
    end = "/" if form in phone_files.PHONE_FORMS else ""
    return Url(form, f"{base_url}/{_PATH}/{form}/{secret}{end}")
