"""Commands of API users on live calls: the inbox from which the engine takes them, and the
outcomes for which the API waits.

The table notifies `commands` of a new command, with "node/domain_uuid/command_uuid", and
`outcomes` of a finished one, with "domain_uuid/command_uuid".
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from tongdai import errors, ids, messages
from tongdai.pbx import commands
from tongdai.store import db

if TYPE_CHECKING:  # it imports the log, which no command of the command line needs
    from tongdai.store.tenants import Tenants

# seconds; a command not taken by then is void: its caller got the answer that the switch is down
FRESH_S = 30
_DOWN = (errors.SwitchDown.code, errors.Unavailable.code)
_POLL_S = 1.0  # used if notifications are lost


class Asked(msgspec.Struct, frozen=True):
    """A command that the engine has taken: it carries the command out, then calls `finish`."""

    domain_uuid: UUID
    command_uuid: UUID
    command: commands.Command
    traceparent: str  # of the request's span, or ""


async def ask(
    tx: db.Tx,
    domain_uuid: UUID,
    command: commands.Command,
    idempotency_key: str | None = None,
    *,
    traceparent: str = "",
) -> UUID:
    """Stores the command. Returns its command_uuid: that of an earlier command with the same key,
    if there is one.

    Raises errors.Conflict when the earlier command was a different one.
    """
    body = msgspec.json.encode(command).decode()
    for _ in range(3):  # again if an earlier command of the same key was void
        asked: UUID | None = await tx.fetchval(
            """
            INSERT INTO commands
              (domain_uuid, command_uuid, name, body, idempotency_key, traceparent)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (domain_uuid, idempotency_key) DO NOTHING RETURNING command_uuid
            """,
            domain_uuid,
            ids.new(),
            str(command.__struct_config__.tag),
            body,
            idempotency_key,
            traceparent,
        )
        if asked := asked or await _earlier(tx, domain_uuid, idempotency_key, body):
            return asked
    raise errors.SwitchDown


async def _earlier(
    tx: db.Tx, domain_uuid: UUID, idempotency_key: str | None, body: str
) -> UUID | None:
    """The command with this key. None, and the command is deleted, if it failed because switch or
    database were down and placed no call.
    """
    row = await tx.fetchrow(
        """
        SELECT command_uuid, body, outcome FROM commands
        WHERE domain_uuid = $1 AND idempotency_key = $2
        """,
        domain_uuid,
        idempotency_key,
    )
    if row is None:
        return None
    if row["body"] != body:
        raise errors.Conflict(messages.KEY_USED, field="Idempotency-Key")
    known = _decoded(row["outcome"]) if row["outcome"] else None
    if known and known.error in _DOWN and known.call_id is None:
        await tx.execute(
            "DELETE FROM commands WHERE domain_uuid = $1 AND command_uuid = $2",
            domain_uuid,
            row["command_uuid"],
        )
        return None
    return row["command_uuid"]  # type: ignore[no-any-return]


async def withdraw(tx: db.Tx, domain_uuid: UUID, command_uuid: UUID) -> bool:
    """Withdraws the command. Returns False if it had been taken already."""
    return None is not await tx.fetchval(
        """
        DELETE FROM commands WHERE domain_uuid = $1 AND command_uuid = $2 AND state = 'asked'
        RETURNING true
        """,
        domain_uuid,
        command_uuid,
    )


async def take(tx: db.Tx, node: str, limit: int = 100) -> list[Asked]:
    """Takes the oldest waiting commands of the node's domains, in the order in which they were
    asked. No command is taken twice.
    """
    rows = await tx.fetch(
        """
        UPDATE commands SET state = 'taken', node = $3
        FROM (SELECT domain_uuid, command_uuid FROM commands JOIN domains USING (domain_uuid)
              WHERE state = 'asked' AND commands.created_at > now() - make_interval(secs => $1)
                AND domains.node = $3
              ORDER BY commands.created_at LIMIT $2 FOR UPDATE OF commands SKIP LOCKED) AS due
        WHERE commands.domain_uuid = due.domain_uuid AND commands.command_uuid = due.command_uuid
        RETURNING commands.domain_uuid, commands.command_uuid, commands.body, commands.created_at,
          commands.traceparent
        """,
        FRESH_S,
        limit,
        node,
    )
    return [
        Asked(
            row["domain_uuid"],
            row["command_uuid"],
            msgspec.json.decode(row["body"], type=commands.Command),
            row["traceparent"],
        )
        for row in sorted(rows, key=lambda row: row["created_at"])  # RETURNING has no order
    ]


async def finish(
    tx: db.Tx, domain_uuid: UUID, command_uuid: UUID, outcome: commands.Outcome
) -> None:
    """The outcome is stored, and notified at commit. The first outcome stays."""
    await tx.execute(
        """
        UPDATE commands SET state = 'done', outcome = $3
        WHERE domain_uuid = $1 AND command_uuid = $2 AND state <> 'done'
        """,
        domain_uuid,
        command_uuid,
        msgspec.json.encode(outcome).decode(),
    )


async def abandon(tx: db.Tx, node: str, placed: Sequence[UUID]) -> None:
    """Unfinished commands of the node end as SwitchDown, except those of `placed`. The engine that
    took them died before it committed a call, so they placed none.
    """
    await tx.execute(
        """
        UPDATE commands SET state = 'done', outcome = $3
        WHERE node = $1 AND state = 'taken' AND command_uuid <> ALL ($2)
        """,
        node,
        placed,
        msgspec.json.encode(commands.Outcome(error=errors.SwitchDown.code)).decode(),
    )


async def outcome(tx: db.Tx, domain_uuid: UUID, command_uuid: UUID) -> commands.Outcome | None:
    """The outcome of the command; None if it has none yet or was withdrawn."""
    text = await tx.fetchval(
        "SELECT outcome FROM commands WHERE domain_uuid = $1 AND command_uuid = $2",
        domain_uuid,
        command_uuid,
    )
    return _decoded(text) if text else None


async def purge(tx: db.Tx, older_than_s: float, most: int) -> int:
    """Deletes commands of all domains older than `older_than_s` seconds, with their idempotency
    keys: the oldest `most`. Returns how many.
    """
    await db.by_index(tx)
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        WITH gone AS (
          DELETE FROM commands WHERE ctid = ANY (ARRAY (
            SELECT ctid FROM commands WHERE created_at < now() - make_interval(secs => $1)
            ORDER BY created_at LIMIT $2)) RETURNING 1)
        SELECT count(*) FROM gone
        """,
        older_than_s,
        most,
    )


