"""Call flows as text: what happens, and what comes of it. `ladders/*.txt` are read, played through
`pbx`, compared.

    A customer calls the hotline; extension 101 answers.
    given group 600 members=101,102
    0.1 LegDialed 101 | ringing | | ringing call 0899>101
    record ANSWERED NORMAL_CLEARING ...

First what the flow is about; "given" says how the company differs from company.COMPANY. A rung is
seconds and signal | stage | actions | events; "unexpected" after the stage when the signal means
nothing. A record is what the rung above it wrote.

Channels are named by their parties: customer (customer2 with "trunk2"), carrier, carrier2 (behind
a further trunk), 101, and 101b or 101-1 for a second phone. Events are named by the leg whose id
they carry; "call" is the conversation's own, "former" that of a consultation. Durations are
duration/billsec; a hangup's are followed by the reason why a phone stopped ringing, and by the
SIP disposition. "#2" before a signal means the second call of the ladder. "log" after LegHungUp
means that the CEL log tells it, with the DIALSTATUS that follows. A HangUp has the Q.850 cause,
and the SIP status if Asterisk would make another of that.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec

from tests.pbx import company
from tongdai import ids
from tongdai.pbx import setup, signals, transfer
from tongdai.pbx.actions import (
    Action,
    Adopt,
    Ask,
    Configure,
    Confirm,
    Dial,
    Fetch,
    FinishRecording,
    HangUp,
    Originate,
    Park,
    PickUp,
    Record,
    Rotate,
    Steer,
    StopRecord,
    SwitchAction,
    Wait,
)
from tongdai.pbx.call import Call
from tongdai.pbx.call_flow import step
from tongdai.pbx.cdr import DIRECTIONS, Cdr
from tongdai.pbx.commands import Answer, ClickToCall, Control
from tongdai.pbx.events import AT_THE_END, CallFacts, Event
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.step import Declined, Step

FOLDER = Path(__file__).parent / "ladders"
NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)


class Rung(msgspec.Struct, frozen=True):
    """One line of a ladder up to its first bar."""

    said: str
    at: datetime
    call: str
    words: tuple[str, ...]


class Ladder(msgspec.Struct, frozen=True):
    """`text` is the rungs and records as they are to be, blanks aside."""

    name: str
    about: str
    context: RoutingContext
    rungs: tuple[Rung, ...]
    text: str


class Played(msgspec.Struct, frozen=True):
    """The result of a rung. `before` is None where a call began, `signal` where the API asked for
    it.
    """

    rung: Rung
    before: Call | None
    signal: signals.Signal | None
    outcome: Step | Declined

    @property
    def lines(self) -> list[str]:
        if isinstance(self.outcome, Declined):
            return [f"{self.rung.said} | declined | {_answer(self.outcome.answer)}"]
        return _lines(self.rung, self.outcome)


def read(path: Path) -> Ladder:
    about, context, rungs, lines = "", company.context(), [], []
    for line in path.read_text().splitlines():
        text = " ".join(line.split()).rstrip(" |")
        if text.startswith("given "):
            context = company.given(context, text.removeprefix("given "))
        elif re.match(r"[0-9]+\.[0-9] ", text):
            rungs.append(rung(text.partition(" |")[0]))
            lines.append(text)
        elif text.startswith("record "):
            lines.append(text)
        else:
            about = f"{about} {text}".strip()
    return Ladder(path.stem, about, context, tuple(rungs), "\n".join(lines))


def rung(said: str) -> Rung:
    seconds, *words = said.split()
    call = words.pop(0) if words[0].startswith("#") else "#1"
    return Rung(said, NOON + timedelta(seconds=float(seconds)), call, tuple(words))


def read_all() -> list[Ladder]:
    return [read(path) for path in sorted(FOLDER.glob("*.txt"))]


def played_text(ladder: Ladder, kept: Callable[[Call], Call] = lambda call: call) -> str:
    """The ladder's text as it turns out."""
    return "\n".join(line for played in play(ladder, kept) for line in played.lines)


def play(ladder: Ladder, kept: Callable[[Call], Call] = lambda call: call) -> Iterator[Played]:
    """The result of each rung. `kept` is applied to a call between its signals: by default nothing
    happens to it.
    """
    calls: dict[str, Call] = {}
    for rung in ladder.rungs:
        before = calls.get(rung.call)
        played = (
            go_on(rung, before, calls, ladder.context) if before else begin(rung, ladder.context)
        )
        if isinstance(played.outcome, Step):
            calls[rung.call] = kept(played.outcome.call)
        yield played


