"""SIP addresses in header values (RFC 3261 §20, RFC 3966): the user parts, which may be telephone
numbers (`pbx.numbers` reads those); and hosts with a port.
"""

import re

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKETED = re.compile(r"<([^<>]*)>")
_URI = re.compile(r"\s*(sips?|tel):(.*)", re.IGNORECASE | re.DOTALL)
LONGEST = 4_096  # characters of a header value that are read


def users(value: str) -> tuple[str, ...]:
    """The user parts of all addresses in a header value, in order; of a tel: URI the number with
    its parameters. An address without a user part is left out.

    `"An" <sip:+84899888999;cpc=ordinary@c.vn>, <tel:+84899888999>` has two.
    """
    bare = _QUOTED.sub("", value[:LONGEST])
    uris = _BRACKETED.findall(bare) or bare.split(",")
    return tuple(user for uri in uris if (user := _user(uri)))


def first_user(value: str) -> str:
    """The user part of the first address that has one, or ""."""
    return next(iter(users(value)), "")


def _user(uri: str) -> str:
    if (found := _URI.match(uri)) is None:
        return ""
    scheme, rest = found.groups()
    if scheme.lower() == "tel":
        return rest.strip()
    user, at, _ = rest.partition("@")
    return user.partition(":")[0].strip() if at else ""  # without a password


def host(address: str) -> str:
    """The host without its port: of carrier.vn:5060, 192.0.2.7:5060, [2001:db8::7]:5060, and of
    hosts without a port.
    """
    has_port = address.count(":") == 1 or "]:" in address
    return (address.rpartition(":")[0] if has_port else address).strip("[]")
