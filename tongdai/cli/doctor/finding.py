"""What the doctor says of one thing."""

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """`found` is so; `mend` is what to do about it, "" where nothing is to be done."""

    check: str
    state: Literal["ok", "warn", "fail"]
    found: str
    mend: str = ""


def ok(check: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(check, "ok", found)


def warn(check: str, found: str, mend: str) -> Finding:
    """It works, or would, but somebody should look at it."""
    return Finding(check, "warn", found, mend)


def fail(check: str, found: str, mend: str) -> Finding:
    """It cannot work like this."""
    return Finding(check, "fail", found, mend)
