"""From the parts that Asterisk wrote to one file that plays: joined, repaired, waited for, and
nothing left behind.
"""

import asyncio
import hashlib
import os
import struct
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from testbed.until import until
from tongdai import recording_formats
from tongdai.asterisk import recording
from tongdai.asterisk.recording import Finished
from tongdai.pbx.directory import RecordingFormat
from tongdai.recording_files import LocalFolder

CALL = UUID("01a208b1-61e0-76f4-b2eb-0404ab11662d")
OTHER = UUID("01a208b1-69d1-74b1-8f00-82103f3d6d59")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (spool := tmp_path / "spool").mkdir()
    return spool


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "2026" / "call.wav"


async def finish(
    spool: Path, call_uuids: list[UUID], target: Path, closing_s: float = recording.CLOSING_S
) -> int:
    """The recording's parts become the file `target`, in a folder of recordings two levels up."""
    folder = target.parent.parent
    key = str(target.relative_to(folder))
    stored = await recording.finish(
        spool, call_uuids, LocalFolder(folder), key, closing_s=closing_s
    )
    return stored.size if stored else 0


def sound(level: int, frames: int = 800) -> bytes:
    """16-bit samples, all of one level, to be known by."""
    return struct.pack("<h", level) * frames


def part(spool: Path, name: str, data: bytes, *, call: UUID = CALL, closed: bool = True) -> Path:
    """As Asterisk's format_wav writes it: the sizes in the header are 0 until it is closed."""
    size = len(data) if closed else 0
    path = spool / f"{call.hex}-{name}.wav"
    path.write_bytes(
        b"RIFF"
        + struct.pack("<I", size + 36)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
        + b"data"
        + struct.pack("<I", size)
        + data
    )
    return path


def played(path: Path) -> bytes:
    """The samples that a player reads from it."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert path.stat().st_size == recording.HEADER + file.getnframes() * 2, (
            "nothing beside the sound"
        )
        return bytes(file.readframes(file.getnframes()))


async def test_one_part_is_the_recording(spool: Path, target: Path) -> None:
    part(spool, "1795442305-asterisk-1795442305.0", sound(1))
    size = await finish(spool, [CALL], target)
    assert size == target.stat().st_size
    assert played(target) == sound(1)
    assert list(spool.iterdir()) == []
    assert list(target.parent.iterdir()) == [target]


async def test_parts_follow_each_other_as_they_began(spool: Path, target: Path) -> None:
    part(spool, "1795442306-asterisk-1795442301.7", sound(2))
    part(spool, "1795442305-asterisk-1795442305.0", sound(1))
    part(spool, "1795442300-asterisk-1795442300.0", sound(3), call=OTHER)
    (of_nobody := part(spool, "1-1", sound(9), call=UUID(int=7))).touch()
    assert await finish(spool, [CALL, OTHER], target)
    assert played(target) == sound(3) + sound(1) + sound(2), (
        "also those of a merged call: the consultation may have begun in the middle"
    )
    assert list(spool.iterdir()) == [of_nobody]


async def test_of_two_parts_of_one_second_the_one_that_was_cut_comes_first(
    spool: Path, target: Path
) -> None:
    part(spool, "1795442305-asterisk-1795442305.0", sound(1))
    part(spool, "1795442305-asterisk-1795442301.7", sound(2), call=OTHER)
    recording.cut(spool, OTHER, datetime.now(UTC) + timedelta(seconds=1))
    assert await finish(spool, [CALL, OTHER], target)
    assert played(target) == sound(2) + sound(1)


async def test_nothing_there_is_nothing(spool: Path, target: Path) -> None:
    assert not await finish(spool, [CALL, OTHER], target)
    assert not target.parent.exists()


async def test_a_part_that_was_never_closed_is_repaired(spool: Path, target: Path) -> None:
    part(spool, "1-1", sound(1), closed=False)
    assert await finish(spool, [CALL], target, 0.05)
    assert played(target) == sound(1)


async def test_parts_never_closed_are_repaired_and_joined(spool: Path, target: Path) -> None:
    part(spool, "1-1", sound(1), closed=False)
    part(spool, "2-1", sound(2))
    part(spool, "3-1", sound(3, frames=11), closed=False)
    assert await finish(spool, [CALL], target, 0.05)
    assert played(target) == sound(1) + sound(2) + sound(3, frames=11)


@pytest.mark.parametrize("silence", [b"", sound(0, frames=0)])
async def test_a_part_in_which_nothing_was_said_is_left_out(
    spool: Path, target: Path, silence: bytes
) -> None:
    (spool / f"{CALL.hex}-1-1.wav").write_bytes(silence)
    part(spool, "2-1", b"")
    part(spool, "3-1", sound(3))
    assert await finish(spool, [CALL], target, 0.05)
    assert played(target) == sound(3)
    assert list(spool.iterdir()) == []


async def test_silence_alone_is_no_recording(spool: Path, target: Path) -> None:
    part(spool, "1-1", b"")
    assert not await finish(spool, [CALL], target, 0.05)
    assert not target.exists()
    assert list(spool.iterdir()) == []


async def test_a_part_still_being_written_is_waited_for(spool: Path, target: Path) -> None:
    path = part(spool, "1-1", sound(1), closed=False)
    finishing = asyncio.create_task(finish(spool, [CALL], target))
    with path.open("r+b", buffering=0) as file:
        for level in (2, 3, 4):
            file.seek(0, os.SEEK_END)
            file.write(sound(level))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not finishing.done()
        size = path.stat().st_size
        file.seek(4)
        file.write(struct.pack("<I", size - 8))
        file.seek(40)
        file.write(struct.pack("<I", size - recording.HEADER))
    assert await until(finishing.done)
    assert await finishing
    assert played(target) == sound(1) + sound(2) + sound(3) + sound(4)


async def test_finishing_again_after_a_crash_loses_nothing(spool: Path, target: Path) -> None:
    """The whole was written, and of its parts not all had been removed."""
    first, second = part(spool, "1-1", sound(1)), part(spool, "2-1", sound(2))
    kept = second.read_bytes()
    assert await finish(spool, [CALL], target)
    assert not first.exists()
    second.write_bytes(kept)
    assert await finish(spool, [CALL], target)
    assert played(target) == sound(1) + sound(2)
    assert list(spool.iterdir()) == []


async def test_after_a_crash_the_file_that_is_whole_stays(spool: Path, target: Path) -> None:
    """Of two parts the first had been removed: the other alone must not take the whole's place."""
    part(spool, "1-1", sound(1))
    second = part(spool, "2-1", sound(2))
    kept = second.read_bytes()
    assert await finish(spool, [CALL], target)
    second.write_bytes(kept)
    assert await finish(spool, [CALL], target) == target.stat().st_size
    assert played(target) == sound(1) + sound(2)


