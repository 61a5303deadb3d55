"""Where a domain may call, how often and how long; and who is told no, with which cause."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.pbx import company
from tests.pbx.company import CARRIER, COMPANY
from tongdai import ids
from tongdai.pbx import brakes, routing, setup
from tongdai.pbx.actions import HangUp
from tongdai.pbx.brakes import Stop, Usage
from tongdai.pbx.commands import ClickToCall, Outcome
from tongdai.pbx.routing import CallOut, Refuse, RoutingContext
from tongdai.pbx.signals import Arrived, CommandAsked
from tongdai.pbx.step import Declined, Step

NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)
CUSTOMER = "0909000111"
UNUSED = Usage()


def context(*texts: str, usage: Usage = UNUSED, **domain: Any) -> RoutingContext:
    found = replace(company.context(), usage=usage, now=NOON)
    for text in texts:
        found = company.given(found, text)
    return replace(
        found, directory=replace(found.directory, domain=replace(found.directory.domain, **domain))
    )


def frozen(who: str, until: datetime) -> RoutingContext:
    if who == "domain":
        return context(frozen_until=until)
    extensions = {**COMPANY.extensions, who: replace(COMPANY.extensions[who], frozen_until=until)}
    return replace(context(), directory=replace(COMPANY, extensions=extensions))


def stopped(number: str, context: RoutingContext, extension: str = "101") -> Stop | None:
    found = routing.from_phone(number, context, extension)
    if isinstance(found, CallOut):
        return None
    assert isinstance(found, Refuse)
    assert found.stop
    return found.stop


def dials(number: str, context: RoutingContext, extension: str = "101") -> Step:
    arrived = Arrived(
        ids.new(), "c", NOON, "phone", f"{extension}@example.vn", number, extension, "sip"
    )
    return setup.arrive(arrived, "token", context)


# --- where to


@pytest.mark.parametrize(
    "number", [CUSTOMER, "+84909000111", "0084909000111", "02873001234", "1800599920", "105105"]
)
def test_a_country_s_own_numbers_are_open(number: str) -> None:
    assert brakes.is_open(number, "84", ())


@pytest.mark.parametrize(
    "number",
    [
        *(
            "+12025550123",
            "0012025550123",
            "12025550123",
            "00882",
            "+882123",
            "+88212345678",
            "00979",
            "+252611234567",
        ),
        *("19001919", "1900545415", "+8419001919"),  # what the caller pays dearly for
        # another carrier's prefix before an international number
        *("17100882123456", "1781234567890"),
    ],
)
def test_the_world_and_what_is_costly_are_closed(number: str) -> None:
    assert not brakes.is_open(number, "84", ())


@pytest.mark.parametrize(
    ("destinations", "opened", "closed"),
    [
        (("+1",), ["+12025550123", "0012025550123"], ["+442071234567", "19001919", "1900545415"]),
        (
            ("+",),
            ["+12025550123", "+442071234567", "00442071234567"],
            ["+88212345678", "00979123456", "19001919"],
        ),
        (("+", "+881"), ["+88112345678"], ["+88212345678"]),
        (("1900",), ["19001919", "1900545415", "+8419001919"], ["+19005550123", "+12025550123"]),
        (("19001919",), ["19001919"], ["19001918"]),
    ],
)
def test_what_is_opened_is_open_and_no_more(
    destinations: tuple[str, ...], opened: list[str], closed: list[str]
) -> None:
    assert [number for number in opened if not brakes.is_open(number, "84", destinations)] == []
    assert [number for number in closed if brakes.is_open(number, "84", destinations)] == []


@given(st.from_regex(r"(\+|00)[1-9][0-9]{2,14}", fullmatch=True))
def test_nothing_that_is_dialled_as_foreign_goes_out_unless_it_is_the_own_country(
    number: str,
) -> None:
    digits = number.removeprefix("+").removeprefix("00")
    assert not brakes.is_open(number, "84", ()) or digits.startswith("84")


# --- how often, how long, by what


def test_the_limits_of_a_domain() -> None:
    assert stopped(CUSTOMER, context(calls_per_minute=3, usage=Usage(started=2))) is None
    assert stopped(CUSTOMER, context(calls_per_minute=3, usage=Usage(started=3))) is Stop.RATE
    assert stopped(CUSTOMER, context(calls_per_minute=None, usage=Usage(started=9_999))) is None
    assert stopped(CUSTOMER, context(minutes_per_day=2, usage=Usage(talked_s=119))) is None
    assert stopped(CUSTOMER, context(minutes_per_day=2, usage=Usage(talked_s=120))) is Stop.MINUTES


def test_a_trunk_carries_as_many_calls_as_it_may_both_ways() -> None:
    full = replace(context("trunk x max_calls=2"), by_trunk={str(CARRIER): 2})
    assert stopped(CUSTOMER, full) is Stop.TRUNK
    assert stopped(CUSTOMER, replace(full, by_trunk={str(CARRIER): 1})) is None
    arrived = Arrived(ids.new(), "c", NOON, "trunk", str(CARRIER), "19001919", CUSTOMER, "sip")
    assert setup.arrive(arrived, "token", full).actions == (HangUp("c", 34),), (
        "503: the carrier may try elsewhere"
    )


def test_a_call_counts_by_the_trunks_of_its_parties() -> None:
    inbound = Arrived(ids.new(), "c", NOON, "trunk", str(CARRIER), "19001919", CUSTOMER, "sip")
    assert setup.arrive(inbound, "token", context()).call.trunks == (str(CARRIER),)
    outbound = dials(CUSTOMER, context()).call
    assert outbound.trunks == (str(CARRIER),), "from the moment it is decided"
    assert dials("102", context()).call.trunks == ()


def test_an_extension_begins_no_more_calls_than_it_may() -> None:
    assert dials(CUSTOMER, context("talks 101=1")).actions != (HangUp("101", 17),)
    assert dials(CUSTOMER, context("talks 101=2")).actions == (HangUp("c", 17),)
    assert dials("102", context("talks 101=2")).actions == (HangUp("c", 17),)


# --- who is frozen


@pytest.mark.parametrize("who", ["101", "domain"])
def test_who_is_frozen_calls_nobody_outside_for_a_while(who: str) -> None:
    later = NOON + timedelta(seconds=1)
    assert stopped(CUSTOMER, frozen(who, later)) is Stop.FROZEN
    assert stopped(CUSTOMER, frozen(who, NOON)) is None
    assert isinstance(routing.from_phone("102", frozen(who, later), "101"), routing.Ring)
    assert (stopped(CUSTOMER, frozen(who, later), "102") is Stop.FROZEN) == (who == "domain")


@pytest.mark.parametrize("number", ["113", "114", "115", "112", "911"])
def test_emergencies_are_never_stopped(number: str) -> None:
    used_up = {
        "calls_per_minute": 1,
        "minutes_per_day": 1,
        "max_calls": 1,
        "frozen_until": NOON + brakes.FREEZE,
    }
    busy = replace(context("talks 101=9", usage=Usage(9, 999), **used_up), calls=9)
    assert dials(number, busy).stop is None
    assert not any(isinstance(action, HangUp) for action in dials(number, busy).actions)


# --- how it is told


@pytest.mark.parametrize(("stop", "cause"), [(Stop.CLOSED, 52), (Stop.RATE, 34)])
def test_what_is_stopped_is_an_outbound_call_that_failed(stop: Stop, cause: int) -> None:
    step = dials(
        *("+12025550123", context())
        if stop is Stop.CLOSED
        else (CUSTOMER, context(calls_per_minute=0))
    )
    assert step.stop is stop
    assert step.call.direction == "outbound"
    assert step.actions == (HangUp("c", cause),)
    assert [event.name for event in step.events] == ["ringing"]


def test_every_stop_has_an_ending() -> None:
    assert set(brakes.ENDINGS) == set(Stop)
    assert {ending.status for ending in brakes.ENDINGS.values()} == {"INVALID", "CONGESTION"}


def test_click_to_call_meets_the_same_limits() -> None:
    command = ClickToCall(ext="101", phone="+12025550123")
    asked = CommandAsked(ids.new(), "c", NOON, COMPANY.domain.domain_uuid, command)
    declined = setup.click_to_call(asked, ["PJSIP/101"], "token", context())
    assert isinstance(declined, Declined)
    assert declined.stop is Stop.CLOSED
    assert declined.answer.outcome == Outcome(error="DESTINATION_CLOSED", field="phone")
    opened = context(destinations=("+1",))
    assert isinstance(setup.click_to_call(asked, ["PJSIP/101"], "token", opened), Step)


@given(
    st.sampled_from(["84", "1", "44", "856"]),
    st.from_regex(r"0[1-9][0-9]{7,10}", fullmatch=True)
    | st.from_regex(r"0(1900|900|976)[0-9]{5,8}", fullmatch=True),
)
def test_what_the_switch_lets_out_by_itself_is_open_to_everybody(
    country_code: str, number: str
) -> None:
    """As extensions.conf reads it: nine to twelve digits, and nothing that is closed at home."""
    is_closed = number.startswith(brakes.closed_at_home(country_code) or "+")
    assert is_closed or brakes.is_open(number, country_code, ())
