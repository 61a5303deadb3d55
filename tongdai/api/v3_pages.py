"""Lists of version 3: `{data, limit, offset, total}`, a part of the list or all of it."""

from typing import Annotated, TypeAlias

from msgspec import Meta

from tongdai import errors, messages

MOST = 10_000
"""Rows of one answer."""
_FARTHEST = 10**12


def _limit(text: str, field: str) -> int:
    """The number of rows that are wanted; 0 and less mean all."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise errors.Invalid(messages.INTEGER_NEEDED, field=field)
    return 0 if text.startswith("-") else min(int(digits[:12]), MOST)


Limit: TypeAlias = Annotated[
    int,
    Meta(
        description=f"Rows. Absent, 0 or less: all of them, at most {MOST}.",
        extra={"read": _limit},
    ),
]
Offset: TypeAlias = Annotated[
    int | None,
    Meta(
        ge=0,
        le=_FARTHEST,
        description="Rows to pass over, instead of page; it is the stronger.",
    ),
]
Page: TypeAlias = Annotated[int | None, Meta(ge=1, le=_FARTHEST // MOST, description="From 1.")]


def part(limit: int, offset: int | None, page: int | None) -> tuple[int, int]:
    """The rows to pass over, and the most to show."""
    most = limit or MOST
    return (((page or 1) - 1) * most if offset is None else offset), most
