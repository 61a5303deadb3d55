"""Who holds the addresses that we want: nobody, we ourselves, or a stranger."""

import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Literal

import msgspec

from tongdai import settings
from tongdai.cli.doctor.finding import Finding, fail, ok, warn
from tongdai.settings import Settings

Protocol = Literal["tcp", "udp"]
LISTEN = "0A"  # of TCP, in /proc/net/tcp (include/net/tcp_states.h)
CALL_PORTS = 4  # RTP and RTCP, two parties


class Socket(msgspec.Struct, frozen=True):
    """A bound socket."""

    host: IPv4Address | IPv6Address
    port: int
    inode: str


class Holder(msgspec.Struct, frozen=True):
    """A process; `command` "" when it is another user's and cannot be seen."""

    pid: int = 0
    command: str = ""

    def __str__(self) -> str:
        return (
            f"process {self.pid} ({self.command[:60]})" if self.pid else "another user's process"
        )


def examine(known: Settings) -> Iterator[Finding]:
    """A finding for each address that this instance would listen on."""
    data = str(known.data.absolute())
    yield _one("http", known.http, ("tcp",), data)
    if known.asterisk_url:
        return
    yield _one("sip", known.sip, ("udp", "tcp"), data)
    if known.sip_tls:
        yield _one("sip_tls", known.sip_tls, ("tcp",), data)
    yield _range(known, data)


def _one(check: str, address: str, protocols: tuple[Protocol, ...], data: str) -> Finding:
    host, port = settings.address(address)
    taken = [
        (protocol, socket.inode)
        for protocol in protocols
        for socket in bound(protocol)
        if socket.port == port and _collide(socket.host, host)
    ]
    for protocol, inode in taken:
        if not is_ours(who := holder(inode), data):
            return fail(
                check,
                f"{address} ({protocol}) is taken by {who}",
                f"End that process, or give TONGDAI_{check.upper()} another port.",
            )
    return ok(check, f"{address} is {'ours' if taken else 'free'}")


def _range(known: Settings, data: str) -> Finding:
    first, last = settings.port_range(known.rtp)
    host = settings.address(known.sip)[0]
    taken = sorted(
        socket.port
        for socket in bound("udp")
        if first <= socket.port <= last
        and _collide(socket.host, host)
        and not is_ours(holder(socket.inode), data)
    )
    if taken:
        shown = ", ".join(map(str, taken[:5])) + ("..." if taken[5:] else "")
        return warn(
            "rtp",
            f"UDP {shown} of {known.rtp} are taken by others",
            "Give TONGDAI_RTP another range.",
        )
    return ok(
        "rtp", f"UDP {known.rtp}: enough for {(last - first + 1) // CALL_PORTS:,} calls at a time"
    )


def bound(protocol: Protocol) -> Iterator[Socket]:
    """Local addresses in use (proc_pid_net(5)); of TCP those that listen."""
    for name in (protocol, f"{protocol}6"):
        table = Path("/proc/net") / name
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            _, local, _, state, *rest = line.split()
            if protocol == "udp" or state == LISTEN:
                host, _, port = local.partition(":")
                yield Socket(_address(host), int(port, 16), rest[5])


def _address(text: str) -> IPv4Address | IPv6Address:
    """Of hexadecimal words, each in the machine's own byte order."""
    words = [
        int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8)
    ]
    found = ip_address(b"".join(words))
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _collide(held: IPv4Address | IPv6Address, wanted: str) -> bool:
    """Whether the wanted host cannot be had where the other is held; names are taken for any
    address.
    """
    try:
        address = ip_address(wanted)
    except ValueError:
        return True
    return held == address or held.is_unspecified or address.is_unspecified


def holder(inode: str) -> Holder:
    """Whose socket it is."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(
                file.readlink().name == f"socket:[{inode}]" for file in (process / "fd").iterdir()
            ):
                command = (
                    (process / "cmdline")
                    .read_bytes()
                    .replace(b"\0", b" ")
                    .decode(errors="replace")
                    .strip()
                )
                return Holder(int(process.name), command)
        except OSError:  # gone meanwhile, or not ours to look at
            continue
    return Holder()


def is_ours(who: Holder, data: str) -> bool:
    """Whether it is a process of the instance on this data folder, or of its roles that run
    apart.
    """
    if not who.pid:
        return False
    if f"{data}/" in who.command or _running(Path(data)) == who.pid:
        return True
    words = who.command.split()
    return any(Path(word).name == "tongdai" for word in words) and "serve" in words


def _running(data: Path) -> int:
    """The process that ready.json names, 0 when there is none."""
    try:
        return int(msgspec.json.decode((data / "ready.json").read_bytes())["pid"])
    except (OSError, msgspec.DecodeError, KeyError):
        return 0
