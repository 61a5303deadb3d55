"""A controller at work: the engine and what belongs to it, composed as in `app`, and killed as by
kill -9.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk, Recording
from tests.engine.companies import Company
from tests.until import until
from tongdai.asterisk import journal
from tongdai.engine.commands import Desk
from tongdai.engine.engine import Engine, Place
from tongdai.engine.recovery import Recovery
from tongdai.store import db
from tongdai.store.pulse import Pulse

URL = "http://127.0.0.1/recordings/"


class Controller:
    """`published` is whose events were committed, once a commit."""

    def __init__(self, database: db.Database, asterisk: FakeAsterisk, folder: Path) -> None:
        self.asterisk = asterisk
        self.place = Place(
            node=str(folder),  # each test's own
            address=asterisk.address,
            journal=asterisk.journal,
            spool=folder / "spool",
            recordings=folder / "recordings",
            recording_url=URL,
        )
        self.place.spool.mkdir(exist_ok=True)
        self.published: list[UUID] = []
        self.engine = Engine(database, self.place, self.published.extend)
        self.pulse = Pulse(database.dsn)
        self.desk = Desk(database, self.engine, self.pulse)
        self.engine.moved = self.desk.moved
        self.recovery = Recovery(database, self.engine, self.place)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """It has taken over what was live, and listens."""
        await self.recovery.load()
        await self.engine.load()
        steering = (
            self.engine.ledger.run,
            self.engine.switch.run,
            self.recovery.run,
            self.desk.run,
        )
        self._tasks = [asyncio.create_task(run(), name=run.__qualname__) for run in steering]
        await self.engine.switch.linked.wait()

    async def steers(self) -> None:
        """Returns, or raises, when it steers the switch no more."""
        (steering,) = [task for task in self._tasks if task.get_name() == "Switch.run"]
        await steering

    async def kill(self) -> None:
        """Nothing of it runs any more; what it was at is not finished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engine.close()
        await until(lambda: self.asterisk.is_deserted or self.asterisk.replaced)

    async def play(self, name: str, company: Company) -> Recording:
        """What was recorded happens to the company, now."""
        recording = fake.recording(name, company.name, company.trunk, began=datetime.now(UTC))
        await self.asterisk.play(recording, self.quiet)
        return recording

    async def quiet(self) -> None:
        """All that has happened in Asterisk has been taken in, and all that follows from it is
        done.
        """
        clock = asyncio.get_running_loop().time
        sent = clock()
        await self.asterisk.send({"type": "ChannelUserevent", "eventname": "quiet"})
        await until(lambda: self.engine.switch._echoed >= sent)
        await until(self._is_idle)

    async def has_nothing_left(self, company: Company) -> None:
        """Of calls that are over: in the database, in memory."""
        await self.quiet()
        engine = self.engine
        assert await company.live() == 0
        assert (engine.mailboxes, engine._merged, engine._on_offer, len(engine.floor)) == (
            {},
            {},
            set(),
            0,
        )
        directory = await engine.directories.get(company.uuid)
        scene = engine.floor.scene(directory)
        assert set(scene.talks.values()) | set(scene.by_trunk.values()) <= {0}

    def _is_idle(self) -> bool:
        engine = self.engine
        has_read = self.recovery._read == journal.end(self.place.journal)
        return (
            has_read
            and not engine._tasks
            and all(mailbox.is_idle for mailbox in engine.mailboxes.values())
        )


class Controllers:
    """One at a time, on the same switch and database: each takes over from the one before."""

    def __init__(self, database: db.Database, asterisk: FakeAsterisk, folder: Path) -> None:
        self._database, self._asterisk, self._folder = database, asterisk, folder
        self.now: Controller | None = None

    async def start(self) -> Controller:
        self.now = Controller(self._database, self._asterisk, self._folder)
        await self.now.start()
        return self.now

    async def kill(self) -> None:
        if self.now:
            await self.now.kill()
            self.now = None
