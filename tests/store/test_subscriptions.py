"""Subscriptions on a real PostgreSQL."""

import base64

import pytest

from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db, subscriptions

URL = "https://crm.example.vn/hook"


async def subscribe(
    database: db.Database, domain: directory.Domain, master_key: MasterKey, apikey: str = ""
) -> subscriptions.Subscription:
    async with database.connection() as tx:
        return await subscriptions.insert(
            tx,
            domain.domain_uuid,
            master_key,
            event_name="cdr",
            callback_url=URL,
            callback_apikey=apikey,
        )


async def test_they_are_listed_as_they_were_made(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    made = [
        await subscribe(database, domain, master_key),
        await subscribe(database, domain, master_key, "Bearer abc=="),
    ]

    async with database.connection() as tx:
        assert made == await subscriptions.list(tx, domain.domain_uuid, master_key)
    assert [one.callback_url for one in made] == [URL, URL]


async def test_each_has_a_secret_of_its_own(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    keys = {(await subscribe(database, domain, master_key)).secret for _ in range(3)}

    assert [len(base64.b64decode(key.removeprefix("whsec_"))) for key in keys] == [32, 32, 32]


async def test_no_secret_can_be_read_in_the_table(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    made = await subscribe(database, domain, master_key, "Bearer top-secret")
    async with database.connection() as tx:
        row = await tx.fetchval(
            "SELECT subscriptions::text FROM subscriptions WHERE domain_uuid = $1",
            domain.domain_uuid,
        )

    assert not any(
        text.encode().hex() in row or text in row for text in ("top-secret", made.secret)
    )


async def test_deleting_takes_ones_own_and_once(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    made = await subscribe(database, domain, master_key)
    async with database.connection() as tx:
        with pytest.raises(errors.NotFound):
            await subscriptions.delete(tx, ids.new(), made.subscription_uuid)
        await subscriptions.delete(tx, domain.domain_uuid, made.subscription_uuid)
        with pytest.raises(errors.NotFound):
            await subscriptions.delete(tx, domain.domain_uuid, made.subscription_uuid)

        assert await subscriptions.list(tx, domain.domain_uuid, master_key) == []
