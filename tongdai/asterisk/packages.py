"""Programs from Debian's archive, unpacked into a private folder without root. This module starts
none.

apt resolves, downloads and verifies signatures, with all of its folders moved into the cache. The
programs run with the C library from the archive, not with the machine's.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import msgspec

from tongdai import errors

ASTERISK = (22, 10, 1)
"""The first usable release; any later one of the same long-term series is usable too."""

SUITES = ("testing", "forky", "unstable")
"""Debian's suites in order of preference: `forky` keeps the series when `testing` has moved on."""

TOOLS = ("apt-get", "apt-cache", "apt-config", "dpkg-deb")
"""The programs for fetching; every Debian and Ubuntu has them."""

SYSTEM = Path("/usr")
"""The root of the machine's own packages."""

DEBIAN_SUITES = frozenset(
    {"oldstable", "stable", "testing", "unstable", "sid", "bookworm", "trixie", "forky"}
)
KEYRING = Path("usr/share/keyrings/debian-archive-keyring.gpg")
ARCHIVE_NAMED_IN = Path("usr/bin/mmdebstrap")

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the present task, its finished parts, and all its parts."""


class Root(msgspec.Struct, frozen=True):
    """A folder with installed programs."""

    prefix: Path
    """Holds `bin`, `sbin`, `lib` and `share`."""
    loader: tuple[str, ...] = ()
    """The command that runs a program of a private root with its own libraries; empty for the
    system's.
    """

    def command(self, program: str) -> list[str]:
        """The start of a command line that runs `program`. Raises errors.SetupError if it is not
        installed here.
        """
        for folder in ("sbin", "bin"):
            if (path := self.prefix / folder / program).is_file():
                return [*self.loader, str(path)]
        raise errors.SetupError(f"there is no {program} in {self.prefix}")

    @property
    def modules(self) -> Path:
        """Asterisk's loadable modules."""
        return _first(
            self.prefix,
            ("lib/*/asterisk/modules", "lib/asterisk/modules", "lib64/asterisk/modules"),
        )

    @property
    def data(self) -> Path:
        """Asterisk's read-only data: sounds and documentation."""
        return _first(self.prefix, ("share/asterisk", "../var/lib/asterisk"))


