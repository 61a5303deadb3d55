"""A company as a file by the API."""

from typing import Any

import pytest

from tests.admin import companies
from tests.api.conftest import PASSWORD, Client, Tenant
from tests.api.test_admin_accounts import logged_in
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.store import db, operators

PATH = "/v1/admin/company"


@pytest.fixture
async def operator(anybody: Client, database: db.Database, master_key: MasterKey) -> Client:
    """An operator who is logged in."""
    async with database.transaction() as tx:
        made = await operators.insert(tx, master_key, f"o{ids.new().hex}", PASSWORD)
    return await logged_in(anybody, made.api_key)


async def put(client: Client, domain: str, text: str, expect: int = 200, **headers: str) -> Any:
    query = f"?domain={domain}"
    return (
        await client.ask("PUT", PATH + query, data=text.encode(), expect=expect, headers=headers)
    ).json


async def test_a_company_is_planned_applied_and_exported(operator: Client, tenant: Tenant) -> None:
    name = tenant.domain.name
    text = companies.FULL.format(name=name).replace("https://crm.", "https://b.")
    text = text.replace("users:", "users:\n  - {username: foo}")
    plan = await operator.ask("POST", f"{PATH}/plan?domain={name}", data=text.encode())
    before = await operator.get(f"{PATH}?domain={name}")
    assert before.headers["Content-Type"].startswith("application/yaml")
    assert "extensions: []" in before.body.decode()

    done = await put(operator, name, text)

    assert done["changes"] == plan.json["changes"]
    assert {one["name"] for one in done["secrets"]} == {"101", "101 mobile", "an"}
    assert (await put(operator, name, text))["changes"] == []
    assert (await tenant.client.get("/v1/admin/extensions/101")).json["hotline"] == "02873001234"
    (entry, *_) = (await operator.get(f"/v1/admin/audit?domain={name}&noun=queue")).json["data"]
    assert entry["actor"].startswith("operator:")
    after = await operator.get(f"{PATH}?domain={name}")
    assert "a-carriers-word" not in after.body.decode()
    back = await operator.ask("GET", PATH, params={"domain": name, "at": entry["at"]})
    assert back.body == after.body, "all of it was one transaction"


async def test_only_the_file_that_was_read_is_replaced(operator: Client, tenant: Tenant) -> None:
    name = tenant.domain.name
    read = await operator.get(f"{PATH}?domain={name}")
    text = read.body.decode()
    changed = text.replace("max_calls: 100", "max_calls: 7")
    await put(operator, name, changed, **{"If-Match": read.headers["ETag"]})
    await put(operator, name, text, expect=412, **{"If-Match": read.headers["ETag"]})
    assert (await operator.get(f"{PATH}?domain={name}")).body.decode() == changed


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name: ": "name: other-"}, "domain.name"),
        ({"max_calls: ": "max_calls: a"}, "domain.max_calls"),
        ({"extensions: []": "extensions: [{extension: 101, hotline: 1900}]"},
         "extensions[0].hotline"),
        ({"tongdai: 1": "tongdai: ["}, "file"),
    ],
)  # fmt: skip
async def test_a_wrong_file_is_refused_whole(
    operator: Client, tenant: Tenant, change: dict[str, str], field: str
) -> None:
    name = tenant.domain.name
    text = known = (await operator.get(f"{PATH}?domain={name}")).body.decode()
    for before, after in change.items():
        text = text.replace(before, after, 1)
    refused = await put(operator, name, text, expect=422)
    assert refused["field"] == field
    assert "(line " in refused["message"]
    assert (await operator.get(f"{PATH}?domain={name}")).body.decode() == known


async def test_a_large_company_is_one_request(operator: Client, tenant: Tenant) -> None:
    name = tenant.domain.name
    rows = "\n".join(
        f"- {{extension: {number}, name: {'x' * 60}}}" for number in range(1000, 1900)
    )
    done = await put(operator, name, companies.minimal(name, f"extensions:\n{rows}\n"))
    assert len(done["secrets"]) == 900
