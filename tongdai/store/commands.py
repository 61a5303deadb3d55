"""What API users asked of live calls: the inbox that the engine takes from, and the answers that
the API waits for.

The table notifies `commands` when one is asked, with "node/domain_uuid/command_uuid", and
`outcomes` when one is done, with "domain_uuid/command_uuid".
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import msgspec

from tongdai import errors, ids, messages
from tongdai.pbx import commands
from tongdai.store import db
from tongdai.store.tenants import Tenants

# what nobody took for so long is no longer wanted: its asker was told that the switch is down
FRESH_S = 30
_DOWN = (errors.SwitchDown.code, errors.Unavailable.code)
_POLL_S = 1.0  # only where notifications are lost


class Asked(msgspec.Struct, frozen=True):
    """A command that is now the taker's: to be carried out, then `finish`ed."""

    domain_uuid: UUID
    command_uuid: UUID
    command: commands.Command


async def ask(
    tx: db.Tx, domain_uuid: UUID, command: commands.Command, idempotency_key: str | None = None
) -> UUID:
    """The command is asked; its command_uuid. With the key of an earlier one it is that one, not a
    second.

    Raises errors.Conflict when the earlier one asked for something else.
    """
    body = msgspec.json.encode(command).decode()
    for _ in range(3):  # again when an earlier one of the same key turned out void
        asked: UUID | None = await tx.fetchval(
            """
            INSERT INTO commands (domain_uuid, command_uuid, name, body, idempotency_key)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (domain_uuid, idempotency_key) DO NOTHING RETURNING command_uuid
            """,
            domain_uuid,
            ids.new(),
            str(command.__struct_config__.tag),
            body,
            idempotency_key,
        )
        if asked := asked or await _earlier(tx, domain_uuid, idempotency_key, body):
            return asked
    raise errors.SwitchDown


async def _earlier(
    tx: db.Tx, domain_uuid: UUID, idempotency_key: str | None, body: str
) -> UUID | None:
    """The command that was asked with this key; None, and deleted, where the switch or the
    database was down and no call was placed.
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
    """Whether the command could still be unasked: nobody has taken it, and now nobody will."""
    return None is not await tx.fetchval(
        """
        DELETE FROM commands WHERE domain_uuid = $1 AND command_uuid = $2 AND state = 'asked'
        RETURNING true
        """,
        domain_uuid,
        command_uuid,
    )


async def take(tx: db.Tx, node: str, limit: int = 100) -> list[Asked]:
    """The oldest commands of the node's domains that are not taken yet, in the order they were
    asked: from now on they are the node's. None twice.
    """
    rows = await tx.fetch(
        """
        UPDATE commands SET state = 'taken', node = $3
        FROM (SELECT domain_uuid, command_uuid FROM commands JOIN domains USING (domain_uuid)
              WHERE state = 'asked' AND commands.created_at > now() - make_interval(secs => $1)
                AND domains.node = $3
              ORDER BY commands.created_at LIMIT $2 FOR UPDATE OF commands SKIP LOCKED) AS due
        WHERE commands.domain_uuid = due.domain_uuid AND commands.command_uuid = due.command_uuid
        RETURNING commands.domain_uuid, commands.command_uuid, commands.body, commands.created_at
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
        )
        for row in sorted(rows, key=lambda row: row["created_at"])  # RETURNING keeps no order
    ]


async def finish(
    tx: db.Tx, domain_uuid: UUID, command_uuid: UUID, outcome: commands.Outcome
) -> None:
    """The outcome stands, and is notified at commit. The first outcome stays."""
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
    """Commands that the node took and that are not done end as SwitchDown, but those of `placed`:
    the engine that took the others died before it committed a call, so none was placed.
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
    """How the command ended, or None: not yet, or withdrawn."""
    text = await tx.fetchval(
        "SELECT outcome FROM commands WHERE domain_uuid = $1 AND command_uuid = $2",
        domain_uuid,
        command_uuid,
    )
    return _decoded(text) if text else None


async def purge(tx: db.Tx, older_than_s: float) -> int:
    """How many commands of all domains were forgotten, with their idempotency keys: all asked
    before that long ago.
    """
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        WITH gone AS (
          DELETE FROM commands WHERE created_at < now() - make_interval(secs => $1) RETURNING 1)
        SELECT count(*) FROM gone
        """,
        older_than_s,
    )


def _decoded(text: str) -> commands.Outcome:
    return msgspec.json.decode(text, type=commands.Outcome)


class Outcomes:
    """Waits for outcomes: without delay when fed the `outcomes` notifications, else by looking now
    and then.
    """

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def heard(self, payload: str) -> None:
        """To be called with each payload of the `outcomes` channel."""
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