def begin(rung: Rung, context: RoutingContext) -> Played:
    kind, *words = rung.words
    if kind == "Click":
        return Played(rung, None, None, _clicked(rung, words, context))
    via, caller, *rest = words
    is_phone = via == "phone"
    channel = caller if is_phone else f"customer{via.removeprefix('trunk')}"
    if kind == "ArrivedRefused":
        refused = _refused_by_the_switch(rung, caller if is_phone else "", context)
        return Played(rung, None, refused, setup.arrive(refused, "token", context))
    arrived = signals.Arrived(
        call_uuid=_call_uuid(rung.call),
        channel=channel,
        at=rung.at,
        via="phone" if is_phone else "trunk",
        endpoint=_endpoint(caller if is_phone else "carrier"),
        dialled=rest[-1] if rest else caller,
        caller_number=caller if rest else "",
        sip_call_id=f"sip-{channel}",
    )
    return Played(rung, None, arrived, setup.arrive(arrived, "token", context))


def _refused_by_the_switch(
    rung: Rung, extension: str, context: RoutingContext
) -> signals.ArrivedRefused:
    return signals.ArrivedRefused(
        call_uuid=_call_uuid(rung.call),
        channel="refused",
        at=rung.at,
        via="phone" if extension else "trunk",
        endpoint=_endpoint(extension or "carrier"),
        dialled="",
        caller_number=extension,
        sip_call_id="",
        domain_uuid=context.directory.domain.domain_uuid,
    )


def _clicked(rung: Rung, words: list[str], context: RoutingContext) -> Step | Declined:
    ext, phone, *rest = words
    asked = dict(word.split("=") for word in rest)
    phones = int(asked.pop("phones", "1"))
    command = msgspec.convert(
        {"type": "click2call", "ext": ext, "phone": phone, **asked}, ClickToCall, strict=False
    )
    call_uuid, domain_uuid = _call_uuid(rung.call), context.directory.domain.domain_uuid
    clicked = signals.CommandAsked(call_uuid, ext, rung.at, domain_uuid, command)
    contacts = [f"PJSIP/{_endpoint(ext)}/sip:{number}@192.0.2.7" for number in range(phones)]
    return setup.click_to_call(clicked, contacts, "token", context)


def go_on(rung: Rung, call: Call, calls: dict[str, Call], context: RoutingContext) -> Played:
    kind, *words = rung.words
    if kind == "AttendedTransferred":
        channel, other = words
        signal = signals.AttendedTransferred(channel, rung.at, calls[other].call_uuid)
        return Played(rung, call, signal, transfer.merge(call, calls[other], signal, context))
    happened = _signal(kind, words, rung.at, call)
    return Played(
        rung, call, happened, step(call, happened, _as_busy(context, {rung.call: call} | calls))
    )


def _as_busy(context: RoutingContext, calls: dict[str, Call]) -> RoutingContext:
    """The context with everybody as busy as these calls make them, besides what was given."""
    talks = Counter(dict(context.talks))
    for call in calls.values():
        talks.update(call.extensions)
    return msgspec.structs.replace(context, talks=talks)


