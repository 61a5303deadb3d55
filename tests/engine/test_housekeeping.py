"""Housekeeping: each step by itself, and logs. Recordings: test_retention.py."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from testbed.until import until
from tongdai import errors, ids
from tongdai.engine import housekeeping
from tongdai.pbx.commands import ClickToCall
from tongdai.recording_files import LocalFolder
from tongdai.store import commands, db, domains


@pytest.fixture
async def impatient(database: db.Database) -> AsyncIterator[db.Database]:
    """The same database, to which a statement of 0.2 s is one that hangs."""
    impatient = db.Database(database.dsn, size=1, statement_s=0.2)
    await impatient.open()
    yield impatient
    await impatient.close()


async def test_a_table_that_is_locked_stops_no_step_but_those_that_need_it(
    database: db.Database, impatient: db.Database, tmp_path: Path
) -> None:
    """Recordings come before old commands, which go all the same."""
    await _ask_two_days_ago(database)
    with capture_logs() as logs:
        async with database.transaction() as tx:
            await tx.execute("LOCK TABLE recordings")
            keeping = asyncio.create_task(
                housekeeping.run(
                    impatient,
                    LocalFolder(tmp_path),
                    {},
                    node="switch-1",
                    audit_days=730,
                    every_s=3600,
                )
            )
            await until(lambda: _has_no_command(database))
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
    failed = {line["step"] for line in logs if line["event"] == "housekeeping.failed"}
    assert "recordings" in failed
    assert "commands" not in failed


async def test_each_step_is_taken_whatever_became_of_those_before() -> None:
    async def away() -> int:
        raise errors.Unavailable

    async def stuck() -> int:
        raise PermissionError

    async def done() -> int:
        return 3

    steps = {"away": away, "stuck": stuck, "done": done}
    assert await housekeeping.tidy(steps) == {"done": 3}


async def _ask_two_days_ago(database: db.Database) -> None:
    async with database.transaction() as tx:
        domain = await domains.insert(tx, f"d{ids.new().hex}.example.vn")
        command = ClickToCall(ext="101", phone="0899888999")
        await commands.ask(tx, domain.domain_uuid, command, None)
        await tx.execute("UPDATE commands SET created_at = now() - interval '2 days'")


async def _has_no_command(database: db.Database) -> bool:
    async with database.connection() as tx:
        return not await tx.fetchval("SELECT count(*) FROM commands")


def test_a_log_that_grew_long_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "security"
    housekeeping.trim(log, 10)
    with log.open("a") as writer:
        writer.write("0123456789")
        writer.flush()
        housekeeping.trim(log, 10)
        assert log.stat().st_size == 10
        writer.write("+")
        writer.flush()
        housekeeping.trim(log, 10)
        writer.write("goes on")
    assert log.read_text() == "goes on"
    assert (tmp_path / "security.1").read_text() == "0123456789+"
