"""Parties are looked at while they talk; who needs a jitter buffer gets one."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.engine.test_live_calls import a_call, a_leg
from tongdai import errors
from tongdai.engine.jitter_buffers import AGAIN_S, FIRST_S, MOST, JitterBuffers
from tongdai.engine.live_calls import LiveCalls
from tongdai.pbx.call import Call, Ended, Talking
from tongdai.pbx.causes import ANSWERED
from tongdai.pbx.jitter import Reception

NOW = datetime(2026, 11, 30, tzinfo=UTC)
EVEN, UNEVEN = Reception(250, 0.0002), Reception(250, 0.030)


class Switch:
    """`received` is what came from a party, by its channel: from the others nothing is known."""

    def __init__(self) -> None:
        self.received: dict[str, Reception] = {}
        self.looked_at: list[str] = []
        self.buffered: list[tuple[str, int]] = []
        self.is_up = True

    async def reception(self, channel: str) -> Reception | None:
        self.looked_at.append(channel)
        if not self.is_up:
            raise errors.SwitchDown
        return self.received.get(channel)

    async def buffer_jitter(self, channel: str, most_ms: int) -> None:
        self.buffered.append((channel, most_ms))


class Watch:
    """Looks, as time passes."""

    def __init__(self, most_ms: int = 400) -> None:
        self.switch, self.live = Switch(), LiveCalls("")
        self._buffers = JitterBuffers(self.switch, self.live, most_ms)
        self._noted_at = 0.0

    async def talks(self, *extensions: str) -> Call:
        """These extensions talk, and are recorded."""
        legs = [a_leg(each, connected_at=NOW) for each in extensions]
        call = a_call(*legs, course=Talking(), record=True)
        self.live.update(call, NOW)
        self._buffers.note(None, call)
        self._noted_at = asyncio.get_running_loop().time()
        return call

    async def after(self, seconds: float) -> None:
        """All that is due so long after the talk began is looked at."""
        await self._buffers.look(self._noted_at + seconds)


@pytest.fixture
def watch() -> Watch:
    return Watch()


async def test_an_uneven_party_gets_a_buffer_once(watch: Watch) -> None:
    await watch.talks("101", "102")
    watch.switch.received = {"channel of 101": UNEVEN, "channel of 102": EVEN}
    await watch.after(FIRST_S - 0.1)
    assert watch.switch.looked_at == []
    await watch.after(FIRST_S)
    assert watch.switch.buffered == [("channel of 101", 400)]
    await watch.after(FIRST_S + AGAIN_S)
    assert watch.switch.buffered == [("channel of 101", 400)]
    assert watch.switch.looked_at.count("channel of 101") == 1
    assert watch.switch.looked_at.count("channel of 102") == 2


async def test_who_becomes_uneven_later_gets_one_then(watch: Watch) -> None:
    await watch.talks("101")
    watch.switch.received = {"channel of 101": Reception(1_000, 0.0002)}
    await watch.after(FIRST_S)
    watch.switch.received = {"channel of 101": Reception(1_250, 0.006)}
    await watch.after(FIRST_S + AGAIN_S)
    assert watch.switch.buffered == [("channel of 101", 400)]


async def test_a_new_party_is_looked_at_and_one_that_left_is_not(watch: Watch) -> None:
    before = await watch.talks("101")
    after = a_call(
        a_leg("101", connected_at=NOW, ended_at=NOW),
        a_leg("102", connected_at=NOW),
        course=Talking(),
        record=True,
        call_uuid=before.call_uuid,
    )
    watch.live.update(after, NOW)
    watch._buffers.note(before, after)
    await watch.after(FIRST_S + 0.1)
    assert watch.switch.looked_at == ["channel of 102"]


async def test_a_call_that_is_over_is_not_looked_at(watch: Watch) -> None:
    call = await watch.talks("101")
    watch.live.update(a_call(course=Ended(release=ANSWERED), call_uuid=call.call_uuid), NOW)
    await watch.after(FIRST_S)
    assert watch.switch.looked_at == []


async def test_without_a_link_it_is_tried_again(watch: Watch) -> None:
    await watch.talks("101")
    watch.switch.received = {"channel of 101": UNEVEN}
    watch.switch.is_up = False
    await watch.after(FIRST_S)
    watch.switch.is_up = True
    await watch.after(FIRST_S + AGAIN_S)
    assert watch.switch.buffered == [("channel of 101", 400)]


async def test_one_look_is_at_so_many_at_most(watch: Watch) -> None:
    await watch.talks(*(str(number) for number in range(100, 100 + 2 * MOST)))
    await watch.after(FIRST_S)
    assert len(watch.switch.looked_at) == MOST
    await watch.after(FIRST_S)
    assert len(set(watch.switch.looked_at)) == 2 * MOST


async def test_with_0_nobody_is_looked_at() -> None:
    watch = Watch(most_ms=0)
    await watch.talks("101")
    await watch.after(FIRST_S)
    assert watch.switch.looked_at == []
