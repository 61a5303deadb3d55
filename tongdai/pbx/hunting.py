"""Hunting: the order in which the members of a ring group ring, by its strategy."""

from collections.abc import Callable
from itertools import chain
from typing import assert_never

import msgspec

from tongdai.pbx.actions import Party
from tongdai.pbx.directory import RingGroup, Strategy


class HuntStep(msgspec.Struct, frozen=True):
    """Parties that ring together for at most `timeout_s` seconds. `caller_id` is the number
    presented to them, "" for the caller's own.
    """

    parties: tuple[Party, ...]
    timeout_s: int
    caller_id: str = ""


def meaning(strategy: Strategy) -> str:
    """The strategy in words, for operators."""
    match strategy:
        case "ring_all":
            return "all at once"
        case "sequential":
            return "one after the other"
        case "round_robin":
            return "one after the other, beginning with the next"
        case _:
            assert_never(strategy)


def rotates(strategy: Strategy) -> bool:
    """Whether the next call begins with another member (`RingGroup.next_member`)."""
    match strategy:
        case "round_robin":
            return True
        case "ring_all" | "sequential":
            return False
        case _:
            assert_never(strategy)


def steps(
    group: RingGroup,
    reachable: Callable[[str], bool],
    endpoints: Callable[[str], tuple[str, ...]],
) -> tuple[HuntStep, ...]:
    """The hunt steps of the group: simultaneous hunting (ring_all) is one step; linear and
    circular hunting (sequential, round_robin) ring each member once, one a step. `endpoints` gives
    the endpoints of a member's devices, which ring together.
    """
    members = tuple(dict.fromkeys(group.members))
    start = group.next_member % len(members) if members else 0

    def rung(members: tuple[str, ...]) -> list[tuple[Party, ...]]:
        return [tuple(map(Party, endpoints(member))) for member in members if reachable(member)]

    match group.strategy:
        case "ring_all":
            together = tuple(chain.from_iterable(rung(members)))
            return (HuntStep(together, group.timeout_s),) if together else ()
        case "sequential":
            in_turn = rung(members)
        case "round_robin":
            in_turn = rung(members[start:] + members[:start])
        case _:
            assert_never(group.strategy)
    return tuple(HuntStep(parties, group.ring_timeout_s) for parties in in_turn)
