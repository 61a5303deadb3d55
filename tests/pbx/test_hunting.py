"""Ring strategies."""

from hypothesis import given
from hypothesis import strategies as st

from tongdai.pbx import hunting
from tongdai.pbx.directory import RingGroup

MEMBERS = ("101", "102", "103")


def endpoints(member: str) -> tuple[str, ...]:
    """Extension 104 has a browser besides."""
    browser = (f"{member}-browser@example.vn",) if member == "104" else ()
    return (f"{member}@example.vn", *browser)


def rung(group: RingGroup, *away: str) -> list[tuple[list[str], int]]:
    """The extensions of each hunt step, and its seconds, when these cannot be reached."""
    steps = hunting.steps(group, lambda member: member not in away, endpoints)
    return [([party.endpoint for party in each.parties], each.timeout_s) for each in steps]


def test_all_ring_together_for_the_time_of_the_group() -> None:
    group = RingGroup("600", members=MEMBERS, ring_timeout_s=20, timeout_s=45)
    assert rung(group) == [(["101@example.vn", "102@example.vn", "103@example.vn"], 45)]


def test_a_members_devices_ring_together() -> None:
    devices = ["104@example.vn", "104-browser@example.vn"]
    members = ("104", "101")
    assert rung(RingGroup("600", members=members, timeout_s=45)) == [
        ([*devices, "101@example.vn"], 45)
    ]
    group = RingGroup("600", strategy="sequential", members=members, ring_timeout_s=7)
    assert rung(group) == [(devices, 7), (["101@example.vn"], 7)]


def test_in_turn_each_for_his_own_time() -> None:
    group = RingGroup("600", strategy="sequential", members=MEMBERS, ring_timeout_s=7)
    assert rung(group) == [
        (["101@example.vn"], 7),
        (["102@example.vn"], 7),
        (["103@example.vn"], 7),
    ]


def test_a_round_robin_goes_on_where_it_was() -> None:
    group = RingGroup("600", strategy="round_robin", members=MEMBERS, next_member=4)
    assert [parties for parties, _ in rung(group)] == [
        ["102@example.vn"],
        ["103@example.vn"],
        ["101@example.vn"],
    ]


def test_who_cannot_be_reached_is_left_out() -> None:
    together = RingGroup("600", members=MEMBERS)
    in_turn = RingGroup("600", strategy="sequential", members=MEMBERS)
    assert [parties for parties, _ in rung(together, "102")] == [
        ["101@example.vn", "103@example.vn"]
    ]
    assert [parties for parties, _ in rung(in_turn, "101")] == [
        ["102@example.vn"],
        ["103@example.vn"],
    ]


def test_nobody_rings_where_nobody_can_be_reached() -> None:
    for strategy in ("ring_all", "sequential", "round_robin"):
        group = RingGroup("600", strategy=strategy, members=MEMBERS, next_member=1)
        assert rung(group, *MEMBERS) == []
        assert rung(RingGroup("600", strategy=strategy, next_member=1)) == []


def test_who_stands_there_twice_rings_once() -> None:
    group = RingGroup("600", members=("101", "102", "101"))
    assert [parties for parties, _ in rung(group)] == [["101@example.vn", "102@example.vn"]]


@given(st.lists(st.sampled_from(MEMBERS), unique=True), st.integers(0, 1000))
def test_a_round_robin_rings_everybody_once(members: list[str], turn: int) -> None:
    group = RingGroup("600", strategy="round_robin", members=tuple(members), next_member=turn)
    found = [parties[0].partition("@")[0] for parties, _ in rung(group)]
    assert sorted(found) == sorted(members)
    assert not members or found[0] == members[turn % len(members)]
