"""The whole directory of a domain in one round trip, and the domain of a call from outside."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.pbx import carriers, directory
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
                forward_always, forward_busy, forward_no_answer, forward_unreachable,
                do_not_disturb, suspended_until, array_agg(
                  CASE WHEN v.name = 'default' AND v.kind = 'browser' THEN 'webrtc' ELSE v.name END
                  ORDER BY v.name <> 'default', v.name) AS devices
              FROM extensions AS e JOIN devices AS v USING (domain_uuid, extension)
              WHERE domain_uuid = d.domain_uuid GROUP BY domain_uuid, extension) AS e),
          'trunks', (
            SELECT coalesce(json_object_agg(trunk_uuid, t), '{}') FROM (
              SELECT trunk_uuid, name, enabled, number_format, max_calls, carrier_key, transfers
              FROM trunks
              WHERE domain_uuid = d.domain_uuid
              OR trunk_uuid IN (
                SELECT unnest(trunk_uuid || further_trunks) FROM hotlines
                WHERE domain_uuid = d.domain_uuid)) AS t),
          'hotlines', (
            SELECT coalesce(json_object_agg(canonical, h), '{}') FROM hotlines AS h
            WHERE domain_uuid = d.domain_uuid),
          'hours_plans', (
            SELECT coalesce(json_object_agg(name, p), '{}') FROM hours_plans AS p
            WHERE domain_uuid = d.domain_uuid),
          'callers', (
            SELECT coalesce(json_object_agg(caller, c), '{}') FROM callers AS c
            WHERE domain_uuid = d.domain_uuid AND caller !~ '^[0-9]+$'),
          'knows_numbers', EXISTS (
            SELECT FROM callers WHERE domain_uuid = d.domain_uuid AND caller ~ '^[0-9]+$'),
          'ring_groups', (
            SELECT coalesce(json_object_agg(number, g), '{}') FROM ring_groups AS g
            WHERE domain_uuid = d.domain_uuid),
          'queues', (
            SELECT coalesce(json_object_agg(number, q), '{}') FROM queues AS q
            WHERE domain_uuid = d.domain_uuid),
          'menus', (
            SELECT coalesce(json_object_agg(number, m), '{}') FROM menus AS m
            WHERE domain_uuid = d.domain_uuid),
          'prompts', (
            SELECT coalesce(json_object_agg(name, p), '{}') FROM prompts AS p
            WHERE domain_uuid = d.domain_uuid))
        AS found FROM domains AS d WHERE d.domain_uuid = ANY ($1)
        """,
        domain_uuids,
    )
    return [msgspec.json.decode(row["found"], type=directory.Directory) for row in rows]


async def by_name(tx: db.Tx, name: str) -> directory.Directory:
    """As `load`, by the domain's name. Raises errors.NotFound."""
    return await load(tx, (await domains.by_name(tx, name)).domain_uuid)


async def trunks_at(tx: db.Tx, trunk_uuid: UUID, address: str) -> Sequence[carriers.CarrierTrunk]:
    """The trunk, and all enabled trunks of enabled domains whose calls come from that IP address,
    or from the trunk's host. It crosses tenants. An `address` "" gives the trunk alone.

    Raises errors.NotFound when there is no such trunk.
    """
    rows = await tx.fetch(
        """
        SELECT each.trunk_uuid, domain_uuid, each.name, domains.name AS domain, each.auth,
          each.username, each.called_number_in
        FROM trunks AS each JOIN domains USING (domain_uuid),
          (SELECT host_alone(host) AS host FROM trunks WHERE trunk_uuid = $1) AS identified
        WHERE each.trunk_uuid = $1 OR ($2::text IS NOT NULL AND each.enabled AND domains.enabled
          AND CASE WHEN cardinality(each.addresses) > 0
            THEN EXISTS (SELECT FROM unnest(each.addresses) AS own
                         WHERE own::inet >>= $2::text::inet)
            ELSE host_alone(each.host) IN (identified.host, host($2::text::inet)) END)
        ORDER BY each.trunk_uuid <> $1, each.trunk_uuid
        """,
        trunk_uuid,
        address or None,
    )
    if not rows:
        raise errors.NotFound
    return db.structs(rows, carriers.CarrierTrunk)


async def countries(tx: db.Tx) -> frozenset[str]:
    """The countries of all domains, for pbx.numbers."""
    rows = await tx.fetch(
        "SELECT DISTINCT COALESCE(NULLIF(region, ''), country_code) AS country FROM domains"
    )
    return frozenset(row["country"] for row in rows)


async def hotlines_at(
    tx: db.Tx, trunks: Collection[UUID], canonicals: Collection[str]
) -> Sequence[carriers.KnownHotline]:
    """The hotlines with one of these numbers, of enabled domains, that may be called by these
    trunks: on one of them, or of a domain that owns one. It crosses tenants.
    """
    rows = await tx.fetch(
        """
        SELECT domain_uuid, canonical, COALESCE(NULLIF(region, ''), country_code) AS country,
          trunk_uuid || further_trunks AS trunks
        FROM hotlines JOIN domains USING (domain_uuid)
        WHERE domains.enabled AND canonical = ANY ($2) AND (
          trunk_uuid || further_trunks && $1::uuid[]
          OR EXISTS (SELECT FROM trunks WHERE trunks.domain_uuid = hotlines.domain_uuid
                     AND trunks.trunk_uuid = ANY ($1)))
        """,
        list(trunks),
        list(canonicals),
    )
    return db.structs(rows, carriers.KnownHotline)
