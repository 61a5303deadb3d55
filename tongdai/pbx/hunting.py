"""Hunting: the order in which the members of a ring group ring, by its strategy."""

from collections.abc import Callable
from itertools import chain

import msgspec

from tongdai.pbx.actions import Party
from tongdai.pbx.directory import RingGroup


class HuntStep(msgspec.Struct, frozen=True):
    """Parties that ring together for at most `timeout_s` seconds."""

    parties: tuple[Party, ...]
    timeout_s: int


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
    if group.strategy == "round_robin" and members:
        start = group.next_member % len(members)
        members = members[start:] + members[:start]
    rung = [tuple(map(Party, endpoints(member))) for member in members if reachable(member)]
    if group.strategy == "ring_all":
        return (HuntStep(tuple(chain.from_iterable(rung)), group.timeout_s),) if rung else ()
    return tuple(HuntStep(parties, group.ring_timeout_s) for parties in rung)
