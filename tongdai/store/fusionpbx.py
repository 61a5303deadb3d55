"""Reads the database of a FusionPBX (5.5.7), and writes nothing there."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.store import db

_NEEDED = (
    "v_domains",
    "v_extensions",
    "v_destinations",
    "v_ring_groups",
    "v_ring_group_destinations",
)
_OTHERS = {
    "v_users": "users",
    "v_voicemails": "voicemail boxes",
    "v_ivr_menus": "IVR menus",
    "v_call_center_queues": "call centre queues",
    "v_conferences": "conferences",
    "v_fax": "fax servers",
    "v_recordings": "prompts",
    "v_xml_cdr": "call records",
}
"""What is not carried over, by table."""
_CALL = (
    *("xml_cdr_uuid", "extension_uuid", "ring_group_uuid", "sip_call_id", "direction", "leg"),
    *("caller_id_number", "caller_destination", "source_number", "destination_number"),
    *("start_epoch", "duration", "billsec", "status", "hangup_cause", "sip_hangup_disposition"),
    *("voicemail_message", "cc_queue", "record_name"),
)


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Of one domain; `others` are counts, by what they are."""

    domain: dict[str, Any]
    extensions: list[dict[str, Any]]
    destinations: list[dict[str, Any]]
    ring_groups: list[dict[str, Any]]
    ring_group_destinations: list[dict[str, Any]]
    gateways: list[dict[str, Any]]
    others: dict[str, int]


async def read(tx: db.Tx, domain: str) -> Rows:
    """The rows of the domain of that name. Raises errors.Invalid where tables are missing,
    errors.NotFound naming the domains that are there.
    """
    row = await _domain(tx, domain, _NEEDED)
    of = row["domain_uuid"]
    return Rows(
        domain=row,
        extensions=await _rows(tx, "v_extensions", of, "extension"),
        destinations=await _rows(tx, "v_destinations", of, "destination_order"),
        ring_groups=await _rows(tx, "v_ring_groups", of, "ring_group_extension"),
        ring_group_destinations=await _rows(
            tx, "v_ring_group_destinations", of, "destination_number"
        ),
        gateways=await _rows(tx, "v_gateways", of, "gateway")
        if await _is_there(tx, "v_gateways")
        else [],
        others={
            what: await _count(tx, name, of)
            for name, what in _OTHERS.items()
            if await _is_there(tx, name)
        },
    )


async def calls(tx: db.Tx, domain: str, size: int) -> AsyncIterator[list[dict[str, Any]]]:
    """The call records of the domain of that name, the oldest first, `size` at a time: the columns
    of _CALL that are there, and the numbers of the extension and the ring group. Raises as `read`.
    """
    of = (await _domain(tx, domain, ("v_domains", "v_extensions", "v_xml_cdr")))["domain_uuid"]
    named = await tx.fetch(
        """
        SELECT attname FROM pg_attribute
        WHERE attrelid = 'v_xml_cdr'::regclass AND attname = ANY ($1) AND NOT attisdropped
        """,
        _CALL,
    )
    there = {each["attname"] for each in named}
    group, joined = "NULL", ""
    if "ring_group_uuid" in there and await _is_there(tx, "v_ring_groups"):
        group, joined = "ring_group_extension", "LEFT JOIN v_ring_groups USING (ring_group_uuid)"
    columns = ", ".join(f"c.{name}" for name in sorted(there))
    rows = await tx.cursor(
        f"""
        SELECT {columns}, e.extension, {group} AS ring_group
        FROM v_xml_cdr c LEFT JOIN v_extensions e USING (extension_uuid) {joined}
        WHERE c.domain_uuid = $1 ORDER BY c.start_epoch, c.xml_cdr_uuid
        """,  # noqa: S608, names of ours
        of,
    )
    while batch := await rows.fetch(size):
        yield [dict(each) for each in batch]


async def _domain(tx: db.Tx, domain: str, needed: Sequence[str]) -> dict[str, Any]:
    """The row of the domain of that name; nothing is written in this transaction."""
    await tx.execute("SET TRANSACTION READ ONLY")
    if missing := [name for name in needed if not await _is_there(tx, name)]:
        raise errors.Invalid(messages.NO_FUSIONPBX(names=", ".join(missing)), field="dsn")
    row = await tx.fetchrow("SELECT * FROM v_domains WHERE domain_name = $1", domain)
    if row is None:
        names = await tx.fetch("SELECT domain_name FROM v_domains ORDER BY domain_name")
        known = ", ".join(each["domain_name"] for each in names)
        raise errors.NotFound(f"no such domain there: {domain}; there are {known or 'none'}")
    return dict(row)


async def _is_there(tx: db.Tx, name: str) -> bool:
    return bool(await tx.fetchval("SELECT to_regclass($1) IS NOT NULL", name))


async def _rows(tx: db.Tx, name: str, domain_uuid: UUID, order: str) -> list[dict[str, Any]]:
    found = await tx.fetch(
        f"SELECT * FROM {name} WHERE domain_uuid = $1 ORDER BY {order}",  # noqa: S608, names of ours
        domain_uuid,
    )
    return [dict(each) for each in found]


async def _count(tx: db.Tx, name: str, domain_uuid: UUID) -> int:
    return int(
        await tx.fetchval(f"SELECT count(*) FROM {name} WHERE domain_uuid = $1", domain_uuid)  # noqa: S608, names of ours
    )
