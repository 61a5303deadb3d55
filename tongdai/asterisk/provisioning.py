"""The PJSIP objects that a node's switch holds, for each device, trunk and domain.

Pure: computes the objects. `dynamic_config` pushes them over ARI and deletes unwanted ones.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

import msgspec

from tongdai.asterisk import hints
from tongdai.pbx import sip_address
from tongdai.pbx.carriers import CalledNumberIn
from tongdai.pbx.directory import DEFAULT_MUSIC
from tongdai.pbx.endpoint import DEVICE, Endpoint

Objects: TypeAlias = "dict[Key, Fields]"
"""Each with all its fields: a field that is left out of a push keeps its old value."""
Fields: TypeAlias = dict[str, str]

Key: TypeAlias = tuple[str, str]
"""An object's kind and id, as in asterisk/config/dynamic/res_pjsip/{kind}/{id}."""

FALLBACK = "fallback"
"""Kind of the entries of AstDB that the fallback reads (`asterisk/astdb.py`). They come first:
before a phone can call, they are those of now."""
HINT = "hint"
"""Kind of the devices that have a lamp at their colleagues' phones (`asterisk/hints.py`)."""
KINDS = (
    FALLBACK,
    HINT,
    "acl",
    "domain_alias",
    "auth",
    "aor",
    "endpoint",
    "identify",
    "registration",
)
"""In the order in which Asterisk must receive them."""
CHECKSUMS = 2**256
REALM = "Tongdai"
"""Realm of the challenge for a request whose endpoint is not known yet (pjsip.conf,
default_realm). No domain has this name: domains are in lower case."""
FULL = "full-"
"""Prefix of the id of a device's second auth: for phones that authenticate as 101@domain."""
UNKNOWN, HIDDEN = "unknown", "hidden"
"""User parts of the endpoints for a domain's unknown endpoints, and for those that hide their
number."""
QUALIFY_TIMEOUT = "3.000000"
"""Seconds that a phone has for its response to OPTIONS, as Asterisk shows the number."""
CODECS = "alaw,ulaw,g722,opus"
_SHOWN = {"yes": "true", "no": "false"}  # as Asterisk shows a value that it was sent

_MEDIA: Fields = {
    "disallow": "all",
    "allow": CODECS,
    "direct_media": "no",
    "rtp_symmetric": "yes",
    "rtp_timeout_hold": "0",  # a call on hold ends when a party hangs up
    "dtmf_mode": "rfc4733",
    "timers": "yes",
    "timers_sess_expires": "1800",
}


