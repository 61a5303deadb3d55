"""Telephone numbers: one parser for written, dialled and signalled numbers.

A `country` is a region (ISO 3166-1 alpha-2: "VN", "CA") or a country code, which means its main
region ("84" is VN, "1" is US). The numbering plans are in pbx.numbering_plan, imported at the
first number.
"""

import re
import unicodedata
from enum import StrEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

import msgspec

from tongdai import errors

if TYPE_CHECKING:
    from tongdai.pbx.numbering_plan import Plan

NumberFormat = Literal["national", "e164", "plain"]

ANONYMOUS = "anonymous"  # a caller with withheld number (RFC 3323 §4.1)

_PHONE = re.compile(r"\+?[0-9]{2,18}")
_TWO = 2  # digits that may be an extension and, in some countries, an emergency number
_EXTENSION = re.compile(r"[0-9]{2,8}")
_PARAMETERS = re.compile(r"(?:;[A-Za-z][A-Za-z0-9-]*(?:=[^;]*)?)*")
_CONTEXT = re.compile(r";phone-context=(\+[0-9.()-]+)", re.IGNORECASE)
# RFC 3966 §5.1.1 visual separators, and others that people write
_SEPARATORS = frozenset("-.()/[]~·•−∕⁄∼～\u2022\t")
_IGNORED = frozenset(("Cf", "Zs", "Pd"))  # format characters, spaces, dashes
_LONGEST_TEXT = 256  # characters; a longer text is no number


class NumberClass(StrEnum):
    """The kind of service of a number; it decides whether a destination is barred."""

    EMERGENCY = "emergency"
    FIXED = "fixed"
    MOBILE = "mobile"
    TOLL_FREE = "toll_free"
    VOIP = "voip"
    UAN = "uan"  # a company's number in the whole country (universal access number)
    VOICEMAIL = "voicemail"
    SHORT = "short"  # a number of the country, dialled as it is
    UNKNOWN = "unknown"  # in no known range, which may be new
    PREMIUM = "premium"
    SHARED_COST = "shared_cost"
    PERSONAL = "personal"  # follows a person, at its own price: +44 70, +878
    PAGER = "pager"
    SATELLITE = "satellite"
    INTERNATIONAL_NETWORK = "international_network"
    UNASSIGNED = "unassigned"  # a country code that ITU-T has not assigned
    TOO_LONG = "too_long"  # more digits than any number of its country


COSTLY = frozenset(
    {
        NumberClass.PREMIUM,
        NumberClass.SHARED_COST,
        NumberClass.PERSONAL,
        NumberClass.PAGER,
        NumberClass.SATELLITE,
        NumberClass.INTERNATIONAL_NETWORK,
        NumberClass.UNASSIGNED,
        NumberClass.TOO_LONG,
    }
)


class Number(msgspec.Struct, frozen=True):
    """A telephone number as seen from a country.

    `country_code` is "" for a number dialled as it is within the country (emergency, short and
    local numbers); `significant` is then that number, else the national significant number (ITU-T
    E.164).
    """

    country: str
    country_code: str
    significant: str

    @property
    def e164(self) -> str:
        """The form +84899888999; "" for a number that other countries cannot call."""
        if not self.country_code or _plan(self.country).is_service(
            self.country_code, self.significant
        ):
            return ""
        return f"+{self.country_code}{self.significant}"

    @property
    def canonical(self) -> str:
        """E.164 digits without +; short and service numbers as they are. The form for storage and
        comparison.
        """
        return self.e164.removeprefix("+") or self.significant

    @property
    def national(self) -> str:
        """Digits as dialled in the country: 0899888999; numbers of other countries with its
        international prefix.
        """
        return _national(self)

    @property
    def is_emergency(self) -> bool:
        """Whether it is an emergency number of the country, without further digits."""
        return not self.country_code and self.significant in _plan(self.country).emergency


@lru_cache(8192)
def parse(text: str, country: str) -> Number | None:
    """The number in a text written in the country; None when it is no number. Two digits are a
    number only as an emergency number.

    The text may be a tel: URI, a SIP user part (with visual separators, escapes and parameters,
    RFC 3966, RFC 3261 §19.1.6) or pasted by hand. An unknown number is a number too.
    """
    digits = clean(text)
    if digits is None:
        return None
    number = _read(digits, country)
    return number if len(digits) > _TWO or number.is_emergency else None


def _read(digits: str, country: str) -> Number:
    plan = _plan(country)
    return Number(plan.region, *plan.read(digits))


