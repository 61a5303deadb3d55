"""Visits of ring groups and queues, and parts of extensions, in records of whole call flows."""

import msgspec
import pytest

from tests.pbx import ladder
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.step import Step

ENDS = {
    "queue_overflow_to_queue": (
        "60.0 HangupAsked 102",
        "60.0 LegHungUp 102 16",
        "60.1 LegHungUp customer 16",
    ),
    "transfer_blind_queue": (
        "43.0 HangupAsked 103",
        "43.0 LegHungUp 103 16",
        "43.1 LegHungUp customer 16",
    ),
}
"""The rest of flows that stop while the call goes on."""


def record(name: str) -> Cdr:
    """The record of that flow."""
    flow = ladder.read(ladder.FOLDER / f"{name}.txt")
    rest = tuple(map(ladder.rung, ENDS.get(name, ())))
    flow = msgspec.structs.replace(flow, rungs=(*flow.rungs, *rest))
    records = [
        one.outcome.cdr
        for one in ladder.play(flow)
        if isinstance(one.outcome, Step) and one.outcome.cdr
    ]
    return records[-1]


@pytest.mark.parametrize(
    ("flow", "visits"),
    [
        ("queue_answered", ["queue 700 answered 102 12 30"]),
        ("queue_ignored_offer", ["queue 700 answered 102 17 3"]),
        ("queue_abandoned", ["queue 700 abandoned - 33 0"]),
        ("queue_abandoned_while_ringing", ["queue 700 abandoned - 5 0"]),
        ("queue_abandoned_as_answered", ["queue 700 abandoned - 5 0"]),
        ("queue_agents_away", ["queue 700 no_answer - 300 0"]),
        (
            "queue_overflow_to_queue",
            ["queue 700 overflowed - 20 0", "queue 701 answered 102 7 33"],
        ),
        ("transfer_blind_queue", ["queue 700 answered 103 3 20"]),
        ("transfer_blind_queue_abandoned", ["queue 700 abandoned - 5 0"]),
        ("group_second_answers", ["ring_group 600 answered 102 4 10"]),
        ("group_all_busy", ["ring_group 600 busy - 0 0"]),
    ],
)
def test_visits_of_ring_groups_and_queues(flow: str, visits: list[str]) -> None:
    assert visits == [
        f"{one.kind} {one.number} {one.outcome} {one.extension or '-'} {one.wait_s} {one.talk_s}"
        for one in record(flow).visits
    ]


@pytest.mark.parametrize(
    ("flow", "parts"),
    [
        ("queue_answered", ["102 answered 3 30"]),
        ("queue_ignored_offer", ["101 no_answer 15 0", "102 answered 2 3"]),
        ("queue_abandoned_while_ringing", ["101 abandoned 5 0"]),
        ("group_second_answers", ["102 answered 4 10"]),  # those that rang with it have none
        ("transfer_blind_queue", ["101 answered 4 16", "103 answered 2 20"]),
    ],
)
def test_parts_of_extensions(flow: str, parts: list[str]) -> None:
    assert parts == [
        f"{one.extension} {one.outcome} {one.wait_s} {one.talk_s}" for one in record(flow).parts
    ]
