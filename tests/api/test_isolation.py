"""Tenants: every operation of the served document, with one's own things, another's and what never
was.

Both have extension 101 and a call of the same SIP Call-ID. What is another's looks exactly like
what never was.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from testbed import tones
from testbed.samples import call, record, recording_of
from testbed.until import until
from tests.api.conftest import PASSWORD, Client, Reply, Tenant, folder_of, give_hotline, move_in
from tests.webhooks import samples
from tongdai import api, ids
from tongdai.api import totp
from tongdai.encryption import MasterKey
from tongdai.pbx import directory, simulation
from tongdai.pbx.call import Call, Ended
from tongdai.pbx.causes import ANSWERED
from tongdai.pbx.commands import Outcome
from tongdai.pbx.directory import NODE
from tongdai.store import (
    calls,
    cdrs,
    commands,
    db,
    devices,
    domains,
    extensions,
    hotlines,
    live_state,
    trunks,
)

SIP_CALL_ID = "same@10.0.0.9"
_hotlines = itertools.count(1001)


class House(msgspec.Struct, frozen=True):
    """A tenant with one of everything."""

    tenant: Tenant
    cdr: str
    leg: str
    event: str
    recording: str
    hotline: str


@pytest.fixture
async def house(
    database: db.Database, master_key: MasterKey, deps: api.Deps, tenant: Tenant
) -> House:
    return await furnish(database, master_key, deps, tenant)


@pytest.fixture
async def neighbour(
    database: db.Database, master_key: MasterKey, deps: api.Deps, tenant: Tenant
) -> House:
    return await furnish(
        database, master_key, deps, await move_in(database, master_key, tenant.client._session)
    )


async def furnish(
    database: db.Database, master_key: MasterKey, deps: api.Deps, tenant: Tenant
) -> House:
    token = str(ids.new())
    (folder_of(deps) / f"{token}.wav").write_bytes(b"RIFF")
    call = record(
        tenant.domain.domain_uuid,
        sip_call_id=SIP_CALL_ID,
    )
    call = replace(call, recording=recording_of(call, token=token, file_key=f"{token}.wav"))
    async with database.transaction() as tx:
        await extensions.insert(tx, tenant.domain.domain_uuid, directory.Extension("101"))
        await cdrs.insert_many(tx, [call])
    hotline = f"1900{next(_hotlines)}"
    await give_hotline(database, master_key, tenant, hotline)
    hook = {"callback_url": f"https://{tenant.domain.name}/", "event": "cdr"}
    made = await tenant.client.post("/v1/event", hook)
    return House(tenant, str(call.cdr_uuid), str(call.call_id), made.json["id"], token, hotline)


Row = Callable[[House, House, db.Database], Awaitable[None]]
ROWS: dict[tuple[str, str], Row] = {}


def row(method: str, path: str) -> Callable[[Row], Row]:
    """The function proves the isolation of this operation."""

    def register(proof: Row) -> Row:
        ROWS[method, path] = proof
        return proof

    return register


async def same_as_nothing(
    client: Client, method: str, path: str, foreign: str, body: dict[str, object] | None = None
) -> None:
    """Another's id and a random one get the same answer, to the byte, and it is 404."""
    has_body = body is not None or method in ("PUT", "PATCH")
    given: dict[str, Any] = {"json": body or {}} if has_body else {}
    strange = [
        await client.ask(method, path.format(name), expect=404, **given)
        for name in (foreign, str(ids.new()))
    ]

    assert len({(answer.status, answer.body, _headers(answer)) for answer in strange}) == 1


def _headers(answer: Reply) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in answer.headers.items() if name.lower() != "date")


@row("get", "/v1/event")
async def list_events(own: House, other: House, database: db.Database) -> None:
    listed = (await own.tenant.client.get("/v1/event")).json["data"]

    assert [own.event] == [one["id"] for one in listed]
    assert own.tenant.domain.name == listed[0]["domain_name"]


@row("get", "/v1/event/outstanding")
async def outstanding_events(own: House, other: House, database: db.Database) -> None:
    owing = call(other.tenant.domain)
    over = call(other.tenant.domain, course=Ended(release=ANSWERED))
    async with database.transaction() as tx:
        await calls.save_many(tx, f"node of {own.tenant.domain.name}", [owing, over])
    mine = (await own.tenant.client.get("/v1/event/outstanding")).json
    theirs = (await other.tenant.client.get("/v1/event/outstanding")).json

    assert (
        mine["calls"]["count"],
        mine["ended_calls"]["count"],
        mine["ended_calls"]["oldest"],
    ) == (0, 0, [])
    assert (theirs["calls"]["count"], theirs["ended_calls"]["count"]) == (1, 1)
    assert [call["conversation_id"] for call in theirs["ended_calls"]["oldest"]] == [
        str(over.call_uuid)
    ]


@row("post", "/v1/event")
async def create_event(own: House, other: House, database: db.Database) -> None:
    hook = {
        "callback_url": "https://webhook.demo/",
        "event": "hangup",
        "domain_uuid": str(other.tenant.domain.domain_uuid),
    }
    made = (await own.tenant.client.post("/v1/event", hook)).json

    assert made["data"]["domain_uuid"] == str(own.tenant.domain.domain_uuid)
    assert [other.event] == [
        one["id"] for one in (await other.tenant.client.get("/v1/event")).json["data"]
    ]


@row("delete", "/v1/event/{id}")
async def delete_event(own: House, other: House, database: db.Database) -> None:
    await same_as_nothing(own.tenant.client, "DELETE", "/v1/event/{}", other.event)
    assert [other.event] == [
        one["id"] for one in (await other.tenant.client.get("/v1/event")).json["data"]
    ]
    await own.tenant.client.ask("DELETE", f"/v1/event/{own.event}")


@row("get", "/v1/event/{id}")
async def get_event(own: House, other: House, database: db.Database) -> None:
    await same_as_nothing(own.tenant.client, "GET", "/v1/event/{}", other.event)
    assert (await own.tenant.client.get(f"/v1/event/{own.event}")).json["id"] == own.event


@row("patch", "/v1/event/{id}")
async def set_options(own: House, other: House, database: db.Database) -> None:
    """Another's subscription stays as it is."""
    before = (await other.tenant.client.get(f"/v1/event/{other.event}")).json
    await same_as_nothing(own.tenant.client, "PATCH", "/v1/event/{}", other.event)
    assert before == (await other.tenant.client.get(f"/v1/event/{other.event}")).json
    changed = await own.tenant.client.ask("PATCH", f"/v1/event/{own.event}")
    assert changed.json["id"] == own.event


async def change_event(own: House, other: House, database: db.Database, *, verb: str) -> None:
    """Another's subscription stays as it is."""
    before = (await other.tenant.client.get(f"/v1/event/{other.event}")).json
    await same_as_nothing(own.tenant.client, "POST", f"/v1/event/{{}}/{verb}", other.event)
    assert before == (await other.tenant.client.get(f"/v1/event/{other.event}")).json
    await own.tenant.client.post(f"/v1/event/{own.event}/{verb}")


