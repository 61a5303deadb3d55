"""Draws docs/call-flow.md from the code: every call that a ladder knows, at every moment, meets
every signal.

python -m tests.pbx.diagram      writes it anew
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec

from tests.pbx import ladder
from tongdai.pbx import signals
from tongdai.pbx.call import Call, Stage, due
from tongdai.pbx.call_flow import step
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.step import Step

PAGE = Path(__file__).parents[2] / "docs" / "call-flow.md"

_INTRODUCTION = """\
# How calls go

Drawn from `tongdai/pbx` by running it: every call of `tests/pbx/ladders`, at every moment of its
life, met every signal. Do not edit it: `python -m tests.pbx.diagram` draws it anew, and a test
fails when it is old.

A call always has one of eight courses (`pbx.call.Course`). A *signal* is what the switch, a queue
or a timer reports of it; the code then says which course comes next, what the switch must do
(*actions*) and what is published to subscribers (*events*). The flows themselves, line by line,
are in [`tests/pbx/ladders`](../tests/pbx/ladders).

- **calling**: click-to-call, the extension's own phones ring
- **ringing**: parties are being called
- **waiting**: in a queue, with music
- **choosing**: in a menu
- **parked**: with music, until a phone takes the call back
- **talking**: two parties are connected; the switch alone keeps them so
- **leaving**: the caller, or transferee, is being released or has left; channels are left
- **ended**: no channel is left; at most the recording is still being finished
"""


class Change(msgspec.Struct, frozen=True):
    """One thing that a signal made of a call in a course. `before` None: the call began."""

    before: Stage | None
    signal: str
    after: Stage
    actions: tuple[str, ...]
    events: tuple[str, ...]
    is_noted: bool  # the call is not the same as before


def page() -> str:
    changes = sorted(set(_changes()), key=_order)
    return f"{_INTRODUCTION}\n{_drawing(changes)}\n{_table(changes)}"


def _changes() -> Iterator[Change]:
    for flow in ladder.read_all():
        for played in ladder.play(flow):
            if isinstance(played.outcome, Step):
                if played.before is None or isinstance(played.signal, signals.AttendedTransferred):
                    yield _change(played.before, played.rung.words[0], played.outcome)
                yield from _met(played.outcome.call, flow.context)


def _met(call: Call, context: RoutingContext) -> Iterator[Change]:
    for signal in _signals(call):
        yield _change(call, type(signal).__name__, step(call, signal, context))


def _signals(call: Call) -> Iterator[signals.Signal]:
    """Everything that could happen to a call a second later."""
    at = (call.ended_at or call.returned_at or call.answered_at or call.started_at) + timedelta(
        seconds=1
    )
    for channel in (*(leg.channel for leg in call.legs), "stranger"):
        yield signals.LegDialed(channel, at, "104@example.vn", "sip-104")
        yield signals.LegRinging(channel, at)
        yield signals.LegAnswered(channel, at)
        yield signals.HangupAsked(channel, at)
        yield signals.LegHungUp(channel, at, 16)
        yield signals.DialEnded(channel, at, "NOANSWER", 0)
        yield signals.LegReplaced("104", at, channel, "104@example.vn", "PJSIP/104@example.vn-1")
        yield signals.Severed(channel, at)
        yield signals.Unanswered(channel, at)
        for action in ("Dial", "Wait", "HangUp", "Record", "Originate"):
            yield signals.Refused(channel, at, ladder.refused_action(action, channel, call), 500)
        yield from (
            signals.BlindTransferred(channel, at, number)
            for number in ("102", "700", "0912345678", "99")
        )
    yield signals.AgentOffered(call.channel, at, "101")
    yield signals.TimerFired(call.channel, due(call) or at)
    yield signals.RecordingFinished(call.channel, at, "a.wav")


def _change(before: Call | None, signal: str, outcome: Step) -> Change:
    return Change(
        before=before.stage if before else None,
        signal=signal,
        after=outcome.call.stage,
        actions=tuple(type(action).__name__ for action in outcome.actions),
        events=tuple(event.name for event in outcome.events),
        is_noted=outcome.call != before,
    )


def _order(change: Change) -> tuple[int, str, int, str]:
    stages = list(Stage)
    first = stages.index(change.before) if change.before else -1
    return first, change.signal, stages.index(change.after), repr(change)


def _drawing(changes: list[Change]) -> str:
    """The moves from course to course, in Mermaid."""
    edges: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for change in changes:
        if change.before != change.after:
            edges[change.before or "[*]", change.after][change.signal] = None
    lines = [
        f"    {before} --> {after}: {', '.join(kinds)}" for (before, after), kinds in edges.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "    ended --> [*]", "```", ""])


def _table(changes: list[Change]) -> str:
    """The results of each signal in each course. Signals without a row change nothing."""
    cells: defaultdict[tuple[str, str], list[Change]] = defaultdict(list)
    for change in changes:
        if change.is_noted or change.actions or change.events:
            cells[change.before or "(none)", change.signal].append(change)
    lines = [
        f"| {before} | {signal} | {_list(change.after for change in found)} |"
        f" {_list(action for change in found for action in change.actions)} |"
        f" {_list(event for change in found for event in change.events)} |"
        for (before, signal), found in cells.items()
    ]
    about = (
        "What each signal may come to. A signal that is not listed in a course changes nothing;"
        " if it means nothing there, it is counted (`tongdai_unexpected_signals_total`).\n"
    )
    head = [
        about,
        "| in | signal | then | actions | events |",
        "| --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *lines, ""])


def _list(names: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(names))


if __name__ == "__main__":
    PAGE.write_text(page())
