"""The ledger of the chaos suite sees each fault that it is there to see, and no other."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from chaos import ledger
from chaos.ledger import Books, Call, Delivery, Event, Played, Record, Story
from tongdai import ids

NAMES = ("ringing", "answered", "hangup", "cdr")


def good() -> Books:
    """Two calls, one answered for 20 seconds, one refused while the engine was away; all of it
    told and delivered.
    """
    answered = Record(ids.derived(UUID(int=1), "cdr"), ("a@carrier", "a@phone"), "ANSWERED", 20)
    told = [_event(answered.cdr_uuid, name, n + 1) for n, name in enumerate(NAMES)]
    return Books(
        Story(away=((1050.0, 1060.0),)),
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


FAULTS: dict[str, Callable[[Books], Books]] = {
    "lost": lambda books: replace(books, calls=[*books.calls, Call("c", offered=1070.0)]),
    "refused": lambda books: replace(
        books, calls=[*books.calls, Call("c", offered=1070.0, refused=1071.0)]
    ),
    "dropped": lambda books: replace(
        books, calls=[_with(books.calls[0], dropped=1021.2), books.calls[1]]
    ),
    "left": lambda books: replace(books, phones=[_with(books.phones[0], ended=0.0)]),
    "missing": lambda books: replace(
        books, calls=[*books.calls, Call("c", offered=1070.0, answered=1071.0, ended=1072.0)]
    ),
    "double": lambda books: replace(
        books,
        records=[*books.records, again := replace(books.records[0], cdr_uuid=ids.new())],
        events=[
            *books.events,
            *(more := [_event(again.cdr_uuid, name, 5 + n) for n, name in enumerate(NAMES)]),
        ],
        deliveries=[
            *books.deliveries,
            *(Delivery(str(one.id), one.hash, 1009.0, is_signed=True) for one in more),
        ],
    ),
    "status": lambda books: replace(books, records=[replace(books.records[0], status="BUSY")]),
    "billsec": lambda books: replace(books, records=[replace(books.records[0], billsec=17)]),
    "untold": lambda books: replace(
        books,
        events=[one for one in books.events if one.name != "answered"],
        deliveries=_without(books, "answered"),
    ),
    "orphan": lambda books: replace(
        books,
        events=[*books.events, one := _event(ids.new(), "ringing", 9)],
        deliveries=[*books.deliveries, Delivery(str(one.id), one.hash, 1009.0, is_signed=True)],
    ),
    "undelivered": lambda books: replace(books, deliveries=_without(books, "hangup")),
    "phantom": lambda books: replace(
        books,
        deliveries=[*books.deliveries, Delivery(str(ids.new()), "00", 1009.0, is_signed=True)],
    ),
    "changed": lambda books: replace(
        books, deliveries=[*books.deliveries, replace(books.deliveries[0], hash="00", at=1009.0)]
    ),
    "unsigned": lambda books: replace(
        books, deliveries=[replace(books.deliveries[0], is_signed=False), *books.deliveries[1:]]
    ),
    "unplayable": lambda books: replace(books, played=[replace(books.played[0], status=404)]),
    "short": lambda books: replace(books, played=[replace(books.played[0], seconds=15.0)]),
    "inverted": lambda books: replace(
        books,
        deliveries=[
            *books.deliveries[:2],
            replace(books.deliveries[2], at=1000.5),
            books.deliveries[3],
        ],
    ),
}


def _with(call: Call, **changes: float) -> Call:
    return replace(call, **changes)


def _without(books: Books, name: str) -> list[Delivery]:
    silent = {str(event.id) for event in books.events if event.name == name}
    return [delivery for delivery in books.deliveries if delivery.id not in silent]


def test_good_books_agree() -> None:
    verdict = ledger.compare(good())
    assert verdict.is_clean, verdict.faults
    assert verdict.counts["answered"] == verdict.counts["refused"] == 1
    assert all(figure.is_kept for figure in verdict.figures())


@pytest.mark.parametrize("kind", ledger.DISAGREEMENTS)
def test_each_fault_is_seen_as_what_it_is(kind: str) -> None:
    verdict = ledger.compare(FAULTS[kind](good()))
    assert [found for found, faults in verdict.faults.items() if faults] == [kind]
    assert not all(figure.is_kept for figure in verdict.figures())


def test_a_repeat_is_no_fault_and_comes_after_its_first() -> None:
    books = good()
    repeated = replace(
        books, deliveries=[*books.deliveries, replace(books.deliveries[0], at=1030.0)]
    )
    verdict = ledger.compare(repeated)
    assert verdict.is_clean
    assert verdict.counts["repeats"] == 1


def test_a_call_that_a_killed_asterisk_cut_off_lasted_until_then() -> None:
    books = good()
    cut = replace(
        books,
        story=replace(books.story, cuts=(1011.0, 1015.0)),
        phones=[_with(books.phones[0], ended=0.0)],
        records=[replace(books.records[0], billsec=10)],
    )
    assert ledger.compare(cut).is_clean
    assert ledger.compare(replace(cut, records=[replace(books.records[0], billsec=20)])).faults[
        "billsec"
    ]


def test_a_recording_that_was_out_of_reach_could_not_play() -> None:
    books = FAULTS["unplayable"](good())
    assert ledger.compare(
        replace(books, story=replace(books.story, deaf=((1023.0, 1025.0),)))
    ).is_clean


def test_a_call_that_was_over_before_a_kill_is_none_of_its() -> None:
    books = good()
    assert ledger.compare(replace(books, story=replace(books.story, cuts=(1041.0,)))).is_clean


def test_the_books_of_a_folder_are_read_and_judged(tmp_path: Path) -> None:
    books = good()
    write(tmp_path, books)
    assert msgspec.to_builtins(ledger.read(tmp_path)) == msgspec.to_builtins(books)
    assert _judged(tmp_path) == 0
    with (tmp_path / "deliveries.jsonl").open("ab") as notes:
        notes.write(b'{"id":"torn by a kil')
    assert _judged(tmp_path) == 0
    with (tmp_path / "caller-2.calls").open("w") as account:
        account.write(
            "offered c 2026-11-23 16:00:00.000 1070.0\nanswered c 2026-11-23 16:00:00.000 1071.0\n"
        )
    assert _judged(tmp_path) == 1


def write(folder: Path, books: Books) -> None:
    for side, calls in (("caller-1", books.calls), ("phone-1", books.phones)):
        (folder / f"{side}.calls").write_text("".join(_account(call) for call in calls))
    kinds = {
        "cdrs": books.records,
        "events": books.events,
        "deliveries": books.deliveries,
        "played": books.played,
    }
    for name, structs in kinds.items():
        lines = [msgspec.json.encode(one) + b"\n" for one in structs]
        (folder / f"{name}.jsonl").write_bytes(b"".join(lines))
    (folder / "story.json").write_bytes(msgspec.json.encode(books.story))


def _account(call: Call) -> str:
    moments = {name: getattr(call, name) for name in ("offered", "refused", "answered", "ended")}
    return "".join(
        f"{what} {call.call_id} 2026-11-23\t16:00:00.000\t{at}\n"
        for what, at in moments.items()
        if at
    )


def _judged(folder: Path) -> int:
    command = [sys.executable, "-m", "chaos.ledger", str(folder)]
    return subprocess.run(
        command, cwd=Path(__file__).parents[2], check=False, capture_output=True
    ).returncode