for _verb in ("enable", "disable", "rotate_secret", "test"):
    ROWS["post", f"/v1/event/{{id}}/{_verb}"] = partial(change_event, verb=_verb)


async def told(house: House, database: db.Database) -> str:
    """The webhook-id of an event that was published for the house's subscription."""
    event = samples.event(house.tenant.domain, "cdr")
    await samples.publish(database, event)
    return str(event.event_uuid)


@row("get", "/v1/event/{id}/deliveries")
async def list_deliveries(own: House, other: House, database: db.Database) -> None:
    await same_as_nothing(own.tenant.client, "GET", "/v1/event/{}/deliveries", other.event)
    mine, _ = await told(own, database), await told(other, database)
    listed = (await own.tenant.client.get(f"/v1/event/{own.event}/deliveries")).json["data"]
    assert [mine] == [one["webhook_id"] for one in listed]


@row("get", "/v1/event/{id}/deliveries/{webhook_id}")
async def get_delivery(own: House, other: House, database: db.Database) -> None:
    mine, theirs = await told(own, database), await told(other, database)
    await same_as_nothing(
        own.tenant.client, "GET", f"/v1/event/{other.event}/deliveries/{{}}", theirs
    )
    await same_as_nothing(
        own.tenant.client, "GET", f"/v1/event/{own.event}/deliveries/{{}}", theirs
    )
    found = (await own.tenant.client.get(f"/v1/event/{own.event}/deliveries/{mine}")).json
    assert found["body"]["domain"] == own.tenant.domain.name


@row("post", "/v1/event/{id}/resend")
async def resend(own: House, other: House, database: db.Database) -> None:
    mine, theirs = await told(own, database), await told(other, database)
    for event in (own.event, other.event):
        for wish in ({"webhook_id": theirs}, {"webhook_id": str(ids.new())}):
            await own.tenant.client.post(f"/v1/event/{event}/resend", wish, expect=404)
    await own.tenant.client.post(
        f"/v1/event/{other.event}/resend", {"state": "failed"}, expect=404
    )
    assert (
        await own.tenant.client.post(f"/v1/event/{own.event}/resend", {"webhook_id": mine})
    ).json["resent"] == 1


@row("get", "/v1/event/feed")
async def read_feed(own: House, other: House, database: db.Database) -> None:
    for house in (own, other):
        await samples.publish(database, samples.event(house.tenant.domain))
    listed = (await own.tenant.client.get("/v1/event/feed")).json

    assert [own.tenant.domain.name] == [one["body"]["domain"] for one in listed["data"]]
    assert (listed["first_seq"], listed["last_seq"]) == (1, 1)


@row("post", "/v1/event/trigger")
async def trigger_event(own: House, other: House, database: db.Database) -> None:
    wish = {
        "event": "cdr",
        "domain_uuid": str(other.tenant.domain.domain_uuid),
        "domain": other.tenant.domain.name,
    }
    told = (await own.tenant.client.post("/v1/event/trigger", wish)).json

    assert told["body"]["domain"] == own.tenant.domain.name
    assert [told] == (await own.tenant.client.get("/v1/event/feed")).json["data"]
    assert (await other.tenant.client.get("/v1/event/feed")).json["data"] == []


@row("get", "/v1/cdr")
async def list_cdrs(own: House, other: House, database: db.Database) -> None:
    for query in (
        "",
        "page=1",
        "extension=101",
        "phone=0899888999",
        "status=ANSWERED&limit=500",
        "direction=outbound",
    ):
        listed = (await own.tenant.client.get(f"/v1/cdr?{query}")).json
        assert [own.cdr] == [one["id"] for one in listed["data"]]
        assert listed.get("total", 1) == 1
    for mine, theirs in ((own.recording, other.recording), (own.cdr, other.cdr)):
        assert [own.cdr] == await _by_recording(own, mine)
        assert [] == await _by_recording(own, theirs) == await _by_recording(own, str(ids.new()))


async def _by_recording(house: House, name: str) -> list[str]:
    return [
        one["id"]
        for one in (await house.tenant.client.get(f"/v1/cdr?recordingfile={name}")).json["data"]
    ]


@row("get", "/v1/cdr/{id}")
async def get_cdr(own: House, other: House, database: db.Database) -> None:
    for name in (own.cdr, own.leg, SIP_CALL_ID):
        assert own.cdr == (await own.tenant.client.get(f"/v1/cdr/{name}")).json["id"]
    for name in (other.cdr, other.leg):
        await same_as_nothing(own.tenant.client, "GET", "/v1/cdr/{}", name)


@row("get", "/v1/reports/{of}")
async def get_report(own: House, other: House, database: db.Database) -> None:
    period = "start_date=2021-02-17&end_date=2021-02-17"
    for of in ("domain", "extension", "hotline"):
        for by in ("name", "day", "week", "month", "hour", "heat"):
            found = await own.tenant.client.get(f"/v1/reports/{of}?by={by}&{period}")
            assert found.json["total"]["calls"] == 1


@row("get", "/v3/cdr")
async def v3_list_cdrs(own: House, other: House, database: db.Database) -> None:
    for query in ("", "limit=0", "extension=101&status=answered", "phone=0899888999&limit=1"):
        listed = (await own.tenant.client.get(f"/v3/cdr?{query}")).json
        assert [own.cdr] == [one["id"] for one in listed["data"]]
        assert listed["total"] == 1
    for theirs in (other.recording, other.cdr, str(ids.new())):
        listed = (await own.tenant.client.get(f"/v3/cdr?recordingfile={theirs}")).json
        assert (listed["data"], listed["total"]) == ([], 0)


@row("get", "/v3/cdr/{id}")
async def v3_get_cdr(own: House, other: House, database: db.Database) -> None:
    for name in (own.cdr, own.leg, SIP_CALL_ID):
        assert own.cdr == (await own.tenant.client.get(f"/v3/cdr/{name}")).json["id"]
    for name in (other.cdr, other.leg):
        await same_as_nothing(own.tenant.client, "GET", "/v3/cdr/{}", name)


async def extension_uuid(house: House, number: str = "101") -> str:
    return str((await house.tenant.client.get(f"/v3/extension/{number}")).json["extension_uuid"])


@row("get", "/v3/extension")
async def list_extensions(own: House, other: House, database: db.Database) -> None:
    listed = (await own.tenant.client.get("/v3/extension")).json

    assert [await extension_uuid(own)] == [one["extension_uuid"] for one in listed["data"]]
    assert listed["total"] == 1


@row("get", "/v3/extension/{id}")
async def get_extension(own: House, other: House, database: db.Database) -> None:
    mine, theirs = await extension_uuid(own), await extension_uuid(other)
    assert mine != theirs
    await same_as_nothing(own.tenant.client, "GET", "/v3/extension/{}", theirs)
    assert (await own.tenant.client.get(f"/v3/extension/{mine}")).json["extension"] == "101"


