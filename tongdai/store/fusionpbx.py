"""Reads the database of a FusionPBX (5.5.7), and writes nothing there."""

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
    await tx.execute("SET TRANSACTION READ ONLY")
    if missing := [name for name in _NEEDED if not await _is_there(tx, name)]:
        raise errors.Invalid(messages.NO_FUSIONPBX(names=", ".join(missing)), field="dsn")
    row = await tx.fetchrow("SELECT * FROM v_domains WHERE domain_name = $1", domain)
    if row is None:
        names = await tx.fetch("SELECT domain_name FROM v_domains ORDER BY domain_name")
        known = ", ".join(each["domain_name"] for each in names)
        raise errors.NotFound(f"no such domain there: {domain}; there are {known or 'none'}")
    of = row["domain_uuid"]
    return Rows(
        domain=dict(row),
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