def default_cache() -> Path:
    """The user's cache folder (XDG base directory specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tongdai"


def asterisk(
    cache: Path,
    progress: Progress,
    given: Path | None = None,
    *,
    suites: Sequence[str] = SUITES,
    system: Path = SYSTEM,
) -> Root:
    """A root with a usable Asterisk: the given one (a program or a folder), the cached, one of
    Debian's suites, or the one below `system`.

    Blocks during a first download. Raises errors.SetupError with each place tried and why it
    failed.
    """
    if given is not None:
        return _serving(at(given))
    try:
        return _serving(fetch(["asterisk"], cache, progress, is_serving, suites))
    except errors.SetupError as unavailable:
        try:
            return _serving(Root(system))
        except errors.SetupError as unsuitable:
            raise errors.SetupError(
                f"Asterisk {_dotted(ASTERISK)} or a later {ASTERISK[0]}.x is needed.\n"
                f"From Debian's archive: {unavailable}\nFrom this system: {unsuitable}\n"
                "Install one, or name the path of one that you have."
            ) from unavailable


def at(given: Path) -> Root:
    """The root of a program (`/opt/asterisk/sbin/asterisk`) or of a folder with unpacked
    packages.
    """
    if given.is_file():
        return Root(given.parent.parent)
    return _private(given) if given.is_dir() else Root(given)


def fetch(
    names: Sequence[str],
    cache: Path,
    progress: Progress,
    accept: Callable[[str], bool] = lambda _version: True,
    suites: Sequence[str] = SUITES,
) -> Root:
    """A root in `cache` with these packages and their dependencies, from the first suite with an
    accepted version. `accept` judges the version of the first package.

    A second call reuses the folder. An interrupted run leaves no folder that looks complete; of
    two runs the second waits for the first. Raises errors.SetupError if no suite has the packages.
    """
    folder = cache / "+".join(names)
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / "lock"):
            if not folder.exists():
                _fetch(names, folder, progress, accept, suites)
    return _private(folder)


def is_serving(version: str) -> bool:
    """Whether tongdai works with Asterisk of this version (`22.10.1`, or Debian's
    `1:22.10.1+dfsg-1`).
    """
    found = re.match(r"(?:\d+:)?(\d+)\.(\d+)(?:\.(\d+))?", version)
    release = tuple(int(part or 0) for part in found.groups()) if found else ()
    return release[:1] == ASTERISK[:1] and release >= ASTERISK


def _serving(root: Root) -> Root:
    command = [*root.command("asterisk"), "-V"]
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise errors.SetupError(f"{command[-2]} does not run: {error}") from error
    version = said.removeprefix("Asterisk ").strip()
    if not is_serving(version):
        raise errors.SetupError(f"{command[-2]} is version {version}")
    return root


def _private(folder: Path) -> Root:
    loaders = sorted(folder.glob("usr/lib*/ld-linux*.so.*")) or sorted(
        folder.glob("usr/lib/*/ld-linux*.so.*")
    )
    if not loaders:
        raise errors.SetupError(f"{folder} holds no C library: remove it, it is fetched again")
    libraries = [path.parent for path in sorted(folder.glob("usr/lib/*/libc.so.6"))]
    return Root(folder / "usr", (str(loaders[0]), "--library-path", ":".join(map(str, libraries))))


def _fetch(
    names: Sequence[str],
    folder: Path,
    progress: Progress,
    accept: Callable[[str], bool],
    suites: Sequence[str],
) -> None:
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        raise errors.SetupError(f"this machine has no {', '.join(missing)}")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{names[0]}-") as scratch:
        apt = _choose(names, Path(scratch), progress, accept, suites)
        apt.get(["install", "--download-only", *names], f"downloading {names[0]}", progress)
        tree = Path(scratch, "tree")
        unpack(apt.downloads(), tree, f"unpacking {names[0]}", progress)
        tree.rename(folder)


def _choose(
    names: Sequence[str],
    scratch: Path,
    progress: Progress,
    accept: Callable[[str], bool],
    suites: Sequence[str],
) -> "Apt":
    """The first suite with an accepted version; its index has been read."""
    archive, keyring = debian(scratch, progress)
    refused = []
    for suite in suites:
        apt = Apt.of_debian(scratch / suite, archive, keyring, suite)
        try:
            apt.get(["update"], f"reading the index of Debian {suite}", progress)
        except errors.SetupError as error:
            refused.append(f"suite {suite}: {error}")
            continue
        version = apt.candidate(names[0])
        if version and accept(version):
            return apt
        refused.append(f"suite {suite} has {names[0]} {version or 'not at all'}")
    raise errors.SetupError(f"{archive}: " + "; ".join(refused))


def debian(
    scratch: Path, progress: Progress, known: frozenset[str] = DEBIAN_SUITES
) -> tuple[str, Path]:
    """The address of Debian's archive and the file of its keys, from this machine's apt. `known`
    are the suites that its sources name.
    """
    keyring, addresses = Path("/") / KEYRING, archives(_run("apt-get", *TARGETS), known)
    if addresses and keyring.exists():
        return addresses[0], keyring
    # Ubuntu packages both Debian's keys and a program that installs Debian systems, which has the
    # archive's address.
    apt = Apt.of_machine(scratch / "machine")
    apt.get(["update"], "reading the index of this machine's own archive", progress)
    apt.get(
        ["download", "debian-archive-keyring", ARCHIVE_NAMED_IN.name],
        "downloading Debian's keys",
        progress,
    )
    unpack(apt.downloads(), tree := scratch / "keys", "unpacking Debian's keys", progress)
    named = re.search(r"https?://[^\s'\"]+/debian\b", (tree / ARCHIVE_NAMED_IN).read_text())
    if named is None:
        raise errors.SetupError(
            f"{ARCHIVE_NAMED_IN.name} does not name Debian's archive: add it to apt's sources"
        )
    return (*addresses, f"{named[0]}/")[0], tree / KEYRING


TARGETS = (
    *("indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"),
    "Created-By: Packages",
)


def archives(targets: str, known: frozenset[str] = DEBIAN_SUITES) -> list[str]:
    """Addresses of Debian's main archive among apt's index targets, one `address suite component`
    a line.

    Those that end in `/debian/` come first, since other archives use Debian's suite names too.
    """
    rows = (line.split() for line in targets.splitlines())
    found = dict.fromkeys(row[0] for row in rows if row[1] in known and row[2] == "main")
    return sorted(found, key=lambda address: not address.endswith("/debian/"))


class Apt(msgspec.Struct, frozen=True):
    """apt with its state in `folder`. It changes nothing of the system, and reads only its network
    settings.
    """

    folder: Path

    @staticmethod
    def of_debian(folder: Path, archive: str, keyring: Path, suite: str) -> "Apt":
        """For one suite of Debian, with these keys only; no package counts as installed, not even
        the C library.
        """
        (trusted := folder / "trusted").mkdir(parents=True)
        shutil.copyfile(keyring, trusted / "debian.gpg")
        (folder / "sources.list").write_text(f"deb {archive} {suite} main\n")
        return _configured(
            folder,
            ("Dir::Etc::SourceList", str(folder / "sources.list")),
            ("Dir::Etc::SourceParts", "/dev/null"),
            ("Dir::Etc::Trusted", "/dev/null"),
            ("Dir::Etc::TrustedParts", str(trusted)),
        )

    @staticmethod
    def of_machine(folder: Path) -> "Apt":
        """For the machine's own sources and keys."""
        folder.mkdir(parents=True)
        return _configured(folder)

    def get(self, arguments: Sequence[str], text: str, progress: Progress) -> None:
        """Runs apt-get; progress is in percent of what is downloaded."""
        command = ["apt-get", "-q", "-y", "-o", "APT::Status-Fd=1", *arguments]
        archives_folder = self.folder / "cache" / "archives"
        said: deque[str] = deque(maxlen=5)
        progress(text, 0, 100)
        with subprocess.Popen(
            command,
            env=self._environment(),
            cwd=archives_folder,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            for line in process.stdout or ():
                if line.startswith("dlstatus:"):
                    progress(text, round(float(line.split(":")[2])), 100)
                elif line.startswith(("E:", "W:", "Err:")):
                    said.append(line.strip())
        if process.returncode:
            raise errors.SetupError(
                " ".join(said) or f"apt-get {arguments[0]} failed ({process.returncode})"
            )
        progress(text, 100, 100)

    def candidate(self, name: str) -> str | None:
        """The version to install, or None."""
        found = re.search(
            r"Candidate: (\S+)", _run("apt-cache", "policy", name, env=self._environment())
        )
        return found[1] if found and found[1] != "(none)" else None

    def downloads(self) -> list[Path]:
        """The package files downloaded so far."""
        return sorted((self.folder / "cache" / "archives").glob("*.deb"))

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "APT_CONFIG": str(self.folder / "apt.conf"), "LC_ALL": "C.UTF-8"}


