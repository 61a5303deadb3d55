"""tongdai status: what goes on now."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

import msgspec

from tongdai import errors, ids
from tongdai.cli import options, session, terminal
from tongdai.cli.calls import AnyDomain
from tongdai.dialects.live import (
    KINDS,
    LiveAgent,
    LiveCall,
    LiveQueue,
    LiveRegistration,
    LiveState,
    LiveTrunk,
)
from tongdai.store import db, domains, live_state, outstanding
from tongdai.store.live_state import Row

_LOOK_S, _ANSWER_S = 0.1, 10.0


class Line(msgspec.Struct, frozen=True):
    """A thing, for people."""

    what: str
    name: str
    state: str


def status(*, domain: AnyDomain = "", as_json: options.Json = False) -> None:
    """Show what goes on now.

    Of a domain: its calls, queues with who waits, agents, registered phones and trunks, as the
    engine tells. Of all domains: their live calls, and the deliveries that are due.

    Example: tongdai status -d sales.example.vn
    """
    if not domain:
        rows = session.run(outstanding.all)
        return terminal.many(rows, "domain", "live", "live_s", "due", "due_s", as_json=as_json)
    state = session.in_steps(lambda database: _state(database, domain))
    if as_json:
        return terminal.json(state)
    return terminal.many(list(_lines(state)), *Line.__struct_fields__, as_json=False)


async def _state(database: db.Database, name: str) -> LiveState:
    """The domain's live state. Raises errors.NotFound, and errors.SwitchDown when no engine tells
    it.
    """
    process_uuid = ids.new()
    async with database.transaction() as tx:
        known = await domains.by_name(tx, name)
        await live_state.want(tx, [known.domain_uuid], process_uuid)
    terminal.in_zone(known.time_zone)
    try:
        return _decoded(await _published(database, known.domain_uuid))
    finally:
        async with database.transaction() as tx:
            await live_state.leave(tx, process_uuid)


async def _published(database: db.Database, domain_uuid: UUID) -> list[Row]:
    until = asyncio.get_running_loop().time() + _ANSWER_S
    while asyncio.get_running_loop().time() < until:
        async with database.connection() as tx:
            if rows := await live_state.since(tx, {domain_uuid: 0}):
                return [*rows]
        await asyncio.sleep(_LOOK_S)
    raise errors.SwitchDown


def _decoded(rows: list[Row]) -> LiveState:
    bodies: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for row in rows:
        if row.body is not None and row.kind in bodies:
            bodies[row.kind].append(row.body)
    things = {kind: msgspec.Raw(f"[{','.join(each)}]".encode()) for kind, each in bodies.items()}
    seq = max(row.seq for row in rows)
    return msgspec.json.decode(msgspec.json.encode({"seq": seq, **things}), type=LiveState)


def _lines(state: LiveState) -> Iterator[Line]:
    yield Line("calls", "", _calls(state.calls))
    yield from map(_queue, sorted(state.queues, key=lambda queue: queue.number))
    yield from map(_agent, sorted(state.agents, key=lambda agent: agent.extension))
    yield from map(_registration, sorted(state.registrations, key=lambda one: one.extension))
    yield from map(_trunk, sorted(state.trunks, key=lambda trunk: trunk.name))


def _calls(calls: list[LiveCall]) -> str:
    counts = Counter(call.state for call in calls)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"


def _queue(queue: LiveQueue) -> Line:
    who = ", ".join(f"{one.number} since {terminal.local(one.since)}" for one in queue.waiting)
    waits = f"{len(queue.waiting)} waiting: {who}" if who else "nobody waits"
    return Line("queue", f"{queue.number} {queue.name}".strip(), waits)


def _agent(agent: LiveAgent) -> Line:
    until = f" until {terminal.local(agent.until)}" if agent.until else ""
    state = agent.state.replace("_", "-")
    return Line("agent", f"{agent.extension} {agent.name}".strip(), f"{state}{until}")


def _registration(one: LiveRegistration) -> Line:
    phones = (
        phone.address
        + (f" since {terminal.local(phone.since)}" if phone.since else "")
        + ("" if phone.is_reachable else ", does not respond")
        for phone in one.phones
    )
    return Line("phones", one.extension, "; ".join(phones))


def _trunk(trunk: LiveTrunk) -> Line:
    parts = [f"{trunk.calls} of {trunk.max_calls} calls"]
    if not trunk.enabled:
        parts.append("disabled")
    if trunk.is_registered is not None:
        parts.append("registered" if trunk.is_registered else "not registered")
        parts.append(f"carrier's answer {trunk.sip_status}" if trunk.sip_status else "no answer")
    return Line("trunk", trunk.name, ", ".join(parts))
