"""Low-water marks: for each endpoint, the time of its oldest waiting delivery. A claim reads
nothing older.

Before the mark lie the rows of deliveries that are done. PostgreSQL must keep them while any older
transaction is open (a backup), and without marks each claim would read them all.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from tongdai.store import db

# events of a transaction that takes longer wait for the next look
_LATE = timedelta(seconds=1)


class Marks(msgspec.Struct, frozen=True):
    """The low-water marks of all endpoints at one moment.

    Rows that come to lie below their mark later (a late commit, a clock that was set back, an
    outcome lost in a crash of PostgreSQL) wait for the next `look`, which reads from the
    beginning.
    """

    early: Mapping[UUID, datetime] = {}  # by endpoint, where the mark is before `others`
    domains: Mapping[UUID, Collection[UUID]] = {}  # the same endpoints, by domain
    others: datetime | None = None  # the mark of all other endpoints

    def of(self, endpoint: UUID) -> datetime | None:
        """The mark of the endpoint; None: it is unknown, and the endpoint is read from its
        beginning.
        """
        return self.early.get(endpoint, self.others)


NOT_LOOKED = Marks()


class Look(msgspec.Struct, frozen=True):
    """The endpoints with due deliveries, by their domains; and all marks at that moment."""

    due: Sequence[tuple[UUID, UUID]]
    marks: Marks


# Steps from endpoint to endpoint along the index, past the rows between (a "loose index scan").
_LOOK = """
    WITH RECURSIVE first AS (
      (SELECT domain_uuid, endpoint, due_at FROM deliveries ORDER BY endpoint, due_at LIMIT 1)
      UNION ALL
      SELECT next.* FROM first CROSS JOIN LATERAL (
        SELECT domain_uuid, endpoint, due_at FROM deliveries
        WHERE endpoint > first.endpoint ORDER BY endpoint, due_at LIMIT 1
      ) AS next
    )
    SELECT domain_uuid, endpoint, due_at, now() AS at, (
      SELECT true FROM deliveries AS waiting
      WHERE waiting.endpoint = first.endpoint AND waiting.due_at >= first.due_at
        AND waiting.due_at <= now() AND leased_until <= now()
      LIMIT 1
    ) AS is_due
    FROM (VALUES (true)) AS always LEFT JOIN first ON due_at <= now()
"""


async def look(tx: db.Tx) -> Look:
    """The due endpoints and all marks. Reads the first delivery of each endpoint, however many
    wait, and the rows delivered since the oldest open transaction began.
    """
    rows = await tx.fetch(_LOOK)
    others: datetime = rows[0]["at"] - _LATE
    domains = defaultdict[UUID, list[UUID]](list)
    for row in (early := [row for row in rows if row["endpoint"] and row["due_at"] < others]):
        domains[row["domain_uuid"]].append(row["endpoint"])
    marks = Marks({row["endpoint"]: row["due_at"] for row in early}, domains, others)
    return Look([(row["domain_uuid"], row["endpoint"]) for row in rows if row["is_due"]], marks)
