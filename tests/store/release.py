"""Writes a small database of this version as SQL, from which later versions are upgraded in
test_upgrade.py: `python -m tests.store.release`, once for each release, and never again.

Only what has been there since the first release is used, so that the same company is in each file.
"""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from testbed import samples
from tests.webhooks import samples as webhooks
from tongdai import __version__
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Extension, Queue, RingGroup
from tongdai.store import (
    cdrs,
    db,
    domains,
    extensions,
    hotlines,
    migrate,
    queues,
    ring_groups,
    server,
    trunks,
    users,
)

FOLDER = Path(__file__).with_name("releases")
NAME, KEY, PASSWORD = "sales.example.vn", MasterKey(bytes(range(32))), "correct-horse-battery"
URL = "https://crm.example.vn/"


async def fill(database: db.Database) -> None:
    """A company with one of everything, two calls and an event that is due."""
    async with database.transaction() as tx:
        domain = await domains.insert(tx, NAME, recording_days=90)
        own = domain.domain_uuid
        await users.insert(tx, own, KEY, "an", PASSWORD)
        for number in ("101", "102"):
            await extensions.insert(tx, own, Extension(number, "Ánh"), PASSWORD)
        trunk = trunks.Trunk(name="carrier", auth="registration", host="203.0.113.7", username="u")
        await trunks.insert(tx, own, KEY, trunk, PASSWORD)
        [known] = await trunks.list(tx, own)
        await ring_groups.insert(tx, own, RingGroup("600", members=("101", "102")))
        await queues.insert(tx, own, Queue("700", agents=("101",), overflow="600"))
        await hotlines.insert(tx, own, "19001919", known.trunk_uuid, destination="700")
        moments = [datetime(2026, 11, 29, 17, n, tzinfo=UTC) for n in (0, 30)]
        made = [replace(samples.record(own), time_started=at) for at in moments]
        await cdrs.insert_many(
            tx, [replace(one, recording=samples.recording_of(one)) for one in made]
        )
    await webhooks.subscribe(database, KEY, domain, "ringing", URL)
    await webhooks.publish(database, webhooks.event(domain))


async def write(path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tongdai-release-") as folder:
        running = await server.start(Path(folder) / "postgres", {"fsync": "off"})
        try:
            await migrate.apply(running.dsn)
            database = db.Database(running.dsn, size=1)
            await database.open()
            await fill(database)
            await database.close()
            pg_dump = server.program("pg_dump")
            process = await asyncio.create_subprocess_exec(
                *(str(pg_dump), "--dbname", running.dsn, "--inserts", "--no-owner"),
                stdout=asyncio.subprocess.PIPE,
            )
            said, _ = await process.communicate()
            assert process.returncode == 0
        finally:
            await running.stop()
    path.write_bytes(said)


if __name__ == "__main__":
    asyncio.run(write(FOLDER / f"{__version__}.sql"))
