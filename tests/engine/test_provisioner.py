"""Two nodes on one database: each switch holds what its own domains have, by notifications."""

import asyncio
import math
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.until import until
from tests.asterisk import fake
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import HOTLINE, Company
from tests.engine.controllers import Controller, node_of
from tongdai.asterisk.browser_addresses import source, source_key
from tongdai.encryption import MasterKey
from tongdai.engine import provisioner
from tongdai.engine.phone_credentials import expire
from tongdai.engine.provisioner import Provisioner
from tongdai.engine.wall_clock import WallClock, utc_now
from tongdai.pbx.commands import ClickToCall
from tongdai.pbx.directory import Extension, HoursPlan
from tongdai.store import (
    bans,
    commands,
    db,
    devices,
    domains,
    extensions,
    hotlines,
    hours_plans,
    phone_credentials,
    trunks,
)

CONFIG = "asterisk/config/dynamic/res_pjsip"


class Node:
    """One switch, its controller and what provisions it."""

    def __init__(
        self, asterisk: FakeAsterisk, controller: Controller, provisioner: Provisioner
    ) -> None:
        self.asterisk, self.controller, self.provisioner = asterisk, controller, provisioner
        self.name = controller.config.node

    def held(self, company: Company) -> set[str]:
        """The company's endpoints on the switch."""
        return {
            name.removesuffix(f"@{company.name}")
            for kind, name in self.asterisk.objects
            if kind == "endpoint" and (name.endswith(f"@{company.name}") or name == company.trunk)
        }

    def held_at_all(self) -> set[tuple[str, str]]:
        """All objects but bans, which are other tests' too."""
        return {key for key in self.asterisk.objects if key[0] != "acl"}


@asynccontextmanager
async def running(
    database: db.Database, master_key: MasterKey, folder: Path, clock: WallClock = utc_now
) -> AsyncIterator[Node]:
    folder.mkdir(exist_ok=True)
    listener = db.Database(database.dsn, size=1)
    async with AsyncExitStack() as stack:
        asterisk = await stack.enter_async_context(fake.running(folder / "cel.jsonl"))
        controller = Controller(database, asterisk, folder, clock=clock)
        provisioning = Provisioner(
            database, master_key, controller.engine, [], gather_s=0.0, look_s=0.05
        )
        await listener.open()
        stack.push_async_callback(listener.close)
        await listener.listen(
            {
                "directory": provisioning.directory_changed,
                "objects": provisioning.object_changed,
                "bans": provisioning.bans_changed,
            },
            lost=provisioning.lost,
        )
        await controller.start()
        stack.push_async_callback(controller.kill)
        await provisioning.now()
        task = asyncio.create_task(provisioning.run())
        yield Node(asterisk, controller, provisioning)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def here(
    database: db.Database, master_key: MasterKey, tmp_path: Path, company: Company
) -> AsyncIterator[Node]:
    """The node of the company."""
    async with running(database, master_key, tmp_path) as node:
        yield node


@pytest.fixture
async def there(
    database: db.Database, master_key: MasterKey, tmp_path: Path, company: Company
) -> AsyncIterator[Node]:
    """Another one."""
    async with running(database, master_key, tmp_path / "other") as node:
        yield node


ALL = {"101", "102", "103", "unknown", "hidden"}


async def test_a_switch_holds_what_its_own_domains_have(
    company: Company, here: Node, there: Node
) -> None:
    assert here.held(company) == {*ALL, company.trunk}
    assert there.held(company) == set()
    assert there.held_at_all() == set(), "nor anything else"