@row("post", "/v3/extension")
async def create_extension(own: House, other: House, database: db.Database) -> None:
    """The number of another's extension is free."""
    new = {"extension": "102", "password": "Chosen-Secret.1"}
    made = await other.tenant.client.post("/v3/extension", new)
    wish = new | {"domain_uuid": str(other.tenant.domain.domain_uuid)}
    mine = await own.tenant.client.post("/v3/extension", wish)

    assert made.json["extension_uuid"] != mine.json["extension_uuid"]
    for house in (own, other):
        assert (await house.tenant.client.get("/v3/extension")).json["total"] == 2


@row("put", "/v3/extension/{id}")
async def update_extension(own: House, other: House, database: db.Database) -> None:
    theirs = await extension_uuid(other)
    await same_as_nothing(own.tenant.client, "PUT", "/v3/extension/{}", theirs)
    for name in ("101", await extension_uuid(own)):
        await own.tenant.client.ask("PUT", f"/v3/extension/{name}", json={"enabled": False})
    assert (await other.tenant.client.get("/v3/extension/101")).json["enabled"] is True


async def api_key(house: House, name: str = "CRM") -> dict[str, Any]:
    wish = {"username": "foo", "name": name}
    made: dict[str, Any] = (await house.tenant.client.post("/v1/admin/api-keys", wish)).json
    return made


@row("get", "/v1/admin/api-keys")
async def list_api_keys(own: House, other: House, database: db.Database) -> None:
    mine, _ = await api_key(own), await api_key(other)
    for query in ("", "?username=foo"):
        listed = (await own.tenant.client.get(f"/v1/admin/api-keys{query}")).json
        assert [mine["id"]] == [one["id"] for one in listed["data"]]


@row("post", "/v1/admin/api-keys")
async def create_api_key(own: House, other: House, database: db.Database) -> None:
    """Both have a user foo, and a key of the same name."""
    wish = {"username": "foo", "name": "CRM"}
    strange = {"domain_uuid": str(other.tenant.domain.domain_uuid)}
    await own.tenant.client.post("/v1/admin/api-keys", wish | strange, expect=422)
    mine = (await own.tenant.client.post("/v1/admin/api-keys", wish)).json
    assert (await other.tenant.client.get("/v1/admin/api-keys")).json["data"] == []
    theirs = await api_key(other)

    assert mine["user_uuid"] != theirs["user_uuid"]
    listed = (await own.tenant.client.get("/v1/admin/api-keys")).json["data"]
    assert [mine["id"]] == [one["id"] for one in listed]


@row("get", "/v1/admin/api-keys/{id}")
async def get_api_key(own: House, other: House, database: db.Database) -> None:
    mine, theirs = await api_key(own), await api_key(other)
    await same_as_nothing(own.tenant.client, "GET", "/v1/admin/api-keys/{}", theirs["id"])
    shown = (await own.tenant.client.get(f"/v1/admin/api-keys/{mine['id']}")).json
    assert shown["name"] == "CRM"


async def change_api_key(
    own: House, other: House, database: db.Database, *, method: str, tail: str
) -> None:
    """Another's key stays as it is."""
    mine, theirs = await api_key(own), await api_key(other)
    path, client = f"/v1/admin/api-keys/{{}}{tail}", other.tenant.client
    before = (await client.get(f"/v1/admin/api-keys/{theirs['id']}")).json
    await same_as_nothing(own.tenant.client, method, path, theirs["id"])
    assert before == (await client.get(f"/v1/admin/api-keys/{theirs['id']}")).json
    given: dict[str, Any] = {"json": {"name": "x"}} if method == "PATCH" else {}
    await own.tenant.client.ask(method, path.format(mine["id"]), **given)


for _method, _tail in (("patch", ""), ("delete", ""), ("post", "/rotate")):
    ROWS[_method, "/v1/admin/api-keys/{id}" + _tail] = partial(
        change_api_key, method=_method.upper(), tail=_tail
    )
# Each domain has these, under the same number, and the name tells whose it is.
ADMINISTERED: dict[str, dict[str, Any]] = {
    "extensions": {"extension": "105"},
    "ring-groups": {"number": "605", "members": ["101"]},
    "queues": {"number": "705", "agents": ["101"]},
    "hours-plans": {"name": ""},
    "callers": {"caller": "0912*"},
    "menus": {"number": "805", "keys": ["1=101"]},
    "hotlines": {"number": "19001777"},
    "trunks": {"name": ""},
}
# Operators alone make these, and change trunks.
OPERATED: dict[str, dict[str, Any]] = {
    "hotlines": {"number": "19001778", "trunk": "carrier"},
    "trunks": {"name": "own", "host": "192.0.2.1"},
}


async def administered(house: House, noun: str, database: db.Database) -> tuple[str, str]:
    """The path of the house's own thing, and its key."""
    if noun in OPERATED:
        return await _operated(house, noun, database)
    new = ADMINISTERED[noun] | {_label(noun): house.tenant.domain.name}
    await house.tenant.client.ask("POST", f"/v1/admin/{noun}", json=new, expect=201)
    key = next(iter(ADMINISTERED[noun].values())) or new["name"]
    return f"/v1/admin/{noun}/{key}", key


def _label(noun: str) -> str:
    """The field that tells whose it is."""
    return "note" if noun == "callers" else "name"


async def _operated(house: House, noun: str, database: db.Database) -> tuple[str, str]:
    name, domain_uuid = house.tenant.domain.name, house.tenant.domain.domain_uuid
    trunk = trunks.Trunk(name=name, auth="ip", host="192.0.2.1")
    number = ADMINISTERED["hotlines"]["number"]
    async with database.transaction() as tx:
        await trunks.insert(tx, domain_uuid, MasterKey(bytes(32)), trunk)
        await hotlines.insert(tx, domain_uuid, number, trunk.trunk_uuid, name=name)
    return f"/v1/admin/{noun}/{name if noun == 'trunks' else number}", name


async def create_noun(own: House, other: House, database: db.Database, *, noun: str) -> None:
    """What another has is free."""
    if noun in OPERATED:
        for of in ("", f"?domain={other.tenant.domain.name}"):
            await own.tenant.client.post(f"/v1/admin/{noun}{of}", OPERATED[noun], expect=403)
        return
    for house in (other, own):
        path, _ = await administered(house, noun, database)
        shown = (await house.tenant.client.get(path)).json
        assert shown[_label(noun)] == house.tenant.domain.name


async def list_nouns(own: House, other: House, database: db.Database, *, noun: str) -> None:
    for house in (other, own):
        await administered(house, noun, database)
    listed = (await own.tenant.client.get(f"/v1/admin/{noun}?limit=500")).json["data"]
    labels = {one[_label(noun)] for one in listed}
    assert own.tenant.domain.name in labels
    assert other.tenant.domain.name not in labels


