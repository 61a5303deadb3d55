"""Hotlines: the public numbers of a domain, the destinations of their calls, and their trunks."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.pbx import directory, numbers
from tongdai.pbx.causes import Rejection
from tongdai.store import checks, db, dialables, domains, hours_plans, lists, rows, trunks


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """A hotline as administrators see it: with its trunks by name, or by trunk_uuid where another
    trunk has the name too. `domain` is the name of its domain.
    """

    number: str
    trunk: str
    name: str = ""
    destination: str = ""
    is_default: bool = False
    enabled: bool = True
    further_trunks: tuple[str, ...] = ()
    hours: str | None = None
    closed_destination: str = ""
    closed_cause: Rejection = "unavailable"
    canonical: str
    domain: str


_CONFIGURED = """
SELECT number, canonical, hotlines.name, destination, is_default, hotlines.enabled, domain_uuid,
  hours, closed_destination, closed_cause,
  trunk_name(domain_uuid, trunk_uuid) AS trunk, domains.name AS domain,
  ARRAY(SELECT trunk_name(domain_uuid, one)
        FROM unnest(further_trunks) WITH ORDINALITY AS of (one, place) ORDER BY place)
    AS further_trunks,
  canonical || ' ' || domain_uuid AS place
FROM hotlines JOIN domains USING (domain_uuid)
"""
LISTING = lists.Listing(_CONFIGURED, key="place", sorts=("canonical", "name", "number"))


async def insert(
    tx: db.Tx,
    domain_uuid: UUID,
    number: str,
    trunk_uuid: UUID,
    *,
    name: str = "",
    destination: str = "",
    is_default: bool = False,
    enabled: bool = True,
    further_trunks: Sequence[UUID] = (),
    hours: str | None = None,
    closed_destination: str = "",
    closed_cause: Rejection = "unavailable",
) -> directory.Hotline:
    """Stores a hotline. A new default replaces the former one. `destination` "" refuses inbound
    calls. `further_trunks` carry its outbound calls, in order, when the one before fails. `hours`
    to `closed_cause` as of directory.Hotline.

    Raises errors.Conflict when the number is taken, errors.Invalid naming the field that is wrong.
    """
    number = numbers.phone(number, "number")
    known = numbers.parse(number, (await domains.get(tx, domain_uuid)).country)
    if known is None or known.is_emergency:
        raise errors.InvalidPhone(field="number")
    canonical = known.canonical
    hotline = directory.Hotline(
        number,
        canonical,
        trunk_uuid,
        name,
        destination,
        is_default,
        enabled,
        tuple(further_trunks),
        hours,
        closed_destination,
        closed_cause,
    )
    await _check(tx, domain_uuid, hotline)
    await rows.insert(tx, "hotlines", domain_uuid=domain_uuid, **rows.values(hotline))
    return hotline


async def find(tx: db.Tx, domain_uuid: UUID, number: str) -> directory.Hotline | None:
    """The hotline of that number, written in national, international or short form; or None."""
    row = await tx.fetchrow(
        "SELECT * FROM hotlines WHERE domain_uuid = $1 AND canonical = $2",
        domain_uuid,
        await _canonical(tx, domain_uuid, number),
    )
    return db.struct_or_none(row, directory.Hotline)


async def get(tx: db.Tx, domain_uuid: UUID, number: str) -> directory.Hotline:
    """As `find`. Raises errors.NotFound."""
    if (found := await find(tx, domain_uuid, number)) is None:
        raise errors.NotFound(f"no such hotline: {number}")
    return found


async def configured(tx: db.Tx, domain_uuid: UUID, number: str) -> Configured:
    """As administrators see it. Raises errors.NotFound."""
    row = await tx.fetchrow(
        _CONFIGURED + "WHERE domain_uuid = $1 AND canonical = $2",
        domain_uuid,
        await _canonical(tx, domain_uuid, number),
    )
    return db.struct(row, Configured, f"no such hotline: {number}")


async def route(tx: db.Tx, domain_uuid: UUID, hotline: directory.Hotline) -> None:
    """The hotline of that canonical number is as given, except its trunks. Raises errors.NotFound
    and as `insert`.
    """
    await _check_routing(tx, domain_uuid, hotline)
    await _write(tx, domain_uuid, hotline, but=("trunk_uuid", "further_trunks"))


async def update(tx: db.Tx, domain_uuid: UUID, hotline: directory.Hotline) -> None:
    """The hotline of that canonical number is as given; its number stays. Raises errors.NotFound
    and as `insert`.
    """
    await _check(tx, domain_uuid, hotline)
    await _write(tx, domain_uuid, hotline)


async def delete(tx: db.Tx, domain_uuid: UUID, number: str) -> None:
    """The hotline is deleted. Raises errors.NotFound, and errors.Conflict naming the extensions
    that present it.
    """
    canonical, code = (
        (await get(tx, domain_uuid, number)).canonical,
        (await domains.get(tx, domain_uuid)).country,
    )
    await tx.execute(
        "DELETE FROM hotlines WHERE domain_uuid = $1 AND canonical = $2", domain_uuid, canonical
    )
    found = await tx.fetch(
        """
        SELECT extension, hotline FROM extensions
        WHERE domain_uuid = $1 AND hotline IS NOT NULL ORDER BY extension
        """,
        domain_uuid,
    )
    if users := [
        row["extension"] for row in found if numbers.canonical(row["hotline"], code) == canonical
    ]:
        raise errors.Conflict(messages.SHOWN_BY(extensions=", ".join(users)), field="number")


async def all_configured(tx: db.Tx, domain_uuid: UUID) -> Sequence[Configured]:
    """The domain's hotlines as administrators see them, by canonical number."""
    found = await tx.fetch(_CONFIGURED + "WHERE domain_uuid = $1 ORDER BY canonical", domain_uuid)
    return db.structs(found, Configured)


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[directory.Hotline]:
    """The domain's hotlines, by canonical number."""
    found = await tx.fetch(
        "SELECT * FROM hotlines WHERE domain_uuid = $1 ORDER BY canonical", domain_uuid
    )
    return db.structs(found, directory.Hotline)


