"""Prefixes of a country's plain numbers, found in its numbering plan by partial matching."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

import regex

from tongdai.pbx import numbering_corrections as corrections
from tongdai.pbx import numbering_plan
from tongdai.pbx.numbers import COSTLY

_LONGEST = 6  # digits of an nsn that separate plain ranges from others


@lru_cache(256)
def of(country: str) -> tuple[tuple[str, int, int], ...]:
    """The prefixes as dialled, each with the least and the most digits of its numbers. No number
    of that prefix and length is costly or of another country.
    """
    plan = numbering_plan.of(country)
    prefix = plan.national_prefix if plan.needs_prefix else ""
    return tuple(_plain_prefixes(_Ranges(plan), prefix, ""))


class _Ranges:
    """A plan's ranges as patterns that also match incomplete numbers."""

    def __init__(self, plan: numbering_plan.Plan) -> None:
        self.plain = [
            (_partial(found.national_number_pattern), found.possible_length)
            for name, known in numbering_plan.CLASSES
            if known not in COSTLY and (found := getattr(plan.metadata, name)) is not None
        ]
        self.longest = numbering_plan.LONGEST_E164 - len(plan.country_code)
        leading = plan.metadata.leading_digits or ""
        self.leading = numbering_plan.compiled(leading)
        self.may_lead = _partial(rf"(?:{leading})\d*")
        code = plan.country_code
        self.barred = {*_costly(code), *_corrections(code), *_others(plan)}
        short = plan.short_premium.pattern if plan.short_premium else None
        abroad = f"(?:{plan.metadata.international_prefix or '00'}|00)\\d*"
        self.barred_as_dialled = [_partial(abroad), *([_partial(short)] if short else [])]

    def lengths(self, nsn: str) -> list[int]:
        """The possible lengths, in digits, of plain numbers with this beginning."""
        if not _leads(self.may_lead, nsn):
            return []
        found = (lengths for pattern, lengths in self.plain if _leads(pattern, nsn))
        return sorted(each for each in set(chain.from_iterable(found)) if each <= self.longest)

    def may_be_barred(self, nsn: str, dialled: str) -> bool:
        """Whether a number with this beginning, or one that its digits complete earlier, may be
        barred.
        """
        if not self.leading.match(nsn):
            return True
        parts = [nsn[:length] for length in range(1, len(nsn))]
        return any(_leads(pattern, dialled) for pattern in self.barred_as_dialled) or any(
            _leads(pattern, nsn) or any(map(pattern.fullmatch, parts)) for pattern in self.barred
        )


def _plain_prefixes(ranges: _Ranges, prefix: str, nsn: str) -> Iterator[tuple[str, int, int]]:
    for digit in "0123456789":
        begun = nsn + digit
        if not (lengths := ranges.lengths(begun)):
            continue
        if not ranges.may_be_barred(begun, prefix + begun):
            yield prefix + begun, len(prefix) + lengths[0], len(prefix) + lengths[-1]
        elif len(begun) < _LONGEST:
            yield from _plain_prefixes(ranges, prefix, begun)


def _costly(code: str) -> Iterator[regex.Pattern[str]]:
    ranges = chain.from_iterable(map(numbering_plan.patterns, numbering_plan.regions_of(code)))
    return (_partial(pattern.pattern) for known, pattern in ranges if known in COSTLY)


def _corrections(code: str) -> list[regex.Pattern[str]]:
    found = (
        pattern
        for country_code, pattern, known in corrections.RANGES
        if country_code == code and known in COSTLY
    )
    return [
        _partial(pattern.removesuffix("$") if pattern.endswith("$") else pattern + r"\d*")
        for pattern in found
    ]


def _others(plan: numbering_plan.Plan) -> Iterator[regex.Pattern[str]]:
    """Ranges of other countries that share the country code."""
    if plan.metadata.leading_digits:
        return  # they identify it
    for each in numbering_plan.regions_of(plan.country_code):
        if plan.is_one_country(each):
            continue
        if leading := numbering_plan.metadata_of(each).leading_digits:
            yield _partial(rf"(?:{leading})\d*")
            continue
        own = (
            ()
            if plan.region == numbering_plan.regions_of(plan.country_code)[0]
            else numbering_plan.patterns(plan.region)
        )
        for known, pattern in numbering_plan.patterns(each):
            if known in numbering_plan.GEOGRAPHIC or (own and (known, pattern) not in own):
                yield _partial(pattern.pattern)


@lru_cache(4096)
def _partial(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.ASCII)


def _leads(pattern: regex.Pattern[str], begun: str) -> bool:
    return pattern.fullmatch(begun, partial=True) is not None
