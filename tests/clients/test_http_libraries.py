"""HTTP libraries of Node.js as CRMs use them, against a running system."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from testbed.clients import Programs
from testbed.company import Company
from testbed.samples import record
from tests.clients.conftest import HERE
from tongdai.pbx import cdr
from tongdai.store import cdrs, db

IDLE_S = 6  # longer than the 5 s after which many servers close a connection


@pytest.fixture
async def calls(written: db.Database, company: Company) -> list[cdr.Cdr]:
    """Five calls of a company, from the oldest to the newest."""
    made = [
        record(company.uuid, f"2026-11-0{day} 09:00:00", extension=extension, status=status)
        for day, extension, status in (
            (1, "101", "ANSWERED"),
            (2, "102", "BUSY"),
            (3, "103", "ANSWERED"),
            (4, "101", "CANCEL"),
            (5, "102", "ANSWERED"),
        )
    ]
    async with written.transaction() as tx:
        await cdrs.insert_many(tx, made)
    return made


async def test_filters_loops_preflights_and_kept_connections(
    node: Programs, workshop: Path, company: Company, calls: list[cdr.Cdr]
) -> None:
    shutil.copy(HERE / "http.mjs", workshop)
    environ = {
        "API": company.api.base_url,
        "TOKEN": company.api.token,
        "POLLS": "2",
        "IDLE_MS": f"{IDLE_S * 1000}",
    }
    said: dict[str, Any] = msgspec.json.decode(
        await node.run("node", "http.mjs", cwd=workshop, environ=environ)
    )

    ids = [str(call.cdr_uuid) for call in calls]
    wanted = sorted(ids[index] for index in (0, 1, 4))
    assert said["filtered"] == dict.fromkeys(said["filtered"], wanted)
    assert len(said["filtered"]) == 5
    assert said["scrolled"] == dict.fromkeys(("no data", "no scroll_id"), ids[::-1])
    for names, allowed in said["preflights"].items():
        origin, headers = allowed
        assert (origin, {*headers.replace(" ", "").split(",")} >= {*names.split(",")}) == (
            "*",
            True,
        )
    assert said["polled"]["failures"] == []
    for library in ("axios", "got"):
        ports = said["polled"]["ports"][library]
        assert len(ports) == 2
        assert len({*ports}) == 1, "the idle connection is used again"
