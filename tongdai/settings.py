"""The environment and the settings files as one frozen Settings, checked at start-up; each wrong
value gives one readable line.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec

from tongdai import encryption, errors, settings_file
from tongdai.pbx.directory import NODE
from tongdai.phone_files import SipServer, Transport
from tongdai.store import checks

PREFIX = "TONGDAI_"
READY = "ready.json"
"""In the data folder while `tongdai up` is ready: how to reach it."""
MOST_WS_CONNECTIONS = 9_000  # of the sessionlimit in http.conf; the rest is for ARI
MOST_WORKERS = 64
_TURN = re.compile(r"turns?:[A-Za-z0-9.-]+(:[0-9]{1,5})?(\?transport=(udp|tcp))?")  # RFC 7065
_LOOPBACK = ("127.0.0.0/8", "::1/128")


def _says(meaning: str) -> msgspec.Meta:
    return msgspec.Meta(description=meaning)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting with its default and meaning. The variable is TONGDAI_ and the name in
    capitals.
    """

    data: Annotated[
        Path, _says("Folder of everything that must survive: database, recordings, keys.")
    ] = Path("data")
    cache: Annotated[
        Path | None,
        _says("Folder of downloads, such as Asterisk. Empty: `~/.cache/tongdai`."),
    ] = None
    http: Annotated[str, _says("Address on which the API listens, `host:port`.")] = (
        "127.0.0.1:8080"
    )
    metrics: Annotated[
        str,
        _says(
            "Address of `/metrics` for `serve` without the role `api`, `host:port`: a process "
            "with that role has it at the API's address. Empty: none."
        ),
    ] = ""
    public_url: Annotated[
        str,
        _says(
            "The API's URL for clients, such as `https://pbx.example.vn`: recording URLs "
            "begin with it. "
            "Empty: `http://` and the address above."
        ),
    ] = ""
    sip: Annotated[
        str, _says("SIP address for phones and carriers, `host:port`, UDP and TCP.")
    ] = "127.0.0.1:5060"
    sip_tls: Annotated[
        str,
        _says("Address for SIP over TLS, such as `0.0.0.0:5061`. Empty: no TLS."),
    ] = ""
    sip_tls_cert: Annotated[
        Path | None,
        _says("PEM file with the certificate, and its chain, for SIP over TLS and WSS."),
    ] = None
    sip_tls_key: Annotated[
        Path | None, _says("PEM file with the private key for SIP over TLS and WSS.")
    ] = None
    phone_server: Annotated[
        str,
        _says(
            "The SIP server that phones are told by their provisioning links, such as "
            "`sip.example.vn:5061;transport=tls`. Empty: the host of the public URL, with the "
            "port for SIP over TLS where there is one, else that for UDP."
        ),
    ] = ""
    sip_wss: Annotated[
        str,
        _says(
            "Address for SIP over secure WebSocket (WSS), for browser phones, such as "
            "`0.0.0.0:7444`; its paths are `/` and `/ws`. Empty: none."
        ),
    ] = ""
    sip_ws: Annotated[
        str,
        _says(
            "Address for SIP over WebSocket without TLS, `host:port`, for a reverse proxy; `/ws` "
            "of the API's address leads there too. Empty: a free port of 127.0.0.1."
        ),
    ] = ""
    sip_ws_connections: Annotated[
        int, _says("Browser phones that may be connected at a time.")
    ] = 1000
    sip_ws_connections_address: Annotated[
        int, _says("The same for each client address, such as an office behind one address.")
    ] = 100
    rtp: Annotated[str, _says("UDP ports of audio, `first-last`; a call takes four.")] = (
        "10000-11999"
    )
    external_ip: Annotated[
        str,
        _says("The public address that SIP and audio announce beyond a NAT. Empty: none."),
    ] = ""
    stun: Annotated[
        str,
        _says(
            "A STUN server, `host:port`: browser phones, and the private Asterisk, learn their "
            "public address from it. Empty: none."
        ),
    ] = ""
    turn_urls: Annotated[
        str,
        _says(
            "TURN servers for browser phones, with commas between, such as "
            "`turn:turn.example.vn:3478,turns:turn.example.vn:5349?transport=tcp`."
        ),
    ] = ""
    turn_secret: Annotated[
        str,
        _says(
            "The secret that the TURN servers share with us (coturn: `static-auth-secret`): "
            "`GET /v1/turn` makes credentials with it."
        ),
    ] = ""
    ari: Annotated[
        str,
        _says(
            "The address of the private Asterisk's control interface (ARI), `host:port`. Empty: a "
            "free port."
        ),
    ] = ""
    dsn: Annotated[
        str,
        _says(
            "An existing PostgreSQL, `postgresql://user:password@host/database`. Empty: the "
            "embedded one."
        ),
    ] = ""
    asterisk: Annotated[
        str,
        _says(
            "Path of an Asterisk program, or of a folder with unpacked packages, to start "
            "instead of the fetched one."
        ),
    ] = ""
    asterisk_url: Annotated[
        str,
        _says(
            "ARI of an Asterisk that runs already, `http://user:password@host:port`. Empty: a "
            "private one is started."
        ),
    ] = ""
    asterisk_cel_log: Annotated[str, _says("Path of that Asterisk's CEL log on this machine.")] = (
        ""
    )
    asterisk_spool: Annotated[str, _says("Path of its folder of recordings on this machine.")] = ""
    asterisk_security: Annotated[
        str,
        _says(
            "Path of that Asterisk's security log on this machine. Empty: no address is banned "
            "for wrong passwords."
        ),
    ] = ""
    asterisk_hints: Annotated[
        str,
        _says(
            "Path of the file `hints.conf` on this machine, which tongdai writes and that "
            "Asterisk's `extensions.conf` includes. Empty: phones show no lamps of colleagues."
        ),
    ] = ""
    asterisk_prompts: Annotated[
        str,
        _says(
            "Path of a folder, the same on this machine and for Asterisk, into which tongdai "
            "writes prompts and `music.conf`, which Asterisk's `musiconhold.conf` includes. "
            "Empty: callers hear no prompts, and the music of the switch alone."
        ),
    ] = ""
    sip_failures: Annotated[
        int,
        _says(
            "Wrong SIP passwords within a minute after which their address is banned for an "
            "hour; ten times as many "
            "where a phone has registered from. 0: any number."
        ),
    ] = 20
    sip_proxies: Annotated[
        str,
        _says(
            "SIP proxies and session border controllers in front of phones, as addresses or CIDRs "
            "with commas between. They are never banned: after that many wrong passwords the "
            "account is locked for a minute instead."
        ),
    ] = ""
    sip_qualify_s: Annotated[
        int,
        _says(
            "Seconds from one OPTIONS request to a registered phone to the next: a phone that no "
            "longer responds is not rung, and NAT mappings stay open. 0: phones are not asked."
        ),
    ] = 30
    sip_sha: Annotated[
        bool,
        _says(
            "Whether phones are challenged by SHA-256 besides MD5 (RFC 8760). Some phones, such "
            "as baresip 1.1, do not register where a challenge names an algorithm that they do "
            "not know."
        ),
    ] = False
    jitter_buffer_ms: Annotated[
        int,
        _says(
            "The most that a jitter buffer delays audio, in milliseconds. A party of a recorded "
            "talk gets one where its packets come in bursts (mobile phones, Wi-Fi), so that the "
            "recording keeps its length and has no holes. It costs a third of a talk's CPU time. "
            "0: nobody gets one."
        ),
    ] = 400
    silence_s: Annotated[
        int,
        _says(
            "Seconds without any audio packet from one party after which its call is ended, as "
            "one that was forgotten; its record says `MEDIA_TIMEOUT`. Not while the call is on "
            "hold. 0: never."
        ),
    ] = 1800
    node: Annotated[
        str,
        _says(
            "The name of this switch in the database. An installation with several switches on "
            "one database gives each a name of its own, and each domain one of them (`--node`)."
        ),
    ] = NODE
    secret: Annotated[
        str,
        _says(
            "The master key, 32 characters or more: signs tokens and encrypts secrets in the "
            "database. "
            "Empty: made once, in `<data>/secret`."
        ),
    ] = ""
    token_life_s: Annotated[int, _says("Life of an access token, in seconds.")] = 86_400
    sandbox: Annotated[
        bool,
        _says(
            "A demo company with a simulated carrier and robot phones; allows callbacks to this "
            "machine. "
            "Not for production. `make run` turns it on."
        ),
    ] = False
    sandbox_sip: Annotated[
        str, _says("SIP address of the simulated carrier, `host:port`. Empty: a free port.")
    ] = ""
    callback_allow: Annotated[
        str,
        _says(
            "Networks that callbacks may reach although they are private, as CIDRs with commas "
            "between."
        ),
    ] = ""
    event_days: Annotated[
        int,
        _says(
            "Days that events stay in the feed; 7 or more. Events still due to a webhook stay "
            "longer."
        ),
    ] = 30
    delivery_log_days: Annotated[
        int, _says("Days that the log of deliveries to webhooks is kept.")
    ] = 30
    timeline_days: Annotated[int, _says("Days that the timelines of calls are kept.")] = 30
    audit_days: Annotated[
        int, _says("Days that the log of administrators' changes (audit log) is kept.")
    ] = 730
    subscriptions: Annotated[
        int, _says("Event subscriptions that a domain may have; beyond: 409.")
    ] = 100
    rate_domain: Annotated[
        int,
        _says(
            "Requests a second that a domain may make, five seconds' worth at once; beyond: 429. "
            "0: any number."
        ),
    ] = 100
    rate_address: Annotated[int, _says("The same for each client address, over all domains.")] = (
        500
    )
    workers: Annotated[
        int,
        _says(
            "Processes that serve the API at its address; limits of requests hold over all of "
            "them. With 1 it is served by the process of the engine, if that runs there."
        ),
    ] = 1
    http_connections: Annotated[
        int,
        _says(
            "Connections that clients may have open at a time; at most half of the open files "
            "that the system allows. Beyond, the one that has waited longest without a request "
            "is closed."
        ),
    ] = 2000
    http_connections_address: Annotated[
        int,
        _says(
            "The same for each client address, but for reverse proxies; beyond: 429, and it is "
            "closed."
        ),
    ] = 200
    proxies: Annotated[
        str,
        _says(
            "Reverse proxies, as addresses or CIDRs with commas between: their "
            "`X-Forwarded-For` gives the client's address."
        ),
    ] = "127.0.0.1"
    cors_origins: Annotated[
        str, _says("Origins of web pages that may call the API, with commas between; `*`: all.")
    ] = "*"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _says("The lowest level to log: debug, info, warning or error."),
    ] = "info"
    log_json: Annotated[bool, _says("Log lines as JSON.")] = False
    traces: Annotated[
        str,
        _says(
            "URL to which traces are sent (OpenTelemetry, OTLP over HTTP), such as "
            "`http://127.0.0.1:4318/v1/traces`; it needs the packages of `tongdai[otel]`. "
            "Empty: none are made."
        ),
    ] = ""

    @property
    def base_url(self) -> str:
        """The API's URL for clients, without a trailing slash."""
        return self.public_url.rstrip("/") or f"http://{self.http}"


