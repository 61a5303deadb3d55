"""Checks of the configuration that operators write. Much of it ends in Asterisk's files: a value
cannot end a line, open a comment or mean something to the dialplan. Pure; each check raises
errors.Invalid with the field.
"""

import re
import ssl
import unicodedata
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_interface, ip_network

from tongdai import errors, messages
from tongdai.pbx import feature_codes as codes
from tongdai.pbx import hours, numbers
from tongdai.pbx.endpoint import DEVICE

_NUMBER = re.compile(r"[0-9]{2,8}")
# RFC 1123 §2.1, and _ as SRV names have it
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?")
_USERNAME = re.compile(r"[a-z0-9._+-]{1,64}")
# a part of RFC 3261 §25.1 "user" that needs no escapes anywhere
_SIP_USER = re.compile(r"[A-Za-z0-9._+~*@-]{0,128}")
# no @: the name identifies a trunk, not a device
_AUTH_USERNAME = re.compile(r"[A-Za-z0-9._+~*-]{0,63}")
_SIP_SECRET = re.compile(r"[!#-&(-:<-\[\]-~]{1,128}")  # visible ASCII, but no " ' ; \
_DESTINATION = re.compile(r"\+[0-9]{0,15}|[0-9]{1,15}")
_MAC = re.compile(r"[0-9a-f]{2}(?:[:.-]?[0-9a-f]{2}){5}")
_NODE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# RFC 9110 §5.5 field values in ASCII, without space at the ends; the length is our choice
_HEADER = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,1022}[\x21-\x7e])?")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")  # RFC 9110 §5.6.2, a token
_HEADERS = 10
_OUR_HEADERS = frozenset((
    "accept", "accept-encoding", "authorization", "connection", "content-encoding",
    "content-length", "content-type", "expect", "host", "keep-alive", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent",
))  # fmt: skip
_CERTIFICATES = 4096  # characters
_KEY = re.compile(r"([0-9*#])=[0-9]{2,8}")
_FEATURE_CODE = re.compile(r"([a-z_]+)=(\*[0-9]{1,5})?")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,32}")
_NOT_IN_NAMES = set('"<>;\\`${}[]|')
_NAME = 80  # characters
MOST_WEEKLY, MOST_HOLIDAYS = 50, 200  # texts of an hours plan


def name(text: str, field: str = "name", *, needed: bool = False) -> str:
    """A name for people, in any script: up to 80 characters, none with a meaning in files or the
    dialplan.
    """
    if needed and not text.strip():
        raise errors.Invalid(messages.NEEDED, field=field)
    if len(text) > _NAME:
        raise errors.Invalid(messages.AT_MOST_CHARACTERS(most=_NAME), field=field)
    if any(
        char in _NOT_IN_NAMES or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
        for char in text
    ):
        raise errors.Invalid(messages.NAME_CHARACTERS, field=field)
    return text


def prompt_name(text: str, field: str = "name") -> str:
    """The name of a prompt, in NFC. It is a part of a path of the API."""
    if "/" in text or text.strip() in (".", ".."):
        raise errors.Invalid(messages.PROMPT_NAME, field=field)
    return unicodedata.normalize("NFC", name(text.strip(), field, needed=True))


def domain_name(text: str, field: str = "name") -> str:
    """A DNS name in lower case, such as sales.example.vn."""
    if not _DOMAIN.fullmatch(text) or not all(
        _LABEL.fullmatch(label) for label in text.split(".")
    ):
        raise errors.Invalid(messages.DOMAIN_NAME, field=field)
    return text


def time_zone(text: str, field: str = "time_zone") -> str:
    """A zone of the IANA database."""
    if text not in zoneinfo.available_timezones():
        raise errors.Invalid(messages.NO_SUCH_TIME_ZONE(name=text), field=field)
    return text


def country_code(text: str, field: str = "country_code") -> str:
    """The country code of a country (ITU-T E.164), without +."""
    if not re.fullmatch("[1-9][0-9]{0,2}", text) or not numbers.is_country(text):
        raise errors.Invalid(messages.COUNTRY_CODE, field=field)
    return text


