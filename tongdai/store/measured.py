"""What measurements of a node are named by: its domains, their trunks and queues. And webhooks by
domain. For the operator: it crosses tenants.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from tongdai.store import db


class Names(msgspec.Struct, frozen=True):
    """The names of the node's domains by UUID, of its trunks by UUID with the domain's, and of
    its queues as domain and number.
    """

    domains: Mapping[UUID, str]
    trunks: Mapping[str, tuple[str, str]]
    queues: Sequence[tuple[UUID, str]]


class Webhooks(msgspec.Struct, frozen=True):
    """Of one domain: deliveries that are due, counted up to 100,000 over all domains, and
    subscriptions that fail.
    """

    domain: str
    due: int
    failing: int


async def names(tx: db.Tx, node: str) -> Names:
    """Of that node."""
    known = await tx.fetch("SELECT domain_uuid, name FROM domains WHERE node = $1", node)
    domains = {row["domain_uuid"]: row["name"] for row in known}
    own = list(domains)
    trunks = await tx.fetch(
        "SELECT domain_uuid, trunk_uuid, name FROM trunks WHERE domain_uuid = ANY($1)", own
    )
    queues = await tx.fetch(
        "SELECT domain_uuid, number FROM queues WHERE domain_uuid = ANY($1)", own
    )
    return Names(
        domains,
        {str(row["trunk_uuid"]): (domains[row["domain_uuid"]], row["name"]) for row in trunks},
        [(row["domain_uuid"], row["number"]) for row in queues],
    )


async def webhooks(tx: db.Tx) -> Sequence[Webhooks]:
    """Of each domain that has subscriptions or deliveries."""
    rows = await tx.fetch(
        """
        WITH waiting AS (
          SELECT domain_uuid, count(*) AS due
          FROM (SELECT domain_uuid FROM deliveries LIMIT 100000) AS counted GROUP BY domain_uuid
        ), subscribed AS (
          SELECT domain_uuid, count(*) FILTER (WHERE failing_since IS NOT NULL) AS failing
          FROM subscriptions GROUP BY domain_uuid
        )
        SELECT name AS domain, coalesce(due, 0) AS due, coalesce(failing, 0) AS failing
        FROM subscribed FULL JOIN waiting USING (domain_uuid) JOIN domains USING (domain_uuid)
        """
    )
    return db.structs(rows, Webhooks)
