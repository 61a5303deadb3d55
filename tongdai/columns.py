"""Rows of text in columns, as a terminal shows them."""

import unicodedata
from collections.abc import Sequence


def lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, the cells of a column below each other. All rows are as long."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_padded, row, widths)).rstrip() for row in rows]


def printable(text: str) -> str:
    """The text without characters that steer a terminal or begin another line."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """The places that the text takes: two for a wide letter, none for a mark above another."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
