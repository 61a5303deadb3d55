"""Carriers: the company and the trunk of a call from a carrier's address, by the number called.

Several trunks, of several domains, may have the same address. The number called decides over all
of them: a call belongs to the domain that has it as a hotline on one of these trunks.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from tongdai.pbx import numbers, sip_address
from tongdai.pbx.directory import TrunkAuth

CalledNumberIn = Literal["auto", "request_uri", "to", "p_called_party_id", "diversion"]
"""The place of the number called in an INVITE from a carrier."""


class CarrierTrunk(msgspec.Struct, frozen=True, kw_only=True):
    """A trunk at the address that a call comes from."""

    trunk_uuid: UUID
    domain_uuid: UUID
    name: str
    domain: str = ""
    auth: TrunkAuth = "ip"
    username: str = ""
    called_number_in: CalledNumberIn = "auto"


class KnownHotline(msgspec.Struct, frozen=True, kw_only=True):
    """A hotline with one of the called numbers, and its trunks in order. `country` is its
    domain's.
    """

    domain_uuid: UUID
    canonical: str
    country: str
    trunks: tuple[UUID, ...]


class Called(msgspec.Struct, frozen=True):
    """The domain and trunk of a call, and the number called as the carrier wrote it."""

    domain_uuid: UUID
    trunk_uuid: UUID
    number: str


class Undecided(StrEnum):
    """The reason why a carrier's call belongs to no domain."""

    UNKNOWN = "unknown_number"
    AMBIGUOUS = "ambiguous_number"  # hotline of several domains at this address


def called_numbers(trunk: CarrierTrunk, request_user: str, header: str) -> tuple[str, ...]:
    """The texts that may be the number called, the likeliest first, by the trunk's setting.
    `header` is the header that the setting names, To for "auto"; it may be "".

    A carrier that calls the address that we registered has our user name in the Request-URI,
    often the pilot number, and the number called in To.
    """
    told = sip_address.first_user(header)
    ways: tuple[str, ...]
    match trunk.called_number_in:
        case "request_uri":
            ways = (request_user,)
        case "auto" if not (trunk.username and _is_same(request_user, trunk.username)):
            ways = (request_user, told)
        case _:
            ways = (told, request_user)
    return tuple(dict.fromkeys(filter(None, ways)))


def _is_same(user: str, username: str) -> bool:
    return username in (user, numbers.clean(user))


def decide(
    trunks: Sequence[CarrierTrunk],
    hotlines: Iterable[KnownHotline],
    request_user: str,
    header: str,
) -> Called | Undecided:
    """The company that a call is for. `trunks` are those at its address, the one that the switch
    identified first.

    The likeliest number that is a hotline counts. If it is one of several domains, the identified
    trunk decides if it registers (its registration has a line of its own); else nothing does.
    """
    known = list(hotlines)
    found = [
        (rank, Called(hotline.domain_uuid, trunk.trunk_uuid, text))
        for trunk in trunks
        for rank, text in enumerate(called_numbers(trunk, request_user, header))
        for hotline in known
        if _is_of(hotline, trunk) and _is_called(hotline, text)
    ]
    best = min((rank for rank, _ in found), default=0)
    likeliest = [called for rank, called in found if rank == best]
    return _one(trunks, known, likeliest)


def _one(
    trunks: Sequence[CarrierTrunk], hotlines: list[KnownHotline], found: list[Called]
) -> Called | Undecided:
    if not found:
        return Undecided.UNKNOWN
    own = [called for called in found if called.trunk_uuid == trunks[0].trunk_uuid]
    if own and trunks[0].auth == "registration":
        return own[0]
    if len({called.domain_uuid for called in found}) > 1:
        return Undecided.AMBIGUOUS
    ordered = [
        each for one in hotlines if one.domain_uuid == found[0].domain_uuid for each in one.trunks
    ]
    return min(
        found,
        key=lambda called: (
            ordered.index(called.trunk_uuid) if called.trunk_uuid in ordered else len(ordered)
        ),
    )


def _is_of(hotline: KnownHotline, trunk: CarrierTrunk) -> bool:
    """Whether calls to the hotline may come by the trunk: one of its own, or any of its domain."""
    return trunk.trunk_uuid in hotline.trunks or trunk.domain_uuid == hotline.domain_uuid


def _is_called(hotline: KnownHotline, text: str) -> bool:
    return numbers.canonical(text, hotline.country) == hotline.canonical


def canonicals(texts: Iterable[str], countries: Iterable[str]) -> frozenset[str]:
    """All canonical forms of the texts, seen from any of the countries."""
    texts = tuple(texts)
    return frozenset(numbers.canonical(text, each) for each in countries for text in texts)