def _decoded(text: str) -> commands.Outcome:
    return msgspec.json.decode(text, type=commands.Outcome)


class Outcomes:
    """Waits for outcomes: without delay if it gets the `outcomes` notifications, else by
    polling.
    """

    def __init__(self, tenants: "Tenants") -> None:
        self._tenants = tenants
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def heard(self, payload: str) -> None:
        """Call this with each payload of the `outcomes` channel."""
        for event in self._waiting.get(payload, ()):
            event.set()

    async def wait(
        self, domain_uuid: UUID, command_uuid: UUID, timeout_s: float
    ) -> commands.Outcome | None:
        """The command's outcome, or None after the time-out."""
        payload, event = f"{domain_uuid}/{command_uuid}", asyncio.Event()
        self._waiting.setdefault(payload, set()).add(event)
        try:
            return await self._look_until_known(domain_uuid, command_uuid, event, timeout_s)
        finally:
            self._waiting[payload].discard(event)
            if not self._waiting[payload]:
                del self._waiting[payload]

    async def _look_until_known(
        self, domain_uuid: UUID, command_uuid: UUID, event: asyncio.Event, timeout_s: float
    ) -> commands.Outcome | None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        while True:
            event.clear()
            async with self._tenants.connection(domain_uuid) as tx:
                known = await outcome(tx, domain_uuid, command_uuid)
            if known or (left := deadline - clock()) <= 0:
                return known
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, _POLL_S)):
                    await event.wait()
