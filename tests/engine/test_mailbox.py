"""The timer of a mailbox fires at the moment for which its call waits."""

import asyncio
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest
from msgspec.structs import replace

from tests.engine.test_live_calls import a_call, in_queue
from tongdai.engine import mailbox as mailboxes
from tongdai.engine.mailbox import Mailbox
from tongdai.pbx.signals import TimerFired


class SetBack(datetime):
    """The time of day, an hour behind."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) - timedelta(hours=1)


async def test_a_timer_fires_on_time_though_the_clock_was_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.now(UTC)
    waiting = replace(in_queue("700", now), until=now + timedelta(seconds=0.2))
    mailbox = Mailbox(a_call(course=waiting))
    mailbox.arm()
    monkeypatch.setattr(mailboxes, "datetime", SetBack)
    mailbox.arm()  # a signal was handled that did not change the moment

    async with asyncio.timeout(2):
        fired = await mailbox.get()
    assert isinstance(fired, TimerFired)
    assert fired.at == waiting.until, "not before it: the call would wait on"


async def test_a_later_moment_moves_the_timer() -> None:
    now = datetime.now(UTC)
    soon = replace(in_queue("700", now), until=now + timedelta(seconds=0.05))
    mailbox = Mailbox(a_call(course=soon))
    mailbox.arm()
    assert mailbox.call
    mailbox.call = replace(mailbox.call, course=replace(soon, until=now + timedelta(hours=1)))
    mailbox.arm()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await mailbox.get()
    mailbox.disarm()
