"""The numbering plans of all countries, from libphonenumber's metadata (`phonenumbers`) and the
corrections below, each with its source (docs/decisions/0024-numbers-from-a-numbering-plan.md).

Imported by pbx.numbers alone, at the first number: the import costs 50 ms. `nsn` is a national
significant number (ITU-T E.164), in digits.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers
import regex
from phonenumbers import PhoneMetadata, PhoneNumberFormat

from tongdai.pbx import numbering_corrections as corrections
from tongdai.pbx.numbers import COSTLY, NumberClass

LONGEST_E164 = 15  # digits with the country code (ITU-T E.164 §6.1)
_LONGEST_AS_DIALLED = 8  # digits of a number that is dialled within the country as it is
_NEW_DIGITS = 2  # a new plan may add these before the metadata have it (Côte d'Ivoire 2021)
_LEAST_ABROAD = 7  # digits with the country code; a shorter number is of no other country

GEOGRAPHIC = frozenset({NumberClass.FIXED, NumberClass.MOBILE})

# The order of libphonenumber's own look-up: costly classes first.
CLASSES = (
    ("premium_rate", NumberClass.PREMIUM),
    ("toll_free", NumberClass.TOLL_FREE),
    ("shared_cost", NumberClass.SHARED_COST),
    ("voip", NumberClass.VOIP),
    ("personal_number", NumberClass.PERSONAL),
    ("pager", NumberClass.PAGER),
    ("uan", NumberClass.UAN),
    ("voicemail", NumberClass.VOICEMAIL),
    ("fixed_line", NumberClass.FIXED),
    ("mobile", NumberClass.MOBILE),
)

CODES = frozenset(
    str(code)
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    if regions != ("001",)
)
"""Country codes that belong to countries."""


def region(country: str) -> str:
    """The region (ISO 3166-1 alpha-2) of a region or a country code: "VN" for "84", the main one
    for a shared code ("US" for "1"). Raises KeyError when there is none.
    """
    if not country.isdigit():
        return country if country in phonenumbers.SUPPORTED_REGIONS else _no_such(country)
    return regions_of(country)[0] if country in CODES else _no_such(country)


def _no_such(country: str) -> str:
    raise KeyError(country)


def regions_of(country_code: str) -> tuple[str, ...]:
    """The regions that share a country code, the main one first; none of a global service."""
    found = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(country_code or 0), ())
    return tuple(each for each in found if each != "001")


def split_international(digits: str) -> tuple[str, str]:
    """The country code and the remaining digits; an unassigned code counts as three digits."""
    for length in (1, 2, 3):
        if int(digits[:length] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return digits[:length], digits[length:]
    return digits[:3], digits[3:]


class Plan:
    """One country's numbering plan: the forms of dialling, and the numbers that they reach."""

    def __init__(self, country: str) -> None:
        self.region = region(country)
        metadata = PhoneMetadata.metadata_for_region(self.region)
        short = PhoneMetadata.short_metadata_for_region(self.region)
        if metadata is None or metadata.general_desc is None:
            raise KeyError(country)
        self.country_code = str(metadata.country_code)
        self.metadata = metadata
        self.emergency = _emergency(self.region, short)
        self.national_prefix: str = metadata.national_prefix or ""
        self.needs_prefix = _needs_prefix(self.region, self.national_prefix)
        self.international_prefix = _international_prefix(metadata)
        self.short_code = _pattern(short.short_code) if short else None
        self.short_premium = _pattern(short.premium_rate) if short else None
        self.lengths = tuple(sorted(metadata.general_desc.possible_length))

    def read(self, written: str) -> tuple[str, str]:
        """The country code and nsn of digits as dialled, with or without +. The country code is ""
        for numbers dialled as they are within the country, and for more digits than E.164 has.
        """
        digits = written.removeprefix("+")
        is_international = digits != written and not digits.startswith("0")
        code, nsn = self._international(digits) if is_international else self._dialled(digits)
        return (code, nsn) if len(code + nsn) <= LONGEST_E164 else ("", digits)

    def _dialled(self, digits: str) -> tuple[str, str]:
        if digits in self.emergency:
            return "", digits
        if after := self._after_international_prefix(digits):
            return self._international(after)
        code, nsn, is_prefixed = self._national(digits)
        if self.knows(code, nsn) and not self._is_local(digits, nsn, is_prefixed=is_prefixed):
            return code, nsn
        if digits.startswith("00") and digits.strip("0"):
            # an international prefix of another country, and no number of this one
            return self._international(digits.lstrip("0"))
        return self._unknown(digits, code, nsn, is_prefixed=is_prefixed)

    def _unknown(self, digits: str, code: str, nsn: str, *, is_prefixed: bool) -> tuple[str, str]:
        if not is_prefixed and self._is_as_dialled(digits):
            return "", digits
        if is_prefixed or (not self.needs_prefix and len(nsn) <= self.lengths[-1]):
            return code, nsn
        return self._international(digits) if _is_possible_abroad(digits) else (code, nsn)

    def _is_as_dialled(self, digits: str) -> bool:
        longest = _LONGEST_AS_DIALLED if self.needs_prefix else self.lengths[0] - 1
        return self._is_short_code(digits) or len(digits) <= min(longest, _LONGEST_AS_DIALLED)

    def _is_short_code(self, digits: str) -> bool:
        return bool(self.short_code and self.short_code.fullmatch(digits))

    def _is_local(self, digits: str, nsn: str, *, is_prefixed: bool) -> bool:
        """Whether digits without the trunk prefix are too few for an nsn: such a number is dialled
        as it is, it has not lost its prefix.
        """
        if is_prefixed or not self.needs_prefix or len(digits) > _LONGEST_AS_DIALLED:
            return False
        return self._formatted(nsn).startswith(self.national_prefix)

    def _after_international_prefix(self, digits: str) -> str:
        found = self.international_prefix.match(digits) if self.international_prefix else None
        after = digits[found.end() :] if found else ""
        return after if after and not after.startswith("0") else ""

    def _international(self, digits: str) -> tuple[str, str]:
        code, rest = split_international(digits)
        if code == self.country_code and rest in self.emergency:
            return "", rest
        if code not in CODES or not rest:
            return code, rest
        try:
            parsed = phonenumbers.parse(f"+{digits}")
        except phonenumbers.NumberParseException:
            return code, _stripped(code, rest)
        nsn = phonenumbers.national_significant_number(parsed)
        # the trunk prefix that the parser sees in an unknown number may belong to the number
        return code, nsn if self.knows(code, nsn) else _stripped(code, rest)

    def _national(self, digits: str) -> tuple[str, str, bool]:
        """Country code, nsn, and whether the digits have the trunk prefix or the country code."""
        try:
            parsed = phonenumbers.parse(digits, self.region)
        except phonenumbers.NumberParseException:
            nsn = _without(digits, self.national_prefix)
        else:
            nsn = phonenumbers.national_significant_number(parsed)
        if not digits.startswith("00") and not self.knows(self.country_code, nsn):
            nsn = self._unprefixed(digits, nsn)
        return self.country_code, nsn, nsn != digits

    def _unprefixed(self, digits: str, nsn: str) -> str:
        """The nsn without the trunk prefix. The parser leaves it before an unknown number."""
        if self.needs_prefix and nsn == digits:
            return digits.removeprefix(self.national_prefix)
        return _stripped(self.country_code, nsn)

    def knows(self, code: str, nsn: str) -> bool:
        """Whether the metadata have a class for this exact number."""
        found = region_of(code, nsn, self.region)
        return found is not None and kind(found, nsn) is not NumberClass.UNKNOWN

    def dialled(self, code: str, nsn: str) -> Iterator[str]:
        """The ways to dial an E.164 number in the country, the usual one first."""
        if code == self.country_code:
            yield self._formatted(nsn)
            yield self.national_prefix + nsn
            yield nsn
        yield self.dialled_abroad + code + nsn
        yield f"+{code}{nsn}"

    def is_one_country(self, region_: str) -> bool:
        """Whether calls to the other region stay within the country."""
        return _are_one_country(region_, self.region)

    def is_service(self, code: str, nsn: str) -> bool:
        """Whether the number is dialled as it is, and only within its country."""
        return (
            nsn.startswith(corrections.SERVICE_NUMBERS.get(code, ()))
            and len(nsn) <= corrections.LONGEST_SERVICE_NUMBER
        )

    def classify(self, code: str, nsn: str) -> tuple[NumberClass, str | None]:
        """The class and region of an E.164 number. Extra digits after a costly number change
        nothing.
        """
        if code in corrections.GLOBAL_SERVICES:
            return corrections.GLOBAL_SERVICES[code], None
        if code not in CODES:
            return NumberClass.UNASSIGNED, None
        found = region_of(code, nsn, self.region)
        if corrected := _corrected(code, nsn):
            return corrected, found
        known = kind(found, nsn) if found else NumberClass.UNKNOWN
        if known is not NumberClass.UNKNOWN:
            return known, found
        return self._unknown_class(code, nsn, found)

    def _unknown_class(
        self, code: str, nsn: str, found: str | None
    ) -> tuple[NumberClass, str | None]:
        """The class of a number in no known range, by its first digits."""
        lengths = of(found or code).lengths
        for length in (each for each in reversed(lengths) if each < len(nsn)):
            part = nsn[:length]
            found = found or region_of(code, part, self.region)
            if found and (costly := kind(found, part)) in COSTLY:
                return costly, found
        if len(nsn) > lengths[-1] + _NEW_DIGITS:
            return NumberClass.TOO_LONG, found
        return NumberClass.UNKNOWN, found

    def classify_short(self, digits: str) -> NumberClass:
        """The class of a number dialled as it is within the country."""
        if digits in self.emergency:
            return NumberClass.EMERGENCY
        for length in range(len(digits), 2, -1):
            if self.short_premium and self.short_premium.fullmatch(digits[:length]):
                return NumberClass.PREMIUM
        if len(digits) > _LONGEST_AS_DIALLED and not self._is_short_code(digits):
            return NumberClass.TOO_LONG
        return _corrected(self.country_code, digits) or NumberClass.SHORT

    @property
    def dialled_abroad(self) -> str:
        """The international prefix of the country: 00, 011, 010, 810."""
        prefix: str = self.metadata.preferred_international_prefix or ""
        prefix = prefix.replace("~", "") or self.metadata.international_prefix or ""
        return prefix if prefix.isdigit() else "+"

    def _formatted(self, nsn: str) -> str:
        parsed = phonenumbers.PhoneNumber(
            int(self.country_code), int(nsn or 0), italian_leading_zero=nsn.startswith("0")
        )
        parsed.number_of_leading_zeros = len(nsn) - len(nsn.lstrip("0")) or None
        text = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        return phonenumbers.normalize_digits_only(text)


