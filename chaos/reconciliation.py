"""Reconciliation of a run: SIPp's calls, CDRs, events and deliveries side by side, and where they
disagree.

    python -m chaos.reconciliation FOLDER

The exit status is 1 when they disagree.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import msgspec

from chaos import observations
from chaos.observations import (
    FETCH_S,
    Call,
    Delivery,
    Event,
    Injected,
    Observations,
    Played,
    Record,
)
from chaos.report import Figure, table

BILLSEC_S = 2.0  # how far a record may be from the truth
RECORDED_S = 2.5  # how far a recording may be: Asterisk writes two seconds at a time
SHOWN = 5  # ids of each kind of fault

DISCREPANCIES = {
    "lost": "calls that nobody answered or refused",
    "refused": "calls refused while nothing was wrong",
    "dropped": "calls that the switch ended",
    "stuck": "phones left in a call that is over",
    "missing": "answered calls without a record",
    "duplicate": "calls with two records or more",
    "status": "records with the wrong status",
    "billsec": f"records more than {BILLSEC_S:.0f} s off in billsec",
    "unpublished": "records that lack an event",
    "orphan": "events of a call without a record",
    "undelivered": "events never delivered",
    "phantom": "deliveries of what is no event",
    "changed": "deliveries whose body is not the event's",
    "unsigned": "deliveries with no valid signature",
    "unplayable": "recordings that did not play when their cdr event came",
    "short": f"recordings more than {RECORDED_S:g} s off the talk",
    "out_of_order": "events that came before an earlier one of their call",
}


class Reconciliation(msgspec.Struct):
    """The result: ids by kind of discrepancy, and counts."""

    faults: dict[str, list[str]]
    counts: dict[str, int]

    @property
    def is_clean(self) -> bool:
        return self.total == 0

    def figures(self, *, all_kinds: bool = False) -> list[Figure]:
        """The counts, and each kind of discrepancy that there is."""
        count = self.counts
        found = [
            Figure(
                "calls: offered, answered, refused meanwhile",
                " / ".join(str(count[key]) for key in CALLS),
            ),
            Figure("records / events / deliveries (repeats)", _told(count)),
            Figure(
                "discrepancies of calls, records, events and deliveries",
                str(self.total),
                "0",
                not self.total,
            ),
        ]
        return found + [
            Figure(f"· {meaning}", self._shown(kind), "0", is_kept=not self.faults[kind])
            for kind, meaning in DISCREPANCIES.items()
            if self.faults[kind] or all_kinds
        ]

    def refused(self) -> Figure:
        """For scenarios that promise to take new calls meanwhile."""
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


def reconcile(seen: Observations) -> Reconciliation:
    """The places where the observations disagree with each other, and with the promises."""
    faults: dict[str, list[str]] = {kind: [] for kind in DISCREPANCIES}
    _calls(seen, faults)
    _records(seen, faults)
    _events(seen, faults)
    _deliveries(seen, faults)
    _recordings(seen, faults)
    return Reconciliation(faults, _counts(seen))


def _counts(seen: Observations) -> dict[str, int]:
    arrived = {delivery.id for delivery in seen.deliveries}
    return {
        "offered": len(seen.calls),
        "answered": sum(bool(call.answered) for call in seen.calls),
        "refused": sum(_excused(call, seen.injected) for call in seen.calls),
        "records": len(seen.records),
        "events": len(seen.events),
        "deliveries": len(seen.deliveries),
        "repeats": len(seen.deliveries) - len(arrived),
    }


# --- SIPp's calls


def _calls(seen: Observations, faults: dict[str, list[str]]) -> None:
    for call in seen.calls:
        if call.refused and not _excused(call, seen.injected):
            faults["refused"].append(call.call_id)
        if not call.refused and not call.answered:
            faults["lost"].append(call.call_id)
        if call.dropped and not _cut(call, seen.injected):
            faults["dropped"].append(call.call_id)
    faults["stuck"] += [
        call.call_id
        for call in seen.phones
        if call.answered and not call.ended and not _cut(call, seen.injected)
    ]


def _excused(call: Call, injected: Injected) -> bool:
    return any(since <= call.refused <= to for since, to in injected.outages)


def _cut(call: Call, injected: Injected) -> float:
    """When our killing Asterisk cut the call off; 0 if it did not."""
    cuts = (
        cut
        for cut in injected.kills
        if call.answered <= cut and (not call.ended or cut <= call.ended + BILLSEC_S)
    )
    return min(cuts, default=0.0)


def talk_s(call: Call, injected: Injected) -> float:
    """Seconds from the answer to the end, whatever ended it."""
    end = min(filter(None, (call.ended, _cut(call, injected))), default=call.answered)
    return max(0.0, end - call.answered)


# --- records


def _records(seen: Observations, faults: dict[str, list[str]]) -> None:
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for record in seen.records:
        for id in set(record.ids):
            found[id].append(record)
    for call in seen.calls:
        records = found[call.call_id]
        if call.answered and not records:
            faults["missing"].append(call.call_id)
        if len(records) > 1:
            faults["duplicate"].append(call.call_id)
        for record in records:
            _record(call, record, seen.injected, faults)


def _record(call: Call, record: Record, injected: Injected, faults: dict[str, list[str]]) -> None:
    if bool(call.answered) != (record.status == "ANSWERED"):
        faults["status"].append(call.call_id)
    elif call.answered and abs((talk := talk_s(call, injected)) - record.billsec) > BILLSEC_S:
        faults["billsec"].append(f"{call.call_id} ({record.billsec} for {talk:.1f} s)")


# --- events


def _events(seen: Observations, faults: dict[str, list[str]]) -> None:
    told: defaultdict[UUID, set[str]] = defaultdict(set)
    for event in seen.events:
        told[event.call].add(event.name)
    for record in seen.records:
        due = _due(record) & {*seen.injected.subscribed}
        faults["unpublished"] += [
            f"{record.cdr_uuid} {name}" for name in sorted(due - told[record.cdr_uuid])
        ]
    recorded = {record.cdr_uuid for record in seen.records}
    faults["orphan"] += [
        f"{event.call} {event.name}" for event in seen.events if event.call not in recorded
    ]


def _due(record: Record) -> set[str]:
    """The events that a call must have; one that was refused may never have rung."""
    if record.status == "ANSWERED":
        return {"ringing", "answered", "hangup", "cdr"}
    return {"hangup", "cdr", *(["missed"] if record.direction == 2 else [])}


# --- deliveries


def _deliveries(seen: Observations, faults: dict[str, list[str]]) -> None:
    known = {str(event.id): event for event in seen.events}
    first: dict[str, Delivery] = {}
    for delivery in sorted(seen.deliveries, key=lambda delivery: delivery.at):
        first.setdefault(delivery.id, delivery)
        event = known.get(delivery.id)
        if event is None:
            faults["phantom"].append(delivery.id)
        elif event.hash != delivery.hash:
            faults["changed"].append(delivery.id)
        if not delivery.is_signed:
            faults["unsigned"].append(delivery.id)
    due = [event for event in seen.events if event.name in seen.injected.subscribed]
    faults["undelivered"] += [
        f"{event.id} {event.name}" for event in due if str(event.id) not in first
    ]
    faults["out_of_order"] += _out_of_order(due, first)


def _out_of_order(due: Iterable[Event], first: dict[str, Delivery]) -> list[str]:
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


def _recordings(seen: Observations, faults: dict[str, list[str]]) -> None:
    for played in seen.played:
        if any(since <= played.at <= to for since, to in seen.injected.recording_outages):
            continue
        if played.status == 0 and _is_fetched_in_outage(played, seen.injected):
            continue
        if played.status != 200:
            faults["unplayable"].append(f"{played.call} ({played.status})")
        elif abs(played.seconds - played.billsec) > RECORDED_S:
            faults["short"].append(f"{played.call} ({played.seconds:.1f} of {played.billsec} s)")


def _is_fetched_in_outage(played: Played, injected: Injected) -> bool:
    """Whether the server of the recording may have been killed between event and download."""
    return any(since <= played.at + FETCH_S and played.at <= to for since, to in injected.outages)


def main(folder: Path) -> int:
    found = reconcile(observations.read(folder))
    table(str(folder), found.figures(all_kinds=True))
    return 0 if found.is_clean else 1


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