async def test_a_new_device_is_pushed_alone_and_to_its_node(
    company: Company, here: Node, there: Node
) -> None:
    before = len(here.asterisk.asked), len(there.asterisk.asked)
    async with company.database.transaction() as tx:
        await devices.insert(tx, company.uuid, "101", devices.Device(name="browser"))
    await until(lambda: here.held(company) == {*ALL, company.trunk, "101-browser"})
    name = f"101-browser@{company.name}"
    await until(
        lambda: here.controller.engine.switch._config._pushed.keys() >= {("endpoint", name)}
    )
    pushed = [asked.what for asked in here.asterisk.asked[before[0] :] if CONFIG in asked.what]
    # what does not refer to each other is pushed side by side
    assert [*sorted(pushed[:2]), *pushed[2:]] == [
        f"PUT {CONFIG}/auth/{name}",
        f"PUT {CONFIG}/auth/full-{name}",
        f"GET {CONFIG}/aor/{name}",
        f"PUT {CONFIG}/aor/{name}",
        f"PUT {CONFIG}/endpoint/{name}",
    ]
    assert [asked for asked in there.asterisk.asked[before[1] :] if CONFIG in asked.what] == []

    async with company.database.transaction() as tx:
        await devices.delete(tx, company.uuid, "101", "browser")
    await until(lambda: here.held(company) == {*ALL, company.trunk})


async def test_a_new_password_changes_the_credentials_alone(company: Company, here: Node) -> None:
    before = dict(here.asterisk.objects)
    async with company.database.transaction() as tx:
        await devices.set_password(tx, company.uuid, "101", "default", "Another-Secret.1")
    users = {f"101@{company.name}": "101", f"full-101@{company.name}": f"101@{company.name}"}
    keys = {("auth", id_): user for id_, user in users.items()}
    await until(lambda: all(here.asterisk.objects[key] != before[key] for key in keys))
    assert here.asterisk.objects | {key: before[key] for key in keys} == before
    for key, user in keys.items():
        md5, sha256 = devices.digests(user, company.name, "Another-Secret.1")
        known = here.asterisk.objects[key]["password_digest"]
        assert known == f"MD5:{md5},SHA-256:{sha256}"


async def test_credentials_of_a_page_are_there_when_it_is_told_of_them_and_go_at_their_end(
    company: Company, here: Node
) -> None:
    async with company.database.transaction() as tx:
        await devices.allow_browsers(tx, company.uuid, "101")
    async with company.database.transaction() as tx:
        made = await phone_credentials.insert(tx, company.uuid, "101", 3600)
    await asyncio.wait_for(here.provisioner.provision(company.uuid, "101"), 15)
    auth, endpoint = f"{made.username}@{company.name}", f"101-webrtc@{company.name}"
    assert ("auth", auth) in here.asterisk.objects
    assert auth in here.asterisk.objects["endpoint", endpoint]["auth"].split(",")

    async with company.database.transaction() as tx:
        await tx.execute(
            "UPDATE phone_credentials SET expires_at = now() WHERE username = $1", made.username
        )
    await expire(company.database)
    await until(lambda: ("auth", auth) not in here.asterisk.objects)
    assert auth not in here.asterisk.objects["endpoint", endpoint]["auth"]


async def test_a_locked_account_accepts_no_password_until_it_is_unlocked(
    company: Company, here: Node
) -> None:
    before = dict(here.asterisk.objects)
    name = f"101@{company.name}"
    await here.provisioner.lock(name, is_locked=True)
    changed = {key for key, fields in here.asterisk.objects.items() if fields != before[key]}
    assert changed == {("auth", name), ("auth", f"full-{name}")}
    await here.provisioner.lock(name, is_locked=False)
    assert here.asterisk.objects == before


async def test_extensions_come_and_go(company: Company, here: Node) -> None:
    async with company.database.transaction() as tx:
        await extensions.insert(tx, company.uuid, Extension("104"))
        await extensions.delete(tx, company.uuid, "103")
    await until(
        lambda: here.held(company) == {"101", "102", "104", "unknown", "hidden", company.trunk}
    )
    await company.change_extension("102", enabled=False)
    await until(lambda: here.held(company) == {"101", "104", "unknown", "hidden", company.trunk})
    await company.change_extension("102", enabled=True)
    await until(
        lambda: here.held(company) == {"101", "102", "104", "unknown", "hidden", company.trunk}
    )


async def test_many_changes_at_once(company: Company, here: Node) -> None:
    """So many that a thread reads them."""
    more = {str(number) for number in range(200, 200 + 2 * provisioner.FEW)}
    async with company.database.transaction() as tx:
        for number in sorted(more):
            await extensions.insert(tx, company.uuid, Extension(number))
    await until(lambda: here.held(company) == {*ALL, *more, company.trunk})


