"""Standard Webhooks 1.0 signatures: who receives one knows that the body came from here, unchanged and just now."""

import binascii
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from tongdai import errors

PREFIX = "whsec_"
_SIZE = 32  # bytes of a new secret
_SIZES = range(24, 65)  # bytes; Standard Webhooks, "Signature scheme"


def new_secret() -> str:
    """A subscription's secret: whsec_ and the base64 of 32 random bytes."""
    return PREFIX + b64encode(os.urandom(_SIZE)).decode()


def key(secret: str) -> bytes:
    """The bytes that sign. Raises errors.Invalid unless it is whsec_ and the base64 of 24 to 64 bytes."""
    try:
        signing = b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        signing = b""
    if not secret.startswith(PREFIX) or len(signing) not in _SIZES:
        raise errors.Invalid("expected whsec_ and the base64 of 24 to 64 bytes", field="secret")
    return signing


def headers(event_uuid: UUID, timestamp: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers of one attempt at `timestamp` (Unix seconds): a signature for each key, newest first, so that
    receivers know the body by the new secret or by the one being retired.
    """
    signed = f"{event_uuid}.{timestamp}.".encode() + body
    return {
        "webhook-id": str(event_uuid),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            "v1," + b64encode(hmac.digest(signing, signed, sha256)).decode() for signing in keys
        ),
    }
