"""Gauges by domain of what goes on now; what is gone is not measured any more."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from tests.engine.test_live_calls import RINGS, a_call, a_leg, in_queue
from tests.webhooks import samples
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.engine.live_calls import LiveCalls
from tongdai.engine.measurements import Measurements
from tongdai.pbx.call import Ended
from tongdai.pbx.causes import ANSWERED
from tongdai.pbx.directory import Domain, Queue
from tongdai.store import db, domains, measured, queues, trunks
from tongdai.webhooks import metrics


def value(name: str, registry: Any = REGISTRY, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)  # type: ignore[no-any-return]


class Switch:
    """Its endpoints, by name."""

    states: Mapping[str, str] = {}

    async def endpoints(self) -> Mapping[str, str]:
        return self.states


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def live() -> LiveCalls:
    return LiveCalls("")


@pytest.fixture
async def own(database: db.Database) -> Domain:
    """A domain on a node of its own, with a queue."""
    async with database.transaction() as tx:
        made = await domains.insert(tx, f"m{ids.new().hex}.example.vn", node="measured")
        await queues.insert(tx, made.domain_uuid, Queue("700"))
    return made


@pytest.fixture
async def known(database: db.Database, master_key: MasterKey, own: Domain) -> trunks.Trunk:
    """The trunk of that domain."""
    trunk = trunks.Trunk(name="viettel", auth="ip", host="203.0.113.7")
    async with database.transaction() as tx:
        await trunks.insert(tx, own.domain_uuid, master_key, trunk)
        [made] = await trunks.list(tx, own.domain_uuid)
    return made


@pytest.fixture
def measurements(database: db.Database, live: LiveCalls, switch: Switch) -> Measurements:
    return Measurements(database, live, switch.endpoints, "measured")


async def test_calls_trunks_queues_and_phones_are_measured(
    known: trunks.Trunk, own: Domain, live: LiveCalls, switch: Switch, measurements: Measurements
) -> None:
    now = datetime.now(UTC)
    caller = a_leg("0909000111", role="caller", trunk=str(known.trunk_uuid))
    waits = a_call(domain=own, course=in_queue("700", now - timedelta(seconds=90)))
    rings = replace(a_call(domain=own, course=RINGS), legs=(caller,))
    for call in (waits, rings, a_call(domain=own, direction="outbound")):
        live.update(call, now)
    switch.states = {
        f"101@{own.name}": "online",
        f"101-browser@{own.name}": "offline",
        f"102@{own.name}": "offline",
        "101@elsewhere.example.vn": "online",
        str(known.trunk_uuid): "online",
    }

    await measurements.look()

    domain = own.name
    assert value("tongdai_calls", domain=domain, direction="inbound") == 2
    assert value("tongdai_calls", domain=domain, direction="outbound") == 1
    assert value("tongdai_calls", domain=domain, direction="local") == 0
    assert value("tongdai_trunk_calls", domain=domain, trunk="viettel") == 1
    assert value("tongdai_queue_callers", domain=domain, queue="700") == 1
    assert (value("tongdai_queue_longest_wait_seconds", domain=domain, queue="700") or 0) >= 90
    assert value("tongdai_phones", domain=domain, state="online") == 1
    assert value("tongdai_phones", domain=domain, state="offline") == 2
    assert value("tongdai_phones", domain="elsewhere.example.vn", state="online") is None

    for call in (waits, rings):
        live.update(replace(call, course=Ended(release=ANSWERED)), now)
    await measurements.look()
    assert value("tongdai_calls", domain=domain, direction="inbound") == 0
    assert value("tongdai_trunk_calls", domain=domain, trunk="viettel") == 0
    assert value("tongdai_queue_longest_wait_seconds", domain=domain, queue="700") == 0


async def test_a_domain_that_is_gone_is_measured_no_more(
    database: db.Database, own: Domain, measurements: Measurements
) -> None:
    await measurements.look()
    assert value("tongdai_calls", domain=own.name, direction="local") == 0
    async with database.transaction() as tx:
        await domains.delete(tx, own.domain_uuid)
    await measurements.look()
    assert value("tongdai_calls", domain=own.name, direction="local") is None
    assert value("tongdai_queue_callers", domain=own.name, queue="700") is None


async def test_webhooks_are_measured_by_domain(
    database: db.Database, domain: Domain, master_key: MasterKey
) -> None:
    await samples.subscribe(database, master_key, domain, "ringing", "https://crm.example.vn/")
    await samples.publish(database, samples.event(domain), samples.event(domain))
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE subscriptions SET failing_since = now() WHERE domain_uuid = $1",
            domain.domain_uuid,
        )
        metrics.show(await measured.webhooks(tx))
    own = {"registry": metrics.REGISTRY, "domain": domain.name}
    assert value("tongdai_deliveries_due", **own) == 2  # type: ignore[arg-type]
    assert value("tongdai_subscriptions_failing", **own) == 1  # type: ignore[arg-type]
    metrics.show([])
    assert value("tongdai_deliveries_due", **own) is None  # type: ignore[arg-type]
