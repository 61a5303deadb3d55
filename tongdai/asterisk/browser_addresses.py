"""The addresses by which Asterisk knows the clients of the edge proxy.

The edge proxy connects to Asterisk from an address of loopback, 127.64.0.0 to 127.191.255.255,
that it computes from the client's address: so a ban, a limit or a line of the security log is
about one client. It writes the pairs into a file, where the engine looks up a client's real
address.
"""

import hashlib
import re
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

from tongdai import files
from tongdai.encryption import MasterKey

FILE = "clients"
MOST = 20_000  # pairs kept
_OURS = re.compile(r"127\.(6[4-9]|[7-9][0-9]|1[0-8][0-9]|19[01])(\.[0-9]{1,3}){2}")


def source_key(master_key: MasterKey) -> bytes:
    """The key from which source addresses are computed."""
    return master_key.derive("browser addresses")


def source(client: str, key: bytes) -> str:
    """The address that stands for a client's address, or for the /64 of an IPv6 address, which
    belongs to one client. Without the key nobody can find two clients with the same.
    """
    known = ip_address(client.partition("%")[0])
    if isinstance(known, IPv6Address):
        known = known.ipv4_mapped or ip_network((known, 64), strict=False).network_address
    first, second, third = hashlib.blake2b(known.packed, key=key, digest_size=3).digest()
    return f"127.{64 + first % 128}.{second}.{third}"


def is_source(address: str) -> bool:
    """Whether the address may stand for a client of the edge proxy."""
    return _OURS.fullmatch(address) is not None


class ClientsWriter:
    """The file of the edge proxy: a line for each pair, the latest last."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._pairs = OrderedDict(_read(self._path))
        self._lines = 2 * MOST  # the first new pair writes the file anew

    def note(self, address: str, client: str) -> None:
        """The file has the pair. Raises OSError."""
        if self._pairs.get(address) == client:
            self._pairs.move_to_end(address)
            return
        self._pairs[address] = client
        if len(self._pairs) > MOST:
            self._pairs.popitem(last=False)
        self._lines += 1
        if self._lines > 2 * MOST:
            text = "".join(f"{known} {of}\n" for known, of in self._pairs.items())
            files.write(self._path, text)
            self._lines = len(self._pairs)
        else:
            with self._path.open("a") as file:
                file.write(f"{address} {client}\n")


class Clients:
    """The file as the engine reads it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._pairs: dict[str, str] = {}
        self._seen = (0, 0)  # size and time of the file when it was read

    def real(self, address: str) -> str:
        """The client's address if `address` stands for one, else `address` itself."""
        if not is_source(address):
            return address
        try:
            status = self._path.stat()
        except OSError:
            return address
        if (now := (status.st_size, status.st_mtime_ns)) != self._seen:
            self._pairs, self._seen = _read(self._path), now
        return self._pairs.get(address, address)


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.split(" ") for line in lines)
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
