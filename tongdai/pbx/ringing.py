"""Ring strategies: who rings together, and in which order."""

from collections.abc import Callable
from itertools import chain

import msgspec

from tongdai.pbx.actions import Party
from tongdai.pbx.directory import RingGroup


class Round(msgspec.Struct, frozen=True):
    """Parties that ring together for at most `timeout_s` seconds."""

    parties: tuple[Party, ...]
    timeout_s: int


def rounds(
    group: RingGroup,
    reachable: Callable[[str], bool],
    endpoints: Callable[[str], tuple[str, ...]],
) -> tuple[Round, ...]:
    """The group's rounds. Ring-all is one round; the others ring one member a round, once each.
    `endpoints` gives the endpoints of a member's devices, which ring together.
    """
    members = tuple(dict.fromkeys(group.members))
    if group.strategy == "round_robin" and members:
        start = group.next_member % len(members)
        members = members[start:] + members[:start]
    rung = [tuple(map(Party, endpoints(member))) for member in members if reachable(member)]
    if group.strategy == "ring_all":
        return (Round(tuple(chain.from_iterable(rung)), group.timeout_s),) if rung else ()
    return tuple(Round(parties, group.ring_timeout_s) for parties in rung)
