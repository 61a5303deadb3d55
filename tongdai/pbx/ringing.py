"""Ring strategies: who rings together, and in which order."""

from collections.abc import Callable

import msgspec

from tongdai.pbx.actions import Party
from tongdai.pbx.directory import RingGroup


class Round(msgspec.Struct, frozen=True):
    """Parties that ring together for at most `timeout_s` seconds."""

    parties: tuple[Party, ...]
    timeout_s: int


def rounds(group: RingGroup, reachable: Callable[[str], bool], domain: str) -> tuple[Round, ...]:
    """The group's rounds. Ring-all is one round; the others ring one member a round, once each."""
    members = tuple(dict.fromkeys(group.members))
    if group.strategy == "round_robin" and members:
        start = group.next_member % len(members)
        members = members[start:] + members[:start]
    parties = [Party(endpoint=f"{member}@{domain}") for member in members if reachable(member)]
    if group.strategy == "ring_all":
        return (Round(tuple(parties), group.timeout_s),) if parties else ()
    return tuple(Round((party,), group.ring_timeout_s) for party in parties)
