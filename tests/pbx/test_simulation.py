"""The route simulator: the steps, what lasts how long, and every limit that may stop a call."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from tests.pbx import company
from tongdai.pbx import simulation
from tongdai.pbx.barring import BarReason, Usage
from tongdai.pbx.directory import Caller
from tongdai.pbx.explanation import Limit
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.simulation import Question, Route
from tongdai.store import dialables

CUSTOMER, HOTLINE = "0899888999", "19001919"
NOW = company.context().now


def house(*given: str) -> RoutingContext:
    context = company.context()
    for text in given:
        context = company.given(context, text)
    return context


def route(
    caller: str, dialled: str, context: RoutingContext, phones: dict[str, int] | None = None
) -> Route:
    return simulation.simulate(Question(caller, dialled), context, phones or {})


def lines(found: Route) -> list[str]:
    """A line a step: from when, what, who, for how long."""
    told = []
    for step in found.steps:
        who = ",".join(step.extensions) or step.number
        lasts = f"{step.lasts_s}s" if step.lasts_s else ""
        told.append(" ".join(filter(None, [str(step.after_s), step.kind, who, lasts])))
    return told


def end(found: Route) -> tuple[str, str, int, str]:
    assert found.end
    return found.end.status, found.end.cause, found.end.sip_status, found.end.limit


def test_a_customer_calls_a_hotline_that_leads_to_an_extension() -> None:
    found = route(CUSTOMER, HOTLINE, house())

    assert lines(found) == ["0 arrives", "0 rings 101 30s", "30 ends"]
    assert end(found) == ("NO-ANSWERED", "NO_ANSWER", 480, "")
    assert found.direction == "inbound"
    assert found.steps[1].presented == CUSTOMER
    assert found.steps[0].why.en == (
        "0899888999 calls hotline 19001919, which leads to extension 101"
    )
    assert found.steps[0].why.vi == ("0899888999 gọi đầu số 19001919, dẫn tới máy nhánh 101")


def test_a_hotline_that_is_closed_at_that_time() -> None:
    given = (
        "hours office weekly=mon-fri_08:00-12:00",
        "hotline hours=office closed_destination=102",
    )
    context = house(*given)
    found = route(CUSTOMER, HOTLINE, context)  # Monday 12:00
    assert lines(found) == ["0 arrives", "0 rings 102 30s", "30 ends"]
    assert found.steps[0].why.en == (
        "0899888999 calls hotline 19001919, which is closed by the hours plan office, and leads "
        "to extension 102"
    )
    before = route(CUSTOMER, HOTLINE, replace(context, now=NOW - timedelta(minutes=1)))
    assert lines(before)[1] == "0 rings 101 30s"
    inside = route("103", HOTLINE, context).steps
    assert inside[0].why.en.endswith("closed by the hours plan office")
    assert inside[1].extensions == ("102",)


def test_an_extension_that_forwards_and_one_that_is_not_disturbed() -> None:
    house_ = house(
        "extension 101 forward_no_answer=102",
        "extension 102 forward_always=0907654321",
        "extension 103 do_not_disturb=true",
        "group 600 members=103,104",
    )
    found = route(CUSTOMER, HOTLINE, house_)
    assert lines(found) == [
        "0 arrives",
        "0 rings 101 30s",
        "30 goes_on",
        "30 goes_on",
        "30 rings 0907654321 90s",
        "120 ends",
    ]
    assert [step.why.en for step in found.steps[2:4]] == [
        "extension 101 forwards its calls (no answer) to extension 102",
        "extension 102 forwards its calls (always) to the number 0907654321 outside",
    ]
    (passed,) = [step for step in route("105", "600", house_).steps if step.kind == "passed_over"]
    assert (passed.extensions, passed.why.en) == (("103",), "it is not to be disturbed")
    assert end(route("105", "103", house_)) == ("BUSY", "USER_BUSY", 486, "")


def test_feature_codes() -> None:
    found = route("101", "*72102", house())
    assert lines(found) == ["0 arrives", "0 ends"]
    assert end(found) == ("ANSWERED", "NORMAL_CLEARING", 0, "")
    assert [step.why.en for step in found.steps] == [
        "101 dials *72102: Forward all calls.",
        "Forward all calls.",
    ]
    barred = route("101", "*7200442079460000", house())
    assert end(barred) == ("INVALID", "OUTGOING_CALL_BARRED", 403, "destination")
    assert end(route("101", "*8102", house())) == ("NOT-AVAILABLE", "SUBSCRIBER_ABSENT", 480, "")


def test_a_caller_who_is_blocked_or_has_an_agent() -> None:
    blocked = route(CUSTOMER, HOTLINE, house("caller 0899* answer=unallocated"))
    assert lines(blocked) == ["0 arrives", "0 ends"]
    assert end(blocked) == ("INVALID", "UNALLOCATED_NUMBER", 404, "")
    assert [step.why.en for step in blocked.steps] == [
        "0899888999 calls hotline 19001919, and is blocked there by 0899*",
        "the caller is blocked",
    ]
    own = Caller("84899888999", "route", "102")
    found = route(CUSTOMER, HOTLINE, replace(house("caller 0899*"), caller=own))
    assert lines(found) == [
        "0 arrives",
        "0 rings 102 30s",
        "30 goes_on",
        "30 rings 101 30s",
        "60 ends",
    ]
    assert found.steps[0].why.en.endswith("has a destination of its own: extension 102")
    assert found.steps[2].why.en == "nobody answers: overflow to extension 101"
    inside = route("103", HOTLINE, house("caller *"))
    assert lines(inside)[1] == "0 rings 101 30s", "an extension is no caller from outside"


def test_a_closed_hotline_that_leads_nowhere_or_outside() -> None:
    closed = "hours office override=closed"
    nowhere = route(CUSTOMER, HOTLINE, house(closed, "hotline hours=office"))
    assert lines(nowhere) == ["0 arrives", "0 ends"]
    assert end(nowhere) == ("NOT-AVAILABLE", "SUBSCRIBER_ABSENT", 480, "")
    assert nowhere.steps[1].why.en == "the hotline is closed at this time"
    given = "hotline hours=office closed_destination=0907654321"
    outside = route(CUSTOMER, HOTLINE, house(closed, given))
    assert lines(outside) == ["0 arrives", "0 rings 0907654321 90s", "90 ends"]
    assert outside.steps[0].why.en.endswith("and leads to the number 0907654321 outside")
    barred = route(
        CUSTOMER, HOTLINE, house(closed, "hotline hours=office closed_destination=+12025550123")
    )
    assert end(barred) == ("INVALID", "OUTGOING_CALL_BARRED", 403, "destination")


NUMBERS: dict[str, tuple[str, str]] = {
    "extension": ("extension 101 name=Mai", "101"),
    "ring_group": ("group 600 members=101,102", "600"),
    "queue": ("queue 700 agents=101,102", "700"),
    "menu": ("menu 800 keys=1=101", "800"),
}


def test_every_kind_of_internal_number_has_a_way() -> None:
    assert NUMBERS.keys() == {*get_args(dialables.Kind)}
    for kind, (given, number) in NUMBERS.items():
        found = route(CUSTOMER, HOTLINE, house(given, f"hotline destination={number}"))
        assert kind.replace("_", " ") in found.steps[0].why.en
        assert found.end, kind


def test_a_menu_is_heard_again_then_its_overflow_rings() -> None:
    context = house(
        "prompt chao",
        "menu 800 prompt=chao keys=1=102,*=800 direct_dialling=true timeout_s=4 retries=1 "
        "overflow=850",
        "menu 850 prompt=chao overflow=101",
        "hotline destination=800",
    )
    found = route(CUSTOMER, HOTLINE, context)

    assert lines(found) == [
        *("0 arrives", "0 hears 6s", "6 hears 6s", "12 goes_on", "12 hears 2s"),
        *("14 goes_on", "14 rings 101 30s", "44 ends"),
    ]
    assert found.steps[1].why.en == (
        "hears menu 800 and may press 1, *, the number of an extension"
    )
    assert [found.steps[place].why.en for place in (3, 4, 5)] == [
        "presses nothing: on to menu 850",
        "hears announcement 850",
        "then on to extension 101",
    ]


def test_every_limit_on_calls_out_has_its_name_here() -> None:
    assert {*map(str, BarReason)} <= {*map(str, Limit)}


def test_a_group_in_turn_its_overflow_and_who_is_passed_over() -> None:
    context = house(
        "hotline destination=600",
        "group 600 strategy=sequential members=101,102,103,104 ring_timeout_s=20 timeout_s=50 "
        "overflow=700",
        "queue 700 agents=104,105 timeout_s=60 ring_timeout_s=15",
        "extension 102 enabled=false",
        "talks 103=2",
    )
    found = route(CUSTOMER, HOTLINE, context, {"105@example.vn": 0})

    assert lines(found) == [
        "0 arrives",
        "0 passed_over 102",
        "0 passed_over 103",
        "0 rings 101 20s",
        "20 rings 104 20s",
        "40 goes_on",
        "40 passed_over 105",
        "40 waits 60s",
        "40 rings 104 15s",
        "100 ends",
    ]
    reasons = {step.extensions: step.why.en for step in found.steps if step.extensions}
    assert reasons["102",] == "the extension is disabled"
    assert reasons["103",] == "on 2 of at most 2 calls"
    assert reasons["105",] == "no phone is registered"
    assert end(found) == ("NO-ANSWERED", "NO_ANSWER", 0, "")


def test_a_group_whose_members_are_all_away_overflows_at_once() -> None:
    context = house(
        "hotline destination=600", "group 600 members=101,102 overflow=103", "talks 101=2 102=2"
    )
    assert lines(route(CUSTOMER, HOTLINE, context)) == [
        "0 arrives",
        "0 passed_over 101",
        "0 passed_over 102",
        "0 goes_on",
        "0 rings 103 30s",
        "30 ends",
    ]


def test_an_extension_without_a_phone() -> None:
    found = route("101", "102", house(), {"102@example.vn": 0})

    assert lines(found) == ["0 arrives", "0 rings 102", "0 ends"]
    assert found.steps[1].why.en == "no phone is registered"
    assert end(found) == ("NOT-AVAILABLE", "SUBSCRIBER_ABSENT", 480, "")
    assert found.endpoints == ("102@example.vn",)


def test_an_extension_calls_outside_by_the_first_trunk_that_is_free() -> None:
    context = house("trunk carrier2 number_format=e164")
    found = route("101", "0912345678", context)

    assert lines(found) == ["0 arrives", "0 rings 0912345678 90s", "90 ends"]
    assert (found.steps[1].trunk, found.steps[1].presented) == ("carrier", HOTLINE)
    assert "carrier2" in found.steps[1].why.en
    assert "mobile" in found.steps[0].why.en


@pytest.mark.parametrize(
    ("given", "caller", "dialled", "expected"),
    [
        (["hotline enabled=false"], CUSTOMER, HOTLINE, ("INVALID", "UNALLOCATED_NUMBER", 404, "")),
        ([], CUSTOMER, "02873001234", ("INVALID", "UNALLOCATED_NUMBER", 404, "")),
        ([], "101", "*97", ("INVALID", "UNALLOCATED_NUMBER", 404, "")),
        ([], "101", "101", ("BUSY", "USER_BUSY", 486, "")),
        (["talks 101=2"], "101", "102", ("BUSY", "USER_BUSY", 486, "extension_calls")),
        (
            ["extension 101 enabled=false"],
            "101",
            "0912345678",
            ("INVALID", "OUTGOING_CALL_BARRED", 403, ""),
        ),
        (
            ["hotline enabled=false"],
            "101",
            "0912345678",
            ("INVALID", "OUTGOING_CALL_BARRED", 403, ""),
        ),
        ([], "101", "0018005551234", ("INVALID", "OUTGOING_CALL_BARRED", 403, "destination")),
        (["calls=100"], "101", "102", ("CONGESTION", "SWITCH_CONGESTION", 503, "calls")),
        (
            ["trunk carrier max_calls=0"],
            "101",
            "0912345678",
            ("CONGESTION", "NORMAL_CIRCUIT_CONGESTION", 503, "trunk"),
        ),
        (
            ["trunk carrier max_calls=0"],
            CUSTOMER,
            HOTLINE,
            ("CONGESTION", "NORMAL_CIRCUIT_CONGESTION", 503, "trunk"),
        ),
    ],
)
def test_what_stops_a_call(
    given: list[str], caller: str, dialled: str, expected: tuple[Any, ...]
) -> None:
    found = route(caller, dialled, house(*given))

    assert end(found) == expected
    assert [step.kind for step in found.steps] == ["arrives", "ends"]
    assert found.steps[-1].why.en
    assert found.steps[-1].why.vi != found.steps[-1].why.en


def test_the_limits_on_calls_out_say_how_much_is_used() -> None:
    context = replace(house("domain calls_per_minute=5"), usage=Usage(started=5))
    found = route("101", "0912345678", context)
    assert end(found)[3] == "rate"
    assert found.steps[-1].why.en == "5 calls out within the last minute, of at most 5"

    context = replace(house("domain minutes_per_day=10"), usage=Usage(talked_s=601))
    found = route("101", "0912345678", context)
    assert end(found)[3] == "minutes"
    assert found.steps[-1].why.en == "10 minutes talked today, of at most 10"


def test_the_time_decides() -> None:
    until = NOW + timedelta(hours=1)
    context = house()
    own = replace(
        context.directory.extensions["101"], suspended_until=until, suspended_why="too many"
    )
    extensions = context.directory.extensions | {"101": own}
    context = replace(context, directory=replace(context.directory, extensions=extensions))
    now = route("101", "0912345678", context)
    later = route("101", "0912345678", replace(context, now=until + timedelta(minutes=1)))

    assert end(now)[3] == "suspended"
    assert "2026-11-23 13:00:00: too many" in now.steps[-1].why.en
    assert later.steps[1].kind == "rings"
    assert later.at == datetime(2026, 11, 23, 6, 1, tzinfo=UTC)


def test_overflows_that_go_round_come_to_an_end() -> None:
    context = house(
        "hotline destination=600",
        "group 600 members=101 overflow=601",
        "group 601 members=102 overflow=600",
    )
    found = route(CUSTOMER, HOTLINE, context)

    assert [step.kind for step in found.steps].count("goes_on") == 5
    assert found.steps[-1].kind == "ends"