async def test_finished_before_it_is_found_without_parts(spool: Path, target: Path) -> None:
    part(spool, "1-1", sound(1))
    size = await finish(spool, [CALL], target)
    assert await finish(spool, [CALL], target) == size > 0


async def test_a_half_written_whole_is_written_anew(spool: Path, target: Path) -> None:
    part(spool, "1-1", sound(1))
    part(spool, "2-1", sound(2))
    (spool / f"{CALL.hex}-{recording.JOINED}").write_bytes(b"half of it")
    assert await finish(spool, [CALL], target)
    assert played(target) == sound(1) + sound(2)
    assert list(target.parent.iterdir()) == [target]
    assert list(spool.iterdir()) == []


async def test_a_part_that_is_no_sound_is_said_and_kept(spool: Path, target: Path) -> None:
    part(spool, "1-1", sound(1))
    (spool / f"{CALL.hex}-2-1.wav").write_bytes(b"\0" * 500)
    with pytest.raises(OSError, match="cannot be made"):
        await finish(spool, [CALL], target, 0.05)
    assert not target.exists()
    assert len(list(spool.iterdir())) == 2


async def test_parts_that_are_no_sound_are_said_and_leave_no_draft(
    spool: Path, target: Path
) -> None:
    """A full volume took the headers."""
    torn = [part(spool, name, sound(3)) for name in ("1-a", "2-b")]
    for each in torn:
        each.write_bytes(bytes(4096))
    with pytest.raises(OSError, match="cannot be made"):
        await finish(spool, [CALL], target, 0.0)
    assert not target.exists()
    assert sorted(spool.iterdir()) == sorted(torn)


async def test_what_was_recorded_after_the_cut_does_not_count(spool: Path, target: Path) -> None:
    """An attended transfer: from the cut on it is recorded elsewhere, and this part goes on with
    one side only.
    """
    path = part(spool, "1-1", sound(1, frames=8000) + sound(2, frames=4000))
    closed_at = 1_795_442_310.0
    recording.cut(spool, CALL, datetime.fromtimestamp(closed_at - 0.5, UTC))
    recording.cut(spool, CALL, datetime.fromtimestamp(closed_at, UTC))  # the first cut counts
    os.utime(path, (closed_at, closed_at))
    part(spool, "2-1", sound(3))
    assert await finish(spool, [CALL], target)
    assert played(target) == sound(1, frames=8000) + sound(3)
    assert list(spool.iterdir()) == []


