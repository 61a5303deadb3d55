"""Links to recordings that expire: signed texts in the place of a recording's token, which they do
not reveal.
"""

import base64
import hmac
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

import msgspec

from tongdai.encryption import MasterKey

_UUIDS, _TIME, _SIGNATURE = 32, 5, 17  # bytes; together they need no = in Base64
_LENGTH = (_UUIDS + _TIME + _SIGNATURE) // 3 * 4  # public tokens are shorter


class Link(msgspec.Struct, frozen=True):
    """It plays the main recording of that record of the domain until then."""

    domain_uuid: UUID
    cdr_uuid: UUID
    expires_at: datetime  # UTC, whole seconds


class RecordingLinks:
    """Writes and reads the links of one installation."""

    def __init__(self, master_key: MasterKey) -> None:
        self._key = master_key.derive("recording link")

    def write(self, link: Link) -> str:
        """The link as a text that needs no escapes in a URL."""
        seconds = int(link.expires_at.timestamp())
        body = link.domain_uuid.bytes + link.cdr_uuid.bytes + seconds.to_bytes(_TIME)
        return base64.urlsafe_b64encode(body + self._sign(body)).decode()

    def read(self, text: str) -> Link | None:
        """The link of the text, also one that has expired; None for any text that was not written
        here.
        """
        if len(text) != _LENGTH:
            return None
        try:
            signed = base64.b64decode(text, "-_", validate=True)
        except ValueError:
            return None
        body, signature = signed[:-_SIGNATURE], signed[-_SIGNATURE:]
        if not hmac.compare_digest(signature, self._sign(body)):
            return None
        return Link(
            UUID(bytes=body[:16]),
            UUID(bytes=body[16:_UUIDS]),
            datetime.fromtimestamp(int.from_bytes(body[_UUIDS:]), UTC),
        )

    def _sign(self, body: bytes) -> bytes:
        return blake2b(body, key=self._key, digest_size=_SIGNATURE).digest()