class Setting(msgspec.Struct, frozen=True):
    """A setting, for people. `value` is the text of its variable, with secrets covered."""

    variable: str
    default: str
    value: str
    meaning: str


def described(known: Settings) -> list[Setting]:
    """All settings, in the order of the class."""
    hints = get_type_hints(Settings, include_extras=True)
    return [
        Setting(
            variable=PREFIX + field.name.upper(),
            default=text(field.default),
            value=_shown(field.name, text(getattr(known, field.name))),
            meaning=hints[field.name].__metadata__[0].description,
        )
        for field in msgspec.structs.fields(Settings)
    ]


def text(value: object) -> str:
    """A setting's value as its variable has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _shown(name: str, text: str) -> str:
    """The value for terminals and logs, without its secrets."""
    if name in ("secret", "turn_secret"):
        return "***" if text else ""
    return re.sub(r"(?<=:)[^:@/]+(?=@)|(?<=password=)[^&]+", "***", text)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in these variables; without any, in the environment and the settings files.
    Raises errors.SetupError naming each wrong variable.
    """
    environ = settings_file.environment() if environ is None else environ
    known = {PREFIX + name.upper(): name for name in Settings.__struct_fields__}
    given = {known[key]: value for key, value in environ.items() if key in known and value != ""}
    wrong = [_why_wrong(name, value) for name, value in given.items()]
    if any(wrong):
        raise errors.SetupError("; ".join(filter(None, wrong)))
    settings = msgspec.convert(
        given, Settings, strict=False, dec_hook=lambda kind, value: kind(value)
    )
    if bool(settings.turn_urls) != bool(settings.turn_secret):
        raise errors.SetupError(f"{PREFIX}TURN_URLS and {PREFIX}TURN_SECRET need each other")
    for name in ("sip_tls", "sip_wss"):
        if getattr(settings, name) and not (settings.sip_tls_cert and settings.sip_tls_key):
            raise errors.SetupError(
                f"{PREFIX}{name.upper()} needs {PREFIX}SIP_TLS_CERT and {PREFIX}SIP_TLS_KEY"
            )
    return settings