_SIP: Fields = {
    "webrtc": "no",
    "use_avpf": "no",
    # SDES (RFC 4568), which protects audio where TLS protects the signalling
    "media_encryption": "sdes",
    "media_encryption_optimistic": "yes",
    "media_use_received_transport": "no",
    "ice_support": "no",
    "rtcp_mux": "no",
    "bundle": "no",
    "dtls_auto_generate_cert": "no",
    "dtls_verify": "no",
    "dtls_setup": "active",
}
"""Names all fields that webrtc=yes sets, with Asterisk's defaults: webrtc=no takes none of them
back from an endpoint that was a browser's."""
_BROWSER: Fields = {
    "webrtc": "yes",
    "use_avpf": "yes",
    "media_encryption": "dtls",
    "media_encryption_optimistic": "no",
    "media_use_received_transport": "yes",
    "ice_support": "yes",
    "rtcp_mux": "yes",
    "bundle": "yes",
    "dtls_auto_generate_cert": "yes",
    "dtls_verify": "fingerprint",
    "dtls_setup": "actpass",
    "allow": "opus,alaw,ulaw,g722",  # opus tolerates packet loss; all browsers have it
}
# the user part of a device's SIP address, or what hides it (RFC 3323 §4.1)
_USER = f"[0-9]{{2,8}}(-{DEVICE.pattern})?|anonymous"
_TRUNK = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-options)?")


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device that may register, with its digests (RFC 8760 HA1 in hex). `kind` is sip or
    browser; `display_name` is shown to those whom it calls inside its domain. With `srtp_required`
    it neither makes nor gets a call without encrypted audio. `full_digests` are MD5 and SHA-256
    for the user name 101@domain, "" where they are not known. `credentials` authenticate it too:
    each a user name, MD5 and SHA-256. A party that it puts on hold hears the class `music`.
    """

    endpoint: Endpoint
    kind: str = "sip"
    display_name: str = ""
    srtp_required: bool = False
    max_contacts: int = 5
    digest_md5: str
    digest_sha256: str
    full_digests: tuple[str, str] = ("", "")
    credentials: tuple[tuple[str, str, str], ...] = ()
    music: str = DEFAULT_MUSIC


class SwitchConfig(msgspec.Struct, frozen=True):
    """What the operator set for all devices and trunks, in seconds; 0: never. `qualify_s`: from
    one OPTIONS request to a phone to the next, by which Asterisk learns whether it is there.
    `silence_s`: without any audio packet from one party, until its call ends as a forgotten one.
    With `sha256` phones are challenged by SHA-256 besides MD5.
    """

    qualify_s: int = 30
    silence_s: int = 1800
    sha256: bool = False


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """A trunk, by its UUID. `host` may include a port; `auth` is ip, digest or registration.
    `auth_username` is the user name that authenticates its calls from other addresses than its
    own; "": it makes none. `transfers`: the parties behind it may transfer (REFER). A trunk with
    registration registers on its owner's node only (`is_registering`). `key` is the same for all
    trunks with the same addresses. With `qualify` the switch asks it once a minute whether it is
    there.
    """

    trunk: str
    key: str = ""
    auth: str
    host: str
    transport: str
    addresses: tuple[str, ...]
    username: str
    password: str
    from_user: str
    from_domain: str
    auth_username: str = ""
    called_number_in: CalledNumberIn = "auto"
    qualify: bool = True
    transfers: bool = False
    is_registering: bool = True


def objects(
    devices: Iterable[Device],
    carriers: Iterable[Carrier],
    aliases: Mapping[str, str],
) -> Objects:
    """The objects of all of these. `aliases`: addresses that devices may use as a domain's name,
    with that domain.
    """
    found: Objects = {
        ("domain_alias", alias): {"domain": domain} for alias, domain in aliases.items()
    }
    for each in devices:
        found |= device(each, SwitchConfig())
    for carrier in carriers:
        found |= trunk(carrier, SwitchConfig())
    return found


def changes(now: Mapping[Key, Fields], wanted: Objects) -> tuple[Objects, set[Key]]:
    """The objects to push, and those to delete."""
    pushed = {key: fields for key, fields in wanted.items() if now.get(key) != fields}
    return pushed, now.keys() - wanted.keys()


def checksum(objects: Mapping[Key, Fields]) -> int:
    """The checksum of the objects: two sets of objects with the same sum are the same. The sum of
    two sets without common keys is the sum of their sums (modulo CHECKSUMS).
    """
    summands = (sha256(msgspec.json.encode(item)).digest() for item in objects.items())
    return sum(int.from_bytes(each) for each in summands) % CHECKSUMS


def in_order(keys: Iterable[Key]) -> list[Key]:
    """The keys in a possible order of pushing: each after those that it refers to."""
    return sorted(keys, key=lambda key: KINDS.index(key[0]))


def is_ours(endpoint: str) -> bool:
    """Whether the endpoint's name has the form of ours."""
    user, _, domain = endpoint.partition("@")
    is_named = Endpoint.parse(endpoint) is not None or _TRUNK.fullmatch(endpoint) is not None
    return is_named or user in (UNKNOWN, HIDDEN) or domain == REALM


def of_endpoint(endpoint: str) -> list[Key]:
    """The keys of all objects that may belong to an endpoint of this name."""
    kinds = ("auth", "aor", "endpoint", "identify", "registration")
    return [("auth", FULL + endpoint), *((kind, endpoint) for kind in kinds)]


def is_as_pushed(fields: Fields, shown: Sequence[tuple[str, str]]) -> bool:
    """Whether the switch shows an object as we would push it: each field once, and with that
    value.
    """
    values: dict[str, list[str]] = {}
    for name, value in shown:
        values.setdefault(name, []).append(value)
    return all(values.get(name) == [_SHOWN.get(value, value)] for name, value in fields.items())


