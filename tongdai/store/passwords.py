"""Passwords of people: stored as argon2id hashes, compared at the same cost for unknown users."""

import asyncio
import secrets
import unicodedata

import argon2

from tongdai.store import checks

# OWASP Password Storage: argon2id, m = 19 MiB, t = 2, p = 1
HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# The hash of a random password that is not stored: an unknown user costs the same time as a
# wrong password.
_UNKNOWN = (
    "$argon2id$v=19$m=19456,t=2,p=1$hN5q2JyMwnWn1fw4Cz6X3w"
    "$/vPGYgododk6ZZkC7Pt667aAT8K27IjWjty6bwewLyg"
)


def generated() -> str:
    """A new random password of 16 letters, digits, - and _."""
    return secrets.token_urlsafe(12)


async def hashed(password: str) -> str:
    """The password as it is stored. Raises errors.Invalid for one that is too short or too
    long.
    """
    return await asyncio.to_thread(HASHER.hash, _normal(checks.password(password)))


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether the hash is of that password. None stands for an unknown user."""
    return await asyncio.to_thread(compare, password_hash or _UNKNOWN, password)


def compare(password_hash: str, password: str) -> bool:
    """As `matches`, in this thread: it takes 20 ms."""
    try:
        return HASHER.verify(password_hash, _normal(password))
    except argon2.exceptions.VerificationError:
        return False


def _normal(password: str) -> str:
    """The password in Unicode NFC: keyboards compose the same Vietnamese letter in different ways
    (NIST SP 800-63B §3.1.1.2).
    """
    return unicodedata.normalize("NFC", password)
