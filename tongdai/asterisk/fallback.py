"""Fallback plans as entries of AstDB, which the context [fallback] of extensions.conf carries out.

The form of each entry is agreed between this file and the dialplan:

    trunk/CARRIER/DIGITS/TRUNK          CONTEXT|arguments of Dial()
    number/DOMAIN/DIALLED[/EXTENSION]   CONTEXT|arguments of Dial()
    exit/DOMAIN[/EXTENSION]             one row of `_EXIT`
    emergency/COUNTRY/DIALLED           the number to dial
    plain/COUNTRY-FORMAT/PREFIX         min_digits,max_digits,strip,lead

CARRIER is the key of the trunk's addresses: trunks of several domains may share them, and DIGITS
with a single TRUNK decide.

DOMAIN is the domain's name, or its MD5 where it is longer than 160 characters: AstDB's keys have
255.
"""

import hashlib
from collections.abc import Iterator
from typing import TypeAlias

from tongdai.asterisk import translate
from tongdai.pbx import fallback, numbers
from tongdai.pbx.actions import Dial, Party
from tongdai.pbx.fallback import Egress, Entry, Exit, FallbackPlan
from tongdai.pbx.numbers import NumberFormat

Entries: TypeAlias = dict[str, str]
"""By key."""

LONGEST_VALUE = 3_500  # characters; the dialplan evaluates 4,096
LONGEST_DOMAIN = 160
_EXIT = (
    "emergency trunk,emergency presented number,emergency options,"
    "trunk,presented number,options,"
    "country,plain numbers,suspended until,max_calls,domain_max_calls,trunk_max_calls"
)


def entries(plan: FallbackPlan) -> Entries:
    """The domain's own."""
    return dict(_entries(plan))


def shared(plan: FallbackPlan) -> dict[str, Entries]:
    """Those that domains share: the numbers that the exits let out, by the set that they are."""
    found: dict[str, Entries] = {}
    for known in plan.exits.values():
        found[known.country] = _emergency(known.country)
        found[_plain_set(known)] = _plain(known.country, known.number_format)
    return found


def _plain_set(known: Exit) -> str:
    return f"{known.country}-{known.number_format}"


def _entries(plan: FallbackPlan) -> Iterator[tuple[str, str]]:
    domain = key_of(plan.domain)
    for (trunk, digits), entry in plan.hotlines.items():
        yield f"trunk/{plan.carriers[trunk]}/{digits}/{trunk}", _entry(entry)
    for (number, extension), entry in plan.numbers.items():
        yield "/".join(filter(None, ("number", domain, number, extension))), _entry(entry)
    for extension, known in plan.exits.items():
        yield "/".join(filter(None, ("exit", domain, extension))), _exit(known)


def key_of(domain: str) -> str:
    """A domain's part of a key."""
    is_long = len(domain) > LONGEST_DOMAIN
    return hashlib.md5(domain.encode(), usedforsecurity=False).hexdigest() if is_long else domain


def rest(dial: Dial) -> str:
    """What a caller of a menu gets when no engine takes it back, as an entry; "" for nobody."""
    entry = Entry(dial.parties, dial.timeout_s, dial.record)
    return f"{_entry(entry)}|{translate.shown(dial.caller_id)}" if dial.parties else ""


def _entry(entry: Entry) -> str:
    """Parties that do not fit are left out."""
    context = "dial-recorded" if entry.record else "dial"
    parties = entry.parties
    while len(text := f"{context}|{_arguments(entry, parties)}") > LONGEST_VALUE:
        parties = parties[:-1]
    return text


def _arguments(entry: Entry, parties: tuple[Party, ...]) -> str:
    dial = Dial("", parties, entry.timeout_s, "")
    return translate.dial_string(
        dial, {name: (translate.contacts(name),) for name in translate.devices(dial)}
    )


def _exit(known: Exit) -> str:
    fields = (
        *_egress(known.emergency, known),
        *_egress(known.plain, known),
        known.country,
        _plain_set(known),
        known.suspended_until,
        known.max_calls,
        known.domain_max_calls,
        known.trunk_max_calls,
    )
    return ",".join(map(str, fields))


def _egress(egress: Egress | None, known: Exit) -> tuple[str, str, str]:
    if egress is None:
        return "", "", ""
    party = Party(str(egress.trunk), "0")
    dial = translate.dial_string(Dial("", (party,), 0, "", record=known.record), {})
    return str(egress.trunk), translate.shown(egress.presented_number), dial.split(",")[2]


def _emergency(country: str) -> Entries:
    dialled = numbers.emergency_numbers(country)
    return {f"emergency/{country}/{number}": number for number in dialled}


def _plain(country: str, number_format: NumberFormat) -> Entries:
    return {
        f"plain/{country}-{number_format}/{each.prefix}": (
            f"{each.min_digits},{each.max_digits},{each.strip},{each.lead}"
        )
        for each in fallback.plain_prefixes(country, number_format)
    }