def device(known: Device, config: SwitchConfig) -> Objects:
    """The device's credentials, AOR and endpoint, all under the endpoint's name.

    With too many registrations the AOR drops unreachable ones first, then those that expire first.
    """
    name, domain = str(known.endpoint), known.endpoint.domain
    more: Objects = {}
    if all(known.full_digests):
        # one challenge serves all: they have one realm
        more["auth", f"{FULL}{name}"] = _credentials(name, domain, known.full_digests, config)
    for other, *digests in known.credentials:
        own = _credentials(other, domain, (digests[0], digests[1]), config)
        more["auth", f"{other}@{domain}"] = own
    user = name.partition("@")[0]  # of browsers the edge proxy makes it of the extension
    return more | {
        ("auth", name): _credentials(
            user, domain, (known.digest_md5, known.digest_sha256), config
        ),
        ("aor", name): {
            "max_contacts": str(known.max_contacts),
            "remove_existing": "yes",
            "remove_unavailable": "yes",
            "default_expiration": "120",
            "maximum_expiration": "600",
            "qualify_frequency": str(config.qualify_s),
            "qualify_timeout": QUALIFY_TIMEOUT,
            "support_path": "yes",
        },
        ("endpoint", name): {
            **_media(config),
            **_profile(known),
            "context": "phone",
            "auth": ",".join([name, *(id_ for _, id_ in more)]),
            "aors": name,
            # by From, and where that hides the number by the digest (`unknown_endpoints`)
            "identify_by": "username,auth_username",
            "callerid": caller_id(known.display_name, known.endpoint.extension),
            # Phones show who calls, and after a transfer the new party (RFC 3325, RFC 3311).
            "send_pai": "yes",
            "trust_id_outbound": "yes",
            "from_domain": domain,
            "moh_suggest": known.music,
            "force_rport": "yes",
            "rewrite_contact": "yes",
            # to the lamps of the same domain
            "allow_subscribe": "yes",
            "subscribe_context": hints.context(domain),
            "tenantid": domain[:79],
        },
    }


def hint(endpoint: Endpoint) -> Objects:
    """The device counts for the lamp of its extension (`asterisk/hints.py`)."""
    return {(HINT, str(endpoint)): hints.fields(endpoint)}


def _media(config: SwitchConfig) -> Fields:
    return {**_MEDIA, "rtp_timeout": str(config.silence_s)}


def _profile(known: Device) -> Fields:
    """The media profile of the device."""
    if known.kind == "browser":
        return _BROWSER
    return _SIP | {"media_encryption_optimistic": "no"} if known.srtp_required else _SIP


def caller_id(name: str, number: str) -> str:
    """A name and number as Asterisk reads them, without characters that could end the name."""
    shown = re.sub(r'[\x00-\x1f\x7f"<>\\]', "", name).strip()[:80]
    return f'"{shown}" <{number}>' if shown else f"<{number}>"


def _credentials(user: str, realm: str, digests: tuple[str, str], config: SwitchConfig) -> Fields:
    """`digests` are MD5 and SHA-256. Where both are asked for, MD5 comes first: many phones look
    at the first challenge only, and do not know the other (RFC 8760 §2.4 lets phones take any).
    """
    md5, sha256 = digests
    return {
        "auth_type": "digest",
        "username": user,
        "realm": realm,
        "password_digest": f"MD5:{md5},SHA-256:{sha256}",
        "supported_algorithms_uas": "MD5,SHA-256" if config.sha256 else "MD5",
        "supported_algorithms_uac": "MD5",
    }


def locked(credentials: Fields) -> Fields:
    """The credentials with digests that no password fits."""
    return credentials | {"password_digest": f"MD5:{32 * '0'},SHA-256:{64 * '0'}"}


