import errno
import os
from pathlib import Path

import pytest

from tongdai import files


def test_a_file_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    files.write(tmp_path / "secret", "a key")
    assert (tmp_path / "secret").read_text() == "a key"
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    files.write(path, b"a long first content")
    files.write(path, b"short")
    assert path.read_bytes() == b"short"


def test_a_draft_left_by_a_crash_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".secret").write_text("half of a")
    (tmp_path / ".secret").chmod(0o644)
    files.write(tmp_path / "secret", "a key")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_full_volume_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    files.write(path, "the first key")

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(path, "the second key")
    assert path.read_text() == "the first key"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]
