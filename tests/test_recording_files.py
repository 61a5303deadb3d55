"""Files of recordings in a local folder: whole or not there, and none outside the folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tongdai import ids, recording_files
from tongdai.recording_files import CHUNK, LocalFolder

SOUND = bytes(range(256)) * 4 * 1024  # four pieces
KEY = "domain/2026/11/03/call.wav"


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "recordings")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (source := tmp_path / "part.wav").write_bytes(SOUND)
    return source


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A file on another file system."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as there:
        (source := Path(there) / "part.wav").write_bytes(SOUND)
        assert source.stat().st_dev != tmp_path.stat().st_dev
        yield source


async def content(folder: LocalFolder, key: str, first: int = 0, length: int = 1 << 30) -> bytes:
    file = await folder.open(key)
    assert file
    pieces = [piece async for piece in file.read(first, length)]
    await file.close()
    assert max(map(len, pieces)) <= CHUNK
    return b"".join(pieces)


async def test_what_is_put_is_there_and_its_source_is_gone(
    folder: LocalFolder, source: Path
) -> None:
    assert await folder.put(source, KEY) == len(SOUND)
    assert await folder.size(KEY) == len(SOUND)
    assert await content(folder, KEY) == SOUND
    assert not source.exists()


async def test_a_file_from_another_file_system_comes_whole(
    folder: LocalFolder, elsewhere: Path
) -> None:
    assert await folder.put(elsewhere, KEY) == len(SOUND)
    assert await content(folder, KEY) == SOUND
    assert not elsewhere.exists()
    assert [path.name for path in (folder.folder / KEY).parent.iterdir()] == ["call.wav"]


async def test_a_copy_that_fails_leaves_the_source_and_no_draft(
    folder: LocalFolder, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: Path, draft: Path) -> None:
        draft.write_bytes(SOUND[:10])
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        await folder.put(elsewhere, KEY)
    assert elsewhere.read_bytes() == SOUND
    assert [*(folder.folder / KEY).parent.iterdir()] == []


async def test_the_file_that_has_the_key_stays(
    folder: LocalFolder, source: Path, tmp_path: Path
) -> None:
    await folder.put(source, KEY)
    (other := tmp_path / "other.wav").write_bytes(b"other")

    assert await folder.put(other, KEY) == len(SOUND)
    assert await content(folder, KEY) == SOUND
    assert not other.exists()


@pytest.mark.parametrize(
    ("first", "length"), [(0, 1), (100, 1000), (CHUNK - 1, CHUNK + 2), (len(SOUND) - 1, 1)]
)
async def test_a_range(folder: LocalFolder, source: Path, first: int, length: int) -> None:
    await folder.put(source, KEY)
    assert await content(folder, KEY, first, length) == SOUND[first : first + length]


async def test_what_is_not_there_is_none_and_its_deletion_is_harmless(folder: LocalFolder) -> None:
    assert await folder.open(KEY) is None
    assert await folder.size(KEY) is None
    assert await folder.delete([KEY]) == {KEY}
    assert await folder.domains() == set()


@pytest.mark.parametrize("key", ["../secret", "a/../../secret", "/etc/passwd", ".", ""])
async def test_no_key_leads_out_of_the_folder(
    folder: LocalFolder, source: Path, tmp_path: Path, key: str
) -> None:
    folder.folder.mkdir()
    (secret := tmp_path / "secret").write_bytes(b"secret")
    assert await folder.open(key) is None
    assert await folder.size(key) is None
    if key not in (".", ""):
        with pytest.raises(OSError, match="leads out"):
            await folder.put(source, key)
        assert await folder.delete([key]) == {key}, "there is no such file of ours"
    assert secret.read_bytes() == b"secret"
    assert source.exists()


async def test_what_cannot_be_deleted_now_stops_no_other(
    folder: LocalFolder, source: Path
) -> None:
    await folder.put(source, KEY)
    (folder.folder / "stuck" / "inside").mkdir(parents=True)

    assert await folder.delete(["stuck", KEY]) == {KEY}
    assert await folder.size(KEY) is None


def test_the_key_names_domain_day_call_and_recording() -> None:
    domain, call, recording = ids.new(), ids.new(), ids.new()
    started = datetime(2026, 11, 3, 9, 5, tzinfo=UTC)
    key = recording_files.key(domain, call, recording, started)
    assert key == f"{domain}/2026/11/03/{call}.{recording}.wav"
