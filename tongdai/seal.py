"""Secrets at rest: sealed so that only this installation reads them, or digested so that nobody
does.
"""

import hmac
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tongdai import errors

_NONCE = 12  # bytes; NIST SP 800-38D §8.2.2, random nonces


class Seal:
    """All secrets of one installation, derived from its one master key (32 bytes or more)."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._aead = AESGCM(self.key("seal"))
        self._digest_key = self.key("digest")

    def key(self, purpose: str) -> bytes:
        """32 bytes for one purpose, by HKDF-SHA256 (RFC 5869); the same for the same master
        key.
        """
        return HKDF(SHA256(), 32, salt=None, info=b"tongdai/" + purpose.encode()).derive(
            self._master
        )

    def seal(self, secret: str) -> bytes:
        """The secret as AES-256-GCM nonce + ciphertext, different each time."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, secret.encode(), None)

    def open(self, sealed: bytes) -> str:
        """The secret again. Raises errors.WrongMasterKey when it was sealed under another master
        key.
        """
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], None).decode()
        except InvalidTag as reason:
            raise errors.WrongMasterKey from reason

    def digest(self, secret: str) -> bytes:
        """32 bytes to look a secret up by, of no use without the master key (HMAC-SHA256)."""
        return hmac.digest(self._digest_key, secret.encode(), sha256)
