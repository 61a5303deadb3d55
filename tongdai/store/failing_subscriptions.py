"""Subscriptions whose URLs fail, of all domains: the operator's list. It crosses tenants."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai.store import db


class Failing(msgspec.Struct, frozen=True):
    """Nothing but failures since `failing_since`; `due` deliveries wait. `last_status` (0: no
    answer) and `last_error` are those of the last attempt with the newest event that was tried.
    """

    domain: str
    id: UUID
    event_name: str
    callback_url: str
    failing_since: datetime
    enabled: bool
    due: int
    last_status: int | None
    last_error: str | None


async def worst(tx: db.Tx, most: int) -> Sequence[Failing]:
    """The subscriptions for which most deliveries wait, then those that fail for longest."""
    rows = await tx.fetch(
        """
        SELECT domains.name AS domain, subscription_uuid AS id, event_name, callback_url,
               failing_since, subscriptions.enabled, due.due,
               last.status AS last_status, last.error AS last_error
        FROM subscriptions JOIN domains USING (domain_uuid)
        CROSS JOIN LATERAL (
          SELECT count(*) AS due FROM deliveries
          WHERE deliveries.domain_uuid = subscriptions.domain_uuid
            AND deliveries.subscription_uuid = subscriptions.subscription_uuid) AS due
        LEFT JOIN LATERAL (
          SELECT status, error FROM attempts
          WHERE attempts.domain_uuid = subscriptions.domain_uuid
            AND attempts.subscription_uuid = subscriptions.subscription_uuid
          ORDER BY seq DESC, at DESC LIMIT 1) AS last ON true
        WHERE failing_since IS NOT NULL
        ORDER BY due.due DESC, failing_since, subscription_uuid LIMIT $1
        """,
        most,
    )
    return db.structs(rows, Failing)
