"""Deletes old data: recordings (retention.py), call records and events (expiry.py), partitions,
commands, logs, and the rest of domains whose deletion was interrupted. Counts days anew when the
rules of their time zone have changed.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import structlog

from tongdai import errors
from tongdai.engine import expiry, retention
from tongdai.recording_files import RecordingFiles
from tongdai.store import (
    audit,
    batches,
    cdr_days,
    commands,
    db,
    deletion,
    deliveries,
    idempotency_keys,
    sessions,
)

log = structlog.get_logger()

EVERY_S = 3600.0
COMMANDS_S = 86_400.0
LOGS, LOG_BYTES = ("messages", "security", "sip"), 64 << 20
CEL_LOG, CEL_LOG_BYTES = Path("cel-custom", "cel.jsonl"), 256 << 20  # about 50,000 calls


async def run(
    database: db.Database,
    files: RecordingFiles,
    days: Mapping[str, int],
    *,
    node: str,
    audit_days: int,
    logs: Path | None = None,
    every_s: float = EVERY_S,
) -> None:
    """Runs until cancelled. `days`: how many days each partitioned table holds. `node`: whose
    domains are counted anew. `audit_days`: how long entries of the audit log stay.
    Domains may say other days. `logs`: the private Asterisk's folder.
    """
    steps = {
        "logs": partial(tidy_logs, logs),
        "partitions": partial(expiry.keep_partitions, database, days),
        "records": partial(expiry.expire_cdrs, database),
        "events": partial(expiry.expire_events, database, days.get("events", 0)),
        "expired": partial(retention.expire, database),
        "recordings": partial(retention.delete_files, database, files),
        "domains": partial(retention.delete_of_lost_domains, database, files),
        "commands": partial(_purged, database, partial(commands.purge, older_than_s=COMMANDS_S)),
        "keys": partial(_purged, database, idempotency_keys.purge),
        "sessions": partial(_purged, database, sessions.purge),
        "audit": partial(_purged, database, partial(audit.purge, days=audit_days)),
        "deletions": partial(_finish_deletions, database),
        "deliveries": partial(deliveries.sweep, database),
        "recounted": partial(_recount_days, database, node),
    }
    while True:
        gone = await tidy(steps)
        if any(gone.values()):
            log.info("housekeeping.done", **gone)
        await asyncio.sleep(every_s)


async def tidy(steps: Mapping[str, Callable[[], Awaitable[int]]]) -> dict[str, int]:
    """Runs each step. Returns how much each one has done. A step that fails, because the database
    is down or slow or a file cannot be removed, is logged and tried again the next time; the other
    steps still run.
    """
    gone = {}
    for name, step in steps.items():
        try:
            gone[name] = await step()
        except (errors.Unavailable, OSError) as reason:
            log.warning("housekeeping.failed", step=name, why=str(reason))
    return gone


async def tidy_logs(logs: Path | None) -> int:
    """Large logs begin anew. Returns 0, so that no line is logged."""
    for path in [logs / name for name in LOGS] if logs else []:
        await asyncio.to_thread(trim, path)
    if logs:
        rotate(logs / CEL_LOG)
    return 0


async def _purged(database: db.Database, purge: Callable[..., Awaitable[int]]) -> int:
    """Old rows are deleted in batches. Returns how many."""
    total = 0
    while True:
        async with database.transaction() as tx:
            gone = await purge(tx, most=batches.BATCH)
        total += gone
        if gone < batches.BATCH:
            return total
        await asyncio.sleep(batches.PAUSE_S)


async def _finish_deletions(database: db.Database) -> int:
    """Deletes the domains whose deletion was interrupted. Returns how many."""
    async with database.connection() as tx:
        unfinished = await deletion.unfinished(tx)
    for domain_uuid in unfinished:
        with contextlib.suppress(errors.Conflict):  # a call is live
            await deletion.finish(database, domain_uuid)
    return len(unfinished)


async def _recount_days(database: db.Database, node: str) -> int:
    """Counts the days of the domains whose time zone has other rules in this version. Returns how
    many domains.
    """
    async with database.connection() as tx:
        outdated = await cdr_days.outdated(tx, node)
    for domain_uuid in outdated:
        await cdr_days.recount(database, domain_uuid)
    return len(outdated)


def trim(log_file: Path, most: int = LOG_BYTES) -> None:
    """A log of more than that many bytes begins anew; its old content is beside it as NAME.1. Its
    writer appends.
    """
    with contextlib.suppress(FileNotFoundError):
        if log_file.stat().st_size > most:
            shutil.copyfile(log_file, log_file.with_name(f"{log_file.name}.1"))
            os.truncate(log_file, 0)


def rotate(cel_log: Path, most: int = CEL_LOG_BYTES) -> None:
    """A CEL log of more than that many bytes is renamed to NAME.1, replacing the former one. Its
    writer opens it for each line; its readers first read NAME.1 to its end (asterisk.cel_log).
    """
    with contextlib.suppress(FileNotFoundError):
        if cel_log.stat().st_size > most:
            cel_log.replace(cel_log.with_name(f"{cel_log.name}.1"))
