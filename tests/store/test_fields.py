"""A field of the directory stands in several places: the struct, the table, the statements that
write it, the one that loads the directory, the trigger that notifies of a change. These tests name
the place that was forgotten.
"""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from tongdai import ids
from tongdai.audio import Converted
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import (
    Caller,
    Domain,
    Extension,
    Hotline,
    HoursPlan,
    Menu,
    Prompt,
    Queue,
    RingGroup,
    Trunk,
)
from tongdai.store import (
    callers,
    db,
    devices,
    directory,
    domains,
    extensions,
    hotlines,
    hours_plans,
    menus,
    prompts,
    queues,
    ring_groups,
    trunks,
)

LATER = datetime(2200, 1, 1, tzinfo=UTC)
SUSPENSION = ("suspended_until", "suspended_why")


class Noun(msgspec.Struct, frozen=True):
    """`unseen`: the columns that routing does not see. `joined`: the fields that come from another
    table. `silent`: the fields whose change notifies nobody.
    """

    struct: type[msgspec.Struct]
    table: str
    unseen: str = "created_at domain_uuid kind"
    joined: str = ""
    silent: str = ""


NOUNS = [
    Noun(
        Domain,
        "domains",
        "created_at event_seq deleting_since zone_rules phone_key_encrypted",
        silent="domain_uuid name suspended_why cdr_days event_days audit_days",
    ),
    Noun(
        Extension,
        "extensions",
        "created_at domain_uuid kind extension_uuid user_uuid follow_me",
        joined="devices",
    ),
    Noun(
        Trunk,
        "trunks",
        "created_at domain_uuid auth host transport addresses username password_encrypted "
        "auth_username password_changes from_user from_domain shared called_number_in qualify",
    ),
    Noun(Hotline, "hotlines", "created_at domain_uuid"),
    Noun(Caller, "callers", "created_at domain_uuid"),
    Noun(HoursPlan, "hours_plans", "created_at domain_uuid"),
    Noun(RingGroup, "ring_groups", silent="number next_member"),
    Noun(Queue, "queues"),
    Noun(Menu, "menus"),
    Noun(Prompt, "prompts", "created_at domain_uuid"),
]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.table)
async def test_fields_are_columns(database: db.Database, noun: Noun) -> None:
    """A column that routing sees is a field of the noun in pbx/directory.py. For one that it does
    not see, extend `unseen`.
    """
    async with database.connection() as tx:
        columns = await tx.fetchval(
            """
            SELECT array_agg(attname::text) FROM pg_attribute
            WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
            """,
            noun.table,
        )
    assert fields(noun.struct) - words(noun.joined) == set(columns) - words(noun.unseen)


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.table)
async def test_a_change_of_a_field_notifies(database: db.Database, noun: Noun) -> None:
    """A trigger ..._changed fires for each column that is a field, else engines keep the old
    value.
    """
    async with database.connection() as tx:
        watched = await tx.fetchval(
            """
            SELECT array_agg(attname::text) FROM pg_trigger JOIN pg_attribute
              ON attrelid = tgrelid AND (attnum = ANY (tgattr) OR cardinality(tgattr) = 0)
            WHERE tgrelid = $1::text::regclass AND tgname ~ '_changed$'
            """,
            noun.table,
        )
    assert fields(noun.struct) - words(noun.joined) - words(noun.silent) <= set(watched)


