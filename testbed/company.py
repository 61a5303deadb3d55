"""A company of its own for each test: a fresh domain with its admin, extensions, a trunk to a
carrier, a hotline.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from testbed import phones, ports
from testbed.bare_carrier import BareCarrier, bare_carrier
from testbed.instance import Instance
from testbed.phones import ALICE_HZ, Carrier, Phone, SippSetup, Transport
from testbed.until import until
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.pbx.endpoint import DEFAULT, WEBRTC, Endpoint
from tongdai.store import (
    db,
    devices,
    domains,
    extensions,
    hotlines,
    hours_plans,
    menus,
    postmaster,
    prompts,
    queues,
    ring_groups,
    trunks,
    users,
)

HOTLINE = "19001919"
PASSWORD = "a-sip-password"


class Answer(msgspec.Struct, frozen=True):
    """A response of the API."""

    status: int
    json: Any
    headers: dict[str, str]
    body: bytes


class Api:
    """A client of the HTTP API, with a token."""

    def __init__(self, base_url: str, token: str = "") -> None:
        self.base_url, self.token = base_url, token

    async def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> Answer:
        return await self.ask("GET", path, query, headers=headers)

    async def post(self, path: str, **body: object) -> Answer:
        return await self.ask("POST", path, {}, body)

    async def ask(
        self,
        method: str,
        path: str,
        query: dict[str, object],
        body: object = None,
        headers: dict[str, str] | None = None,
        *,
        content: bytes | None = None,
    ) -> Answer:
        """The response. `path` may be a whole URL; then no token is sent. `content`: a body that
        is no JSON.
        """
        own = (
            {}
            if "://" in path
            else {"Authorization": f"Bearer {self.token}"}
            if self.token
            else {}
        )
        url = path if "://" in path else self.base_url + path
        limit = aiohttp.ClientTimeout(total=30)
        async with (
            aiohttp.ClientSession(headers=own, timeout=limit) as session,
            session.request(
                method,
                url,
                params={name: str(value) for name, value in query.items()},
                json=body,
                data=content,
                headers=headers,
            ) as answer,
        ):
            content = await answer.read()
            is_json = "json" in answer.content_type
            decoded = msgspec.json.decode(content) if is_json and content else None
            return Answer(
                answer.status,
                decoded,
                {name.lower(): value for name, value in answer.headers.items()},
                content,
            )

    async def click(self, ext: str, phone: str, **parameters: object) -> Answer:
        return await self.ask("GET", "/v1/click2call", {"ext": ext, "phone": phone, **parameters})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[aiohttp.ClientResponse]:
        """The domain's events as a stream."""
        own = {"Authorization": f"Bearer {self.token}", "Accept": "text/event-stream"}
        limit = aiohttp.ClientTimeout(total=60)
        async with (
            aiohttp.ClientSession(headers=own, timeout=limit) as session,
            session.get(f"{self.base_url}/v1/event/feed") as answer,
        ):
            yield answer

    async def cdr(self, id: object) -> dict[str, Any]:
        """The record, which must exist."""
        answer = await self.get(f"/v1/cdr/{id}")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json
        return found


async def log_in(base_url: str, username: str, password: str) -> Api:
    """A client with a token got the documented way: user name and password, API key, token."""
    anyone = Api(base_url)
    account = await anyone.post("/v1/auth", username=username, password=password)
    assert account.status == 200, account
    token = await anyone.post("/v1/auth/token", api_key=account.json["data"]["api_key"])
    assert token.status == 200, token
    return Api(base_url, token.json["data"]["token"])