def clean(text: str) -> str | None:
    """Optional + and 2 to 18 ASCII digits: the text without separators; None when anything else is
    left. A number in a tel: URI's phone-context is put in front.
    """
    if _PHONE.fullmatch(text):
        return text
    if len(text) > _LONGEST_TEXT:
        return None
    text = unquote(text.strip()) if "%" in text else text.strip()
    text = "".join(map(_plain, text))
    if text[:4].lower() == "tel:":
        text = text[4:]
    written, semicolon, rest = text.partition(";")
    parameters = semicolon + rest
    if not _PARAMETERS.fullmatch(parameters):
        return None
    if (context := _CONTEXT.search(parameters)) and not written.startswith("+"):
        written = context[1] + written
    number = "".join(char for char in written if char not in _SEPARATORS)
    return number if _PHONE.fullmatch(number) else None


def _plain(char: str) -> str:
    """The ASCII form of a character; "" if it has no meaning in a number."""
    if char.isascii():
        return "" if char == " " else char
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category in _IGNORED:
        return ""
    plain = unicodedata.normalize("NFKC", char)
    return char if plain.isdigit() else plain  # a superscript two is a footnote


def phone(text: str, field: str = "phone") -> str:
    """The digits of a dialable number, with + if it was written. Raises errors.InvalidPhone."""
    number = clean(text)
    if number is None:
        raise errors.InvalidPhone(field=field)
    return number


def extension(text: str, field: str = "ext") -> str:
    """An internal number, 2 to 8 digits. Raises errors.InvalidExtension."""
    if not _EXTENSION.fullmatch(text):
        raise errors.InvalidExtension(field=field)
    return text


def party(text: str, field: str = "phone") -> str:
    """`phone`, or ANONYMOUS for a withheld number. Raises errors.InvalidPhone."""
    return ANONYMOUS if text.strip().lower() == ANONYMOUS else phone(text, field)


@lru_cache(8192)
def canonical(text: str, country: str) -> str:
    """`Number.canonical`; a text that is no number stays as it is ("anonymous").

    With country 84, 0899888999, +84899888999, +840899888999, 84899888999, 0084899888999 and
    899888999 are all 84899888999; 19001919 stays.
    """
    number = parse(text, country)
    return number.canonical if number else text


def national(text: str, country: str) -> str:
    """`Number.national`; a text that is no number stays as it is."""
    number = parse(text, country)
    return number.national if number else text


def formatted(text: str, number_format: NumberFormat, country: str) -> str:
    """A number in a trunk's format: "national" 0899..., "e164" +84899..., "plain" as dialled."""
    number = parse(text, country)
    if number is None:
        return text
    if number_format == "plain":
        return clean(text) or text
    return (number_format == "e164" and number.e164) or number.national


def is_emergency(text: str, country: str) -> bool:
    """Whether it is an emergency number of the country, which every caller may always call."""
    number = parse(text, country)
    return number is not None and number.is_emergency


def emergency_numbers(country: str) -> frozenset[str]:
    """All emergency numbers of the country, as dialled: 112, 113, 114 and 115 in Vietnam."""
    return _plan(country).emergency


def plain_prefixes(country: str) -> tuple[tuple[str, int, int], ...]:
    """Prefixes of the country's plain numbers (of no costly class) as dialled at home, each with
    the least and the most digits of its numbers. All numbers of such a prefix and length are
    permitted to every domain.
    """
    from tongdai.pbx import plain_prefixes as found  # noqa: PLC0415  as in _plan

    return found.of(country)


def classify(number: Number) -> NumberClass:
    """The number's class, which decides whether its destination is barred."""
    return _classified(number)[0]


def region(number: Number) -> str | None:
    """The region of the number: the country itself for short numbers; None for a number of no
    country, or of an unknown range of a shared country code.
    """
    return _classified(number)[1]


@lru_cache(8192)
def _classified(number: Number) -> tuple[NumberClass, str | None]:
    plan = _plan(number.country)
    if not number.country_code:
        return plan.classify_short(number.significant), number.country
    return plan.classify(number.country_code, number.significant)


@lru_cache(8192)
def _national(number: Number) -> str:
    if not number.country_code:
        return number.significant
    plan = _plan(number.country)
    ways = plan.dialled(number.country_code, number.significant)
    fitting = (way for way in ways if _PHONE.fullmatch(way))
    return next(way for way in fitting if _read(way, number.country) == number)


def is_country(country: str) -> bool:
    """Whether there is a numbering plan of this region or country code."""
    try:
        _plan(country)
    except KeyError:
        return False
    return True


def country_code(country: str) -> str:
    """The country code of a region: "84" of VN, "1" of CA. Raises KeyError when there is none."""
    return _plan(country).country_code


def is_one_country(region_: str, other: str) -> bool:
    """Whether calls from one region to the other are national, at national rates."""
    return _plan(region_).is_one_country(other)


def without_national_prefix(dialled: str, country: str) -> str:
    """The digits without the prefix of national calls: 900 for 0900 in Germany."""
    prefix = _plan(country).national_prefix
    return dialled.removeprefix(prefix) if prefix else dialled


@cache
def _plan(country: str) -> "Plan":
    from tongdai.pbx import numbering_plan  # noqa: PLC0415  slow, and not always needed

    return numbering_plan.of(country)