@lru_cache(256)
def of(country: str) -> Plan:
    """The plan of a region or country code. Raises KeyError when there is none."""
    return Plan(country)


def region_of(code: str, nsn: str, own: str = "") -> str | None:
    """The region of an E.164 number, `own` if several share it (freephone); None for an unknown
    range of a shared code, and for global services.
    """
    regions = regions_of(code)
    if len(regions) <= 1:
        return regions[0] if regions else None
    for each in regions:
        leading = metadata_of(each).leading_digits
        if leading and compiled(leading).match(nsn):
            return each
    if own != regions[0] and own in regions and kind(own, nsn) is not NumberClass.UNKNOWN:
        return own
    for each in regions[1:]:
        # the main region's ranges may hold those of its neighbours (the Isle of Man's +44 7924)
        if not _are_one_country(each, regions[0]) and kind(each, nsn) in GEOGRAPHIC:
            return each
    in_order = (own, *regions) if own in regions else regions
    return next((each for each in in_order if kind(each, nsn) is not NumberClass.UNKNOWN), None)


def _are_one_country(region_: str, other: str) -> bool:
    return region_ == other or any({region_, other} <= one for one in corrections.ONE_COUNTRY)


def _corrected(code: str, digits: str) -> NumberClass | None:
    return next(
        (
            known
            for country_code, pattern, known in corrections.RANGES
            if country_code == code and compiled(pattern).match(digits)
        ),
        None,
    )


