"""Where a hotline's calls go first, and what is known of their callers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.pbx import company
from tongdai.pbx import inbound, numbers
from tongdai.pbx.directory import Caller, Directory

HOTLINE = company.COMPANY.hotlines["19001919"]
PATTERNS = ("*", "0*", "09*", "0912*", "+84*", "+849123*", "+44*", "1900*", numbers.ANONYMOUS)


def directory(*patterns: str) -> Directory:
    return replace(company.COMPANY, callers={each: Caller(each) for each in patterns})


def known(number: str, *patterns: str) -> str:
    """The pattern by which the number is known, "" for none."""
    found = inbound.known(number, None, HOTLINE, directory(*patterns))
    return found.caller if found else ""


@pytest.mark.parametrize(
    ("number", "pattern"),
    [
        ("0912345678", "+849123*"),
        ("+84912345678", "+849123*"),
        ("0912045678", "0912*"),
        ("0987654321", "09*"),
        ("02873001234", "+84*"),
        ("19001234", "1900*"),
        ("+442079460123", "+44*"),
        ("+12025550123", "*"),
        (numbers.ANONYMOUS, numbers.ANONYMOUS),
        ("Bank24h", "*"),
    ],
)
def test_the_longest_pattern_counts(number: str, pattern: str) -> None:
    assert known(number, *PATTERNS) == pattern


def test_a_number_of_its_own_counts_before_all_patterns() -> None:
    own = Caller("84912345678", "allow")
    assert inbound.known("0912345678", own, HOTLINE, directory(*PATTERNS)) == own
    elsewhere = replace(own, hotlines=("842873001234",))
    found = inbound.known("0912345678", elsewhere, HOTLINE, directory(*PATTERNS))
    assert found == Caller("+849123*")


def test_where_nothing_is_known() -> None:
    assert known("0912345678") == known("0912345678", "0988*", "+1*", numbers.ANONYMOUS) == ""
    assert inbound.known("0912345678", None, None, directory("*")) is None


@given(st.text("0123456789", min_size=7, max_size=12), st.sets(st.sampled_from(PATTERNS)))
def test_it_is_known_by_the_pattern_with_most_of_its_digits(
    number: str, patterns: set[str]
) -> None:
    parsed = numbers.parse(number, "84")
    assert parsed
    digits = {f"+{parsed.country_code}": parsed.significant} if parsed.country_code else {}
    digits[parsed.national.removesuffix(parsed.significant)] = parsed.significant
    ranks = {"*": -9} if "*" in patterns else {}
    for head, own in digits.items():
        for pattern in patterns - {"*", numbers.ANONYMOUS}:
            text = pattern[:-1]
            if f"{head}{own}".startswith(text) and (text[:1] == "+" or len(text) >= len(head)):
                ranks[pattern] = max(ranks.get(pattern, -8), len(text) - len(head))
    found = known(number, *patterns)
    assert ranks.get(found) == max(ranks.values(), default=None)
