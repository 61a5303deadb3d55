"""Reports by the API: their periods, lines and files."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from testbed.samples import record
from tests.api.conftest import Tenant
from tongdai.pbx.cdr import Cdr
from tongdai.store import cdrs, db, domains

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FIGURES = {
    "calls": 0,
    "answered": 0,
    "abandoned": 0,
    "busy": 0,
    "no_answer": 0,
    "overflowed": 0,
    "failed": 0,
    "answer_rate": None,
    "in_time": 0,
    "service_level": None,
    "wait_s": 0,
    "wait_avg_s": None,
    "wait_max_s": 0,
    "talk_s": 0,
    "talk_avg_s": None,
    "talk_max_s": 0,
}


async def write(database: db.Database, *records: Cdr) -> None:
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, records)


async def test_a_report_has_its_figures_and_their_rates(
    tenant: Tenant, database: db.Database
) -> None:
    own = tenant.domain.domain_uuid
    await write(
        database,
        record(own, "2021-02-17 17:30:00"),
        record(own, "2021-02-17 18:00:00", status="CANCEL", duration=25, billsec=0),
        record(own, "2021-02-18 09:00:00", direction=2, duration=90, billsec=60),
    )
    found = (
        await tenant.client.get(
            "/v1/reports/domain?by=day&start_date=2021-02-01&end_date=2021-02-28"
        )
    ).json
    day = {"name": None, "hour": None, "offset": None, "weekday": None}
    first = FIGURES | {
        "calls": 2,
        "answered": 1,
        "abandoned": 1,
        "answer_rate": 0.5,
        "in_time": 1,
        "service_level": 0.5,
        "wait_s": 33,
        "wait_avg_s": 16.5,
        "wait_max_s": 25,
        "talk_s": 3,
        "talk_avg_s": 3.0,
        "talk_max_s": 3,
    }
    assert found["data"][0] == first | day | {"day": "2021-02-17"}
    assert [one["day"] for one in found["data"]] == ["2021-02-17", "2021-02-18"]
    assert found["total"] == first | {
        "calls": 3,
        "answered": 2,
        "answer_rate": 0.6667,
        "service_level": 0.3333,
        "wait_s": 63,
        "wait_avg_s": 21.0,
        "wait_max_s": 30,
        "talk_s": 63,
        "talk_avg_s": 31.5,
        "talk_max_s": 60,
    }
    assert (found["of"], found["by"], found["time_zone"]) == ("domain", "day", str(ZONE))
    assert (found["start_date"], found["end_date"]) == ("2021-02-01", "2021-02-28")
    assert "compared" not in found


async def test_a_report_is_compared_with_the_period_before_and_the_year_before(
    tenant: Tenant, database: db.Database
) -> None:
    own = tenant.domain.domain_uuid
    await write(
        database,
        record(own, "2021-02-22 12:00:00"),
        record(own, "2021-02-21 23:59:59"),
        record(own, "2021-02-21 12:00:00"),
        record(own, "2020-02-24 12:00:00"),
    )
    week = "/v1/reports/domain?start_date=2021-02-22&end_date=2021-02-28"
    found = (await tenant.client.get(f"{week}&compare=previous")).json
    assert found["total"]["calls"] == 1
    assert found["compared"]["total"]["calls"] == found["compared"]["data"][0]["calls"] == 2
    assert found["compared"]["start_date"] == "2021-02-15"
    assert found["compared"]["end_date"] == "2021-02-21"
    found = (await tenant.client.get(f"{week}&compare=year")).json
    assert found["compared"]["start_date"] == "2020-02-24"  # a Monday too
    assert found["compared"]["total"]["calls"] == 1


async def test_an_hour_that_comes_twice_has_two_lines(
    tenant: Tenant, database: db.Database
) -> None:
    own = tenant.domain.domain_uuid
    async with database.transaction() as tx:
        await domains.update(tx, replace(tenant.domain, time_zone="America/New_York"))
    await write(
        database,
        record(own, "2021-11-07 12:30:00"),  # 05:30 UTC
        record(own, "2021-11-07 13:30:00"),
    )
    found = (
        await tenant.client.get(
            "/v1/reports/domain?by=hour&start_date=2021-11-07&end_date=2021-11-07"
        )
    ).json["data"]
    assert [(one["day"], one["hour"], one["offset"]) for one in found] == [
        ("2021-11-07", 1, "-04:00"),
        ("2021-11-07", 1, "-05:00"),
    ]
    heat = (
        await tenant.client.get(
            "/v1/reports/domain?by=heat&start_date=2021-11-07&end_date=2021-11-07"
        )
    ).json["data"]
    assert [(one["weekday"], one["hour"], one["calls"]) for one in heat] == [(7, 1, 2)]


async def test_a_period_that_is_not_given_is_the_last_thirty_days(
    tenant: Tenant, database: db.Database
) -> None:
    now = datetime.now(ZONE)
    own = tenant.domain.domain_uuid
    ago = [f"{now - timedelta(days=days):%Y-%m-%d} 00:00:00" for days in (0, 29, 30)]
    await write(database, *(record(own, began) for began in ago))
    found = (await tenant.client.get("/v1/reports/domain")).json
    assert found["total"]["calls"] == 2
    assert found["by"] == "name"
    since = f"start_date={ago[2][:10]}"
    found = (await tenant.client.get(f"/v1/reports/domain?{since}")).json
    assert found["total"]["calls"] == 3


async def test_days_whose_records_have_expired_are_not_shown(
    tenant: Tenant, database: db.Database
) -> None:
    own, now = tenant.domain.domain_uuid, datetime.now(ZONE)
    ago = [f"{now - timedelta(days=days):%Y-%m-%d} 12:00:00" for days in (5, 6)]
    await write(database, *(record(own, began) for began in ago))
    async with database.transaction() as tx:
        known = await domains.get(tx, own)
        await domains.update(tx, replace(known, cdr_days=5))
    found = (await tenant.client.get("/v1/reports/domain")).json
    assert found["total"]["calls"] == 1


async def test_lines_come_as_a_file(tenant: Tenant, database: db.Database) -> None:
    await write(
        database,
        record(tenant.domain.domain_uuid, "2021-02-17 17:30:00", trunk="=viettel"),
    )
    answer = await tenant.client.get(
        "/v1/reports/trunk?start_date=2021-02-17&end_date=2021-02-17",
        headers={"Accept": "text/csv"},
    )
    heading, line = answer.body.decode("utf-8-sig").split()
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert heading.split(",") == ["name", "day", "hour", "offset", "weekday", *FIGURES]
    assert line == "'=viettel,,,,,1,1,0,0,0,0,0,1.0,1,1.0,8,8.0,8,3,3.0,3"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("start_date=x", "start_date"),
        ("end_date=2021-02-29", "end_date"),
        ("start_date=2021-02-18&end_date=2021-02-17", "end_date"),
        ("start_date=2015-01-01&end_date=2021-02-17", "start_date"),
        ("by=hour&start_date=2021-01-01&end_date=2021-12-31", "start_date"),
        ("by=minute", "by"),
        ("direction=sideways", "direction"),
        ("compare=last", "compare"),
    ],
)
async def test_what_is_wrong_is_named(tenant: Tenant, asked: str, field: str) -> None:
    refused = await tenant.client.get(f"/v1/reports/domain?{asked}", expect=422)
    assert refused.json["field"] == field


async def test_there_is_no_report_of_other_things(tenant: Tenant) -> None:
    await tenant.client.get("/v1/reports/planets", expect=404)


async def test_the_first_days_of_all_have_none_before_them(tenant: Tenant) -> None:
    found = await tenant.client.get(
        "/v1/reports/domain?start_date=0001-01-01&end_date=0001-01-02&compare=year"
    )
    assert found.json["compared"]["start_date"] == "0001-01-01"
