"""Whatever a switch may tell, in whatever order and however often: what must be true of every
call.
"""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pbx import company, ladder
from tongdai.pbx.actions import Dial
from tongdai.pbx.call import Call, is_worth_a_commit
from tongdai.pbx.cdr import Cdr
from tongdai.pbx.events import AT_THE_END, CallFacts
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.step import Step

AGAIN = ("hold", "unhold", "parked")
"""Events that a leg has as often as it happens."""
COMMANDS = (
    "hold",
    "unhold",
    *(f"record do={do}" for do in ("start", "stop", "pause", "resume")),
    *(f"transfer to={to}" for to in ("102", "600", "0912345678")),
    "park",
    "mute is_muted=true",
    "dtmf digits=1",
)
CHANNELS = ("customer", "carrier", "carrier2", "101", "101b", "102", "102b", "103")
SIGNALS = (
    *(
        f"{kind} {channel}"
        for channel in CHANNELS
        for kind in ("LegDialed", "LegRinging", "LegAnswered", "HangupAsked", "Unanswered")
    ),
    *(
        f"Refused {action} {channel}"
        for channel in CHANNELS
        for action in ("Dial", "Wait", "Ask", "HangUp", "Record", "Originate")
    ),
    *(
        f"LegHungUp {channel} {why}"
        for channel in CHANNELS
        for why in ("16", "0", "17 486", "19 480", "21 603")
    ),
    *(
        f"DialEnded {channel} {status}"
        for channel in ("customer", "101", "carrier")
        for status in ("NOANSWER", "BUSY", "CHANUNAVAIL")
    ),
    *(
        f"LegReplaced {channel} {before}"
        for channel in ("102", "103", "103b", "carrier2", "102@other.vn")
        for before in ("customer", "carrier", "101", "102")
    ),
    *(f"{kind} {channel}" for channel in CHANNELS for kind in ("LegHeld", "LegUnheld")),
    *(f"ControlAsked {command}" for command in COMMANDS),
    *(f"Executed {number}{refused}" for number in range(1, 5) for refused in ("", " refused")),
    *(f"TalkFound {state}" for state in ("held", "talking")),
    *(f"Severed {channel}" for channel in ("customer", "101")),
    *(
        f"BlindTransferred {channel} {to}"
        for channel in CHANNELS
        for to in ("103", "600", "700", "0912345678", "*9", "*70")
    ),
    *(
        f"PickupAsked {channel} {target}"
        for channel in ("104", "105")
        for target in ("101", "102")
    ),
    *(
        f"{kind} {channel}"
        for channel in ("104", "105")
        for kind in ("LegAnswered", "HangupAsked")
    ),
    *(f"RetrievalAsked {channel}" for channel in ("104", "105")),
    "Configured",
    "Configured refused",
    *(f"Chosen {keys}".strip() for keys in ("", "1", "9", "103", "#")),
    "AgentOffered 101",
    "AgentOffered 103",
    "TimerFired",
    "EndAsked",
    "RecordingFinished a.wav",
    "RecordingFinished lost",
)
BEGINNINGS = (
    *(
        f"Arrived trunk 0899888999 {hotline}"
        for hotline in ("19001919", "19001600", "19001601", "19001700", "028123")
    ),
    *(
        f"Arrived phone 101 {number}"
        for number in ("0899888999", "102", "600", "601", "700", "101", "*9", "*72102", "*78")
    ),
    *(f"Click 101 {number}" for number in ("0899888999", "102", "601")),
)


def _house(**domain: str) -> RoutingContext:
    context = company.context()
    for text in (
        "domain " + " ".join(f"{name}={value}" for name, value in domain.items()),
        "group 600 members=101,102,103 overflow=700",
        "group 601 strategy=sequential members=101,102,103 overflow=601",
        "queue 700 agents=101,103 timeout_s=60 overflow=102",
        "hotline 19001600 number=19001600 canonical=19001600 destination=600",
        "hotline 19001601 number=19001601 canonical=19001601 destination=601",
        "hotline 19001700 number=19001700 canonical=19001700 destination=700",
        "extension 103 recording=false",
    ):
        context = company.given(context, text)
    return context


