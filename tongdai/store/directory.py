"""The whole directory of a domain in one round trip, and the domain of a call from outside."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.pbx import directory
from tongdai.store import db, domains


async def load(tx: db.Tx, domain_uuid: UUID) -> directory.Directory:
    """The domain and all that can be dialled in it, as of one moment. Raises errors.NotFound."""
    for found in await _load(tx, [domain_uuid]):
        return found
    raise errors.NotFound


async def load_of_node(
    tx: db.Tx, node: str, domain_uuid: UUID | None = None
) -> list[directory.Directory]:
    """The directories of the node's enabled domains, or of one of them. It crosses tenants."""
    rows = await tx.fetch(
        """
        SELECT domain_uuid FROM domains
        WHERE enabled AND node = $1 AND domain_uuid = COALESCE($2, domain_uuid)
        """,
        node,
        domain_uuid,
    )
    return await _load(tx, [row["domain_uuid"] for row in rows])


async def _load(tx: db.Tx, domain_uuids: Sequence[UUID]) -> list[directory.Directory]:
    # JSON, since it carries rows of several tables in one answer; the keys are those of
    # pbx.directory.Directory.
    rows = await tx.fetch(
        """
        SELECT json_build_object(
          'domain', to_json(d),
          'extensions', (
            SELECT coalesce(json_object_agg(extension, e), '{}') FROM (
              SELECT extension, e.name, enabled, recording, hotline, max_calls, ring_timeout_s,
                suspended_until, array_agg(v.name ORDER BY v.name <> 'default', v.name) AS devices
              FROM extensions AS e JOIN devices AS v USING (domain_uuid, extension)
              WHERE domain_uuid = d.domain_uuid GROUP BY domain_uuid, extension) AS e),
          'trunks', (
            SELECT coalesce(json_object_agg(trunk_uuid, t), '{}') FROM (
              SELECT trunk_uuid, name, enabled, number_format, max_calls FROM trunks
              WHERE domain_uuid = d.domain_uuid
              OR trunk_uuid IN (
                SELECT trunk_uuid FROM hotlines WHERE domain_uuid = d.domain_uuid)) AS t),
          'hotlines', (
            SELECT coalesce(json_object_agg(canonical, h), '{}') FROM hotlines AS h
            WHERE domain_uuid = d.domain_uuid),
          'ring_groups', (
            SELECT coalesce(json_object_agg(number, g), '{}') FROM ring_groups AS g
            WHERE domain_uuid = d.domain_uuid),
          'queues', (
            SELECT coalesce(json_object_agg(number, q), '{}') FROM queues AS q
            WHERE domain_uuid = d.domain_uuid))
        AS found FROM domains AS d WHERE d.domain_uuid = ANY ($1)
        """,
        domain_uuids,
    )
    return [msgspec.json.decode(row["found"], type=directory.Directory) for row in rows]


async def by_name(tx: db.Tx, name: str) -> directory.Directory:
    """As `load`, by the domain's name. Raises errors.NotFound."""
    return await load(tx, (await domains.by_name(tx, name)).domain_uuid)


async def trunk_hotline(tx: db.Tx, trunk_uuid: UUID, canonical: str) -> UUID | None:
    """The domain that has the hotline on that trunk, or None. It crosses tenants: a trunk may be
    shared.
    """
    return await tx.fetchval(  # type: ignore[no-any-return]
        "SELECT domain_uuid FROM hotlines WHERE trunk_uuid = $1 AND canonical = $2",
        trunk_uuid,
        canonical,
    )


async def trunk_owner(tx: db.Tx, trunk_uuid: UUID) -> UUID:
    """The domain that owns the trunk. Raises errors.NotFound."""
    found: UUID | None = await tx.fetchval(
        "SELECT domain_uuid FROM trunks WHERE trunk_uuid = $1", trunk_uuid
    )
    if found is None:
        raise errors.NotFound
    return found
