"""The figures of a scenario, printed as Markdown for docs/reliability.md."""

from collections.abc import Sequence

import msgspec

from bench import report


class Figure(msgspec.Struct, frozen=True):
    """One line of the result. `limit` is "" where nothing is promised. `is_timed`: it depends on
    the speed of the machine.
    """

    what: str
    seen: str
    limit: str = ""
    is_kept: bool = True
    is_timed: bool = False


def at_most(what: str, seen: float, limit: float, unit: str = "s") -> Figure:
    """A measured value that must not exceed the limit."""
    return Figure(
        what, f"{seen:.1f} {unit}", f"≤ {limit:g} {unit}", is_kept=seen <= limit, is_timed=True
    )


def none(what: str, found: Sequence[object], *, is_timed: bool = False) -> Figure:
    """Things that must not occur, with the first few that did. `is_timed`: they may occur on a
    slow machine.
    """
    shown = ", ".join(map(str, found[:3]))
    return Figure(
        what, f"{len(found)}: {shown}" if found else "0", "0", is_kept=not found, is_timed=is_timed
    )


def table(title: str, figures: Sequence[Figure]) -> None:
    """Prints the figures."""
    rows = [
        (
            figure.what,
            figure.limit,
            figure.seen,
            ("yes" if figure.is_kept else "**no**") if figure.limit else "",
        )
        for figure in figures
    ]
    report.table(title, ("", "promised", "seen", "kept"), rows)
