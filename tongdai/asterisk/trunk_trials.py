"""Test calls of trunks: channels that belong to no call, whose events are kept from their first to
their last.
"""

import asyncio
import contextlib
from datetime import datetime
from uuid import uuid4

import msgspec

from tongdai import errors
from tongdai.asterisk import ari, events, translate
from tongdai.pbx.trunk_trials import Course, TrialCall

SETTLE_S = 10.0  # for the carrier's last response, after the longest ringing and talk


class Trials:
    def __init__(self) -> None:
        self._under_way: dict[str, _UnderWay] = {}  # by channel

    def knows(self, channel: str) -> bool:
        """Whether it is the channel of one that is under way."""
        return channel in self._under_way

    def heard(self, event: events.AriEvent | None) -> None:
        """Call it with each event."""
        match event:
            case events.Dial(peer=channel) | events.ChannelDestroyed(channel=channel):
                if one := self._under_way.get(channel.id):
                    one.heard(event)
            case _:
                pass

    async def run(self, link: ari.Link, call: TrialCall) -> Course:
        """Calls, and waits for the end. Raises errors.SwitchDown, errors.Conflict where the
        switch does not take the call.
        """
        channel = f"trial-{uuid4().hex}"
        one = self._under_way[channel] = _UnderWay()
        try:
            await self._call(link, call, channel, one)
            async with asyncio.timeout(call.ring_s + call.talk_s + SETTLE_S):
                return await one.over
        except TimeoutError as reason:
            raise errors.SwitchDown from reason
        finally:
            del self._under_way[channel]
            if not one.over.done():
                with contextlib.suppress(errors.SwitchDown):
                    await link.request("DELETE", f"channels/{channel}")

    async def _call(self, link: ari.Link, call: TrialCall, channel: str, one: "_UnderWay") -> None:
        request = translate.trial(call, channel)
        answer = await link.request(request.method, request.uri, request.query, request.body)
        if not answer.is_ok:
            raise errors.Conflict(answer.message_body, field="trunk")
        made = msgspec.json.decode(answer.message_body, type=events.Channel)
        one.began_at = events.moment(made.creationtime)


class _UnderWay:
    """The events of one channel."""

    def __init__(self) -> None:
        self.began_at: datetime | None = None
        self.over: asyncio.Future[Course] = asyncio.get_running_loop().create_future()
        self._rang_ms: int | None = None
        self._answered_ms: int | None = None

    def heard(self, event: events.Dial | events.ChannelDestroyed) -> None:
        """The first event comes with the INVITE."""
        at = events.moment(event.timestamp)
        self.began_at = self.began_at or at
        after_ms = max(0, round((at - self.began_at).total_seconds() * 1000))
        if isinstance(event, events.ChannelDestroyed):
            self._end(event, after_ms)
        elif event.dialstatus in ("RINGING", "PROGRESS") and self._rang_ms is None:
            self._rang_ms = after_ms
        elif event.dialstatus == "ANSWER":
            self._answered_ms = after_ms

    def _end(self, event: events.ChannelDestroyed, after_ms: int) -> None:
        if not self.over.done():
            self.over.set_result(
                Course(
                    rang_after_ms=self._rang_ms,
                    answered_after_ms=self._answered_ms,
                    ended_after_ms=after_ms,
                    q850=event.cause,
                    sip_status=event.tech_cause,
                )
            )