def trunk(carrier: Carrier, config: SwitchConfig) -> Objects:
    """An endpoint named by the trunk's UUID. Its calls come from its addresses, or by the line of
    our registration; calls authenticated by digest come by another endpoint.
    """
    name, host = carrier.trunk, carrier.host
    uri = _uri(host, carrier.transport)
    has_auth = bool(carrier.username and carrier.password)
    endpoint: Fields = {
        **_media(config),
        "context": "trunk",
        "aors": name,
        "identify_by": "ip",
        # With another number in it, Asterisk forgets the transport in the address of the AOR.
        "transport": f"transport-{carrier.transport}" if carrier.transport != "udp" else "",
        "trust_id_inbound": "yes",
        "send_pai": "yes",
        "send_diversion": "no",  # else a phone's own Diversion goes out, with any number in it
        "send_connected_line": "no",  # else a re-INVITE shows carriers the extension that answered
        "allow_subscribe": "no",
        "allow_transfer": _yes_no(carrier.transfers),
        "from_user": carrier.from_user,
        "from_domain": carrier.from_domain,
        "outbound_auth": name if has_auth else "",
        # Empty, not left out: a field left out of a push stays, and Asterisk makes "unknown" of a
        # caller id left out.
        "callerid": "",
        "callerid_tag": _tag(carrier),
    }
    found: Objects = {}
    if has_auth:
        found["auth", name] = {
            "auth_type": "digest",
            "username": carrier.username,
            "password": carrier.password,
        }
    found["aor", name] = {"contact": uri, "qualify_frequency": "0"}
    found["endpoint", name] = endpoint
    if carrier.qualify:
        found |= _probe(name, uri, endpoint)
    found["identify", name] = {
        "endpoint": name,
        "match": ",".join(carrier.addresses or (sip_address.host(host),)),
    }
    if carrier.auth == "registration" and carrier.is_registering:
        server_uri, client_uri = registration_uris(
            host, carrier.transport, carrier.username, carrier.from_domain
        )
        found["registration", name] = {
            "outbound_auth": name,
            "server_uri": server_uri,
            "client_uri": client_uri,
            "contact_user": carrier.username,
            "expiration": "300",
            "max_random_initial_delay": "1",  # seconds; the default of 10 is for thousands
            # for ever, whatever the carrier answers: a refusal may be its own fault
            "auth_rejection_permanent": "no",
            "retry_interval": "30",
            "forbidden_retry_interval": "30",
            "fatal_retry_interval": "60",
            "max_retries": "2147483647",
            "line": "yes",
            "endpoint": name,
        }
    if carrier.auth_username and carrier.password:
        found |= _caller_by_digest(carrier, config)
    return found


def _uri(host: str, transport: str) -> str:
    return f"sip:{host}" + (f";transport={transport}" if transport != "udp" else "")


def registration_uris(
    host: str, transport: str, username: str, from_domain: str
) -> tuple[str, str]:
    """The server and client URI by which a trunk registers; the switch's log names it so."""
    return _uri(host, transport), f"sip:{username}@{from_domain or host}"


def probe(trunk: str) -> str:
    """The name of the endpoint whose state says whether the trunk's carrier answers OPTIONS."""
    return f"{trunk}-options"


def _probe(trunk: str, uri: str, endpoint: Fields) -> Objects:
    """An endpoint that the switch asks once a minute (SIP OPTIONS), and never calls: Asterisk
    calls no contact that does not answer, and many carriers drop OPTIONS.
    """
    name = probe(trunk)
    shared = ("transport", "from_user", "from_domain", "outbound_auth")
    return {
        ("aor", name): {"contact": uri, "qualify_frequency": "60"},
        ("endpoint", name): {
            **_MEDIA,
            "context": "hangup",
            "aors": name,
            "identify_by": "ip",  # and no identify: no call is ever its
            **{field: endpoint[field] for field in shared},
        },
    }


def _tag(carrier: Carrier, *, is_authenticated: bool = False) -> str:
    """The facts of a trunk that extensions.conf needs of its calls, as the tag of their caller id:
    KEY/PILOT/PLACE/TRUNK. PILOT is the user in the Request-URI that makes the fallback read the
    number called at PLACE, "any" or "none"; TRUNK is "" unless the call authenticates.

    Not set_var: Asterisk 22.10.1 cannot change an endpoint that has one.
    """
    place = carrier.called_number_in
    pilot = {"auto": carrier.username or "none", "request_uri": "none"}.get(place, "any")
    return f"{carrier.key}/{pilot}/{place}/{carrier.trunk if is_authenticated else ''}"


