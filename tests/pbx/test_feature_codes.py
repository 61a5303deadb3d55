"""The feature codes: what is dialled, and which codes cannot stand beside each other."""

import pytest

from tests.pbx import company
from tongdai.pbx import feature_codes, pickup
from tongdai.pbx.feature_codes import Dialled


def test_no_two_default_codes_clash() -> None:
    assert feature_codes.clashing(()) is None


@pytest.mark.parametrize(
    ("number", "means"),
    [
        ("*8", Dialled("pickup", "")),
        ("*8101", Dialled("pickup", "101")),
        ("*72102", Dialled("forward_always", "102")),
        ("*72+84907654321", Dialled("forward_always", "+84907654321")),
        ("*72", None),
        ("*73", Dialled("forward_always_off", "")),
        ("*731", None),
        ("*281", Dialled("hours_open", "")),
        ("*99", None),
        ("8101", None),
    ],
)
def test_what_is_dialled(number: str, means: Dialled | None) -> None:
    assert feature_codes.dialled(number, ()) == means


@pytest.mark.parametrize(
    ("own", "clash"),
    [
        ("pickup=*72", ("pickup", "forward_always")),
        ("pickup=*7", ("pickup", "forward_always")),
        ("do_not_disturb=*79", ("do_not_disturb", "do_not_disturb_off")),
    ],
)
def test_codes_that_cannot_be_told_apart(own: str, clash: tuple[str, str]) -> None:
    assert feature_codes.clashing([own]) == clash
    assert feature_codes.clashing(["pickup=", "do_not_disturb=*60"]) is None


def test_colleagues_share_a_group_or_queue() -> None:
    context = company.context()
    for given in (
        "group 600 members=101,102",
        "queue 700 agents=102,103",
        "group 601 members=104",
    ):
        context = company.given(context, given)
    assert pickup.colleagues("102", context.directory) == {"101", "102", "103"}
    assert pickup.colleagues("105", context.directory) == set()
