"""Ports and addresses of loopback that one process has for itself.

Pytest's workers, chaos and benchmarks run side by side on one machine. Each claims what its
servers will listen on: a lock (flock) on a file of that name, which the kernel releases when the
process ends, however it ends. Ports that are claimed lie below the range that the kernel gives to
sockets that ask for none.
"""

import contextlib
import fcntl
import functools
import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

LOCKS = Path(tempfile.gettempdir()) / f"tongdai-testbed-{os.getuid()}"
AUDIO = range(10_000, 20_000)
SERVERS = range(30_000, 32_700)
PHONES = range(2_000, 4_900)
BLOCK = 100  # audio ports are claimed by the hundred
NETWORKS = range(20, 120)
ANY = "0.0.0.0"  # noqa: S104 -- looked at, not listened on

_held: dict[str, int] = {}  # names claimed by this process, and the files that lock them


def server_port() -> int:
    """A port that is free on every address, for UDP and TCP, and that no other process of ours
    gets while we live.
    """
    return next(port for port in SERVERS if _claim(f"port-{port}") and _is_free(ANY, port))


def server() -> str:
    """host:port of such a port."""
    return f"127.0.0.1:{server_port()}"


def audio(count: int) -> range:
    """So many UDP ports in a row, for the audio of one Asterisk, that no other process of ours
    gets while we live.
    """
    for first in range(AUDIO.start, AUDIO.stop - count + 1, BLOCK):
        ports = range(first, first + count)
        if _claim_all(_blocks(ports)) and all(_is_free(ANY, port) for port in ports):
            return ports
    raise RuntimeError(f"no {count} audio ports are free: {len(list(LOCKS.iterdir()))} locks")


def give_back(audio_ports: range) -> None:
    """Others may have these audio ports: nothing of ours listens there any more."""
    for name in _blocks(audio_ports):
        os.close(_held.pop(name))


@functools.cache
def network() -> str:
    """The first two numbers of loopback addresses that this process has for itself: "127.20"."""
    return next(f"127.{number}" for number in NETWORKS if _claim(f"network-{number}"))


def phone_port(address: str) -> int:
    """A port of an address of our network, free for UDP and TCP. Each call gives another one."""
    return next(port for port in _phone_ports if _is_free(address, port))


def _blocks(audio_ports: range) -> list[str]:
    return [f"audio-{first}" for first in range(audio_ports.start, audio_ports.stop, BLOCK)]


def _claim_all(names: list[str]) -> bool:
    """All of them, or none."""
    claimed = list(itertools.takewhile(_claim, names))
    if len(claimed) == len(names):
        return True
    for name in claimed:
        os.close(_held.pop(name))
    return False


def _claim(name: str) -> bool:
    """Whether it has become ours. False too when it is ours already: nothing is given twice."""
    if name in _held:
        return False
    LOCKS.mkdir(exist_ok=True)
    file = os.open(LOCKS / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _held[name] = file
    return True


def _is_free(address: str, port: int) -> bool:
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind((address, port))
        udp.bind((address, port))
        return True
    return False


def _cycle() -> Iterator[int]:
    # two processes that do not know of each other start at different ports
    at = os.getpid() % len(PHONES)
    return itertools.cycle([*PHONES[at:], *PHONES[:at]])


_phone_ports = _cycle()
