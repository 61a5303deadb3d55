"""Parts that fail are begun again, and services outlive a fault of ours."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed import ports
from tongdai import app, errors, services
from tongdai.cli import remote
from tongdai.sandbox import demo
from tongdai.settings import READY, Settings
from tongdai.supervision import Supervised, kept

AT_ONCE = (0.0, 0.001)


class Part:
    """Fails as often as is said, and then ends."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.began = iter(failures), 0

    async def run(self) -> None:
        self.began += 1
        for failure in self.failures:
            raise failure


async def test_a_part_that_fails_is_begun_again() -> None:
    part = Part(OSError(24, "Too many open files"), KeyError("x"), RuntimeError())
    again: list[int] = []

    await kept("bans", part.run, lambda: again.append(part.began), AT_ONCE)

    assert part.began == 4
    assert again == [1, 2, 3]


@pytest.mark.parametrize(
    "reason",
    [
        errors.SetupError("another controller"),
        ExceptionGroup("of a task group", [OSError(), errors.SetupError("another controller")]),
    ],
)
async def test_what_the_operator_has_to_mend_ends_it(reason: Exception) -> None:
    part = Part(reason)
    with pytest.raises(type(reason)):
        await kept("switch", part.run, delays_s=AT_ONCE)

    assert part.began == 1


async def test_it_is_cancelled_as_any_task() -> None:
    keeping = asyncio.create_task(kept("switch", asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


class Running:
    """A service that runs until it is stopped."""

    def __init__(self, *, adopted: bool = False) -> None:
        self.adopted, self.is_stopped = adopted, False

    async def wait(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self.is_stopped = True

    async def again(self) -> "Running":
        return self


class Dispatcher(Running):
    """The process of webhooks."""

    async def start(self) -> "Dispatcher":
        return self

    def wake(self, domains: Any) -> None: ...

    def collect(self) -> Iterator[Any]:
        return iter(())


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Running]]:
    """The services of an instance: a PostgreSQL that ran before, an Asterisk and an edge proxy
    that did not.
    """
    found = [Running(adopted=True), Running(), Dispatcher()]

    def started(stack: Any, each: Running, supervised: list[Supervised]) -> None:
        supervised.append(Supervised("one", each, each.again, AT_ONCE))
        stack.push_async_callback(supervised[-1].stop)

    async def with_database(stack: Any, settings: Settings, _: Any, supervised: Any) -> Settings:
        started(stack, found[0], supervised)
        return settings

    async def with_switch(stack: Any, settings: Settings, _: Any, supervised: Any) -> Settings:
        started(stack, found[1], supervised)
        return settings

    monkeypatch.setattr(services, "with_database", with_database)

    async def with_edge(stack: Any, settings: Settings, _: Any, supervised: Any) -> Any:
        started(stack, found[2], supervised)
        return settings, found[2]

    monkeypatch.setattr(services, "with_switch", with_switch)
    monkeypatch.setattr(services, "with_edge", with_edge)
    monkeypatch.setattr(services, "asterisk", lambda *_: "root")
    monkeypatch.setattr(app, "DispatcherProcess", lambda _: Dispatcher())
    return iter([found])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, http=ports.server(), secret="x" * 32)


async def run(settings: Settings, failure: BaseException | None) -> None:
    async with app.up(settings, lambda *_: None) as (_, work):
        work.close()
        if failure:
            raise failure


@pytest.mark.parametrize(
    ("failure", "is_stopped"),
    [
        (None, True),
        (asyncio.CancelledError(), True),
        (KeyboardInterrupt(), True),
        (OSError(24, "Too many open files"), False),
        (ExceptionGroup("of a task group", [RuntimeError()]), False),
        (errors.SetupError("another controller leads this switch now"), False),
    ],
    ids=["end", "cancelled", "Ctrl-C", "EMFILE", "a part", "another leads"],
)
async def test_only_a_stop_that_was_asked_for_stops_the_services(
    running: Iterator[list[Running]],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    *,
    failure: BaseException | None,
    is_stopped: bool,
) -> None:
    async def opened(_: Any, settings: Settings, key: Any) -> services.Services:
        return services.Services(settings, None, None, key)  # type: ignore[arg-type]

    monkeypatch.setattr(services, "opened", opened)
    monkeypatch.setattr(app, "_serve", lambda *_: asyncio.sleep(0))
    found = next(running)
    with pytest.raises(type(failure)) if failure else contextlib.nullcontext():
        await run(settings, failure)

    assert [each.is_stopped for each in found] == [is_stopped] * 3


async def test_a_start_that_fails_leaves_what_ran_before(
    running: Iterator[list[Running]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def opened(*_: Any) -> services.Services:
        raise errors.SetupError("the database is newer than this tongdai")

    monkeypatch.setattr(services, "opened", opened)
    found = next(running)
    with pytest.raises(errors.SetupError):
        await run(settings, None)

    assert [each.is_stopped for each in found] == [False, True, True]


async def test_a_start_takes_away_what_a_killed_one_left(
    running: Iterator[list[Running]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sees ready.json may begin; until this one is ready there is none."""
    ready = settings.data / READY
    ready.write_text('{"pid": 1}')

    async def opened(*_: Any) -> services.Services:
        assert not ready.exists()
        raise errors.SetupError("far enough")

    monkeypatch.setattr(services, "opened", opened)
    with pytest.raises(errors.SetupError, match="far enough"):
        await run(settings, None)


@pytest.mark.parametrize("content", [b"", b"\0\0", b'{"base_url": "http:'])
def test_a_ready_json_that_was_cut_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("TONGDAI_DATA", str(tmp_path))
    (tmp_path / READY).write_bytes(content)
    with pytest.raises(errors.SetupError, match=r"ready\.json is cut short"):
        remote.access()


@pytest.mark.parametrize("content", [b"", b"\0\0", b"{"])
def test_other_files_of_state_that_were_cut_are_told_in_one_line(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "switch.json").write_bytes(content)
    (tmp_path / "demo.json").write_bytes(content)
    with pytest.raises(errors.SetupError, match=r"switch\.json is damaged"):
        services.with_running_switch(Settings(data=tmp_path))
    with pytest.raises(errors.SetupError, match=r"demo\.json is damaged"):
        demo.load(tmp_path)
