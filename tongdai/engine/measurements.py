"""Gauges of what goes on now, by domain: calls, trunks, queues, phones."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import product
from typing import get_args

import structlog
from prometheus_client import Gauge

from tongdai import errors
from tongdai.engine.live_calls import LiveCalls
from tongdai.pbx.call import Direction, Waiting
from tongdai.pbx.endpoint import Endpoint
from tongdai.store import db, measured

log = structlog.get_logger()

LOOK_S = 10.0
STATES = ("online", "offline")
"""Of phones, as Asterisk says: online ones are registered and respond."""
_calls = Gauge("tongdai_calls", "Calls now, those in queues too.", ["domain", "direction"])
_by_trunk = Gauge("tongdai_trunk_calls", "Calls of the trunk now.", ["domain", "trunk"])
_waiting = Gauge("tongdai_queue_callers", "Callers who wait now.", ["domain", "queue"])
_longest = Gauge(
    "tongdai_queue_longest_wait_seconds", "How long the first of them waits.", ["domain", "queue"]
)
_phones = Gauge("tongdai_phones", "Devices of extensions, by their state.", ["domain", "state"])


class Measurements:
    """`endpoints` gives the states of the switch's endpoints by name; it raises
    errors.SwitchDown.
    """

    def __init__(
        self,
        database: db.Database,
        live: LiveCalls,
        endpoints: Callable[[], Awaitable[Mapping[str, str]]],
        node: str,
    ) -> None:
        self._database, self._live, self._endpoints = database, live, endpoints
        self._node = node

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self.look()
            except (errors.Unavailable, errors.SwitchDown) as reason:
                log.debug("measurements.waiting", why=str(reason))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """The gauges have what is so now. Raises errors.Unavailable, errors.SwitchDown."""
        async with self._database.connection() as tx:
            names = await measured.names(tx, self._node)
        self._show_calls(names)
        self._show_queues(names, datetime.now(UTC))
        _show_phones(names, await self._endpoints())

    def _show_calls(self, names: measured.Names) -> None:
        found = Counter[tuple[str, str]]()
        by_trunk = Counter[str]()
        for domain_uuid, name in names.domains.items():
            for call in self._live.of(domain_uuid):
                found[name, call.direction] += 1
                by_trunk.update(call.trunks)
        _calls.clear()  # domains that are gone too
        for key in product(names.domains.values(), get_args(Direction)):
            _calls.labels(*key).set(found[key])
        _by_trunk.clear()
        for trunk, labels in names.trunks.items():
            _by_trunk.labels(*labels).set(by_trunk[trunk])

    def _show_queues(self, names: measured.Names, now: datetime) -> None:
        _waiting.clear()
        _longest.clear()
        for domain_uuid, queue in names.queues:
            since = [
                call.course.since
                for call in self._live.of(domain_uuid)
                if isinstance(call.course, Waiting) and call.course.queue == queue
            ]
            labels = (names.domains[domain_uuid], queue)
            _waiting.labels(*labels).set(len(since))
            longest = (now - min(since)).total_seconds() if since else 0
            _longest.labels(*labels).set(max(0, longest))


def _show_phones(names: measured.Names, states: Mapping[str, str]) -> None:
    found = Counter(
        (endpoint.domain, state)
        for name, state in states.items()
        if (endpoint := Endpoint.parse(name))
    )
    _phones.clear()
    for key in product(names.domains.values(), STATES):
        _phones.labels(*key).set(found[key])