def region(text: str, country_code: str, field: str = "region") -> str:
    """A region of the country code (ISO 3166-1 alpha-2), such as CA of 1; "" for its main one."""
    if text and not (numbers.is_country(text) and numbers.country_code(text) == country_code):
        raise errors.Invalid(messages.REGION(code=country_code), field=field)
    return text


def number(text: str, field: str = "number") -> str:
    """The number of a new extension, ring group or queue."""
    if not _NUMBER.fullmatch(text):
        raise errors.Invalid(messages.INTERNAL_NUMBER, field=field)
    return text


def device(text: str, field: str = "device") -> str:
    """A device's name within its extension, a part of its SIP address."""
    if not DEVICE.fullmatch(text):
        raise errors.Invalid(messages.DEVICE_NAME, field=field)
    return text


def mac(text: str, field: str = "mac") -> str:
    """A MAC address (EUI-48) as 00:15:65:aa:bb:cc, in whatever way it is written, or ""."""
    plain = text.strip().lower()
    if not plain:
        return ""
    if not _MAC.fullmatch(plain):
        raise errors.Invalid(messages.MAC, field=field)
    digits = re.sub("[:.-]", "", plain)
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))


def node(text: str, field: str = "node") -> str:
    """A node's name."""
    if not _NODE.fullmatch(text):
        raise errors.Invalid(messages.NODE_NAME, field=field)
    return text


def username(text: str, field: str = "username") -> str:
    """A user name, without its domain."""
    if not _USERNAME.fullmatch(text):
        raise errors.Invalid(messages.USERNAME, field=field)
    return text


def password(text: str, field: str = "password") -> str:
    """A user's password."""
    if not 8 <= len(text) <= 256:
        raise errors.Invalid(messages.PASSWORD_LENGTH, field=field)
    return text


def sip_secret(text: str, field: str = "password", shortest: int = 8) -> str:
    """A SIP password."""
    if len(text) < shortest or not _SIP_SECRET.fullmatch(text):
        raise errors.Invalid(
            messages.SIP_PASSWORD(shortest=shortest),
            field=field,
        )
    return text


def sip_user(text: str, field: str) -> str:
    """A SIP user name, or ""."""
    if not _SIP_USER.fullmatch(text):
        raise errors.Invalid(messages.SIP_USER, field=field)
    return text


def auth_username(text: str, field: str = "auth_username") -> str:
    """A user name for digest authentication of a trunk, or ""."""
    if not _AUTH_USERNAME.fullmatch(text):
        raise errors.Invalid(messages.SIP_AUTH_USERNAME, field=field)
    return text


def keys(texts: Sequence[str], field: str = "keys") -> Sequence[str]:
    """The keys of a menu: each once, with a number."""
    found = [_KEY.fullmatch(one) for one in texts]
    if not all(found):
        raise errors.Invalid(messages.MENU_KEY, field=field)
    distinct([one[1] for one in found if one], field)
    return texts


def feature_codes(texts: Sequence[str], field: str = "feature_codes") -> Sequence[str]:
    """The feature codes of a domain that are not the default ones: each feature once, and no two
    with codes that cannot be told apart.
    """
    found = [_FEATURE_CODE.fullmatch(one) for one in texts]
    if not all(each and each[1] in codes.FEATURES for each in found):
        raise errors.Invalid(messages.FEATURE_CODE, field=field)
    distinct([one[1] for one in found if one], field)
    if clash := codes.clashing(texts):
        one, other = clash
        raise errors.Invalid(messages.FEATURE_CODES_CLASH(one=one, other=other), field=field)
    return texts


def music_class(text: str, field: str) -> str:
    """A class of the switch's hold music, which is no prompt; the classes of prompts have longer
    names.
    """
    if not _WORD.fullmatch(text):
        raise errors.Invalid(messages.NO_SUCH(kind="prompt", numbers=text), field=field)
    return text


def header_value(text: str, field: str) -> str:
    """The value of an HTTP header."""
    if not _HEADER.fullmatch(text):
        raise errors.Invalid(messages.HEADER_CHARACTERS, field=field)
    return text