class Office:
    """A running instance as its operator sees it. Companies are made here."""

    def __init__(
        self, instance: Instance, database: db.Database, master_key: MasterKey, sipp: SippSetup
    ) -> None:
        self.instance, self.database, self.master_key, self.sipp = (
            instance,
            database,
            master_key,
            sipp,
        )
        self._made = 0

    async def company(self) -> "Company":
        """A domain with extensions 101, 102, 103, and a hotline (HOTLINE) by a trunk to a carrier
        of its own.
        """
        self._made += 1
        name = f"company{self._made}.example.vn"
        async with self.database.transaction() as tx:
            domain = await domains.insert(tx, name)
            await users.insert(tx, domain.domain_uuid, self.master_key, "admin", PASSWORD)
            for number in ("101", "102", "103"):
                await extensions.insert(
                    tx, domain.domain_uuid, directory.Extension(number, ring_timeout_s=5), PASSWORD
                )
        api = await log_in(self.instance.ready["base_url"], f"admin@{name}", PASSWORD)
        made = Company(self, domain, api, self._address())
        made.trunk = await made.add_trunk()
        await made.add_hotline(HOTLINE, made.trunk, destination="101", is_default=True)
        return made

    def _address(self) -> str:
        """An address that no other carrier on this machine has."""
        return f"{ports.network()}.{self._made // 250}.{self._made % 250 + 1}"

    def stranger(self, address: str = "127.9.9.9") -> AbstractAsyncContextManager[Carrier]:
        """A carrier at an address that no trunk has."""
        return phones.carrier(self.sipp, address, ports.phone_port(address))

    async def reopen(self) -> None:
        """Connects again, after the database was restarted."""
        await self.database.close()
        self.database = db.Database(postmaster.dsn_of(self.instance.data / "postgres"))
        await self.database.open()

    @property
    def switch_url(self) -> str:
        """URL of the switch's ARI, with user name and password."""
        known: dict[str, str] = msgspec.json.decode(
            (self.instance.data / "switch.json").read_bytes()
        )
        return known["asterisk_url"]

    async def knows(self, endpoint: str) -> None:
        """Returns when the switch has that phone ("101@domain") or trunk (its UUID)."""
        await until(lambda: self._ask_switch(f"endpoints/PJSIP/{endpoint}"), 15)

    async def knows_trunk(self, trunk: object) -> None:
        """Returns when the switch takes calls from that trunk's address."""
        path = f"asterisk/config/dynamic/res_pjsip/identify/{trunk}"
        await until(lambda: self._ask_switch(path), 15)

    async def knows_field(self, endpoint: str, name: str, *values: str) -> None:
        """The switch has been told that the endpoint's field has one of these values."""

        async def known() -> bool:
            return (await self.endpoint(endpoint)).get(name) in values

        await until(known, 15)

    async def forgets(self, endpoint: str) -> None:
        """Returns when the switch does not have it any more."""

        async def is_gone() -> bool:
            return not await self._ask_switch(f"endpoints/PJSIP/{endpoint}")

        await until(is_gone, 15)

    async def endpoint(self, endpoint: str) -> dict[str, str]:
        """The fields of that endpoint, as the switch shows them."""
        path = f"asterisk/config/dynamic/res_pjsip/endpoint/{endpoint}"
        shown = msgspec.json.decode(await self._ask_switch(path) or "[]")
        return {each["attribute"]: each["value"] for each in shown}

    async def has_fallback(self, key: str, part: str) -> None:
        """The switch's entry of the fallback plan (tongdai/asterisk/fallback.py) has that part.

        The file is read without a lock (`immutable`): Asterisk, whose commit meets another
        process's lock, does not try again but rolls the entries back.
        """
        astdb = self.instance.data / "asterisk" / "lib" / "astdb.sqlite3"

        def known() -> bool:
            file = sqlite3.connect(f"file:{astdb}?immutable=1", uri=True)
            with contextlib.closing(file):
                try:
                    found = dict(file.execute("SELECT key, value FROM astdb"))
                except sqlite3.DatabaseError:  # Asterisk was writing meanwhile
                    return False
            generation = found.get("/fallback/generation", "")
            return part in found.get(f"/fallback/{generation}/{key}", "")

        await until(known, 15)

    async def _ask_switch(self, path: str) -> str | None:
        """ARI's answer; None for what it does not know."""
        parts = urlsplit(self.switch_url)
        login = aiohttp.encode_basic_auth(parts.username or "", parts.password or "")
        url = f"http://{parts.hostname}:{parts.port}/ari/{path}"
        async with (
            aiohttp.ClientSession(headers={"Authorization": login}) as session,
            session.get(url) as answer,
        ):
            return await answer.text() if answer.status == 200 else None