async def touch_noun(
    own: House, other: House, database: db.Database, *, noun: str, method: str
) -> None:
    """Another's is as one that never was, also where the path names a domain."""
    path, _ = await administered(other, noun, database)
    change: dict[str, Any] = {_label(noun): "mine"}
    if noun == "hours-plans":  # its name stays
        change = {"weekly": ["daily 08:00-09:00"]}
    given: dict[str, Any] = {"json": change} if method == "PATCH" else {}
    is_operated = noun == "trunks" or (noun == "hotlines" and method == "DELETE")
    expect = 403 if is_operated and method != "GET" else 404
    theirs = await own.tenant.client.ask(method, path, expect=expect, **given)
    aimed = f"{path}?domain={other.tenant.domain.name}"
    assert (await own.tenant.client.ask(method, aimed, expect=expect, **given)).body == theirs.body
    kept = (await other.tenant.client.get(path)).json
    assert kept[_label(noun)] == other.tenant.domain.name


async def prompt_of(house: House) -> str:
    """The path of a prompt that each house has, of another length."""
    seconds = 1 + len(house.tenant.domain.name) % 2
    path = "/v1/admin/prompts/L%E1%BB%9Di%20ch%C3%A0o"
    sound = tones.wav(440, seconds)
    await house.tenant.client.ask("PUT", f"{path}/audio", data=sound, expect=201)
    return path


@row("get", "/v1/admin/prompts")
async def list_prompts(own: House, other: House, database: db.Database) -> None:
    await prompt_of(other)
    assert (await own.tenant.client.get("/v1/admin/prompts")).json["data"] == []


@row("put", "/v1/admin/prompts/{name}/audio")
async def upload_prompt(own: House, other: House, database: db.Database) -> None:
    """What another has is free, and stays as it was."""
    path = await prompt_of(other)
    before = (await other.tenant.client.get(f"{path}/audio")).body
    sound = tones.wav(620, 2)
    await own.tenant.client.ask("PUT", f"{path}/audio", data=sound, expect=201)
    assert (await other.tenant.client.get(f"{path}/audio")).body == before


async def touch_prompt(
    own: House, other: House, database: db.Database, *, method: str, tail: str
) -> None:
    path = await prompt_of(other)
    of = f"?domain={other.tenant.domain.name}"
    for asked in (f"{path}{tail}", f"{path}{tail}{of}"):
        theirs = await own.tenant.client.ask(method, asked, expect=404)
        nothing = await own.tenant.client.ask(method, asked.replace("ch", "x"), expect=404)
        assert theirs.body == nothing.body
    assert (await other.tenant.client.get(path)).json["name"] == "Lời chào"


for _method, _tail in (("get", ""), ("delete", ""), ("get", "/audio")):
    ROWS[_method, "/v1/admin/prompts/{name}" + _tail] = partial(
        touch_prompt, method=_method.upper(), tail=_tail
    )


for _noun in ADMINISTERED:
    ROWS["get", f"/v1/admin/{_noun}"] = partial(list_nouns, noun=_noun)
    ROWS["post", f"/v1/admin/{_noun}"] = partial(create_noun, noun=_noun)
    for _method in ("GET", "PATCH", "DELETE"):
        ROWS[_method.lower(), f"/v1/admin/{_noun}/{{name}}"] = partial(
            touch_noun, noun=_noun, method=_method
        )


@row("post", "/v1/admin/callers/bulk")
async def write_callers(own: House, other: House, database: db.Database) -> None:
    """Each writes its own."""
    for house, action in ((other, "block"), (own, "allow")):
        wish = {"callers": [{"caller": "0912345678", "action": action}]}
        await house.tenant.client.post("/v1/admin/callers/bulk", wish)
    kept = (await other.tenant.client.get("/v1/admin/callers/0912345678")).json
    assert kept["action"] == "block"


async def extensions_of(house: House) -> list[str]:
    listed = (await house.tenant.client.get("/v1/admin/extensions")).json["data"]
    return [one["extension"] for one in listed]


@row("post", "/v1/admin/extensions/bulk")
async def bulk_create(own: House, other: House, database: db.Database) -> None:
    """What another has is free."""
    for house in (other, own):
        wish = {"extensions": [{"extension": "131"}, {"extension": "132"}]}
        await house.tenant.client.post("/v1/admin/extensions/bulk", wish, expect=201)
    assert await extensions_of(own) == await extensions_of(other) == ["101", "131", "132"]


@row("post", "/v1/admin/extensions/csv")
async def import_csv(own: House, other: House, database: db.Database) -> None:
    """The same keys of both are two."""
    for house in (other, own):
        await house.tenant.client.ask(
            "POST",
            "/v1/admin/extensions/csv",
            data="extension\n131\n",
            headers={"Content-Type": "text/csv", "Idempotency-Key": "1"},
            expect=201,
        )
    assert await extensions_of(own) == await extensions_of(other) == ["101", "131"]


@row("get", "/v1/admin/extensions/csv")
async def export_csv(own: House, other: House, database: db.Database) -> None:
    await administered(own, "extensions", database)
    await administered(other, "extensions", database)
    written = (await own.tenant.client.get("/v1/admin/extensions/csv")).body.decode()
    assert own.tenant.domain.name in written
    assert other.tenant.domain.name not in written


async def device(house: House, name: str) -> dict[str, Any]:
    new = {"extension": "101", "name": name}
    made = await house.tenant.client.ask("POST", "/v1/admin/devices", json=new, expect=201)
    return {field: value for field, value in made.json.items() if field != "password"}


@row("get", "/v1/admin/devices")
async def list_devices(own: House, other: House, database: db.Database) -> None:
    await device(own, "mine")
    await device(other, "theirs")
    listed = (await own.tenant.client.get("/v1/admin/devices")).json["data"]
    assert [one["account"] for one in listed] == ["101", "101-mine"]


@row("post", "/v1/admin/devices")
async def create_device(own: House, other: House, database: db.Database) -> None:
    """What another has is free; another's extension is none."""
    await device(own, "mobile")
    await device(other, "mobile")
    new = {"extension": "102"}
    await other.tenant.client.ask("POST", "/v1/admin/extensions", json=new, expect=201)
    strange = [
        await own.tenant.client.ask(
            "POST", "/v1/admin/devices", json={"extension": number, "name": "x"}, expect=422
        )
        for number in ("102", "199")
    ]
    assert strange[0].body == strange[1].body


async def touch_device(own: House, other: House, database: db.Database, *, method: str) -> None:
    """Another's is as one that never was."""
    made = await device(other, "theirs")
    given: dict[str, Any] = {"json": {"max_contacts": 1}} if method == "PATCH" else {}
    answers = [
        await own.tenant.client.ask(method, f"/v1/admin/devices/{account}", expect=404, **given)
        for account in ("101-theirs", "101-nobodys")
    ]
    assert answers[0].body == answers[1].body
    assert (await other.tenant.client.get("/v1/admin/devices/101-theirs")).json == made


for _method in ("GET", "PATCH", "DELETE"):
    ROWS[_method.lower(), "/v1/admin/devices/{name}"] = partial(touch_device, method=_method)


async def user(house: House, name: str) -> dict[str, Any]:
    new = {"username": name}
    made = await house.tenant.client.ask("POST", "/v1/admin/users", json=new, expect=201)
    return dict(made.json)