def _why_wrong(name: str, value: str) -> str:
    """The fault of one variable, or ""."""
    try:
        msgspec.convert(
            {name: value}, Settings, strict=False, dec_hook=lambda kind, text: kind(text)
        )
        if check := _CHECKS.get(name):
            check(value)
    except (ValueError, OSError, msgspec.ValidationError) as reason:
        return f"{PREFIX}{name.upper()}={_shown(name, value)!r}: {reason}"
    return ""


def environment(chosen: Settings) -> dict[str, str]:
    """The variables from which a process of ours loads these settings; nothing in them is
    covered.
    """
    return {
        PREFIX + name.upper(): text(getattr(chosen, name)) for name in Settings.__struct_fields__
    }


def address(text: str) -> tuple[str, int]:
    """host and port of "host:port" ("[::1]:5060" for IPv6). Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError("expected host:port, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def sip_server(settings: Settings) -> SipServer:
    """The SIP server that phones are told."""
    if settings.phone_server:
        return _sip_server(settings.phone_server)
    listening = settings.sip_tls or settings.sip
    host = urlsplit(settings.base_url).hostname or ""
    return SipServer(host, address(listening)[1], "tls" if settings.sip_tls else "udp")


def _sip_server(text: str) -> SipServer:
    """The server of "host:port;transport=tls". Raises ValueError."""
    where, _, parameter = text.partition(";")
    host, port = address(where)
    try:
        transport = msgspec.convert(parameter.removeprefix("transport=") or "udp", Transport)
    except msgspec.ValidationError as reason:
        raise ValueError("expected host:port;transport=udp, tcp or tls") from reason
    return SipServer(host, port, transport)


def port_range(text: str) -> tuple[int, int]:
    """First and last of "first-last". Raises ValueError."""
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and 1024 <= int(first) < int(last) < 65_536):
        raise ValueError("expected first-last, such as 10000-11999")
    return int(first), int(last)


def listed(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def networks(text: str) -> list[str]:
    """The CIDRs of a comma-separated list. Raises ValueError."""
    return [str(ip_network(part)) for part in listed(text)]


def callback_networks(settings: Settings) -> list[str]:
    """The private networks that callbacks may reach; with the sandbox also loopback."""
    return [*networks(settings.callback_allow), *(_LOOPBACK if settings.sandbox else ())]


def _turn_urls(text: str) -> None:
    for url in listed(text):
        if not _TURN.fullmatch(url):
            raise ValueError("expected turn:host:port or turns:host:port?transport=tcp")


def _readable(text: str) -> None:
    with Path(text).open("rb"):
        pass


def _postgresql(text: str) -> None:
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("expected postgresql://user:password@host/database")


def _ari(text: str) -> None:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not (url.hostname and url.username and url.password):
        raise ValueError("expected http://user:password@host:port")


def _http_url(text: str) -> None:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("expected http://host:port/path")


def _secret(text: str) -> None:
    if len(text.encode()) < encryption.SHORTEST:
        raise ValueError(f"at least {encryption.SHORTEST} characters are needed")


def _workers(text: str) -> None:
    if not 1 <= int(text) <= MOST_WORKERS:
        raise ValueError(f"expected 1 to {MOST_WORKERS}")


def _positive(text: str) -> None:
    if int(text) <= 0:
        raise ValueError("must be more than 0")


def _ws_connections(text: str) -> None:
    if not 0 < int(text) <= MOST_WS_CONNECTIONS:
        raise ValueError(f"must be 1 to {MOST_WS_CONNECTIONS}: Asterisk has no more")


def _not_negative(text: str) -> None:
    if int(text) < 0:
        raise ValueError("must be 0 or more")


def _a_week(text: str) -> None:
    if int(text) < 7:
        raise ValueError("must be 7 or more: deliveries are tried for three days")


def _node(text: str) -> None:
    try:
        checks.node(text)
    except errors.Invalid as reason:
        raise ValueError(reason.why) from reason


_CHECKS = {
    "traces": _http_url,
    "node": _node,
    "http": address,
    "metrics": address,
    "sip": address,
    "sip_tls": address,
    "sip_tls_cert": _readable,
    "sip_tls_key": _readable,
    "phone_server": _sip_server,
    "sip_wss": address,
    "stun": address,
    "turn_urls": _turn_urls,
    "sip_ws": address,
    "sip_ws_connections": _ws_connections,
    "sip_ws_connections_address": _positive,
    "ari": address,
    "asterisk_url": _ari,
    "dsn": _postgresql,
    "sandbox_sip": address,
    "rtp": port_range,
    "callback_allow": networks,
    "proxies": networks,
    "sip_proxies": networks,
    "subscriptions": _positive,
    "workers": _workers,
    "http_connections": _positive,
    "http_connections_address": _positive,
    "rate_domain": _not_negative,
    "sip_qualify_s": _not_negative,
    "silence_s": _not_negative,
    "jitter_buffer_ms": _not_negative,
    "rate_address": _not_negative,
    "secret": _secret,
    "token_life_s": _positive,
    "event_days": _a_week,
    "delivery_log_days": _positive,
    "timeline_days": _positive,
    "audit_days": _positive,
}
