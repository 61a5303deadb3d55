"""A run of the suite as a whole: which worker gets which tests, and that nothing of it is left."""

import re
import signal
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from testbed import leftovers

HERE = Path(__file__).parent
WITH_PHONES = {HERE / "e2e", HERE / "softphones", HERE / "browser"}
LONG = {"tests/engine/test_recovery.py"}  # a minute and more: its tests need not stay together


def pytest_configure(config: pytest.Config) -> None:
    if leftovers.begin():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends as Ctrl-C ends it
        config.pluginmanager.register(_Leftovers(), "leftovers")


class _Leftovers:
    """Fails a run that leaves processes behind, and ends them. Of all workers together."""

    def __init__(self) -> None:
        self._left: dict[int, str] = {}

    @pytest.hookimpl(trylast=True)  # xdist ends its workers first
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._left = leftovers.end()
        if self._left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._left:
            terminalreporter.section("processes that were left behind, and killed", red=True)
            for pid, command in self._left.items():
                terminalreporter.line(f"{pid} {command}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that wait for other processes come first. One that others' phones play in may fail
    once; the summary says which did (decision 92).
    """
    items.sort(key=_turn)
    for item in items:
        if not WITH_PHONES.isdisjoint(item.path.parents):
            item.add_marker(pytest.mark.flaky(reruns=1))


def _turn(item: pytest.Item) -> int:
    if not (WITH_PHONES | {HERE / "clients", HERE / "portal"}).isdisjoint(item.path.parents):
        return 0
    return 1 if item.path.parent == HERE else 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    config.option.loadscopereorder = False  # in the order of collection
    return ByFixtures(config, log)


class ByFixtures(LoadScopeScheduling):
    """Tests of one file run in one worker, as they share fixtures. Each e2e test, each that runs
    clients of others, and each of a long file, runs in any worker that is free: they share what a
    worker starts once.

    `--dist loadgroup` is of no use: its marks do not reach the scheduler in xdist 3.8 under
    pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        is_alone = re.search("/(e2e|clients|softphones)/", file) and "/test_chaos_" not in file
        return nodeid if is_alone or file in LONG else file