class Company:
    """One domain. `api` is its admin's."""

    trunk: trunks.Trunk

    def __init__(self, office: Office, domain: directory.Domain, api: Api, address: str) -> None:
        self._office, self.domain, self.api = office, domain, api
        self.uuid, self.name = domain.domain_uuid, domain.name
        self.address = address  # its carrier's
        self._port = ports.phone_port(address)

    @property
    def switch(self) -> str:
        """The address of the switch's SIP, host:port."""
        return self._office.instance.sip

    async def is_quiet(self) -> bool:
        """Whether the engine knows of no live call of the company."""
        async with self._office.database.connection() as tx:
            return not await tx.fetchval(
                "SELECT count(*) FROM calls WHERE domain_uuid = $1", self.uuid
            )

    async def found(self, **filters: Any) -> list[str]:
        """The ids of the records that the filters find, newest first."""
        listed = (await self.api.get("/v1/cdr", **filters)).json["data"]
        return [item["id"] for item in listed]

    # --- its people and lines

    def phone(
        self,
        extension: str,
        *,
        hertz: int = ALICE_HZ,
        transport: Transport = "udp",
        password: str = PASSWORD,
    ) -> AbstractAsyncContextManager[Phone]:
        """A phone of that extension, registered."""
        return phones.phone(
            self._office.sipp,
            self.name,
            extension,
            password,
            transport=transport,
            hertz=hertz,
            registers=password == PASSWORD,
        )

    def carrier(
        self, username: str = "", password: str = "", *, transport: Transport = "udp"
    ) -> AbstractAsyncContextManager[Carrier]:
        """The carrier behind the company's trunk."""
        return phones.carrier(
            self._office.sipp,
            self.address,
            self._port,
            username=username,
            password=password,
            transport=transport,
        )

    def bare_carrier(self) -> AbstractAsyncContextManager[BareCarrier]:
        """The same, message by message."""
        return bare_carrier(self._office.sipp.switch, self.address, self._port)

    # --- what its operator set up

    async def add_trunk(
        self, auth: directory.TrunkAuth = "ip", password: str = "", **changes: Any
    ) -> trunks.Trunk:
        """A trunk to the company's carrier."""
        given: dict[str, Any] = {
            "name": auth,
            "host": f"{self.address}:{self._port}",
            "addresses": (self.address,),
        }
        trunk = trunks.Trunk(auth=auth, **given | changes)
        async with self._office.database.transaction() as tx:
            await trunks.insert(tx, self.uuid, self._office.master_key, trunk, password)
        await self._office.knows_trunk(trunk.trunk_uuid)
        return trunk

    async def change_trunk(self, password: str = "", **changes: Any) -> None:
        self.trunk = msgspec.structs.replace(self.trunk, **changes)
        async with self._office.database.transaction() as tx:
            await trunks.update(tx, self.uuid, self._office.master_key, self.trunk, password)

    async def trunk_has(self, attribute: str, value: str) -> None:
        """Returns when the trunk's endpoint on the switch has that value."""
        name = str(self.trunk.trunk_uuid)

        async def has() -> bool:
            return (await self._office.endpoint(name)).get(attribute) == value

        await until(has, 15)

    async def add_hotline(self, number: str, trunk: trunks.Trunk, **properties: Any) -> None:
        async with self._office.database.transaction() as tx:
            await hotlines.insert(tx, self.uuid, number, trunk.trunk_uuid, **properties)

    async def point_hotline(self, destination: str, number: str = HOTLINE) -> None:
        """The hotline leads there now."""
        async with self._office.database.transaction() as tx:
            known = await hotlines.get(tx, self.uuid, number)
            await hotlines.update(
                tx, self.uuid, msgspec.structs.replace(known, destination=destination)
            )

    async def change_hotline(self, number: str = HOTLINE, **changes: Any) -> None:
        async with self._office.database.transaction() as tx:
            known = await hotlines.get(tx, self.uuid, number)
            await hotlines.update(tx, self.uuid, msgspec.structs.replace(known, **changes))

    async def add_hours_plan(self, name: str, **properties: Any) -> None:
        async with self._office.database.transaction() as tx:
            await hours_plans.insert(tx, self.uuid, directory.HoursPlan(name, **properties))

    async def change_hours_plan(self, name: str, **changes: Any) -> None:
        async with self._office.database.transaction() as tx:
            await hours_plans.change(tx, self.uuid, name, changes)

    async def remove_hotline(self, number: str) -> None:
        async with self._office.database.transaction() as tx:
            await hotlines.delete(tx, self.uuid, number)

    async def add_ring_group(self, number: str, *members: str, **properties: Any) -> None:
        """A ring group, and the hotline leads to it."""
        async with self._office.database.transaction() as tx:
            await ring_groups.insert(
                tx, self.uuid, directory.RingGroup(number, members=members, **properties)
            )
        await self.point_hotline(number)

    async def add_queue(self, number: str, *agents: str, **properties: Any) -> None:
        """A queue, and the hotline leads to it."""
        async with self._office.database.transaction() as tx:
            await queues.insert(
                tx, self.uuid, directory.Queue(number, agents=agents, **properties)
            )
        await self.point_hotline(number)

    async def add_prompt(self, name: str, content: bytes) -> None:
        """The company has a prompt of that sound file; its switch has it too."""
        answer = await self.api.ask("PUT", f"/v1/admin/prompts/{name}/audio", {}, content=content)
        assert answer.status in (200, 201), answer
        async with self._office.database.connection() as tx:
            known = await prompts.find(tx, self.uuid, name)
        assert known is not None
        log = self._office.instance.log
        await until(lambda: known.file in log.read_text(errors="replace"), 15)

    async def add_menu(self, number: str, **properties: Any) -> None:
        menu = directory.Menu(number, **properties)
        async with self._office.database.transaction() as tx:
            await menus.insert(tx, self.uuid, menu)

    async def add_extension(self, number: str) -> None:
        extension = directory.Extension(number, ring_timeout_s=5)
        async with self._office.database.transaction() as tx:
            await extensions.insert(tx, self.uuid, extension, PASSWORD)
        await self._office.knows(f"{number}@{self.name}")

    async def remove_extension(self, number: str) -> None:
        async with self._office.database.transaction() as tx:
            await extensions.delete(tx, self.uuid, number)
        await self._office.forgets(f"{number}@{self.name}")

    async def change_extension(self, number: str, **changes: Any) -> None:
        async with self._office.database.transaction() as tx:
            known = await extensions.get(tx, self.uuid, number)
            await extensions.update(tx, self.uuid, msgspec.structs.replace(known, **changes))

    async def add_device(self, number: str, name: str, **properties: Any) -> None:
        """A further device of the extension, with the password of all phones."""
        device = devices.Device(name=name, **properties)
        async with self._office.database.transaction() as tx:
            await devices.insert(tx, self.uuid, number, device, PASSWORD)
        await self._office.knows(str(Endpoint(number, self.name, name)))

    async def allow_browsers(self, number: str) -> None:
        """Browsers may register as the extension itself, besides SIP phones."""
        async with self._office.database.transaction() as tx:
            await devices.allow_browsers(tx, self.uuid, number)
        await self._office.knows(str(Endpoint(number, self.name, WEBRTC)))

    async def remove_device(self, number: str, name: str) -> None:
        async with self._office.database.transaction() as tx:
            await devices.delete(tx, self.uuid, number, name)

    async def change_device(self, number: str, name: str, kind: devices.Kind) -> None:
        """The extension's device of that name is of this kind now, and the switch knows it."""
        async with self._office.database.transaction() as tx:
            known = await devices.get(tx, self.uuid, number, name)
            changed = msgspec.structs.replace(known, kind=kind)
            await devices.update(tx, self.uuid, number, changed)
        is_browser = ("yes", "true") if kind == "browser" else ("no", "false")
        endpoint = str(Endpoint(number, self.name, name))
        await self._office.knows_field(endpoint, "webrtc", *is_browser)

    async def become_browser(self, number: str) -> None:
        """The extension's default device is a browser now."""
        async with self._office.database.transaction() as tx:
            known = await devices.get(tx, self.uuid, number, DEFAULT)
            changed = msgspec.structs.replace(known, kind="browser")
            await devices.update(tx, self.uuid, number, changed)
        await self._office.knows(str(Endpoint(number, self.name, WEBRTC)))
        await self._office.forgets(str(Endpoint(number, self.name)))

    async def knows_field(self, number: str, name: str, *values: str) -> None:
        """The same of a field of its endpoint, which has one of these values."""
        await self._office.knows_field(str(Endpoint(number, self.name)), name, *values)

    async def suspend(self, number: str, until: datetime) -> None:
        async with self._office.database.transaction() as tx:
            await extensions.suspend(tx, self.uuid, number, until, "for a test")

    async def change(self, **changes: Any) -> None:
        """Changes properties of the domain."""
        self.domain = msgspec.structs.replace(self.domain, **changes)
        async with self._office.database.transaction() as tx:
            await domains.update(tx, self.domain)


@asynccontextmanager
async def operated(instance: Instance, sipp: SippSetup) -> AsyncIterator[Office]:
    """The operator of a running instance."""
    database = db.Database(postmaster.dsn_of(instance.data / "postgres"))
    await database.open()
    master_key = MasterKey((instance.data / "secret").read_text().strip().encode())
    office = Office(instance, database, master_key, sipp)
    try:
        yield office
    finally:
        await office.database.close()


async def together(*work: Any) -> list[Any]:
    """The results of all coroutines, run at once. The first failure ends all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
    return [task.result() for task in tasks]