@row("get", "/v1/admin/users")
async def list_users(own: House, other: House, database: db.Database) -> None:
    await user(own, "mine")
    await user(other, "theirs")
    listed = (await own.tenant.client.get("/v1/admin/users")).json["data"]
    assert [one["username"] for one in listed] == ["foo", "mine"]


@row("post", "/v1/admin/users")
async def create_user(own: House, other: House, database: db.Database) -> None:
    """What another has is free."""
    mine, theirs = await user(own, "an"), await user(other, "an")
    assert mine["user_uuid"] != theirs["user_uuid"]
    assert mine["domain_uuid"] == str(own.tenant.domain.domain_uuid)


async def touch_user(own: House, other: House, database: db.Database, *, method: str) -> None:
    """Another's is as one that never was."""
    made = await user(other, "theirs")
    given: dict[str, Any] = {"json": {"enabled": False}} if method == "PATCH" else {}
    path, client = "/v1/admin/users/{}", own.tenant.client
    answers = [
        await client.ask(method, path.format(name), expect=404, **given)
        for name in ("theirs", "nobody")
    ]
    assert answers[0].body == answers[1].body
    kept = (await other.tenant.client.get("/v1/admin/users/theirs")).json
    assert kept == {field: value for field, value in made.items() if field != "password"}


for _method in ("GET", "PATCH", "DELETE"):
    ROWS[_method.lower(), "/v1/admin/users/{name}"] = partial(touch_user, method=_method)


@row("get", "/v1/admin/domains")
async def list_domains(own: House, other: House, database: db.Database) -> None:
    for query in ("", "?search=api", f"?domain={other.tenant.domain.name}"):
        listed = (await own.tenant.client.get(f"/v1/admin/domains{query}")).json["data"]
        assert [one["name"] for one in listed] == [own.tenant.domain.name]


async def touch_domain(own: House, other: House, database: db.Database, *, method: str) -> None:
    """Another's is as one that never was; its own its administrators do not delete."""
    given: dict[str, Any] = {"json": {"recording": False}} if method == "PATCH" else {}
    expect = 403 if method == "DELETE" else 404
    answers = [
        await own.tenant.client.ask(method, f"/v1/admin/domains/{name}", expect=expect, **given)
        for name in (other.tenant.domain.name, "nowhere.example.vn")
    ]
    assert answers[0].body == answers[1].body
    assert (await other.tenant.client.get("/v1/admin/domains")).json["data"][0]["recording"]
    path = f"/v1/admin/domains/{own.tenant.domain.name}"
    await own.tenant.client.ask(method, path, expect=403 if method == "DELETE" else 200, **given)


for _method in ("GET", "PATCH", "DELETE"):
    ROWS[_method.lower(), "/v1/admin/domains/{name}"] = partial(touch_domain, method=_method)


async def is_the_operators(
    own: House, other: House, database: db.Database, *, method: str, path: str
) -> None:
    given: dict[str, Any] = {"json": {}} if method in ("POST", "PATCH") else {}
    path = path.format(name="root", address="192.0.2.1")
    for of in ("", f"?domain={own.tenant.domain.name}"):
        await own.tenant.client.ask(method, path + of, expect=403, **given)


for _method, _path in (
    ("GET", "/v1/admin/company"),
    ("PUT", "/v1/admin/company"),
    ("POST", "/v1/admin/company/plan"),
    ("POST", "/v1/admin/domains"),
    ("POST", "/v1/admin/trunks/{name}/test"),
    ("GET", "/v1/admin/live"),
    ("GET", "/v1/admin/bans"),
    ("GET", "/v1/admin/cdrs"),
    ("GET", "/v1/admin/failing-subscriptions"),
    ("DELETE", "/v1/admin/bans/{address}"),
    *((_method, "/v1/admin/operators") for _method in ("GET", "POST")),
    *((_method, "/v1/admin/operators/{name}") for _method in ("GET", "PATCH", "DELETE")),
):
    ROWS[_method.lower(), _path] = partial(is_the_operators, method=_method, path=_path)


@row("get", "/v1/admin/audit")
async def list_audit(own: House, other: House, database: db.Database) -> None:
    for house in (own, other):
        await administered(house, "queues", database)
    for path in ("/v1/admin/audit", f"/v1/admin/audit?domain={other.tenant.domain.name}"):
        listed = str((await own.tenant.client.get(path)).json)
        assert own.tenant.domain.name in listed
        assert other.tenant.domain.name not in listed


@row("get", "/v1/admin/feature-codes")
async def list_feature_codes(own: House, other: House, database: db.Database) -> None:
    async with database.transaction() as tx:
        changes = {"feature_codes": ["pickup=*6"]}
        await domains.set_settings(tx, other.tenant.domain.domain_uuid, changes)
    path = f"/v1/admin/feature-codes?domain={other.tenant.domain.name}"
    listed = (await own.tenant.client.get(path)).json["data"]
    assert listed[0]["code"] == "*8"


@row("post", "/v1/admin/route")
async def find_route(own: House, other: House, database: db.Database) -> None:
    """The question is asked in one's own domain, whatever it names."""
    path = f"/v1/admin/route?domain={other.tenant.domain.name}"
    body = {"caller": "101", "number": other.hotline}
    asking = asyncio.create_task(own.tenant.client.post(path, body))
    nothing = simulation.Route(direction="local", at=datetime.now(UTC), steps=(), end=None)
    report = msgspec.json.encode(nothing).decode()

    async def taken() -> list[UUID]:
        async with database.transaction() as tx:
            asked = await commands.take(tx, NODE)
            for one in asked:
                await commands.finish(
                    tx, one.domain_uuid, one.command_uuid, Outcome(report=report)
                )
        return [one.domain_uuid for one in asked]

    assert await until(taken) == [own.tenant.domain.domain_uuid]
    assert (await asking).json["steps"] == []


async def phones(
    own: House, other: House, database: db.Database, *, method: str, path: str
) -> None:
    """One's own switch is asked for one's own phones, whatever is named."""
    of = f"?domain={other.tenant.domain.name}&address=192.0.2.7:5060"
    asking = asyncio.create_task(own.tenant.client.ask(method, path.format(extension="101") + of))

    async def taken() -> list[UUID]:
        async with database.transaction() as tx:
            asked = await commands.take(tx, NODE)
            for one in asked:
                await commands.finish(tx, one.domain_uuid, one.command_uuid, Outcome(report="[]"))
        return [one.domain_uuid for one in asked]

    assert await until(taken) == [own.tenant.domain.domain_uuid]
    assert (await asking).json["data"] == []


for _method, _path in (
    ("GET", "/v1/admin/phones"), ("DELETE", "/v1/admin/phones/{extension}"),
):  # fmt: skip
    ROWS[_method.lower(), _path] = partial(phones, method=_method, path=_path)


