"""The reconciliation of the chaos suite finds each kind of fault, and no other."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from chaos import observations, reconciliation
from chaos.observations import Call, Delivery, Event, Injected, Observations, Played, Record
from tongdai import ids

NAMES = ("ringing", "answered", "hangup", "cdr")


def good() -> Observations:
    """Two calls, one answered for 20 seconds, one refused while the engine was away; all of it
    told and delivered.
    """
    answered = Record(ids.derived(UUID(int=1), "cdr"), ("a@carrier", "a@phone"), "ANSWERED", 20)
    told = [_event(answered.cdr_uuid, name, n + 1) for n, name in enumerate(NAMES)]
    return Observations(
        Injected(outages=((1050.0, 1060.0),)),
        [
            Call("a@carrier", offered=1000.0, answered=1001.0, ended=1021.2),
            Call("b@carrier", offered=1055.0, refused=1055.1),
        ],
        [Call("a@phone", answered=1001.0, ended=1021.2)],
        [answered],
        told,
        [
            Delivery(str(event.id), event.hash, 1001.0 + event.seq, is_signed=True)
            for event in told
        ],
        [Played(answered.cdr_uuid, 1024.0, 200, 19.5, 20)],
    )


def _event(call: UUID, name: str, seq: int) -> Event:
    return Event(
        ids.derived(call, name), call, name, seq, hashlib.sha256(name.encode()).hexdigest()
    )


FAULTS: dict[str, Callable[[Observations], Observations]] = {
    "lost": lambda seen: replace(seen, calls=[*seen.calls, Call("c", offered=1070.0)]),
    "refused": lambda seen: replace(
        seen, calls=[*seen.calls, Call("c", offered=1070.0, refused=1071.0)]
    ),
    "dropped": lambda seen: replace(
        seen, calls=[_with(seen.calls[0], dropped=1021.2), seen.calls[1]]
    ),
    "stuck": lambda seen: replace(seen, phones=[_with(seen.phones[0], ended=0.0)]),
    "missing": lambda seen: replace(
        seen, calls=[*seen.calls, Call("c", offered=1070.0, answered=1071.0, ended=1072.0)]
    ),
    "duplicate": lambda seen: replace(
        seen,
        records=[*seen.records, again := replace(seen.records[0], cdr_uuid=ids.new())],
        events=[
            *seen.events,
            *(more := [_event(again.cdr_uuid, name, 5 + n) for n, name in enumerate(NAMES)]),
        ],
        deliveries=[
            *seen.deliveries,
            *(Delivery(str(one.id), one.hash, 1009.0, is_signed=True) for one in more),
        ],
    ),
    "status": lambda seen: replace(seen, records=[replace(seen.records[0], status="BUSY")]),
    "billsec": lambda seen: replace(seen, records=[replace(seen.records[0], billsec=17)]),
    "unpublished": lambda seen: replace(
        seen,
        events=[one for one in seen.events if one.name != "answered"],
        deliveries=_without(seen, "answered"),
    ),
    "orphan": lambda seen: replace(
        seen,
        events=[*seen.events, one := _event(ids.new(), "ringing", 9)],
        deliveries=[*seen.deliveries, Delivery(str(one.id), one.hash, 1009.0, is_signed=True)],
    ),
    "undelivered": lambda seen: replace(seen, deliveries=_without(seen, "hangup")),
    "phantom": lambda seen: replace(
        seen,
        deliveries=[*seen.deliveries, Delivery(str(ids.new()), "00", 1009.0, is_signed=True)],
    ),
    "changed": lambda seen: replace(
        seen, deliveries=[*seen.deliveries, replace(seen.deliveries[0], hash="00", at=1009.0)]
    ),
    "unsigned": lambda seen: replace(
        seen, deliveries=[replace(seen.deliveries[0], is_signed=False), *seen.deliveries[1:]]
    ),
    "unplayable": lambda seen: replace(seen, played=[replace(seen.played[0], status=404)]),
    "short": lambda seen: replace(seen, played=[replace(seen.played[0], seconds=15.0)]),
    "out_of_order": lambda seen: replace(
        seen,
        deliveries=[
            *seen.deliveries[:2],
            replace(seen.deliveries[2], at=1000.5),
            seen.deliveries[3],
        ],
    ),
}


def _with(call: Call, **changes: float) -> Call:
    return replace(call, **changes)


def _without(seen: Observations, name: str) -> list[Delivery]:
    silent = {str(event.id) for event in seen.events if event.name == name}
    return [delivery for delivery in seen.deliveries if delivery.id not in silent]


def test_good_observations_agree() -> None:
    found = reconciliation.reconcile(good())
    assert found.is_clean, found.faults
    assert found.counts["answered"] == found.counts["refused"] == 1
    assert all(figure.is_kept for figure in found.figures())


@pytest.mark.parametrize("kind", reconciliation.DISCREPANCIES)
def test_each_fault_is_seen_as_what_it_is(kind: str) -> None:
    found = reconciliation.reconcile(FAULTS[kind](good()))
    assert [each for each, faults in found.faults.items() if faults] == [kind]
    assert not all(figure.is_kept for figure in found.figures())


def test_a_repeat_is_no_fault_and_comes_after_its_first() -> None:
    seen = good()
    repeated = replace(seen, deliveries=[*seen.deliveries, replace(seen.deliveries[0], at=1030.0)])
    found = reconciliation.reconcile(repeated)
    assert found.is_clean
    assert found.counts["repeats"] == 1


def test_a_call_that_a_killed_asterisk_cut_off_lasted_until_then() -> None:
    seen = good()
    cut = replace(
        seen,
        injected=replace(seen.injected, kills=(1011.0, 1015.0)),
        phones=[_with(seen.phones[0], ended=0.0)],
        records=[replace(seen.records[0], billsec=10)],
    )
    assert reconciliation.reconcile(cut).is_clean
    assert reconciliation.reconcile(
        replace(cut, records=[replace(seen.records[0], billsec=20)])
    ).faults["billsec"]


def test_a_recording_that_was_out_of_reach_could_not_play() -> None:
    seen = FAULTS["unplayable"](good())
    assert reconciliation.reconcile(
        replace(seen, injected=replace(seen.injected, recording_outages=((1023.0, 1025.0),)))
    ).is_clean


def test_a_server_that_was_killed_sends_no_recording() -> None:
    seen = good()
    unanswered = replace(seen, played=[replace(seen.played[0], status=0)])
    assert reconciliation.reconcile(unanswered).faults["unplayable"]
    assert reconciliation.reconcile(
        replace(unanswered, injected=replace(seen.injected, outages=((1026.0, 1060.0),)))
    ).is_clean
    refused = FAULTS["unplayable"](seen)
    assert reconciliation.reconcile(
        replace(refused, injected=replace(seen.injected, outages=((1026.0, 1060.0),)))
    ).faults["unplayable"]


def test_a_call_that_was_over_before_a_kill_is_none_of_its() -> None:
    seen = good()
    assert reconciliation.reconcile(
        replace(seen, injected=replace(seen.injected, kills=(1041.0,)))
    ).is_clean


def test_the_observations_of_a_folder_are_read_and_judged(tmp_path: Path) -> None:
    seen = good()
    write(tmp_path, seen)
    assert msgspec.to_builtins(observations.read(tmp_path)) == msgspec.to_builtins(seen)
    assert _judged(tmp_path) == 0
    with (tmp_path / "deliveries.jsonl").open("ab") as notes:
        notes.write(b'{"id":"torn by a kil')
    assert _judged(tmp_path) == 0
    with (tmp_path / "caller-2.calls").open("w") as account:
        account.write(
            "offered c 2026-11-23 16:00:00.000 1070.0\nanswered c 2026-11-23 16:00:00.000 1071.0\n"
        )
    assert _judged(tmp_path) == 1


def write(folder: Path, seen: Observations) -> None:
    for side, calls in (("caller-1", seen.calls), ("phone-1", seen.phones)):
        (folder / f"{side}.calls").write_text("".join(_account(call) for call in calls))
    kinds = {
        "cdrs": seen.records,
        "events": seen.events,
        "deliveries": seen.deliveries,
        "played": seen.played,
    }
    for name, structs in kinds.items():
        lines = [msgspec.json.encode(one) + b"\n" for one in structs]
        (folder / f"{name}.jsonl").write_bytes(b"".join(lines))
    (folder / "injected.json").write_bytes(msgspec.json.encode(seen.injected))


def _account(call: Call) -> str:
    moments = {name: getattr(call, name) for name in ("offered", "refused", "answered", "ended")}
    return "".join(
        f"{what} {call.call_id} 2026-11-23\t16:00:00.000\t{at}\n"
        for what, at in moments.items()
        if at
    )


def _judged(folder: Path) -> int:
    command = [sys.executable, "-m", "chaos.reconciliation", str(folder)]
    return subprocess.run(
        command, cwd=Path(__file__).parents[2], check=False, capture_output=True
    ).returncode
