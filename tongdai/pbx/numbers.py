"""Telephone numbers: what people write, what carriers want, and when two of them are the same."""

import re
from functools import lru_cache

from tongdai import errors

_PHONE = re.compile(r"\+?[0-9]{3,18}")
_DIGITS = re.compile(r"\+?[0-9]+")
_EXTENSION = re.compile(r"[0-9]{2,8}")
_PUNCTUATION = str.maketrans("", "", " .-()\u00a0")
_SHORT = 8  # digits: what is no longer stays as it is (emergency and service numbers, 1900xxxx)
_SERVICE = {"84": ("1800", "1900")}  # dialled as they are, though longer: 1900545415
ANONYMOUS = "anonymous"  # a caller who does not say who calls (RFC 3323 §4.1)


def phone(text: str, field: str = "phone") -> str:
    """The number without the punctuation people write: optional + and 3 to 18 digits. Raises
    errors.InvalidPhone.
    """
    number = text.translate(_PUNCTUATION)
    if not is_phone(number):
        raise errors.InvalidPhone(field=field)
    return number


def is_phone(number: str) -> bool:
    """Whether it could be called outside: optional + and 3 to 18 digits."""
    return _PHONE.fullmatch(number) is not None


def extension(text: str, field: str = "ext") -> str:
    """An internal number, 2 to 8 digits. Raises errors.InvalidExtension."""
    if not _EXTENSION.fullmatch(text):
        raise errors.InvalidExtension(field=field)
    return text


@lru_cache(4096)
def canonical(number: str, country_code: str) -> str:
    """E.164 digits without "+"; short and service numbers (no trunk prefix, 8 digits or fewer) as
    they are.

    With country code 84, 0899888999, +84899888999, +840899888999, 84899888999 and 0084899888999
    are all 84899888999; 19001919 stays, and so does what is no number ("anonymous").
    """
    if not _DIGITS.fullmatch(number):
        return number
    digits = number.removeprefix("+")
    if len(digits) > _SHORT:
        digits = digits.removeprefix("00")
    if len(digits) > _SHORT and digits.startswith("0"):
        digits = country_code + digits[1:]
    if not digits.startswith(country_code):
        return digits
    rest = digits.removeprefix(country_code).lstrip("0")  # +84(0)899...
    if _is_service(rest, country_code):
        return rest
    return country_code + rest if len(country_code + rest) > _SHORT else digits


def national(number: str, country_code: str) -> str:
    """As people of the country write it: 0899888999; numbers of other countries as 00 and E.164
    digits.
    """
    digits = canonical(number, country_code)
    if is_short(digits, country_code):
        return digits
    if digits.startswith(country_code):
        written = "0" + digits.removeprefix(country_code)
    else:
        written = "00" + digits if number.startswith(("+", "00")) else digits
    return written if canonical(written, country_code) == digits else digits


def formatted(number: str, number_format: str, country_code: str) -> str:
    """A number as a trunk wants it: "national" 0899..., "e164" +84899..., "plain" as dialled."""
    if number_format == "plain":
        return number
    digits = canonical(number, country_code)
    if number_format == "e164" and len(digits) > _SHORT and not _is_service(digits, country_code):
        return "+" + digits
    return national(number, country_code)


def is_emergency(number: str) -> bool:
    """Three digits: 113, 114, 115, 112, 911 and their like (ITU-T E.161.1), which everybody may
    always call.
    """
    return len(number) == 3 and number.isascii() and number.isdigit()


def is_short(digits: str, country_code: str) -> bool:
    """Whether canonical digits are no E.164 number, but one that is dialled as it is within the
    country.
    """
    return len(digits) <= _SHORT or _is_service(digits, country_code)


def _is_service(digits: str, country_code: str) -> bool:
    return digits.startswith(_SERVICE.get(country_code, ())) and len(digits) <= 10
