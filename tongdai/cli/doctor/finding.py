"""One finding of the doctor."""

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """`found`: the state. `mend`: how to mend it, "" if it needs no mending."""

    check: str
    state: Literal["ok", "warn", "fail"]
    found: str
    mend: str = ""


def ok(check: str, found: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, "ok", found)


def warn(check: str, found: str, mend: str) -> Finding:
    """It works, but needs attention."""
    return Finding(check, "warn", found, mend)


def fail(check: str, found: str, mend: str) -> Finding:
    """It cannot work like this."""
    return Finding(check, "fail", found, mend)
