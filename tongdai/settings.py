"""The environment as one frozen Settings, checked at start-up; each wrong value is named in one readable line."""

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

import msgspec

from tongdai import errors

PREFIX = "TONGDAI_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting with its default. The variable is TONGDAI_ and the name in capitals. Addresses are host:port."""

    data: Path = Path("data")  # everything that must survive: database, recordings, keys
    cache: Path | None = None  # downloaded Asterisk; None: ~/.cache/tongdai
    http: str = "127.0.0.1:8080"
    public_url: str = ""  # how the outside sees the HTTP address; "": http://<http>
    sip: str = "127.0.0.1:5060"  # UDP and TCP
    rtp: str = "10000-11999"  # UDP port range, first-last
    external_ip: str = ""  # what SIP and RTP announce to phones beyond a NAT
    ari: str = ""  # where the private Asterisk's ARI listens; "": a free loopback port
    dsn: str = ""  # an existing PostgreSQL; "": the embedded one
    asterisk: str = ""  # path of an Asterisk to use instead of the fetched one
    asterisk_url: str = ""  # ARI of an existing Asterisk instead of a private one, http://user:password@host:port
    asterisk_journal: str = ""  # that Asterisk's CEL file
    asterisk_spool: str = ""  # and the folder where it writes recordings
    secret: str = ""  # master key, 32 bytes or more; "": kept in <data>/secret
    token_life_s: int = 86_400
    sandbox: bool = False  # simulated carrier and robot phones; loopback callbacks allowed
    sandbox_sip: str = ""  # "": a free loopback port
    callback_allow: str = ""  # networks that callbacks may reach although private, comma-separated CIDRs
    cors_origins: str = "*"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = False

    @property
    def base_url(self) -> str:
        """How clients reach the API, without a trailing slash."""
        return self.public_url.rstrip("/") or f"http://{self.http}"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment gives. Raises errors.SetupError naming each variable that is wrong."""
    known = {PREFIX + name.upper(): name for name in Settings.__struct_fields__}
    given = {known[key]: value for key, value in environ.items() if key in known and value != ""}
    wrong = [_why_wrong(name, value) for name, value in given.items()]
    if any(wrong):
        raise errors.SetupError("; ".join(filter(None, wrong)))
    settings = msgspec.convert(given, Settings, strict=False, dec_hook=lambda kind, value: kind(value))
    return settings


def _why_wrong(name: str, value: str) -> str:
    """What is wrong with one variable, or ""."""
    try:
        msgspec.convert({name: value}, Settings, strict=False, dec_hook=lambda kind, text: kind(text))
        if check := _CHECKS.get(name):
            check(value)
    except (ValueError, msgspec.ValidationError) as reason:
        return f"{PREFIX}{name.upper()}={value!r}: {reason}"
    return ""


def address(text: str) -> tuple[str, int]:
    """host and port of "host:port" ("[::1]:5060" for IPv6). Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError("expected host:port, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def port_range(text: str) -> tuple[int, int]:
    """First and last of "first-last". Raises ValueError."""
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and 1024 <= int(first) < int(last) < 65_536):
        raise ValueError("expected first-last, such as 10000-11999")
    return int(first), int(last)


def networks(text: str) -> list[str]:
    """The CIDRs of a comma-separated list. Raises ValueError."""
    return [str(ip_network(part.strip())) for part in text.split(",") if part.strip()]


def _secret(text: str) -> None:
    if len(text) < 32:
        raise ValueError("at least 32 characters are needed")


def _positive(text: str) -> None:
    if int(text) <= 0:
        raise ValueError("must be more than 0")


_CHECKS = {
    "http": address,
    "sip": address,
    "ari": address,
    "sandbox_sip": address,
    "rtp": port_range,
    "callback_allow": networks,
    "secret": _secret,
    "token_life_s": _positive,
}
