"""Outstanding events of a call, compared with the channels of the switch."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from testbed.samples import call
from tongdai import ids
from tongdai.pbx import outstanding
from tongdai.pbx.call import Call, Ended
from tongdai.pbx.causes import ANSWERED
from tongdai.pbx.directory import Domain
from tongdai.pbx.outstanding import Fault

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOMAIN = Domain(ids.new(), "a.vn")


def ago(seconds: float, **changes: Any) -> Call:
    return call(DOMAIN, NOW - timedelta(seconds=seconds), **changes)


@pytest.mark.parametrize(
    ("running", "why"),
    [({"1", "2"}, None), ({"1", "2", "3"}, None), ({"1"}, Fault.GONE), (set(), Fault.GONE)],
)
def test_channels_that_the_switch_has_no_more(running: set[str], why: Fault | None) -> None:
    assert outstanding.fault(ago(60), running, NOW) == why


def test_legs_that_have_ended_are_not_missed() -> None:
    talking = ago(60)
    first, second = talking.legs
    left = replace(talking, legs=(first, replace(second, ended_at=NOW)))
    assert outstanding.fault(left, {"1"}, NOW) is None
    assert (
        outstanding.fault(
            replace(talking, legs=(replace(first, ended_at=NOW), left.legs[1])), {"1"}, NOW
        )
        is Fault.GONE
    )


@pytest.mark.parametrize(
    ("seconds", "why"), [(14_400, None), (14_700, None), (14_701, Fault.STUCK)]
)
def test_longer_than_any_call_may_last(seconds: int, why: Fault | None) -> None:
    assert outstanding.fault(ago(seconds), {"1", "2"}, NOW) == why


@pytest.mark.parametrize(("seconds", "why"), [(14_700, None), (14_701, Fault.STUCK)])
def test_a_talk_whose_caller_was_replaced_ends_too(seconds: int, why: Fault | None) -> None:
    """Asterisk's own limit went with the channel that ran Dial()."""
    talking = ago(2 * seconds)
    caller, callee = talking.legs
    left = replace(caller, ended_at=NOW - timedelta(seconds=seconds))
    other = replace(caller, channel="3", connected_at=NOW - timedelta(seconds=seconds))
    replaced = replace(talking, legs=(left, callee, other))
    assert outstanding.fault(replaced, {"2", "3"}, NOW) == why


def test_who_was_sent_on_may_talk_as_long_again() -> None:
    assert (
        outstanding.fault(ago(20_000, returned_at=NOW - timedelta(seconds=9_000)), {"1", "2"}, NOW)
        is None
    )


@pytest.mark.parametrize(("seconds", "why"), [(50, None), (170, None), (171, Fault.UNFINISHED)])
def test_a_recording_may_take_two_minutes_to_be_kept(seconds: int, why: Fault | None) -> None:
    assert outstanding.fault(ago(seconds, course=Ended(release=ANSWERED)), set(), NOW) == why


def test_what_is_still_to_be_told() -> None:
    assert outstanding.events(ago(60, course=Ended(release=ANSWERED))) == ("cdr",)
    assert outstanding.events(ago(60)) == ("hangup", "cdr")
    assert outstanding.events(ago(60, answered_at=None)) == ("hangup", "missed", "cdr")
    assert outstanding.events(ago(60, answered_at=None, direction="local")) == ("hangup", "cdr")


def test_a_hangup_is_outstanding_for_each_extension_that_rang() -> None:
    first, second = ago(60).legs
    rang = replace(second, leg_uuid=ids.new(), published=("ringing", "hangup"))
    over = ago(60, legs=(first, rang), answered_at=None)
    assert outstanding.events(over) == ("missed", "cdr")
    rings = replace(rang, channel="3", leg_uuid=ids.new(), published=("ringing",))
    assert outstanding.events(replace(over, legs=(*over.legs, rings)))[0] == "hangup"
