"""Recordings whose time is over, by what their domains keep. It crosses tenants: housekeeping is the installation's."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongdai.store import db


class Expired(msgspec.Struct, frozen=True):
    """A recording to be deleted; `recording_file` is its path under the recordings folder."""

    domain_uuid: UUID
    cdr_uuid: UUID
    recording_file: str


async def expired(tx: db.Tx, limit: int = 500) -> Sequence[Expired]:
    """Ready recordings older than their domain's recording_days, oldest first."""
    rows = await tx.fetch(
        """
        SELECT domain_uuid, cdr_uuid, recording_file FROM cdrs JOIN domains USING (domain_uuid)
        WHERE recording_status = 'ready' AND recording_file IS NOT NULL AND recording_days IS NOT NULL
          AND time_started < now() - recording_days * interval '1 day'
        ORDER BY time_started LIMIT $1
        """,
        limit,
    )
    return db.structs(rows, Expired)
