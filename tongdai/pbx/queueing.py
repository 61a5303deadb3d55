"""Automatic call distribution: which waiting call is offered to which agent."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from tongdai.pbx.directory import Queue

# at least, after an offer in vain: an agent whose phone is away would be asked again and again
REST_S = 1


class Waiting(msgspec.Struct, frozen=True):
    """A caller in the queue; the position is by `since`, kept through unanswered offers."""

    call: str
    since: datetime


class Agent(msgspec.Struct, frozen=True):
    """What an extension has been doing: live legs, the end of its last talk, and of its last
    unanswered offer.
    """

    talks: int = 0
    talked_until: datetime | None = None
    ignored_at: datetime | None = None


def offers(
    queue: Queue, waiting: Sequence[Waiting], agents: Mapping[str, Agent], now: datetime
) -> list[tuple[Waiting, str]]:
    """Pairs of caller and agent: first come first served, to the agent idle for longest. An agent
    gets one call.

    `agents` are those of the queue who may be rung at all; idle for ever first, the queue's own
    order between equals.
    """
    free = [name for name in _present(queue, agents) if _is_free(queue, agents[name], now)]
    free.sort(key=lambda name: _last_asked(agents[name]))
    return list(
        zip(sorted(waiting, key=lambda caller: (caller.since, caller.call)), free, strict=False)
    )


def next_look(queue: Queue, agents: Mapping[str, Agent], now: datetime) -> datetime | None:
    """When an agent who is only resting or wrapping up becomes free; None when no clock will free
    one.
    """
    moments = [
        _free_at(queue, agents[name]) for name in _present(queue, agents) if not agents[name].talks
    ]
    return min((moment for moment in moments if moment and moment > now), default=None)


def _present(queue: Queue, agents: Mapping[str, Agent]) -> list[str]:
    return [name for name in dict.fromkeys(queue.agents) if name in agents]


def _is_free(queue: Queue, agent: Agent, now: datetime) -> bool:
    free_at = _free_at(queue, agent)
    return agent.talks == 0 and (free_at is None or free_at <= now)


def _free_at(queue: Queue, agent: Agent) -> datetime | None:
    rested = agent.ignored_at and agent.ignored_at + timedelta(seconds=max(queue.rest_s, REST_S))
    wrapped_up = agent.talked_until and agent.talked_until + timedelta(seconds=queue.wrap_up_s)
    return max(filter(None, (rested, wrapped_up)), default=None)


def _last_asked(agent: Agent) -> float:
    last = max(filter(None, (agent.talked_until, agent.ignored_at)), default=None)
    return last.timestamp() if last else 0.0
