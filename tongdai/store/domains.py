"""Domains: the tenants."""

from uuid import UUID

from tongdai import ids
from tongdai.pbx import directory
from tongdai.store import db


async def insert(
    tx: db.Tx,
    name: str,
    *,
    time_zone: str = "Asia/Ho_Chi_Minh",
    country_code: str = "84",
    call_id_mode: directory.CallIdMode = "leg",
    recording: bool = True,
    recording_days: int | None = None,
    max_calls: int = 100,
) -> directory.Domain:
    """The new domain. Raises errors.Conflict when the name is taken, errors.Invalid naming the field that is wrong."""
    row = await tx.fetchrow(
        """
        INSERT INTO domains (domain_uuid, name, time_zone, country_code, call_id_mode, recording, recording_days, max_calls)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *
        """,
        ids.new(),
        name,
        time_zone,
        country_code,
        call_id_mode,
        recording,
        recording_days,
        max_calls,
    )
    return db.struct(row, directory.Domain)


async def get(tx: db.Tx, domain_uuid: UUID) -> directory.Domain:
    """The domain. Raises errors.NotFound."""
    row = await tx.fetchrow("SELECT * FROM domains WHERE domain_uuid = $1", domain_uuid)
    return db.struct(row, directory.Domain)
