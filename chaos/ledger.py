"""The ledger of a run: SIPp's calls, CDRs, events and deliveries side by side, and where they
disagree.

    python -m chaos.ledger FOLDER

A run's folder holds

  *.calls           SIPp's account (callers.py): one line a moment of a call: what, Call-ID, date,
  time, Unix seconds cdrs.jsonl        records of the database, each with every id that it is found
  by events.jsonl      the log of events deliveries.jsonl  what the receiver got (receiver.py)
  played.jsonl      what the recordings were that it was told of story.json        what was done to
  the system, and what was subscribed

Exit status 1 when they disagree.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec

from chaos.report import Figure, table

BILLSEC_S = 2.0  # how far a record may be from the truth
RECORDED_S = 2.5  # how far a recording may be: Asterisk writes two seconds at a time
SHOWN = 5  # ids of each kind of fault
Kind = TypeVar("Kind")

DISAGREEMENTS = {
    "lost": "calls that nobody answered or refused",
    "refused": "calls refused while nothing was wrong",
    "dropped": "calls that the switch ended",
    "left": "phones left in a call that is over",
    "missing": "answered calls without a record",
    "double": "calls with two records or more",
    "status": "records with the wrong status",
    "billsec": f"records more than {BILLSEC_S:.0f} s off in billsec",
    "untold": "events that are missing of a record",
    "orphan": "events of a call without a record",
    "undelivered": "events never delivered",
    "phantom": "deliveries of what is no event",
    "changed": "deliveries whose body is not the event's",
    "unsigned": "deliveries with no valid signature",
    "unplayable": "recordings that did not play when their cdr event came",
    "short": f"recordings more than {RECORDED_S:g} s off the talk",
    "inverted": "events that came before an earlier one of their call",
}


class Call(msgspec.Struct):
    """A call as the one who placed it saw it; times in Unix seconds, 0 for what never happened."""

    call_id: str
    offered: float = 0.0
    refused: float = 0.0
    answered: float = 0.0
    dropped: float = 0.0
    ended: float = 0.0  # hung up by its caller, or dropped


class Record(msgspec.Struct, frozen=True):
    """A CDR. `ids` are all that it is found by, SIP Call-IDs among them."""

    cdr_uuid: UUID
    ids: tuple[str, ...]
    status: str
    billsec: int
    direction: int = 2


class Event(msgspec.Struct, frozen=True):
    """An event of the log. `hash` is of its body, SHA-256, hex."""

    id: UUID
    call: UUID
    name: str
    seq: int
    hash: str


class Delivery(msgspec.Struct, frozen=True):
    """A POST that arrived whole."""

    id: str
    hash: str
    at: float
    is_signed: bool


class Played(msgspec.Struct, frozen=True):
    """What the URL in a cdr event gave when the event came: HTTP status, seconds of audio. `at` in
    Unix seconds.
    """

    call: UUID
    at: float
    status: int
    seconds: float
    billsec: int


class Story(msgspec.Struct, frozen=True):
    """What was done. `cuts`: when every call that was up ended, as Asterisk was killed; `away`:
    from when to when new calls could be refused; `deaf`: when recordings were out of reach. Unix
    seconds. `names`: the events subscribed.
    """

    names: tuple[str, ...] = ("ringing", "answered", "hangup", "cdr")
    cuts: tuple[float, ...] = ()
    away: tuple[tuple[float, float], ...] = ()
    deaf: tuple[tuple[float, float], ...] = ()


class Books(msgspec.Struct, frozen=True):
    """A run, read. `phones` are the calls as those who were called saw them."""

    story: Story
    calls: Sequence[Call]
    phones: Sequence[Call]
    records: Sequence[Record]
    events: Sequence[Event]
    deliveries: Sequence[Delivery]
    played: Sequence[Played] = ()


class Verdict(msgspec.Struct):
    """How the sets compare: ids by kind of disagreement, and counts."""

    faults: dict[str, list[str]]
    counts: dict[str, int]

    @property
    def is_clean(self) -> bool:
        return self.total == 0

    def figures(self, *, all_kinds: bool = False) -> list[Figure]:
        """The counts, and each kind of disagreement that there is."""
        count = self.counts
        found = [
            Figure(
                "calls: offered, answered, refused meanwhile",
                " / ".join(str(count[key]) for key in CALLS),
            ),
            Figure("records / events / deliveries (repeats)", _told(count)),
            Figure(
                "disagreements of calls, records, events and deliveries",
                str(self.total),
                "0",
                not self.total,
            ),
        ]
        return found + [
            Figure(f"· {meaning}", self._shown(kind), "0", is_kept=not self.faults[kind])
            for kind, meaning in DISAGREEMENTS.items()
            if self.faults[kind] or all_kinds
        ]

    def refused(self) -> Figure:
        """Where even those who call meanwhile are to be served."""
        count = self.counts["refused"]
        return Figure("calls refused meanwhile", str(count), "0", is_kept=not count, is_timed=True)

    @property
    def total(self) -> int:
        return sum(map(len, self.faults.values()))

    def _shown(self, kind: str) -> str:
        found = self.faults[kind]
        return f"{len(found)}: {', '.join(found[:SHOWN])}" if found else "0"


CALLS = ("offered", "answered", "refused")


def _told(count: dict[str, int]) -> str:
    return f"{count['records']} / {count['events']} / {count['deliveries']} ({count['repeats']})"


def compare(books: Books) -> Verdict:
    """Where the books disagree with each other, and with what was promised."""
    faults: dict[str, list[str]] = {kind: [] for kind in DISAGREEMENTS}
    _calls(books, faults)
    _records(books, faults)
    _events(books, faults)
    _deliveries(books, faults)
    _recordings(books, faults)
    return Verdict(faults, _counts(books))


def _counts(books: Books) -> dict[str, int]:
    arrived = {delivery.id for delivery in books.deliveries}
    return {
        "offered": len(books.calls),
        "answered": sum(bool(call.answered) for call in books.calls),
        "refused": sum(_excused(call, books.story) for call in books.calls),
        "records": len(books.records),
        "events": len(books.events),
        "deliveries": len(books.deliveries),
        "repeats": len(books.deliveries) - len(arrived),
    }


# --- SIPp's calls


def _calls(books: Books, faults: dict[str, list[str]]) -> None:
    for call in books.calls:
        if call.refused and not _excused(call, books.story):
            faults["refused"].append(call.call_id)
        if not call.refused and not call.answered:
            faults["lost"].append(call.call_id)
        if call.dropped and not _cut(call, books.story):
            faults["dropped"].append(call.call_id)
    faults["left"] += [
        call.call_id
        for call in books.phones
        if call.answered and not call.ended and not _cut(call, books.story)
    ]


def _excused(call: Call, story: Story) -> bool:
    return any(since <= call.refused <= to for since, to in story.away)


def _cut(call: Call, story: Story) -> float:
    """When the call was cut off by our own doing; 0 if it was not."""
    cuts = (
        cut
        for cut in story.cuts
        if call.answered <= cut and (not call.ended or cut <= call.ended + BILLSEC_S)
    )
    return min(cuts, default=0.0)


def talk_s(call: Call, story: Story) -> float:
    """Seconds from the answer to the end, whatever ended it."""
    end = min(filter(None, (call.ended, _cut(call, story))), default=call.answered)
    return max(0.0, end - call.answered)


# --- records


def _records(books: Books, faults: dict[str, list[str]]) -> None:
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for record in books.records:
        for id in set(record.ids):
            found[id].append(record)
    for call in books.calls:
        records = found[call.call_id]
        if call.answered and not records:
            faults["missing"].append(call.call_id)
        if len(records) > 1:
            faults["double"].append(call.call_id)
        for record in records:
            _record(call, record, books.story, faults)


def _record(call: Call, record: Record, story: Story, faults: dict[str, list[str]]) -> None:
    if bool(call.answered) != (record.status == "ANSWERED"):
        faults["status"].append(call.call_id)
    elif call.answered and abs((talk := talk_s(call, story)) - record.billsec) > BILLSEC_S:
        faults["billsec"].append(f"{call.call_id} ({record.billsec} for {talk:.1f} s)")


# --- events


def _events(books: Books, faults: dict[str, list[str]]) -> None:
    told: defaultdict[UUID, set[str]] = defaultdict(set)
    for event in books.events:
        told[event.call].add(event.name)
    for record in books.records:
        due = _due(record) & {*books.story.names}
        faults["untold"] += [
            f"{record.cdr_uuid} {name}" for name in sorted(due - told[record.cdr_uuid])
        ]
    recorded = {record.cdr_uuid for record in books.records}
    faults["orphan"] += [
        f"{event.call} {event.name}" for event in books.events if event.call not in recorded
    ]


def _due(record: Record) -> set[str]:
    """What must have been told of a call; one that was refused may never have rung."""
    if record.status == "ANSWERED":
        return {"ringing", "answered", "hangup", "cdr"}
    return {"hangup", "cdr", *(["missed"] if record.direction == 2 else [])}


# --- deliveries


def _deliveries(books: Books, faults: dict[str, list[str]]) -> None:
    known = {str(event.id): event for event in books.events}
    first: dict[str, Delivery] = {}
    for delivery in sorted(books.deliveries, key=lambda delivery: delivery.at):
        first.setdefault(delivery.id, delivery)
        event = known.get(delivery.id)
        if event is None:
            faults["phantom"].append(delivery.id)
        elif event.hash != delivery.hash:
            faults["changed"].append(delivery.id)
        if not delivery.is_signed:
            faults["unsigned"].append(delivery.id)
    due = [event for event in books.events if event.name in books.story.names]
    faults["undelivered"] += [
        f"{event.id} {event.name}" for event in due if str(event.id) not in first
    ]
    faults["inverted"] += _inverted(due, first)


def _inverted(due: Iterable[Event], first: dict[str, Delivery]) -> list[str]:
    """Events whose first arrival was before that of one that their call had told earlier."""
    last: dict[UUID, float] = {}
    found = []
    for event in sorted(due, key=lambda event: event.seq):
        if (delivery := first.get(str(event.id))) is None:
            continue
        if delivery.at < last.get(event.call, 0.0):
            found.append(f"{event.id} {event.name}")
        last[event.call] = max(delivery.at, last.get(event.call, 0.0))
    return found


# --- recordings


def _recordings(books: Books, faults: dict[str, list[str]]) -> None:
    for played in books.played:
        if any(since <= played.at <= to for since, to in books.story.deaf):
            continue
        if played.status != 200:
            faults["unplayable"].append(f"{played.call} ({played.status})")
        elif abs(played.seconds - played.billsec) > RECORDED_S:
            faults["short"].append(f"{played.call} ({played.seconds:.1f} of {played.billsec} s)")


# --- files


def read(folder: Path) -> Books:
    """The books of a run's folder. What a crash left of a last line is no line."""
    story = folder / "story.json"
    callers, phones = (
        calls_of(sorted(folder.glob(f"{side}*.calls"))) for side in ("caller", "phone")
    )
    return Books(
        msgspec.json.decode(story.read_bytes(), type=Story) if story.exists() else Story(),
        callers,
        phones,
        _lines(folder / "cdrs.jsonl", Record),
        _lines(folder / "events.jsonl", Event),
        _lines(folder / "deliveries.jsonl", Delivery),
        _lines(folder / "played.jsonl", Played),
    )


def calls_of(accounts: Iterable[Path]) -> list[Call]:
    """SIPp's accounts as calls, in the order they were offered."""
    calls: dict[str, Call] = {}
    for account in accounts:
        for line in account.read_text(errors="replace").splitlines():
            match line.split():
                case [what, call_id, _, _, at]:
                    _happened(calls.setdefault(call_id, Call(call_id)), what, float(at))
    return sorted(calls.values(), key=lambda call: call.offered)


def _happened(call: Call, what: str, at: float) -> None:
    match what:
        case "offered":
            call.offered = at
        case "refused":
            call.refused = at
        case "answered":
            call.answered = at
        case "dropped":
            call.dropped = call.ended = at
        case "ended":
            call.ended = at


def _lines(path: Path, kind: type[Kind]) -> list[Kind]:
    if not path.exists():
        return []
    return [
        msgspec.json.decode(line, type=kind)
        for line in path.read_bytes().split(b"\n")[:-1]
        if line
    ]


def main(folder: Path) -> int:
    verdict = compare(read(folder))
    table(str(folder), verdict.figures(all_kinds=True))
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
