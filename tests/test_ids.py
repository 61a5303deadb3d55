"""Ids hold the time: they sort by it, name their month, and are computed again the same."""

import time
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongdai import ids

EARLIEST, LATEST = datetime(1970, 1, 1), datetime(9998, 12, 31)  # noqa: DTZ001 as hypothesis wants them
moments = st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC))
MS = timedelta(milliseconds=1)


def test_a_new_id_is_a_version_7_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = ids.new()
    after = time.time_ns() // 1_000_000

    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= after
    assert len({ids.new() for _ in range(1000)}) == 1000


@given(moments)
def test_an_id_holds_its_moment_to_the_millisecond(at: datetime) -> None:
    found = ids.time_of(ids.new(at))
    assert found is not None
    assert timedelta() <= at - found < MS


@given(moments, moments)
def test_ids_sort_by_their_moments(one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))
    if second - first >= MS:
        assert ids.new(first) < ids.new(second)
    assert ids.lowest(first) <= ids.new(first)
    assert ids.lowest(first + MS) > ids.new(first)


@given(moments)
def test_ids_of_a_millisecond_are_between_its_bounds(at: datetime) -> None:
    made = ids.new(at)
    first, last = ids.millisecond(made)
    assert ids.millisecond(ids.derived(made, "PJSIP/101")) == (first, last)
    assert first == ids.lowest(at)
    assert first <= made <= last < ids.lowest(at + MS)


@given(moments, st.text())
def test_a_derived_id_is_the_same_again_and_holds_its_parents_time(
    at: datetime, name: str
) -> None:
    parent = ids.new(at)
    made = ids.derived(parent, name)

    assert made == ids.derived(parent, name)
    assert ids.time_of(made) == ids.time_of(parent)
    assert made not in (parent, ids.derived(parent, name + "x"), ids.derived(ids.new(at), name))


def test_an_id_that_a_release_made_is_made_by_the_next_one_too() -> None:
    """Webhook-ids and leg ids are computed again after a restart, so the way may never change."""
    parent = UUID("019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4051")
    assert str(ids.derived(parent, "hangup:")) == "019a2b3c-4d5e-75af-9a69-51124bf5abc8"


@pytest.mark.parametrize(
    "without",
    [
        uuid4(),
        uuid5(uuid4(), "a"),
        UUID(int=0),
        UUID("982d33eb-cafe-835f-ad09-ae9e087f2d31"),  # version 8
        UUID("ffffffff-ffff-7fff-bfff-ffffffffffff"),  # version 7 of the year 10889
    ],
)
def test_an_id_without_a_time_is_derived_from_without_one(without: UUID) -> None:
    assert ids.time_of(without) is None
    assert ids.derived(without, "a") == ids.derived(without, "a")
