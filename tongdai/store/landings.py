"""Whom the callers of each hotline reach while no engine decides."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongdai.pbx import directory
from tongdai.store import db


class Landing(msgspec.Struct, frozen=True):
    """Those extensions of a hotline's destination that may ring, and what each says of recording."""

    trunk_uuid: UUID
    canonical: str
    domain: directory.Domain
    extensions: tuple[str, ...]
    recording: tuple[bool | None, ...]


async def list_for_provisioning(tx: db.Tx) -> Sequence[Landing]:
    """Of every hotline that leads to somebody. For the switch: it crosses tenants."""
    rows = await tx.fetch(
        """
        SELECT h.trunk_uuid, h.canonical, d.domain_uuid, d.name, d.country_code, d.recording AS is_recorded,
          array_agg(e.extension ORDER BY e.extension) AS extensions,
          array_agg(e.recording ORDER BY e.extension) AS recording
        FROM hotlines AS h
        JOIN domains AS d USING (domain_uuid)
        JOIN trunks AS t USING (trunk_uuid)
        CROSS JOIN LATERAL (
          SELECT ARRAY[h.destination] AS numbers
          UNION ALL SELECT members FROM ring_groups WHERE domain_uuid = h.domain_uuid AND number = h.destination
          UNION ALL SELECT agents FROM queues WHERE domain_uuid = h.domain_uuid AND number = h.destination
        ) AS reached
        JOIN extensions AS e ON e.domain_uuid = h.domain_uuid AND e.extension = ANY (reached.numbers)
        WHERE h.enabled AND d.enabled AND t.enabled AND e.enabled
        GROUP BY h.domain_uuid, h.canonical, d.domain_uuid
        ORDER BY h.domain_uuid, h.canonical
        """
    )
    return [
        Landing(
            row["trunk_uuid"],
            row["canonical"],
            directory.Domain(
                row["domain_uuid"], row["name"], country_code=row["country_code"], recording=row["is_recorded"]
            ),
            tuple(row["extensions"]),
            tuple(row["recording"]),
        )
        for row in rows
    ]
