"""While no engine answers, calls reach the destinations that the routing gives."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.asterisk.dialplan import REFUSED, Fallback, Reached
from tests.pbx.company import CARRIER, COMPANY
from tongdai.asterisk import fallback, translate
from tongdai.pbx import barring, numbers, routing
from tongdai.pbx import fallback as plans
from tongdai.pbx.directory import (
    Directory,
    Domain,
    Extension,
    Hotline,
    Queue,
    RingGroup,
    Strategy,
    Trunk,
)
from tongdai.pbx.numbers import NumberFormat
from tongdai.pbx.routing import CallOut, Destination, Enqueue, Ring, RoutingContext

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
COUNTRIES = ("VN", "84", "US", "CA", "DE", "GB", "IT", "AR", "SG", "JP")
FORMATS: tuple[NumberFormat, ...] = ("national", "e164", "plain")
EXTENSIONS = ("101", "102", "103", "104")
TRUNKS = tuple(UUID(int=number) for number in (7, 8))


def planned(directory: Directory, now: datetime = NOW) -> Fallback:
    plan = plans.plan(directory, now)
    return Fallback(entries_of(plan))


def entries_of(plan: plans.FallbackPlan) -> fallback.Entries:
    """With those that it shares."""
    found = fallback.entries(plan)
    for entries in fallback.shared(plan).values():
        found |= entries
    return found


# --- random companies

MOMENTS = st.none() | st.sampled_from([NOW - timedelta(hours=1), NOW + timedelta(hours=1)])
RECORDING = st.sampled_from([None, True, False])


@st.composite
def companies(draw: st.DrawFn, *, calls_out: bool = False) -> Directory:
    """`calls_out`: there is a hotline, and all trunks and hotlines are in use."""
    country = draw(st.sampled_from(COUNTRIES))
    domain = Domain(
        UUID(int=1),
        "example.vn",
        country_code=numbers.country_code(country),
        region="" if country.isdigit() else country,
        recording=draw(st.booleans()),
        destinations=draw(st.sampled_from([(), ("+",), ("+44",), ("+1",)])),
        minutes_per_day=draw(st.sampled_from([None, None, 60])),
        suspended_until=draw(MOMENTS),
    )
    reached = (*EXTENSIONS, "600", "601", "700", "")
    members = st.lists(st.sampled_from(EXTENSIONS), unique=True).map(tuple)
    written = ["19001919", "02873001234", "+442079460000", "4155550100"]
    hotlines = [
        Hotline(
            number,
            numbers.canonical(number, domain.country),
            draw(st.sampled_from(TRUNKS)),
            destination=draw(st.sampled_from(reached)),
            is_default=draw(st.booleans()),
            enabled=calls_out or draw(st.integers(0, 4)) > 0,
        )
        for number in draw(st.lists(st.sampled_from(written), unique=True, min_size=calls_out))
    ]
    strategy: st.SearchStrategy[Strategy] = st.sampled_from(get_args(Strategy))
    overflow = st.sampled_from(["", "101", "601", "700"])
    return Directory(
        domain,
        extensions={
            name: Extension(
                name,
                enabled=calls_out or draw(st.integers(0, 4)) > 0,
                recording=draw(RECORDING),
                hotline=draw(st.sampled_from([None, *written])),
                max_calls=draw(st.sampled_from([1, 2])),
                suspended_until=draw(MOMENTS),
            )
            for name in draw(
                st.lists(st.sampled_from((*EXTENSIONS, "112")), unique=True, min_size=calls_out)
            )
        },
        trunks={
            trunk: Trunk(
                trunk,
                "carrier",
                enabled=calls_out or draw(st.integers(0, 4)) > 0,
                number_format=draw(st.sampled_from(FORMATS)),
                carrier_key=f"key-{trunk}",
            )
            for trunk in TRUNKS
        },
        hotlines={hotline.canonical: hotline for hotline in hotlines},
        ring_groups={
            number: RingGroup(
                number, strategy=draw(strategy), members=draw(members), overflow=draw(overflow)
            )
            for number in ("600", "601")
        },
        queues={"700": Queue("700", agents=draw(members), overflow=draw(overflow))},
    )


@st.composite
def dialled(draw: st.DrawFn, country: str) -> str:
    """Numbers that a phone of that country may dial, and some that it should not."""
    prefix = draw(
        st.sampled_from(
            [
                *(each.prefix for each in plans.plain_prefixes(country, "plain")),
                *("", "0", "00", "+", "1900", "01900", "0900", "+1876", "00881", "1", "011"),
            ]
        )
    )
    return prefix + draw(st.text("0123456789", max_size=14))


def numbers_of(country: str) -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from((*EXTENSIONS, "600", "601", "700", "112", "105")),
        st.sampled_from(sorted(numbers.emergency_numbers(country))),
        dialled(country),
        st.text("0123456789+*#,&;:()${}@\"'/ab ", max_size=16),
    )


# --- what the routing says of it


def rung(destination: Destination, context: RoutingContext, caller: str) -> set[str]:
    """The endpoints that the routing rings first, or offers the call to in a queue."""
    match destination:
        case Ring(steps=steps):
            return {party.endpoint for each in steps for party in each.parties}
        case Enqueue(queue=number):
            agents = context.directory.queues[number].agents
            offered = (routing.inside(agent, context, caller) for agent in agents)
            return set().union(*(rung(each, context, caller) for each in offered if each))
        case _:
            return set()


def expected(destination: Destination, context: RoutingContext, caller: str = "") -> Reached:
    if isinstance(destination, CallOut):
        party = destination.party
        return Reached(
            outside=(party.endpoint, party.number),
            presented_number=translate.shown(
                routing.presented(destination.hotline.number, destination.party, context.directory)
            ),
            record=context.directory.records(caller),
        )
    return Reached(frozenset(rung(destination, context, caller)))


def without_time(reached: Reached) -> Reached:
    return replace(reached, timeout_s=0)


@hypothesis.settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_call_from_a_phone_reaches_what_the_routing_says(data: st.DataObject) -> None:
    """Calls inside and emergency calls just that; others out that or nothing."""
    directory = data.draw(companies())
    callers = [name for name, known in directory.extensions.items() if known.enabled]
    hypothesis.assume(callers)
    caller = data.draw(st.sampled_from(callers))
    compare(data, directory, caller, data.draw(numbers_of(directory.domain.country)))


@hypothesis.settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_plain_number_goes_out_just_when_the_routing_says(data: st.DataObject) -> None:
    """Around what is permitted: too short, too long, and at any time of a suspension."""
    directory = data.draw(companies(calls_out=True))
    caller = data.draw(st.sampled_from(sorted(directory.extensions)))
    permitted = numbers.plain_prefixes(directory.domain.country)
    prefix, least, most = data.draw(st.sampled_from(permitted))
    length = data.draw(st.integers(least - 1, most + 1)) - len(prefix)
    digits = data.draw(st.text("0123456789", min_size=max(length, 0), max_size=max(length, 0)))
    compare(data, directory, caller, prefix + digits)


def compare(data: st.DataObject, directory: Directory, caller: str, number: str) -> None:
    at = data.draw(st.sampled_from([NOW, NOW + timedelta(hours=2)]))
    context = RoutingContext(directory, now=at)
    wanted = expected(routing.from_phone(number, context, caller), context, caller)
    reached = without_time(
        planned(directory).from_phone(f"{caller}@example.vn", number, at.timestamp())
    )
    is_plain = wanted.outside and not numbers.is_emergency(number, directory.domain.country)
    if directory.domain.minutes_per_day is not None and is_plain:
        assert reached == REFUSED, "nobody knows how many are left"
    elif not is_plain:
        assert reached == wanted, number
    elif reached == REFUSED:
        assert not is_promised(number, directory), number
    else:
        assert dialling(reached, directory) == dialling(wanted, directory), number


def dialling(reached: Reached, directory: Directory) -> tuple[object, ...]:
    """A number may be written in several ways."""
    assert reached.outside
    trunk, number = reached.outside
    meant = numbers.parse(number, directory.domain.country)
    return meant, replace(reached, outside=(trunk, ""))


def is_promised(number: str, directory: Directory) -> bool:
    """Whether a number that the routing lets out goes out without an engine too: the country's own
    plain numbers do, unless minutes a day are limited.
    """
    if directory.domain.minutes_per_day is not None:
        return False
    free = replace(directory.domain, suspended_until=None)
    permitted = barring.permitted_prefixes(free, None, NOW)
    international = plans.plain_prefixes(free.country, "e164")
    alike = {each.prefix for each in international}
    return any(
        number.startswith(each.prefix) and each.min_digits <= len(number) <= each.max_digits
        for each in permitted
        if each.prefix in alike
    )


@hypothesis.settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_transferred_call_reaches_what_the_routing_says(data: st.DataObject) -> None:
    directory = data.draw(companies())
    callers = [name for name, known in directory.extensions.items() if known.enabled]
    hypothesis.assume(callers)
    by = data.draw(st.sampled_from(callers))
    transferee = data.draw(st.sampled_from([*callers, ""]))
    number = data.draw(numbers_of(directory.domain.country))
    context = RoutingContext(directory, now=NOW)
    destination = routing.from_phone(number, context, transferee, by=by)
    wanted = replace(expected(destination, context, transferee), record=False)
    reached = planned(directory).from_phone(
        f"{by}@example.vn",
        number,
        NOW.timestamp(),
        connected=f"{transferee}@example.vn" if transferee else str(TRUNKS[0]),
    )
    reached = replace(reached, timeout_s=0, record=False)
    if reached.outside and wanted.outside:
        assert dialling(reached, directory) == dialling(wanted, directory), number
    else:
        assert reached == wanted or (reached == REFUSED and wanted.outside), number


@hypothesis.settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_call_from_a_carrier_reaches_what_the_routing_says(data: st.DataObject) -> None:
    directory = data.draw(companies())
    hotlines = list(directory.hotlines.values())
    hypothesis.assume(hotlines)
    country = directory.domain.country
    asked = data.draw(st.sampled_from(hotlines))
    forms = [asked.canonical, numbers.national(asked.canonical, country), "+" + asked.canonical]
    number = data.draw(st.sampled_from(forms) | numbers_of(country))
    trunk = data.draw(st.sampled_from(TRUNKS))
    context = RoutingContext(directory, now=NOW)
    reached = planned(directory).from_trunk(f"key-{trunk}", number)
    hotline = directory.hotline(number)
    wanted = routing.from_hotline(hotline, context)
    allowed = rung(wanted, context, "")
    assert reached.inside <= allowed
    is_of_trunk = hotline is not None and hotline.trunk_uuid == trunk
    if number in forms and hotline == asked and is_of_trunk and directory.trunks[trunk].enabled:
        assert reached.inside == allowed
        names = [endpoint.partition("@")[0] for endpoint in allowed]
        assert not allowed or reached.record == directory.records(*names)


# --- examples


def with_(**changes: Any) -> Directory:
    return replace(COMPANY, **changes)


def test_an_extension_rings_as_long_as_it_wants() -> None:
    known = planned(with_(extensions={"101": Extension("101", ring_timeout_s=12)}))
    assert known.from_trunk("carrier-7", "19001919") == Reached(
        frozenset({"101@example.vn"}), timeout_s=12, record=True
    )


def test_a_group_rings_all_members_at_once_but_never_the_caller() -> None:
    group = RingGroup("600", strategy="sequential", members=("101", "102"), timeout_s=45)
    known = planned(with_(ring_groups={"600": group}))
    both, one = frozenset({"101@example.vn", "102@example.vn"}), frozenset({"102@example.vn"})
    at = NOW.timestamp()
    assert known.from_phone("103@example.vn", "600", at) == Reached(both, timeout_s=45)
    assert known.from_phone("101@example.vn", "600", at) == Reached(one, timeout_s=45)
    assert known.from_phone("101-browser@example.vn", "600", at).inside == one
    assert known.from_phone("103@example.vn", "600", at, connected="101@other.vn").inside == both
    assert known.from_phone("101@example.vn", "101", at) == REFUSED


def test_a_suspended_extension_waits_for_the_end() -> None:
    until = NOW + timedelta(hours=1)
    known = planned(with_(extensions={"101": Extension("101", suspended_until=until)}))
    called = [
        known.from_phone(
            "101@example.vn", "0909000333", (until + timedelta(seconds=late)).timestamp()
        )
        for late in (-1, 0)
    ]
    assert called[0] == REFUSED
    assert called[1].outside == (str(CARRIER), "0909000333")
    assert known.from_phone("101@example.vn", "113", NOW.timestamp()).outside == (
        str(CARRIER),
        "113",
    )


@pytest.mark.parametrize("number_format", FORMATS)
@pytest.mark.parametrize(
    ("country", "least"), [("VN", 11), ("US", 690), ("CA", 70), ("DE", 40), ("GB", 200), ("SG", 6)]
)
def test_plain_numbers_of_every_country_go_out(
    country: str, least: int, number_format: NumberFormat
) -> None:
    assert len(plans.plain_prefixes(country, number_format)) >= least


def test_a_prefix_is_never_the_beginning_of_another() -> None:
    """The dialplan takes the first that it finds."""
    for country in COUNTRIES:
        prefixes = sorted(each.prefix for each in plans.plain_prefixes(country, "national"))
        pairs = itertools.pairwise(prefixes)
        assert not [(one, next_) for one, next_ in pairs if next_.startswith(one)], country


@pytest.mark.parametrize(
    "text",
    [
        "1):0:1,PJSIP",  # ends the function that it is an argument of
        "101&PJSIP/113",
        "0909000333,90,b(x^1)",
        "${EPOCH}",
        "113;113",
        "101/101",
        "t",
    ],
)
def test_what_is_no_number_reaches_nothing(text: str) -> None:
    assert planned(COMPANY).from_phone("101@example.vn", text, NOW.timestamp()) == REFUSED


def test_a_long_list_is_cut_to_what_asterisk_evaluates() -> None:
    many = tuple(str(number) for number in range(1000, 1100))
    domain = replace(COMPANY.domain, name="a" * 200 + ".vn")
    company = with_(
        domain=domain,
        extensions={name: Extension(name) for name in many},
        ring_groups={"600": RingGroup("600", members=many)},
    )
    known = planned(company)
    assert max(map(len, known.entries.values())) <= fallback.LONGEST_VALUE
    assert max(len(f"/fallback/12345678/{key}") for key in known.entries) < 256
    assert len(known.from_phone(f"1000@{domain.name}", "600", NOW.timestamp()).inside) > 10


def test_a_disabled_domain_reaches_nothing() -> None:
    assert plans.plan(with_(domain=replace(COMPANY.domain, enabled=False)), NOW).numbers == {}


def test_entries_as_the_dialplan_reads_them() -> None:
    company = with_(extensions={"101": Extension("101"), "102": Extension("102", max_calls=1)})
    plan = plans.plan(company, NOW)
    dial = "dial|${PJSIP_DIAL_CONTACTS(101@example.vn)},30,ig"
    leaves = f"{CARRIER},19001919,igb(record^s^1)"
    assert fallback.entries(plan) == {
        f"trunk/carrier-7/19001919/{CARRIER}": f"dial-recorded{dial[4:]}",
        "number/example.vn/101": dial,
        "number/example.vn/101/101": "dial|,0,ig",
        **{f"number/example.vn/{own}": dial for own in ("19001919", "+19001919")},
        **{f"number/example.vn/{own}/101": "dial|,0,ig" for own in ("19001919", "+19001919")},
        "number/example.vn/102": dial.replace("101@", "102@"),
        "number/example.vn/102/102": "dial|,0,ig",
        "exit/example.vn": f"{leaves},{leaves},84,84-national,0,2,100,100",
        "exit/example.vn/102": f"{leaves},{leaves},84,84-national,0,1,100,100",
    }
    shared = fallback.shared(plan)
    assert shared.keys() == {"84", "84-national"}
    assert shared["84"]["emergency/84/113"] == "113"
    assert shared["84-national"]["plain/84-national/09"] == "10,10,0,"
