"""Whom calls reach while no engine decides: those of each hotline, those inside a domain, and
those that leave it.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongdai.pbx import directory
from tongdai.store import db


class Landing(msgspec.Struct, frozen=True):
    """Those extensions of a hotline's destination that may ring, and what each says of
    recording.
    """

    trunk_uuid: UUID
    canonical: str
    domain: directory.Domain
    extensions: tuple[str, ...]
    recording: tuple[bool | None, ...]


class Inside(msgspec.Struct, frozen=True):
    """A number of a domain that is no phone's that may ring, and the extensions behind it that
    may.
    """

    domain: str
    number: str
    extensions: tuple[str, ...]


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
                row["domain_uuid"],
                row["name"],
                country_code=row["country_code"],
                recording=row["is_recorded"],
            ),
            tuple(row["extensions"]),
            tuple(row["recording"]),
        )
        for row in rows
    ]


async def list_inside(tx: db.Tx) -> Sequence[Inside]:
    """Of every ring group and queue; and of extensions out of use, which reach nobody. For the
    switch: it crosses tenants.
    """
    rows = await tx.fetch(
        """
        SELECT d.name AS domain, reached.number,
          array_agg(e.extension ORDER BY e.extension) FILTER (WHERE e.extension IS NOT NULL) AS extensions
        FROM (
          SELECT domain_uuid, number, members FROM ring_groups
          UNION ALL SELECT domain_uuid, number, agents FROM queues
          UNION ALL SELECT domain_uuid, extension, '{}' FROM extensions WHERE NOT enabled
        ) AS reached
        JOIN domains AS d USING (domain_uuid)
        LEFT JOIN extensions AS e
          ON e.domain_uuid = reached.domain_uuid AND e.extension = ANY (reached.members) AND e.enabled
        WHERE d.enabled
        GROUP BY d.domain_uuid, reached.number
        ORDER BY d.name, reached.number
        """
    )
    return [Inside(row["domain"], row["number"], tuple(row["extensions"] or ())) for row in rows]


async def list_outside(tx: db.Tx) -> Sequence[directory.Directory]:
    """Each domain as far as calls out need it: hotlines and trunks in use, and the extensions for
    which something else holds than for most. For the switch: it crosses tenants.
    """
    rows = await tx.fetch(
        """
        SELECT json_build_object(
          'domain', to_json(d),
          'extensions', (
            SELECT coalesce(json_object_agg(extension, e), '{}') FROM (
              SELECT extension, recording, hotline, max_calls, suspended_until FROM extensions
              WHERE domain_uuid = d.domain_uuid AND enabled
              AND (recording IS NOT NULL OR hotline IS NOT NULL OR max_calls <> $1
                OR suspended_until > now())) AS e),
          'trunks', (
            SELECT coalesce(json_object_agg(trunk_uuid, t), '{}') FROM (
              SELECT trunk_uuid, name, number_format, max_calls FROM trunks
              WHERE enabled
              AND trunk_uuid IN (SELECT trunk_uuid FROM hotlines WHERE domain_uuid = d.domain_uuid)) AS t),
          'hotlines', (
            SELECT coalesce(json_object_agg(canonical, h), '{}') FROM (
              SELECT h.* FROM hotlines AS h JOIN trunks AS t USING (trunk_uuid)
              WHERE h.domain_uuid = d.domain_uuid AND h.enabled AND t.enabled) AS h)
        ) AS found
        FROM domains AS d WHERE d.enabled ORDER BY d.name
        """,
        directory.Extension("").max_calls,
    )
    return [msgspec.json.decode(row["found"], type=directory.Directory) for row in rows]
