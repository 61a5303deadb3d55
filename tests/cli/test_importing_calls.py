"""Call records of other systems: each comes once, is counted in its day, and tells nobody."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.cli.test_importing import cli, fusionpbx
from tests.test_cli import Cli
from tongdai.store import db, domains

__all__ = ["cli", "fusionpbx"]  # fixtures
Result = TypeVar("Result")
SOURCE = "old.example.vn"
# as FreePBX's module cdr 16.0.46.21 writes them
COLUMNS = (
    "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,"
    "disposition,amaflags,accountcode,uniqueid,userfield,did,cnum,cnam,outbound_cnum,"
    "outbound_cnam,dst_cnam,recordingfile,linkedid,peeraccount,sequence"
)


def freepbx(**given: str) -> str:
    """A row with these values, the others empty."""
    values = dict.fromkeys(COLUMNS.split(","), "") | given
    return ",".join(values.values())


INBOUND = {"src": "0900000001", "channel": "PJSIP/viettel-00000001", "linkedid": "1.1"}
ROWS = [
    # a ring group: 101 did not answer, 102 did
    freepbx(
        **INBOUND,
        calldate="2026-01-01 00:00:10",
        dst="600",
        dcontext="ext-group",
        dstchannel="PJSIP/101-00000002",
        lastapp="Dial",
        duration="12",
        billsec="0",
        disposition="NO ANSWER",
        uniqueid="1.1",
        did="02873001234",
    ),
    freepbx(
        **INBOUND,
        calldate="2026-01-01 00:00:10",
        dst="600",
        dcontext="ext-group",
        dstchannel="PJSIP/102-00000003",
        lastapp="Dial",
        duration="72",
        billsec="60",
        disposition="ANSWERED",
        uniqueid="1.1",
        did="02873001234",
        recordingfile="in-600.wav",
    ),
    # voicemail answered
    freepbx(
        calldate="2025-12-31 23:59:59",
        src="0900000002",
        dst="s",
        dcontext="macro-vm",
        channel="PJSIP/viettel-00000004",
        lastapp="VoiceMail",
        duration="40",
        billsec="38",
        disposition="ANSWERED",
        uniqueid="2.1",
        did="02873001234",
        linkedid="2.1",
    ),
    freepbx(
        calldate="2026-01-01 09:00:00",
        src="101",
        dst="0912345678",
        dcontext="from-internal",
        channel="PJSIP/101-00000005",
        dstchannel="PJSIP/viettel-00000006",
        lastapp="Dial",
        duration="30",
        billsec="21",
        disposition="ANSWERED",
        uniqueid="3.1",
        outbound_cnum="02873001234",
        linkedid="3.1",
    ),
    freepbx(
        calldate="2026-01-01 09:05:00",
        src="101",
        dst="102",
        dcontext="from-internal",
        channel="PJSIP/101-00000007",
        dstchannel="Local/102@from-internal-00000001;1",
        lastapp="Dial",
        duration="7",
        billsec="0",
        disposition="BUSY",
        uniqueid="4.1",
        linkedid="4.1",
    ),
    freepbx(calldate="yesterday", uniqueid="5.1", linkedid="5.1"),
]


@pytest.fixture(autouse=True)
def made(cli: Cli) -> None:
    cli("domain", "create", cli.domain)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "cdr.csv"
    path.write_text("\n".join([COLUMNS, *ROWS]) + "\n")
    return path


def asked(cli: Cli, work: Callable[[db.Tx, Any], Awaitable[Result]]) -> Result:
    """What the work finds in the domain of the command line."""

    async def ask() -> Result:
        tx = await db.connect(cli.environ["TONGDAI_DSN"])
        try:
            return await work(tx, (await domains.by_name(tx, cli.domain)).domain_uuid)
        finally:
            await tx.close()

    return asyncio.run(ask())


def records(cli: Cli) -> dict[str, dict[str, Any]]:
    """By the number of the outside, or of the called extension."""

    async def read(tx: db.Tx, of: Any) -> list[Any]:
        return list(
            await tx.fetch(
                """
                SELECT *, time_started AT TIME ZONE 'Asia/Ho_Chi_Minh' AS at FROM cdrs
                WHERE domain_uuid = $1 ORDER BY time_started
                """,
                of,
            )
        )

    found = [dict(row) for row in asked(cli, read)]
    return {row["from_number" if row["direction"] == 2 else "to_number"]: row for row in found}


def counted(cli: Cli) -> dict[tuple[str, int, str], int]:
    """`cdr_days`: by day, direction and status."""

    async def read(tx: db.Tx, of: Any) -> list[Any]:
        return list(await tx.fetch("SELECT * FROM cdr_days WHERE domain_uuid = $1", of))

    return {
        (str(row["day"]), row["direction"], row["status"]): row["calls"]
        for row in asked(cli, read)
    }


def shown(record: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(record[name] for name in names)


def test_calls_of_fusionpbx_come_once_and_are_counted(cli: Cli, fusionpbx: str) -> None:
    command = ("import", "fusionpbx-calls", fusionpbx, SOURCE, "--domain", cli.domain)
    expected = {
        "read": 6,
        "new": 4,
        "known": 0,
        "left_out": {
            "it is the second leg of another": 1,
            "it has no direction, as calls within its dialplan": 1,
        },
        "recordings": 1,
    }
    assert cli.json(*command, "--dry-run") == expected
    assert records(cli) == {}
    assert cli.json(*command) == expected
    first = records(cli)
    assert cli.json(*command) == expected | {"new": 0, "known": 4}
    assert records(cli) == first

    answered = first["0900000001"]
    parts = ("to_number", "hotline", "extension", "receive_dest", "status", "cause", "hangup_by")
    assert shown(answered, *parts) == (
        *("2873001234", "2873001234", "101", "600"),
        *("ANSWERED", "NORMAL_CLEARING", "caller"),
    )
    assert shown(answered, "duration", "billsec") == (30, 20)
    assert shown(answered, "from_canonical", "to_canonical") == ("84900000001", "842873001234")
    assert shown(first["0900000002"], "status", "billsec", "receive_dest", "time_answered") == (
        *("NO-ANSWERED", 0, "700", None),
    )
    assert shown(first["0912345678"], "from_number", "hotline", "extension", "status") == (
        *("02873001234", "02873001234", "102", "BUSY"),
    )
    assert shown(first["101"], "from_number", "extension", "status") == ("102", "102", "CANCEL")
    # 2026-01-01 00:00 in Việt Nam, and the last second of that day
    assert counted(cli) == {
        ("2026-01-01", 2, "ANSWERED"): 1,
        ("2026-01-01", 2, "NO-ANSWERED"): 1,
        ("2026-01-01", 3, "BUSY"): 1,
        ("2026-01-01", 1, "CANCEL"): 1,
    }


def test_calls_of_freepbx_are_gathered_from_their_rows(cli: Cli, report: Path) -> None:
    command = ("import", "freepbx-calls", str(report), "--domain", cli.domain)
    expected = {
        "read": 5,
        "new": 4,
        "known": 0,
        "left_out": {"its times are wrong": 1},
        "recordings": 1,
    }
    assert cli.json(*command, "--dry-run") == expected
    assert cli.json(*command) == expected
    assert cli.json(*command) == expected | {"new": 0, "known": 4}

    found = records(cli)
    group = found["0900000001"]
    assert shown(group, "to_number", "extension", "receive_dest", "status") == (
        *("02873001234", "102", "600", "ANSWERED"),
    )
    assert shown(group, "duration", "billsec", "sip_call_id") == (72, 60, "1.1")
    assert str(group["at"]) == "2026-01-01 00:00:10"
    assert shown(found["0900000002"], "status", "billsec") == ("NO-ANSWERED", 0)
    assert shown(found["0912345678"], "from_number", "extension", "billsec") == (
        *("02873001234", "101", 21),
    )
    assert shown(found["102"], "from_number", "extension", "status", "cause") == (
        *("101", "101", "BUSY", "USER_BUSY"),
    )
    assert counted(cli)["2025-12-31", 2, "NO-ANSWERED"] == 1


def test_no_event_is_published_for_them(cli: Cli, report: Path) -> None:
    cli("import", "freepbx-calls", str(report), "--domain", cli.domain)

    async def events(tx: db.Tx, of: Any) -> Any:
        return await tx.fetchval("SELECT count(*) FROM events WHERE domain_uuid = $1", of)

    assert asked(cli, events) == 0


def test_calls_that_the_domain_would_not_keep_are_left_out(cli: Cli, report: Path) -> None:
    cli("domain", "update", cli.domain, "--cdr-days", "30")
    told = cli.json("import", "freepbx-calls", str(report), "--domain", cli.domain)

    assert told["new"] == 0
    assert told["left_out"]["it is older than the 30 days for which the domain keeps records"] == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("calldate,src\n", "it has no column dst, dcontext"),
        (f"{COLUMNS}\n1,2\n", "line 2 has more or fewer values"),
    ],
)
def test_what_is_no_report_is_refused_whole(
    cli: Cli, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "cdr.csv"
    path.write_text(text)

    assert said in cli.refuses("import", "freepbx-calls", str(path), "--domain", cli.domain)
    assert records(cli) == {}
