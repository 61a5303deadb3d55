"""What an operator should know of a trunk's address when it is made, and the doctor at any time:
names that do not resolve, and trunks of other domains there.
"""

import socket
from collections.abc import Iterator, Sequence
from uuid import UUID

from tongdai.pbx import sip_address
from tongdai.store import db, trunk_conflicts, trunks
from tongdai.store.trunk_conflicts import TrunkConflict
from tongdai.store.trunk_registrations import Registration


class Shown(trunks.Trunk, frozen=True, kw_only=True):
    """A trunk as the list shows it."""

    registration: str = ""


def state(trunk: trunks.Trunk, known: Sequence[Registration]) -> str:
    """The state of the trunk's registration, and the carrier's last answer; "" if it does not
    register.
    """
    if trunk.auth != "registration":
        return ""
    found = next((each for each in known if each.trunk_uuid == trunk.trunk_uuid), None)
    if found is None:
        return "not heard of yet"
    since = found.since.astimezone().isoformat(" ", "seconds")
    if found.is_registered:
        return f"registered since {since}"
    answer = f"the carrier answers {found.sip_status}" if found.sip_status else "no answer"
    return f"not registered since {since}: {answer}"


SEVERAL = "See docs/trunks.md, Several companies, one carrier."


async def conflicts(tx: db.Tx, _domain_uuid: UUID, trunk_uuid: UUID) -> Sequence[TrunkConflict]:
    """As trunk_conflicts.neighbours, for a command in a domain."""
    return await trunk_conflicts.neighbours(tx, trunk_uuid)


def remarks(trunk: trunks.Trunk, neighbours: Sequence[TrunkConflict]) -> Iterator[str]:
    """Lines for the operator who has just made or changed the trunk."""
    if why := unresolved(trunk.host):
        yield f"warning: {why}"
    if neighbours:
        names = ", ".join(f"{each.other_trunk} ({each.other_domain})" for each in neighbours[:5])
        more = f" and {len(neighbours) - 5} more" if neighbours[5:] else ""
        yield f"note: the same address has {names}{more}: the number called decides between them"
    for each in neighbours:
        yield from (f"warning: {line}" for line in described(each))


def described(conflict: TrunkConflict) -> Iterator[str]:
    """A line for each thing that the number called cannot decide."""
    other = f"trunk {conflict.other_trunk} of {conflict.other_domain}"
    pair = f"trunk {conflict.trunk} and {other} have the same address"
    if conflict.numbers:
        numbers = ", ".join(conflict.numbers)
        yield f"{pair}, and both companies have the hotline {numbers}: its calls are refused"
    if conflict.has_other_place:
        yield f"{pair}, but another --called-number-in: only one of them can be right"
    if conflict.has_other_addresses:
        yield (
            f"trunk {conflict.trunk} and {other} have overlapping addresses: give both the same, "
            "else some calls are refused while no engine answers"
        )


def unresolved(host: str) -> str:
    """Why the switch cannot reach the host, "" if it resolves. Blocking."""
    name = sip_address.host(host)
    try:
        socket.getaddrinfo(name, None)
    except OSError as reason:
        return f"host {name} does not resolve ({reason.strerror}): the switch cannot reach it"
    return ""