def kind(region_: str, nsn: str) -> NumberClass:
    """The metadata's class of this exact number in a region."""
    return next(
        (known for known, pattern in patterns(region_) if pattern.fullmatch(nsn)),
        NumberClass.UNKNOWN,
    )


@lru_cache(256)
def patterns(region_: str) -> tuple[tuple[NumberClass, re.Pattern[str]], ...]:
    metadata = metadata_of(region_)
    found = ((known, _pattern(getattr(metadata, name))) for name, known in CLASSES)
    return tuple((known, pattern) for known, pattern in found if pattern)


def metadata_of(region_: str) -> PhoneMetadata:
    found = PhoneMetadata.metadata_for_region(region_)
    if found is None:
        raise LookupError(region_)  # callers pass regions of phonenumbers only
    return found


def _pattern(
    description: phonenumbers.phonemetadata.PhoneNumberDesc | None,
) -> re.Pattern[str] | None:
    text = description.national_number_pattern if description else None
    return compiled(text) if text else None


@lru_cache(4096)
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _international_prefix(metadata: PhoneMetadata) -> re.Pattern[str] | None:
    return compiled(metadata.international_prefix) if metadata.international_prefix else None


def _needs_prefix(region_: str, prefix: str) -> bool:
    """Whether people dial the trunk prefix before fixed or mobile numbers of their own country."""
    types = phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE
    examples = (phonenumbers.example_number_for_type(region_, each) for each in types)
    return bool(prefix) and any(_has_prefix(each, prefix) for each in examples if each)