async def test_a_domain_that_moves_to_another_node(
    company: Company, here: Node, there: Node
) -> None:
    async with company.database.transaction() as tx:
        known = await domains.get(tx, company.uuid)
        await domains.update(tx, replace(known, node=there.name))
    await until(lambda: there.held(company) == {*ALL, company.trunk})
    await until(lambda: here.held(company) == set())


async def test_a_domain_that_is_disabled_and_deleted(company: Company, here: Node) -> None:
    async with company.database.transaction() as tx:
        known = await domains.get(tx, company.uuid)
        await domains.update(tx, replace(known, enabled=False))
    await until(lambda: here.held(company) == set())
    async with company.database.transaction() as tx:
        await domains.update(tx, replace(known, enabled=True))
    await until(lambda: here.held(company) == {*ALL, company.trunk})
    async with company.database.transaction() as tx:
        await hotlines.delete(tx, company.uuid, HOTLINE)
        await domains.delete(tx, company.uuid)
    await until(lambda: here.held_at_all() == set())


async def test_a_shared_trunk_goes_where_a_hotline_uses_it(
    company: Company, master_key: MasterKey, here: Node, there: Node
) -> None:
    shared = trunks.Trunk(name="shared", auth="ip", host="127.0.0.8", shared=True)
    key = ("endpoint", str(shared.trunk_uuid))
    async with company.database.transaction() as tx:
        other = await domains.insert(tx, f"other-{company.name}", node=there.name)
        await trunks.insert(tx, company.uuid, master_key, shared)
    await until(lambda: key in here.asterisk.objects)
    assert key not in there.asterisk.objects
    async with company.database.transaction() as tx:
        await hotlines.insert(tx, other.domain_uuid, "19001800", shared.trunk_uuid)
    await until(lambda: key in there.asterisk.objects)
    async with company.database.transaction() as tx:
        known = await domains.get(tx, company.uuid)
        await domains.update(tx, replace(known, enabled=False))
    await until(lambda: key not in there.asterisk.objects)  # its owner is not served
    async with company.database.transaction() as tx:
        await domains.update(tx, known)
    await until(lambda: key in there.asterisk.objects)
    async with company.database.transaction() as tx:
        await hotlines.delete(tx, other.domain_uuid, "19001800")
    await until(lambda: key not in there.asterisk.objects)
    assert key in here.asterisk.objects


async def test_a_ban_is_for_all_nodes_and_for_browsers(
    company: Company, master_key: MasterKey, here: Node, there: Node
) -> None:
    browser = source("192.0.2.77", source_key(master_key))
    keys = {("acl", "ban-192.0.2.77"), ("acl", f"ban-{browser}")}
    async with company.database.transaction() as tx:
        await tx.execute("DELETE FROM bans")
        await tx.execute(
            "INSERT INTO bans (address, why, until) VALUES ($1, '', now() + interval '1 hour')",
            "192.0.2.77",
        )
    await until(lambda: all(keys <= node.asterisk.objects.keys() for node in (here, there)))
    async with company.database.transaction() as tx:
        await bans.lift(tx, "192.0.2.77")
    await until(lambda: not keys & (here.asterisk.objects.keys() | there.asterisk.objects))


async def test_a_command_is_carried_out_by_its_domains_node(
    company: Company, here: Node, there: Node
) -> None:
    async with company.database.transaction() as tx:
        asked = await commands.ask(tx, company.uuid, ClickToCall(ext="101", phone="0899888999"))
    await there.controller.commands.take()
    async with company.database.connection() as tx:
        assert await commands.take(tx, there.name) == []
    here.controller.commands.wake()

    async def is_answered() -> bool:
        async with company.database.connection() as tx:
            return await commands.outcome(tx, company.uuid, asked) is not None

    await until(is_answered)
    assert not await there.controller.commands.serves(company.uuid)
    assert await here.controller.commands.serves(company.uuid)
    assert node_of(Path("a")) != node_of(Path("b"))


# --- the fallback


def planned(node: Node, company: Company) -> dict[str, str]:
    """The entries of the company's plan, by key without its name."""
    own = (f"number/{company.name}/", f"exit/{company.name}")
    return {
        re.sub("^trunk/[0-9a-f]{32}/", "trunk/", key.replace(company.name, "@")): value
        for key, value in node.asterisk.fallback.items()
        if key.startswith(own) or key.endswith(f"/{company.trunk}")
    }


