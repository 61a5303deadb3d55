"""The clients of the edge proxy: their addresses, and the limits on their number."""

from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

LOOPBACK = ("127.0.0.0/8", "::1/128")  # our own API passes clients on from there


class Proxies:
    """Reverse proxies whose X-Forwarded-For is believed: those given, and this machine."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ip_network(one) for one in (*LOOPBACK, *networks)]

    def client(self, peer: str, forwarded: Iterable[str]) -> str:
        """The client's address: the last one that is no proxy's, of those that the values of
        X-Forwarded-For and the connection name.
        """
        named = [part.strip() for value in forwarded for part in value.split(",")]
        for address in reversed([*named, peer]):
            known = _plain(address)
            if known is None:
                return peer  # no proxy of ours writes that
            if not self.trusts(known):
                return known
        return _plain((*named, peer)[0]) or peer

    def trusts(self, address: str) -> bool:
        """Whether it is the address of a reverse proxy."""
        known = ip_address(address.partition("%")[0])
        return any(known in network for network in self._networks)


def _plain(address: str) -> str | None:
    """The IP address without brackets and port; None if it is none."""
    if address.startswith("["):
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        address = address.partition(":")[0]
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(known, "ipv4_mapped", None) or known)


class Limits:
    """At most `most` connections, and `of_client` of one client."""

    def __init__(self, most: int, of_client: int) -> None:
        self._most, self._of_client = most, of_client
        self._open = 0
        self._by_client: Counter[str] = Counter()

    def opened(self) -> bool:
        """Counts a connection. Returns whether it is within the limit."""
        self._open += 1
        return self._open <= self._most

    def closed(self) -> None:
        self._open -= 1

    def taken(self, client: str) -> bool:
        """Counts a connection of the client. Returns whether it is within the limit."""
        self._by_client[client] += 1
        return self._by_client[client] <= self._of_client

    def given_back(self, client: str) -> None:
        self._by_client[client] -= 1
        if not self._by_client[client]:
            del self._by_client[client]
