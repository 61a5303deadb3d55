"""Call detail records as the reference has them, and every filter."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from msgspec.structs import replace

from testbed.samples import record, recorded
from tests.api.conftest import Client, Tenant, move_in
from tongdai import ids
from tongdai.encryption import MasterKey
from tongdai.pbx import cdr
from tongdai.store import cdrs, db

DOCUMENTED = {
    "id",
    "sip_call_id",
    "cause",
    "duration",
    "direction",
    "recording_url",
    "extension",
    "from_number",
    "to_number",
    "receive_dest",
    "time_started",
    "time_answered",
    "time_ended",
    "status",
}


async def write(database: db.Database, *records: cdr.Cdr) -> None:
    async with database.transaction() as tx:
        await cdrs.insert_many(tx, records)


@pytest.fixture
async def calls(database: db.Database, tenant: Tenant) -> Sequence[cdr.Cdr]:
    """Six calls, newest first."""
    domain = tenant.domain.domain_uuid
    records = [
        record(
            domain,
            "2021-02-20 08:00:00",
            direction=2,
            extension="102",
            from_number="0911222333",
            from_canonical="84911222333",
            to_number="102",
            to_canonical="102",
            status="ANSWERED",
            duration=60,
        ),
        record(
            domain,
            "2021-02-19 23:59:59",
            direction=1,
            extension="101",
            from_number="101",
            from_canonical="101",
            to_number="103",
            to_canonical="103",
            status="CANCEL",
            cause="ORIGINATOR_CANCEL",
            time_answered=None,
        ),
        record(
            domain,
            "2021-02-19 00:00:00",
            status="NO-ANSWERED",
            cause="NO_ANSWER",
            time_answered=None,
        ),
        record(
            domain,
            "2021-02-18 17:20:58",
            status="BUSY",
            cause="USER_BUSY",
            duration=7,
            billsec=0,
            time_answered=None,
        ),
        replace(recorded(domain, "2021-02-18 17:20:57"), extension="103"),
        replace(recorded(domain, "2021-02-17 17:30:35"), customer_id="C-1"),
    ]
    await write(database, *records)
    return records


async def test_callers_who_withheld_their_number_can_be_looked_for(
    client: Client, database: db.Database, tenant: Tenant
) -> None:
    hidden = record(
        tenant.domain.domain_uuid, "2021-02-18 12:00:00",
        from_number="anonymous", from_canonical="anonymous",
    )  # fmt: skip
    await write(database, hidden)
    for text in ("anonymous", "Anonymous"):
        found = (await client.get(f"/v1/cdr?phone={text}")).json["data"]
        assert [one["id"] for one in found] == [str(hidden.cdr_uuid)]


async def test_one_record_is_the_documented_flat_object(
    client: Client, calls: Sequence[cdr.Cdr]
) -> None:
    """With the values of the reference's example."""
    one = calls[-1]
    assert one.recording
    answer = (await client.get(f"/v1/cdr/{one.cdr_uuid}")).json

    assert set(answer) >= DOCUMENTED
    assert {
        "id": str(one.cdr_uuid),
        "sip_call_id": one.sip_call_id,
        "cause": "NORMAL_CLEARING",
        "duration": 11,
        "direction": 3,
        "recording_url": f"http://pbx.example.vn/recordings/{one.recording.token}",
        "extension": "101",
        "from_number": "19001919",
        "to_number": "0899888999",
        "receive_dest": "",
        "time_started": "2021-02-17 17:30:35",
        "time_answered": "2021-02-17 17:30:43",
        "time_ended": "2021-02-17 17:30:46",
        "status": "ANSWERED",
        "billsec": 3,
        "hotline": "19001919",
        "conversation_id": str(one.cdr_uuid),
        "call_id": str(one.call_id),
        "customer_id": "C-1",
        "recording_status": "ready",
        "hangup_by": "caller",
        "time_ringging": "2021-02-17 17:30:36",
        "called_count": 1,
        "participants": [],
        "trunk": "",
        "sip_status": 0,
        "routed_by": [],
        "recording_pauses": [],
        "recording_format": "wav",
        "recording_channels": 0,
        "recording_seconds": 3.0,
        "recording_sha256": "",
    } == answer


