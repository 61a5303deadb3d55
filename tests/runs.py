"""A run of the suite as a whole: which worker gets which tests, and that nothing of it is left."""

from pathlib import Path

import pytest

from testbed import leftovers

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    if leftovers.begin():
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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `--dist loadgroup`: tests of one file run in one worker, as they share fixtures; an e2e
    test runs in any worker that is free. What waits for other processes comes first.
    """
    items.sort(key=_turn)
    for item in items:
        if not _is_e2e(item):
            item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name}/{item.path.name}"))


def _turn(item: pytest.Item) -> int:
    if _is_e2e(item):
        return 0
    return 1 if item.path.parent == HERE else 2


def _is_e2e(item: pytest.Item) -> bool:
    return HERE / "e2e" in item.path.parents
