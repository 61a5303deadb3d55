"""The promises of a scenario of the chaos suite."""

from collections.abc import Sequence

from chaos.report import Figure


def kept(figures: Sequence[Figure]) -> None:
    """Every promise was kept, except for those that depend on the speed of the machine."""
    broken = [figure for figure in figures if not figure.is_kept and not figure.is_timed]
    assert not broken, figures
