"""Callers from outside whose calls are blocked, let through, or go to a destination of their own.

A single number is kept in canonical form, and looked up for each call: a domain may have a million
of them. Patterns are few, and part of the directory.
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.pbx import numbers
from tongdai.pbx.directory import Caller
from tongdai.store import checks, db, dialables, domains, lists, rows

MOST_PATTERNS, MOST_NUMBERS = 1_000, 1_000_000
SHOWN = 1_000  # callers that `list` gives
_PATTERN = re.compile(r"\+?[0-9]{1,15}\*|\*")
LISTING = lists.Listing("SELECT * FROM callers", key="caller", sorts=("caller", "note"))


async def insert(tx: db.Tx, domain_uuid: UUID, caller: Caller) -> Caller:
    """Stores the caller. Returns it as it is stored: its numbers in canonical form. Raises
    errors.Conflict when there is one, or there are too many; errors.Invalid naming the field.
    """
    checked = await _checked(tx, domain_uuid, caller)
    await _insert(tx, domain_uuid, checked)
    await refuse_too_many(tx, domain_uuid)
    return checked


async def put(tx: db.Tx, domain_uuid: UUID, caller: Caller) -> None:
    """The caller is as given, whether there was one or not. Raises errors.Invalid naming the
    field; `refuse_too_many` has to follow.
    """
    checked = await _checked(tx, domain_uuid, caller)
    if not await _update(tx, domain_uuid, checked):
        await _insert(tx, domain_uuid, checked)


async def change(tx: db.Tx, domain_uuid: UUID, caller: str, changes: dict[str, Any]) -> Caller:
    """The caller with these fields changed. Raises errors.NotFound and as `insert`."""
    known = await get(tx, domain_uuid, caller)
    checked = await _checked(tx, domain_uuid, msgspec.structs.replace(known, **changes))
    await _update(tx, domain_uuid, checked)
    return checked


async def find(tx: db.Tx, domain_uuid: UUID, canonical: str) -> Caller | None:
    """What is stored of a canonical number or pattern, or None."""
    row = await tx.fetchrow(
        "SELECT * FROM callers WHERE domain_uuid = $1 AND caller = $2", domain_uuid, canonical
    )
    return db.struct_or_none(row, Caller)


async def get(tx: db.Tx, domain_uuid: UUID, caller: str) -> Caller:
    """The caller; a number in any form. Raises errors.NotFound."""
    country = (await domains.get(tx, domain_uuid)).country
    if (found := await find(tx, domain_uuid, _canonical(caller, country))) is None:
        raise errors.NotFound(f"no such caller: {caller}")
    return found


async def delete(tx: db.Tx, domain_uuid: UUID, caller: str) -> None:
    """The caller is deleted. Raises errors.NotFound."""
    known = await get(tx, domain_uuid, caller)
    await tx.execute(
        "DELETE FROM callers WHERE domain_uuid = $1 AND caller = $2", domain_uuid, known.caller
    )


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[Caller]:
    """The first SHOWN of the domain's callers, patterns first."""
    found = await tx.fetch(
        "SELECT * FROM callers WHERE domain_uuid = $1 ORDER BY caller LIMIT $2", domain_uuid, SHOWN
    )
    return db.structs(found, Caller)


async def _insert(tx: db.Tx, domain_uuid: UUID, caller: Caller) -> None:
    await rows.insert(tx, "callers", domain_uuid=domain_uuid, **rows.values(caller))


async def _update(tx: db.Tx, domain_uuid: UUID, caller: Caller) -> bool:
    key = {"domain_uuid": domain_uuid, "caller": caller.caller}
    return await rows.update(tx, "callers", key, rows.values(caller, without=("caller",)))


def _canonical(caller: str, country: str) -> str:
    """The form in which a number is stored; another text as it is."""
    number = numbers.parse(caller, country)
    return caller if number is None or caller.endswith("*") else number.canonical


async def _checked(tx: db.Tx, domain_uuid: UUID, caller: Caller) -> Caller:
    """The caller as it is stored."""
    country = (await domains.get(tx, domain_uuid)).country
    text = caller.caller.strip()
    is_known = text == numbers.ANONYMOUS or bool(_PATTERN.fullmatch(text))
    if not is_known and (text.endswith("*") or numbers.parse(text, country) is None):
        raise errors.Invalid(messages.CALLER, field="caller")
    checks.name(caller.note, "note")
    if (caller.action == "route") != bool(caller.destination):
        raise errors.Invalid(messages.ROUTE_ALONE, field="destination")
    if caller.destination:
        await dialables.require_or_outside(tx, domain_uuid, caller.destination, "destination")
    hotlines = await _hotlines(tx, domain_uuid, caller.hotlines, country)
    return msgspec.structs.replace(caller, caller=_canonical(text, country), hotlines=hotlines)


async def _hotlines(
    tx: db.Tx, domain_uuid: UUID, given: Sequence[str], country: str
) -> tuple[str, ...]:
    wanted = {numbers.canonical(number, country): number for number in given}
    found = await tx.fetch(
        "SELECT canonical FROM hotlines WHERE domain_uuid = $1 AND canonical = ANY ($2)",
        domain_uuid,
        [*wanted],
    )
    known = {row["canonical"] for row in found}
    if missing := [number for one, number in wanted.items() if one not in known]:
        named = messages.NO_SUCH(kind="hotline", numbers=", ".join(missing))
        raise errors.Invalid(named, field="hotlines")
    return tuple(sorted(known))


async def refuse_too_many(tx: db.Tx, domain_uuid: UUID) -> None:
    """Raises errors.Conflict if the domain has more callers than it may. It reads as many rows as
    there are, of an index: to be called once a request.
    """
    for of, most in (("!~", MOST_PATTERNS), ("~", MOST_NUMBERS)):
        held = await tx.fetchval(
            f"SELECT count(*) FROM callers WHERE domain_uuid = $1 AND caller {of} '^[0-9]+$'",  # noqa: S608, our own words
            domain_uuid,
        )
        if held > most:
            raise errors.Conflict(messages.AT_MOST(most=most), field="caller")
