"""The state of trunks' registrations, as the engine heard it last; the command line shows it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai.store import db


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """`sip_status` is the carrier's last answer, 0 for none. `since`: the beginning of this state
    and answer; `heard_at`: of the last answer, or its absence.
    """

    domain_uuid: UUID
    trunk_uuid: UUID
    is_registered: bool
    sip_status: int
    since: datetime
    heard_at: datetime


async def put(tx: db.Tx, known: Registration) -> bool:
    """The registration is as given; `since` stays while state and answer stay. Returns whether
    they changed. Nothing is written for a trunk that is gone.
    """
    before = await tx.fetchrow(
        "SELECT is_registered, sip_status FROM trunk_registrations"
        " WHERE (domain_uuid, trunk_uuid) = ($1, $2)",
        known.domain_uuid,
        known.trunk_uuid,
    )
    await tx.execute(
        """
        INSERT INTO trunk_registrations AS known
          (domain_uuid, trunk_uuid, is_registered, sip_status, since, heard_at)
        SELECT $1, $2, $3, $4, $5, $6
        WHERE EXISTS (SELECT FROM trunks WHERE (domain_uuid, trunk_uuid) = ($1, $2))
        ON CONFLICT (domain_uuid, trunk_uuid) DO UPDATE SET
          is_registered = excluded.is_registered, sip_status = excluded.sip_status,
          heard_at = excluded.heard_at,
          since = CASE WHEN known.is_registered = excluded.is_registered
              AND known.sip_status = excluded.sip_status
            THEN known.since ELSE excluded.since END
        """,
        known.domain_uuid,
        known.trunk_uuid,
        known.is_registered,
        known.sip_status,
        known.since,
        known.heard_at,
    )
    now = (known.is_registered, known.sip_status)
    return before is None or (before["is_registered"], before["sip_status"]) != now


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[Registration]:
    """Those of the domain's trunks."""
    rows = await tx.fetch("SELECT * FROM trunk_registrations WHERE domain_uuid = $1", domain_uuid)
    return db.structs(rows, Registration)
