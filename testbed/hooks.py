"""A CRM's webhook: a real HTTP receiver, subscribed through the API. A test names the events that
it expects, one after the other.
"""

from typing import Any

import msgspec

from testbed.company import Api
from testbed.receivers import Received, Receiver
from testbed.until import until
from tongdai.pbx import events

APIKEY = "Bearer crm-key-3f0a"
PATIENCE_S = 15.0
COURSE = tuple(name for name in events.NAMES if name not in ("hold", "unhold", "parked"))


class Hook:
    """`received` are the requests; `secrets` are the signing secrets by event name."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._seen = 0
        self.secrets: dict[str, str] = {}

    async def subscribe(self, api: Api, *names: str) -> None:
        """To these events; without names, to those that each call has."""
        for name in names or COURSE:
            answer = await api.post(
                "/v1/event", callback_url=self._receiver.url, callback_apikey=APIKEY, event=name
            )
            assert answer.json["created"] is True, answer
            self.secrets[name] = answer.json["data"]["secret"]

    async def expect(self, state: str, **fields: object) -> dict[str, Any]:
        """The next event. It must be this one, and have these fields."""
        await until(lambda: len(self.received) > self._seen, PATIENCE_S)
        event = self.events[self._seen]
        self._seen += 1
        found = {name: event.get(name) for name in fields}
        assert (event["state"], found) == (state, fields), self.events
        return event

    async def expect_in_any_order(self, *states: str) -> list[dict[str, Any]]:
        """The next events, sorted by state. They must be these."""
        await until(lambda: len(self.received) >= self._seen + len(states), PATIENCE_S)
        found = self.events[self._seen : self._seen + len(states)]
        self._seen += len(states)
        assert sorted(event["state"] for event in found) == sorted(states), self.events
        return sorted(found, key=lambda event: str(event["state"]))

    async def stopped(self, reason: str, *calls: dict[str, Any]) -> list[dict[str, Any]]:
        """The hangups of these `ringing` events, in any order: nobody talked."""
        found = await self.expect_in_any_order(*["hangup"] * len(calls))
        assert {each["call_id"] for each in found} == {each["call_id"] for each in calls}
        assert {(each["reason"], each["billsec"]) for each in found} == {(reason, 0)}, found
        return found

    async def over(self, *, missed: bool = False, **fields: object) -> dict[str, Any]:
        """The cdr event. A call's last events must come, in order, with these fields."""
        await self.expect("hangup", **fields)
        return await self.recorded(missed=missed, **fields)

    async def recorded(self, *, missed: bool = False, **fields: object) -> dict[str, Any]:
        """The cdr event, after the last hangup."""
        if missed:
            await self.expect("missed", **fields)
        return await self.expect("cdr", **fields)

    def expect_no_more(self) -> None:
        """The test looks at all events itself."""
        self._seen = len(self.received)

    @property
    def received(self) -> list[Received]:
        return self._receiver.requests

    @property
    def events(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(request.body) for request in self.received]

    @property
    def unexpected(self) -> list[str]:
        """States of events that came and that the test did not expect."""
        return [str(event["state"]) for event in self.events[self._seen :]]