def _signal(kind: str, words: list[str], at: datetime, call: Call) -> signals.Signal:  # noqa: C901, PLR0912, PLR0915 -- a case a kind
    """The signal that the words mean; where they name no channel, it is the one whose way we
    decide.
    """
    made: signals.Signal
    match kind, words:
        case "LegDialed", (channel,):
            made = signals.LegDialed(channel, at, _endpoint(channel), f"sip-{channel}")
        case "LegHungUp", (channel, cause, "log", *dialstatus):
            made = signals.LegHungUp(
                channel, at, int(cause), reconstructed=True, dialstatus="".join(dialstatus)
            )
        case "LegHungUp", (channel, cause, *sip):
            made = signals.LegHungUp(channel, at, int(cause), int("".join(sip) or 0))
        case "DialEnded", (channel, dialstatus):
            made = signals.DialEnded(channel, at, dialstatus, 0)
        case "BlindTransferred", (channel, dialled):
            made = signals.BlindTransferred(channel, at, dialled)
        case "LegReplaced", (channel, before):
            endpoint = _endpoint(channel)
            made = signals.LegReplaced(
                channel, at, before, endpoint, f"PJSIP/{endpoint}-1", sip_call_id=f"sip-{channel}"
            )
        case "LegForwarded", (channel, number):
            made = signals.LegForwarded(channel, at, number)
        case "Configured", refused:
            made = signals.Configured(call.channel, at, is_done=not refused)
        case "PickupAsked", (channel, target):
            extension = _endpoint(channel).partition("@")[0]
            other = ids.derived(UUID(int=5), channel)
            made = signals.PickupAsked(channel, at, target, extension, other, f"sip-{channel}")
        case "RetrievalAsked", (channel,):
            extension = _endpoint(channel).partition("@")[0]
            other = ids.derived(UUID(int=5), channel)
            made = signals.RetrievalAsked(channel, at, extension, other, f"sip-{channel}")
        case "Chosen", keys:
            made = signals.Chosen(call.channel, at, "".join(keys))
        case "AgentsLeft", ():
            made = signals.AgentsLeft(call.channel, at)
        case "AgentOffered", (extension,):
            made = signals.AgentOffered(call.channel, at, extension)
        case "EndAsked", ():
            made = signals.EndAsked(call.channel, at, call.domain_uuid, UUID(int=3))
        case "ControlAsked", (command, *given):
            made = _control(call, at, command, dict(word.split("=") for word in given))
        case "Executed", (number, *refused):
            made = signals.Executed("", at, int(number), is_done=not refused)
        case "TalkFound", (state,):
            made = signals.TalkFound(call.channel, at, is_held=state == "held")
        case "TimerFired", ():
            made = signals.TimerFired(call.channel, at)
        case "RecordingFinished", (file,):
            made = _finished(call.channel, at, file)
        case "Refused", (action, channel, *status):
            made = _refused(refused_action(action, channel, call), channel, at, *status)
        case _, (channel,):
            made = getattr(signals, kind)(channel, at)
        case _:
            raise ValueError(kind, words)
    return made


def _control(call: Call, at: datetime, name: str, given: dict[str, str]) -> signals.ControlAsked:
    fields = {"type": name, "call_uuid": call.call_uuid, **given}
    command = msgspec.convert(fields, Control, strict=False)
    return signals.ControlAsked(call.channel, at, call.domain_uuid, UUID(int=4), command)


def _refused(
    action: SwitchAction, channel: str, at: datetime, status: str = "500"
) -> signals.Refused:
    return signals.Refused(channel, at, action, int(status))


def _finished(channel: str, at: datetime, file: str) -> signals.RecordingFinished:
    if "." not in file:
        return signals.RecordingFinished(channel, at, "", failed=file == "lost")
    return signals.RecordingFinished(channel, at, file, size=32_044, duration_s=2.0)


def refused_action(kind: str, channel: str, call: Call) -> SwitchAction:
    """An action of the kind, as far as a refusal of it is looked at."""
    match kind:
        case "Dial":
            return Dial(channel, (), 30, "")
        case "Wait":
            return Wait(channel, "default")
        case "Ask":
            return Ask(channel, (), 5, "", 0, Dial(channel, (), 30, ""))
        case "HangUp":
            return HangUp(channel, 16)
        case "Record":
            return Record(channel, call.call_uuid)
        case "Adopt":
            return Adopt(channel, f"PJSIP/{channel}-1", call.call_uuid)
        case "Originate":
            then = Dial(channel, (), 30, "")
            return Originate(
                (), 30, "", "", auto_answer=False, call_uuid=call.call_uuid, then=then
            )
    raise ValueError(kind)


def _call_uuid(name: str) -> UUID:
    return ids.derived(UUID(int=0), name)


def _endpoint(channel: str) -> str:
    """101 and 101b are phones of extension 101, 101@other.vn is one of another domain; what is not
    a number is behind the carrier's trunk.
    """
    if "@" in channel:
        return channel
    number = re.match(r"[0-9]*", channel)
    if number and number[0]:
        return f"{number[0]}@example.vn"
    return str(company.FURTHER.get(channel, company.CARRIER))


def _trunk(endpoint: str) -> str:
    """The name of a trunk's channel."""
    names = {str(uuid): name for name, uuid in company.FURTHER.items()}
    return names.get(endpoint, "carrier")


# --- as text


def _lines(rung: Rung, step: Step) -> list[str]:
    stage = str(step.call.stage) + " done" * step.done + " unexpected" * step.unexpected
    actions = "; ".join(map(_action, step.actions))
    # of a recording: beside each record with one (test_recordings.py)
    told = [
        _event(step.call, event) for event in step.events if isinstance(event.facts, CallFacts)
    ]
    events = "; ".join([*told, *map(_answer, step.answers)])
    line = " ".join(f"{rung.said} | {stage} | {actions} | {events}".split()).rstrip(" |")
    return [line, _record(step.call, step.cdr)] if step.cdr else [line]