async def test_a_fallback_plan_follows_the_directory(company: Company, here: Node) -> None:
    before = planned(here, company)
    assert before[f"trunk/{HOTLINE}/{company.trunk}"].startswith("dial-recorded|${PJSIP_DIAL")
    assert before["number/@/101"].startswith(f"dial|${{PJSIP_DIAL_CONTACTS(101@{company.name})}}")
    assert before["number/@/101/101"] == "dial|,0,ig", "it cannot call itself"
    assert before["exit/@"].endswith(",84,84-national,0,2,100,100")
    assert here.asterisk.fallback["emergency/84/113"] == "113"
    assert "exit/@/102" not in before
    await company.change_extension("102", max_calls=1)
    await until(lambda: planned(here, company).get("exit/@/102", "").endswith(",0,1,100,100"))
    await company.point_hotline("")
    await until(lambda: f"trunk/{HOTLINE}/{company.trunk}" not in planned(here, company))
    await company.change_extension("101", enabled=False)
    await until(lambda: planned(here, company)["number/@/101"] == "dial|,0,ig")


async def test_a_plan_is_made_anew_when_a_hotline_opens_and_closes(
    database: db.Database, master_key: MasterKey, tmp_path: Path, company: Company
) -> None:
    """Nothing in the database changes: the clock does, which this test sets."""
    moment = [datetime(2026, 11, 23, 10, 29, tzinfo=UTC)]  # Monday 17:29 in Vietnam
    plan = HoursPlan("office", ("mon-fri 08:00-17:30",), ("2026-11-24",))
    async with company.database.transaction() as tx:
        await hours_plans.insert(tx, company.uuid, plan)
        known = await hotlines.get(tx, company.uuid, HOTLINE)
        closed = replace(known, hours="office", closed_destination="102")
        await hotlines.update(tx, company.uuid, closed)

    async with running(database, master_key, tmp_path, lambda: moment[0]) as node:

        def leads_to(extension: str) -> bool:
            entry = planned(node, company)[f"trunk/{HOTLINE}/{company.trunk}"]
            return f"({extension}@{company.name})" in entry

        assert leads_to("101")
        moment[0] += timedelta(minutes=1)
        await until(lambda: leads_to("102"))
        moment[0] = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # the day after the holiday, 08:00
        await until(lambda: leads_to("101"))
        async with company.database.transaction() as tx:
            later = moment[0] + timedelta(minutes=5)
            changes = {"override": "closed", "override_until": later}
            await hours_plans.change(tx, company.uuid, "office", changes)
        await until(lambda: leads_to("102"))
        moment[0] = later
        await until(lambda: leads_to("101"))


async def test_a_suspension_is_in_the_plan(company: Company, here: Node) -> None:
    until_ = datetime.now(UTC) + timedelta(hours=1)
    async with company.database.transaction() as tx:
        await extensions.suspend(tx, company.uuid, "101", until_, "for a test")
    moment = f",{math.ceil(until_.timestamp())},2,"
    await until(lambda: moment in planned(here, company).get("exit/@/101", ""))


async def test_one_domains_plan_alone_is_written(company: Company, here: Node) -> None:
    writes = len(here.asterisk.asked)
    await company.change_extension("102", max_calls=1)
    await until(lambda: "exit/@/102" in planned(here, company))
    written = [
        asked.body for asked in here.asterisk.asked[writes:] if asked.what == "POST channels"
    ]
    keys = [text for body in written for name, text in body["variables"].items() if "KEY" in name]
    assert [key.partition("/")[2] for key in keys] == [f"exit/{company.name}/102"]


async def test_a_plan_moves_with_its_domain(company: Company, here: Node, there: Node) -> None:
    assert planned(there, company) == {}
    before = planned(here, company)
    async with company.database.transaction() as tx:
        known = await domains.get(tx, company.uuid)
        await domains.update(tx, replace(known, node=there.name))
    await until(lambda: planned(there, company) == before)
    await until(lambda: planned(here, company) == {})
    async with company.database.transaction() as tx:
        await domains.update(tx, replace(known, node=there.name, enabled=False))
    await until(lambda: planned(there, company) == {})
