"""Recordings that are to go: deleted by their domain's admin, or past the time that their domain
keeps them.

What housekeeping asks crosses tenants: it is the installation's.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.store import db


class File(msgspec.Struct, frozen=True):
    """A file that is to go; `recording_file` is its path under the recordings folder."""

    domain_uuid: UUID
    cdr_uuid: UUID
    recording_file: str


async def delete(tx: db.Tx, domain_uuid: UUID, token: str) -> None:
    """The domain's recording cannot be heard any more, by anyone; housekeeping removes its file.

    Raises errors.NotFound, and errors.Conflict for one that is still being written.
    """
    status = await tx.fetchval(
        """
        UPDATE cdrs SET recording_status = CASE recording_status WHEN 'ready' THEN 'deleted' ELSE recording_status END
        WHERE domain_uuid = $1 AND recording_token = $2 RETURNING recording_status
        """,
        domain_uuid,
        token,
    )
    if status is None:
        raise errors.NotFound
    if status == "pending":
        raise errors.Conflict(messages.STILL_WRITTEN, field="recording")


async def expire(tx: db.Tx) -> int:
    """Ready recordings older than their domain's recording_days are deleted. How many."""
    done = await tx.execute(
        """
        UPDATE cdrs SET recording_status = 'deleted' FROM domains
        WHERE cdrs.domain_uuid = domains.domain_uuid AND recording_status = 'ready' AND recording_days IS NOT NULL
          AND time_started < now() - recording_days * interval '1 day'
        """,
        timeout=600,
    )
    return int(done.split()[-1])


async def left_over(tx: db.Tx, limit: int = 500) -> Sequence[File]:
    """Files of recordings that were deleted."""
    rows = await tx.fetch(
        """
        SELECT domain_uuid, cdr_uuid, recording_file FROM cdrs
        WHERE recording_status = 'deleted' AND recording_file IS NOT NULL LIMIT $1
        """,
        limit,
    )
    return db.structs(rows, File)
