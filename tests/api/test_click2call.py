"""Click-to-call, with an engine in the test's hands: what it is asked, and what becomes of its
answers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote
from uuid import UUID

import aiohttp
import msgspec
import pytest

from testbed.until import until
from tests.api.conftest import Client, Tenant, serve
from tongdai import api, errors, ids, messages
from tongdai.admin import domains
from tongdai.pbx.commands import ClickToCall, Command, Outcome
from tongdai.pbx.directory import NODE
from tongdai.store import commands, db

CALL = "/v1/click2call?ext=101&phone=0899098899"


class Engine:
    """Takes what is asked of one domain and answers by `answer`; `asked` is what it was asked."""

    def __init__(self, database: db.Database, tenant: Tenant, woken: asyncio.Event) -> None:
        self._database, self._domain, self._woken = database, tenant.domain.domain_uuid, woken
        self.asked: list[Any] = []  # commands
        self.answer: Callable[[Command], Outcome | None] = lambda _: Outcome(call_id=ids.new())

    async def run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            async with self._database.transaction() as tx:
                taken = [
                    one for one in await commands.take(tx, NODE) if one.domain_uuid == self._domain
                ]
            for one in taken:
                self.asked.append(one.command)
                if outcome := self.answer(one.command):
                    await self.finish(one.command_uuid, outcome)

    async def finish(self, command_uuid: UUID, outcome: Outcome) -> None:
        async with self._database.transaction() as tx:
            await commands.finish(tx, self._domain, command_uuid, outcome)


@pytest.fixture(scope="session")
async def woken(database: db.Database) -> asyncio.Event:
    """Set whenever something is asked."""
    woken = asyncio.Event()
    await database.listen({"commands": lambda _: woken.set()}, lost=woken.set)
    return woken


@pytest.fixture
async def engine(
    database: db.Database, tenant: Tenant, woken: asyncio.Event
) -> AsyncIterator[Engine]:
    engine = Engine(database, tenant, woken)
    running = asyncio.create_task(engine.run())
    yield engine
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@pytest.mark.parametrize(
    "path", ["click2call", "click2call/", "click2call/async", "click2call/async/"]
)
async def test_success_is_said_in_both_shapes(client: Client, engine: Engine, path: str) -> None:
    placed = ids.new()
    engine.answer = lambda _: Outcome(call_id=placed)
    answer = await client.get(f"/v1/{path}?ext=101&phone=0899098899")

    assert answer.json == {
        "status": "success",
        "call_id": str(placed),
        "data": {"message": "success", "call_id": str(placed)},
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert engine.asked == [ClickToCall(ext="101", phone="0899098899")]


async def test_a_domain_may_have_click_to_call_wait_as_in_the_documents_of_2023(
    client: Client, tenant: Tenant, engine: Engine
) -> None:
    """The synchronous form waits for the extension, the other one does not; `wait` decides where
    it is given.
    """

    async def waits(path: str) -> bool:
        await client.get(f"/v1/{path}ext=101&phone=0899098899")
        return bool(engine.asked[-1].wait_answer)

    assert not await waits("click2call?")
    of_domain = f"/v1/admin/domains/{tenant.domain.name}"
    await client.ask("PATCH", of_domain, json={"click2call_waits": True})
    await until(lambda: waits("click2call?"))
    assert [
        await waits(path) for path in ("click2call/?", "click2call?wait=0&", "click2call/async?")
    ] == [True, False, False]
    assert await waits("click2call/async?wait=answer&")
    await client.ask("PATCH", of_domain, json={"click2call_waits": False})
    assert await waits("click2call?wait=answer&")


FULL = {
    "ext": "101",
    "phone": "+84 899.098-899",
    "src_cid_name": "Nguyễn Văn A",
    "src_cid_number": "0911222333",
    "dest_cid_name": "Công ty B (CSKH)",
    "dest_cid_number": "19001919",
    "auto_answer": "true",
    "hotline": "19001919",
    "customer_id": "KH-2021/7",
    "wait": "answer",
}
ASKED = ClickToCall(
    ext="101",
    phone="+84899098899",
    src_cid_name="Nguyễn Văn A",
    src_cid_number="0911222333",
    dest_cid_name="Công ty B (CSKH)",
    dest_cid_number="19001919",
    auto_answer=True,
    hotline="19001919",
    customer_id="KH-2021/7",
    wait_answer=True,
)


@pytest.mark.parametrize(
    "given",
    [
        {"params": FULL},
        {"json": FULL | {"auto_answer": True}},
        {"data": FULL},
        {"json": FULL | {"ext": 101}},
    ],
    ids=["query", "json", "form", "numbers"],
)
async def test_every_parameter_arrives(
    client: Client, engine: Engine, given: dict[str, Any]
) -> None:
    await client.ask("GET" if "params" in given else "POST", "/v1/click2call", **given)

    assert engine.asked == [ASKED]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("1", True),
        ("true", True),
        ("Yes", True),
        ("0", False),
        ("FALSE", False),
        ("no", False),
        ("", False),
    ],
)
async def test_booleans(client: Client, engine: Engine, *, text: str, means: bool) -> None:
    await client.get(f"{CALL}&auto_answer={text}")

    assert [one.auto_answer for one in engine.asked] == [means]


@pytest.mark.parametrize(
    ("parameter", "bad", "code"),
    [
        ("ext", "", "INVALID_FIELD"),
        ("ext", "1", "INVALID_EXTENSION"),
        ("ext", "101@evil.example", "INVALID_EXTENSION"),
        ("ext", "101\r\nX-Evil: 1", "INVALID_EXTENSION"),
        ("ext", "１０１", "INVALID_EXTENSION"),
        ("ext", "101\0", "INVALID_FIELD"),
        ("phone", "", "INVALID_FIELD"),
        ("phone", "1", "INVALID_PHONE"),
        ("phone", "sip:0899@127.0.0.1:15099", "INVALID_PHONE"),
        ("phone", "0899/n", "INVALID_PHONE"),
        ("phone", "0899&PJSIP/evil", "INVALID_PHONE"),
        ("phone", "0" * 19, "INVALID_PHONE"),
        ("phone", "0899²", "INVALID_PHONE"),
        ("src_cid_name", "a\r\nX-Evil: 1", "INVALID_FIELD"),
        ("src_cid_name", "a\u2028b", "INVALID_FIELD"),
        ("src_cid_name", "a\u0085b", "INVALID_FIELD"),
        ("src_cid_name", 'a" <sip:evil@example.com>', "INVALID_FIELD"),
        ("src_cid_name", "x" * 65, "INVALID_FIELD"),
        ("dest_cid_name", "a;b", "INVALID_FIELD"),
        ("dest_cid_name", "a\\b", "INVALID_FIELD"),
        ("src_cid_number", "101;&x", "INVALID_PHONE"),
        ("dest_cid_number", "anonymous", "INVALID_PHONE"),
        ("hotline", "trunk-7", "INVALID_PHONE"),
        ("auto_answer", "maybe", "INVALID_FIELD"),
        ("wait", "hangup", "INVALID_FIELD"),
        ("customer_id", "a\nb", "INVALID_FIELD"),
        ("customer_id", "x" * 129, "INVALID_FIELD"),
    ],
)
async def test_nothing_dangerous_reaches_the_engine(
    client: Client, engine: Engine, *, parameter: str, bad: str, code: str
) -> None:
    given = {"ext": "101", "phone": "0899098899"} | {parameter: bad}
    query = "&".join(f"{name}={quote(value)}" for name, value in given.items())

    for answer in (
        await client.get(f"/v1/click2call?{query}", expect=422),
        await client.post("/v1/click2call", given, expect=422),
    ):
        assert (code, parameter) == (answer.json["error"], answer.json["field"])
    assert engine.asked == []


# --- encoded numbers

KEY = "0123456789abcdef0123456789ABCDEF"
BASE64, AES = "MDg5OTA5ODg5OQ==", "a174f6b94eaa577bacb9013ee0d9c90e"  # by base64 and openssl


async def give_key(tenant: Tenant, deps: api.Deps, key: str = KEY) -> None:
    async with deps.database.transaction() as tx:
        await domains.give_phone_key(tx, tenant.domain.domain_uuid, deps.master_key, key)


@pytest.mark.parametrize(
    "encoded",
    [
        {"phone": BASE64, "is_encode": "true"},
        {"phone": BASE64, "is_encode": "1"},
        {"phone": BASE64, "is_encode": "1", "encrypt_method": ""},
        {"phone": AES, "is_encode": "true", "encrypt_method": "aes"},
        {"phone": AES.upper(), "is_encode": "true", "encrypt_method": "AES"},
        {"phone": "0899.098.899", "is_encode": "false", "encrypt_method": "aes"},
        {"phone": "0899.098.899", "encrypt_method": "none"},
    ],
)
async def test_an_encoded_number_is_called_in_the_clear(
    client: Client,
    engine: Engine,
    tenant: Tenant,
    deps: api.Deps,
    encoded: dict[str, str],
) -> None:
    await give_key(tenant, deps)
    given = {"ext": "101"} | encoded
    await client.get("/v1/click2call", params=given)
    await client.post("/v1/click2call/async", given)

    assert {asked.phone for asked in engine.asked} == {"0899098899"}
    assert len(engine.asked) == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"phone": "0899098899"}, messages.NOT_BASE64),
        ({"phone": "aGVsbG8="}, ""),
        ({"phone": BASE64, "encrypt_method": "aes"}, messages.NOT_ENCRYPTED),
        ({"phone": "c7a117314c7a68412b3db9b12fa5902d", "encrypt_method": "aes"}, ""),
        ({"phone": AES, "encrypt_method": "des"}, messages.ONLY_AES),
    ],
)
async def test_what_cannot_be_decoded_is_refused_with_the_reason(
    client: Client,
    engine: Engine,
    tenant: Tenant,
    deps: api.Deps,
    *,
    given: dict[str, str],
    why: messages.Text | str,
) -> None:
    await give_key(tenant, deps)
    wish = {"ext": "101", "is_encode": "true"} | given
    for language in ("en", "vi"):
        headers = {"Accept-Language": language}
        answer = await client.post("/v1/click2call", wish, headers=headers, expect=422)
        assert (answer.json["error"], answer.json["field"]) == ("INVALID_PHONE", "phone")
        assert (why.of(language) if isinstance(why, messages.Text) else why) in (
            answer.json["message"]
        )
    assert engine.asked == []


async def test_without_a_key_of_the_domain_nothing_is_decrypted(
    client: Client, engine: Engine, tenant: Tenant, deps: api.Deps
) -> None:
    wish = {"ext": "101", "phone": AES, "is_encode": True, "encrypt_method": "aes"}
    refused = await client.post("/v1/click2call", wish, expect=422)
    assert (refused.json["error"], "operator" in refused.json["message"]) == (
        "INVALID_PHONE", True,
    )  # fmt: skip
    await give_key(tenant, deps, KEY[::-1])
    await client.post("/v1/click2call", wish, expect=422)
    assert engine.asked == []
    await give_key(tenant, deps, KEY.encode().hex())  # the same key in hex; the last one holds
    await client.post("/v1/click2call", wish)


REFUSALS = [
    kind for kind in errors.kinds() if issubclass(kind, errors.CallRefused | errors.SwitchDown)
]


@pytest.mark.parametrize("kind", [*REFUSALS, errors.InvalidExtension])
async def test_the_engines_refusal_is_passed_on(
    client: Client, engine: Engine, kind: type[errors.TongdaiError]
) -> None:
    engine.answer = lambda _: Outcome(error=kind.code, field="ext")
    answer = await client.get(CALL, expect=kind.status)

    assert (kind.code, "fail") == (answer.json["error"], answer.json["status"])
    assert "call_id" not in answer.json


async def test_a_call_that_was_not_answered_has_an_id(client: Client, engine: Engine) -> None:
    placed = ids.new()
    engine.answer = lambda _: Outcome(call_id=placed, error="USER_NOT_ANSWERING", why="NO_ANSWER")
    answer = await client.get(f"{CALL}&wait=answer", expect=409)

    assert ("USER_NOT_ANSWERING", str(placed)) == (answer.json["error"], answer.json["call_id"])


async def test_an_unknown_refusal_is_no_success(client: Client, engine: Engine) -> None:
    engine.answer = lambda _: Outcome(error="SOMETHING_NEW")
    assert (await client.get(CALL, expect=409)).json["error"] == "CALL_REFUSED"

    engine.answer = lambda _: Outcome()
    assert (await client.get(CALL, expect=409)).json["error"] == "CALL_REFUSED"


async def test_without_an_engine_the_switch_is_down_and_nobody_is_called_later(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    answer = await client.get(CALL, expect=503)

    assert answer.json["error"] == "SWITCH_DOWN"
    assert int(answer.headers["Retry-After"]) >= 1
    async with database.connection() as tx:
        assert [
            one
            for one in await commands.take(tx, NODE)
            if one.domain_uuid == tenant.domain.domain_uuid
        ] == []


async def test_a_slow_engine_is_waited_for_once_it_has_taken_the_command(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    """Longer than our patience with an engine that takes nothing."""
    placed = ids.new()
    asking = asyncio.create_task(client.get(CALL))
    asked = await until(lambda: taken(database, tenant))
    done, _ = await asyncio.wait([asking], timeout=0.4)
    assert not done
    async with database.transaction() as tx:
        await commands.finish(
            tx, tenant.domain.domain_uuid, asked[0].command_uuid, Outcome(call_id=placed)
        )

    assert (await asking).json["call_id"] == str(placed)


async def taken(database: db.Database, tenant: Tenant) -> list[commands.Asked]:
    async with database.connection() as tx:
        return [
            one
            for one in await commands.take(tx, NODE)
            if one.domain_uuid == tenant.domain.domain_uuid
        ]


async def test_the_same_key_calls_once_and_answers_the_same(
    client: Client, engine: Engine
) -> None:
    headers = {"Idempotency-Key": "order-1"}
    answers = await asyncio.gather(*(client.get(CALL, headers=headers) for _ in range(5)))
    answers.append(await client.get(CALL, headers=headers))

    assert 1 == len({answer.body for answer in answers}) == len(engine.asked)
    different = await client.get(f"{CALL}&auto_answer=1", headers=headers, expect=409)
    assert (different.json["error"], different.json["field"]) == ("CONFLICT", "Idempotency-Key")


async def test_without_a_key_each_request_is_a_call(client: Client, engine: Engine) -> None:
    answers = [await client.get(CALL) for _ in range(3)]

    assert len({answer.json["call_id"] for answer in answers}) == 3 == len(engine.asked)


class Runner:
    """Runs commands in the same process. `asked` lists them."""

    def __init__(self, outcome: Outcome) -> None:
        self.is_open, self._outcome = True, outcome
        self.asked: list[tuple[UUID, ClickToCall]] = []

    async def serves(self, _domain_uuid: UUID) -> bool:
        return self.is_open

    async def outcome(self, domain_uuid: UUID, command: ClickToCall) -> Outcome:
        self.asked.append((domain_uuid, command))
        return self._outcome


async def test_an_engine_in_this_process_is_asked_directly(
    deps: api.Deps, client: Client, tenant: Tenant
) -> None:
    runner = Runner(Outcome(call_id=(placed := ids.new())))
    async for url in serve(msgspec.structs.replace(deps, commands=runner)):
        async with aiohttp.ClientSession(url) as session:
            answer = await Client(session, client.token).get(CALL)

    assert answer.json["call_id"] == str(placed)
    assert runner.asked == [
        (tenant.domain.domain_uuid, ClickToCall(ext="101", phone="0899098899"))
    ]


async def test_what_must_be_remembered_is_written_down(
    deps: api.Deps, client: Client, engine: Engine, tenant: Tenant
) -> None:
    """With a key, the same request must not call again; and a engine that stands by may lead
    elsewhere.
    """
    runner = Runner(Outcome(error="USER_BUSY"))
    async for url in serve(msgspec.structs.replace(deps, commands=runner)):
        async with aiohttp.ClientSession(url) as session:
            here = Client(session, client.token)
            await here.get(CALL, headers={"Idempotency-Key": "k"})
            runner.is_open = False
            await here.get(CALL)

    assert (len(engine.asked), runner.asked) == (2, [])


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "khoá"])
async def test_a_bad_key_is_named(client: Client, engine: Engine, key: str) -> None:
    answer = await client.get(CALL, headers={"Idempotency-Key": key}, expect=422)

    assert answer.json["field"] == "Idempotency-Key"
    assert engine.asked == []


async def test_the_page_of_another_site_may_call(
    anybody: Client, engine: Engine, client: Client
) -> None:
    """Browsers ask first, naming whatever headers the page adds. Cookies never count."""
    asked = {
        "Origin": "https://crm.example.vn",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, x-trace-of-the-crm",
    }
    answer = await anybody.ask("OPTIONS", CALL, headers=asked, expect=200)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, x-trace-of-the-crm"
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in answer.headers

    called = await client.get(CALL, headers={"Origin": asked["Origin"]})
    assert called.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in called.headers
