"""The numbers that can be dialled inside a domain: each is an extension, a ring group, a queue or
a menu.

A transaction that refers to a number locks it (`require`), so that it cannot be deleted under the
reference.
"""

from collections.abc import Iterable, Sequence
from typing import Literal
from uuid import UUID

from tongdai import errors, messages
from tongdai.pbx import numbers
from tongdai.store import checks, db, domains

Kind = Literal["extension", "ring_group", "queue", "menu"]
_OUTSIDE = 7  # digits; a shorter number is a number of the domain that is not there
WORDS: dict[Kind, str] = {
    "extension": "extension",
    "ring_group": "ring group",
    "queue": "queue",
    "menu": "menu",
}


async def insert(tx: db.Tx, domain_uuid: UUID, number: str, kind: Kind) -> None:
    """The number is in use. Raises errors.Invalid for anything but 2 to 8 digits and for emergency
    numbers of the domain's country, errors.Conflict if it was in use before.
    """
    country = (await domains.get(tx, domain_uuid)).country
    if numbers.is_emergency(checks.number(number), country):
        raise errors.Invalid(messages.EMERGENCY_NUMBER(number=number), field="number")
    await tx.execute(
        "INSERT INTO dialables (domain_uuid, number, kind) VALUES ($1, $2, $3)",
        domain_uuid,
        number,
        kind,
    )


async def kinds(tx: db.Tx, domain_uuid: UUID, numbers: Sequence[str]) -> dict[str, Kind]:
    """Those of the numbers that are in use, in order, and what each is."""
    rows = await tx.fetch(
        """
        SELECT number, kind FROM dialables WHERE domain_uuid = $1 AND number = ANY ($2)
        ORDER BY number
        """,
        domain_uuid,
        numbers,
    )
    return {row["number"]: row["kind"] for row in rows}


async def delete(tx: db.Tx, domain_uuid: UUID, number: str, kind: Kind) -> None:
    """The number and its destination are deleted. Raises errors.NotFound, and errors.Conflict
    naming what refers to it.
    """
    held = await tx.fetchval(
        "SELECT true FROM dialables WHERE domain_uuid = $1 AND number = $2 AND kind = $3 FOR "
        "UPDATE",
        domain_uuid,
        number,
        kind,
    )
    if not held:
        raise errors.NotFound(f"no such {WORDS[kind]}: {number}")
    if users := await _users(tx, domain_uuid, number):
        raise errors.Conflict(messages.IN_USE_BY(users=", ".join(users)), field="number")
    await tx.execute(
        "DELETE FROM dialables WHERE domain_uuid = $1 AND number = $2", domain_uuid, number
    )


async def require(
    tx: db.Tx, domain_uuid: UUID, numbers: Iterable[str], field: str, kind: Kind | None = None
) -> None:
    """All the numbers exist (and are of that kind), until the transaction ends. Raises
    errors.Invalid.
    """
    wanted = sorted(set(numbers))
    rows = await tx.fetch(
        """
        SELECT number FROM dialables
        WHERE domain_uuid = $1 AND number = ANY($2) AND ($3::text IS NULL OR kind = $3)
        ORDER BY number FOR KEY SHARE
        """,
        domain_uuid,
        wanted,
        kind,
    )
    if missing := [number for number in wanted if number not in {row["number"] for row in rows}]:
        what = WORDS[kind] if kind else "extension, ring group, queue or menu"
        raise errors.Invalid(messages.NO_SUCH(kind=what, numbers=", ".join(missing)), field=field)


async def require_or_outside(tx: db.Tx, domain_uuid: UUID, number: str, field: str) -> None:
    """As `require`, unless it is a number outside: one of at least seven digits that is neither an
    emergency number nor a hotline of the domain. Raises errors.Invalid.
    """
    if await kinds(tx, domain_uuid, [number]):
        return await require(tx, domain_uuid, [number], field)
    parsed = numbers.parse(number, (await domains.get(tx, domain_uuid)).country)
    if parsed is None or parsed.is_emergency or len(parsed.significant) < _OUTSIDE:
        raise errors.Invalid(messages.NO_NUMBER_OUTSIDE(number=number[:20]), field=field)
    if await tx.fetchval(
        "SELECT true FROM hotlines WHERE domain_uuid = $1 AND canonical = $2",
        domain_uuid,
        parsed.canonical,
    ):
        raise errors.Invalid(messages.NO_NUMBER_OUTSIDE(number=number), field=field)
    return None


async def _users(tx: db.Tx, domain_uuid: UUID, number: str) -> list[str]:
    """The objects that refer to the number, in words."""
    rows = await tx.fetch(
        """
        SELECT 'hotline ' || number AS who FROM hotlines
        WHERE domain_uuid = $1 AND $2 IN (destination, closed_destination)
        UNION ALL
        SELECT 'extension ' || extension FROM extensions
        WHERE domain_uuid = $1 AND extension <> $2
        AND $2 IN (forward_always, forward_busy, forward_no_answer, forward_unreachable)
        UNION ALL
        (SELECT 'caller ' || caller FROM callers
         WHERE domain_uuid = $1 AND destination = $2 ORDER BY caller LIMIT 5)
        UNION ALL
        SELECT 'ring group ' || number FROM ring_groups
        WHERE domain_uuid = $1 AND (overflow = $2 OR $2 = ANY(members))
        UNION ALL
        SELECT 'queue ' || number FROM queues
        WHERE domain_uuid = $1 AND (overflow = $2 OR $2 = ANY(agents))
        UNION ALL
        SELECT 'menu ' || number FROM menus
        WHERE domain_uuid = $1 AND number <> $2 AND (overflow = $2 OR EXISTS (
          SELECT FROM unnest(keys) AS one WHERE split_part(one, '=', 2) = $2))
        ORDER BY who
        """,
        domain_uuid,
        number,
    )
    return [row["who"] for row in rows]
