"""A minimal phone: it registers, and measures when an INVITE comes. Blocking."""

import hashlib
import re
import secrets
import socket
import time


class Phone:
    """A UDP socket that speaks just enough SIP. All extensions registered from it share it."""

    def __init__(self, address: str, port: int, server: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._socket.settimeout(2)
        self._server = server
        self.address = f"{address}:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._socket.close()

    def register(self, extension: str, domain: str, password: str) -> None:
        """The extension is registered at this address, for an hour."""
        call_id, asked = (
            secrets.token_hex(8),
            self._register(extension, domain, secrets.token_hex(8), 1, ""),
        )
        challenge = self._ask(asked)
        realm, nonce = (_quoted(challenge, name) for name in ("realm", "nonce"))
        ha1, ha2 = _md5(f"{extension}:{realm}:{password}"), _md5(f"REGISTER:sip:{domain}")
        count, own = "00000001", secrets.token_hex(4)
        response = _md5(f"{ha1}:{nonce}:{count}:{own}:auth:{ha2}")
        answer = self._ask(
            self._register(
                extension,
                domain,
                call_id,
                2,
                f'Authorization: Digest username="{extension}", realm="{realm}", nonce="{nonce}", '
                f'uri="sip:{domain}", response="{response}", algorithm=MD5, qop=auth, '
                f'nc={count}, cnonce="{own}"\r\n',
            )
        )
        assert answer.startswith("SIP/2.0 200"), answer

    def _register(
        self, extension: str, domain: str, call_id: str, number: int, authorization: str
    ) -> str:
        return (
            f"REGISTER sip:{domain} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK{secrets.token_hex(6)}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{extension}@{domain}>;tag={secrets.token_hex(4)}\r\n"
            f"To: <sip:{extension}@{domain}>\r\nCall-ID: {call_id}\r\nCSeq: {number} REGISTER\r\n"
            f"Contact: <sip:{extension}@{self.address}>\r\nExpires: 3600\r\n{authorization}"
            "Content-Length: 0\r\n\r\n"
        )

    def _ask(self, message: str) -> str:
        self._socket.sendto(message.encode(), self._server)
        while True:
            answer = self._socket.recv(65_536).decode()
            if answer.startswith("SIP/2.0") and not answer.startswith("SIP/2.0 1"):
                return answer

    def rung(self) -> float:
        """When the next INVITE came (time.perf_counter). It is refused as busy, and the refusal
        acknowledged.
        """
        while not (message := self._socket.recv(65_536)).startswith(b"INVITE"):
            pass
        came = time.perf_counter()
        self._socket.sendto(_busy(message.decode()), self._server)
        while not self._socket.recv(65_536).startswith(b"ACK"):
            pass
        return came


def _busy(invite: str) -> bytes:
    """486 to an INVITE."""
    lines = invite.partition("\r\n\r\n")[0].split("\r\n")[1:]
    kept = [
        line for line in lines if line.lower().startswith(("via:", "from:", "call-id:", "cseq:"))
    ]
    to = next(line for line in lines if line.lower().startswith("to:"))
    return "\r\n".join(
        [
            "SIP/2.0 486 Busy Here",
            *kept,
            f"{to};tag={secrets.token_hex(4)}",
            "Content-Length: 0",
            "",
            "",
        ]
    ).encode()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _quoted(header: str, name: str) -> str:
    """The value of a quoted parameter (RFC 3261 §25.1)."""
    found = re.search(rf'{name}="([^"]+)"', header)
    assert found, header
    return found[1]