def _action(action: Action) -> str:  # noqa: C901 -- a case a kind
    match action:
        case Dial(channel, parties, timeout_s, caller_id, caller_name, record, music, stereo):
            rung = ",".join(
                f"{party.number}@{_trunk(party.endpoint)}"
                if party.number
                else party.endpoint.partition("@")[0]
                for party in parties
            )
            more = (
                [f'"{caller_name}"'] * bool(caller_name)
                + ["rec"] * record
                + ["stereo"] * stereo
                + [f"music={music}"] * bool(music)
            )
            return " ".join([f"Dial {channel}>{rung} {timeout_s}s as {caller_id}", *more])
        case Originate():
            shown = f'{action.caller_id} "{action.caller_name}"' + " auto" * action.auto_answer
            rung = ",".join(contact.channel for contact in action.contacts)
            return f"Originate {rung} {action.timeout_s}s as {shown}, {_action(action.then)}"
        case HangUp(channel, cause, sip_status):
            return f"HangUp {channel} {cause}" + f" {sip_status}" * bool(sip_status)
        case Wait(channel, music_class):
            return f"Wait {channel} {music_class}"
        case Ask(channel, files, timeout_s, more, _, rest):
            heard = ",".join(each.rpartition("-")[2] for each in files) or "silence"
            keys = f" {timeout_s}s" * bool(timeout_s) + f" more={more}" * bool(more)
            rung = ",".join(party.endpoint.partition("@")[0] for party in rest.parties)
            return f"Ask {channel} {heard}{keys} else {rung or 'nobody'}"
        case Configure(channel, _, setting):
            changes = " ".join(f"{name}={value}" for name, value in setting.changes.items())
            return f"Configure {channel} {setting.name} {changes}"
        case Park(channel, music, timeout_s, rest):
            return f"Park {channel} {music} {timeout_s}s else {_action(rest)}"
        case Fetch(channel, other, _, record, _):
            return f"Fetch {channel} {other}" + " rec" * record
        case PickUp(channel, target):
            return f"PickUp {channel} {target}"
        case Confirm(what) | Record(what) | StopRecord(what) | Adopt(what) | Rotate(what):
            return f"{type(action).__name__} {what}"
        case Steer(one, other, _, number):
            fields = [getattr(action, name) for name in action.__struct_fields__[5:]]
            said = " ".join(map(str, (one, other, *fields)))
            return f"{type(action).__name__} {said} as {number}"
        case FinishRecording():
            return "FinishRecording"


def _answer(answer: Answer) -> str:
    outcome = answer.outcome
    said = [outcome.error or "placed", outcome.why * bool(outcome.call_id), outcome.field]
    return " ".join(["outcome", *filter(None, said)])


def _event(call: Call, event: Event) -> str:
    facts = event.facts
    assert isinstance(facts, CallFacts)
    text = f"{event.name} {_name(call, facts.call_id)} {facts.from_number}>{facts.to_number}"
    if event.name in AT_THE_END:
        text += f" {facts.duration}/{facts.billsec}"
    if event.name == "hangup":
        text += " ".join(["", *filter(None, (facts.reason, facts.sip_hangup_disposition))])
    return text + " rec" * bool(facts.recording_url)


def _record(call: Call, cdr: Cdr) -> str:
    direction = next(name for name, number in DIRECTIONS.items() if number == cdr.direction)
    more = {
        "hotline": cdr.hotline if cdr.hotline not in (cdr.from_number, cdr.to_number) else "",
        "ext": cdr.extension,
        "dest": cdr.receive_dest,
        "by": cdr.hangup_by,
        "id": _name(call, cdr.call_id),
        "sip": cdr.sip_call_id.removeprefix("sip-"),
        "rec": cdr.recording.status if cdr.recording else "none",
        "why": ",".join(cdr.routed_by),
    }
    said = " ".join(f"{key}={value}" for key, value in more.items() if value)
    numbers = f"{cdr.from_number}>{cdr.to_number}"
    lasted = f"{cdr.duration}/{cdr.billsec}"
    return f"record {cdr.status} {cdr.cause} {direction} {numbers} {lasted} {said}"


def _name(call: Call, call_id: UUID) -> str:
    """The leg that has an id; "former": it had the id before it became part of the call."""
    if call_id == call.call_uuid:
        return "call"
    if call_id in (*call.merged, *call.former_ids):
        return "former"
    return next((leg.channel for leg in call.legs if leg.leg_uuid == call_id), "?")
