"""One real instance for the whole suite, started as a user starts it, and for each test a company
of its own in it.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from testbed import certificate, ports, sipp
from testbed.company import Company, Office, operated
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.phones import SippSetup
from testbed.receivers import receiving
from testbed.until import until
from tongdai.asterisk import packages

SHOWN = 6_000  # characters of each log of a test that failed


@pytest.fixture(scope="session")
async def pbx() -> AsyncIterator[Instance]:
    """`tongdai up` with its sandbox. Afterwards Ctrl-C ends it, and nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="tongdai-e2e-") as folder:
        tls = certificate.write(Path(folder))
        instance = Instance(Path(folder), sandbox=True)
        instance.set(sip_tls=ports.server(), **tls)
        try:
            await instance.start()
            assert len(instance.processes()) >= 4, "itself, PostgreSQL, and two Asterisks"
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


@pytest.fixture
async def hook(company: Company) -> AsyncIterator[Hook]:
    """The company's CRM, subscribed to every event. Nothing may come that the test did not
    expect.
    """
    async with receiving() as receiver:
        made = Hook(receiver)
        await made.subscribe(company.api)
        yield made
        assert made.unexpected == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was on the wire and what tongdai said goes with a failure."""
    report = yield
    if report.when == "call" and report.failed and isinstance(item, pytest.Function):
        instance, folder = item.funcargs.get("pbx"), item.funcargs.get("tmp_path")
        if isinstance(instance, Instance) and instance.log.exists():
            report.sections.append(("tongdai up", instance.said))
        if isinstance(folder, Path):
            for log in sorted(
                [*folder.glob("*.errors"), *folder.glob("*.messages")], key=os.path.getmtime
            ):
                report.sections.append((log.name, log.read_text(errors="replace")[-SHOWN:]))
    return report