@pytest.mark.parametrize("is_updated", [False, True], ids=["inserted", "updated"])
async def test_every_field_is_written_and_loaded(
    database: db.Database, master_key: MasterKey, *, is_updated: bool
) -> None:
    """A field that store/NOUN.py does not write, or store/directory.py does not load, comes back
    with its default value.
    """
    full = full_directory("updated" if is_updated else "inserted")
    domain = full.domain
    nouns = [*msgspec.structs.astuple(full)]
    assert [type(noun) for noun in nouns] == [noun.struct for noun in NOUNS]
    unset = {type(noun).__name__: defaults(noun) for noun in nouns}
    assert not any(unset.values()), f"give them other values than their defaults: {unset}"

    async with database.transaction() as tx:
        if is_updated:
            made = await domains.insert(tx, domain.name)
            domain = replace(domain, domain_uuid=made.domain_uuid)
            await keep(tx, domain.domain_uuid, full.prompt)
            await domains.update(tx, domain)
        else:
            domain = replace(domain, domain_uuid=await insert_domain(tx, domain))
            await keep(tx, domain.domain_uuid, full.prompt)
            music = {"hold_music": domain.hold_music}  # the domain had to be there first
            await domains.set_settings(tx, domain.domain_uuid, music)
        await domains.suspend(tx, domain.domain_uuid, LATER, domain.suspended_why)
        for number in ("100", "102"):
            await extensions.insert(tx, domain.domain_uuid, Extension(number))
        further = trunks.Trunk(
            name="further",
            auth="ip",
            host="203.0.113.8",
            trunk_uuid=full.hotline.further_trunks[0],
        )
        await trunks.insert(tx, domain.domain_uuid, master_key, further)
        if is_updated:
            await insert(tx, master_key, domain.domain_uuid, plain(full))
            await update(tx, master_key, domain.domain_uuid, full)
        else:
            await insert(tx, master_key, domain.domain_uuid, full)
        await complete(tx, domain.domain_uuid, full)
        assert await extensions.get(tx, domain.domain_uuid, "101") == full.extension
        loaded = await directory.load(tx, domain.domain_uuid)

    assert loaded.domain == domain
    # Routing does not see why; the API's role may not (tenants.WITHHELD).
    assert loaded.extensions["101"] == replace(full.extension, suspended_why="")
    assert loaded.trunks.pop(further.trunk_uuid).name == "further"
    assert loaded.trunks == {full.trunk.trunk_uuid: full.trunk}
    assert loaded.hotlines == {full.hotline.canonical: full.hotline}
    assert loaded.callers == {"0912*": full.caller}
    assert not loaded.knows_numbers
    assert loaded.hours_plans == {"office": full.hours_plan}
    assert loaded.ring_groups == {"600": full.ring_group}
    assert loaded.queues == {"700": full.queue}
    assert loaded.menus == {"800": full.menu}
    prompt = loaded.prompts["Nhạc chờ"]
    assert loaded.prompts == {"Nhạc chờ": replace(full.prompt, prompt_uuid=prompt.prompt_uuid)}


def fields(struct: type[msgspec.Struct]) -> set[str]:
    return set(struct.__struct_fields__)


def words(text: str) -> set[str]:
    return set(text.split())


def defaults(struct: msgspec.Struct) -> set[str]:
    """The fields that have their default value."""
    return {
        field.name
        for field in msgspec.structs.fields(type(struct))
        if getattr(struct, field.name) == field.default
    }


class Full(msgspec.Struct, frozen=True):
    """One of each noun."""

    domain: Domain
    extension: Extension
    trunk: Trunk
    hotline: Hotline
    caller: Caller
    hours_plan: HoursPlan
    ring_group: RingGroup
    queue: Queue
    menu: Menu
    prompt: Prompt


def full_directory(name: str) -> Full:
    """Nouns in which no field has its default value."""
    domain = Domain(
        ids.new(),
        f"full-{name}.example.vn",
        enabled=False,
        time_zone="America/Toronto",
        country_code="1",
        region="CA",
        call_id_mode="conversation",
        recording=False,
        recording_days=30,
        cdr_days=40,
        event_days=50,
        audit_days=60,
        max_calls=99,
        destinations=("+44",),
        calls_per_minute=9,
        minutes_per_day=90,
        click2call_shows_callee=True,
        click2call_waits=True,
        suspended_until=LATER,
        suspended_why="too many calls",
        node="switch-9",
        ringing_hangups=False,
        webrtc=True,
        hold_music="Nhạc chờ",
        feature_codes=("pickup=*6",),
        recording_format="opus",
        recording_stereo=True,
        park_timeout_s=60,
    )
    extension = Extension(
        "101",
        "Ánh",
        enabled=False,
        recording=True,
        hotline="6135550123",
        max_calls=3,
        ring_timeout_s=31,
        forward_always="100",
        forward_busy="102",
        forward_no_answer="6135550199",
        forward_unreachable="100",
        do_not_disturb=True,
        suspended_until=LATER,
        suspended_why="too many minutes",
        devices=("default", "browser", "webrtc"),  # the last one by the domain
    )
    trunk = Trunk(
        ids.new(),
        "carrier",
        enabled=False,
        number_format="e164",
        max_calls=7,
        carrier_key=hashlib.md5(b"203.0.113.7", usedforsecurity=False).hexdigest(),
        transfers=True,
    )
    hotline = Hotline(
        "6135550123",
        "16135550123",
        trunk.trunk_uuid,
        name="Main",
        destination="600",
        is_default=True,
        enabled=False,
        further_trunks=(ids.new(),),
        hours="office",
        closed_destination="100",
        closed_cause="busy",
    )
    caller = Caller("0912*", "route", "100", "busy", ("16135550123",), "a note")
    plan = HoursPlan("office", ("mon-fri 08:00-17:30",), ("09-02",), "closed", LATER)
    group = RingGroup("600", "Sales", "round_robin", ("100", "102"), 5, 6, "700", 1)
    queue = Queue("700", "Support", ("100", "102"), 3, 4, 5, 6, "100", "jazz", 30)
    menu = Menu(
        number="800",
        name="Chào",
        prompt="Nhạc chờ",
        invalid_prompt="Nhạc chờ",
        keys=("1=100", "*=102"),
        direct_dialling=True,
        timeout_s=6,
        retries=1,
        overflow="100",
    )
    prompt = Prompt("Nhạc chờ", ids.new(), hashlib.sha256(b"sound").hexdigest(), 1.5)
    return Full(domain, extension, trunk, hotline, caller, plan, group, queue, menu, prompt)


