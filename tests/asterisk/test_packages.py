import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tongdai import errors
from tongdai.asterisk import packages

SOURCES = """\
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
"""
LIST = """\
deb [arch=amd64] http://other.example/packages bookworm main
deb http://third.example/debian-security bookworm-security main
deb http://fourth.example/ubuntu noble main universe
# deb http://fifth.example/debian sid main
"""


def quiet(_text: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "serves"),
    [
        ("22.10.1", True),
        ("1:22.10.1+dfsg+~cs6.17.60671434-1", True),
        ("22.11.0", True),
        ("22.100.0~rc1", True),
        ("22.10.0", False),
        ("22.9.9", False),
        ("20.20.1", False),
        ("23.1.0", False),
        ("git-master", False),
    ],
)
def test_any_later_release_of_the_series_serves(version: str, serves: bool) -> None:
    assert packages.is_serving(version) is serves


def test_the_archive_is_read_from_sources_of_both_formats(tmp_path: Path) -> None:
    (tmp_path / "a.list").write_text(LIST)
    (tmp_path / "b.sources").write_text(SOURCES)
    options = ["-o", "Dir::Etc::SourceList=/dev/null", "-o", f"Dir::Etc::SourceParts={tmp_path}"]
    read = subprocess.run(
        ["apt-get", *options, *packages.TARGETS], check=True, capture_output=True, text=True
    ).stdout
    assert packages.archives(read) == [
        "http://mirror.example/debian/",
        "http://other.example/packages/",
    ]


def test_no_archive_of_debian_among_the_sources() -> None:
    assert packages.archives("http://fourth.example/ubuntu/ noble main\n") == []


def test_the_cache_is_where_the_user_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert packages.default_cache() == tmp_path / "tongdai"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert packages.default_cache() == Path.home() / ".cache" / "tongdai"


def test_two_at_once_fetch_once_and_the_program_runs(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    def progress(text: str, done: int, total: int) -> None:
        told.append((text, done, total))

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: packages.fetch(["hello"], tmp_path, progress), range(2))
    assert first == second
    said = subprocess.run(
        first.command("hello"), check=True, capture_output=True, text=True
    ).stdout
    assert said == "Hello, world!\n"
    assert first.loader, "it runs with the C library it came with"
    assert sum(1 for text, done, _ in told if (text, done) == ("unpacking hello", 0)) == 1
    assert all(0 <= done <= total for _, done, total in told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hello", "lock"]
    told.clear()
    assert packages.fetch(["hello"], tmp_path, progress) == first
    assert told == []
    with pytest.raises(errors.SetupError, match="there is no sipp"):
        first.command("sipp")


def test_one_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    def progress(text: str, done: int, _total: int) -> None:
        if text.startswith("unpacking") and done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packages.fetch(["hello"], tmp_path, progress)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("name", "accept", "why"),
    [
        ("hello", lambda _version: False, r"suite testing has hello \d"),
        ("no-such-package", lambda _version: True, "suite testing has no-such-package not at all"),
    ],
)
def test_what_no_suite_has_is_said(
    tmp_path: Path, name: str, accept: Callable[[str], bool], why: str
) -> None:
    with pytest.raises(errors.SetupError, match=why):
        packages.fetch([name], tmp_path, quiet, accept, ["testing"])


def test_an_index_signed_by_others_is_refused(tmp_path: Path) -> None:
    archive, _ = packages.debian(tmp_path, quiet)
    (untrusted := tmp_path / "empty.gpg").touch()
    apt = packages.Apt.of_debian(tmp_path / "apt", archive, untrusted, "testing")
    with pytest.raises(errors.SetupError, match=r"(?i)sign"):
        apt.get(["update"], "reading", quiet)


def test_a_machine_without_apt_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.SetupError, match="this machine has no apt-get"):
        packages.fetch(["hello"], tmp_path / "cache", quiet)


def test_the_keys_and_the_address_come_as_packages_where_the_machine_has_none(
    tmp_path: Path,
) -> None:
    archive, keyring = packages.debian(tmp_path, quiet, frozenset())  # as on Ubuntu
    assert archive.startswith("http")
    assert archive.endswith("/debian/")
    assert keyring.is_relative_to(tmp_path)
    assert keyring.stat().st_size > 1000


def test_a_given_asterisk_is_taken_or_told_why_not(tmp_path: Path) -> None:
    good = program(tmp_path / "good" / "sbin" / "asterisk", "Asterisk 22.12.0")
    assert packages.asterisk(tmp_path, quiet, good) == packages.Root(tmp_path / "good")
    old = program(tmp_path / "old" / "sbin" / "asterisk", "Asterisk 20.5.0")
    with pytest.raises(errors.SetupError, match=r"old/sbin/asterisk is version 20\.5\.0"):
        packages.asterisk(tmp_path, quiet, old)
    with pytest.raises(errors.SetupError, match="there is no asterisk in"):
        packages.asterisk(tmp_path, quiet, tmp_path / "nowhere")


def test_every_place_that_was_looked_at_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        errors.SetupError, match=r"(?s)22\.10\.1 or a later 22\.x.*From Debian's.*From this system"
    ):
        packages.asterisk(tmp_path, quiet, suites=(), system=tmp_path)
