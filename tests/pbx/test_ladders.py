"""Every call flow of `ladders/`, as it is written there; again with each signal told twice; again
over restarts.
"""

import msgspec
import pytest

from tests.pbx import ladder
from tests.pbx.ladder import Ladder
from tongdai.pbx.call import Call
from tongdai.pbx.call_flow import step
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
