"""Access of the command line to the store: the settings' database, one transaction for each
command.
"""

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

from tongdai import encryption, settings
from tongdai.cli import terminal
from tongdai.encryption import MasterKey
from tongdai.store import audit, db, domains, postmaster

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

TURN_S = 10  # that a command waits for other changes of its domain


def dsn() -> str:
    """The DSN of the settings, else that of the embedded PostgreSQL running in the data folder.

    Raises errors.SetupError when there is none.
    """
    known = settings.load()
    return known.dsn or postmaster.dsn_of(known.data.absolute() / "postgres")


def master_key() -> MasterKey:
    """The master key of this installation. Raises errors.SetupError where there is none: a new one
    would open nothing.
    """
    known = settings.load()
    return encryption.load(known.secret, known.data / "secret")


def run(work: Callable[[db.Tx], Awaitable[Result]]) -> Result:
    """The result of the work, once its transaction is committed. Raises errors.TongdaiError."""
    return asyncio.run(_run(dsn(), work))


def elsewhere(dsn: str, work: Callable[[db.Tx], Awaitable[Result]]) -> Result:
    """The result of the work in another database than that of the settings. Raises
    errors.TongdaiError.
    """
    return asyncio.run(_run(dsn, work))


def call(
    domain: str,
    verb: Callable[Concatenate[db.Tx, UUID, Parameters], Awaitable[Result]],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> Result:
    """Calls a function of the store in the domain of that name; times are shown in its time zone.
    Raises errors.NotFound for the domain, and the function's own errors.
    """

    async def work(tx: db.Tx) -> Result:
        known = await domains.by_name(tx, domain)
        terminal.in_zone(known.time_zone)
        return await verb(tx, known.domain_uuid, *args, **kwargs)

    return run(work)


def change(
    domain: str,
    verb: Callable[Concatenate[db.Tx, UUID, Parameters], Awaitable[Result]],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> Result:
    """As `call`, for a function that changes the configuration: the API and other commands change
    nothing of the domain between what it reads and what it writes. Raises errors.Conflict while
    the domain is being deleted, errors.Unavailable after TURN_S.
    """

    async def alone(
        tx: db.Tx, domain_uuid: UUID, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        await turn(tx, domain_uuid)
        return await verb(tx, domain_uuid, *args, **kwargs)

    return call(domain, alone, *args, **kwargs)


async def turn(tx: db.Tx, domain_uuid: UUID) -> None:
    """As `change`, for work that finds its domain by itself."""
    await audit.alone(tx, domain_uuid, TURN_S)
    await domains.refuse_deleting(tx, domain_uuid)


def in_steps(work: Callable[[db.Database], Awaitable[Result]]) -> Result:
    """The result of work that makes its own transactions. Raises errors.TongdaiError."""
    return asyncio.run(_in_steps(dsn(), work))


async def _run(dsn: str, work: Callable[[db.Tx], Awaitable[Result]]) -> Result:
    async def whole(database: db.Database) -> Result:
        async with database.transaction() as tx:
            return await work(tx)

    return await _in_steps(dsn, whole)


async def _in_steps(dsn: str, work: Callable[[db.Database], Awaitable[Result]]) -> Result:
    database = db.Database(dsn, size=1, actor=f"cli:{_user()}")
    await database.open()
    try:
        return await work(database)
    finally:
        await database.close()


def _user() -> str:
    """The user of the operating system who runs this command; the number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