def plain(full: Full) -> Full:
    """The same nouns with default values."""
    return Full(
        full.domain,
        Extension(full.extension.extension),
        Trunk(full.trunk.trunk_uuid, "plain"),
        Hotline(full.hotline.number, full.hotline.canonical, full.trunk.trunk_uuid),
        Caller(full.caller.caller),
        HoursPlan(full.hours_plan.name),
        RingGroup(full.ring_group.number),
        Queue(full.queue.number),
        Menu(full.menu.number),
        full.prompt,
    )


async def insert_domain(tx: db.Tx, domain: Domain) -> UUID:
    """The UUID of a new domain that is inserted with all these fields."""
    given = msgspec.structs.asdict(domain)
    for own in ("domain_uuid", "hold_music", *SUSPENSION):
        del given[own]
    return (await domains.insert(tx, **given)).domain_uuid


async def keep(tx: db.Tx, domain_uuid: UUID, prompt: Prompt) -> None:
    sound = Converted(b"low", b"high", prompt.duration_s)
    await prompts.keep(tx, domain_uuid, prompt.name, b"sound", sound)


async def insert(tx: db.Tx, master_key: MasterKey, domain_uuid: UUID, full: Full) -> None:
    await trunks.insert(tx, domain_uuid, master_key, sip_trunk(full.trunk))
    await queues.insert(tx, domain_uuid, full.queue)
    await menus.insert(tx, domain_uuid, full.menu)
    await ring_groups.insert(tx, domain_uuid, full.ring_group)
    await hours_plans.insert(tx, domain_uuid, full.hours_plan)
    hotline = msgspec.structs.asdict(full.hotline)
    del hotline["canonical"]
    await hotlines.insert(tx, domain_uuid, **hotline)
    await callers.insert(tx, domain_uuid, full.caller)
    await extensions.insert(tx, domain_uuid, full.extension)


async def update(tx: db.Tx, master_key: MasterKey, domain_uuid: UUID, full: Full) -> None:
    await trunks.update(tx, domain_uuid, master_key, sip_trunk(full.trunk))
    await queues.update(tx, domain_uuid, full.queue)
    changes = msgspec.structs.asdict(full.menu)
    await menus.change(tx, domain_uuid, changes.pop("number"), changes)
    await ring_groups.update(tx, domain_uuid, full.ring_group)
    plan = msgspec.structs.asdict(full.hours_plan)
    await hours_plans.change(tx, domain_uuid, full.hours_plan.name, plan)
    await hotlines.update(tx, domain_uuid, full.hotline)
    caller = msgspec.structs.asdict(full.caller)
    await callers.change(tx, domain_uuid, full.caller.caller, caller)
    await extensions.update(tx, domain_uuid, full.extension)


async def complete(tx: db.Tx, domain_uuid: UUID, full: Full) -> None:
    """Stores the fields that have statements of their own: a turn of the ring group, a device, a
    suspension.
    """
    extension = full.extension
    await ring_groups.advance(tx, domain_uuid, full.ring_group.number)
    await devices.insert(tx, domain_uuid, extension.extension, devices.Device(name="browser"))
    await extensions.suspend(
        tx, domain_uuid, extension.extension, extension.suspended_until, extension.suspended_why
    )


def sip_trunk(trunk: Trunk) -> trunks.Trunk:
    given = msgspec.structs.asdict(trunk)
    del given["carrier_key"]  # PostgreSQL computes it
    return trunks.Trunk(auth="ip", host="203.0.113.7", **given)
