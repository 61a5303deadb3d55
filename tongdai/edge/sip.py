"""The edits that the edge proxy makes in SIP messages. Pure.

A browser registers as `101@domain`, as desk phones do; the switch has another endpoint for
browsers, `101-webrtc@domain` (tongdai/pbx/endpoint.py). In messages from the browser the edge
proxy writes that one into From, and into To of a REGISTER, which names the AOR; in messages to the
browser it takes it off again. The user name in the credentials gets the same mark, so that they
are those of that endpoint alone. Digest authentication covers none of these: a user name counts
by its hash.

Of several challenges browsers get the one by MD5: JsSIP and SIP.js know no other algorithm, and
JsSIP reads the last challenge only.
"""

import re

from tongdai.pbx.endpoint import WEBRTC

_MARK = f"-{WEBRTC}".encode()
# the beginning of an address (RFC 3261 §25.1): display name, quoted or not, "<", scheme, user
_ADDRESS = rb'[ \t]*:[ \t]*(?:"(?:[^"\\\r\n]|\\[^\r\n])*"[ \t]*|[^<"\r\n:]*)<?sips?:[0-9]{2,8}'
_FROM = re.compile(rb"(?im)^((?:from|f)" + _ADDRESS + rb")(?=[:@])")
_FROM_AND_TO = re.compile(rb"(?im)^((?:from|f|to|t)" + _ADDRESS + rb")(?=[:@])")
_MARKED = re.compile(rb"(?im)^((?:from|f|to|t)" + _ADDRESS + rb")" + _MARK + rb"(?=[:@])")
_CREDENTIALS = re.compile(
    rb"(?im)^((?:proxy-)?authorization[ \t]*:[^\r\n]*?[ \t,]username[ \t]*=[ \t]*\"[0-9]{2,8})"
    rb'(?=["@])'
)
_STRONGER = re.compile(
    rb"(?im)\r\n(?:www|proxy)-authenticate[ \t]*:[^\r\n]*algorithm=SHA-[^\r\n]*"
)
_CONTACT = re.compile(rb"(?im)^(?:contact|m)[ \t]*:[^\r\n]*")
_URI = re.compile(rb"sips?:[^<>\s,\"]+", re.IGNORECASE)
_TRANSPORT = re.compile(rb";transport=[^;?>]*", re.IGNORECASE)
_CSEQ = re.compile(rb"(?im)^cseq[ \t]*:[ \t]*[0-9]+[ \t]+([A-Z]+)")
MOST_CONTACTS = 10


def method(message: bytes) -> bytes:
    """The method of a request, or of the request that a response belongs to; b"" if there is
    none.
    """
    if message.startswith(b"SIP/2.0 "):
        found = _CSEQ.search(_head(message))
        return found[1] if found else b""
    return message.partition(b" ")[0]


def is_accepted(response: bytes) -> bool:
    """Whether the switch accepts a REGISTER, or an INVITE at least so far that it rings: the
    client has authenticated.
    """
    if not response.startswith((b"SIP/2.0 2", b"SIP/2.0 18")):
        return False
    return method(response) in (b"REGISTER", b"INVITE")


def to_switch(message: bytes) -> bytes:
    """A request names the browser's endpoint; a response is left as it is."""
    if message.startswith(b"SIP/2.0 "):
        return message
    head, gap, body = message.partition(b"\r\n\r\n")
    marked = _FROM_AND_TO if head.startswith(b"REGISTER ") else _FROM
    head = _CREDENTIALS.sub(rb"\1" + _MARK, head)
    return marked.sub(rb"\1" + _MARK, head) + gap + body


def to_client(message: bytes) -> bytes:
    """From and To have the address that the browser knows; of several challenges one is left."""
    head, gap, body = message.partition(b"\r\n\r\n")
    if message.startswith((b"SIP/2.0 401 ", b"SIP/2.0 407 ")) and b"=MD5" in head:
        head = _STRONGER.sub(b"", head)
    return _MARKED.sub(rb"\1", head) + gap + body


def contacts(message: bytes) -> list[bytes]:
    """The URIs of its Contact headers, in their order."""
    return [uri for line in _CONTACT.findall(_head(message)) for uri in _URI.findall(line)]


class SentContacts:
    """The Contact URIs that one client has registered. The switch returns them with the transport
    parameter of its own, `WS`; a client that sent `wss` does not find itself in that response.
    """

    def __init__(self) -> None:
        self._sent: dict[bytes, bytes] = {}  # by the URI without its transport

    def note(self, register: bytes) -> None:
        """Remembers those of a REGISTER, the latest few."""
        for uri in contacts(register):
            self._sent.pop(_plain(uri), None)
            self._sent[_plain(uri)] = uri
        for oldest in list(self._sent)[:-MOST_CONTACTS]:
            del self._sent[oldest]

    def restore(self, response: bytes) -> bytes:
        """The response to a REGISTER with these Contact URIs as they were sent."""
        head, gap, body = response.partition(b"\r\n\r\n")
        return _CONTACT.sub(lambda line: _URI.sub(self._as_sent, line[0]), head) + gap + body

    def _as_sent(self, uri: re.Match[bytes]) -> bytes:
        return self._sent.get(_plain(uri[0]), uri[0])


def _plain(uri: bytes) -> bytes:
    return _TRANSPORT.sub(b"", uri).lower()


def _head(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[0]
