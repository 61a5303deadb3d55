"""The caller's number of a call from a carrier, by RFC 3323 (privacy) and RFC 3325 (asserted
identity).
"""

from tongdai.pbx import numbers, sip_address
from tongdai.pbx.signals import Arrived

_WITHHELD = frozenset({"id", "user", "header"})
"""Values of Privacy that withhold the caller's identity."""


def caller_number(signal: Arrived, country: str) -> str:
    """The caller's number in national form, ANONYMOUS if it is withheld or missing. A caller
    without a number ("Bank24h") keeps its text.
    """
    if is_withheld(signal):
        return numbers.ANONYMOUS
    for text in (*sip_address.users(signal.identity), signal.caller_number):
        if number := numbers.parse(text, country):
            return number.national
    return signal.caller_number or numbers.ANONYMOUS


def is_withheld(signal: Arrived) -> bool:
    """Whether the caller, or its carrier, asks to withhold the number. The switch's presentation
    also has the privacy of Remote-Party-ID.
    """
    values = {value.strip().lower() for value in signal.privacy.split(";")}
    return signal.presentation.startswith("prohib") or not _WITHHELD.isdisjoint(values)
