"""Secrets that are planted in every way there is are found nowhere: not in the database's files,
logs, or answers.
"""

import asyncio
import base64
import contextlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed import phones
from testbed.company import HOTLINE, Api, Company, Office, log_in
from testbed.instance import Instance
from testbed.receivers import receiving
from testbed.until import until
from tests.cli.conftest import run


class Planted:
    """The secrets that must not be found, by their kind; and a marker that is no secret, to prove
    that the search finds.
    """

    def __init__(self) -> None:
        self.marker = f"marker-{secrets.token_hex(8)}"
        self.known: dict[str, str] = {}

    def new(self, what: str) -> str:
        return self.note(what, f"canary-{secrets.token_hex(10)}")

    def note(self, what: str, secret: str) -> str:
        self.known[what] = secret
        return secret

    def found_in(self, data: bytes) -> set[str]:
        """Those that stand there as they are."""
        return {what for what, secret in self.known.items() if secret.encode() in data}

    def hidden_in(self, text: str) -> set[str]:
        """Those that stand there as they are, or so that anybody could read them."""
        return {
            what
            for what, secret in self.known.items()
            if any(one in text for one in _writings(secret))
        }


def _writings(secret: str) -> list[str]:
    plain = secret.encode()
    return [
        secret,
        plain.hex(),
        base64.b64encode(plain).decode().rstrip("="),
        json.dumps(secret)[1:-1],
    ]


@pytest.fixture
def planted() -> Planted:
    return Planted()


@pytest.fixture
async def spilled(
    company: Company, office: Office, pbx: Instance, planted: Planted
) -> list[bytes]:
    """A company whose every secret was used, rightly and wrongly. What the API and the command
    line answered.
    """
    answers = await operator(company, pbx, planted)
    api = await log_in(
        pbx.ready["base_url"], f"clerk@{company.name}", planted.known["password of a user"]
    )
    planted.note("token", api.token)
    password = planted.new("password of a phone, by the API")
    await api.post("/v3/extension", extension="106", password=password)
    answers += await strangers(company, pbx, planted)
    async with receiving(lambda _: 200 if len(receiver.requests) > 1 else 500) as receiver:
        key = f"Bearer {planted.new('callback_apikey')}"
        for name in ("ringing", "cdr"):
            url = f"{receiver.url}?{planted.marker}"
            made = (
                await api.post("/v1/event", callback_url=url, callback_apikey=key, event=name)
            ).json["data"]
            planted.note(f"webhook secret of {name}", made["secret"])
        await a_call(company, office, planted.known["password of a phone"])
        await until(lambda: len(receiver.requests) >= 3, 20)
    return answers


async def operator(company: Company, pbx: Instance, planted: Planted) -> list[bytes]:
    """An operator sets things up, and mistypes some. The outputs, which may hold no secret."""
    mine = {"TONGDAI_DATA": str(pbx.data), "TONGDAI_DOMAIN": company.name}

    def tell(*words: str) -> Any:
        return run(mine, *words, "--json")

    def work() -> list[bytes]:
        clerk = f"clerk@{company.name}"
        made = tell("user", "create", clerk, "--password", planted.new("password of a user"))
        assert made.exit_code == 0, made.output
        planted.note("API key that was", json.loads(made.stdout)["api_key"])
        planted.note("API key", tell("api-key", "rotate", clerk).stdout.strip().strip('"'))
        made = tell("api-key", "create", clerk, "--name", planted.marker)
        planted.note("API key of a program", json.loads(made.stdout)["api_key"])
        made = tell("extension", "create", "104", "--password", planted.new("password of a phone"))
        assert made.exit_code == 0, made.output
        key = planted.note("key of telephone numbers", secrets.token_hex(16))
        assert tell("domain", "phone-key", company.name, "--key", key).exit_code == 0
        digest = ("--host", company.address, "--auth", "digest", "--username", "u7")
        trunk = planted.new("password of a trunk")
        made = tell("trunk", "create", planted.marker, *digest, "--password", trunk)
        assert made.exit_code == 0, made.output
        wrong = planted.new("password that was refused") + " with a space"
        refused = [
            tell("extension", "create", "105", "--password", wrong),
            tell("trunk", "show", planted.marker),
        ]
        assert [one.exit_code for one in refused] == [1, 0], refused
        return [(one.stdout + one.stderr).encode() for one in refused]

    return await asyncio.to_thread(work)


async def strangers(company: Company, pbx: Instance, planted: Planted) -> list[bytes]:
    """The responses to wrong requests."""
    anyone = Api(pbx.ready["base_url"])
    guess, key, header = (
        planted.new(f"wrong {what}") for what in ("password", "API key", "callback_apikey")
    )
    asked = [
        await anyone.post("/v1/auth", username=f"admin@{company.name}", password=guess),
        await anyone.post("/v1/auth", username=f"nobody@{company.name}", password=[guess]),
        await anyone.post("/v1/auth/token", api_key=key),
        await anyone.post("/v1/auth/token", api_key={"a": key}),
        await company.api.post(
            "/v1/event", callback_url="https://a.vn/", event="cdr", callback_apikey=header + "\r\n"
        ),
        await anyone.ask("GET", "/v1/cdr", {"token": planted.new("token in a query")}),
        await anyone.ask(
            "GET", "/v1/cdr", {}, headers={"Authorization": f"Bearer {planted.new('wrong token')}"}
        ),
        await anyone.ask(
            "GET", "/v1/cdr", {}, headers={"Authorization": f"Basic {planted.new('basic')}"}
        ),
    ]
    assert [one.status for one in asked] == [401, 422, 401, 422, 422, 401, 401, 401]
    return [one.body for one in asked]


async def a_call(company: Company, office: Office, password: str) -> None:
    """The phone with the password registers, and is called."""
    await company.point_hotline("104")
    await office.knows(f"104@{company.name}")
    async with (
        phones.phone(office.sipp, company.name, "104", password) as phone,
        company.carrier() as carrier,
    ):
        customer = await carrier.calls(HOTLINE)
        ring = await phone.rings()
        await ring.answer()
        await customer.answered()
        await ring.hang_up()
        await customer.over()


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything that is kept: tables, write-ahead log, CEL log, logs, Asterisk's files."""
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):  # a socket, or a file that is gone meanwhile
            if path.is_file() and path != folder / "secret":
                yield str(path.relative_to(folder)), path.read_bytes()


async def everything(office: Office) -> str:
    """All rows of all tables, as a dump would write them."""
    async with office.database.connection() as tx:
        tables = await tx.fetch(
            """
            SELECT relname FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            """
        )
        return "\n".join(
            [
                row[0]
                for table in tables
                for row in await tx.fetch(f"SELECT t::text FROM {table['relname']} AS t")  # noqa: S608
            ]
        )


async def test_no_secret_is_kept_or_told_as_it_is(
    spilled: list[bytes], planted: Planted, office: Office, pbx: Instance
) -> None:
    assert len(planted.known) > 14

    for answer in spilled:
        assert planted.found_in(answer) == set(), answer
    assert planted.found_in(pbx.log.read_bytes()) == set()
    assert b"path=/v1/auth" in pbx.log.read_bytes(), "requests were logged"
    rows = await everything(office)
    assert planted.hidden_in(rows) == set()
    assert planted.marker in rows
    places = []
    for name, content in files(pbx.data):
        assert planted.found_in(content) == set(), name
        if planted.marker.encode() in content:
            places.append(name)
    assert any("pg_wal" in name for name in places), places
    assert (pbx.data / "secret").stat().st_mode & 0o077 == 0
    assert (pbx.data / "switch.json").stat().st_mode & 0o077 == 0
