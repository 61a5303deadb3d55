"""Every call flow of `ladders/`, as it is written there; again with each signal told twice; again
over restarts.
"""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from tests.pbx import ladder
from tests.pbx.ladder import Ladder
from tongdai.pbx.call import Call
from tongdai.pbx.call_flow import step
from tongdai.pbx.events import CallFacts, Event
from tongdai.pbx.signals import LegHungUp
from tongdai.pbx.step import Step

LADDERS = ladder.read_all()
each = pytest.mark.parametrize("flow", LADDERS, ids=[flow.name for flow in LADDERS])


@each
def test_plays_as_written(flow: Ladder) -> None:
    assert ladder.played_text(flow) == flow.text


@each
def test_a_signal_told_twice_counts_once(flow: Ladder) -> None:
    for played in ladder.play(flow):
        if isinstance(played.outcome, Step) and played.signal and not played.outcome.done:
            call = played.outcome.call
            again = step(call, played.signal, flow.context)
            assert (again.actions, again.events, again.cdr) == ((), (), None), played.rung.said
            assert again.call == call, played.rung.said


@each
def test_goes_on_after_a_restart(flow: Ladder) -> None:
    def kept(call: Call) -> Call:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(call), type=Call)

    assert ladder.played_text(flow, kept) == flow.text


@each
def test_each_extension_that_rings_has_one_hangup(flow: Ladder) -> None:
    """Whatever is left of the flow is hung up at last."""
    events = played_to_the_end(flow)
    ringing = Counter(call_ids(events, "ringing"))
    hung_up = Counter(call_ids(events, "hangup"))
    assert set(hung_up.values()) <= {1}
    domain = flow.context.directory.domain
    if domain.call_id_mode == "leg":
        assert set(ringing.values()) <= {1}
    if ringing and domain.ringing_hangups:
        assert hung_up.keys() == ringing.keys()


@each
def test_a_domain_may_count_hangups(flow: Ladder) -> None:
    """One for each talk, or one for a call without."""
    domain = msgspec.structs.replace(flow.context.directory.domain, ringing_hangups=False)
    directory = msgspec.structs.replace(flow.context.directory, domain=domain)
    context = msgspec.structs.replace(flow.context, directory=directory)
    events = played_to_the_end(msgspec.structs.replace(flow, context=context))
    hung_up, answered = call_ids(events, "hangup"), call_ids(events, "answered")
    if domain.call_id_mode == "leg" and answered:
        assert sorted(hung_up) == sorted(answered)
    elif domain.call_id_mode == "leg" and events:
        assert len(hung_up) == len(call_ids(events, "cdr"))


def played_to_the_end(flow: Ladder) -> list[Event]:
    calls: dict[UUID, Call] = {}
    events: list[Event] = []
    at = ladder.NOON
    for played in ladder.play(flow):
        if isinstance(played.outcome, Step):
            call, at = played.outcome.call, played.rung.at
            calls[call.call_uuid] = call
            for merged in call.merged:
                calls.pop(merged, None)
            events += played.outcome.events
    for call in calls.values():
        left = Step(call)
        for leg in call.live_legs:
            over = LegHungUp(leg.channel, at + timedelta(seconds=1), 16)
            left = step(left.call, over, flow.context)
            events += left.events
    return events


def call_ids(events: list[Event], name: str) -> list[UUID]:
    return [
        event.facts.call_id
        for event in events
        if event.name == name and isinstance(event.facts, CallFacts)
    ]
