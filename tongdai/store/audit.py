"""The audit log: who changed what, from where, before and after. Triggers write it
(migrations/0010_audit.sql); a transaction says first who acts in it.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.store import db

_URL = "callback_url"
Action = Literal["create", "update", "delete"]
NOUNS = (
    "domain",
    "user",
    "api_key",
    "extension",
    "device",
    "trunk",
    "hotline",
    "hours_plan",
    "caller",
    "ring_group",
    "queue",
    "prompt",
    "menu",
    "subscription",
    "call",
    "phone",
    "session",
    "second_factor",
    "phone_credential",
    "provisioning_link",
    "developer_link",
)
"""The nouns of a domain whose changes are logged; `operator` and `ban` are of the installation. A
call is logged when somebody ends or steers it by a command, a phone when somebody signs it off, a
session when somebody signs in, phone credentials when a page gets some, a provisioning link when
it is made or ended, as is a link for developers.
"""


class Entry(msgspec.Struct, frozen=True):
    """One change. `actor`: user:NAME, operator:NAME, cli:NAME, or
    developer:NAME for whoever opened the link of that name; "": tongdai itself. `api_key`:
    which key of the user, where it is not the user's own. `address`: the client's; "": this
    machine. `before` and `after` have the fields that changed, secrets and queries of URLs as
    "***"; None: they are erased.
    """

    audit_id: int
    at: datetime
    actor: str
    api_key: str
    address: str
    action: Action
    noun: str
    name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Filter(msgspec.Struct, frozen=True):
    """Which entries are wanted; "" and None are no condition."""

    noun: str = ""
    name: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None


async def acting(tx: db.Tx, actor: str, address: str = "", api_key: str = "") -> None:
    """Changes in this transaction are logged as this actor's."""
    await tx.fetchval(
        """
        SELECT set_config('tongdai.actor', $1, true) || set_config('tongdai.address', $2, true)
               || set_config('tongdai.api_key', $3, true) IS NULL
        """,
        actor,
        address,
        api_key,
    )


async def alone(tx: db.Tx, domain_uuid: UUID, wait_s: int = 1) -> None:
    """Until the transaction ends, no other one that asks so changes the domain's configuration:
    what was read before a change is still so. Raises errors.Unavailable when a lock is not to be
    had within `wait_s`.
    """
    await tx.fetchval("SELECT set_config('lock_timeout', $1, true) IS NULL", f"{wait_s}s")
    await tx.fetchval(
        "SELECT pg_advisory_xact_lock(hashtextextended('configuration ' || $1, 0)) IS NULL",
        str(domain_uuid),
    )


async def list(
    tx: db.Tx,
    domain_uuid: UUID | None,
    wanted: Filter = Filter(),  # noqa: B008  it is frozen
    *,
    limit: int,
    before: int | None = None,
) -> Sequence[Entry]:
    """The newest entries of the domain (None: of the installation), or those before an entry. They
    are for people: queries of callback URLs, which may hold secrets, are "***".
    """
    rows = await tx.fetch(
        """
        SELECT audit_id, at, actor, api_key, address, action, noun, name,
               before::text AS before, after::text AS after
        FROM audit_log
        WHERE domain_uuid IS NOT DISTINCT FROM $1 AND ($2::bigint IS NULL OR audit_id < $2)
          AND ($3 = '' OR noun = $3)
          AND ($4 = '' OR $4 IN (name, regexp_replace(name, '[?].*', '?***')))
          AND ($5 = '' OR actor = $5)
          AND ($6::timestamptz IS NULL OR at >= $6) AND ($7::timestamptz IS NULL OR at < $7)
        ORDER BY audit_id DESC LIMIT $8
        """,
        domain_uuid,
        before,
        wanted.noun,
        wanted.name,
        wanted.actor,
        wanted.since,
        wanted.until,
        limit,
    )
    return [_without_queries(_entry(dict(row))) for row in rows]


async def since(tx: db.Tx, domain_uuid: UUID, moment: datetime) -> Sequence[Entry]:
    """The changes of the domain after the moment, the newest first. Raises errors.Gone unless the
    log reaches back to it.
    """
    first: datetime | None = await tx.fetchval(
        "SELECT min(at) FROM audit_log WHERE domain_uuid = $1", domain_uuid
    )
    if first is None or first > moment:
        since = first.astimezone(UTC).isoformat(" ", "seconds") if first else "-"
        raise errors.Gone(messages.LOG_TOO_SHORT(since=since))
    rows = await tx.fetch(
        """
        SELECT audit_id, at, actor, api_key, address, action, noun, name,
               before::text AS before, after::text AS after
        FROM audit_log WHERE domain_uuid = $1 AND at > $2 ORDER BY audit_id DESC
        """,
        domain_uuid,
        moment,
    )
    return [_entry(dict(row)) for row in rows]


async def purge(tx: db.Tx, days: int, most: int) -> int:
    """Deletes entries that are older than the days that their domain keeps them, or than `days`
    where it says nothing; at most `most` of them. Returns how many.
    """
    gone: int = await tx.fetchval(
        """
        WITH gone AS (
          DELETE FROM audit_log WHERE audit_id IN (
            SELECT audit_id FROM audit_log LEFT JOIN domains USING (domain_uuid)
            WHERE at < now() - make_interval(
                    days => least($1, (SELECT min(audit_days) FROM domains)))
              AND at < now() - make_interval(days => coalesce(audit_days, $1))
            ORDER BY at LIMIT $2
          ) RETURNING true
        )
        SELECT count(*) FROM gone
        """,
        days,
        most,
    )
    return gone


async def domain_of(tx: db.Tx, name: str) -> UUID:
    """The domain of that name, or the last one that had it, which is deleted. Raises
    errors.NotFound.
    """
    found = await tx.fetchval(
        """
        SELECT coalesce(
          (SELECT domain_uuid FROM domains WHERE name = lower($1)),
          (SELECT domain_uuid FROM audit_log
           WHERE noun = 'domain' AND action = 'delete' AND name = lower($1)
           ORDER BY audit_id DESC LIMIT 1))
        """,
        name,
    )
    if found is None:
        raise errors.NotFound(f"no such domain: {name}")
    return found  # type: ignore[no-any-return]


def _without_queries(entry: Entry) -> Entry:
    if entry.noun != "subscription":
        return entry
    before, after = (
        fields and {key: _hidden(value) if key == _URL else value for key, value in fields.items()}
        for fields in (entry.before, entry.after)
    )
    return msgspec.structs.replace(entry, name=_hidden(entry.name), before=before, after=after)


def _hidden(url: str) -> str:
    """The URL without its query."""
    return re.sub(r"[?].*", "?***", url)


def _entry(row: dict[str, Any]) -> Entry:
    for side in ("before", "after"):
        row[side] = None if row[side] is None else msgspec.json.decode(row[side])
    return Entry(**row)
