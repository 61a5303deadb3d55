"""The official libraries of Standard Webhooks verify real deliveries, and refuse what is not
genuine. tests/clients has those of Node.js.
"""

import base64
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import standardwebhooks
import svix.webhooks

from testbed.receivers import Received, Receiver
from tests.webhooks import samples
from tests.webhooks.dispatching import HOUR, dispatching, in_turn, settled, tried
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.pbx.events import CallFacts, Event
from tongdai.store import db, subscriptions

LIBRARIES: dict[str, tuple[Callable[[str], Any], type[Exception]]] = {
    "standardwebhooks": (
        standardwebhooks.Webhook,
        standardwebhooks.webhooks.WebhookVerificationError,
    ),
    "svix": (svix.webhooks.Webhook, svix.webhooks.WebhookVerificationError),
}
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
each = pytest.mark.parametrize("library", LIBRARIES)


def an_event(domain: directory.Domain) -> Event:
    """Its body has Vietnamese, quotes and a backslash."""
    event = samples.event(domain, "hangup")
    assert isinstance(event.facts, CallFacts)
    facts = msgspec.structs.replace(
        event.facts, sip_call_id='số "5" \\ đường @phone', customer_id="Nguyễn Ước 😀"
    )
    return msgspec.structs.replace(event, facts=facts)


def is_genuine(library: str, secret: str, request: Received, **changes: str | bytes) -> bool:
    """The verdict of the library; `changes` are of a header, or of the body."""
    webhook, refusal = LIBRARIES[library]
    body = changes.pop("body", request.body)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers |= {name.replace("_", "-"): str(value) for name, value in changes.items()}
    try:
        verified = webhook(secret).verify(body, headers)
    except refusal:
        return False
    if verified is not None:  # svix gives the body, standardwebhooks may
        assert msgspec.json.encode(verified) == msgspec.json.encode(msgspec.json.decode(body))
    return True


@each
async def test_a_delivery_is_genuine_and_nothing_else(
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    receiver: Receiver,
    library: str,
) -> None:
    await samples.subscribe(database, master_key, domain, "hangup", receiver.url)
    async with dispatching(database):
        await samples.publish(database, an_event(domain))
        await settled(database, "delivered")

    [request] = receiver.requests
    assert is_genuine(library, samples.SECRET, request)
    for place in (0, len(request.body) // 2, len(request.body) - 1):
        changed = bytearray(request.body)
        changed[place] ^= 1
        assert not is_genuine(library, samples.SECRET, request, body=bytes(changed))
    assert not is_genuine(library, OTHER_SECRET, request)
    for late in (-400, 400):
        moment = str(int(time.time()) + late)
        assert not is_genuine(library, samples.SECRET, request, webhook_timestamp=moment)
    assert not is_genuine(library, samples.SECRET, request, webhook_id="another")


@each
async def test_a_delivery_that_is_sent_again_is_genuine(
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    receiver: Receiver,
    library: str,
) -> None:
    """With the same webhook-id, and the time of the attempt."""
    receiver.answer = in_turn(500, 200)
    await samples.subscribe(database, master_key, domain, "hangup", receiver.url)
    moments = iter((time.time() - 60, *[time.time()] * 1000))
    async with dispatching(database, clock=lambda: next(moments)) as dispatcher:
        await samples.publish(database, an_event(domain))
        await tried(database, 500)
        await samples.pass_time(database, HOUR)
        dispatcher.wake([])
        await settled(database, "delivered")

    first, again = receiver.requests
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] < again.headers["webhook-timestamp"]
    assert all(is_genuine(library, samples.SECRET, request) for request in receiver.requests)


@each
async def test_while_a_secret_is_replaced_both_verify(
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    receiver: Receiver,
    library: str,
) -> None:
    hook = await samples.subscribe(database, master_key, domain, "hangup", receiver.url)
    async with database.transaction() as tx:
        changed = await subscriptions.rotate_secret(tx, domain.domain_uuid, master_key, hook)
    async with dispatching(database):
        await samples.publish(database, an_event(domain))
        await settled(database, "delivered")

    [request] = receiver.requests
    assert is_genuine(library, samples.SECRET, request)
    assert is_genuine(library, changed.secret, request)
    assert not is_genuine(library, OTHER_SECRET, request)