HOUSES = {mode: _house(call_id_mode=mode) for mode in ("leg", "conversation")}
RECORDED = [
    flow
    for flow in ladder.read_all()
    if "#2" not in flow.text
    and "declined" not in flow.text
    and flow.context.directory.domain.ringing_hangups
]

STRANGERS = (
    "9.9 LegAnswered 102",
    "9.9 HangupAsked customer",
    "9.9 LegDialed 103",
    "9.9 LegHungUp 102 16",
)

modes = st.sampled_from(sorted(HOUSES))
delays = st.sampled_from((0.0, 0.1, 0.9, 3.0, 20.0, 61.0, -0.5))
happenings = st.lists(st.tuples(st.sampled_from(SIGNALS), delays), max_size=40)


@settings(max_examples=250)
@given(modes, st.sampled_from(BEGINNINGS), happenings)
def test_any_signals(mode: str, beginning: str, happening: list[tuple[str, float]]) -> None:
    seconds, said = 0.0, [f"0.0 {beginning}"]
    for signal, delay in happening:
        seconds = max(0.0, seconds + delay)
        said.append(f"{seconds:.1f} {signal}")
    _check(_steps(said, HOUSES[mode]), mode)


@settings(max_examples=250)
@given(st.sampled_from(RECORDED), modes, st.data())
def test_a_known_flow_out_of_order(flow: ladder.Ladder, mode: str, data: st.DataObject) -> None:
    """A ladder, some of whose signals are lost, told again or told later; and strangers among
    them.
    """
    first, *rest = [rung.said for rung in flow.rungs]
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(rest)))
        said = data.draw(st.sampled_from([*rest, *STRANGERS]))
        if data.draw(st.booleans()):
            rest.insert(place, said)
        elif place < len(rest):
            rest.pop(place)
    context = company.given(flow.context, f"domain call_id_mode={mode}")
    _check(_steps([first, *rest], context), mode)


def test_an_answer_is_lost_before_a_transfer() -> None:
    """What the test above found: the talk of who transferred has an answer all the same."""
    (flow,) = [each for each in RECORDED if each.name == "transfer_blind_outbound"]
    said = [rung.said for rung in flow.rungs if "LegAnswered carrier" not in rung.said]
    context = company.given(flow.context, "domain call_id_mode=leg")
    _check(_steps(said, context), "leg")


@settings(max_examples=250)
@given(st.sampled_from(RECORDED), modes, st.data())
def test_a_known_flow_over_a_crash(flow: ladder.Ladder, mode: str, data: st.DataObject) -> None:
    """The engine dies: it forgets what it has not committed. Then the CEL log tells of the whole
    call, from its beginning.
    """
    first, *rest = [rung.said for rung in flow.rungs]
    place = data.draw(st.integers(0, len(rest)))
    context = company.given(flow.context, f"domain call_id_mode={mode}")
    begun = ladder.begin(ladder.rung(first), context).outcome
    if not isinstance(begun, Step):
        return
    heard, committed = [begun], [begun]
    for said in rest[:place]:
        before = heard[-1].call
        if heard[-1].done:
            break
        _go_on(heard, said, context)
        if heard[-1].events or heard[-1].done or is_worth_a_commit(before, heard[-1].call):
            committed.append(heard[-1])
    if not committed[-1].done:
        for said in filter(None, map(_as_logged, rest)):
            _go_on(committed, said, context)
        _end(committed, rest[-1:] or [first], context)
    _check(committed, mode)


def _as_logged(said: str) -> str:
    """The signal in the CEL log; "" for those that it has not."""
    seconds, kind, *words = said.split()
    if kind == "LegHungUp":
        return f"{seconds} LegHungUp {words[0]} {words[1]} log"
    return said if kind in ("LegDialed", "LegAnswered", "HangupAsked") else ""


def _steps(said: Sequence[str], context: RoutingContext) -> list[Step]:
    """The steps of the call; at last its channels are hung up, and the recording is finished."""
    begun = ladder.begin(ladder.rung(said[0]), context)
    if not isinstance(begun.outcome, Step):
        return []
    steps = [begun.outcome]
    for text in said[1:]:
        _go_on(steps, text, context)
    _end(steps, said, context)
    return steps


