"""tongdai cdr: records of one domain, or of all."""

import asyncio
import json
from typing import Any

from testbed import samples
from tests.cli.conftest import run
from tongdai import ids
from tongdai.pbx.cdr import Cdr
from tongdai.store import cdrs, db, domains


async def company(database: db.Database, *records: dict[str, Any]) -> tuple[str, list[Cdr]]:
    """The name of a new domain, and its records."""
    async with database.transaction() as tx:
        domain = await domains.insert(tx, f"{ids.new().hex}.example.vn")
        made = [samples.record(domain.domain_uuid, **one) for one in records]
        await cdrs.insert_many(tx, made)
    return domain.name, made


async def cdr(database: db.Database, *args: str, code: int = 0) -> str:
    environ = {"TONGDAI_DSN": database.dsn, "TONGDAI_SECRET": "of thirty-two characters or more"}
    done = await asyncio.to_thread(run, environ, "cdr", *args)
    assert done.exit_code == code, done.output
    return done.stderr if code else done.stdout


async def listed(database: db.Database, *args: str) -> list[str]:
    return [one["id"] for one in json.loads(await cdr(database, "list", *args, "--json"))]


async def test_the_newest_records_of_a_domain_by_what_they_are(database: db.Database) -> None:
    unknown = {"status": "INVALID", "cause": "UNALLOCATED_NUMBER", "trunk": "viettel"}
    name, made = await company(
        database,
        {"started": "2026-12-01 08:00:00"},
        {"started": "2026-12-01 10:05:00", "sip_status": 404, **unknown},
        {"started": "2026-12-01 11:00:00", "extension": "102", "to_canonical": "84911222333"},
    )
    first, failed, other = (str(one.cdr_uuid) for one in made)

    assert await listed(database, "-d", name) == [other, failed, first]
    assert await listed(database, "-d", name, "--limit", "1") == [other]
    assert await listed(database, "-d", name, "--extension", "102") == [other]
    assert await listed(database, "-d", name, "--phone", "0911222333") == [other]
    assert await listed(database, "-d", name, "--status", "invalid") == [failed]
    window = ("--since", "2026-12-01 10:00", "--until", "2026-12-01 10:30")
    assert await listed(database, "-d", name, *window) == [failed], "in the domain's time zone"
    line = (await cdr(database, "list", "-d", name, "--status", "INVALID")).splitlines()[1]
    assert line.split()[:2] == ["2026-12-01", "10:05:00+07:00"]
    assert "UNALLOCATED_NUMBER" in line
    assert line.split()[-3:] == ["viettel", "404", failed]


async def test_all_domains_together_and_one_record_whole(database: db.Database) -> None:
    number = "84977000111"
    a, (old,) = await company(database, {"started": "2026-12-01 08:00", "to_canonical": number})
    b, (new,) = await company(database, {"started": "2026-12-01 09:00", "to_canonical": number})

    lines = (await cdr(database, "list", "--phone", "0977000111")).splitlines()[1:]
    assert [line.split()[0] for line in lines] == [b, a], "the newest first"
    shown = json.loads(await cdr(database, "show", old.sip_call_id, "-d", a, "--json"))
    assert (shown["cdr_uuid"], shown["billsec"]) == (str(old.cdr_uuid), 3)
    await cdr(database, "show", str(new.cdr_uuid), "-d", a, code=3)
    assert "no such domain" in await cdr(database, "list", "-d", "none.example.vn", code=3)
    await cdr(database, "list", "-d", a, "--status", "ok", code=2)
