"""The route simulator and rehearsed click-to-calls over the API, with an engine in the test's
hands that thinks as the real one does.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.api.conftest import PASSWORD, Tenant
from tests.api.test_click2call import Engine, engine, woken
from tests.pbx import company
from tongdai import errors
from tongdai.pbx import rehearsal, simulation
from tongdai.pbx.commands import ClickToCall, FindRoute, Outcome, Rehearse
from tongdai.pbx.rehearsal import RegisteredPhone
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.simulation import Question

__all__ = ["PASSWORD", "engine", "woken"]

NOW = company.context().now
PHONE = RegisteredPhone(
    "101@example.vn", "192.0.2.7:5060", is_reachable=True, since=NOW, expires_at=NOW
)


def thinking(context: RoutingContext, *phones: RegisteredPhone) -> Callable[[Any], Outcome]:
    """An engine whose domain is as in the context, with these phones of extension 101."""

    def outcome(asked: FindRoute | Rehearse) -> Outcome:
        if isinstance(asked, FindRoute):
            moment = msgspec.structs.replace(context, now=asked.at or context.now)
            found: Any = simulation.simulate(Question(asked.caller, asked.dialled), moment)
        else:
            found = rehearsal.rehearse(asked.click, {"101@example.vn": phones}, context)
        return Outcome(report=msgspec.json.encode(found).decode())

    return outcome


async def test_the_way_of_a_call_in_both_languages(tenant: Tenant, engine: Engine) -> None:
    engine.answer = thinking(company.context())
    body = {"caller": "0899 888 999", "number": "1900-1919", "at": "2026-12-01T20:05:00+07:00"}
    shown = (await tenant.client.post("/v1/admin/route", body)).json

    at = datetime(2026, 12, 1, 13, 5, tzinfo=UTC)
    assert engine.asked == [FindRoute(caller="0899888999", dialled="19001919", at=at)]
    assert datetime.fromisoformat(shown["at"]) == at
    assert [step["kind"] for step in shown["steps"]] == ["arrives", "rings", "ends"]
    assert shown["steps"][1] == shown["steps"][1] | {
        "after_s": 0,
        "lasts_s": 30,
        "extensions": ["101"],
        "presented": "0899888999",
        "is_recorded": True,
        "text": "rings for at most 30 s",
    }
    assert shown["end"] == {
        "status": "NO-ANSWERED",
        "cause": "NO_ANSWER",
        "sip_status": 480,
        "limit": "",
    }
    vietnamese = await tenant.client.post(
        "/v1/admin/route", body, headers={"Accept-Language": "vi"}
    )
    assert vietnamese.json["steps"][1]["text"] == "đổ chuông tối đa 30 giây"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"caller": "101"}, "number"),
        ({"number": "102"}, "caller"),
        ({"caller": "101", "number": " "}, "number"),
        ({"caller": "101", "number": "1" * 65}, "number"),
        ({"caller": "101", "number": "102", "at": "2026-12-01 20:05"}, "at"),
    ],
)
async def test_what_is_no_question(tenant: Tenant, body: dict[str, str], field: str) -> None:
    refused = await tenant.client.post("/v1/admin/route", body, expect=422)
    assert refused.json["field"] == field


async def test_the_engine_cannot_tell(tenant: Tenant, engine: Engine) -> None:
    engine.answer = lambda _: Outcome(error=errors.SwitchDown.code)
    body = {"caller": "101", "number": "102"}
    refused = await tenant.client.post("/v1/admin/route", body, expect=503)
    assert refused.json["error"] == "SWITCH_DOWN"


# --- click-to-call without the call


async def rehearsed(tenant: Tenant, **fields: str) -> dict[str, Any]:
    asked = {"ext": "101", "phone": "0912345678", "dry_run": "1"} | fields
    answer = (await tenant.client.get("/v1/click2call", params=asked)).json
    assert (answer["status"], UUID(answer["call_id"]).int) == ("dry_run", 0)
    told: dict[str, Any] = answer["rehearsal"]
    return told


async def test_a_call_that_would_be_placed(tenant: Tenant, engine: Engine) -> None:
    engine.answer = thinking(company.context(), PHONE)
    told = await rehearsed(tenant)

    assert engine.asked == [Rehearse(click=ClickToCall(ext="101", phone="0912345678"))]
    assert (told["would_call"], told["error"], told["message"]) == (True, "", "")
    (phone,) = told["extension"]["phones"]
    assert phone == phone | {
        "device": "default",
        "address": "192.0.2.7:5060",
        "is_reachable": True,
    }
    assert datetime.fromisoformat(phone["registered_since"]) == NOW
    assert [step["kind"] for step in told["route"]["steps"]] == ["arrives", "rings", "ends"]
    assert told["route"]["steps"][1]["trunk"] == "carrier"
    loads = {
        (load["limit"], load["trunk"]): (load["used"], load["most"]) for load in told["limits"]
    }
    assert loads == {
        ("domain_calls", ""): (0, 100),
        ("extension_calls", ""): (0, 2),
        ("calls_per_minute", ""): (0, 120),
        ("minutes_per_day", ""): (0, None),
        ("trunk_calls", "carrier"): (0, 100),
    }


@pytest.mark.parametrize(
    ("given", "phones", "fields", "error"),
    [
        ("", (), {}, "USER_NOT_REGISTERED"),
        ("talks 101=2", (PHONE,), {}, "USER_BUSY"),
        ("calls=100", (PHONE,), {}, "TOO_MANY_CALLS"),
        ("extension 101 enabled=false", (PHONE,), {}, "INVALID_EXTENSION"),
        ("", (PHONE,), {"ext": "999"}, "INVALID_EXTENSION"),
        ("", (PHONE,), {"phone": "0018005551234"}, "DESTINATION_BARRED"),
        ("trunk carrier max_calls=0", (PHONE,), {}, "CALL_LIMIT"),
        ("hotline enabled=false", (PHONE,), {}, "NO_HOTLINE"),
    ],
)
async def test_why_not(  # noqa: PLR0917 -- the case, in columns
    tenant: Tenant,
    engine: Engine,
    given: str,
    phones: tuple[RegisteredPhone, ...],
    fields: dict[str, str],
    error: str,
) -> None:
    context = company.context()
    engine.answer = thinking(company.given(context, given) if given else context, *phones)
    told = await rehearsed(tenant, **fields)

    assert (told["would_call"], told["error"]) == (False, error)
    assert told["message"]


async def test_a_rehearsal_is_not_repeated_and_has_no_key(tenant: Tenant, engine: Engine) -> None:
    """The same key may place the call afterwards."""
    engine.answer = thinking(company.context(), PHONE)
    for _ in range(2):
        await rehearsed(tenant)
    assert len(engine.asked) == 2