def _end(steps: list[Step], said: Sequence[str], context: RoutingContext) -> None:
    last = f"{max(float(text.split()[0]) for text in said):.1f}"
    for leg in steps[-1].call.live_legs:
        _go_on(steps, f"{last} LegHungUp {leg.channel} 16", context)
    _go_on(steps, f"{last} RecordingFinished a.wav", context)


def _go_on(steps: list[Step], said: str, context: RoutingContext) -> None:
    before = steps[-1]
    if before.done:
        return
    outcome = ladder.go_on(ladder.rung(said), before.call, {}, context).outcome
    assert isinstance(outcome, Step)
    if outcome.unexpected:
        assert outcome == Step(before.call, unexpected=True)
    for action in outcome.actions:
        if isinstance(action, Dial):
            leg = outcome.call.leg(action.channel)
            assert leg, action
            assert leg.is_live, action
    steps.append(outcome)


def _check(steps: list[Step], mode: str) -> None:
    if not steps:
        return
    assert steps[-1].done
    told = [
        (event.name, event.facts)
        for step in steps
        for event in step.events
        if isinstance(event.facts, CallFacts)
    ]
    _check_events(told, steps[-1].call, mode)
    records = [step.cdr for step in steps if step.cdr]
    assert [step.cdr is not None for step in steps if step.done] == [True]
    for record in records:
        _check_record(record)
    (last,) = [facts for name, facts in told if name == "cdr"]
    record = records[-1]
    assert (last.call_id, last.sip_call_id) == (record.call_id, record.sip_call_id)
    assert last.duration == record.duration
    assert (
        len(
            {(one.cdr_uuid, one.status, one.cause, one.time_ended, one.billsec) for one in records}
        )
        == 1
    )


def _check_events(told: list[tuple[str, CallFacts]], call: Call, mode: str) -> None:
    talks = [(name, facts) for name, facts in told if name not in AGAIN]
    counts = Counter((facts.call_id, name) for name, facts in talks)
    for (call_id, state), count in counts.items():
        most = (
            len({leg.leg_uuid for leg in call.published_legs})
            if (mode, state) == ("conversation", "ringing")
            else 1
        )
        assert count <= most, (call_id, state)
    ringing = {facts.call_id for name, facts in told if name == "ringing"}
    hung_up = {facts.call_id for name, facts in told if name == "hangup"}
    assert {facts.call_id for name, facts in told if name == "answered"} <= ringing
    assert hung_up == (ringing or {call.call_uuid})
    for call_id in {facts.call_id for _, facts in told}:
        _check_order([name for name, facts in talks if facts.call_id == call_id], mode)
    for name, facts in told:
        _check_end(name, facts)


def _check_end(name: str, facts: CallFacts) -> None:
    assert 0 <= facts.billsec <= facts.duration
    end = (facts.time_ended, facts.status, facts.cause, facts.hangup_by)
    assert all(end) if name in AT_THE_END else not any(end)
    has_left = name in AT_THE_END and facts.reason != "transferred"
    assert bool(facts.sip_hangup_disposition) == has_left
    if name in AT_THE_END:
        assert (facts.status == "ANSWERED") == (facts.time_answered is not None)
        assert facts.time_started <= (facts.time_answered or facts.time_started)
    assert bool(facts.reason) == (name == "hangup" and facts.status != "ANSWERED")


def _check_order(states: list[str], mode: str) -> None:
    known = ["ringing", "answered", "hangup", "missed", "cdr"]
    ranks = [known.index(state) for state in states if mode == "leg" or state != "ringing"]
    assert ranks == sorted(ranks), states


def _check_record(record: Cdr) -> None:
    assert (
        record.time_started <= (record.time_answered or record.time_started) <= record.time_ended
    )
    shown = [moment.replace(microsecond=0) for moment in (record.time_started, record.time_ended)]
    assert record.duration == (shown[1] - shown[0]).total_seconds()
    assert 0 <= record.billsec <= record.duration
    assert (record.status == "ANSWERED") == (record.time_answered is not None)
    assert record.hangup_by in ("caller", "callee", "system")
    assert all(isinstance(uuid, UUID) for uuid in record.other_ids)
    assert all(text.startswith("sip-") for text in record.other_sip_call_ids)