def _configured(folder: Path, *settings: tuple[str, str]) -> Apt:
    for needed in ("state/lists/partial", "cache/archives/partial"):
        (folder / needed).mkdir(parents=True)
    (folder / "status").touch()
    ours = [
        ("Dir::State", str(folder / "state")),
        ("Dir::State::status", str(folder / "status")),
        ("Dir::Cache", str(folder / "cache")),
        *(
            (f"Dir::Etc::{name}", "/dev/null")
            for name in ("Main", "Parts", "Preferences", "PreferencesParts")
        ),
        # dropping to another user needs root, and a folder that user may enter
        ("APT::Sandbox::User", ""),
        ("Debug::NoLocking", "1"),
        ("APT::Install-Recommends", "0"),
        ("Acquire::Languages", "none"),
        *settings,
    ]
    # The operator's settings decide how this machine reaches an archive (proxies, certificates,
    # the age of a mirror).
    network = _run("apt-config", "dump", "--format", '%f "%v";%n', "Acquire")
    (folder / "apt.conf").write_text(
        network + "".join(f'{name} "{value}";\n' for name, value in ours)
    )
    return Apt(folder)


def unpack(files: Sequence[Path], tree: Path, text: str, progress: Progress) -> None:
    """Unpacks all these packages into `tree`, one over the other; their scripts do not run."""
    tree.mkdir(parents=True)
    for done, file in enumerate(files):
        progress(text, done, len(files))
        _run("dpkg-deb", "-x", str(file), str(tree))
    progress(text, len(files), len(files))


def _run(*command: str, env: dict[str, str] | None = None) -> str:
    finished = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=env or {**os.environ, "LC_ALL": "C.UTF-8"},
    )
    if finished.returncode:
        raise errors.SetupError(f"{' '.join(command[:2])}: {finished.stderr.strip()}")
    return finished.stdout


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _first(prefix: Path, patterns: Sequence[str]) -> Path:
    for pattern in patterns:
        for path in sorted(prefix.glob(pattern)):
            return path
    raise errors.SetupError(f"{prefix} holds none of {', '.join(patterns)}")


def _dotted(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))
