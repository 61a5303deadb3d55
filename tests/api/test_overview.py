"""All domains at once, for operators."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from testbed.samples import record
from tests.api.conftest import PASSWORD, Client, Tenant, move_in
from tests.api.test_admin_accounts import logged_in
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.store import cdrs, db, operators

NOW = datetime.now(UTC)


@pytest.fixture
async def operator(anybody: Client, database: db.Database, master_key: MasterKey) -> Client:
    async with database.transaction() as tx:
        made = await operators.insert(tx, master_key, f"o{ids.new().hex}", PASSWORD)
    return await logged_in(anybody, made.api_key)


async def test_calls_of_a_number_are_found_in_all_domains(
    operator: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    other = await move_in(
        database, master_key, tenant.client._session, time_zone="America/New_York"
    )
    number = "0912300777"
    made = [
        replace(
            record(house.domain.domain_uuid),
            from_number=number,
            from_canonical="84912300777",
            time_started=NOW + timedelta(seconds=second),
        )
        for second, house in enumerate((tenant, other, tenant))
    ]
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, [*made, record(other.domain.domain_uuid)])
    first, second = tenant.domain.name, other.domain.name
    for of in ("", f"&domain={first}"):
        found = (await operator.get(f"/v1/admin/cdrs?phone={number}{of}")).json["data"]
        assert [(one["domain"], one["record"]["id"]) for one in found] == [
            (first, str(made[2].cdr_uuid)),
            (second, str(made[1].cdr_uuid)),
            (first, str(made[0].cdr_uuid)),
        ]
    found = (await operator.get(f"/v1/admin/cdrs?phone={number}&limit=2")).json["data"]
    assert [one["domain"] for one in found] == [first, second]


async def test_failing_urls_of_all_domains_are_listed(
    operator: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    other = await move_in(database, master_key, tenant.client._session)
    hooks = {}
    for house in (tenant, other):
        hook = {"callback_url": f"https://{house.domain.name}/", "event": "cdr"}
        hooks[house.domain.name] = (await house.client.post("/v1/event", hook)).json["id"]
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE subscriptions SET failing_since = now() WHERE domain_uuid = $1",
            other.domain.domain_uuid,
        )

    found = (await operator.get("/v1/admin/failing-subscriptions?limit=500")).json["data"]
    failing = {one["domain"]: one for one in found}
    assert failing[other.domain.name]["id"] == hooks[other.domain.name]
    assert failing[other.domain.name]["callback_url"] == f"https://{other.domain.name}/"
    assert tenant.domain.name not in failing
