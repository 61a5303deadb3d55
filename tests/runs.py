"""A run of the suite as a whole: which worker gets which tests, and that nothing of it is left."""

from pathlib import Path

import pytest

from testbed import leftovers

E2E = Path(__file__).parent / "e2e"


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
    """For `--dist loadgroup`. Tests of one file run in one worker, as they share fixtures; each
    e2e test runs wherever there is time, and all of those first: they wait a lot.
    """
    items.sort(key=lambda item: not _is_e2e(item))
    for item in items:
        if not _is_e2e(item):
            item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name}/{item.path.name}"))


def _is_e2e(item: pytest.Item) -> bool:
    return E2E in item.path.parents
