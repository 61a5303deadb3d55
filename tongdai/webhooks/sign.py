"""Standard Webhooks 1.0 signatures: they show a receiver that the body comes from here, is
unchanged and recent.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from tongdai import errors, messages

PREFIX = "whsec_"
_SIZES = range(24, 65)  # bytes; Standard Webhooks, "Signature scheme"


def key(secret: str) -> bytes:
    """The bytes of the key. Raises errors.Invalid unless the secret is whsec_ and the base64 of 24
    to 64 bytes.
    """
    try:
        signing = b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        signing = b""
    if not secret.startswith(PREFIX) or len(signing) not in _SIZES:
        raise errors.Invalid(messages.WEBHOOK_SECRET, field="secret")
    return signing


def signature(signing: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """v1, and the base64 of HMAC-SHA256 over id.timestamp.body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(signing, signed, sha256)).decode()


def headers(
    event_uuid: UUID, timestamp: int, body: bytes, keys: Sequence[bytes]
) -> dict[str, str]:
    """The three headers of one attempt at `timestamp` (Unix seconds), with a signature for each
    key.

    While a secret is being replaced there are two keys: receivers accept either.
    """
    message_id = str(event_uuid)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            signature(signing, message_id, timestamp, body) for signing in keys
        ),
    }
