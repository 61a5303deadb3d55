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
        (127, 487, True, ("NO-ANSWERED", "NO_ANSWER", 19)),
        (18, 408, True, ("NO-ANSWERED", "NO_ANSWER", 19)),
        (26, 487, True, ("NO-ANSWERED", "NO_ANSWER", 19)),
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
    assert found.sip_status == sip_status


@pytest.mark.parametrize(
    ("cause", "sip_status", "status", "name"),
    [
        (21, 401, "CONGESTION", "CALL_REJECTED"),
        (21, 403, "CONGESTION", "CALL_REJECTED"),
        (21, 407, "CONGESTION", "CALL_REJECTED"),
        (18, 408, "CONGESTION", "NO_USER_RESPONSE"),
        (19, 483, "CONGESTION", "NO_ANSWER"),
        (38, 500, "CONGESTION", "NETWORK_OUT_OF_ORDER"),
        (29, 501, "CONGESTION", "FACILITY_REJECTED"),
        (27, 502, "CONGESTION", "DESTINATION_OUT_OF_ORDER"),
        (34, 503, "CONGESTION", "NORMAL_CIRCUIT_CONGESTION"),
        (102, 504, "CONGESTION", "RECOVERY_ON_TIMER_EXPIRE"),
        (1, 404, "INVALID", "UNALLOCATED_NUMBER"),
        (17, 486, "BUSY", "USER_BUSY"),
        (21, 603, "BUSY", "CALL_REJECTED"),
        (19, 480, "NOT-AVAILABLE", "SUBSCRIBER_ABSENT"),
    ],
)
def test_what_a_carrier_refuses_is_its_trouble(
    cause: int, sip_status: int, status: str, name: str
) -> None:
    found = causes.failure(cause, sip_status, rang=False, is_trunk=True)
    assert (found.status, found.cause, found.sip_status) == (status, name, sip_status)
    assert causes.hangup_reason(found) != "rejected" or sip_status == 603


def answered(cause: int, sip_status: int = 0, *, is_trunk: bool = True) -> int:
    """What the caller gets for a party's end: ours, else Asterisk's own for the cause."""
    release = causes.failure(cause, sip_status, rang=True, is_trunk=is_trunk)
    return causes.response(release) or causes._SWITCHED[release.q850]


@pytest.mark.parametrize(
    ("cause", "sip_status", "sent"),
    [
        *((21, 603, 603), (16, 607, 603), (17, 486, 486), (17, 600, 600), (1, 604, 604)),
        *((1, 404, 404), (22, 410, 410), (28, 484, 484), (1, 485, 485), (19, 480, 480)),
        *((21, 403, 403), (21, 401, 503), (21, 407, 503), (127, 402, 503)),
        *((38, 500, 503), (127, 505, 503), (102, 504, 504), (34, 503, 503), (27, 502, 502)),
        *((18, 408, 408), (127, 487, 480), (127, 482, 503)),
    ],
)
def test_the_caller_gets_the_status_that_was_sent(cause: int, sip_status: int, sent: int) -> None:
    assert answered(cause, sip_status) == sent


@given(st.integers(1, 127), st.just(0) | st.integers(400, 699), st.booleans())
def test_603_and_500_are_never_made_up(cause: int, sip_status: int, is_trunk: bool) -> None:
    """603 is for a person who declined (RFC 3398), 500 for a fault of ours."""
    sent = answered(cause, sip_status, is_trunk=is_trunk)
    assert 400 <= sent < 700
    assert sent not in (401, 407, 487)
    assert sent != 603 or sip_status in (603, 607, 608) or (cause == 21 and not sip_status)
    assert sent != 500 or (cause == 41 and not sip_status)


@pytest.mark.parametrize(
    ("release", "sent"),
    [
        (causes.FAILED, 500),
        (causes.BARRED, 403),
        (causes.UNREACHABLE, 503),
        (causes.CONGESTED, 0),  # Asterisk makes 503 of it
        (causes.OVERLOADED, 0),
        (causes.UNALLOCATED, 0),
        (causes.BUSY, 0),
        (causes.NO_ANSWER, 0),
        (causes.ABSENT, 0),
    ],
)
def test_what_we_refuse(release: ReleaseCause, sent: int) -> None:
    assert causes.response(release) == sent


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
