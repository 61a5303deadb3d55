"""A test call of a trunk: the trunk and number chosen, and what the carrier's answer means."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.pbx.company import CARRIER, COMPANY
from tongdai import errors, ids
from tongdai.pbx import trunk_trials
from tongdai.pbx.commands import TryTrunk
from tongdai.pbx.directory import Directory, Hotline, Trunk
from tongdai.pbx.trunk_trials import Course


def plan(directory: Directory = COMPANY, **asked: Any) -> trunk_trials.TrialCall:
    return trunk_trials.plan(
        TryTrunk(**{"trunk": "carrier", "number": "0899888999"} | asked), directory
    )[1]


def test_the_number_is_dialled_as_the_carrier_wants_it() -> None:
    assert plan() == trunk_trials.TrialCall(
        trunk=str(CARRIER), number="0899888999", caller="19001919", ring_s=30, talk_s=0
    )
    e164 = replace(COMPANY.trunks[CARRIER], number_format="e164")
    assert plan(replace(COMPANY, trunks={CARRIER: e164})).number == "+84899888999"
    assert plan(trunk=str(CARRIER), ring_s=5, talk_s=3).ring_s == 5


def test_the_hotline_presented_is_the_trunks_own() -> None:
    other = ids.new()
    trunks = {**COMPANY.trunks, other: Trunk(other, "second")}
    hotlines = {**COMPANY.hotlines, "02873001234": Hotline("02873001234", "02873001234", other)}
    company = replace(COMPANY, trunks=trunks, hotlines=hotlines)
    assert plan(company, trunk="second").caller == "02873001234"
    assert plan(company, trunk="second", hotline="19001919").caller == "19001919"
    assert plan(replace(COMPANY, hotlines={})).caller == ""


@pytest.mark.parametrize(
    ("asked", "error", "field"),
    [
        ({"trunk": "none"}, errors.NotFound, ""),
        ({"number": "nobody"}, errors.InvalidPhone, "number"),
        ({"number": "113"}, errors.InvalidPhone, "number"),
        ({"hotline": "0900"}, errors.Invalid, "hotline"),
    ],
)
def test_what_cannot_be_tried_is_refused(
    asked: dict[str, Any], error: type[errors.TongdaiError], field: str
) -> None:
    with pytest.raises(error) as refused:
        plan(**asked)
    assert refused.value.field == field


def test_a_trunk_that_is_off_or_has_a_name_of_others_is_refused() -> None:
    disabled = {CARRIER: replace(COMPANY.trunks[CARRIER], enabled=False)}
    other = ids.new()
    twice = {**COMPANY.trunks, other: Trunk(other, "carrier")}
    for trunks in (disabled, twice):
        with pytest.raises(errors.Conflict):
            plan(replace(COMPANY, trunks=trunks))
    assert plan(replace(COMPANY, trunks=twice), trunk=str(other)).trunk == str(other)


@pytest.mark.parametrize(
    ("course", "result", "cause"),
    [
        (Course(rang_after_ms=90, answered_after_ms=900, q850=16), "answered", "NORMAL_CLEARING"),
        (Course(rang_after_ms=90, sip_status=486, q850=17), "refused", "USER_BUSY"),
        (Course(sip_status=403, q850=21), "refused", "CALL_REJECTED"),
        (Course(sip_status=404, q850=1), "refused", "UNALLOCATED_NUMBER"),
        (
            Course(rang_after_ms=90, sip_status=500, q850=38, ended_after_ms=30_010),
            *("no_answer", "NO_ANSWER"),
        ),
        (Course(rang_after_ms=90), "no_answer", "NO_ANSWER"),
        (Course(), "no_response", "SUBSCRIBER_ABSENT"),
    ],
)
def test_the_answer_is_judged(course: Course, result: str, cause: str) -> None:
    trunk, call = trunk_trials.plan(TryTrunk(trunk="carrier", number="0899888999"), COMPANY)
    trial = trunk_trials.judged(trunk, call, course)
    assert (trial.result, trial.cause, trial.trunk) == (result, cause, "carrier")
