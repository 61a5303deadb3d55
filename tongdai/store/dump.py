"""A dump of the whole database in a file, written while it is in use, and read into an empty one:
by pg_dump and pg_restore of the version that the embedded PostgreSQL has. They dump servers of
that version and earlier ones.
"""

import asyncio
import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import asyncpg

from tongdai import errors
from tongdai.store import db, server, tenants

# pg_restore sets this parameter, which earlier servers do not know: there one error is expected.
_TRANSACTION_TIMEOUT = 170_000
_ONLY_THAT = r'refuses: [^\n]*"transaction_timeout"\n.*errors ignored on restore: 1\s*$'
_SAID = 2_000  # characters of what a program said, at most


async def write(dsn: str, path: Path) -> None:
    """The file holds the database as it was at one moment, compressed. Raises errors.SetupError
    with what pg_dump says.
    """
    await _run("pg_dump", dsn, "--format=custom", "--no-owner", f"--file={path}")


async def read(dsn: str, path: Path) -> None:
    """The database, which is empty, holds what the file does. What fails leaves it as it was,
    except with a server before 17: there it is to be emptied. Raises errors.SetupError with what
    pg_restore says, and when the role of tenants is not to be had.
    """
    is_whole = await _prepared(dsn) >= _TRANSACTION_TIMEOUT
    options = ("--exit-on-error", "--single-transaction") if is_whole else ()
    try:
        await _run("pg_restore", dsn, "--no-owner", *options, str(path))
    except errors.SetupError as reason:
        if is_whole or not re.search(_ONLY_THAT, str(reason), re.DOTALL):
            raise


async def is_empty(dsn: str) -> bool:
    """Whether the database has no table of ours, nor any other in its schema."""
    tx = await db.connect(dsn)
    try:
        found = await tx.fetchval(
            "SELECT true FROM pg_class WHERE relnamespace = current_schema()::regnamespace LIMIT 1"
        )
    finally:
        await tx.close()
    return found is None


async def _prepared(dsn: str) -> int:
    """The server's version, such as 180004; it has the role that keeps tenants apart now. That
    belongs to the server, not to a database: a dump names it and has none.
    """
    tx = await db.connect(dsn)
    try:
        if not await tx.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", tenants.ROLE):
            await tx.execute(
                f"CREATE ROLE {tenants.ROLE} NOLOGIN; GRANT {tenants.ROLE} TO CURRENT_USER"
            )
        return int(await tx.fetchval("SELECT current_setting('server_version_num')::int"))
    except asyncpg.InsufficientPrivilegeError as reason:
        raise errors.SetupError(
            f"an administrator of PostgreSQL must do this first: CREATE ROLE {tenants.ROLE} "
            f"NOLOGIN; GRANT {tenants.ROLE} TO the role of TONGDAI_DSN;"
        ) from reason
    finally:
        await tx.close()


async def _run(program: str, dsn: str, *options: str) -> None:
    public, password = _without_password(dsn)
    environ = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    process = await asyncio.create_subprocess_exec(
        *(str(server.program(program)), "--dbname", public, *options),
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise errors.SetupError(f"{program} refuses: {said.decode(errors='replace')[-_SAID:]}")


def _without_password(dsn: str) -> tuple[str, str]:
    """The DSN as every process of the machine may see it, and the password."""
    parts = urlsplit(dsn)
    account, at, address = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    query = dict(parse_qsl(parts.query))
    password = query.pop("password", unquote(password))
    public = parts._replace(netloc=f"{user}{at}{address}", query=urlencode(query, quote_via=quote))
    return public.geturl(), password
