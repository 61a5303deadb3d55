"""Local times of filters where clocks are changed: what is shown as within them is."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tongdai.api import filters

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("local", "since", "until"),
    [
        # it was half past two twice
        ("2026-10-25 02:30:00", "2026-10-25T00:30:00Z", "2026-10-25T01:30:01Z"),
        ("2026-03-29 02:30:00", "2026-03-29T00:30:00Z", "2026-03-29T01:30:01Z"),  # and never
        ("2026-07-01 02:30:00", "2026-07-01T00:30:00Z", "2026-07-01T00:30:01Z"),
    ],
)
def test_a_local_time_that_may_mean_two_moments(local: str, since: str, until: str) -> None:
    assert (
        filters._since(local, BERLIN, "start_date").timestamp()
        == datetime.fromisoformat(since).timestamp()
    )
    assert (
        filters._until(local, BERLIN, "end_date").timestamp()
        == datetime.fromisoformat(until).timestamp()
    )
