"""The CRM of a company, and what goes with the report of a test that failed."""

import os
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from testbed.company import Company
from testbed.hooks import Hook
from testbed.instance import Instance
from testbed.receivers import receiving

SHOWN = 6_000  # characters of each log of a test that failed


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
    """A failure is reported with the SIP messages and tongdai's log."""
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
