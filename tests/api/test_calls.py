"""Live calls: what the list shows, every id that finds one, and their end by command, with an
engine in the test's hands.
"""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from testbed.samples import call, record
from testbed.until import until
from tests.api.conftest import PASSWORD, Client, Tenant
from tests.api.test_click2call import Engine, engine, woken
from tests.api.test_permissions import operator, user, with_key
from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx.call import Call, Calling, Ended, Ringing, Waiting
from tongdai.pbx.causes import ANSWERED
from tongdai.pbx.commands import EndCall, Outcome
from tongdai.store import audit, calls, cdrs, db

__all__ = ["PASSWORD", "engine", "woken"]


async def goes_on(database: db.Database, *live: Call) -> None:
    async with database.transaction() as tx:
        await calls.save_many(tx, f"node of {live[0].domain}", live)


def talk(tenant: Tenant) -> Call:
    """A talk whose ids all differ."""
    made = call(tenant.domain, customer_id="crm-42", extension="101", hotline="19001919")
    legs = tuple(
        replace(leg, sip_call_id=f"sip-{leg.number}-{made.call_uuid}", leg_uuid=uuid)
        for leg, uuid in zip(made.legs, (None, ids.new()), strict=True)
    )
    return replace(made, legs=legs, merged=(ids.new(),), former_ids=(ids.new(),))


async def test_a_live_call_is_shown_with_its_parties(
    tenant: Tenant, database: db.Database
) -> None:
    made = talk(tenant)
    await goes_on(database, made)
    (shown,) = (await tenant.client.get("/v1/calls")).json["data"]

    assert shown == shown | {
        "id": str(made.call_uuid),
        "domain": tenant.domain.name,
        "state": "talking",
        "direction": "inbound",
        "from_number": "0899888999",
        "to_number": "19001919",
        "extension": "101",
        "hotline": "19001919",
        "customer_id": "crm-42",
        "queue": "",
        "time_ended": None,
        "status": "",
    }
    assert [(leg["number"], leg["role"], leg["state"]) for leg in shown["legs"]] == [
        ("0899888999", "caller", "connected"),
        ("101", "callee", "connected"),
    ]


async def test_the_states_of_calls(tenant: Tenant, database: db.Database) -> None:
    now = call(tenant.domain).started_at
    waiting = Waiting(queue="700", since=now, until=now)
    courses = {
        "calling": Calling(then=Ringing()),
        "ringing": Ringing(then=waiting, agent="101"),
        "waiting": waiting,
    }
    live = [call(tenant.domain, course=course, answered_at=None) for course in courses.values()]
    over = call(tenant.domain, course=Ended(release=ANSWERED), ended_at=now)
    await goes_on(database, *live, over)
    shown = (await tenant.client.get("/v1/calls")).json["data"]

    assert {(one["state"], one["queue"]) for one in shown} == {
        ("calling", ""),
        ("ringing", "700"),
        ("waiting", "700"),
    }


async def test_a_live_call_has_every_id_that_was_ever_given(
    tenant: Tenant, database: db.Database
) -> None:
    made = talk(tenant)
    await goes_on(database, made)
    names = [made.call_uuid, *made.merged, *made.former_ids, str(made.call_uuid).upper()]
    names += [leg.leg_uuid for leg in made.legs if leg.leg_uuid]
    names += [leg.sip_call_id for leg in made.legs]
    for name in names:
        assert (await tenant.client.get(f"/v1/calls/{name}")).json["id"] == str(made.call_uuid)
    for name in (ids.new(), "101", "None"):
        await tenant.client.get(f"/v1/calls/{name}", expect=404)


async def test_an_ended_call_is_found_too(tenant: Tenant, database: db.Database) -> None:
    made = record(tenant.domain.domain_uuid)
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, [made])
    for name in (made.cdr_uuid, made.call_id, made.sip_call_id):
        shown = (await tenant.client.get(f"/v1/calls/{name}")).json
        assert shown == shown | {
            "id": str(made.cdr_uuid),
            "state": "ended",
            "status": "ANSWERED",
            "cause": "NORMAL_CLEARING",
            "hangup_by": "caller",
            "direction": "outbound",
            "legs": [],
        }


