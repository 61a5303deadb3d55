"""Release causes: causes of the switch in the reference's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongdai.pbx import causes
from tongdai.pbx.causes import ReleaseCause


@pytest.mark.parametrize(
    ("cause", "sip_status", "rang", "ending"),
    [
        (17, 486, False, ("BUSY", "USER_BUSY", 17)),
        (17, 600, True, ("BUSY", "USER_BUSY", 17)),
        (21, 603, True, ("BUSY", "CALL_REJECTED", 21)),
        (16, 607, True, ("BUSY", "CALL_REJECTED", 21)),
        (127, 608, False, ("BUSY", "CALL_REJECTED", 21)),
        (21, 403, False, ("BUSY", "CALL_REJECTED", 21)),
        (19, 480, False, ("NOT-AVAILABLE", "SUBSCRIBER_ABSENT", 20)),
        (19, 480, True, ("NO-ANSWERED", "NO_ANSWER", 19)),
        (0, 0, True, ("NO-ANSWERED", "NO_ANSWER", 19)),
        (0, 0, False, ("NOT-AVAILABLE", "SUBSCRIBER_ABSENT", 20)),
        (18, 408, False, ("NOT-AVAILABLE", "NO_USER_RESPONSE", 18)),
        (1, 404, False, ("INVALID", "UNALLOCATED_NUMBER", 1)),
        (28, 484, False, ("INVALID", "INVALID_NUMBER_FORMAT", 28)),
        (34, 503, False, ("CONGESTION", "NORMAL_CIRCUIT_CONGESTION", 34)),
        (41, 0, True, ("CONGESTION", "NORMAL_TEMPORARY_FAILURE", 41)),
        (20, 0, False, ("NOT-AVAILABLE", "SUBSCRIBER_ABSENT", 20)),
        (99, 0, False, ("NOT-AVAILABLE", "NORMAL_UNSPECIFIED", 31)),
    ],
)
def test_why_a_party_did_not_answer(
    cause: int, sip_status: int, *, rang: bool, ending: tuple[str, str, int]
) -> None:
    found = causes.failure(cause, sip_status, rang=rang)
    assert (found.status, found.cause, found.q850) == ending


@given(st.integers(0, 200), st.integers(0, 699), st.booleans())
def test_every_cause_has_a_documented_status(cause: int, sip_status: int, rang: bool) -> None:
    ending = causes.failure(cause, sip_status, rang=rang)
    assert ending.status in set(causes.STATUSES) - {"ANSWERED", "CANCEL"}
    assert 0 < ending.q850 < 128


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        ([causes.BUSY, causes.NO_ANSWER], causes.NO_ANSWER),
        ([causes.ABSENT, causes.BUSY], causes.BUSY),
        ([causes.FAILED, causes.ABSENT], causes.ABSENT),
        ([causes.UNALLOCATED, causes.FAILED], causes.FAILED),
        ([causes.UNALLOCATED], causes.UNALLOCATED),
        ([causes.ANSWERED, causes.CANCELLED], causes.ABSENT),
        ([], causes.ABSENT),
    ],
)
def test_the_most_significant_of_several(
    releases: list[ReleaseCause], expected: ReleaseCause
) -> None:
    assert causes.most_significant(releases) == expected
    assert causes.most_significant(releases[::-1]) == expected
