"""Checks of the addresses that this instance listens on: free, its own, or taken by another
process.
"""

import socket
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import msgspec
import psutil

from tongdai import settings
from tongdai.cli.doctor.finding import Finding, fail, ok, warn
from tongdai.ports import Protocol
from tongdai.settings import Settings

CALL_PORTS = 4  # RTP and RTCP, two parties


class Listener(msgspec.Struct, frozen=True):
    """A bound socket and its process. `pid` is 0 for a process of another user."""

    host: str
    port: int
    pid: int = 0

    def __str__(self) -> str:
        if not self.pid:
            return "another user's process"
        return f"process {self.pid} ({self.command[:60]})"

    @property
    def command(self) -> str:
        """The process's command line; "" if it has ended."""
        try:
            return " ".join(psutil.Process(self.pid).cmdline())
        except psutil.Error:
            return ""


def examine(known: Settings) -> Iterator[Finding]:
    """A finding for each address that this instance would listen on."""
    data = str(known.data.absolute())
    yield _one("http", known.http, ("tcp",), data)
    for check in ("sip_ws", "sip_wss"):
        if address := getattr(known, check):
            yield _one(check, address, ("tcp",), data)
    if known.asterisk_url:
        return
    yield _one("sip", known.sip, ("udp", "tcp"), data)
    if known.sip_tls:
        yield _one("sip_tls", known.sip_tls, ("tcp",), data)
    yield _range(known, data)


def _one(check: str, address: str, protocols: tuple[Protocol, ...], data: str) -> Finding:
    host, port = settings.address(address)
    if why := _unusable(host):
        return fail(
            check, f"{address}: {why}", f"Give TONGDAI_{check.upper()} an address of this machine."
        )
    taken = [
        (protocol, listener)
        for protocol in protocols
        for listener in listeners(protocol)
        if listener.port == port and _collide(listener.host, host)
    ]
    for protocol, listener in taken:
        if not is_ours(listener, data):
            return fail(
                check,
                f"{address} ({protocol}) is taken by {listener}",
                f"End that process, or give TONGDAI_{check.upper()} another port.",
            )
    return ok(check, f"{address} is {'ours' if taken else 'free'}")


def _unusable(host: str) -> str:
    """The reason why nothing can listen there: a name that does not resolve, or an address of
    another machine; "" if there is none.
    """
    try:
        family, *_, place = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as tried:
            tried.bind(place)
    except socket.gaierror:
        return "this name does not resolve"
    except OSError as reason:
        return f"this machine does not have it ({reason.strerror})"
    return ""


def _range(known: Settings, data: str) -> Finding:
    first, last = settings.port_range(known.rtp)
    host = settings.address(known.sip)[0]
    taken = sorted(
        listener.port
        for listener in listeners("udp")
        if first <= listener.port <= last
        and _collide(listener.host, host)
        and not is_ours(listener, data)
    )
    if taken:
        listed = ", ".join(map(str, taken[:5])) + ("..." if taken[5:] else "")
        return warn(
            "rtp",
            f"UDP {listed} of {known.rtp} are taken by others",
            "Give TONGDAI_RTP another range.",
        )
    return ok(
        "rtp", f"UDP {known.rtp}: enough for {(last - first + 1) // CALL_PORTS:,} calls at a time"
    )


def listeners(protocol: Protocol) -> Iterator[Listener]:
    """The sockets bound now; for TCP the listening ones."""
    for found in psutil.net_connections(protocol):
        if found.laddr and (protocol == "udp" or found.status == psutil.CONN_LISTEN):
            yield Listener(found.laddr.ip, found.laddr.port, found.pid or 0)


def _collide(held: str, wanted: str) -> bool:
    """Whether `held` prevents binding `wanted`; a host name counts as any address."""
    try:
        address, bound = ip_address(wanted), ip_address(held)
    except ValueError:
        return True
    if isinstance(bound, IPv6Address):
        bound = bound.ipv4_mapped or bound
    return bound == address or bound.is_unspecified or address.is_unspecified


def is_ours(listener: Listener, data: str) -> bool:
    """Whether the listener is a process of the instance on this data folder, or a role of it that
    runs apart.
    """
    if not listener.pid:
        return False
    command = listener.command
    if f"{data}/" in command or _running(Path(data)) == listener.pid:
        return True
    words = command.split()
    return any(Path(word).name == "tongdai" for word in words) and "serve" in words


def _running(data: Path) -> int:
    """The process id in ready.json, 0 without one."""
    try:
        return int(msgspec.json.decode((data / "ready.json").read_bytes())["pid"])
    except (OSError, msgspec.DecodeError, KeyError):
        return 0