async def test_of_a_call_that_nobody_answered_nothing_stays(spool: Path) -> None:
    part(spool, "1-1", sound(1))
    recording.cut(spool, CALL, datetime.now(UTC))
    others = part(spool, "1-1", sound(1), call=OTHER)
    await recording.discard(spool, CALL)
    assert list(spool.iterdir()) == [others]


def beside(left: bytes, right: bytes) -> bytes:
    """Both as the two channels of one sound."""
    pairs = zip(struct.iter_unpack("<h", left), struct.iter_unpack("<h", right), strict=True)
    return b"".join(struct.pack("<hh", one, other) for (one,), (other,) in pairs)


async def test_both_sides_apart_are_the_channels_of_one_file(spool: Path, target: Path) -> None:
    part(spool, "1795442305-a.1.far", sound(1))
    part(spool, "1795442305-a.1.near", sound(2))
    stored = await recording.finish(spool, [CALL], LocalFolder(target.parent), "call.wav")

    assert stored
    assert (stored.channels, stored.duration_s) == (2, 0.1)
    with wave.open(str(target.parent / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        assert file.readframes(800) == beside(sound(1), sound(2))
    assert list(spool.iterdir()) == []


async def test_a_side_that_ends_early_is_silent_at_its_end(spool: Path, target: Path) -> None:
    part(spool, "1795442305-a.1.far", sound(1, 10))
    part(spool, "1795442305-a.1.near", sound(2, 30))
    await recording.finish(spool, [CALL], LocalFolder(target.parent), "call.wav")

    with wave.open(str(target.parent / "call.wav")) as file:
        assert file.readframes(100) == beside(sound(1, 10) + sound(0, 20), sound(2, 30))


async def test_a_part_with_both_sides_together_is_on_both(spool: Path, target: Path) -> None:
    """As after an attended transfer while no engine responds."""
    part(spool, "1795442305-a.1.far", sound(1))
    part(spool, "1795442305-a.1.near", sound(2))
    part(spool, "1795442307-a.2", sound(3))
    await recording.finish(spool, [CALL], LocalFolder(target.parent), "call.wav")

    with wave.open(str(target.parent / "call.wav")) as file:
        assert file.readframes(1600) == beside(sound(1) + sound(3), sound(2) + sound(3))


@pytest.mark.parametrize(
    ("form", "begins"), [("flac", b"fLaC"), ("opus", b"OggS"), ("mp3", b"\xff")]
)
async def test_it_is_kept_in_the_format_of_the_domain(
    spool: Path, target: Path, form: RecordingFormat, begins: bytes
) -> None:
    part(spool, "1795442305-a.1.far", sound(1, 8000))
    part(spool, "1795442305-a.1.near", sound(2, 8000))
    folder = LocalFolder(target.parent)
    stored = await recording.finish(spool, [CALL], folder, "call.wav", form)

    content = (target.parent / f"call.{form}").read_bytes()
    assert stored == Finished(
        f"call.{form}", len(content), 1.0, 2, hashlib.sha256(content).hexdigest()
    )
    assert content.startswith(begins)
    assert list(spool.iterdir()) == []

    again = await recording.finish(spool, [CALL], folder, "call.wav", form)
    assert again
    assert (again.key, again.sha256, again.channels) == (stored.key, stored.sha256, 2)
    assert again.duration_s == pytest.approx(1.0, abs=0.2)


async def test_a_conversion_that_fails_leaves_the_wav(
    spool: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program that converts cannot be started."""
    monkeypatch.setattr("sys.executable", str(spool / "no-such-program"))
    part(spool, "1795442305-a.1", sound(1))
    stored = await recording.finish(spool, [CALL], LocalFolder(target.parent), "call.wav", "opus")

    assert stored
    assert (stored.key, stored.channels) == ("call.wav", 1)
    assert played(target.parent / "call.wav") == sound(1)
    assert list(spool.iterdir()) == []


async def test_what_cannot_be_converted_leaves_no_file(tmp_path: Path) -> None:
    broken = tmp_path / "call.wav"
    broken.write_bytes(b"no sound")

    assert await recording_formats.convert(broken, "flac", 1.0) is None
    assert list(tmp_path.iterdir()) == [broken]
