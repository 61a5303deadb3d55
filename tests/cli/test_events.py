"""tongdai event: what was delivered, sent again, tried, from the command line down to a real
PostgreSQL.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from testbed.receivers import receiving
from tests.store.deliveries.rounds import claim_in, never
from tests.test_cli import SECRET, Cli
from tests.webhooks import samples
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db, deliveries, delivery_outcomes, domains

URL = "https://crm.example.vn/hook"


@pytest.fixture
def cli(database: db.Database) -> Cli:
    cli = Cli(
        TONGDAI_DSN=database.dsn, TONGDAI_SECRET=SECRET, TONGDAI_CALLBACK_ALLOW="127.0.0.0/8"
    )
    cli("domain", "create", cli.domain)
    return cli


async def subscribe(
    database: db.Database, cli: Cli, url: str = URL
) -> tuple[directory.Domain, str]:
    """The domain, and the id of a subscription to `cdr`."""
    async with database.connection() as tx:
        domain = await domains.by_name(tx, cli.domain)
    return domain, str(
        await samples.subscribe(database, MasterKey(SECRET.encode()), domain, "cdr", url)
    )


async def give_up(database: db.Database, domain: directory.Domain) -> None:
    """The due deliveries of the domain have failed."""
    async with database.transaction() as tx:
        claimed = await claim_in(tx, domain.domain_uuid, 50)
        made = deliveries.Attempt(datetime.now(UTC), 500, 7, "")
        outcomes = [deliveries.Outcome(each, "failed", 0, made) for each in claimed]
        await delivery_outcomes.record(tx, outcomes, never)


async def ask(cli: Cli, *args: str) -> Any:
    return await asyncio.to_thread(cli.json, "event", *args)


async def test_the_operator_sees_which_subscriptions_fail_the_worst_first(
    database: db.Database, cli: Cli
) -> None:
    """Of all domains; those that are healthy are not there."""
    urls = {"few": f"{URL}/few", "many": f"{URL}/many", "none": f"{URL}/none"}
    domain, few = await subscribe(database, cli, urls["few"])
    await samples.publish(database, samples.event(domain, "cdr"))
    await fail(database, domain, "refused")
    _, many = await subscribe(database, cli, urls["many"])
    await samples.publish(database, *(samples.event(domain, "cdr") for _ in range(3)))
    await fail(database, domain, "no answer in time")
    await subscribe(database, cli, urls["none"])

    found = [
        one for one in await ask(cli, "failing", "--limit", "10000") if one["domain"] == cli.domain
    ]
    assert [(one["id"], one["due"]) for one in found] == [(few, 4), (many, 3)]
    assert [(one["last_status"], one["last_error"]) for one in found] == [
        (0, "no answer in time")
    ] * 2
    assert all(one["failing_since"] and one["enabled"] for one in found)
    assert len(await ask(cli, "failing", "--limit", "1")) == 1
    shown = await asyncio.to_thread(cli, "event", "failing", "--limit", "10000")
    assert urls["many"] in shown
    assert urls["none"] not in shown


async def fail(database: db.Database, domain: directory.Domain, error: str) -> None:
    """The due deliveries of the domain were tried, and will be again in an hour."""
    async with database.transaction() as tx:
        claimed = await claim_in(tx, domain.domain_uuid, 50)
        made = deliveries.Attempt(datetime.now(UTC), 0, 7, error)
        outcomes = [deliveries.Outcome(each, "due", 3600, made) for each in claimed]
        await delivery_outcomes.record(tx, outcomes, never)


async def test_what_failed_is_shown_and_sent_again(database: db.Database, cli: Cli) -> None:
    domain, hook = await subscribe(database, cli)
    events = [samples.event(domain, "cdr") for _ in range(3)]
    await samples.publish(database, *events)
    await give_up(database, domain)

    listed = await ask(cli, "deliveries", hook, "--state", "failed")
    made = await ask(cli, "deliveries", hook, "--event", str(events[0].event_uuid))
    one = await asyncio.to_thread(
        cli, "event", "resend", hook, "--event", str(events[0].event_uuid), "--url", URL
    )
    rest = await asyncio.to_thread(cli, "event", "resend", hook, "--since", "2026-01-01")

    assert {each["event_uuid"] for each in listed} == {str(event.event_uuid) for event in events}
    assert [(each["status"], each["latency_ms"]) for each in made] == [(500, 7)]
    assert (one, rest) == ("1 deliveries are due now.\n", "2 deliveries are due now.\n")
    assert len(await ask(cli, "deliveries", hook, "--state", "due")) == 3


async def test_a_subscription_is_listed_disabled_and_enabled(
    database: db.Database, cli: Cli
) -> None:
    _, hook = await subscribe(database, cli)
    await asyncio.to_thread(cli, "event", "disable", hook, "--reason", "Hợp đồng đã hết.")
    disabled = await ask(cli, "show", hook)
    refused = await asyncio.to_thread(cli.refuses, "event", "resend", hook)
    await asyncio.to_thread(cli, "event", "enable", hook)

    assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "Hợp đồng đã hết.")
    assert "enable it first" in refused
    assert [
        (one["id"], one["enabled"], one["disabled_reason"]) for one in await ask(cli, "list")
    ] == [(hook, True, "")]


async def test_a_new_secret_is_shown_once(database: db.Database, cli: Cli) -> None:
    _, hook = await subscribe(database, cli)
    rotated = await ask(cli, "rotate-secret", hook)

    assert rotated["secret"].startswith("whsec_")
    assert rotated["previous_secret_until"]
    assert rotated["secret"] not in str(await ask(cli, "show", hook))


async def test_an_endpoint_is_tried(database: db.Database, cli: Cli) -> None:
    async with receiving(lambda _: 418) as receiver:
        _, hook = await subscribe(database, cli, receiver.url)
        told = await ask(cli, "test", hook)

    assert (told["status"], told["error"]) == (418, "")
    assert [request.event.customer_id for request in receiver.requests] == ["test"]


async def test_what_is_wrong_is_told(database: db.Database, cli: Cli) -> None:
    _, hook = await subscribe(database, cli)
    strange = str(ids.new())
    for verb in ("show", "enable", "disable", "resend", "deliveries", "rotate-secret", "test"):
        assert strange in await asyncio.to_thread(cli.refuses, "event", verb, strange, code=3)
    assert "one of failed" in await asyncio.to_thread(
        cli.refuses, "event", "resend", hook, "--state", "lost"
    )
    assert "url" in await asyncio.to_thread(
        cli.refuses, "event", "resend", hook, "--url", "ftp://crm.example.vn/"
    )
    assert UUID(hook)


async def test_how_events_are_sent_is_changed(
    database: db.Database, cli: Cli, tmp_path: Path
) -> None:
    """Further headers are shown by name only."""
    _, hook = await subscribe(database, cli)
    async with receiving(lambda _: 303) as receiver:
        async with database.transaction() as tx:
            await tx.execute("UPDATE subscriptions SET callback_url = $1", receiver.url)
        changed = await ask(
            cli,
            *("update", hook, "--numbers-as-text", "--accept-redirects"),
            *("--header", "x-make-apikey: abc", "--header", "X-B:2"),
        )
        tried = await ask(cli, "test", hook)
    assert changed == changed | {
        "numbers_as_text": True,
        "accept_redirects": True,
        "callback_headers": ["x-make-apikey", "X-B"],
        "callback_ca": "",
    }
    assert tried["status"] == 303
    [request] = receiver.requests
    assert (request.headers["x-make-apikey"], request.headers["X-B"]) == ("abc", "2")
    assert msgspec.json.decode(request.body)["billsec"] == "9"

    less = await ask(cli, "update", hook, "--no-numbers-as-text", "--header", "")
    assert (less["numbers_as_text"], less["accept_redirects"]) == (False, True)
    assert less["callback_headers"] == []
    (tmp_path / "no.pem").write_text("no certificate")
    ca = str(tmp_path / "no.pem")
    refused = await asyncio.to_thread(cli.refuses, "event", "update", hook, "--ca", ca)
    assert refused.startswith("--ca: expected certificates in PEM")
