"""Domains on a real PostgreSQL."""

import asyncio

import msgspec
import pytest

from testbed.samples import record
from tests.store.locks import someone_waits
from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import cdrs, db, domains, extensions, hotlines, ring_groups, trunks


async def test_a_domain_comes_back_as_it_was_made(database: db.Database) -> None:
    async with database.transaction() as tx:
        made = await domains.insert(
            tx,
            "as-made.example.vn",
            time_zone="Europe/Paris",
            country_code="33",
            call_id_mode="conversation",
            recording=False,
            recording_days=90,
            max_calls=7,
            enabled=False,
        )
        assert made == directory.Domain(
            domain_uuid=made.domain_uuid,
            name="as-made.example.vn",
            enabled=False,
            time_zone="Europe/Paris",
            country_code="33",
            call_id_mode="conversation",
            recording=False,
            recording_days=90,
            max_calls=7,
        )
        assert made == await domains.get(tx, made.domain_uuid)
        assert made == await domains.by_name(tx, "As-Made.EXAMPLE.vn")
        assert made in await domains.list(tx)


async def test_defaults_are_those_of_the_struct(domain: directory.Domain) -> None:
    assert domain == directory.Domain(domain.domain_uuid, domain.name)


@pytest.mark.parametrize(
    "name",
    ["", "UPPER.vn", "a b", "a;b", "a\nb", "tổngđài.vn", "-a", "a..b", ".a", "a" * 255, "a/b"],
)
async def test_a_name_that_is_no_dns_name_is_refused(database: db.Database, name: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        async with database.transaction() as tx:
            await domains.insert(tx, name)

    assert refused.value.field == "name"


@pytest.mark.parametrize(
    "zone", ["", "Hanoi", "../etc/passwd", "Asia/Ho_Chi_Minh\n", "asia/ho_chi_minh"]
)
async def test_an_unknown_time_zone_is_refused(
    database: db.Database, domain: directory.Domain, zone: str
) -> None:
    with pytest.raises(errors.Invalid) as refused:
        async with database.transaction() as tx:
            await domains.update(tx, msgspec.structs.replace(domain, time_zone=zone))

    assert refused.value.field == "time_zone"


@pytest.mark.parametrize(
    ("field", "value"), [("country_code", "+84"), ("max_calls", 0), ("recording_days", -1)]
)
async def test_wrong_values_name_their_field(
    database: db.Database, domain: directory.Domain, field: str, value: object
) -> None:
    with pytest.raises(errors.Invalid) as refused:
        async with database.transaction() as tx:
            await domains.update(tx, msgspec.structs.replace(domain, **{field: value}))

    assert refused.value.field == field


async def test_a_name_is_taken_once(database: db.Database, domain: directory.Domain) -> None:
    with pytest.raises(errors.Conflict) as refused:
        async with database.transaction() as tx:
            await domains.insert(tx, domain.name)

    assert refused.value.field == "name"


async def test_an_update_changes_all_but_the_name(
    database: db.Database, domain: directory.Domain
) -> None:
    changed = directory.Domain(
        domain_uuid=domain.domain_uuid,
        name=domain.name,
        enabled=False,
        time_zone="Asia/Tokyo",
        country_code="81",
        call_id_mode="conversation",
        recording=False,
        recording_days=30,
        max_calls=5,
    )
    async with database.transaction() as tx:
        await domains.update(tx, msgspec.structs.replace(changed, name="another.example.vn"))

        assert changed == await domains.get(tx, domain.domain_uuid)


async def test_what_is_not_there_is_not_found(database: db.Database) -> None:
    nobody = directory.Domain(ids.new(), "nobody.example.vn")
    async with database.connection() as tx:
        for attempt in (
            domains.get(tx, nobody.domain_uuid),
            domains.by_name(tx, nobody.name),
            domains.update(tx, nobody),
            domains.delete(tx, nobody.domain_uuid),
        ):
            with pytest.raises(errors.NotFound):
                await attempt


async def days(tx: db.Tx, domain: directory.Domain) -> list[tuple[str, int, str, int]]:
    rows = await tx.fetch(
        "SELECT day, direction, status, calls FROM cdr_days WHERE domain_uuid = $1 ORDER BY day",
        domain.domain_uuid,
    )
    return [(str(row["day"]), row["direction"], row["status"], row["calls"]) for row in rows]


async def test_a_new_time_zone_recounts_the_days(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        other = await domains.insert(tx, "other-days.example.vn")
        # in Vietnam; 01:30 on the 18th in Tokyo
        for started in ("2021-02-17 23:30:00", "2021-02-17 12:00:00"):
            await cdrs.insert_many(
                tx, [record(domain.domain_uuid, started), record(other.domain_uuid, started)]
            )
        assert await days(tx, domain) == [("2021-02-17", 3, "ANSWERED", 2)]

        await domains.update(tx, msgspec.structs.replace(domain, time_zone="Asia/Tokyo"))

        assert await days(tx, domain) == [
            ("2021-02-17", 3, "ANSWERED", 1),
            ("2021-02-18", 3, "ANSWERED", 1),
        ]
        assert await days(tx, other) == [("2021-02-17", 3, "ANSWERED", 2)]


async def test_calls_that_end_while_the_days_are_recounted_are_counted_once(
    database: db.Database, domain: directory.Domain
) -> None:
    late = record(domain.domain_uuid, "2021-02-17 23:30:00")

    async def write() -> None:
        async with database.transaction() as tx:
            await cdrs.insert_many(tx, [late])

    async with database.transaction() as tx:
        await domains.update(tx, msgspec.structs.replace(domain, time_zone="Asia/Tokyo"))
        writing = asyncio.create_task(write())
        await someone_waits(database)
    await writing

    async with database.connection() as tx:
        assert await days(tx, domain) == [("2021-02-18", 3, "ANSWERED", 1)]


async def test_the_country_code_stays_once_numbers_are_stored(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(name="carrier", auth="ip", host="203.0.113.7")
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await hotlines.insert(tx, domain.domain_uuid, "02873001234", trunk.trunk_uuid)

    with pytest.raises(errors.Conflict) as refused:
        async with database.transaction() as tx:
            await domains.update(tx, msgspec.structs.replace(domain, country_code="66"))
    assert refused.value.field == "country_code"


async def test_a_domain_goes_to_no_country_whose_emergency_number_is_taken(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await extensions.insert(tx, domain.domain_uuid, directory.Extension("999"))
        with pytest.raises(errors.Conflict, match="999") as refused:
            await domains.update(tx, msgspec.structs.replace(domain, country_code="44"))
        assert refused.value.field == "country_code"
        await domains.update(tx, msgspec.structs.replace(domain, country_code="49"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"country_code": "999"}, "country_code"),
        ({"country_code": "881"}, "country_code"),
        ({"country_code": "+84"}, "country_code"),
        ({"region": "CA"}, "region"),
        ({"region": "vn"}, "region"),
    ],
)
async def test_a_country_that_there_is_not(
    database: db.Database, domain: directory.Domain, changes: dict[str, str], field: str
) -> None:
    async with database.transaction() as tx:
        with pytest.raises(errors.Invalid) as refused:
            await domains.update(tx, msgspec.structs.replace(domain, **changes))
        assert refused.value.field == field


async def test_a_region_of_a_shared_country_code(database: db.Database) -> None:
    async with database.transaction() as tx:
        made = await domains.insert(tx, "ca.example.vn", country_code="1", region="CA")
        assert (made.country, made.country_code) == ("CA", "1")
        await domains.update(tx, msgspec.structs.replace(made, region=""))
        assert (await domains.get(tx, made.domain_uuid)).country == "1"


async def test_a_deleted_domain_takes_everything_along(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(name="carrier", auth="ip", host="203.0.113.7")
    async with database.transaction() as tx:
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await extensions.insert(tx, domain.domain_uuid, directory.Extension("101"))
        await ring_groups.insert(
            tx, domain.domain_uuid, directory.RingGroup("600", members=("101",), overflow="101")
        )
        await hotlines.insert(
            tx, domain.domain_uuid, "02873001234", trunk.trunk_uuid, destination="600"
        )
        await cdrs.insert_many(tx, [record(domain.domain_uuid)])

    async with database.transaction() as tx:
        await domains.delete(tx, domain.domain_uuid)

    async with database.connection() as tx:
        tables = await tx.fetch(
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'domain_uuid'"
            " AND table_name <> 'audit_log'"  # it outlives what it is about
        )
        assert len(tables) > 10
        for table in tables:
            left = await tx.fetchval(
                f'SELECT count(*) FROM "{table["table_name"]}" WHERE domain_uuid = $1',  # noqa: S608 - from the catalogue
                domain.domain_uuid,
            )
            assert left == 0, table["table_name"]


async def test_a_domain_with_live_calls_stays(
    database: db.Database, domain: directory.Domain
) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO calls (domain_uuid, call_uuid, node, state, started_at) VALUES ($1, $2, "
            "'n', '', now())",
            domain.domain_uuid,
            ids.new(),
        )

    with pytest.raises(errors.Conflict, match="1 calls are live"):
        async with database.transaction() as tx:
            await domains.delete(tx, domain.domain_uuid)


async def test_a_domain_whose_trunk_others_use_stays(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> None:
    trunk = trunks.Trunk(name="shared", auth="ip", host="203.0.113.7", shared=True)
    async with database.transaction() as tx:
        borrower = await domains.insert(tx, "borrower.example.vn")
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        await hotlines.insert(tx, borrower.domain_uuid, "02873009999", trunk.trunk_uuid)

    with pytest.raises(errors.Conflict):
        async with database.transaction() as tx:
            await domains.delete(tx, domain.domain_uuid)
    async with database.transaction() as tx:
        await domains.delete(tx, borrower.domain_uuid)
        await domains.delete(tx, domain.domain_uuid)
