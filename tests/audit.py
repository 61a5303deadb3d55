"""Whether the locked packages have known vulnerabilities, by pip-audit: `python -m tests.audit`,
for `make check`.

It fails for one that is known. Where nobody can be asked (no network, a mirror without the data)
it says so and passes.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = (
    (ROOT / "requirements.lock", ROOT / "requirements-dev.lock"),
    (ROOT / "tests" / "clients" / "requirements.lock",),
)
"""Locks of one environment are asked for together: they have the same versions."""
AWAY = re.compile(
    r"\b(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|ServiceError)\b"
)
SILENT = "not audited: the service cannot be reached"


class Vulnerability(msgspec.Struct, frozen=True):
    id: str
    fix_versions: tuple[str, ...] = ()


class Package(msgspec.Struct, frozen=True):
    """`skip_reason` says why nothing is known of it."""

    name: str
    version: str = ""
    vulns: tuple[Vulnerability, ...] = ()
    skip_reason: str = ""


class Report(msgspec.Struct, frozen=True):
    dependencies: tuple[Package, ...]


def audit(locks: Sequence[Path], *options: str) -> tuple[str, bool]:
    """The report on the packages, and whether they pass."""
    named = [part for lock in locks for part in ("-r", str(lock))]
    command = [
        *(
            sys.executable,
            "-m",
            "pip_audit",
            "--require-hashes",
            "--disable-pip",
            "--format",
            "json",
        ),
        *options,
    ]
    asked = subprocess.run(
        [*command, "--timeout", "5", "--progress-spinner", "off", *named],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return verdict(msgspec.json.decode(asked.stdout, type=Report).dependencies)
    except msgspec.DecodeError:
        return (
            (SILENT, True)
            if AWAY.search(asked.stderr)
            else (f"pip-audit failed:\n{asked.stderr}", False)
        )


def verdict(packages: Sequence[Package]) -> tuple[str, bool]:
    """Of packages that were asked for."""
    bad = [
        f"{one.name} {one.version}: {found.id}, "
        f"mended in {', '.join(found.fix_versions) or 'no version yet'}"
        for one in packages
        for found in one.vulns
    ]
    if bad:
        return "\n".join(bad), False
    unknown = sum(bool(one.skip_reason) for one in packages)
    if unknown == len(packages):
        return SILENT, True
    some = f", and {unknown} that the service does not know" if unknown else ""
    return f"no known vulnerabilities in {len(packages) - unknown} packages{some}", True


if __name__ == "__main__":
    found = [audit(locks, *sys.argv[1:]) for locks in ENVIRONMENTS]
    for said in dict.fromkeys(said for said, _ in found):
        print(f"pip-audit: {said}")  # noqa: T201
    sys.exit(not all(passes for _, passes in found))
