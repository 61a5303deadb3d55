"""Call records of FreePBX, from the CSV of its CDR reports (module cdr 16.0.46): rows of one call
have one `linkedid`.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tongdai.admin.importing import calls, csv_rows
from tongdai.admin.importing.calls import Found, Parties, Times, text
from tongdai.admin.importing.carrying import Row, said, whole
from tongdai.pbx.directory import Domain

_NEEDED = (
    *("calldate", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp"),
    *("duration", "billsec", "disposition", "uniqueid"),
)
_CAUSES = {
    "ANSWERED": "NO_ANSWER",  # by voicemail or an announcement
    "NO ANSWER": "NO_ANSWER",
    "BUSY": "USER_BUSY",
    "FAILED": "NORMAL_UNSPECIFIED",
    "CONGESTION": "NORMAL_CIRCUIT_CONGESTION",
}
_TALKS = ("dial", "queue")
_PEER = re.compile(r"[^/]+/(?:([^@;]+)@|(.+)-[^-]*$)")
_INSIDE = re.compile(r"[0-9]{2,6}")


def found(
    content: str, domain: Domain, extensions: Collection[str], zone: ZoneInfo
) -> Iterator[Found]:
    """The calls of the file. `extensions` are those known here; others have 2 to 6 digits. `zone`
    is that of its times. Raises errors.Invalid for what is no such file, naming the line.
    """
    by_call: dict[str, list[Row]] = {}
    for row in csv_rows.read(content, _NEEDED):
        by_call.setdefault(row.get("linkedid") or row["uniqueid"], []).append(row)
    for key, rows in by_call.items():
        yield _call(key, rows, domain, extensions, zone)


def _call(
    key: str, rows: Sequence[Row], domain: Domain, extensions: Collection[str], zone: ZoneInfo
) -> Found:
    main = _main(rows)
    times = _times(rows, main, zone)
    if times is None or not times.are_possible:
        return Found(why="its times are wrong")
    record = calls.record(
        domain,
        f"freepbx/{key}",
        times,
        _parties(rows, main, extensions),
        cause="NORMAL_CLEARING" if times.talked_s else _cause(main),
        names=(text(key),),
    )
    return Found(record, has_recording=any(said(row.get("recordingfile")) for row in rows))


def _main(rows: Sequence[Row]) -> Row:
    """The row of the talk, else the last that rang somebody, else the last."""
    talks = [row for row in rows if _talked_s(row)]
    if talks:
        return max(talks, key=_talked_s)
    return next((row for row in reversed(rows) if row["dstchannel"]), rows[-1])


def _talked_s(row: Row) -> int:
    """Whole seconds with another party: what an IVR or voicemail answers is no talk."""
    is_talk = row["disposition"].upper() == "ANSWERED" and row["dstchannel"]
    return whole(row["billsec"], 0) if is_talk and row["lastapp"].lower() in _TALKS else 0


def _cause(row: Row) -> str:
    return _CAUSES.get(row["disposition"].upper(), "NORMAL_UNSPECIFIED")


def _times(rows: Sequence[Row], main: Row, zone: ZoneInfo) -> Times | None:
    try:
        began = [_moment(row["calldate"], zone) for row in rows]
    except ValueError:
        return None
    lasts = [timedelta(seconds=whole(row["duration"], 0)) for row in rows]
    started = min(began)
    ended = max(at + lasted for at, lasted in zip(began, lasts, strict=True))
    talked_s = _talked_s(main)
    place = next(n for n, row in enumerate(rows) if row is main)
    answered = began[place] + lasts[place] - timedelta(seconds=talked_s)
    return Times(started, answered, ended, talked_s)


def _moment(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def _parties(rows: Sequence[Row], main: Row, extensions: Collection[str]) -> Parties:
    def is_inside(number: str) -> bool:
        return number in extensions or bool(_INSIDE.fullmatch(number))

    caller, reached = _peer(main["channel"]), _peer(main["dstchannel"])
    did = next((row["did"] for row in rows if row.get("did")), "")
    group = next(
        (row["dst"] for row in rows if row["dcontext"] in ("ext-group", "ext-queues")), ""
    )
    if did or not is_inside(caller):
        return Parties(
            direction="inbound",
            caller=main["src"],
            called=did or main["dst"],
            extension=reached if is_inside(reached) else "",
            hotline=did,
            receive_dest=group,
        )
    presented = main.get("outbound_cnum") or ""
    if presented or (reached and not is_inside(reached)):
        return Parties(
            direction="outbound",
            caller=presented or main["src"],
            called=main["dst"],
            extension=caller,
            hotline=presented,
        )
    return Parties(
        direction="local",
        caller=caller,
        called=main["dst"],
        extension=caller,
        receive_dest=group,
    )


def _peer(channel: str) -> str:
    """`101` of PJSIP/101-0000002a and of Local/101@from-queue-000000a1;1."""
    peer = _PEER.match(channel)
    return (peer[1] or peer[2]) if peer else ""
