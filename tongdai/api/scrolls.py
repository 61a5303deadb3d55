"""scroll_id: the position in a list as a signed text that only its own domain can use and that
never expires.
"""

import base64
import hmac
from hashlib import blake2b
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.encryption import MasterKey
from tongdai.store import cdr_filter

_SIGNATURE = 16  # bytes of keyed BLAKE2b (RFC 7693 §2.9): a third of HMAC's time here


class Scroll(msgspec.Struct, frozen=True, array_like=True):
    """The filter of a list, the number of records at a time, and the record to continue after."""

    wanted: cdr_filter.Filter
    limit: int
    after: cdr_filter.Position


class Scrolls:
    """Writes and reads the scroll_ids of one installation."""

    def __init__(self, master_key: MasterKey) -> None:
        self._key = master_key.derive("scroll")

    def write(self, domain_uuid: UUID, scroll: Scroll) -> str:
        """The scroll as a text that needs no escapes in a URL, except for = at its end."""
        body = msgspec.msgpack.encode(scroll)
        return base64.urlsafe_b64encode(self._sign(domain_uuid, body) + body).decode()

    def read(self, domain_uuid: UUID, text: str) -> Scroll:
        """The scroll of the text. Raises errors.Invalid for any text that was not written for this
        domain.
        """
        try:
            bare = text.rstrip("=")
            signed = base64.b64decode(bare + "=" * (-len(bare) % 4), "-_", validate=True)
            signature, body = signed[:_SIGNATURE], signed[_SIGNATURE:]
            if hmac.compare_digest(signature, self._sign(domain_uuid, body)):
                return msgspec.msgpack.decode(body, type=Scroll)
        except (ValueError, msgspec.DecodeError) as reason:  # also a text of another version
            raise errors.Invalid(messages.NOT_OUR_SCROLL, field="scroll_id") from reason
        raise errors.Invalid(messages.NOT_OUR_SCROLL, field="scroll_id")

    def _sign(self, domain_uuid: UUID, body: bytes) -> bytes:
        return blake2b(domain_uuid.bytes + body, key=self._key, digest_size=_SIGNATURE).digest()
