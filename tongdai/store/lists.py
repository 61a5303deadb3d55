"""Pages of a domain's nouns: searched, sorted, and continued after a position."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from tongdai.store import db


class Listing(msgspec.Struct, frozen=True):
    """How a noun is listed. `select` gives its rows with domain_uuid; `key` names a row, among
    those of all domains if it is listed for all; `sorts` are the columns, all text, that it may
    be sorted by, and that are searched. `owner` is the column that says whose a row is; "" if that
    is the domain's.
    """

    select: str
    key: str
    sorts: tuple[str, ...]
    owner: str = ""


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """Which rows, in which order: those whose `search` is part of a sort column, by `sort`. Case
    does not matter, nor whether accents are characters of their own (NFD, as macOS writes them).
    """

    sort: str
    is_descending: bool = False
    search: str = ""


class Position(msgspec.Struct, frozen=True, array_like=True):
    """After the row with this value of the sort column, and this key."""

    value: str
    key: str


async def page(
    tx: db.Tx,
    listing: Listing,
    domain_uuid: UUID | None,
    wanted: Wanted,
    *,
    limit: int,
    after: Position | None = None,
    of: str | None = None,
) -> Sequence[asyncpg.Record]:
    """The first rows of the domain (None: of all domains), or the next ones after that
    position; `of` one owner only, where the listing has owners.
    """
    has_domain, has_position = domain_uuid is not None, after is not None
    statement = _statement(listing, wanted, has_domain=has_domain, has_position=has_position)
    pattern = f"%{_plain(wanted.search)}%" if wanted.search else None
    place = (after.value, after.key) if after else ()
    return await tx.fetch(statement, domain_uuid, limit, pattern, of, *place)


def _plain(text: str) -> str:
    """The text with no wildcard of LIKE in it."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _statement(listing: Listing, wanted: Wanted, *, has_domain: bool, has_position: bool) -> str:
    """The names in it are ours: `sort` is one of `sorts`."""
    if wanted.sort not in listing.sorts:
        raise ValueError(wanted.sort)
    order, sign = ("DESC", "<") if wanted.is_descending else ("ASC", ">")
    found = " OR ".join(
        f"lower(normalize({column}, NFC)) LIKE lower(normalize($3, NFC))"
        for column in listing.sorts
    )
    domain = "domain_uuid = $1" if has_domain else "$1::uuid IS NULL"
    owner = f"$4::text IS NULL OR {listing.owner} = $4" if listing.owner else "$4::text IS NULL"
    position = f"AND ({wanted.sort}, {listing.key}) {sign} ($5, $6)" if has_position else ""
    return (
        f"SELECT * FROM ({listing.select}) AS listed WHERE {domain}"  # noqa: S608
        f" AND ($3::text IS NULL OR {found}) AND ({owner}) {position}"
        f" ORDER BY {wanted.sort} {order}, {listing.key} {order} LIMIT $2"
    )
