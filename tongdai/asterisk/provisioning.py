"""Phones and trunks as PJSIP objects, pushed over ARI into Asterisk's memory: no files, no
database driver there.

Pure: which objects an extension or a trunk is. `switch` pushes them, and takes away what is no
more.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from tongdai.asterisk import translate
from tongdai.pbx.actions import Dial, Party

Objects: TypeAlias = "dict[tuple[str, str], Fields]"
"""By (kind, id), such as ("endpoint", "101@example.vn"), in the order in which Asterisk must get them."""
Fields: TypeAlias = dict[str, str]

KINDS = ("acl", "domain_alias", "auth", "aor", "endpoint", "identify", "registration")
MAX_CONTACTS = 5  # phones of one extension
REALM = "Tongdai"
"""Who is asked for a proof before we know who it is (pjsip.conf, default_realm). No domain is called so: those are in
lower case."""
LANDING_TEXT = 3_500  # characters; Asterisk evaluates 4,096
LANDING_S = 60
CODECS = "alaw,ulaw,g722,opus"
_SHOWN = {"yes": "true", "no": "false"}  # what is told, as Asterisk shows it

_MEDIA: Fields = {
    "disallow": "all",
    "allow": CODECS,
    "direct_media": "no",
    "rtp_symmetric": "yes",
    "rtp_timeout": "60",
    "rtp_timeout_hold": "900",
    "dtmf_mode": "rfc4733",
    "timers": "yes",
    "timers_sess_expires": "1800",
}


class Phone(msgspec.Struct, frozen=True):
    """An extension that may register as extension@domain, by digest (RFC 8760 HA1 in hex)."""

    domain: str
    extension: str
    name: str
    digest_md5: str
    digest_sha256: str


class Carrier(msgspec.Struct, frozen=True):
    """A trunk. `host` may carry a port; `auth` is ip, digest or registration. `login` is what it
    proves itself with when it calls from elsewhere than its addresses; "" for one that does not.
    """

    trunk: str
    auth: str
    host: str
    transport: str
    addresses: tuple[str, ...]
    username: str
    password: str
    from_user: str
    from_domain: str
    login: str = ""


class Landing(msgspec.Struct, frozen=True):
    """Whom a hotline's callers reach while nobody decides: these extensions ring together.
    `numbers` are digits.
    """

    trunk: str
    numbers: frozenset[str]
    domain: str
    extensions: tuple[str, ...]
    is_recorded: bool


class Inside(msgspec.Struct, frozen=True):
    """Whom a number of the domain that is no phone's reaches while nobody decides: these
    extensions ring together.
    """

    domain: str
    number: str
    extensions: tuple[str, ...]


class WayOut(msgspec.Struct, frozen=True):
    """How calls leave a domain while nobody decides; with `extension`, that extension's. What is
    dialled with a leading 0 goes out with `lead` in its place, unless it begins with one of
    `closed`; "" closes everything but emergencies, and so does `frozen_until` (Unix seconds).
    `lines`, `calls`, `trunk_calls`: how many the extension, the domain's phones and the trunk may
    have at the same time.
    """

    domain: str
    extension: str
    trunk: str
    hotline: str
    lead: str
    closed: tuple[str, ...]
    frozen_until: int
    lines: int
    calls: int
    trunk_calls: int
    is_recorded: bool


Unattended: TypeAlias = Landing | Inside | WayOut
"""What the switch needs to go on by itself."""


def objects(
    phones: Iterable[Phone],
    carriers: Iterable[Carrier],
    aliases: Mapping[str, str],
    unattended: Iterable[Unattended] = (),
) -> Objects:
    """Everything the switch must know. `aliases`: addresses that phones may use for a domain's
    name.
    """
    found: Objects = {
        ("domain_alias", alias): {"domain": domain} for alias, domain in aliases.items()
    }
    for phone in phones:
        found |= _phone(phone)
    for carrier in carriers:
        found |= _carrier(carrier)
    for known in unattended:
        match known:
            case Landing():
                found |= _landing(known)
            case Inside():
                found |= _inside(known)
            case WayOut():
                found |= _way_out(known)
    return found


def changes(
    now: Mapping[tuple[str, str], Fields], wanted: Objects
) -> tuple[Objects, list[tuple[str, str]]]:
    """What to push, in order, and what to delete, users before what they use."""
    pushed = {key: fields for key, fields in wanted.items() if now.get(key) != fields}
    gone = sorted((key for key in now if key not in wanted), key=lambda key: -KINDS.index(key[0]))
    return pushed, gone


def is_as_told(fields: Fields, shown: Sequence[tuple[str, str]]) -> bool:
    """Whether what the switch shows of an object is what it would be told: each field once, and
    with that value.
    """
    values: dict[str, list[str]] = {}
    for name, value in shown:
        values.setdefault(name, []).append(value)
    return all(values.get(name) == [_SHOWN.get(value, value)] for name, value in fields.items())


def _phone(phone: Phone) -> Objects:
    address = f"{phone.extension}@{phone.domain}"
    return {
        ("auth", address): {
            "auth_type": "digest",
            "username": phone.extension,
            "realm": phone.domain,
            "password_digest": f"MD5:{phone.digest_md5}",
            "supported_algorithms_uas": "MD5",
        },
        ("aor", address): {
            "max_contacts": str(MAX_CONTACTS),
            "remove_unavailable": "yes",
            "default_expiration": "120",
            "maximum_expiration": "3600",
            "support_path": "yes",
        },
        ("endpoint", address): {
            **_MEDIA,
            "context": "phone",
            "auth": address,
            "aors": address,
            "identify_by": "username",
            "callerid": f"<{phone.extension}>",
            "from_domain": phone.domain,
            "force_rport": "yes",
            "rewrite_contact": "yes",
            "webrtc": "no",
            "allow_subscribe": "no",
            "tenantid": phone.domain[:79],
        },
    }


def _carrier(carrier: Carrier) -> Objects:
    """An endpoint named by the trunk's UUID. Its calls come by address, or by our registration's
    line; or by digest, as another endpoint.
    """
    name, host = carrier.trunk, carrier.host
    uri = f"sip:{host}" + (f";transport={carrier.transport}" if carrier.transport != "udp" else "")
    has_auth = bool(carrier.username and carrier.password)
    endpoint: Fields = {
        **_MEDIA,
        "context": "trunk",
        "aors": name,
        "identify_by": "ip",
        # With another number in it, Asterisk forgets the transport that the address of the aor
        # names.
        "transport": f"transport-{carrier.transport}" if carrier.transport != "udp" else "",
        "trust_id_inbound": "yes",
        "send_pai": "yes",
        "send_diversion": "no",  # or a phone's own Diversion goes out, with any number in it
        "send_connected_line": "no",  # or carriers are told by re-INVITE which extension answered
        "from_user": carrier.from_user,
        "from_domain": carrier.from_domain,
        "outbound_auth": name if has_auth else "",
        # Said though empty: what is left out of a push stays, and of a caller id left out
        # "unknown" is made.
        "callerid": "",
    }
    found: Objects = {}
    if has_auth:
        found["auth", name] = {
            "auth_type": "digest",
            "username": carrier.username,
            "password": carrier.password,
        }
    found["aor", name] = {"contact": uri, "qualify_frequency": "60"}
    found["endpoint", name] = endpoint
    found["identify", name] = {
        "endpoint": name,
        "match": ",".join(carrier.addresses or (_address(host),)),
    }
    if carrier.auth == "registration":
        found["registration", name] = {
            "outbound_auth": name,
            "server_uri": uri,
            "client_uri": f"sip:{carrier.username}@{carrier.from_domain or host}",
            "contact_user": carrier.username,
            "expiration": "300",
            "max_random_initial_delay": "1",  # seconds; the default of 10 is for thousands
            "retry_interval": "20",
            "forbidden_retry_interval": "300",
            "max_retries": "1000000",
            "line": "yes",
            "endpoint": name,
        }
    if carrier.login and carrier.password:
        found |= _caller_by_digest(carrier)
    return found


def _caller_by_digest(carrier: Carrier) -> Objects:
    """Whoever proves to be the trunk, from any address: LOGIN@REALM is where Asterisk looks for
    it. No phone is called so, nor another trunk; TD_TRUNK tells the dialplan whose call it is.
    """
    name = f"{carrier.login}@{REALM}"
    return {
        ("auth", name): {
            "auth_type": "digest",
            "username": carrier.login,
            "password": carrier.password,
        },
        ("endpoint", name): {
            **_MEDIA,
            "context": "trunk",
            "auth": name,
            "identify_by": "auth_username",
            "set_var": f"TD_TRUNK={carrier.trunk}",
            "trust_id_inbound": "yes",
            "send_connected_line": "no",
            "force_rport": "yes",
            "rewrite_contact": "yes",
            "allow_subscribe": "no",
            "callerid": "",
        },
    }


def _landing(landing: Landing) -> Objects:
    """What extensions.conf reads when nobody decides: a context, and what Dial() is to do there.
    Domain aliases carry it, as the one kind of object that holds any text under any name; no
    domain is called so.
    """
    context = "dial-recorded" if landing.is_recorded else "dial"
    told = f"{context}:{_together(landing.domain, landing.extensions)}"
    return {
        ("domain_alias", f"{landing.trunk}.{number}"): {"domain": told}
        for number in sorted(landing.numbers)
    }


def _inside(inside: Inside) -> Objects:
    """The same, of a number that phones dial. No host is written with @."""
    told = f"dial:{_together(inside.domain, inside.extensions)}"
    return {("domain_alias", f"{inside.number}@{inside.domain}"): {"domain": told}}


def _together(domain: str, extensions: Sequence[str]) -> str:
    fitting = LANDING_TEXT // (len(domain) + len("${PJSIP_DIAL_CONTACTS(12345678@)}&"))
    parties = tuple(Party(f"{extension}@{domain}") for extension in extensions[:fitting])
    return translate.dial_string(Dial("", parties, LANDING_S, ""))


def _way_out(way: WayOut) -> Objects:
    """In the order in which extensions.conf reads it, with the closed prefixes as a regular
    expression.
    """
    _, _, options = translate.dial_string(
        Dial("", (Party(way.trunk, "0"),), 0, "", record=way.is_recorded)
    ).split(",")
    closed = f"^({'|'.join(way.closed)})" if way.closed else "^$"
    limits = (way.frozen_until, way.lines, way.calls, way.trunk_calls)
    told = (way.trunk, translate.shown(way.hotline), options, way.lead, closed, *limits)
    whose = f"out.{way.extension}@{way.domain}" if way.extension else f"out@{way.domain}"
    return {("domain_alias", whose): {"domain": ",".join(map(str, told))}}


def _address(host: str) -> str:
    """Without its port: of carrier.vn:5060, 192.0.2.7:5060, [2001:db8::7]:5060, and of the same
    without.
    """
    has_port = host.count(":") == 1 or "]:" in host
    return (host.rpartition(":")[0] if has_port else host).strip("[]")


def strangers(domains: Iterable[str], aliases: Mapping[str, str], digest_md5: str) -> Objects:
    """Who claims to be an extension that a domain does not have: asked for a proof that nobody can
    give (of HA1 `digest_md5`, random), exactly as an extension is, so that nobody finds out which
    there are.
    """
    found: Objects = {}
    for domain in sorted(domains):
        name = f"nobody@{domain}"
        own = [domain, *(alias for alias, meant in aliases.items() if meant == domain)]
        hosts = "|".join(map(re.escape, own))
        found |= {
            ("auth", name): {
                "auth_type": "digest",
                "username": "nobody",
                "realm": domain,
                "password_digest": f"MD5:{digest_md5}",
                "supported_algorithms_uas": "MD5",
            },
            ("endpoint", name): {
                **_MEDIA,
                "context": "hangup",
                "auth": name,
                "identify_by": "header",
                "force_rport": "yes",
                "rewrite_contact": "yes",
                "allow_subscribe": "no",
            },
            ("identify", name): {
                "endpoint": name,
                "match_header": f"From: /sips?:[0-9]{{2,8}}(:[^@]*)?@({hosts})([:;>?].*)?$/",
            },
        }
    return found


def bans(addresses: Iterable[str]) -> Objects:
    """Asterisk answers 403 to whatever comes from these addresses."""
    return {
        ("acl", f"ban-{address.replace(':', '-')}"): {"deny": address} for address in addresses
    }


def tls_transport(bind: str, certificate: str, key: str) -> str:
    """The section of pjsip.conf that listens for SIP over TLS; "" for no bind address."""
    if not bind:
        return ""
    lines = [
        "[transport-tls]",
        "type = transport",
        "protocol = tls",
        f"bind = {bind}",
        "method = tlsv1_2",
    ]
    return "\n".join([*lines, f"cert_file = {certificate}", f"priv_key_file = {key}"])
