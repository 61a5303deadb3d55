"""What a scenario found, as figures; in Markdown, as docs/reliability.md holds them."""

from collections.abc import Sequence

import msgspec

from bench import report


class Figure(msgspec.Struct, frozen=True):
    """One line of the outcome. `limit` is "" where nothing is promised. `is_timed`: it depends on
    the machine.
    """

    what: str
    seen: str
    limit: str = ""
    is_kept: bool = True
    is_timed: bool = False


def at_most(what: str, seen: float, limit: float, unit: str = "s") -> Figure:
    """A measure that must not be more."""
    return Figure(
        what, f"{seen:.1f} {unit}", f"≤ {limit:g} {unit}", is_kept=seen <= limit, is_timed=True
    )


def none(what: str, found: Sequence[object], *, is_timed: bool = False) -> Figure:
    """What must not occur; the first few that did. `is_timed`: a slow machine makes it occur."""
    shown = ", ".join(map(str, found[:3]))
    return Figure(
        what, f"{len(found)}: {shown}" if found else "0", "0", is_kept=not found, is_timed=is_timed
    )


def table(title: str, figures: Sequence[Figure]) -> None:
    """Prints it."""
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
