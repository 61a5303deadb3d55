"""The audit log: every change of a company's configuration, whoever made it and however."""

import re
from typing import Any, get_args

import asyncpg
import pytest
from msgspec.structs import replace

from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import commands, directory
from tongdai.pbx.directory import Extension, Queue, RingGroup
from tongdai.store import (
    audit,
    db,
    deletion,
    devices,
    domains,
    extensions,
    hotlines,
    operators,
    queues,
    ring_groups,
    subscriptions,
    trunks,
    users,
)
from tongdai.store import commands as store_commands
from tongdai.store.tenants import Tenants
from tongdai.store.trunks import Trunk

# tables that routing, log-ins or deliveries read, and whose changes are not a company's choice
NOT_LOGGED = {"dialables"}  # each row belongs to an extension, ring group or queue


async def logged(
    database: db.Database, domain: directory.Domain, *, noun: str = "", name: str = ""
) -> list[audit.Entry]:
    """The entries, oldest first."""
    async with database.connection() as tx:
        found = await audit.list(tx, domain.domain_uuid, audit.Filter(noun, name), limit=100)
    return [*reversed(found)]


async def test_a_change_is_logged_with_its_actor_and_the_fields_that_changed(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await audit.acting(tx, "user:ánh", "203.0.113.9")
        await extensions.insert(tx, domain.domain_uuid, Extension("101", name="Ánh"))
    async with database.transaction() as tx:
        await audit.acting(tx, "cli:root")
        known = await extensions.get(tx, domain.domain_uuid, "101")
        changed = replace(known, name="Bình", max_calls=3)
        await extensions.update(tx, domain.domain_uuid, changed)
    async with database.transaction() as tx:
        await extensions.delete(tx, domain.domain_uuid, "101")

    made, changed_, gone = await logged(database, domain, noun="extension", name="101")

    assert (made.action, made.actor, made.address) == ("create", "user:ánh", "203.0.113.9")
    assert (made.before, (made.after or {})["name"]) == ({}, "Ánh")
    assert (changed_.action, changed_.actor, changed_.address) == ("update", "cli:root", "")
    assert changed_.before == {"name": "Ánh", "max_calls": 2}
    assert changed_.after == {"name": "Bình", "max_calls": 3}
    assert (gone.action, gone.actor, gone.after) == ("delete", "", {})
    assert (gone.before or {})["name"] == "Bình"


async def test_a_change_that_changes_nothing_is_none(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await ring_groups.insert(tx, domain.domain_uuid, RingGroup("600"))
        await ring_groups.change(tx, domain.domain_uuid, "600", {"name": ""})
        await ring_groups.advance(tx, domain.domain_uuid, "600")

    assert [one.action for one in await logged(database, domain, noun="ring_group")] == ["create"]


async def test_secrets_are_told_without_their_values(
    database: db.Database, master_key: MasterKey, domain: directory.Domain
) -> None:
    uuid = domain.domain_uuid
    async with database.transaction() as tx:
        await extensions.insert(tx, uuid, Extension("101"), "Some-Secret.1")
        await devices.set_password(tx, uuid, "101", "default", "Other-Secret.2")
        trunk = Trunk(name="viettel", auth="digest", host="203.0.113.1", username="u")
        await trunks.insert(tx, uuid, master_key, trunk, "Some-Secret.1")
        await users.insert(tx, uuid, master_key, "an", "Some-Secret.1")
        await subscriptions.insert(
            tx, uuid, master_key, event_name="cdr", callback_url="https://a.vn/",
            callback_apikey="Bearer x",
        )  # fmt: skip
        stored = await tx.fetch("SELECT * FROM devices WHERE domain_uuid = $1", uuid)

    entries = await logged(database, domain)
    told = str(entries)
    assert "Secret" not in told
    assert "Bearer" not in told
    assert not any(value in told for name, value in stored[0].items() if "digest" in name)
    passwords = [one for one in entries if one.noun == "device" and one.action == "update"]
    digests = ("digest_md5", "digest_sha256", "digest_md5_full", "digest_sha256_full")
    assert [one.after for one in passwords] == [dict.fromkeys(digests, "***")]
    assert {one.noun for one in entries} == {
        "domain", "extension", "device", "trunk", "user", "subscription",
    }  # fmt: skip


async def test_every_table_of_the_configuration_is_logged(database: db.Database) -> None:
    async with database.connection() as tx:
        rows = await tx.fetch(
            """
            SELECT relname, array_agg(proname::text) AS functions
            FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid
                 JOIN pg_proc ON tgfoid = pg_proc.oid
            WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal
            GROUP BY relname
            """
        )
    configured = {row["relname"] for row in rows if "notify_directory" in row["functions"]}
    written = {row["relname"] for row in rows if "write_audit_log" in row["functions"]}
    assert len(configured) > 5
    assert configured - NOT_LOGGED <= written
    nouns = {name.removesuffix("s") for name in written}
    assert nouns == {*audit.NOUNS, "operator", "ban"} - {"call", "phone", "second_factor"}
    told = {row["relname"] for row in rows if "write_audit_log_of_command" in row["functions"]}
    assert told == {"commands"}
    factors = [
        row["relname"] for row in rows if "write_audit_log_of_second_factor" in row["functions"]
    ]
    assert factors == ["second_factors"]


async def test_a_phone_that_is_signed_off_is_logged(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await audit.acting(tx, "user:ann", "203.0.113.9")
        asked = commands.DropPhones(extension="101", address="192.0.2.7:5060")
        await store_commands.ask(tx, domain.domain_uuid, asked)
        wanted = audit.Filter(noun="phone")
        (entry,) = await audit.list(tx, domain.domain_uuid, wanted, limit=2)
    assert (entry.actor, entry.action) == ("user:ann", "delete")
    assert entry.name == "101@192.0.2.7:5060"


# they ask for a call that has its own record, or change nothing
NO_CHANGE = {"click2call", "rehearse", "route", "phones", "provision"}


async def test_every_command_on_a_live_call_is_logged(database: db.Database) -> None:
    async with database.connection() as tx:
        trigger = await tx.fetchval(
            """
            SELECT pg_get_triggerdef(oid) FROM pg_trigger
            WHERE tgrelid = 'commands'::regclass AND tgname = 'audit'
            """
        )
    logged = set(re.findall(r"'(\w+)'::text", trigger))
    steering = {each.__struct_config__.tag for each in get_args(commands.Control)}
    names = {each.__struct_config__.tag for each in get_args(commands.Command)}
    # audit_trunk_trial; tests/e2e/test_trunk_trials.py
    assert logged == names - NO_CHANGE - steering - {"try_trunk"}


@pytest.mark.parametrize("command", get_args(commands.Control))
async def test_who_steers_a_talk_is_logged(
    database: db.Database, domain: directory.Domain, command: type[Any]
) -> None:
    call_uuid = ids.new()
    given = {"do": "pause", "to": "102", "is_muted": True, "digits": "1", "prompt": "a"}
    names = command.__struct_fields__
    asked = command(
        call_uuid=call_uuid, **{name: each for name, each in given.items() if name in names}
    )
    async with database.transaction() as tx:
        await audit.acting(tx, "user:ann", "203.0.113.9")
        await store_commands.ask(tx, domain.domain_uuid, asked)
        wanted = audit.Filter(noun="call", name=str(call_uuid))
        (entry,) = await audit.list(tx, domain.domain_uuid, wanted, limit=2)
    assert (entry.actor, entry.action) == ("user:ann", "update")
    assert entry.after
    assert entry.after["command"] == command.__struct_config__.tag
    assert "digits" not in entry.after


async def test_a_deleted_domain_leaves_that_it_was_deleted(
    database: db.Database, master_key: MasterKey
) -> None:
    async with database.transaction() as tx:
        await audit.acting(tx, "cli:root")
        made = await domains.insert(tx, f"d{ids.new().hex}.example.vn")
        trunk = Trunk(name="a", auth="ip", host="203.0.113.1")
        await trunks.insert(tx, made.domain_uuid, master_key, trunk)
        await hotlines.insert(tx, made.domain_uuid, "02873001234", trunk.trunk_uuid)
        await extensions.insert(tx, made.domain_uuid, Extension("101"))
        await queues.insert(tx, made.domain_uuid, Queue("700", agents=("101",)))
        await deletion.begin(tx, made.domain_uuid)
    await deletion.finish(database, made.domain_uuid)

    entries = await logged(database, made)
    assert [(one.noun, one.action) for one in entries if one.action == "delete"] == [
        ("domain", "delete")
    ]
    assert [one.after for one in entries] == [None] * len(entries), "its values are erased"


async def test_a_tenant_reads_its_own_log_and_writes_none(
    database: db.Database, tenants: Tenants, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        other = await domains.insert(tx, f"d{ids.new().hex}.example.vn")
        await extensions.insert(tx, other.domain_uuid, Extension("101"))
        await operators.insert(tx, MasterKey(bytes(32)), f"o{ids.new().hex}", "a long password")

    async with tenants.transaction(domain.domain_uuid) as tx:
        await extensions.insert(tx, domain.domain_uuid, Extension("102"))
    async with tenants.connection(domain.domain_uuid) as tx:
        assert await audit.list(tx, other.domain_uuid, limit=10) == []
        assert await audit.list(tx, None, limit=10) == []
        assert {one.noun for one in await audit.list(tx, domain.domain_uuid, limit=10)} >= {
            "extension"
        }
    for statement in ("DELETE FROM audit_log", "UPDATE audit_log SET actor = ''"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with tenants.connection(domain.domain_uuid) as tx:
                await tx.execute(statement)


async def test_old_entries_are_deleted_some_at_a_time(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        for number in range(101, 106):
            await extensions.insert(tx, domain.domain_uuid, Extension(str(number)))
        await tx.execute(
            "UPDATE audit_log SET at = now() - interval '40 days' "
            "WHERE domain_uuid = $1 AND noun = 'extension'",
            domain.domain_uuid,
        )
        assert await audit.purge(tx, 50, 100) == 0
        assert await audit.purge(tx, 30, 2) == 2
        assert await audit.purge(tx, 30, 100) == 3
        assert await audit.purge(tx, 30, 100) == 0
    assert await logged(database, domain, noun="extension") == []


async def test_it_tells_which_api_key_it_was(
    database: db.Database, domain: directory.Domain
) -> None:
    for key in ("CRM", ""):
        async with database.transaction() as tx:
            await audit.acting(tx, "user:an", "203.0.113.9", key)
            await ring_groups.insert(tx, domain.domain_uuid, RingGroup(f"60{len(key)}"))
    entries = await logged(database, domain, noun="ring_group")
    assert [(one.actor, one.api_key) for one in entries] == [("user:an", "CRM"), ("user:an", "")]


async def test_queries_of_callback_urls_are_not_told(
    database: db.Database, master_key: MasterKey, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        made = await subscriptions.insert(
            tx, domain.domain_uuid, master_key, event_name="cdr",
            callback_url="https://a.vn/hook?token=very-secret&b=1", callback_apikey="",
        )  # fmt: skip
        await subscriptions.disable(tx, domain.domain_uuid, made.subscription_uuid, "why")
        await subscriptions.delete(tx, domain.domain_uuid, made.subscription_uuid)
    entries = await logged(database, domain, noun="subscription")
    assert "very-secret" not in str(entries)
    assert [one.action for one in entries] == ["create", "update", "delete"]
    assert {one.name for one in entries} == {"cdr https://a.vn/hook?***"}
    assert (entries[0].after or {})["callback_url"] == "https://a.vn/hook?***"
    assert len(await logged(database, domain, name="cdr https://a.vn/hook?***")) == 3


async def test_the_values_of_a_deleted_domain_are_erased_in_batches(
    database: db.Database,
) -> None:
    """However long its log is, no statement changes more rows than a batch has."""
    erased: list[int] = []

    def progress(table: str, rows: int) -> None:
        if table == "audit_log":
            erased.append(rows)

    async with database.transaction() as tx:
        made = await domains.insert(tx, f"d{ids.new().hex}.example.vn")
        for number in range(101, 106):
            await extensions.insert(tx, made.domain_uuid, Extension(str(number)))
        await deletion.begin(tx, made.domain_uuid)
    before = await logged(database, made)
    await deletion.finish(database, made.domain_uuid, progress, batch=4, pause_s=0)

    assert len(before) > 10
    steps = [now - was for was, now in zip([0, *erased], erased, strict=False)]
    assert max(steps) <= 4
    assert erased[-1] == len(before)
    entries = await logged(database, made)
    assert {(one.before is None, one.after is None) for one in entries} == {(True, True)}


async def test_a_deleted_domain_is_found_by_its_name(database: db.Database) -> None:
    """Until another one has the name."""
    name = f"d{ids.new().hex}.example.vn"
    uuids = []
    for _ in range(2):
        async with database.transaction() as tx:
            made = await domains.insert(tx, name)
            assert await audit.domain_of(tx, name.upper()) == made.domain_uuid
            await deletion.begin(tx, made.domain_uuid)
        await deletion.finish(database, made.domain_uuid)
        uuids.append(made.domain_uuid)
        async with database.connection() as tx:
            assert await audit.domain_of(tx, name) == made.domain_uuid
    assert uuids[0] != uuids[1]
    async with database.connection() as tx:
        with pytest.raises(errors.NotFound):
            await audit.domain_of(tx, f"never-{name}")
