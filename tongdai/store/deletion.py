"""The deletion of a domain with everything in it, in batches.

It begins with a mark, by which the domain is disabled: its phones and trunks leave the switch, and
calls and log-ins are refused. Then its tables are emptied, the large ones first; the row of the
domain goes last. After a crash it is deleted again, by the operator or by housekeeping, and what
is left goes.
"""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from tongdai import errors, messages
from tongdai.store import batches, db, domains

# Each with the columns that follow domain_uuid in an index of the table. Nothing in a table refers
# to one before it.
TABLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("deliveries", ("subscription_uuid", "seq")),
    ("subscriptions", ("subscription_uuid",)),
    ("attempts", ("subscription_uuid", "seq", "at")),
    ("events", ("seq", "created_at")),
    ("timelines", ("call_uuid", "written_at")),
    ("cdr_sip_call_ids", ("hash",)),
    ("cdr_ids", ("id", "cdr_uuid")),
    ("cdr_participants", ("number", "time_started")),
    ("recordings", ("cdr_uuid", "recording_uuid")),
    ("cdr_days", ("day", "direction", "status")),
    ("report_days", ("kind", "day", "name", "direction")),
    ("report_hours", ("kind", "name", "day", "hour", "direction")),
    ("cdrs", ("cdr_uuid",)),
    ("commands", ("command_uuid",)),
    ("idempotency_keys", ("actor", "key")),
    ("callers", ("caller",)),
    ("hotlines", ("canonical",)),
    ("hours_plans", ("name",)),
    ("trunks", ("trunk_uuid",)),
    ("dialables", ("number",)),  # with extensions, devices, ring groups and queues
    ("prompt_audio", ("name",)),
    ("prompts", ("name",)),
    ("api_keys", ("api_key_uuid",)),
    ("sessions", ("user_uuid",)),
    ("developer_links", ("link_uuid",)),
    ("second_factors", ("user_uuid",)),
    ("saved_searches", ("account_uuid", "name")),
    ("users", ("user_uuid",)),
)
Progress = Callable[[str, int], object]
"""Called after each batch with the table, and how many of its rows are deleted (those of the audit
log: erased) so far."""


async def begin(tx: db.Tx, domain_uuid: UUID) -> None:
    """From now on the domain is being deleted: it is disabled.

    Raises errors.NotFound, and errors.Conflict while calls are live or other domains' hotlines use
    its trunks.
    """
    await domains.hold_without_calls(tx, domain_uuid)
    if await tx.fetchval(
        """
        SELECT true FROM hotlines JOIN trunks
          ON trunks.trunk_uuid = ANY (hotlines.trunk_uuid || further_trunks)
        WHERE trunks.domain_uuid = $1 AND hotlines.domain_uuid <> $1 LIMIT 1
        """,
        domain_uuid,
    ):
        raise errors.Conflict(messages.TRUNK_BORROWED, field="trunk")
    await tx.execute(
        """
        UPDATE domains SET enabled = false, deleting_since = COALESCE(deleting_since, now())
        WHERE domain_uuid = $1
        """,
        domain_uuid,
    )


async def finish(
    database: db.Database,
    domain_uuid: UUID,
    progress: Progress = lambda _table, _rows: None,
    *,
    batch: int = batches.BATCH,
    pause_s: float = batches.PAUSE_S,
) -> None:
    """The domain, whose deletion has begun, is gone, whoever else is deleting it. Raises
    errors.Conflict while a call that came at the last moment is live; it can be done again.
    """
    for table, key in TABLES:
        await batches.delete(
            database,
            batches.Rows(table, {"domain_uuid": domain_uuid}, key),
            batch=batch,
            pause_s=pause_s,
            progress=partial(progress, table),
        )
    await batches.update(
        database,
        batches.Rows("audit_log", {"domain_uuid": domain_uuid}, ("audit_id",)),
        "before = NULL, after = NULL",
        batch=batch,
        pause_s=pause_s,
        progress=partial(progress, "audit_log"),
    )
    with contextlib.suppress(errors.NotFound):
        async with database.transaction() as tx:
            await domains.delete(tx, domain_uuid)


async def unfinished(tx: db.Tx) -> Sequence[UUID]:
    """The domains whose deletion has begun. For housekeeping: it crosses tenants."""
    rows = await tx.fetch(
        "SELECT domain_uuid FROM domains WHERE deleting_since IS NOT NULL ORDER BY deleting_since"
    )
    return [row["domain_uuid"] for row in rows]