async def _canonical(tx: db.Tx, domain_uuid: UUID, number: str) -> str:
    return numbers.canonical(number, (await domains.get(tx, domain_uuid)).country)


async def _write(
    tx: db.Tx, domain_uuid: UUID, hotline: directory.Hotline, *, but: Sequence[str] = ()
) -> None:
    key = {"domain_uuid": domain_uuid, "canonical": hotline.canonical}
    row = rows.values(hotline, without=("number", "canonical", *but))
    if not await rows.update(tx, "hotlines", key, row):
        raise errors.NotFound(f"no such hotline: {hotline.number}")


async def _check(tx: db.Tx, domain_uuid: UUID, hotline: directory.Hotline) -> None:
    """Checks the hotline's references; a new default replaces the former one."""
    checks.distinct([str(trunk) for trunk in hotline.trunks], "further_trunks")
    for trunk in hotline.trunks:
        await trunks.hold(tx, domain_uuid, trunk)
    await _check_routing(tx, domain_uuid, hotline)


async def _check_routing(tx: db.Tx, domain_uuid: UUID, hotline: directory.Hotline) -> None:
    """The part of it that its trunks have nothing to do with."""
    checks.name(hotline.name)
    await dialables.require(tx, domain_uuid, filter(None, [hotline.destination]), "destination")
    await _check_hours(tx, domain_uuid, hotline)
    if hotline.is_default:
        await tx.execute(
            """
            UPDATE hotlines SET is_default = false
            WHERE domain_uuid = $1 AND canonical <> $2 AND is_default
            """,
            domain_uuid,
            hotline.canonical,
        )


async def _check_hours(tx: db.Tx, domain_uuid: UUID, hotline: directory.Hotline) -> None:
    if hotline.hours is not None:
        try:
            await hours_plans.get(tx, domain_uuid, hotline.hours)
        except errors.NotFound as reason:
            named = messages.NO_SUCH(kind="hours plan", numbers=hotline.hours)
            raise errors.Invalid(named, field="hours") from reason
    if closed := hotline.closed_destination:
        await dialables.require_or_outside(tx, domain_uuid, closed, "closed_destination")
