"""Automatic call distribution: pairs waiting calls with agents."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from tongdai.pbx.directory import Queue

# the least no-answer delay in seconds: else an agent without a registered phone would be offered
# every call
LEAST_DELAY_S = 1


class Caller(msgspec.Struct, frozen=True):
    """A waiting caller of the queue, in the order of `since`, which unanswered offers do not
    change.
    """

    call: str
    since: datetime


class Agent(msgspec.Struct, frozen=True):
    """An agent's state: its live legs, the end of its last talk, and of its last unanswered
    offer.
    """

    talks: int = 0
    talked_until: datetime | None = None
    ignored_at: datetime | None = None


def offers(
    queue: Queue, waiting: Sequence[Caller], agents: Mapping[str, Agent], now: datetime
) -> list[tuple[Caller, str]]:
    """Pairs of caller and agent: the earliest caller gets the agent that has been idle for
    longest. An agent gets one call.

    `agents` are the queue's agents that may be rung. Agents without a talk yet come first; between
    equals, the order of the queue decides.
    """
    free = [name for name in _present(queue, agents) if _is_free(queue, agents[name], now)]
    free.sort(key=lambda name: _last_asked(agents[name]))
    return list(
        zip(sorted(waiting, key=lambda caller: (caller.since, caller.call)), free, strict=False)
    )


def next_look(queue: Queue, agents: Mapping[str, Agent], now: datetime) -> datetime | None:
    """The earliest end of an agent's no-answer delay or wrap-up; None if no agent has either."""
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
    rested = agent.ignored_at and agent.ignored_at + timedelta(
        seconds=max(queue.no_answer_delay_s, LEAST_DELAY_S)
    )
    wrapped_up = agent.talked_until and agent.talked_until + timedelta(seconds=queue.wrap_up_s)
    return max(filter(None, (rested, wrapped_up)), default=None)


def _last_asked(agent: Agent) -> float:
    last = max(filter(None, (agent.talked_until, agent.ignored_at)), default=None)
    return last.timestamp() if last else 0.0