async def click(
    own: House, other: House, database: db.Database, *, method: str, path: str
) -> None:
    """Both ask for the same with the same key at the same time: each gets its own call."""
    wish = {
        "ext": "101",
        "phone": "0899098899",
        "domain_uuid": str(other.tenant.domain.domain_uuid),
    }
    given: dict[str, Any] = {"params": wish} if method == "GET" else {"json": wish}
    headers, houses = {"Idempotency-Key": "key-1"}, (own, other)
    asking = [
        asyncio.create_task(house.tenant.client.ask(method, path, headers=headers, **given))
        for house in houses
    ]
    calls: dict[UUID, UUID] = {}
    await until(
        lambda: _carried_out(
            database, calls, {house.tenant.domain.domain_uuid for house in houses}
        )
    )

    for house, asked in zip(houses, asking, strict=True):
        assert (await asked).json["call_id"] == str(calls[house.tenant.domain.domain_uuid])


async def _carried_out(database: db.Database, calls: dict[UUID, UUID], wanted: set[UUID]) -> bool:
    async with database.transaction() as tx:
        for one in await commands.take(tx, NODE):
            calls[one.domain_uuid] = ids.new()
            await commands.finish(
                tx, one.domain_uuid, one.command_uuid, Outcome(call_id=calls[one.domain_uuid])
            )
    return calls.keys() >= wanted


for _method, _path in (
    ("get", "/v1/click2call"), ("post", "/v1/click2call"),
    ("get", "/v1/click2call/async"), ("post", "/v1/click2call/async"),
):  # fmt: skip
    ROWS[_method, _path] = partial(click, method=_method.upper(), path=_path)


async def live_call(house: House, database: db.Database) -> Call:
    """A call of the house that goes on."""
    made = call(house.tenant.domain)
    async with database.transaction() as tx:
        await calls.save_many(tx, f"node of {house.tenant.domain.name}", [made])
    return made


@row("get", "/v1/calls")
async def list_calls(own: House, other: House, database: db.Database) -> None:
    mine, theirs = await live_call(own, database), await live_call(other, database)
    for house, known in ((own, mine), (other, theirs)):
        listed = (await house.tenant.client.get("/v1/calls")).json["data"]
        assert [str(known.call_uuid)] == [one["id"] for one in listed]
        assert [house.tenant.domain.name] == [one["domain"] for one in listed]


@row("get", "/v1/calls/{id}")
async def get_call(own: House, other: House, database: db.Database) -> None:
    mine, theirs = await live_call(own, database), await live_call(other, database)
    for name in (mine.call_uuid, own.cdr, own.leg, SIP_CALL_ID):
        found = (await own.tenant.client.get(f"/v1/calls/{name}")).json
        assert found["id"] in (str(mine.call_uuid), own.cdr)
    for name in (str(theirs.call_uuid), other.cdr, other.leg):
        await same_as_nothing(own.tenant.client, "GET", "/v1/calls/{}", name)


@row("get", "/v1/calls/{id}/timeline")
async def get_timeline(own: House, other: House, database: db.Database) -> None:
    mine, theirs = await live_call(own, database), await live_call(other, database)
    for name in (mine.call_uuid, own.cdr, own.leg, SIP_CALL_ID):
        found = (await own.tenant.client.get(f"/v1/calls/{name}/timeline")).json
        assert found["id"] in (str(mine.call_uuid), own.cdr)
    for name in (str(theirs.call_uuid), other.cdr, other.leg):
        await same_as_nothing(own.tenant.client, "GET", "/v1/calls/{}/timeline", name)


@row("get", "/v1/live")
async def read_live(own: House, other: House, database: db.Database) -> None:
    for house in (own, other):
        call = {("calls", "a"): f'{{"domain":"{house.tenant.domain.name}"}}'}
        async with database.transaction() as tx:
            await live_state.begin(tx, house.tenant.domain.domain_uuid, call)
    for path in ("/v1/live", f"/v1/live?domain={other.tenant.domain.name}"):
        told = (await own.tenant.client.get(path)).json["calls"]
        assert told == [{"domain": own.tenant.domain.name}]


@row("delete", "/v1/calls/{id}")
async def end_call(own: House, other: House, database: db.Database) -> None:
    theirs = await live_call(other, database)
    for name in (str(theirs.call_uuid), other.cdr, other.leg):
        await same_as_nothing(own.tenant.client, "DELETE", "/v1/calls/{}", name)
    await own.tenant.client.ask("DELETE", f"/v1/calls/{own.cdr}", expect=409)
    assert await asked_of(own, other, database) == 0


async def asked_of(own: House, other: House, database: db.Database) -> int:
    """The number of commands of both."""
    houses = [house.tenant.domain.domain_uuid for house in (own, other)]
    async with database.connection() as tx:
        return int(
            await tx.fetchval("SELECT count(*) FROM commands WHERE domain_uuid = ANY ($1)", houses)
        )


CONTROLS: dict[str, dict[str, object]] = {
    "hold": {},
    "park": {},
    "unhold": {},
    "recording": {"do": "pause"},
    "transfer": {"to": "102"},
    "mute": {},
    "unmute": {},
    "dtmf": {"digits": "1"},
    "play": {"prompt": "recorded"},
}
"""By the last part of their paths, with a body."""


async def control(
    own: House, other: House, database: db.Database, *, what: str, body: dict[str, object]
) -> None:
    theirs = await live_call(other, database)
    for name in (str(theirs.call_uuid), other.cdr, other.leg):
        await same_as_nothing(own.tenant.client, "POST", f"/v1/calls/{{}}/{what}", name, body)
    await own.tenant.client.post(f"/v1/calls/{own.cdr}/{what}", body, expect=409)
    assert await asked_of(own, other, database) == 0


for _what, _body in CONTROLS.items():
    ROWS["post", f"/v1/calls/{{id}}/{_what}"] = partial(control, what=_what, body=_body)


@row("get", "/v1/turn")
async def turn(own: House, other: House, database: db.Database) -> None:
    mine, theirs = [
        (await house.tenant.client.get("/v1/turn")).json["data"] for house in (own, other)
    ]
    async with database.connection() as tx:
        users = await tx.fetch(
            "SELECT user_uuid FROM users WHERE domain_uuid = $1", own.tenant.domain.domain_uuid
        )
    assert mine["username"].partition(":")[2] in {str(user["user_uuid"]) for user in users}
    assert mine["username"] != theirs["username"]
    assert mine["password"] != theirs["password"]


@row("post", "/v1/phone/credentials")
async def phone_credentials(own: House, other: House, database: db.Database) -> None:
    """Both have 101, as which browsers may register in the other domain alone."""
    async with database.transaction() as tx:
        await devices.allow_browsers(tx, other.tenant.domain.domain_uuid)
    wish = {"extension": "101"}
    asking = asyncio.create_task(other.tenant.client.post("/v1/phone/credentials", wish))

    async def taken() -> list[UUID]:
        async with database.transaction() as tx:
            asked = await commands.take(tx, NODE)
            for one in asked:
                await commands.finish(tx, one.domain_uuid, one.command_uuid, Outcome())
        return [one.domain_uuid for one in asked]

    assert await until(taken) == [other.tenant.domain.domain_uuid]
    assert (await asking).json["domain"] == other.tenant.domain.name
    await own.tenant.client.post("/v1/phone/credentials", wish, expect=409)


