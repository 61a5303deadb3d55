"""Company files: what is exported, applied, refused, and brought back from the audit log."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.admin import companies
from tongdai import errors
from tongdai.admin.company import applying, document, yaml_file
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import company, db, devices, domains, ring_groups, subscriptions, trunks, users


async def test_every_column_stands_in_files_or_on_the_list_of_exceptions(
    database: db.Database,
) -> None:
    """Of every table of domains whose changes are in the audit log: a company's choices."""
    async with database.connection() as tx:
        found = await tx.fetch(
            """
            SELECT relname AS name, array_agg(attname::text) AS columns
            FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
            WHERE attnum > 0 AND NOT attisdropped AND EXISTS (
              SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgname = 'audit')
            GROUP BY relname HAVING 'domain_uuid' = ANY (array_agg(attname))
            """
        )
    audited = {row["name"]: set(row["columns"]) for row in found}
    assert audited.keys() == company.TABLES.keys() | company.WITHHELD_TABLES.keys()
    for name, table in company.TABLES.items():
        assert audited[name] == {*table.columns} | table.withheld.keys(), name
        assert not {*table.columns} & table.withheld.keys(), name


PARTS = {
    "domains": document.Domain,
    "trunks": document.Trunk,
    "hotlines": document.Hotline,
    "hours_plans": document.HoursPlan,
    "extensions": document.Extension,
    "devices": document.Device,
    "ring_groups": document.RingGroup,
    "queues": document.Queue,
    "menus": document.Menu,
    "users": document.User,
    "subscriptions": document.Subscription,
}
IDENTITIES = {
    "trunks": {"trunk_uuid"},
    "hotlines": {"trunk_uuid", "canonical"},  # the trunk by name, the number as people write it
    "devices": {"extension"},  # they stand below it
    "subscriptions": {"subscription_uuid"},
}
NAMED = {
    "api_key_scopes": "scopes",
    "api_key_token_life_s": "token_life_s",
    "event_name": "event",
}


@pytest.mark.parametrize("name", company.TABLES)
def test_every_column_that_is_read_is_a_field_of_files(name: str) -> None:
    columns = {*company.TABLES[name].columns} - IDENTITIES.get(name, set())
    fields = {NAMED.get(column, column) for column in columns}
    assert fields <= {*PARTS[name].__struct_fields__}


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (document.Trunk, trunks.Trunk),
        (document.Extension, directory.Extension),
        (document.Device, devices.Device),
        (document.RingGroup, directory.RingGroup),
        (document.Queue, directory.Queue),
        (document.Hotline, directory.Hotline),
    ],
)
def test_what_is_not_given_is_as_commands_make_it(
    part: type[msgspec.Struct], kind: type[msgspec.Struct]
) -> None:
    known = {field.name: field.default for field in msgspec.structs.fields(kind)}
    for field in msgspec.structs.fields(part):
        if field.name in known and field.name != "devices":
            assert field.default == known[field.name], field.name


async def test_a_company_is_made_of_its_file_once(
    database: db.Database, master_key: MasterKey
) -> None:
    name = companies.new_name()
    text = companies.FULL.format(name=name)
    planned = await companies.plan(database, master_key, text)
    async with database.connection() as tx:
        with pytest.raises(errors.NotFound):
            await domains.by_name(tx, name)

    done = await companies.apply(database, master_key, text)

    assert done.changes == planned.changes
    assert {change.action for change in done.changes} == {"create"}
    assert (await companies.apply(database, master_key, text)).changes == []
    again = await companies.exported(database, name)
    assert (await companies.plan(database, master_key, again)).changes == []
    assert [(one.noun, one.name) for one in done.secrets] == [
        ("extension", "101"), ("device", "101 mobile"), ("user", "an"),
    ]  # fmt: skip
    for secret in ("a-carriers-word", "a-phones-word", "correct horse", "YTpi", "X-Tenant"):
        assert secret not in again
        assert secret not in repr(done.changes)


