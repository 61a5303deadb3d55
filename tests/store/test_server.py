import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest

from tongdai import errors, process
from tongdai.store import postmaster, server

Start: TypeAlias = Callable[[Path], Awaitable[server.Server]]

STARTER = """
import asyncio, pathlib, sys, time
from tongdai.store import server
print(asyncio.run(server.start(pathlib.Path(sys.argv[1]))).pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """server.start, whose servers are gone afterwards."""
    started = []

    async def _start(folder: Path) -> server.Server:
        started.append(await server.start(folder))
        return started[-1]

    yield _start
    for one in started:
        await one.stop()


async def ask(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_database_of_ours_that_keeps_what_it_confirmed(
    start: Start, tmp_path: Path
) -> None:
    running = await start(tmp_path / "pg")
    assert not running.adopted
    assert await ask(running.dsn, "SELECT current_database()") == "tongdai"
    assert not await ask(running.dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    assert (
        await ask(
            running.dsn, "SELECT current_setting('fsync') || current_setting('synchronous_commit')"
        )
        == "onon"
    )
    assert await ask(running.dsn, "SELECT current_setting('listen_addresses')") == ""
    assert (
        await ask(running.dsn, "SELECT split_part(current_setting('server_version'), '.', 1)")
        == "18"
    )


async def test_data_survives_a_stop(start: Start, tmp_path: Path) -> None:
    first = await start(tmp_path / "pg")
    await ask(first.dsn, "CREATE TABLE kept AS SELECT 'xin chào' AS text")
    await first.stop()
    assert process.find(first.pid, str(tmp_path / "pg" / "data")) is None
    second = await start(tmp_path / "pg")
    assert not second.adopted
    assert await ask(second.dsn, "SELECT text FROM kept") == "xin chào"


async def test_it_outlives_a_killed_controller_and_is_taken_over(
    start: Start, tmp_path: Path
) -> None:
    controller = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTER, str(tmp_path / "pg")),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert controller.stdout is not None
    pid = int(await controller.stdout.readline())
    controller.kill()
    await controller.wait()
    running = await start(tmp_path / "pg")
    assert (running.pid, running.adopted) == (pid, True)
    assert await ask(running.dsn, "SELECT 1") == 1


async def test_data_survives_a_crash(start: Start, tmp_path: Path) -> None:
    first = await start(tmp_path / "pg")
    await ask(first.dsn, "CREATE TABLE kept AS SELECT 7 AS number")
    os.kill(first.pid, signal.SIGKILL)
    await first.wait()
    second = await start(tmp_path / "pg")
    assert await ask(second.dsn, "SELECT number FROM kept") == 7


async def test_it_starts_though_its_old_process_id_is_anothers(
    start: Start, tmp_path: Path
) -> None:
    first = await start(tmp_path / "pg")
    os.kill(first.pid, signal.SIGKILL)
    await first.wait()
    other = process.launch(["sleep", "600"], tmp_path, tmp_path / "log")
    state = tmp_path / "pg" / "data" / "postmaster.pid"
    state.write_text(state.read_text().replace(str(first.pid), str(other.pid), 1))
    second = await start(tmp_path / "pg")
    assert await ask(second.dsn, "SELECT 1") == 1
    assert other.is_running
    await other.end(signal.SIGTERM, 5)


async def test_two_side_by_side(start: Start, tmp_path: Path) -> None:
    one, other = await start(tmp_path / "one"), await start(tmp_path / "other")
    await ask(one.dsn, "CREATE TABLE here ()")
    assert await ask(other.dsn, "SELECT to_regclass('here')") is None


async def test_a_path_too_long_for_a_socket(start: Start, tmp_path: Path) -> None:
    running = await start(tmp_path / ("long" * 30) / "pg with ünusual name")
    assert await ask(running.dsn, "SELECT 1") == 1


async def test_a_wrong_password_is_refused(start: Start, tmp_path: Path) -> None:
    running = await start(tmp_path / "pg")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(running.dsn, password="guessed")


async def test_passwords_are_for_the_owner_alone(start: Start, tmp_path: Path) -> None:
    await start(tmp_path / "pg")
    assert stat.S_IMODE((tmp_path / "pg" / "login.json").stat().st_mode) == 0o600
    assert not (tmp_path / "pg" / "password").exists()


async def test_folders_above_the_data_stay_as_they_are(start: Start, tmp_path: Path) -> None:
    (private := tmp_path / "private").mkdir(mode=0o700)
    await start(private / "pg")
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


def test_the_server_finds_its_files_in_a_private_folder(tmp_path: Path) -> None:
    """As when everything lies below /root: only an ordinary user's own server would get there by
    itself.
    """
    (private := tmp_path / "private").mkdir(mode=0o700)
    shutil.copy(sys.executable, program := private / "program")
    # by real user, like PostgreSQL
    look = "import os, sys; sys.exit(not os.access(sys.argv[1], os.X_OK))"
    command = [*server._as_owner(private, program), sys.executable, "-c", look, str(program)]
    assert subprocess.run(command, check=False).returncode == 0


async def test_a_cluster_left_half_made_is_made_again(start: Start, tmp_path: Path) -> None:
    (draft := tmp_path / "pg" / "data.new").mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18")
    running = await start(tmp_path / "pg")
    assert await ask(running.dsn, "SELECT 1") == 1
    assert not draft.exists()


async def test_broken_data_is_told_with_the_log(start: Start, tmp_path: Path) -> None:
    await (await start(tmp_path / "pg")).stop()
    shutil.rmtree(tmp_path / "pg" / "data" / "pg_wal")
    with pytest.raises(errors.SetupError, match=r"(?s)does not start.*pg_wal"):
        await start(tmp_path / "pg")


async def test_data_of_another_version_is_told(start: Start, tmp_path: Path) -> None:
    await (await start(tmp_path / "pg")).stop()
    (tmp_path / "pg" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(errors.SetupError, match=r"PostgreSQL 9 .* was made by it"):
        await start(tmp_path / "pg")


@pytest.mark.parametrize(
    "content", [b"\0" * 100, b"", b"\xff\xfe garbage", b"not a number\n/data\n"]
)
async def test_a_lock_file_that_a_power_loss_has_torn_is_set_aside(
    start: Start, tmp_path: Path, content: bytes
) -> None:
    running = await start(tmp_path / "pg")
    await ask(running.dsn, "CREATE TABLE kept AS SELECT 7 AS seven")
    await running.stop()
    lock = tmp_path / "pg" / "data" / "postmaster.pid"
    lock.write_bytes(content)

    again = await start(tmp_path / "pg")

    assert await ask(again.dsn, "SELECT seven FROM kept") == 7
    assert lock.with_name("postmaster.pid.damaged").read_bytes() == content


async def test_a_torn_lock_file_of_a_server_that_lives_is_left_alone(
    start: Start, tmp_path: Path
) -> None:
    running = await start(tmp_path / "pg")
    lock = tmp_path / "pg" / "data" / "postmaster.pid"
    whole = lock.read_bytes()
    lock.write_bytes(b"\0" * len(whole))
    with pytest.raises(errors.SetupError, match="end it first"):
        await server.start(tmp_path / "pg")

    lock.write_bytes(whole)
    assert await ask(running.dsn, "SELECT 1") == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 80, b'{"superuser": "x'])
async def test_damaged_passwords_are_told_in_one_line(
    start: Start, tmp_path: Path, content: bytes
) -> None:
    running = await start(tmp_path / "pg")
    (tmp_path / "pg" / "login.json").write_bytes(content)
    with pytest.raises(errors.SetupError, match=r"login\.json") as told:
        postmaster.dsn_of(tmp_path / "pg")
    with pytest.raises(errors.SetupError, match=r"login\.json"):
        await server.start(tmp_path / "pg")

    assert "\n" not in str(told.value)
    assert running.pid