@row("post", "/v1/phone/tokens")
async def phone_token(own: House, other: House, database: db.Database) -> None:
    """It is a phone of its own domain, whichever a request names."""
    made = (await own.tenant.client.post("/v1/phone/tokens", {"extension": "101"})).json
    phone = Client(own.tenant.client._session, made["token"])
    of = f"?domain={other.tenant.domain.name}"
    assert [own.cdr] == [
        one["id"] for one in (await phone.get("/v1/phone/calls" + of)).json["data"]
    ]


@row("get", "/v1/phone/calls")
async def phone_calls(own: House, other: House, database: db.Database) -> None:
    of = f"?extension=101&domain={other.tenant.domain.name}"
    listed = (await own.tenant.client.get("/v1/phone/calls" + of)).json["data"]
    assert [own.cdr] == [one["id"] for one in listed]


@row("post", "/v1/sandbox/inbound")
async def sandbox_inbound(own: House, other: House, database: db.Database) -> None:
    strange = [
        await own.tenant.client.post("/v1/sandbox/inbound", {"hotline": number}, expect=422)
        for number in (other.hotline, "18009999")
    ]

    assert len({answer.body for answer in strange}) == 1
    await own.tenant.client.post("/v1/sandbox/inbound", {"hotline": own.hotline})


async def touch_link(own: House, other: House, database: db.Database, *, method: str) -> None:
    """Another's device is as one that never was; nothing of it changes."""
    for house, name in ((own, "mine"), (other, "theirs")):
        device = {"extension": "101", "name": name, "mac": "00:15:65:aa:bb:cc"}
        await house.tenant.client.ask("POST", "/v1/admin/devices", json=device, expect=201)
        path = f"/v1/admin/devices/101-{name}/link"
        await house.tenant.client.ask("POST", path, json={"kind": "phone"}, expect=201)
    known = (await other.tenant.client.get("/v1/admin/devices/101-theirs/link")).json
    body: dict[str, object] | None = {"kind": "phone"} if method == "POST" else None
    path = "/v1/admin/devices/{}/link"
    await same_as_nothing(own.tenant.client, method, path, "101-theirs", body)
    given: dict[str, Any] = {"json": body} if body else {}
    await own.tenant.client.ask(method, path.format("101-mine"), expect=None, **given)
    assert (await other.tenant.client.get("/v1/admin/devices/101-theirs/link")).json == known


for _method in ("GET", "POST", "DELETE"):
    ROWS[_method.lower(), "/v1/admin/devices/{name}/link"] = partial(touch_link, method=_method)


@row("get", "/provisioning/{form}/{secret}")
async def softphone_file(own: House, other: House, database: db.Database) -> None:
    """The secret of the link is the right to the file, whoever asks; nothing else is."""
    path = "/v1/admin/devices/101/link"
    made = await other.tenant.client.ask("POST", path, json={"kind": "softphone"}, expect=201)
    secret = made.json["urls"][0]["url"].rpartition("/")[2]
    for name in ("101", other.tenant.domain.name, secret[:-1]):
        await same_as_nothing(own.tenant.client, "GET", "/provisioning/linphone/{}", name)
    file = (await own.tenant.client.get(f"/provisioning/linphone/{secret}")).body.decode()
    assert f"sip:101@{other.tenant.domain.name}" in file


@row("get", "/provisioning/{form}/{secret}/{file}")
async def phone_file(own: House, other: House, database: db.Database) -> None:
    """Both companies have a phone of the same MAC: the link tells whose it is."""
    path = "/v1/admin/devices/101"
    for house in (own, other):
        client = house.tenant.client
        await client.ask("PATCH", path, json={"mac": "001565AABBCC"})
        made = await client.ask("POST", f"{path}/link", json={"kind": "phone"}, expect=201)
        url = made.json["urls"][0]["url"].removeprefix("http://pbx.example.vn")
        file = (await own.tenant.client.get(f"{url}001565aabbcc.cfg")).body.decode()
        assert f"account.1.sip_server.1.address = {house.tenant.domain.name}\n" in file


@row("get", "/recordings/{token}")
async def recordings(own: House, other: House, database: db.Database) -> None:
    """The token is the right to hear it, whoever asks; nothing else that one may know is."""
    assert (await own.tenant.client.get(f"/recordings/{other.recording}")).body == b"RIFF"
    for name in (other.cdr, other.leg):
        await same_as_nothing(own.tenant.client, "GET", "/recordings/{}", name)


@row("get", "/v1/recording-link")
async def recording_link(own: House, other: House, database: db.Database) -> None:
    for name in (own.cdr, own.leg):
        url = (await own.tenant.client.get(f"/v1/recording-link?id={name}")).json["url"]
        assert own.recording not in url
        await own.tenant.client.get(url.removeprefix("http://pbx.example.vn"))
    for name in (other.cdr, other.leg):
        await same_as_nothing(own.tenant.client, "GET", "/v1/recording-link?id={}", name)


@row("delete", "/recordings/{token}")
async def delete_recording(own: House, other: House, database: db.Database) -> None:
    """To hear it the token is enough; to delete it, it has to be one's own."""
    for name in (other.recording, other.cdr, other.leg):
        await same_as_nothing(own.tenant.client, "DELETE", "/recordings/{}", name)
    assert (await other.tenant.client.get(f"/recordings/{other.recording}")).body == b"RIFF"
    await own.tenant.client.ask("DELETE", f"/recordings/{own.recording}")
    await own.tenant.client.get(f"/recordings/{own.recording}", expect=410)


@row("post", "/v1/auth")
async def login(own: House, other: House, database: db.Database) -> None:
    """Both have a user foo, and even the same password."""
    for house in (own, other):
        given = {"username": house.tenant.username, "password": PASSWORD}
        data = (await Client(own.tenant.client._session).post("/v1/auth", given)).json["data"]
        assert (str(house.tenant.domain.domain_uuid), house.tenant.api_key) == (
            data["domain_uuid"],
            data["api_key"],
        )


async def token(own: House, other: House, database: db.Database, *, path: str) -> None:
    anybody = Client(own.tenant.client._session)
    granted = (await anybody.post(path, {"api_key": own.tenant.api_key})).json
    granted = granted.get("data", granted)

    assert [own.cdr] == [
        one["id"]
        for one in (await Client(anybody._session, granted["token"]).get("/v1/cdr")).json["data"]
    ]


for _path in ("/v1/auth/token", "/v3/auth/token"):
    ROWS["post", _path] = partial(token, path=_path)


async def signed_in(own: House) -> dict[str, str]:
    """The headers of a page of ours in which the tenant's admin is signed in."""
    given = {"username": own.tenant.username, "password": PASSWORD}
    anybody, page = Client(own.tenant.client._session), {"X-Requested-With": "portal"}
    made = await anybody.post("/v1/session", given, headers=page)
    return page | {"Cookie": made.headers["Set-Cookie"].partition(";")[0]}