async def test_passwords_of_a_file_hold_for_what_was_there_before(
    database: db.Database, master_key: MasterKey
) -> None:
    name = companies.new_name()
    text = companies.FULL.format(name=name)
    await companies.apply(database, master_key, text)
    changed = text
    for before, after in (
        ("a-carriers-word", "another-word-of-it"),
        ("a-phones-word", "another-phones-word"),
        ("correct horse", "battery staple"),
        ("Basic YTpi", "Basic eDp5"),
        ("X-Tenant: an", "X-Tenant: binh"),
    ):
        assert before in changed
        changed = changed.replace(before, after)

    done = await companies.apply(database, master_key, changed)

    assert [(one.noun, one.name, one.after) for one in done.changes] == [
        ("trunk", "viettel", {"password": "***"}),
        ("extension", "102", {"password": "***"}),
        ("user", "binh", {"password": "***"}),
        ("subscription", "cdr https://crm.example.vn/cdr", {"callback_apikey": "***"}),
        ("subscription", "hangup https://crm.example.vn/hangup", {"callback_headers": "***"}),
    ]
    assert (await companies.apply(database, master_key, changed)).changes == []
    async with database.transaction() as tx:
        of = (await domains.by_name(tx, name)).domain_uuid
        assert await devices.has_password(tx, of, "102", "default", "another-phones-word")
        assert await trunks.has_password(tx, of, master_key, "viettel", "another-word-of-it")
        assert await users.has_password(tx, of, "binh", "battery staple")
        hooks = await subscriptions.list(tx, of, master_key)
    assert "Basic eDp5" in [one.callback_apikey for one in hooks]
    assert {"X-Tenant": "binh"} in [one.options.callback_headers for one in hooks]


async def test_numbers_move_and_what_is_not_in_a_section_goes(
    database: db.Database, master_key: MasterKey
) -> None:
    name = companies.new_name()
    await companies.apply(database, master_key, companies.FULL.format(name=name))
    moved = companies.minimal(
        name,
        "extensions: [{extension: 700, name: Trưa}, {extension: 103}]\n"
        "ring_groups: [{number: 101, members: [103, 700], overflow: 600}]\n"
        "queues: [{number: 600, agents: [700]}]\n"
        "hotlines: [{number: +84 1900 1919, trunk: spare, destination: 600}]\n",
    )

    done = await companies.apply(database, master_key, moved)

    assert [(one.action, one.noun, one.name) for one in done.changes] == [
        ("update", "hotline", "19001919"),
        ("delete", "hotline", "02873001234"),
        ("create", "extension", "700"),
        ("create", "extension", "103"),
        ("delete", "extension", "101"),
        ("delete", "extension", "102"),
        ("create", "ring_group", "101"),
        ("delete", "ring_group", "600"),
        ("create", "queue", "600"),
        ("delete", "queue", "700"),
    ]
    assert (await companies.apply(database, master_key, moved)).changes == []
    left = yaml_file.read(await companies.exported(database, name)).company
    assert len(left.trunks or ()) == 2, "a section that is not given stays"
    assert len(left.users or ()) == 2


async def test_what_others_changed_is_told_with_who_and_when(
    database: db.Database, master_key: MasterKey
) -> None:
    name = companies.new_name()
    text = companies.FULL.format(name=name)
    await companies.apply(database, master_key, text)
    async with database.transaction() as tx:
        await tx.execute("SET LOCAL tongdai.actor = 'user:binh'")
        of = (await domains.by_name(tx, name)).domain_uuid
        await ring_groups.change(tx, of, "600", {"strategy": "ring_all"})

    (drift,) = (await companies.plan(database, master_key, text)).changes

    assert (drift.noun, drift.name, drift.changed_by) == ("ring_group", "600", "user:binh")
    assert drift.changed_at is not None
    assert (drift.before, drift.after) == ({"strategy": "ring_all"}, {"strategy": "sequential"})


