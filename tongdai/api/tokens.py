"""Access tokens: signed by this installation with one algorithm, valid until they expire or their
API key is rotated (RFC 7515, RFC 7519).
"""

import time
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from tongdai import errors, messages
from tongdai.encryption import MasterKey

_ALGORITHM = "HS256"  # fixed: the algorithm in a token's header is ignored


class Claims(msgspec.Struct, frozen=True):
    """The user, or operator, of a token, its API key with the version, and its expiry (Unix
    time).
    """

    iss: str
    sub: UUID  # user or operator
    dom: UUID | None  # domain; None for an operator of the installation
    iat: int
    exp: int
    key: int = 1  # absent in tokens from before keys had versions
    aku: UUID | None = None  # the API key; None: the user's, or operator's, own
    ext: str = ""  # the extension, of a token for its browser phone alone


class Tokens:
    """Issues and reads the tokens of one installation."""

    def __init__(self, master_key: MasterKey, life_s: int) -> None:
        secret = master_key.derive("token")
        self._key, self._life_s = OctKey.import_key(secret), life_s
        self._issuer = "tongdai:" + sha256(b"issuer" + secret).hexdigest()[:16]
        self._header = {
            "typ": "JWT",
            "alg": _ALGORITHM,
            "kid": sha256(b"kid" + secret).hexdigest()[:16],
        }

    def issue(
        self,
        domain_uuid: UUID | None,
        user_uuid: UUID,
        api_key_version: int,
        *,
        api_key_uuid: UUID | None = None,
        life_s: int | None = None,
        until: datetime | None = None,
        extension: str = "",
    ) -> tuple[str, int]:
        """A token for the user of the domain (None: for an operator) while it has that API key
        (None: its own), and the Unix time at which it expires: after `life_s` seconds, or the
        installation's life, and not after `until`. With `extension` it is one for the
        extension's browser phone alone.
        """
        now = int(time.time())
        expires = now + (life_s or self._life_s)
        claims = Claims(
            self._issued_by(extension),
            user_uuid,
            domain_uuid,
            now,
            expires if until is None else min(expires, int(until.timestamp())),
            api_key_version,
            api_key_uuid,
            extension,
        )
        return jwt.encode(
            self._header, msgspec.to_builtins(claims), self._key, [_ALGORITHM]
        ), claims.exp

    def read(self, token: str) -> Claims:
        """The claims of a token of ours. Raises errors.NotAuthenticated when it is not ours, or
        has expired.
        """
        try:
            decoded = jwt.decode(token, self._key, [_ALGORITHM])
            claims = msgspec.convert(decoded.claims, Claims)
        except (JoseError, ValueError, msgspec.ValidationError) as reason:
            raise errors.NotAuthenticated(messages.TOKEN_INVALID) from reason
        is_ours = decoded.header.get("kid") == self._header["kid"]
        if not is_ours or claims.iss != self._issued_by(claims.ext):
            raise errors.NotAuthenticated(messages.TOKEN_INVALID)
        if claims.exp <= time.time():
            raise errors.NotAuthenticated(messages.TOKEN_EXPIRED)
        return claims

    def _issued_by(self, extension: str) -> str:
        """Tokens of phones have another issuer: a version that does not know them refuses them."""
        return f"{self._issuer}/phone" if extension else self._issuer
