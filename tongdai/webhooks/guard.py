"""The guard decides which addresses and URLs callbacks may reach: the public Internet, and the
networks that the operator permits.

Names are judged by the addresses that sockets connect to (the connector calls `Guard.socket` for
each of them), so a name cannot change its address between check and use. Python's `is_global` is
not enough: it accepts multicast, site-local addresses, and IPv4 loopback inside IPv6.
"""

import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import quote

import yarl
from aiohttp import AddrInfoType

from tongdai import errors, messages
from tongdai.messages import Text

_DENIED4 = [
    ip_network(cidr)
    for cidr in (  # the IANA special-purpose registry (RFC 6890), routed or not
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; holds Alibaba's metadata service
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host services: a public number, used privately
        "169.254.0.0/16",  # link-local; holds the metadata services of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocols; holds Oracle's metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
# all global unicast addresses; loopback, ULA, link-local, multicast lie outside
_GLOBAL6 = ip_network("2000::/3")
_DENIED6 = [
    ip_network(cidr)
    for cidr in (
        "2001::/23",  # IETF protocols: Teredo (which carries IPv4 addresses), ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 (carries IPv4 addresses)
        "3fff::/20",  # documentation
    )
]
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: judged by the IPv4 address inside

_SERVICES = frozenset({  # ports above 1023 that speak other protocols
    # fetch.spec.whatwg.org, "bad ports"
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000,
    6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
    2181, 3306, 5432, 6379, 9042, 9092, 11211, 27017,  # databases and similar services
    5038,  # Asterisk's manager interface
})  # fmt: skip
_URL_LENGTH = 2048
_NAME = re.compile(
    r"(?=.{1,253}\.?$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?"
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Refused(PermissionError):
    """The connector was about to reach a forbidden address."""


class Guard:
    """Judges by the list above. `allowed` networks (CIDRs) may be reached in any case."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = [ip_network(cidr) for cidr in allowed]

    def permits(self, address: str) -> bool:
        """Whether a socket may connect to the IP address (a zone after % is ignored)."""
        ip = _embedded(ip_address(address.partition("%")[0]))
        return any(ip in network for network in self._allowed) or _is_public(ip)

    def socket(self, info: AddrInfoType) -> socket.socket:
        """A socket to connect to an address from getaddrinfo. Raises Refused."""
        family, kind, protocol, _, address = info
        if not self.permits(str(address[0])):
            raise Refused(f"{address[0]} is not to be reached")
        return socket.socket(family, kind, protocol)

    def acceptable(self, url: str, field: str = "callback_url") -> yarl.URL:
        """The URL in the form that is called: an international name in ASCII, path and query byte
        for byte as given. Names are not resolved yet.

        Raises errors.Invalid unless it is http or https, without a user, with a permitted port and
        no forbidden address.
        """
        if len(url) > _URL_LENGTH:
            raise errors.Invalid(messages.AT_MOST_CHARACTERS(most=_URL_LENGTH), field=field)
        if (parsed := _parsed(url)) is None:
            raise errors.Invalid(messages.NOT_A_URL, field=field)
        if why := self._why_not(parsed):
            raise errors.Invalid(why, field=field)
        return parsed

    def _why_not(self, url: yarl.URL) -> Text | None:
        """The reason to refuse the URL, or None."""
        if url.scheme not in ("http", "https"):
            return messages.NOT_HTTP
        if "@" in url.raw_authority:
            return messages.USER_IN_URL
        if not _is_sane(url.port):
            return messages.PORT_REFUSED
        return self._why_no_host(url.raw_host or "")

    def _why_no_host(self, host: str) -> Text | None:
        if ":" in host:
            is_permitted = "%" not in host and self._permits_literal(host)
            return None if is_permitted else messages.ADDRESS_REFUSED
        # never a name: getaddrinfo takes 2130706433, 0x7f.1 and 127.1 for 127.0.0.1
        if _is_number(host):
            return None if self._permits_literal(host) else messages.ADDRESS_REFUSED
        if not _NAME.fullmatch(host):
            return messages.NOT_A_HOST
        if host.rstrip(".").rpartition(".")[2] == "localhost" and not self.permits("127.0.0.1"):
            return messages.ADDRESS_REFUSED
        return None

    def _permits_literal(self, host: str) -> bool:
        try:
            return self.permits(host)
        except ValueError:
            return False  # a short, octal or hexadecimal form


def _parsed(text: str) -> yarl.URL | None:
    """The URL, or None where it is none."""
    if not text.isprintable() or any(map(str.isspace, text)) or "\\" in text:
        return None  # parsers read these differently
    try:
        url, given = yarl.URL(text), yarl.URL(text, encoded=True)
    except ValueError:
        return None
    if not url.raw_host or url.port is None:
        return None
    # yarl decodes escapes that mean the same; receivers that sign their URL do not take that
    return yarl.URL.build(
        scheme=url.scheme,
        authority=url.raw_authority,
        path=_ascii(given.raw_path) or "/",
        query_string=_ascii(given.raw_query_string),
        encoded=True,
    )


def _ascii(text: str) -> str:
    """The text with escapes for what is not ASCII (RFC 3987 §3.1); the rest stays."""
    return "".join(char if char.isascii() else quote(char) for char in text)


def _embedded(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that the network reaches through an IPv6 one, if there is one."""
    if isinstance(ip, IPv6Address):
        return IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else ip.ipv4_mapped or ip
    return ip


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _DENIED4)
    return ip in _GLOBAL6 and not any(ip in network for network in _DENIED6)


def _is_sane(port: int | None) -> bool:
    return port in (80, 443) or (port is not None and port >= 1024 and port not in _SERVICES)


def _is_number(host: str) -> bool:
    """Whether the host means an IPv4 address (url.spec.whatwg.org, "ends in a number checker")."""
    return bool(_NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]))
