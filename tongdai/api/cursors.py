"""Lists in parts, searched and sorted; a cursor continues them."""

import base64
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from tongdai import errors, messages
from tongdai.store import lists

_LIMIT, _MOST = 50, 500


class ListQuery(Struct, frozen=True):
    """Which part of a list is wanted, and in which order."""

    search: Annotated[
        str, Meta(description="Only those whose number or name has this text in it.")
    ] = ""
    sort: Annotated[
        str,
        Meta(
            description="`number` (the default), where they have one, or `name`; with - before "
            "it, the other way."
        ),
    ] = ""
    cursor: Annotated[str, Meta(description="`next_cursor` of the answer before.")] = ""
    limit: Annotated[int, Meta(ge=1, le=_MOST, description="How many at a time.")] = _LIMIT


def wanted(listing: lists.Listing, query: ListQuery) -> tuple[lists.Wanted, lists.Position | None]:
    """Which rows, and after which one. The cursor holds both. Raises errors.Invalid."""
    if query.cursor:
        try:
            raw = base64.b64decode(
                query.cursor + "=" * (-len(query.cursor) % 4), "-_", validate=True
            )
            known, after = msgspec.json.decode(raw, type=tuple[lists.Wanted, lists.Position])
        except (ValueError, msgspec.DecodeError) as reason:
            raise errors.Invalid(messages.NOT_OUR_CURSOR, field="cursor") from reason
        if known.sort not in listing.sorts:
            raise errors.Invalid(messages.NOT_OUR_CURSOR, field="cursor")
        return known, after
    columns = _columns(listing)
    name = query.sort.removeprefix("-") or next(iter(columns))
    if name not in columns:
        choices = ", ".join(f"{one}, -{one}" for one in columns)
        raise errors.Invalid(messages.ONE_OF(choices=choices), field="sort")
    return lists.Wanted(columns[name], query.sort.startswith("-"), query.search), None


def next_of(listing: lists.Listing, known: lists.Wanted, last: Any) -> str:
    """The cursor after that row."""
    position = lists.Position(last[known.sort], last[listing.key])
    encoded = base64.urlsafe_b64encode(msgspec.json.encode((known, position)))
    return encoded.decode().rstrip("=")


def _columns(listing: lists.Listing) -> dict[str, str]:
    """The columns to sort by, under the names that clients give."""
    first, *others = listing.sorts
    return {"number": first, "name": "name"} if "name" in others else {first: first}
