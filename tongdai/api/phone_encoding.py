"""Telephone numbers that clients encode before they send them (`is_encode`): in Base64, or
encrypted with the key of their domain. It keeps numbers out of logs and histories on the way; what
protects a request is TLS and its token.
"""

import base64

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from tongdai import errors, messages

AES = "aes"
"""The only `encrypt_method`."""


def from_base64(text: str, field: str) -> str:
    """The text of a Base64 or base64url text (RFC 4648), with or without = at its end; a space
    stands for a + that was not escaped in a URL. Raises errors.InvalidPhone.
    """
    bare = text.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode()
    except ValueError as reason:  # binascii.Error and UnicodeDecodeError are such
        raise errors.InvalidPhone(messages.NOT_BASE64, field=field) from reason


def from_aes(text: str, key: bytes, field: str) -> str:
    """The text that AES-256-ECB with PKCS#7 padding made the hexadecimal `text` of, with a key of
    32 bytes. Raises errors.InvalidPhone, for the same reason whatever was wrong.
    """
    # the mode is what clients of this API use; a number is one block, and nothing else is kept so
    cipher = Cipher(algorithms.AES256(key), modes.ECB())  # noqa: S305  # nosec B305
    decryptor, unpadder = cipher.decryptor(), PKCS7(128).unpadder()
    try:
        padded = decryptor.update(bytes.fromhex(text)) + decryptor.finalize()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError as reason:  # UnicodeDecodeError is one
        raise errors.InvalidPhone(messages.NOT_ENCRYPTED, field=field) from reason
