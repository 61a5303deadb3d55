"""A controller at work: the engine and what belongs to it, composed as in `app`, and killed as by
kill -9.
"""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from testbed.until import until
from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk, Recording
from tests.engine.companies import Company
from tongdai.asterisk.reconnect import Timing
from tongdai.engine import recovery, watchdog
from tongdai.engine.commands import REPEAT_S, CommandRunner
from tongdai.engine.engine import Engine
from tongdai.engine.node_config import NodeConfig
from tongdai.engine.recovery import Recovery
from tongdai.engine.wall_clock import WallClock, utc_now
from tongdai.recording_files import LocalFolder
from tongdai.store import db
from tongdai.store.health_probe import HealthProbe

QUICK = Timing(back_off_s=(0.01,))
SOON = recovery.Timing(resume_s=0.05)
URL = "http://127.0.0.1/recordings/"


def node_of(folder: Path) -> str:
    """A name that no other test's node has."""
    return hashlib.md5(str(folder).encode(), usedforsecurity=False).hexdigest()


class Controller:
    """`published` is whose events were committed, once a commit; `kept` the folder of
    recordings.
    """

    def __init__(
        self,
        database: db.Database,
        asterisk: FakeAsterisk,
        folder: Path,
        *,
        timing: recovery.Timing = recovery.DEFAULT,
        watching: watchdog.Timing = watchdog.DEFAULT,
        repeat_s: float = REPEAT_S,
        clock: WallClock = utc_now,
        **limits: float,
    ) -> None:
        self.asterisk = asterisk
        self.config = NodeConfig(
            node=node_of(folder),
            address=asterisk.address,
            cel_log=asterisk.cel_log,
            spool=folder / "spool",
            recordings=LocalFolder(folder / "recordings"),
            recording_url=URL,
            timing=QUICK,
        )
        self.kept = folder / "recordings"
        self.config.spool.mkdir(exist_ok=True)
        self.published: list[UUID] = []
        self.health_probe = HealthProbe(database.dsn)
        self.engine = Engine(
            database,
            self.config,
            self.health_probe,
            self.published.extend,
            clock=clock,
            **limits,
        )
        self.provisioned: list[tuple[UUID, str]] = []  # extensions that were asked for
        self.commands = CommandRunner(database, self.engine, self.provision, repeat_s)
        self.recovery = Recovery(database, self.engine, self.config, timing, watching)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """It has taken over what was live, and listens."""
        await self.recovery.load()
        await self.engine.load()
        self._steering = asyncio.create_task(self.engine.switch.run(self.recovery.reconnected))
        others = (self.engine.group_commit.run, self.recovery.run, self.commands.run)
        self._tasks = [self._steering, *(asyncio.create_task(run()) for run in others)]
        await self.engine.switch.linked.wait()

    async def provision(self, domain_uuid: UUID, extension: str) -> None:
        self.provisioned.append((domain_uuid, extension))

    async def steers(self) -> None:
        """Returns, or raises, when it steers the switch no more."""
        await self._steering

    async def kill(self) -> None:
        """Nothing of it runs any more; what it was at is not finished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engine.close()
        await until(lambda: self.asterisk.is_deserted or self.asterisk.replaced)

    async def play(self, name: str, company: Company) -> Recording:
        """Plays a recording of events to the company, now."""
        recording = fake.recording(name, company.name, company.trunk, began=datetime.now(UTC))
        await self.asterisk.play(recording, self.quiet)
        return recording

    async def quiet(self) -> None:
        """All that has happened in Asterisk has been taken in, and all that follows from it is
        done.
        """
        await self.heard()
        await until(self._is_idle)

    async def heard(self) -> None:
        """All that has happened in Asterisk has been taken in."""
        clock = asyncio.get_running_loop().time
        sent = clock()
        await self.asterisk.send({"type": "ChannelUserevent", "eventname": "quiet"})
        await until(lambda: self.engine.switch.heard_at >= sent)

    async def has_nothing_left(self, company: Company) -> None:
        """Of calls that are over: in the database, in memory."""
        await self.quiet()
        engine = self.engine
        assert await company.live() == 0
        boxes, live = engine.mailboxes, engine.live_calls
        assert (len(boxes), boxes.merged, engine.offers.open, len(live)) == (0, {}, set(), 0)
        directory = await engine.directories.get(company.uuid)
        context = live.context(directory, datetime.now(UTC))
        assert (context.talks, context.by_trunk) == ({}, {})

    def _is_idle(self) -> bool:
        return self.recovery.has_read_all() and self.engine.is_idle


class Controllers:
    """One at a time, on the same switch and database: each takes over from the one before."""

    def __init__(self, database: db.Database, asterisk: FakeAsterisk, folder: Path) -> None:
        self._database, self._asterisk, self._folder = database, asterisk, folder
        self.now: Controller | None = None

    async def start(self, timing: recovery.Timing = SOON) -> Controller:
        self.now = Controller(self._database, self._asterisk, self._folder, timing=timing)
        await self.now.start()
        return self.now

    async def kill(self) -> None:
        if self.now:
            await self.now.kill()
            self.now = None
