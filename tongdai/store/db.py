"""Connections to PostgreSQL: a fair queue for them, transactions, notifications, rows as structs,
refusals as errors.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

import asyncpg
import msgspec

from tongdai import errors, messages
from tongdai.store import constraints

if TYPE_CHECKING:
    Tx = asyncpg.Connection[asyncpg.Record]
else:
    Tx = asyncpg.Connection  # not generic at run time

Struct = TypeVar("Struct", bound=msgspec.Struct)
SUPPORTED = 15, 18
"""The first and the last major version of PostgreSQL that tongdai was tried with."""

_CONNECT_S = 2.0
_STATEMENT_S = 10.0  # a longer answer means that the database hangs
_HEARTBEAT_S = 10.0
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)  # the last one repeats
# PostgreSQL would plan each statement anew, since arrays of a few rows look cheaper than arrays of
# any length; that takes longer than the statement. A kept plan must not depend on how full tables
# were when it was made: it has to use indexes even if the table was empty then.
#
# The hardest case is `deliveries`: nearly empty most of the time, a million rows when endpoints
# are down. So its statements leave no choice to statistics:
# - LATERAL with LIMIT fixes which side of a join comes first.
# - (SELECT true ... LIMIT 1) and (SELECT ... LIMIT 1) IS NULL stand for EXISTS and NOT EXISTS,
#   which become joins. Join methods that are switched off do not help: a nested loop may take the
#   wrong one of two indexes, which cost the same in an empty table.
# - Rows that a statement has found are changed by their ctid, not searched again.
# - A row BETWEEN the same row can use the primary key alone, no other index that begins with the
#   same column.
# tests/store/deliveries counts the rows and index entries that are read.
PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


class Database:
    """`size` connections, handed out in the order of the requests.

    A task that waits `patience_s` for a connection, or `statement_s` for an answer, gets
    errors.Unavailable. With a `role` the connections have the rights of that role only. The
    audit log names the `actor` of their changes. `is_busy` is for a few statements that run
    all the time: PostgreSQL plans each once, for all parameters, by indexes.
    """

    def __init__(
        self,
        dsn: str,
        size: int = 8,
        patience_s: float = 2.0,
        statement_s: float = _STATEMENT_S,
        *,
        role: str = "",
        actor: str = "",
        is_busy: bool = False,
    ) -> None:
        self.dsn, self._size = dsn, size
        self._settings = {
            **({"role": role} if role else {}),
            **({"tongdai.actor": actor} if actor else {}),
            **(PLANNED_ONCE if is_busy else {}),
        }
        self._patience_s, self._statement_s = patience_s, statement_s
        self._idle: deque[Tx | None] = deque()  # None: a connection that was lost
        self._waiting: deque[asyncio.Future[Tx | None]] = deque()
        self._listeners: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self) -> None:
        """Opens all connections. Raises errors.Unavailable, or errors.SetupError when the DSN is
        wrong.
        """
        try:
            for _ in range(self._size):
                self._idle.append(await self._connect())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Closes idle connections now, and those in use when they come back."""
        self._closed = True
        for task in self._listeners:
            task.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)
        while self._idle:
            if (idle := self._idle.popleft()) is not None:
                await _close(idle)

    @asynccontextmanager
    async def connection(self, prefer: Callable[[Tx], bool] | None = None) -> AsyncIterator[Tx]:
        """A connection on which every statement commits by itself. Leave no session state behind:
        nothing resets it.

        It is one that `prefer` accepts, if such a one is idle. Inside, wait for the database only.
        Raises errors.Unavailable when the database is away, hangs or has no free connection, and
        the errors of `constraints` for refusals.
        """
        tx = await self._take(prefer)
        try:
            yield tx
        except (TimeoutError, asyncio.CancelledError) as reason:
            tx.terminate()  # a statement may still be running on it
            if isinstance(reason, TimeoutError):
                raise errors.Unavailable(messages.DATABASE_SILENT) from reason
            raise
        except asyncpg.InternalClientError as reason:
            # the server has closed it, and the driver does not know yet
            tx.terminate()
            raise errors.Unavailable(messages.DATABASE_LOST) from reason
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as reason:
            if (refused := _refused(reason, is_closed=tx.is_closed())) is None:
                raise
            raise refused from reason
        finally:
            self._give(tx)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """A `connection` in a transaction: everything commits at the end, or nothing when an
        exception is raised.
        """
        async with self.connection() as tx, whole(tx):
            yield tx

    async def check(self) -> None:
        """Raises errors.Unavailable unless the database answers within two seconds."""
        async with self.connection() as tx:
            await tx.execute("SELECT 1", timeout=_CONNECT_S)

    async def check_writes(self) -> None:
        """Raises errors.Unavailable unless the database writes to its log on the disk within two
        seconds. That write leaves no row.
        """
        async with self.connection() as tx:
            found = await tx.fetchrow(
                """
                SELECT current_setting('transaction_read_only') = 'on' AS read_only,
                       pg_logical_emit_message(true, 'tongdai', 'check')
                """,
                timeout=_CONNECT_S,
            )
        if found and found["read_only"]:
            raise errors.Unavailable(messages.DATABASE_READ_ONLY)

    async def listen(
        self,
        callbacks: Mapping[str, Callable[[str], None]],
        lost: Callable[[], None],
        back: Callable[[], None] | None = None,
    ) -> None:
        """Calls the callback of a channel with the payload of each notification, until `close`.

        `lost` is called when the connection breaks, `back` (or `lost` again) when a new one
        listens: what was learnt before may be stale.
        """
        tx = await self._listening(callbacks)
        task = asyncio.create_task(self._keep_listening(tx, callbacks, lost, back or lost))
        self._listeners.add(task)
        task.add_done_callback(self._listeners.discard)

    async def _keep_listening(
        self,
        tx: Tx,
        callbacks: Mapping[str, Callable[[str], None]],
        lost: Callable[[], None],
        back: Callable[[], None],
    ) -> None:
        try:
            while True:
                await _until_broken(tx)
                lost()
                tx = await self._listening_again(callbacks)
                back()
        finally:
            tx.terminate()

    async def _listening(self, callbacks: Mapping[str, Callable[[str], None]]) -> Tx:
        tx = await connect(self.dsn)
        try:
            for channel, callback in callbacks.items():
                await tx.add_listener(channel, _with_payload(callback))
        except BaseException:
            tx.terminate()
            raise
        return tx

    async def _listening_again(self, callbacks: Mapping[str, Callable[[str], None]]) -> Tx:
        attempt = 0
        while True:
            await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
            attempt += 1
            try:
                return await self._listening(callbacks)
            except (errors.TongdaiError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                continue

    async def _take(self, prefer: Callable[[Tx], bool] | None) -> Tx:
        tx = self._next_idle(prefer) if self._idle else await self._wait()
        if tx is not None and not tx.is_closed():
            return tx
        try:
            return await self._connect()
        except BaseException:
            self._give(None)
            raise

    def _next_idle(self, prefer: Callable[[Tx], bool] | None) -> Tx | None:
        """The connection that `prefer` accepts, otherwise the one that has been idle longest;
        without `prefer` the one used last: its caches are warm.
        """
        for tx in self._idle if prefer else ():
            if tx is not None and prefer and prefer(tx):
                self._idle.remove(tx)
                return tx
        return self._idle.popleft() if prefer else self._idle.pop()

    async def _connect(self) -> Tx:
        return await connect(self.dsn, self._statement_s, self._settings)

    async def _wait(self) -> Tx | None:
        waiter: asyncio.Future[Tx | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._patience_s):
                return await waiter
        except BaseException as reason:
            if waiter.done() and not waiter.cancelled():  # handed over during our cancellation
                self._give(waiter.result())
            if isinstance(reason, TimeoutError):
                raise errors.Unavailable(messages.DATABASE_BUSY) from None
            raise

    def _give(self, tx: Tx | None) -> None:
        if tx is not None and (self._closed or tx.is_closed() or tx.is_in_transaction()):
            tx.terminate()
            tx = None
        while self._waiting:
            if not (waiter := self._waiting.popleft()).done():
                waiter.set_result(tx)
                return
        if self._closed:
            return
        if tx is None:
            self._idle.appendleft(tx)
        else:
            self._idle.append(tx)


@asynccontextmanager
async def whole(tx: Tx) -> AsyncIterator[None]:
    """Everything commits at the end, or nothing when an exception is raised."""
    transaction = tx.transaction()
    await transaction.start()
    try:
        yield
    except (TimeoutError, asyncio.CancelledError):
        raise  # the connection is dropped, and PostgreSQL rolls back
    except BaseException:
        await transaction.rollback()
        raise
    await transaction.commit()


@asynccontextmanager
async def tried(tx: Tx) -> AsyncIterator[None]:
    """What is done inside is undone at the end, in any case."""
    transaction = tx.transaction()
    await transaction.start()
    try:
        yield
    except (TimeoutError, asyncio.CancelledError):
        raise  # as `whole`
    except BaseException:
        await transaction.rollback()
        raise
    await transaction.rollback()


@contextmanager
def refusals() -> Iterator[None]:
    """Raises what PostgreSQL refuses as the errors of `constraints`, at once: for callers who say
    where it was. The transaction can only be rolled back then.
    """
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as reason:
        if (refused := _refused(reason, is_closed=False)) is None:
            raise
        raise refused from reason


@asynccontextmanager
async def savepoint(tx: Tx) -> AsyncIterator[None]:
    """In a transaction: after an error nothing is left of it, and the transaction goes on. Raises
    as `refusals`.
    """
    with refusals():
        async with whole(tx):
            yield


async def by_index(tx: Tx) -> None:
    """Until the end of the transaction a table is read through an index in the requested order, if
    there is one; then LIMIT ends the reading. With old statistics the planner prefers to read all
    matching rows and to sort them.
    """
    await tx.execute(
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; "
        "SET LOCAL enable_sort = off"
    )


async def connect(
    dsn: str,
    statement_s: float | None = _STATEMENT_S,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Tx:
    """A separate connection, which the caller closes; statements longer than `statement_s` raise
    TimeoutError.

    PostgreSQL's settings, such as `role`, hold from its first statement on. Raises
    errors.Unavailable when PostgreSQL cannot be reached, errors.SetupError when it refuses the
    login.
    """
    try:
        return await asyncpg.connect(
            dsn,
            timeout=_CONNECT_S,
            command_timeout=statement_s,
            statement_cache_size=512,
            max_cached_statement_lifetime=0,  # without a limit
            # TCP keep-alive once a minute: no firewall forgets a connection that is seldom used.
            server_settings={
                "application_name": "tongdai",
                "tcp_keepalives_idle": "60",
                # Compiling costs seconds where sequential scans are off: every plan looks costly.
                "jit": "off",
                **settings,
            },
        )
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as reason:
        raise errors.Unavailable(messages.DATABASE_AWAY) from reason
    except (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError) as reason:
        raise errors.Unavailable(messages.DATABASE_LOST) from reason
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as reason:
        raise errors.SetupError(f"PostgreSQL refuses the connection: {reason}") from reason


async def version(tx: Tx) -> tuple[int, str]:
    """The major version of the server, and its version in full."""
    number = int(await tx.fetchval("SELECT current_setting('server_version_num')::int"))
    return number // 10_000, str(await tx.fetchval("SHOW server_version"))


def structs(rows: Iterable[asyncpg.Record], kind: type[Struct]) -> list[Struct]:
    """Rows as structs, by column name; columns that the struct does not know are left out."""
    return msgspec.convert([dict(row) for row in rows], list[kind])  # type: ignore[valid-type]


_TYPES = {
    UUID: "uuid",
    int: "bigint",
    float: "double precision",
    bool: "boolean",
    str: "text",
    datetime: "timestamptz",
}


def columns(kind: type[msgspec.Struct]) -> str:
    """The fields of a struct as columns with their types: a list of such structs, encoded as JSON,
    becomes rows by `json_to_recordset($1) AS rows (...)`.
    """
    hints = get_type_hints(kind)
    return ", ".join(f"{name} {_column_type(hints[name])}" for name in kind.__struct_fields__)


def _column_type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "text"
    plain = [each for each in get_args(hint) if each is not NoneType] or [hint]
    return _TYPES[plain[0]]


def struct(row: asyncpg.Record | None, kind: type[Struct], missing: str = "") -> Struct:
    """One row as a struct. Raises errors.NotFound, which says what is `missing`, for None."""
    if row is None:
        raise errors.NotFound(missing)
    return msgspec.convert(dict(row), kind)


def struct_or_none(row: asyncpg.Record | None, kind: type[Struct]) -> Struct | None:
    """One row as a struct, or None."""
    return None if row is None else struct(row, kind)


_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby, right after a fail-over
)


def _refused(reason: Exception, *, is_closed: bool) -> errors.TongdaiError | None:
    """The error of ours for a driver's error; None: it is a fault of ours, and is raised
    unchanged.
    """
    if isinstance(reason, asyncpg.IntegrityConstraintViolationError):
        return constraints.refusal(reason)
    # the driver's own error of a number that a column cannot hold is both of these
    is_unfit = isinstance(reason, asyncpg.InterfaceError) and isinstance(reason, ValueError)
    if is_unfit or isinstance(reason, asyncpg.CharacterNotInRepertoireError):
        return errors.Invalid(messages.NOT_STORABLE, field="text")
    if isinstance(reason, asyncpg.TransactionRollbackError | asyncpg.LockNotAvailableError):
        return errors.Unavailable(messages.TRY_AGAIN)
    if isinstance(reason, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return errors.SetupError(
            f"The database is not of this version ({reason}): run tongdai migrate."
        )
    if is_closed or isinstance(reason, _AWAY):
        return errors.Unavailable(messages.DATABASE_LOST)
    return None


def _with_payload(callback: Callable[[str], None]) -> Callable[..., None]:
    """asyncpg calls it with (connection, pid, channel, payload)."""
    return lambda *notification: callback(notification[3])


async def _until_broken(tx: Tx) -> None:
    """Returns when the connection is lost, or does not respond."""
    broken = asyncio.Event()
    tx.add_termination_listener(lambda _: broken.set())
    while not tx.is_closed():
        try:
            async with asyncio.timeout(_HEARTBEAT_S):
                await broken.wait()
        except TimeoutError:
            await _heartbeat(tx)


async def _heartbeat(tx: Tx) -> None:
    try:
        await tx.fetchval("SELECT 1", timeout=_CONNECT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        tx.terminate()


async def _close(tx: Tx) -> None:
    try:
        await tx.close(timeout=_CONNECT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        tx.terminate()
