"""A real instance for all tests of a worker, started as a user starts it, and for each test that
wants one a company of its own in it.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from testbed import certificate, ports, sipp
from testbed.company import Company, Office, operated
from testbed.instance import Instance
from testbed.phones import SippSetup
from testbed.until import until
from tongdai.asterisk import packages


@pytest.fixture(scope="session")
async def pbx() -> AsyncIterator[Instance]:
    """`tongdai up` with its sandbox. Afterwards Ctrl-C ends it, and nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="tongdai-e2e-") as folder:
        tls = certificate.write(Path(folder))
        instance = Instance(Path(folder), sandbox=True)
        instance.set(sip_tls=ports.server(), sip_wss=ports.server(), **tls)
        try:
            await instance.start()
            assert len(instance.processes()) >= 5, "itself, PostgreSQL, two Asterisks, the edge"
            yield instance
            assert await instance.interrupt() == 0, instance.said
            assert instance.processes() == {}
        finally:
            await instance.end()


@pytest.fixture(scope="session")
async def sipp_command() -> list[str]:
    root = await asyncio.to_thread(
        packages.fetch, ["sip-tester"], packages.default_cache(), lambda _text, _done, _total: None
    )
    return root.command("sipp")


@pytest.fixture(scope="session")
async def office(pbx: Instance, sipp_command: list[str]) -> AsyncIterator[Office]:
    """The operator's seat."""
    with tempfile.TemporaryDirectory(prefix="tongdai-sipp-") as folder:
        async with operated(pbx, SippSetup(sipp_command, Path(folder), pbx.sip)) as made:
            yield made


@pytest.fixture
def sipp_folder(office: Office, tmp_path: Path) -> Path:
    """Each test's SIPp keeps its logs apart."""
    sipp.write_scenarios(tmp_path)
    office.sipp = SippSetup(office.sipp.command, tmp_path, office.sipp.switch)
    return tmp_path


@pytest.fixture
async def company(office: Office, sipp_folder: Path) -> AsyncIterator[Company]:
    """A company that nobody else knows. Afterwards no call of it is left, not even in the
    books.
    """
    made = await office.company()
    yield made
    await until(made.is_quiet, 15)
