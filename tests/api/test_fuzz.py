"""Thousands of requests made of the served OpenAPI document, in and out of what it allows: all is
answered as it says.

`FUZZ_SECONDS` asks for more: so many seconds, from a seed that is new each time and told by a
failure.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.api.conftest import Tenant
from tests.api.test_isolation import House, furnish
from tongdai import api, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import rehearsal, simulation, trunk_trials
from tongdai.pbx.commands import (
    Command,
    DropPhones,
    FindRoute,
    ListPhones,
    Outcome,
    Rehearse,
    TryTrunk,
)
from tongdai.pbx.directory import NODE
from tongdai.store import commands, db, live_state

SECONDS = int(os.environ.get("FUZZ_SECONDS", "0"))
SEED = str(secrets.randbits(32) if SECONDS else 20261123)
EXAMPLES = "1000000" if SECONDS else "5"  # of each operation

PHASES = "examples,coverage,fuzzing" + (",stateful" if SECONDS else "")

# what the document allows may be refused with its 422: a hotline that is another's
CONFIG = "checks.positive_data_acceptance.enabled = false\n"


@pytest.fixture
async def house(
    database: db.Database, master_key: MasterKey, deps: api.Deps, tenant: Tenant
) -> House:
    return await furnish(database, master_key, deps, tenant)


@pytest.fixture
async def engine(database: db.Database, house: House) -> AsyncIterator[None]:
    """Commands are answered: the switch is there, lets the phone ring, and tells nothing. Live
    state is published.
    """
    domain_uuid = house.tenant.domain.domain_uuid
    async with database.transaction() as tx:
        await live_state.begin(tx, domain_uuid, {})

    async def answer() -> None:
        while True:
            async with database.transaction() as tx:
                await live_state.touch(tx, [domain_uuid])
                for one in await commands.take(tx, NODE):
                    told = Outcome(call_id=ids.new(), report=report(one.command))
                    await commands.finish(tx, one.domain_uuid, one.command_uuid, told)
            await asyncio.sleep(0.005)

    answering = asyncio.create_task(answer())
    yield
    answering.cancel()


def report(command: Command) -> str:
    """An answer to a command that asks; "" for the others."""
    route = simulation.Route(direction="local", at=datetime.now(UTC), steps=(), end=None)
    match command:
        case ListPhones() | DropPhones():
            return "[]"
        case TryTrunk():
            course = trunk_trials.Course(ended_after_ms=20, sip_status=404, q850=1)
            trial = trunk_trials.Trial(
                trunk="carrier", number="0899888999", caller="", result="refused", course=course,
                cause="UNALLOCATED_NUMBER",
            )  # fmt: skip
            return msgspec.json.encode(trial).decode()
        case FindRoute():
            return msgspec.json.encode(route).decode()
        case Rehearse():
            known = rehearsal.ExtensionNow(extension=command.click.ext, is_known=False)
            told = rehearsal.Rehearsal(outcome=Outcome(), extension=known, loads=(), route=route)
            return msgspec.json.encode(told).decode()
        case _:
            return ""


async def test_every_request_is_answered_as_the_document_says(
    url: str, house: House, engine: None, tmp_path: Path
) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/schema/openapi.json"),
        *("--url", url, "--header", f"Authorization: Bearer {house.tenant.client.token}"),
        *("--no-color", "--seed", SEED, "--max-examples", EXAMPLES, "--phases", PHASES),
        *(("--max-time", str(SECONDS)) if SECONDS else ()),
    ]
    running = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await running.communicate()

    assert running.returncode == 0, said.decode()
