"""The destinations of dialled numbers."""

import pytest

from tests.pbx import company
from tests.pbx.company import CARRIER
from tongdai.pbx import causes, routing
from tongdai.pbx.actions import Party
from tongdai.pbx.directory import Hotline
from tongdai.pbx.routing import CallOut, Destination, Enqueue, Refuse, Ring, RoutingContext


def having(*texts: str) -> RoutingContext:
    context = company.context()
    for text in texts:
        context = company.given(context, text)
    return context


def rung(destination: Destination | None) -> list[list[str]]:
    """The extensions of each round."""
    assert isinstance(destination, Ring)
    return [
        [party.endpoint.partition("@")[0] for party in each.parties] for each in destination.steps
    ]


# --- inside


def test_an_extension_rings_for_as_long_as_it_wants() -> None:
    found = routing.inside("101", having("extension 101 ring_timeout_s=12"))
    assert rung(found) == [["101"]]
    assert isinstance(found, Ring)
    assert (found.timeout_s, found.steps[0].timeout_s, found.overflow, found.receive_dest) == (
        12,
        12,
        "",
        "",
    )


@pytest.mark.parametrize("number", ["", "1", "199", "0899888999", "*98", "101 ", "１０１"])
def test_what_is_no_number_of_the_domain(number: str) -> None:
    assert routing.inside(number, having()) is None


@pytest.mark.parametrize(
    ("given", "ending"),
    [
        ("talks 101=2", causes.BUSY),
        ("extension 101 enabled=false", causes.ABSENT),
        ("talks 101=1", None),
        ("extension 101 max_calls=1", None),
    ],
)
def test_an_extension_that_cannot_be_rung(given: str, ending: causes.ReleaseCause | None) -> None:
    found = routing.inside("101", having(given))
    assert (found.release if isinstance(found, Refuse) else None) == ending


def test_an_extension_with_one_line() -> None:
    assert routing.inside("101", having("extension 101 max_calls=1", "talks 101=1")) == Refuse(
        causes.BUSY
    )


def test_nobody_rings_himself() -> None:
    context = having("group 600 members=101,102")
    assert routing.inside("101", context, "101") == Refuse(causes.BUSY)
    assert rung(routing.inside("600", context, "101")) == [["102"]]
    assert rung(routing.inside("600", context, "105")) == [["101", "102"]]


def test_a_ring_group_is_where_the_call_was_received() -> None:
    found = routing.inside(
        "600", having("group 600 members=101,102 timeout_s=40 overflow=700 strategy=round_robin")
    )
    assert isinstance(found, Ring)
    assert (found.receive_dest, found.timeout_s, found.overflow, found.rotate) == (
        "600",
        40,
        "700",
        "600",
    )


def test_only_a_round_robin_rotates() -> None:
    for strategy in ("ring_all", "sequential"):
        found = routing.inside("600", having(f"group 600 members=101 strategy={strategy}"))
        assert isinstance(found, Ring)
        assert found.rotate == ""


@pytest.mark.parametrize(
    ("texts", "ending"),
    [
        (["group 600 members="], causes.ABSENT),
        (["group 600 members=199"], causes.ABSENT),
        (["group 600 members=101", "extension 101 enabled=false"], causes.ABSENT),
        (["group 600 members=101,102", "extension 101 enabled=false", "talks 102=2"], causes.BUSY),
        (["group 600 members=105"], causes.ABSENT),  # only the caller himself
    ],
)
def test_a_group_with_nobody_to_ring(texts: list[str], ending: causes.ReleaseCause) -> None:
    found = routing.inside("600", having(*texts), "105")
    assert isinstance(found, Ring)
    assert (found.steps, found.release, found.receive_dest) == ((), ending, "600")


def test_a_queue() -> None:
    assert routing.inside("700", having("queue 700 agents=101")) == Enqueue("700")
    assert routing.inside("700", having("queue 700 agents=101", "talks 101=2")) == Enqueue("700")


@pytest.mark.parametrize(
    "texts",
    [
        ["queue 700"],
        ["queue 700 agents=199"],
        ["queue 700 agents=101", "extension 101 enabled=false"],
    ],
)
def test_a_queue_without_agents_is_no_place_to_wait(texts: list[str]) -> None:
    found = routing.inside("700", having(*texts, "queue 700 overflow=102"))
    assert isinstance(found, Ring)
    assert (found.steps, found.overflow, found.receive_dest, found.release) == (
        (),
        "102",
        "700",
        causes.ABSENT,
    )


# --- outside


@pytest.mark.parametrize(
    ("form", "dialled"),
    [("national", "0899888999"), ("e164", "+84899888999"), ("plain", "84899888999")],
)
def test_out_by_the_trunk_of_the_hotline(form: str, dialled: str) -> None:
    found = routing.outside("84899888999", having(f"trunk number_format={form}"))
    assert isinstance(found, CallOut)
    assert found.party == Party(str(CARRIER), dialled)
    assert found.hotline.number == "19001919"


def test_out_by_the_hotline_asked_for() -> None:
    context = having("hotline 842812345678 number=02812345678")
    found = routing.outside("0899888999", context, hotline="+842812345678")
    assert isinstance(found, CallOut)
    assert found.hotline.number == "02812345678"


@pytest.mark.parametrize("texts", [["hotline enabled=false"], ["trunk enabled=false"]])
def test_no_way_out(texts: list[str]) -> None:
    assert routing.outside("0899888999", having(*texts)) == Refuse(causes.BARRED)


def test_no_way_out_by_another_tenants_hotline() -> None:
    assert routing.outside("0899888999", having(), hotline="19009999") == Refuse(causes.BARRED)


# --- from a phone


@pytest.mark.parametrize(
    "number",
    ["*98", "*#06#", "#", "+", "", "12", "++84899888999", "0899888999#", "²²²", "1" * 19],
)
def test_what_is_no_number_reaches_no_carrier(number: str) -> None:
    assert routing.from_phone(number, having(), "101") == Refuse(causes.UNALLOCATED)


@pytest.mark.parametrize("number", ["113", "0899888999", "+84899888999", "18009999", "105105"])
def test_public_numbers_go_out(number: str) -> None:
    assert isinstance(routing.from_phone(number, having(), "101"), CallOut)


def test_inside_comes_first() -> None:
    assert rung(routing.from_phone("102", having(), "101")) == [["102"]]


def test_who_is_sent_on_goes_out_by_the_hotline_of_who_sends() -> None:
    context = having(
        "hotline 842812345678 number=02812345678", "extension 102 hotline=02812345678"
    )
    found = routing.from_phone("0899888999", context, "", by="102")
    assert isinstance(found, CallOut)
    assert found.hotline.number == "02812345678"
    sent = routing.from_phone("101", context, "101", by="102")
    assert sent == Refuse(causes.BUSY)


# --- from a hotline


def test_a_hotline_leads_to_its_destination() -> None:
    context = having("hotline destination=600", "group 600 members=101")
    assert rung(routing.from_hotline(context.directory.hotline("19001919"), context)) == [["101"]]


@pytest.mark.parametrize(
    "hotline",
    [
        None,
        Hotline("1900", "1900", CARRIER, destination="101", enabled=False),
        Hotline("1900", "1900", CARRIER),
        Hotline("1900", "1900", CARRIER, destination="199"),
        # nobody is called out at our cost
        Hotline("1900", "1900", CARRIER, destination="0899888999"),
    ],
)
def test_a_hotline_that_leads_nowhere(hotline: Hotline | None) -> None:
    assert routing.from_hotline(hotline, having()) == Refuse(causes.UNALLOCATED)