async def tells_of_own_sessions(
    own: House, other: House, database: db.Database, *, method: str, path: str
) -> None:
    """Each has one session, and sees, or ends, that one."""
    strange, anybody = await signed_in(other), Client(own.tenant.client._session)
    headers = await signed_in(own)
    answer = await anybody.ask(method, path, headers=headers)

    assert other.tenant.domain.name not in answer.body.decode()
    [left] = (await anybody.get("/v1/sessions", headers=strange)).json["data"]
    assert left["is_this"]
    if method == "GET" and path == "/v1/sessions":
        assert [one["is_this"] for one in answer.json["data"]] == [True]
    elif method == "DELETE":
        assert answer.json == {"ended": 1}


for _method, _path in (
    ("get", "/v1/session"), ("delete", "/v1/session"),
    ("get", "/v1/sessions"), ("delete", "/v1/sessions"),
):  # fmt: skip
    ROWS[_method, _path] = partial(tells_of_own_sessions, method=_method.upper(), path=_path)


@row("post", "/v1/session")
async def sign_in(own: House, other: House, database: db.Database) -> None:
    headers = await signed_in(own)

    found = await Client(own.tenant.client._session).get("/v1/cdr", headers=headers)
    assert [own.cdr] == [one["id"] for one in found.json["data"]]


async def developer_link(house: House) -> dict[str, Any]:
    path, wish = "/v1/admin/developer-links", {"name": "Minh"}
    made = await house.tenant.client.post(path, wish, expect=201)
    return made.json  # type: ignore[no-any-return]


async def has_own_developer_links(
    own: House, other: House, database: db.Database, *, method: str
) -> None:
    """Both have one of the same name; another's is as one that never was."""
    mine, theirs = await developer_link(own), await developer_link(other)
    path, client = "/v1/admin/developer-links", own.tenant.client
    assert [mine["id"]] == [one["id"] for one in (await client.get(path)).json["data"]]
    if method == "DELETE":
        await same_as_nothing(client, method, path + "/{}", theirs["id"])
        await client.ask(method, f"{path}/{mine['id']}")
    kept = (await other.tenant.client.get(path)).json["data"]
    assert [theirs["id"]] == [one["id"] for one in kept]


for _method, _path in (("get", ""), ("post", ""), ("delete", "/{id}")):
    ROWS[_method, f"/v1/admin/developer-links{_path}"] = partial(
        has_own_developer_links, method=_method.upper()
    )


@row("post", "/v1/session/link")
async def open_developer_link(own: House, other: House, database: db.Database) -> None:
    """The secret says whose page is opened, whoever is signed in there already."""
    secret = (await developer_link(other))["url"].rpartition("=")[2]
    headers, anybody = await signed_in(own), Client(own.tenant.client._session)
    made = await anybody.post("/v1/session/link", {"secret": secret}, headers=headers)
    assert made.json["domain"] == other.tenant.domain.name


@row("delete", "/v1/sessions/{id}")
async def end_session(own: House, other: House, database: db.Database) -> None:
    strange = await signed_in(other)
    [foreign] = (
        await Client(own.tenant.client._session).get("/v1/sessions", headers=strange)
    ).json["data"]

    await same_as_nothing(own.tenant.client, "DELETE", "/v1/sessions/{}", foreign["id"])


async def has_own_second_factor(
    own: House, other: House, database: db.Database, *, method: str
) -> None:
    """What one does with it changes nothing of the other's, who is called the same."""
    proposed = (await other.tenant.client.post("/v1/second-factor")).json["secret"]
    given = {"secret": proposed, "code": totp.code(proposed, int(time.time()) // totp.STEP_S)}
    await other.tenant.client.ask("PUT", "/v1/second-factor", json=given)

    client, path = own.tenant.client, "/v1/second-factor"
    if method == "GET":
        assert (await client.get(path)).json["enabled"] is False
    elif method == "POST":
        assert (await client.post(path)).json["secret"] != proposed
    elif method == "PUT":
        await client.ask("PUT", path, json=given)
    else:
        await client.ask("DELETE", f"{path}?code={given['code']}", expect=404)
    assert (await other.tenant.client.get(path)).json["enabled"] is True


for _method in ("get", "post", "put", "delete"):
    ROWS[_method, "/v1/second-factor"] = partial(has_own_second_factor, method=_method.upper())


async def forgets_nobody_elses_factor(own: House, other: House, database: db.Database) -> None:
    """The user of the same name in the other company keeps it."""
    of = other.tenant.domain.domain_uuid
    async with database.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO second_factors
              (domain_uuid, user_uuid, secret_encrypted, last_step, recovery_digests)
            SELECT domain_uuid, user_uuid, '', 0, '{}' FROM users
            WHERE domain_uuid = $1 AND username = 'foo'
            """,
            of,
        )
    path = "/v1/admin/users/foo/second-factor"
    await own.tenant.client.ask("DELETE", path, expect=404)
    async with database.connection() as tx:
        left = "SELECT count(*) FROM second_factors WHERE domain_uuid = $1"
        assert await tx.fetchval(left, of) == 1


async def has_own_saved_searches(
    own: House, other: House, database: db.Database, *, method: str
) -> None:
    """Searches of the same name are two, one in each company."""
    path = "/v1/saved-searches/mine"
    await other.tenant.client.ask("PUT", path, json={"query": "status=BUSY"})
    client = own.tenant.client
    if method == "GET":
        assert (await client.get("/v1/saved-searches")).json["data"] == []
    elif method == "PUT":
        await client.ask("PUT", path, json={"query": "phone=1"})
    else:
        await client.ask("DELETE", path, expect=404)
    [kept] = (await other.tenant.client.get("/v1/saved-searches")).json["data"]
    assert kept["query"] == "status=BUSY"


for _method, _path in (("get", ""), ("put", "/{name}"), ("delete", "/{name}")):
    ROWS[_method, f"/v1/saved-searches{_path}"] = partial(
        has_own_saved_searches, method=_method.upper()
    )
ROWS["delete", "/v1/admin/users/{name}/second-factor"] = forgets_nobody_elses_factor


async def tells_of_nobody(own: House, other: House, database: db.Database, *, path: str) -> None:
    body = (await own.tenant.client.get(path)).body.decode()

    for house in (own, other):
        for secret in (
            house.tenant.domain.name,
            str(house.tenant.domain.domain_uuid),
            house.cdr,
            house.recording,
        ):
            assert secret not in body


for _path in ("/healthz", "/readyz", "/metrics"):
    ROWS["get", _path] = partial(tells_of_nobody, path=_path)


@pytest.mark.parametrize(("method", "path"), ROWS)
async def test_domains_do_not_see_each_other(
    house: House, neighbour: House, database: db.Database, *, method: str, path: str
) -> None:
    await ROWS[method, path](house, neighbour, database)


async def test_every_operation_has_a_row(anybody: Client) -> None:
    document = (await anybody.get("/schema/openapi.json")).json
    served = {(method, path) for path, methods in document["paths"].items() for method in methods}

    assert served == set(ROWS)
