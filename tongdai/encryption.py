"""Secrets at rest: encrypted, so that only this installation reads them, or digested, so that they
can be compared and not read.

`cryptography` is imported at the first use: most commands have no secret in their hands.
"""

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

from tongdai import errors, files

_NONCE = 12  # bytes; NIST SP 800-38D §8.2.2, random nonces
SHORTEST = 32  # bytes of a master key


class MasterKey:
    """The one key of an installation, 32 bytes or more; all others are derived from it."""

    def __init__(self, master: bytes) -> None:
        """Raises errors.SetupError for a master key under 32 bytes, wherever it comes from."""
        if len(master) < SHORTEST:
            raise errors.SetupError(
                f"the master key has {len(master)} bytes: {SHORTEST} or more are needed"
            )
        self._master = master
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        self._aead = AESGCM(self.derive("encrypt"))
        self._digest_key = self.derive("digest")

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, by HKDF-SHA256 (RFC 5869); the same for the same master
        key.
        """
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        return HKDF(SHA256(), 32, salt=None, info=b"tongdai/" + purpose.encode()).derive(
            self._master
        )

    def encrypt(self, secret: str) -> bytes:
        """The secret as AES-256-GCM nonce + ciphertext, different each time."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, secret.encode(), None)

    def decrypt(self, encrypted: bytes) -> str:
        """The secret. Raises errors.WrongMasterKey where another master key encrypted it."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        try:
            return self._aead.decrypt(encrypted[:_NONCE], encrypted[_NONCE:], None).decode()
        except InvalidTag as reason:
            raise errors.WrongMasterKey from reason

    def digest(self, secret: str) -> bytes:
        """32 bytes to look a secret up by, of no use without the master key (HMAC-SHA256)."""
        return hmac.digest(self._digest_key, secret.encode(), sha256)


def load(setting: str, path: Path) -> MasterKey:
    """The master key of the setting, else of the file.

    Raises errors.SetupError for a key that cannot be read or is too short.
    """
    if setting:
        return MasterKey(setting.encode())
    try:
        return MasterKey(path.read_bytes().strip())
    except OSError as reason:
        raise errors.SetupError(
            f"the master key {path} cannot be read: {reason.strerror}. Set TONGDAI_DATA or"
            " TONGDAI_SECRET, or start tongdai first."
        ) from reason
    except errors.SetupError as reason:
        raise errors.SetupError(
            f"{reason}. {path} is damaged: put the file of your backup in its place. Only where no"
            " secret was stored yet, remove it: the next start makes a new one."
        ) from reason


def load_or_make(setting: str, path: Path) -> MasterKey:
    """As `load`; a file that is not there is made with a new master key, whole or not at all.

    Raises errors.SetupError, and OSError when the file cannot be written.
    """
    if not setting and not path.exists():
        files.write(path, secrets.token_urlsafe(48))
    return load(setting, path)
