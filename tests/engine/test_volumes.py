"""A volume that fills up, and a CEL log that is not written, are told of, once, and when that is
over too.
"""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tongdai.engine import volumes
from tongdai.engine.volumes import Volumes


class Told:
    """A watch over a CEL log of its own. `look` is one look at it; what was logged meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.path, self.arrivals = folder / "cel.jsonl", 0
        self._watch = Volumes({"cel_log": folder}, self.path, lambda: self.arrivals)

    def look(self, *, arrivals: int = 0, entries: int = 0, free: float = 0.5) -> list[str]:
        self.arrivals += arrivals
        with self.path.open("a") as file:
            file.write("{}\n" * entries)
        with capture_logs() as logs:
            self._watch._judge("cel_log", self.path.parent, free)
            self._watch._listen()
        return [str(line["event"]) for line in logs]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_a_volume_that_is_almost_full_is_told_of_once(told: Told) -> None:
    assert [told.look(free=free) for free in (0.06, 0.04, 0.0, 0.04, 0.05, 0.5)] == [
        *([], ["volume.full"], [], [], ["volume.has_room"], [])
    ]
    assert REGISTRY.get_sample_value("tongdai_volume_free_ratio", {"volume": "cel_log"}) == 0.5


def test_calls_that_the_cel_log_does_not_know_of_are_told_of_once(told: Told) -> None:
    assert [told.look(arrivals=1, entries=3) for _ in range(4)] == [[]] * 4
    assert [told.look(arrivals=1) for _ in range(4)] == [[], ["cel_log.silent"], [], []]
    assert REGISTRY.get_sample_value("tongdai_cel_log_silent") == 1
    assert told.look(arrivals=1, entries=1) == ["cel_log.written_again"]
    assert REGISTRY.get_sample_value("tongdai_cel_log_silent") == 0


def test_a_call_that_we_hear_of_after_a_look_was_written_before_it(told: Told) -> None:
    for _ in range(3):
        told.look()
    assert [told.look(entries=1), told.look(arrivals=1), told.look(), told.look()] == [[]] * 4


def test_a_cel_log_where_nothing_happens_is_not_silent(told: Told) -> None:
    assert [told.look() for _ in range(5)] == [[]] * 5


def test_the_room_of_a_folder_that_is_not_there_yet_is_where_it_will_be(tmp_path: Path) -> None:
    assert volumes.free(tmp_path / "a" / "b") == pytest.approx(volumes.free(tmp_path), abs=0.05)
    assert 0.0 <= volumes.free(tmp_path) <= 1.0