def _has_prefix(number: phonenumbers.PhoneNumber, prefix: str) -> bool:
    dialled = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    digits = phonenumbers.normalize_digits_only(dialled)
    nsn = phonenumbers.national_significant_number(number)
    return digits.startswith(prefix) and digits != nsn


def _stripped(code: str, nsn: str) -> str:
    """The nsn without a trunk prefix 0 that the parser left, since an unknown number of the
    country may begin with 0.
    """
    return nsn[1:] if of(code).national_prefix == "0" and nsn.startswith("0") else nsn


def _without(digits: str, prefix: str) -> str:
    return digits.removeprefix(prefix) if prefix else digits


def _is_possible_abroad(digits: str) -> bool:
    code, rest = split_international(digits)
    if code not in CODES:
        return code in corrections.GLOBAL_SERVICES
    lengths = of(code).lengths
    return lengths[0] <= len(rest) <= lengths[-1] and len(digits) >= _LEAST_ABROAD


def _emergency(region_: str, short: PhoneMetadata | None) -> frozenset[str]:
    pattern = short.emergency.national_number_pattern if short and short.emergency else None
    found = frozenset(_words(pattern)) if pattern else corrections.EMERGENCY_ELSEWHERE
    return found | corrections.EMERGENCY.get(region_, frozenset())


def _words(pattern: str, begun: str = "") -> Iterator[str]:
    """All digit strings that match a pattern of limited length."""
    compiled = regex.compile(pattern)
    for digit in "0123456789":
        word = begun + digit
        if compiled.fullmatch(word):
            yield word
        if compiled.fullmatch(word, partial=True):
            yield from _words(pattern, word)