def callback_headers(given: Mapping[str, str]) -> dict[str, str]:
    """Further headers of webhooks, which replace none of ours."""
    field = "callback_headers"
    if len(given) > _HEADERS:
        raise errors.Invalid(messages.AT_MOST(most=_HEADERS), field=field)
    if len({name.lower() for name in given}) < len(given):
        raise errors.Invalid(messages.HEADER_TWICE, field=field)
    for name, value in given.items():
        if not _HEADER_NAME.fullmatch(name):
            raise errors.Invalid(messages.HEADER_NAME, field=field)
        if name.lower() in _OUR_HEADERS or name.lower().startswith(("webhook-", "proxy-")):
            raise errors.Invalid(messages.HEADER_OURS(name=name), field=field)
        header_value(value, field)
    return dict(given)


def certificates(pem: str, field: str = "callback_ca") -> str:
    """PEM certificates to trust a receiver by, or ""."""
    pem = pem.strip()
    if not pem:
        return ""
    if len(pem) > _CERTIFICATES or "PRIVATE KEY" in pem:
        raise errors.Invalid(messages.CERTIFICATES(most=_CERTIFICATES), field=field)
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError) as reason:
        raise errors.Invalid(messages.CERTIFICATES(most=_CERTIFICATES), field=field) from reason
    return pem


def host(text: str, field: str = "host") -> str:
    """A DNS name, an IPv4 address or a bracketed IPv6 address, with or without :port."""
    name_or_address, colon, port = (text, "", "") if text.endswith("]") else text.rpartition(":")
    if not colon:
        name_or_address = text
    is_port = not colon or (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536)
    if not is_port or not _is_host(name_or_address):
        raise errors.Invalid(
            messages.HOST,
            field=field,
        )
    return text


def host_or_none(text: str, field: str) -> str:
    """As `host`, or ""."""
    return host(text, field) if text else ""


def distinct(numbers: Sequence[str], field: str) -> None:
    """The numbers have no duplicates."""
    if len(set(numbers)) < len(numbers):
        raise errors.Invalid(messages.TWICE, field=field)


def destinations(texts: Iterable[str], field: str = "destinations") -> tuple[str, ...]:
    """Prefixes of numbers, without duplicates: "+44" and "+" in international form, "1900" as
    dialled at home.
    """
    found = tuple(dict.fromkeys(texts))
    if not all(_DESTINATION.fullmatch(text) for text in found):
        raise errors.Invalid(messages.PREFIXES, field=field)
    return found


def weekly_hours(texts: Sequence[str], field: str = "weekly") -> None:
    """Texts of an hours plan, such as "mon-fri 08:00-17:30"."""
    if len(texts) > MOST_WEEKLY:
        raise errors.Invalid(messages.AT_MOST(most=MOST_WEEKLY), field=field)
    for text in texts:
        try:
            hours.weekly(text)
        except ValueError as reason:
            raise errors.Invalid(messages.WEEKLY_HOURS(text=text[:_NAME]), field=field) from reason


def holidays(texts: Sequence[str], field: str = "holidays") -> None:
    """Texts of an hours plan, such as "09-02" or "2027-02-05/2027-02-11"."""
    if len(texts) > MOST_HOLIDAYS:
        raise errors.Invalid(messages.AT_MOST(most=MOST_HOLIDAYS), field=field)
    for text in texts:
        try:
            hours.holiday(text)
        except ValueError as reason:
            raise errors.Invalid(messages.HOLIDAYS(text=text[:_NAME]), field=field) from reason


def networks(texts: Iterable[str], field: str = "addresses") -> tuple[str, ...]:
    """IP addresses and CIDR networks, in the form of the ipaddress module."""
    try:
        return tuple(_network(text) for text in texts)
    except ValueError as reason:
        raise errors.Invalid(messages.NETWORKS(why=reason), field=field) from reason


def _network(text: str) -> str:
    return str(ip_network(text)) if "/" in text else str(ip_address(text))


def _is_host(text: str) -> bool:
    if text.startswith("["):
        return text.endswith("]") and "%" not in text and _is_address(text[1:-1], 6)
    if re.fullmatch(r"[0-9.]+", text):
        return _is_address(text, 4)
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


def _is_address(text: str, version: int) -> bool:
    try:
        return ip_interface(text).version == version and "/" not in text
    except ValueError:
        return False