REFUSED = [
    ("extensions: [{extension: 101, colour: red}]", "extensions[0].colour", 3),
    ("extensions:\n  - extension: 101\n    max_calls: many", "extensions[0].max_calls", 5),
    ("extensions:\n  - name: Ánh", "extensions[0].extension", 4),
    ("extensions: [{extension: 101}, {extension: 101}]", "extensions[1]", 3),
    ("extensions: [{extension: 101, hotline: 1900}]", "extensions[0].hotline", 3),
    ("extensions: [{extension: 1}]", "extensions[0].extension", 3),
    ("extensions: [{extension: 101, ring_timeout_s: 4}]", "extensions[0].ring_timeout_s", 3),
    ("extensions: [{extension: 101, devices: [{}, {}]}]", "extensions[0].devices", 3),
    ("extensions: 101", "extensions", 3),
    ("extensions: [{extension: 101}]\nqueues: [{number: 101}]", "queues[0]", 4),
    ("queues:\n- number: 700\n  agents: [103]", "queues[0].agents", 5),
    ("queues: [{number: 700, overflow: 700}]", "queues[0].overflow", 3),
    ("ring_groups: [{number: 600, strategy: all}]", "ring_groups[0].strategy", 3),
    ("hotlines: [{number: 19001919, trunk: nobody}]", "hotlines[0].trunk", 3),
    ("trunks: [{name: a, auth: digest, host: h.vn, username: u}]", "trunks[0].password", 3),
    ("trunks: [{name: a, auth: ip, host: h.vn, addresses: [x]}]", "trunks[0].addresses", 3),
    ("users: [{username: an, scopes: [all]}]", "users[0].scopes[0]", 3),
    ("subscriptions: [{event: cdr, callback_url: ''}]", "subscriptions[0].callback_url", 3),
    ("rooms: []", "rooms", 3),
    ("extensions: []\nextensions: []", "extensions", 4),
    ("extensions: &all []\nqueues: *all", "queues", 4),
    ("extensions: [", "file", 4),
    ("extensions: [[[[[[[[[[]]]]]]]]]]", "extensions[0][0][0][0][0][0][0][0][0]", 3),
    ("---\ntongdai: 1", "file", 3),
]


@pytest.mark.parametrize(("rest", "path", "line"), REFUSED, ids=[one[0][:40] for one in REFUSED])
async def test_what_is_wrong_is_named_with_its_line_and_nothing_is_done(
    database: db.Database, master_key: MasterKey, rest: str, path: str, line: int
) -> None:
    name = companies.new_name()
    await companies.apply(database, master_key, companies.minimal(name))
    before = await companies.exported(database, name)

    def refuse(url: str) -> None:
        if not url:
            raise errors.Invalid("a URL is needed", field="callback_url")

    means = applying.Means(master_key=master_key, guard=refuse)
    with pytest.raises((errors.Invalid, errors.Conflict)) as refusal:
        async with database.transaction() as tx:
            await applying.apply(tx, yaml_file.read(companies.minimal(name, rest)), means)

    assert refusal.value.field == path
    assert refusal.value.text("en").endswith(f"(line {line})")
    assert f"(dòng {line})" in refusal.value.text("vi")
    assert await companies.exported(database, name) == before


@pytest.mark.parametrize("text", ["", "# nothing", "- 1", "tongdai: 2\ndomain: {name: a.vn}", "a"])
def test_what_is_no_company_file_is_refused(text: str) -> None:
    with pytest.raises(errors.Invalid):
        yaml_file.read(text)


async def test_what_is_in_use_elsewhere_stays(
    database: db.Database, master_key: MasterKey
) -> None:
    """The hotlines are not in the file, and lead to an extension that is to go."""
    name = companies.new_name()
    await companies.apply(database, master_key, companies.FULL.format(name=name))
    before = await companies.exported(database, name)
    rest = "extensions: [{extension: 102}]\nring_groups: [{number: 600}]\nqueues: []\n"

    with pytest.raises(errors.Conflict, match=r"700 is not in the file.*ring group 600"):
        await companies.apply(
            database,
            master_key,
            companies.minimal(name, "queues: []\nextensions: [{extension: 101}]"),
        )
    with pytest.raises(errors.Conflict, match=r"101 is not in the file.*hotline 02873001234"):
        await companies.apply(database, master_key, companies.minimal(name, rest))

    assert await companies.exported(database, name) == before


async def test_the_past_before_the_audit_log_is_not_guessed(
    database: db.Database, master_key: MasterKey
) -> None:
    domain = companies.new_name()
    before = datetime.now(UTC) - timedelta(seconds=1)
    await companies.apply(database, master_key, companies.FULL.format(name=domain))
    async with database.connection() as tx:
        of = (await domains.by_name(tx, domain)).domain_uuid
        moment = await tx.fetchval("SELECT now()")
        with pytest.raises(errors.Gone, match="since"):
            await applying.past(tx, of, before)
    await companies.apply(database, master_key, companies.minimal(domain, "users: []"))
    async with database.transaction() as tx:
        past = await applying.past(tx, of, moment)
        assert [one.username for one in past.users or ()] == ["an", "binh"]
        await tx.execute(
            "UPDATE audit_log SET before = NULL, after = NULL WHERE domain_uuid = $1", of
        )
        with pytest.raises(errors.Gone):
            await applying.past(tx, of, moment)
