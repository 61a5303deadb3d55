"""Call barring: permitted destinations, rates and minutes; and the causes of barred calls."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.pbx import company
from tests.pbx.company import CARRIER, COMPANY
from tongdai import ids
from tongdai.engine.live_calls import LiveCalls
from tongdai.pbx import barring, numbers, routing, setup
from tongdai.pbx.actions import Dial, HangUp
from tongdai.pbx.barring import BarReason, Usage
from tongdai.pbx.call import Ringing
from tongdai.pbx.commands import ClickToCall, Outcome
from tongdai.pbx.directory import Extension, Hotline, Trunk
from tongdai.pbx.routing import CallOut, Refuse, RoutingContext
from tongdai.pbx.signals import Arrived, CommandAsked, DialEnded
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


def suspended(who: str, until: datetime) -> RoutingContext:
    if who == "domain":
        return context(suspended_until=until)
    extensions = {
        **COMPANY.extensions,
        who: replace(COMPANY.extensions[who], suspended_until=until),
    }
    return replace(context(), directory=replace(COMPANY, extensions=extensions))


def barred(number: str, context: RoutingContext, extension: str = "101") -> BarReason | None:
    found = routing.from_phone(number, context, extension)
    if isinstance(found, CallOut):
        return None
    assert isinstance(found, Refuse)
    assert found.reason
    return found.reason


def dials(number: str, context: RoutingContext, extension: str = "101") -> Step:
    arrived = Arrived(
        ids.new(), "c", NOON, "phone", f"{extension}@example.vn", number, extension, "sip"
    )
    return setup.arrive(arrived, "token", context)


def permitted(text: str, country: str = "84", destinations: tuple[str, ...] = ()) -> bool:
    number = numbers.parse(text, country)
    assert number
    return barring.is_permitted(number, destinations)


# --- where to


@pytest.mark.parametrize(
    "number", [CUSTOMER, "+84909000111", "0084909000111", "02873001234", "1800599920", "105105"]
)
def test_a_country_s_own_numbers_are_permitted(number: str) -> None:
    assert permitted(number)


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
def test_the_world_and_costly_services_are_barred(number: str) -> None:
    assert not permitted(number)


@pytest.mark.parametrize(
    ("destinations", "permitted_ones", "barred_ones"),
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
def test_a_destination_permits_what_is_beneath_it_and_no_more(
    destinations: tuple[str, ...], permitted_ones: list[str], barred_ones: list[str]
) -> None:
    assert [number for number in permitted_ones if not permitted(number, "84", destinations)] == []
    assert [number for number in barred_ones if permitted(number, "84", destinations)] == []


@given(st.from_regex(r"(\+|00)[1-9][0-9]{2,14}", fullmatch=True))
def test_nothing_that_is_dialled_as_foreign_goes_out_unless_it_is_the_own_country(
    number: str,
) -> None:
    digits = number.removeprefix("+").removeprefix("00")
    assert not permitted(number) or digits.startswith("84")


# --- how often, how long, by what


def test_the_limits_of_a_domain() -> None:
    assert barred(CUSTOMER, context(calls_per_minute=3, usage=Usage(started=2))) is None
    assert barred(CUSTOMER, context(calls_per_minute=3, usage=Usage(started=3))) is BarReason.RATE
    assert barred(CUSTOMER, context(calls_per_minute=None, usage=Usage(started=9_999))) is None
    assert barred(CUSTOMER, context(minutes_per_day=2, usage=Usage(talked_s=119))) is None
    assert (
        barred(CUSTOMER, context(minutes_per_day=2, usage=Usage(talked_s=120)))
        is BarReason.MINUTES
    )


def test_a_trunk_carries_as_many_calls_as_it_may_both_ways() -> None:
    full = replace(context("trunk x max_calls=2"), by_trunk={str(CARRIER): 2})
    assert barred(CUSTOMER, full) is BarReason.TRUNK
    assert barred(CUSTOMER, replace(full, by_trunk={str(CARRIER): 1})) is None
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


@pytest.mark.parametrize("max_calls", [1, 2])
def test_the_calls_of_an_extension_are_limited_when_they_come_at_once(max_calls: int) -> None:
    """None of its phones has rung yet when the next call is decided."""
    live = LiveCalls("https://pbx/rec/")
    directory = context(f"extension 101 max_calls={max_calls}").directory
    arrived = [
        Arrived(ids.new(), f"c{n}", NOON, "trunk", str(CARRIER), "19001919", CUSTOMER, "sip")
        for n in range(6)
    ]
    rung = []
    for signal in arrived:
        step = setup.arrive(signal, "token", live.context(directory, NOON))
        live.update(step.call, signal.at)
        rung.append(any(isinstance(action, Dial) for action in step.actions))
    assert rung == [n < max_calls for n in range(6)]


def test_an_extension_that_is_dialled_no_more_is_free() -> None:
    step = dials("102", context())
    assert step.call.extensions == {"101", "102"}
    over = DialEnded("c", NOON, "CHANUNAVAIL", 20)
    assert replace(step.call, course=Ringing(dial_ended=over)).extensions == {"101"}


# --- suspended calls out


@pytest.mark.parametrize("who", ["101", "domain"])
def test_suspended_calls_out(who: str) -> None:
    later = NOON + timedelta(seconds=1)
    assert barred(CUSTOMER, suspended(who, later)) is BarReason.SUSPENDED
    assert barred(CUSTOMER, suspended(who, NOON)) is None
    assert isinstance(routing.from_phone("102", suspended(who, later), "101"), routing.Ring)
    assert (barred(CUSTOMER, suspended(who, later), "102") is BarReason.SUSPENDED) == (
        who == "domain"
    )


@pytest.mark.parametrize("number", ["113", "114", "115", "112"])
def test_emergency_calls_are_never_barred(number: str) -> None:
    used_up = {
        "calls_per_minute": 1,
        "minutes_per_day": 1,
        "max_calls": 1,
        "suspended_until": NOON + barring.SUSPENSION,
    }
    busy = replace(context("talks 101=9", usage=Usage(9, 999), **used_up), calls=9)
    full = replace(busy, by_trunk={str(CARRIER): 9_999})
    assert dials(number, full).bar_reason is None
    assert any(isinstance(action, Dial) for action in dials(number, full).actions)
    assert not any(isinstance(action, HangUp) for action in dials(number, busy).actions)


def test_emergency_calls_go_out_by_any_trunk_in_use() -> None:
    other = UUID(int=3)
    directory = context("hotline 19001919 enabled=false").directory
    spare = Hotline("02873001234", "842873001234", other)
    directory = replace(
        directory,
        trunks={**directory.trunks, other: Trunk(other, "spare")},
        hotlines={**directory.hotlines, spare.canonical: spare},
    )
    directory = replace(
        directory,
        extensions={**directory.extensions, "101": Extension("101", hotline="19001919")},
    )
    found = routing.from_phone("113", replace(context(), directory=directory), "101")
    assert isinstance(found, CallOut)
    assert found.party.endpoint == str(other)


@pytest.mark.parametrize("number", ["113", "115"])
def test_an_extension_never_takes_an_emergency_call(number: str) -> None:
    directory = context(f"extension {number}").directory
    found = routing.from_phone(number, replace(context(), directory=directory), "101")
    assert isinstance(found, CallOut)


def test_a_number_is_dialled_as_it_is_meant() -> None:
    for text in ("0909-000-111", "0909.000.111;phone-context=example.vn", "0909000111%3Bcpc=x"):
        call = dials(text, context()).call
        assert (call.dialled, call.direction) == (CUSTOMER, "outbound"), text
    for text in ("+84-1900-1919", "19001919;npdi;rn=+84901000000"):
        arrived = Arrived(ids.new(), "c", NOON, "trunk", str(CARRIER), text, CUSTOMER, "sip")
        call = setup.arrive(arrived, "token", context()).call
        assert call.hotline == "19001919", text


@pytest.mark.parametrize("number", ["109", "911", "999", "118", "1134"])
def test_a_mistyped_extension_is_no_emergency(number: str) -> None:
    assert barred(number, suspended("101", NOON + timedelta(seconds=1))) is BarReason.SUSPENDED


# --- what becomes of a barred call


@pytest.mark.parametrize(
    ("reason", "cause", "sip_status"),
    [(BarReason.DESTINATION, 52, 403), (BarReason.RATE, 34, 0)],  # Asterisk makes 503 of 34
)
def test_a_barred_call_is_an_outbound_call_that_failed(
    reason: BarReason, cause: int, sip_status: int
) -> None:
    step = dials(
        *("+12025550123", context())
        if reason is BarReason.DESTINATION
        else (CUSTOMER, context(calls_per_minute=0))
    )
    assert step.bar_reason is reason
    assert step.call.direction == "outbound"
    assert step.actions == (HangUp("c", cause, sip_status),)
    assert [event.name for event in step.events] == ["ringing"]


def test_every_reason_has_a_release_cause() -> None:
    assert set(barring.RELEASES) == set(BarReason)
    assert {release.status for release in barring.RELEASES.values()} == {"INVALID", "CONGESTION"}


def test_click_to_call_meets_the_same_limits() -> None:
    command = ClickToCall(ext="101", phone="+12025550123")
    asked = CommandAsked(ids.new(), "c", NOON, COMPANY.domain.domain_uuid, command)
    declined = setup.click_to_call(asked, ["PJSIP/101"], "token", context())
    assert isinstance(declined, Declined)
    assert declined.bar_reason is BarReason.DESTINATION
    assert declined.answer.outcome == Outcome(error="DESTINATION_BARRED", field="phone")
    permitted_abroad = context(destinations=("+1",))
    begun = setup.click_to_call(asked, ["PJSIP/101"], "token", permitted_abroad)
    assert isinstance(begun, Step)
