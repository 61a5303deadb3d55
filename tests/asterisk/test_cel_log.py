"""The CEL log is read whole, once and in order, whatever crashes and rotation left of it; and says
what ARI says.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.asterisk import fake
from tongdai.asterisk import cel_log, events, translate
from tongdai.asterisk.cel_log import Entry, Offset
from tongdai.pbx.signals import HangupAsked, LegHungUp, Signal

CALL = UUID("01a208b1-61e0-76f4-b2eb-0404ab11662d")
NAMES = sorted(path.stem for path in fake.RECORDINGS.glob("*.json"))


def line(number: int, **changes: str) -> bytes:
    """An entry as Asterisk writes it, known by its number."""
    fields = {
        "eventtype": "ANSWER",
        "eventtime": f"1795442152.{number:06d}",
        "uniqueid": str(number),
    }
    return (
        msgspec.json.encode(fields | {"channame": "PJSIP/x-1", "accountcode": CALL.hex} | changes)
        + b"\n"
    )


def read_all(path: Path, place: Offset, chunk: int = cel_log.CHUNK) -> tuple[list[int], Offset]:
    """Numbers of the entries from the place on, as Recovery reads them."""
    numbers: list[int] = []
    while True:
        entries, found = cel_log.read(path, place, chunk)
        if not entries and found == place:
            return numbers, place
        numbers += [int(entry.uniqueid) for entry in entries]
        place = found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cel.jsonl"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


# --- reading


def test_no_cel_log_yet_is_read_from_its_beginning_later(path: Path) -> None:
    assert cel_log.end(path) == Offset()
    assert cel_log.read(path, Offset()) == ([], Offset())
    append(path, line(1))
    assert read_all(path, Offset())[0] == [1]


def test_reading_goes_on_where_it_stopped(path: Path) -> None:
    append(path, line(1) + line(2))
    numbers, place = read_all(path, Offset())
    assert numbers == [1, 2]
    assert place == cel_log.end(path)
    append(path, line(3))
    assert read_all(path, place) == ([3], cel_log.end(path))


def test_from_the_end_only_what_is_new_is_read(path: Path) -> None:
    append(path, line(1))
    place = cel_log.end(path)
    append(path, line(2))
    assert read_all(path, place)[0] == [2]


def test_a_line_half_written_is_read_when_it_is_whole(path: Path) -> None:
    append(path, line(1) + line(2)[:30])
    numbers, place = read_all(path, Offset())
    assert numbers == [1]
    append(path, line(2)[30:])
    assert read_all(path, place)[0] == [2]


def test_a_line_torn_by_a_crash_costs_itself_alone(path: Path) -> None:
    append(
        path, line(1) + line(2)[:30] + line(3) + b"\0" * 50 + line(4) + b"\xff\xfe\n\n" + line(5)
    )
    assert read_all(path, Offset())[0] == [1, 3, 4, 5]


@pytest.mark.parametrize(
    "odd", [b"{}\n", b"[]\n", b'"eventtype"\n', line(9, eventtime="soon"), line(9)[:-3] + b"\n"]
)
def test_a_line_that_is_no_entry_is_left_out(path: Path, odd: bytes) -> None:
    append(path, line(1) + odd + line(2))
    assert read_all(path, Offset())[0] == [1, 2]


def test_a_long_cel_log_is_read_in_parts(path: Path) -> None:
    append(path, b"".join(map(line, range(100))))
    entries, place = cel_log.read(path, Offset(), 1000)
    assert 0 < len(entries) < 10
    assert place.offset <= 1000
    assert read_all(path, Offset(), 1000) == (list(range(100)), cel_log.end(path))


def test_what_is_longer_than_any_line_is_passed_over(path: Path) -> None:
    append(path, line(1) + b"\0" * 5000 + b"\n" + line(2))
    assert read_all(path, Offset(), 1000) == ([1, 2], cel_log.end(path))


def test_a_rotated_cel_log_is_read_to_its_end_first(path: Path) -> None:
    append(path, line(1))
    _, place = read_all(path, Offset())
    append(path, line(2))
    path.rename(path.with_name("cel.jsonl.1"))
    assert read_all(path, place)[0] == [2]
    append(path, line(3))
    assert read_all(path, place) == ([2, 3], cel_log.end(path))


def test_a_torn_end_of_a_rotated_cel_log_does_not_hold_the_new_one_up(path: Path) -> None:
    append(path, line(1))
    _, place = read_all(path, Offset())
    append(path, line(2)[:20])
    path.rename(path.with_name("cel.jsonl.1"))
    append(path, line(3))
    assert read_all(path, place) == ([3], cel_log.end(path))


def test_of_a_cel_log_that_was_deleted_the_new_one_is_read(path: Path, tmp_path: Path) -> None:
    append(path, line(1))
    _, place = read_all(path, Offset())
    path.rename(tmp_path / "elsewhere")  # so that the new one cannot get its inode
    append(path, line(2) + line(3))
    assert read_all(path, place)[0] == [2, 3]


def test_a_cel_log_cut_short_is_read_anew(path: Path) -> None:
    append(path, line(1) + line(2))
    _, place = read_all(path, Offset())
    os.truncate(path, 0)
    append(path, line(3))
    assert read_all(path, place)[0] == [3]


def test_a_cel_log_that_cannot_be_read_for_a_while_goes_on_where_it_was(tmp_path: Path) -> None:
    (folder := tmp_path / "cel").mkdir()
    path = folder / "cel.jsonl"
    append(path, line(1))
    _, place = read_all(path, Offset())
    folder.rename(away := tmp_path / "away")
    folder.touch()  # a file where the folder was
    assert cel_log.read(path, place) == ([], place)
    assert cel_log.end(path) == Offset()
    folder.unlink()
    away.rename(folder)
    append(path, line(2))
    assert read_all(path, place)[0] == [2]


@given(st.lists(st.integers(1, 300), max_size=12), st.sets(st.integers(0, 20), max_size=3))
def test_however_it_is_written_and_rotated_every_entry_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], rotations: set[int]
) -> None:
    """Bytes come in any portions; between lines the CEL log may be renamed."""
    path = tmp_path_factory.mktemp("cel_log") / "cel.jsonl"
    place, read, kept = Offset(), [], 0
    for number in range(21):
        data = line(number)
        for cut in cuts:
            append(path, data[:cut])
            data = data[cut:]
            numbers, place = read_all(path, place)
            read += numbers
        append(path, data)
        if number in rotations:
            numbers, place = read_all(path, place)
            read += numbers
            kept += 1
            path.rename(path.with_name(f"cel.jsonl.{kept}"))
    assert read + read_all(path, place)[0] == list(range(21))


# --- meaning


@pytest.mark.parametrize("name", NAMES)
def test_the_cel_log_says_what_ari_says(name: str) -> None:
    """All ends with their causes, all beginnings and answers, and who hung up: except a phone's
    refusal, which ARI calls a hang-up too.
    """
    recording = fake.recording(name)
    by_ari = [heard for event in recording.events if (heard := by_event(event))]
    entries = cel_log.attributed(
        [msgspec.convert(entry, Entry, strict=False) for entry in recording.cel_log]
    )
    by_cel_log = [meant for entry in entries for meant in cel_log.signals(entry)]
    # a party took another's channel: whose it is now, they say differently
    if name == "semi_attended_transfer":
        by_ari, by_cel_log = (
            [(CALL, signal) for _, signal in meant] for meant in (by_ari, by_cel_log)
        )
    assert told(by_cel_log, "LegHungUp") == told(by_ari, "LegHungUp")
    assert told(by_cel_log, "LegDialed", "LegAnswered") >= told(by_ari, "LegDialed", "LegAnswered")
    assert told(by_cel_log, "HangupAsked") <= told(by_ari, "HangupAsked")


def by_event(event: fake.Json) -> tuple[UUID, Signal] | None:
    decoded = events.decode(event["type"], msgspec.json.encode(event))
    return translate.signal(decoded) if decoded else None


def told(meant: list[tuple[UUID, Signal]], *kinds: str) -> set[tuple[object, ...]]:
    """Call, channel and what matters of the signals of those kinds."""
    said: set[tuple[object, ...]] = set()
    for call, signal in meant:
        if type(signal).__name__ in kinds:
            detail = getattr(signal, "endpoint", None) or getattr(signal, "cause", None)
            said.add((call, signal.channel, type(signal).__name__, detail))
    return said


@pytest.mark.parametrize(
    ("name", "is_answered"), [("attended_transfer", True), ("semi_attended_transfer", False)]
)
def test_an_attended_transfer(name: str, is_answered: bool) -> None:
    """The customer (first channel) is handed to 102 (fourth), or, while that still rings, to where
    101 (third) was.
    """
    recording = fake.recording(name)
    entries = [msgspec.convert(entry, Entry, strict=False) for entry in recording.cel_log]
    channels = list(dict.fromkeys(entry.uniqueid for entry in entries))
    (happened,) = [happened for entry in entries if (happened := cel_log.transfer(entry))]
    assert happened.transferee == channels[0]
    assert happened.target == channels[3 if is_answered else 2]
    assert all(
        cel_log.transfer(entry) is None
        for entry in entries
        if entry.eventtype != "ATTENDEDTRANSFER"
    )


An: TypeAlias = Callable[..., Entry]


@pytest.fixture
def an() -> An:
    def entry(eventtype: str, accountcode: str = CALL.hex, **extra: object) -> Entry:
        return Entry(
            eventtype,
            1795442152.5,
            "c1",
            "PJSIP/101@a.vn-1",
            accountcode,
            msgspec.json.encode(extra).decode(),
        )

    return entry


def test_an_entry_of_no_call_of_ours_means_nothing(an: An) -> None:
    assert cel_log.signals(an("HANGUP", accountcode="")) == []
    assert cel_log.signals(an("HANGUP", accountcode="somebody's")) == []
    assert cel_log.signals(an("BRIDGE_ENTER")) == []


def test_nobody_rings_by_a_local_channel(an: An) -> None:
    phone = an("CHAN_START")
    assert cel_log.signals(phone)
    assert not cel_log.signals(msgspec.structs.replace(phone, channame="Local/102@phone-01;1"))


def test_who_hung_up_is_told_before_the_end(an: An) -> None:
    entry = an("HANGUP", hangupcause="16", hangupsource="PJSIP/101@a.vn-1")
    assert cel_log.signals(entry) == [
        (CALL, HangupAsked("c1", entry.at)),
        (CALL, LegHungUp("c1", entry.at, 16, reconstructed=True)),
    ]
    entry = an("HANGUP", hangupcause=0, hangupsource="")
    assert cel_log.signals(entry) == [(CALL, LegHungUp("c1", entry.at, 0, reconstructed=True))]


@pytest.mark.parametrize("extra", ["no JSON", "[]", '{"hangupcause": "none"}', '"text"'])
def test_an_end_without_a_reason_is_still_an_end(an: An, extra: str) -> None:
    entry = msgspec.structs.replace(an("HANGUP"), eventextra=extra)
    assert cel_log.signals(entry) == [(CALL, LegHungUp("c1", entry.at, 0, reconstructed=True))]
    assert cel_log.transfer(msgspec.structs.replace(entry, eventtype="ATTENDEDTRANSFER")) is None


FIELDS = ("eventtype", "eventtime", "uniqueid", "channame", "accountcode", "eventextra")


def test_a_channel_that_took_anothers_place_is_of_the_call_that_it_is_linked_with() -> None:
    def entry(eventtype: str, channel: str, call: str = "", linked: str = "") -> Entry:
        name = f"PJSIP/102@a.vn-{channel}"
        return Entry(eventtype, 1.0, channel, name, accountcode=call, linkedid=linked or channel)

    log = [
        entry("ANSWER", "c1", CALL.hex),
        entry("CHAN_START", "c2"),
        entry("ANSWER", "c2"),
        entry("CHAN_START", "c3"),
        entry("HANGUP", "c2", linked="c1"),
        entry("HANGUP", "c3"),
    ]
    found = cel_log.attributed(log)
    assert [each.uniqueid for each in found if each.call_uuid == CALL] == ["c1", "c2", "c2", "c2"]
    assert [each.uniqueid for each in log if cel_log.is_answer_without_call(each)] == ["c2"]


TYPES = st.sampled_from(["CHAN_START", "ANSWER", "HANGUP", "ATTENDEDTRANSFER"]) | st.text(
    max_size=5
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.just(CALL.hex)
)
LINES = st.binary(max_size=80) | st.tuples(
    TYPES, st.dictionaries(st.sampled_from(FIELDS[1:]), VALUES | st.lists(VALUES, max_size=2))
).map(lambda one: msgspec.json.encode({"eventtype": one[0]} | one[1]))


@given(st.lists(LINES, max_size=5))
def test_whatever_stands_in_it_is_read_or_passed_over(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("cel_log") / "cel.jsonl"
    path.write_bytes(b"".join(one + b"\n" for one in [*lines, line(1).strip()]))
    entries, place = cel_log.read(path, Offset())

    for entry in cel_log.attributed(entries):
        cel_log.signals(entry)
        cel_log.transfer(entry)
    assert entries, "the last line is whole"
    assert place.offset == path.stat().st_size


@pytest.mark.parametrize("lines", [0, 1, 10, 5_000])
def test_the_place_of_a_moment(tmp_path: Path, lines: int) -> None:
    """Wherever it lies, no entry of that moment or later is missed, and little is read before
    it.
    """
    path = tmp_path / "cel.jsonl"
    text = (
        b'{"eventtype":"HANGUP","eventtime":"%.6f",'
        b'"uniqueid":"c%d","channame":"PJSIP/101@a.vn-1"}\n'
    )
    path.write_bytes(b"".join(text % (1_795_442_000 + number, number) for number in range(lines)))
    for number in (0, lines // 3, lines):
        moment = 1_795_442_000 + number
        found = cel_log.since(path, cel_log.place_at(path, datetime.fromtimestamp(moment, UTC)))
        late = [entry.uniqueid for entry in found if entry.eventtime >= moment]
        assert late == [f"c{each}" for each in range(number, lines)]
        assert len(found) - len(late) <= cel_log.NEAR / 80


def test_the_place_of_a_moment_in_no_cel_log(tmp_path: Path) -> None:
    assert cel_log.place_at(tmp_path / "none", datetime.now(UTC)) == cel_log.Offset()


@pytest.mark.parametrize("lines", [3, 1_500])
def test_the_place_of_a_moment_before_the_cel_log_was_rotated(path: Path, lines: int) -> None:
    append(path, b"".join(map(line, range(lines))))
    path.rename(path.with_name(f"{path.name}.1"))
    append(path, b"".join(map(line, range(lines, 2 * lines))))
    for number in (0, lines - 1, lines, 2 * lines - 1):
        moment = datetime.fromtimestamp(1_795_442_152, UTC) + timedelta(microseconds=number)
        numbers, _ = read_all(path, cel_log.place_at(path, moment))
        assert numbers[-1] == 2 * lines - 1
        assert number in numbers