async def test_an_operator_sees_the_calls_of_all_domains_or_of_one(
    tenant: Tenant, anybody: Client, database: db.Database, master_key: MasterKey
) -> None:
    made = talk(tenant)
    await goes_on(database, made)
    client = await with_key(anybody, (await operator(database, master_key)).api_key)
    everywhere = (await client.get("/v1/calls")).json["data"]
    here = (await client.get(f"/v1/calls?domain={tenant.domain.name}")).json["data"]

    assert str(made.call_uuid) in [one["id"] for one in everywhere]
    assert [str(made.call_uuid)] == [one["id"] for one in here]
    await client.get("/v1/calls?domain=nowhere.example.vn", expect=404)


# --- hung up


async def test_a_call_is_hung_up_by_a_command_that_the_audit_log_tells(
    tenant: Tenant, database: db.Database, engine: Engine
) -> None:
    made = talk(tenant)
    await goes_on(database, made)
    engine.answer = lambda _: Outcome(call_id=made.call_uuid)
    ended = await tenant.client.ask("DELETE", f"/v1/calls/{made.legs[1].sip_call_id}")

    assert ended.json == {"id": str(made.call_uuid)}
    assert engine.asked == [EndCall(call_uuid=made.call_uuid)]
    async with database.connection() as tx:
        (told,) = await audit.list(
            tx, tenant.domain.domain_uuid, audit.Filter(noun="call"), limit=10
        )
    assert (told.action, told.name) == ("delete", str(made.call_uuid))
    assert (told.actor, told.address) == ("user:foo", "127.0.0.1")


@pytest.mark.parametrize(
    ("code", "status"), [(errors.CallEnded.code, 409), (errors.SwitchDown.code, 503)]
)
async def test_the_engine_refuses(
    tenant: Tenant, database: db.Database, engine: Engine, code: str, status: int
) -> None:
    made = talk(tenant)
    await goes_on(database, made)
    engine.answer = lambda _: Outcome(call_id=made.call_uuid, error=code)
    refused = await tenant.client.ask("DELETE", f"/v1/calls/{made.call_uuid}", expect=status)

    assert refused.json["error"] == code


async def test_an_ended_call_is_not_hung_up(tenant: Tenant, database: db.Database) -> None:
    made = record(tenant.domain.domain_uuid)
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, [made])
    for language, word in (("en", "ended"), ("vi", "kết thúc")):
        refused = await tenant.client.ask(
            "DELETE",
            f"/v1/calls/{made.call_id}",
            expect=409,
            headers={"Accept-Language": language},
        )
        assert refused.json["error"] == "CALL_ENDED"
        assert word in refused.json["message"]


async def test_an_agent_may_see_calls_but_end_none(
    tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    made = talk(tenant)
    await goes_on(database, made)
    agent = await user(tenant, database, master_key, level="agent")
    await agent.get(f"/v1/calls/{made.call_uuid}")
    await agent.ask("DELETE", f"/v1/calls/{made.call_uuid}", expect=403)


async def test_without_an_engine_nothing_is_left_to_be_done_later(
    tenant: Tenant, database: db.Database
) -> None:
    made = talk(tenant)
    await goes_on(database, made)
    asking = asyncio.create_task(
        tenant.client.ask("DELETE", f"/v1/calls/{made.call_uuid}", expect=503)
    )

    async def left() -> Any:
        async with database.connection() as tx:
            return await tx.fetchval(
                "SELECT count(*) FROM commands WHERE domain_uuid = $1", tenant.domain.domain_uuid
            )

    await until(left)
    assert (await asking).json["error"] == "SWITCH_DOWN"
    assert await left() == 0