async def test_what_did_not_happen_is_an_empty_text(
    client: Client, calls: Sequence[cdr.Cdr]
) -> None:
    answer = (await client.get(f"/v1/cdr/{calls[3].cdr_uuid}")).json

    assert (
        answer["time_answered"],
        answer["recording_url"],
        answer["status"],
        answer["duration"],
    ) == ("", "", "BUSY", 7)


@pytest.mark.parametrize(
    ("status", "has_url"), [("none", False), ("pending", True), ("ready", True), ("failed", False)]
)
async def test_a_record_points_to_no_recording_that_will_not_be(
    client: Client, tenant: Tenant, database: db.Database, *, status: str, has_url: bool
) -> None:
    one = recorded(tenant.domain.domain_uuid, status=status)
    await write(database, one)

    assert has_url == bool((await client.get(f"/v1/cdr/{one.cdr_uuid}")).json["recording_url"])


async def test_it_is_found_by_any_of_its_ids(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    leg, call_id = ids.new(), "a/b%c?d@10.0.0.1:5060"
    one = record(
        tenant.domain.domain_uuid,
        sip_call_id=call_id,
        other_ids=(leg,),
        other_sip_call_ids=("leg-2@phone",),
    )
    await write(database, one)

    for name in (str(one.cdr_uuid), str(one.call_id), call_id, str(leg), "leg-2@phone"):
        for tail in ("", "/"):
            assert (
                str(one.cdr_uuid)
                == (await client.get(f"/v1/cdr/{quote(name, safe='')}{tail}")).json["id"]
            )


@pytest.mark.parametrize(
    "name", ["01b7d166-b564-42ec-80a1-4ad343225934", "nobody@phone", "%00", "..%2f..%2fetc", "%ff"]
)
async def test_what_is_not_there_is_404(client: Client, name: str) -> None:
    answer = await client.get(f"/v1/cdr/{name}", expect=404)

    assert answer.json == {"status": "fail", "error": "NOT_FOUND", "message": "Not found."}


async def listed(client: Client, query: str) -> list[UUID]:
    return [UUID(one["id"]) for one in (await client.get(f"/v1/cdr?{query}")).json["data"]]


FILTERS = {
    "": [0, 1, 2, 3, 4, 5],
    "start_date=2021-02-19": [0, 1, 2],
    "end_date=2021-02-19": [1, 2, 3, 4, 5],
    "end_date=2021-02-19 00:00:00": [2, 3, 4, 5],
    "start_date=2021-02-18 17:20:58&end_date=2021-02-18 17:20:58": [3],
    "start_date=2021-02-18T17:20:58&end_date=2021-02-18T17:20:59": [3],
    "start_date=2021-02-18%2017:20:57&end_date=2021-02-18": [3, 4],
    "start_date=2021-02-18T10:20:58Z&end_date=2021-02-18T17:20:58.5%2B07:00": [3],
    "start_date=2021-02-18+17:20:58&end_date=2021-02-19": [1, 2, 3],
    "start_date=2021-02-18&end_date=2021-02-18_17:20:58": [3, 4],
    "start_date=0001-01-01&end_date=9999-12-31": [0, 1, 2, 3, 4, 5],
    "start_date=2021-02-20&end_date=2021-02-17": [],
    "duration=60": [0],
    "duration=60&duration=7": [0, 3],
    "extension=101": [1, 2, 3, 5],
    "extension=103": [1, 4],
    "extension=102&extension=103": [0, 1, 4],
    "status=ANSWERED": [0, 4, 5],
    "status=answered&status=BUSY": [0, 3, 4, 5],
    "status=NO-ANSWERED": [2],
    "phone=0899888999": [2, 3, 4, 5],
    "phone=%2B84899888999": [2, 3, 4, 5],
    "phone=+84899888999": [2, 3, 4, 5],
    "phone=0899.888.999": [2, 3, 4, 5],
    "phone=899888999": [2, 3, 4, 5],
    "phone=tel:%2B84-899-888-999": [2, 3, 4, 5],
    "phone=%E2%80%AA0899%E2%80%91888/999%E2%80%AC": [2, 3, 4, 5],
    "phone=anonymous": [],
    "phone=0911222333": [0],
    "phone=0911222333&phone=84899888999": [0, 2, 3, 4, 5],
    "phone=19001919": [2, 3, 4, 5],
    "direction=outbound": [2, 3, 4, 5],
    "direction=3": [2, 3, 4, 5],
    "direction=Inbound": [0],
    "direction=local&direction=2": [0, 1],
    "min_duration=8": [0, 1, 2, 4, 5],
    "min_duration=11&min_duration=12": [0],
    "hotline=19001919&status=BUSY": [3],
    "hotline=19001900": [],
    "start_date_ended=2021-02-19 00:00:10": [0, 1, 2],
    "start_date_ended=2021-02-20&end_date_ended=2021-02-20": [0, 1],
    "end_date_ended=2021-02-18": [3, 4, 5],
    "end_date_ended=2021-02-17 17:30:46": [5],
    "extension[]=102&extension[]=103": [0, 1, 4],
    "extension[0]=102&extension[1]=103": [0, 1, 4],
    "status%5B%5D=answered&status%5B%5D=BUSY": [0, 3, 4, 5],
    "status[0]=BUSY&status=CANCEL": [1, 3],
    "status=NO ANSWER": [2],
    "status=no-answer": [2],
    "status=busy-line": [3],
    "status=busyline&status=cancelled": [1, 3],
    "status=FAILED": [],
    "status=UNKNOWN": [],
    "status=voicemail": [],
    "status=voicemail&status=BUSY": [3],
    "extension=101&status=BUSY&direction=outbound&phone=0899888999&duration=7"
    "&start_date=2021-02-18": [3],
    "extension=&status=&page_size=7&unknown=1": [0, 1, 2, 3, 4, 5],
}


@pytest.mark.parametrize("query", FILTERS)
async def test_filters(client: Client, calls: Sequence[cdr.Cdr], query: str) -> None:
    expected = [calls[index].cdr_uuid for index in FILTERS[query]]
    page = (await client.get(f"/v1/cdr?{query}&page=1&limit=500")).json

    assert expected == await listed(client, query)
    assert (expected, len(expected)) == ([UUID(one["id"]) for one in page["data"]], page["total"])


@pytest.mark.parametrize(
    "form", ["{0}", "{0}.wav", "{0}.mp3", "http://pbx.example.vn/recordings/{0}", "/x/{0}.wav"]
)
async def test_the_recordingfile_filter_takes_whatever_one_has(
    client: Client, calls: Sequence[cdr.Cdr], form: str
) -> None:
    assert calls[5].recording
    name = quote(form.format(calls[5].recording.token), safe="")

    assert [calls[5].cdr_uuid] == await listed(client, f"recordingfile={name}")
    assert await listed(client, "recordingfile=abcd.mp3") == []


WRONG = {
    "start_date=yesterday": "start_date",
    "end_date=2021-02-30": "end_date",
    "start_date=2021-02-18 25:00:00": "start_date",
    "duration=long": "duration",
    "duration=-1": "duration",
    "duration=99999999999": "duration",
    "extension=1 or 1=1": "extension",
    "status=HAPPY": "status",
    "phone=abc": "phone",
    "phone=' OR 1=1 --": "phone",
    "direction=4": "direction",
    "direction=sideways": "direction",
    "recordingfile=/": "recordingfile",
    "recordingfile=a%00b": "recordingfile",
    "page=0": "page",
    "page=x": "page",
    "page=99999999999999999999": "page",
    "limit=0": "limit",
    "limit=501": "limit",
    "limit=-5": "limit",
    "offset=-1": "offset",
    "offset=x": "offset",
    "min_duration=x": "min_duration",
    "hotline=abc": "hotline",
    "start_date_ended=yesterday": "start_date_ended",
    "end_date_ended=2021-02-30": "end_date_ended",
    "extension[]=x": "extension",
    "scroll_id=x": "scroll_id",
    "extension=101" + "&extension=1" * 100: "extension",
    "extension=" + "&extension=" * 100: "extension",
}


@pytest.mark.parametrize("query", WRONG)
async def test_a_wrong_filter_is_named(client: Client, query: str) -> None:
    answer = await client.get(f"/v1/cdr?{query}", expect=422)

    assert WRONG[query] == answer.json["field"]
    assert answer.json["error"] == (
        "INVALID_PHONE" if WRONG[query] in ("phone", "hotline") else "INVALID_FIELD"
    )


async def test_scroll_is_the_default(client: Client, calls: Sequence[cdr.Cdr]) -> None:
    for path in ("/v1/cdr", "/v1/cdr?", "/v1/cdr/", "/v1/cdr/?"):
        assert {"data", "scroll_id"} == set((await client.get(path)).json)


async def test_page_or_limit_give_pages(client: Client, calls: Sequence[cdr.Cdr]) -> None:
    first = (await client.get("/v1/cdr?page=1&limit=4")).json
    second = (await client.get("/v1/cdr?page=2&limit=4")).json
    beyond = (await client.get("/v1/cdr?page=3&limit=4")).json

    assert [{"data", "limit", "page", "total"}] * 3 == [set(first), set(second), set(beyond)]
    assert [(one["limit"], one["page"], one["total"]) for one in (first, second, beyond)] == [
        (4, 1, 6),
        (4, 2, 6),
        (4, 3, 6),
    ]
    assert [str(one.cdr_uuid) for one in calls] == [
        one["id"] for one in first["data"] + second["data"]
    ]
    assert beyond["data"] == []
    assert (await client.get("/v1/cdr?page=1")).json == first | {
        "data": first["data"] + second["data"],
        "limit": 10,
    }
    assert (await client.get("/v1/cdr?limit=4")).json == first
    assert (await client.get("/v1/cdr?page=1000000000&limit=500")).json["data"] == []


async def test_offset_counts_records_and_is_stronger_than_page(
    client: Client, calls: Sequence[cdr.Cdr]
) -> None:
    """A loop by offset reads each record once, and ends."""
    got, offset = list[str](), 0
    while True:
        answer = (await client.get(f"/v1/cdr?limit=4&offset={offset}&page=1")).json
        assert (answer["offset"], answer["total"], answer["limit"]) == (offset, 6, 4)
        if not answer["data"]:
            break
        got += [one["id"] for one in answer["data"]]
        offset += len(answer["data"])

    assert got == [str(one.cdr_uuid) for one in calls]
    third = (await client.get("/v1/cdr?offset=2&limit=1")).json
    assert [one["id"] for one in third["data"]] == [str(calls[2].cdr_uuid)]
    assert third["page"] == 3
    assert (await client.get("/v1/cdr?offset=0")).json["data"] == (
        await client.get("/v1/cdr?page=1")
    ).json["data"]


async def scroll(client: Client, query: str) -> list[Any]:
    """All that scrolling gives, a list for each answer that has records."""
    answer = (await client.get(f"/v1/cdr?{query}")).json
    got = []
    while answer["scroll_id"]:
        got.append(answer["data"])
        answer = (await client.get(f"/v1/cdr?scroll_id={answer['scroll_id']}")).json
    assert answer == {"data": [], "scroll_id": ""}
    return got


@pytest.mark.parametrize("ends_by", ["data", "scroll_id"])
@pytest.mark.parametrize("limit", [2, 3, 4, 6, 500])
async def test_every_kind_of_loop_ends_with_each_record_once(
    client: Client, calls: Sequence[cdr.Cdr], ends_by: str, limit: int
) -> None:
    """Until there is no data, or until the scroll_id is empty; the first one is sent empty, as
    such loops do.
    """
    got, scroll_id = list[str](), ""
    for _ in range(10):
        query = f"/v1/cdr?scroll_id={scroll_id}&limit={limit}"
        answer = (await client.get(query)).json
        got += [one["id"] for one in answer["data"]]
        scroll_id = answer["scroll_id"]
        assert bool(scroll_id) == bool(answer["data"])
        if not answer[ends_by]:
            break
    else:
        pytest.fail("the loop has no end")

    assert got == [str(one.cdr_uuid) for one in calls]


async def test_a_list_without_records_has_no_scroll_id(client: Client) -> None:
    assert (await client.get("/v1/cdr")).json == {"data": [], "scroll_id": ""}


async def test_scrolling_keeps_its_filters_and_ends_with_an_empty_id(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    records = [
        record(tenant.domain.domain_uuid, f"2021-02-17 10:00:{second:02}") for second in range(30)
    ]
    others = [
        record(tenant.domain.domain_uuid, "2021-02-17 10:00:05", status="BUSY") for _ in range(15)
    ]
    await write(database, *records, *others)

    got = await scroll(client, "status=ANSWERED")
    assert [len(one) for one in got] == [10, 10, 10]
    assert [str(one.cdr_uuid) for one in reversed(records)] == [
        one["id"] for part in got for one in part
    ]
    assert [len(one) for one in await scroll(client, "status=ANSWERED&scroll_id=&limit=20")] == [
        20,
        10,
    ]


async def test_calls_that_arrive_meanwhile_are_neither_repeated_nor_in_the_way(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    records = [
        record(tenant.domain.domain_uuid, f"2021-02-17 10:00:{second:02}") for second in range(20)
    ]
    await write(database, *records)
    first = (await client.get("/v1/cdr")).json
    await write(
        database, *(record(tenant.domain.domain_uuid, "2021-02-18 10:00:00") for _ in range(5))
    )
    second = (await client.get(f"/v1/cdr?scroll_id={first['scroll_id']}")).json
    end = (await client.get(f"/v1/cdr?scroll_id={second['scroll_id']}")).json

    assert [str(one.cdr_uuid) for one in reversed(records)] == [
        one["id"] for one in first["data"] + second["data"]
    ]
    assert end == {"data": [], "scroll_id": ""}


async def test_a_long_scroll_under_change_misses_and_repeats_nothing(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    """Calls end all the while: later and earlier ones, and some that began in the very seconds
    that are being read.
    """
    chance = random.Random(20210217)  # noqa: S311 the same calls at every run
    domain = tenant.domain.domain_uuid

    def some(count: int) -> list[cdr.Cdr]:
        return [
            record(domain, f"2021-02-17 {10 + chance.randrange(3)}:00:{chance.randrange(60):02}")
            for _ in range(count)
        ]

    there = some(3000)
    await write(database, *there)
    answer = (await client.get("/v1/cdr?scroll_id=&limit=75")).json
    seen = [one["id"] for one in answer["data"]]
    while answer["scroll_id"]:
        answer, _ = await asyncio.gather(
            going_on(client, answer["scroll_id"]), write(database, *some(5))
        )
        seen += [one["id"] for one in answer["data"]]

    assert len(seen) == len(set(seen))
    assert {str(one.cdr_uuid) for one in there} <= set(seen)


async def going_on(client: Client, scroll_id: str) -> Any:
    return (await client.get(f"/v1/cdr?scroll_id={scroll_id}")).json


async def test_a_scroll_id_is_good_only_untouched_and_at_home(
    client: Client, tenant: Tenant, database: db.Database, master_key: MasterKey
) -> None:
    await write(database, *(record(tenant.domain.domain_uuid) for _ in range(11)))
    good = (await client.get("/v1/cdr")).json["scroll_id"]
    stranger = await move_in(database, master_key, client._session)
    await client.get(f"/v1/cdr?scroll_id={good.rstrip('=')}")

    bad = [
        good[:index] + ("A" if good[index] != "A" else "B") + good[index + 1 :]
        for index in range(len(good) - 3)
    ]
    for text in (*bad[::7], good[:-8], good[:20], good + "AAAA", "=", "%C3%A9"):
        assert (await client.get(f"/v1/cdr?scroll_id={text}", expect=422)).json[
            "field"
        ] == "scroll_id"
    assert (await stranger.client.get(f"/v1/cdr?scroll_id={good}", expect=422)).json[
        "field"
    ] == "scroll_id"


async def test_times_are_those_of_the_domain(
    client: Client, database: db.Database, master_key: MasterKey
) -> None:
    berlin = await move_in(database, master_key, client._session, time_zone="Europe/Berlin")
    one = record(berlin.domain.domain_uuid, "2021-02-18 05:00:00")
    await write(database, one)

    assert (await berlin.client.get(f"/v1/cdr/{one.cdr_uuid}")).json[
        "time_started"
    ] == "2021-02-17 23:00:00"
    assert [one.cdr_uuid] == await listed(
        berlin.client, "start_date=2021-02-17&end_date=2021-02-17"
    )
    assert await listed(berlin.client, "start_date=2021-02-18") == []


async def test_the_head_alone(tenant: Tenant, database: db.Database) -> None:
    one = record(tenant.domain.domain_uuid)
    await write(database, one)
    for path in ("/v1/cdr", "/v1/cdr?limit=1", f"/v1/cdr/{one.cdr_uuid}"):
        whole, head = await tenant.client.get(path), await tenant.client.ask("HEAD", path)
        assert head.body == b""
        assert head.headers["Content-Length"] == whole.headers["Content-Length"]


async def test_a_slash_at_the_end_of_the_path_is_none(client: Client) -> None:
    assert (await client.get("/v1/cdr/")).json == (await client.get("/v1/cdr")).json
