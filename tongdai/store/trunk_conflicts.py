"""Trunks of several domains at the same carrier's addresses that the number called cannot keep
apart. It crosses tenants: only the operator may see this.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongdai.store import db


class TrunkConflict(msgspec.Struct, frozen=True, kw_only=True):
    """Two enabled trunks at a common address. `numbers`: hotlines that both domains have there,
    whose calls are refused. `has_other_place`: they read the number called in different places of
    an INVITE, and only one of these can count. `has_other_addresses`: their addresses overlap
    without being the same, so that the number called does not decide while no engine answers.
    """

    trunk_uuid: UUID
    trunk: str
    domain: str
    other_trunk: str
    other_domain: str
    numbers: tuple[str, ...] = ()
    has_other_place: bool = False
    has_other_addresses: bool = False


async def neighbours(tx: db.Tx, trunk_uuid: UUID) -> Sequence[TrunkConflict]:
    """Every other enabled trunk with an address of this one, in conflict or not."""
    return db.structs(await tx.fetch(_PAIRS, trunk_uuid), TrunkConflict)


async def conflicts(tx: db.Tx, trunk_uuid: UUID | None = None) -> Sequence[TrunkConflict]:
    """The conflicts of a trunk, or of all trunks, each pair once."""
    found = db.structs(await tx.fetch(_PAIRS, trunk_uuid), TrunkConflict)
    return [
        each for each in found if each.numbers or each.has_other_place or each.has_other_addresses
    ]


_PAIRS = """
WITH known AS (
  SELECT trunks.*, domains.name AS domain, CASE WHEN cardinality(addresses) = 0
      THEN ARRAY[host_alone(host)] ELSE addresses END AS sources
  FROM trunks JOIN domains USING (domain_uuid)
  WHERE trunks.enabled AND domains.enabled
), owned AS (
  SELECT hotlines.domain_uuid, canonical, number, trunks.trunk_uuid
  FROM hotlines JOIN trunks ON trunks.trunk_uuid = hotlines.trunk_uuid
    OR trunks.domain_uuid = hotlines.domain_uuid
    OR trunks.trunk_uuid = ANY (further_trunks)
)
SELECT one.trunk_uuid, one.name AS trunk, one.domain, other.name AS other_trunk,
  other.domain AS other_domain, one.called_number_in <> other.called_number_in AS has_other_place,
  one.carrier_key <> other.carrier_key AS has_other_addresses,
  ARRAY(SELECT DISTINCT mine.number FROM owned AS mine JOIN owned AS theirs USING (canonical)
        WHERE mine.trunk_uuid = one.trunk_uuid AND theirs.trunk_uuid = other.trunk_uuid
          AND mine.domain_uuid <> theirs.domain_uuid ORDER BY mine.number) AS numbers
FROM known AS one JOIN known AS other ON CASE WHEN $1::uuid IS NULL
    THEN one.trunk_uuid < other.trunk_uuid
    ELSE one.trunk_uuid = $1 AND other.trunk_uuid <> $1 END
  AND (one.carrier_key = other.carrier_key OR EXISTS (
    SELECT FROM unnest(one.sources) AS mine, unnest(other.sources) AS theirs
    WHERE CASE WHEN mine ~ '^[0-9.]+(/[0-9]+)?$|:' AND theirs ~ '^[0-9.]+(/[0-9]+)?$|:'
      THEN mine::inet && theirs::inet ELSE mine = theirs END))
ORDER BY one.domain, one.name, other.domain, other.name
"""