def _caller_by_digest(carrier: Carrier, config: SwitchConfig) -> Objects:
    """The endpoint of calls that authenticate as the trunk, from any address: Asterisk looks it up
    as AUTH_USERNAME@REALM. No device and no other trunk has this name.
    """
    name = f"{carrier.auth_username}@{REALM}"
    return {
        ("auth", name): {
            "auth_type": "digest",
            "username": carrier.auth_username,
            "password": carrier.password,
        },
        ("endpoint", name): {
            **_media(config),
            "context": "trunk",
            "auth": name,
            "identify_by": "auth_username",
            "callerid_tag": _tag(carrier, is_authenticated=True),
            "trust_id_inbound": "yes",
            "send_connected_line": "no",
            "allow_transfer": _yes_no(carrier.transfers),
            "force_rport": "yes",
            "rewrite_contact": "yes",
            "allow_subscribe": "no",
            "callerid": "",
        },
    }


def _yes_no(value: bool) -> str:  # noqa: FBT001 -- a value, not a mode
    return "yes" if value else "no"


def fallback(entries: Mapping[str, str]) -> Objects:
    """Entries of the fallback plans (`asterisk/fallback.py`)."""
    return {(FALLBACK, key): {"value": value} for key, value in entries.items()}


def unknown_endpoints(
    domain: str,
    aliases: Iterable[str],
    digest_md5: str,
    config: SwitchConfig,
    *,
    by_to: bool = False,
) -> Objects:
    """The endpoints for devices that Asterisk does not know by From, and the other spellings of
    the domain. No password fits `digest_md5`, a random HA1.

    One is for all devices that the domain, or one of its `aliases`, does not have: its requests
    are challenged exactly like those of a known device, so that nothing reveals which devices
    exist; a device that writes the domain in odd capitals is known by its digest then. One is for
    phones that hide their number, which are then known by the digest. With
    `by_to` a request to the domain is enough for that: only where no trunk calls by digest, as
    its request would get this challenge too.
    """
    spellings = (domain.capitalize(), domain.title(), domain.upper())
    hosts = "|".join((_any_case(domain), *map(re.escape, aliases)))
    own = rf"/sips?:({_USER})(:[^@]*)?@({hosts})([:;>?].*)?$/"
    credentials = _credentials(UNKNOWN, domain, (digest_md5, 2 * digest_md5), config)
    hidden = own if not by_to else rf"/sips?:[^@]*@({hosts})([:;>?].*)?$/"
    return {
        **{("domain_alias", each): {"domain": domain} for each in spellings if each != domain},
        **_unknown(f"{UNKNOWN}@{domain}", credentials, f"From: {own}"),
        **_unknown(
            f"{HIDDEN}@{domain}",
            credentials,
            f"{'To' if by_to else 'P-Preferred-Identity'}: {hidden}",
        ),
    }


def _any_case(domain: str) -> str:
    """A regular expression for the domain in small letters and capitals (RFC 3261 §19.1.4)."""
    letters = (f"[{each}{each.upper()}]" if each.isalpha() else re.escape(each) for each in domain)
    return "".join(letters)


def _unknown(name: str, credentials: Fields, match_header: str) -> Objects:
    return {
        ("auth", name): credentials,
        ("endpoint", name): {
            **_MEDIA,
            "context": "hangup",
            "auth": name,
            "identify_by": "header",
            "force_rport": "yes",
            "rewrite_contact": "yes",
            "allow_subscribe": "no",
        },
        ("identify", name): {"endpoint": name, "match_header": match_header},
    }


def bans(addresses: Iterable[str]) -> Objects:
    """Asterisk answers 403 to all requests from these addresses."""
    return {
        ("acl", f"ban-{address.replace(':', '-')}"): {"deny": address} for address in addresses
    }


def tls_transport(bind: str, certificate: str, key: str, external: str = "") -> str:
    """The section of pjsip.conf that listens for SIP over TLS; "" for no bind address. `external`
    are the lines that announce an address beyond a NAT.
    """
    if not bind:
        return ""
    lines = [
        "[transport-tls]",
        "type = transport",
        "protocol = tls",
        f"bind = {bind}",
        "method = tlsv1_2",
    ]
    lines += [f"cert_file = {certificate}", f"priv_key_file = {key}"]
    return "\n".join([*lines, *filter(None, [external])])
