"""Call records of FusionPBX (`v_xml_cdr`, 5.5.7): one row a call, of its first leg."""

from datetime import UTC, datetime, timedelta

from tongdai.admin.importing import calls
from tongdai.admin.importing.calls import Found, Parties, Times, text
from tongdai.admin.importing.carrying import Row, said, whole
from tongdai.pbx import cdr
from tongdai.pbx.directory import Domain

_ENDED_BY = {
    "recv_bye": "caller",
    "recv_cancel": "caller",
    "send_bye": "callee",
    "send_refuse": "callee",
}
"""What the leg of the caller says of who ended the call."""


def found(row: Row, domain: Domain) -> Found:
    """The call of a row, with `extension` and `ring_group` as numbers."""
    direction = calls.lowered(row, "direction")
    if calls.lowered(row, "leg") == "b":
        return Found(why="it is the second leg of another")
    if direction not in cdr.DIRECTIONS:
        return Found(why="it has no direction, as calls within its dialplan")
    times = _times(row)
    if times is None or not times.are_possible:
        return Found(why="its times are wrong")
    cause = text(row.get("hangup_cause")) or "NORMAL_CLEARING"
    if calls.lowered(row, "status") in ("missed", "voicemail") and cause == "NORMAL_CLEARING":
        cause = "NO_ANSWER"
    record = calls.record(
        domain,
        f"fusionpbx/{row['xml_cdr_uuid']}",
        times,
        _parties(row, direction),
        cause=cause,
        hangup_by=_ENDED_BY.get(calls.lowered(row, "sip_hangup_disposition"), ""),
        names=(text(row.get("sip_call_id")), str(row["xml_cdr_uuid"])),
    )
    return Found(record, has_recording=said(row.get("record_name")))


def _times(row: Row) -> Times | None:
    """Whole seconds; a call that voicemail answered was talked by nobody."""
    start, duration = whole(row.get("start_epoch"), 0), whole(row.get("duration"), -1)
    if start <= 0 or duration < 0:
        return None
    status = calls.lowered(row, "status")
    is_talk = status not in ("missed", "voicemail") and not said(row.get("voicemail_message"))
    talked_s = whole(row.get("billsec"), 0) if is_talk else 0
    started = datetime.fromtimestamp(start, UTC)
    ended = started + timedelta(seconds=duration)
    return Times(started, ended - timedelta(seconds=talked_s), ended, talked_s)


def _parties(row: Row, direction: str) -> Parties:
    shown, dialled = text(row.get("caller_id_number")), text(row.get("destination_number"))
    group = text(row.get("ring_group")) or text(row.get("cc_queue")).partition("@")[0]
    inside = text(row.get("extension"))
    if direction == "inbound":
        called = text(row.get("caller_destination")) or dialled
        return Parties(
            direction=direction,
            caller=shown,
            called=called,
            extension=inside,
            hotline=called,
            receive_dest=group,
        )
    own = text(row.get("source_number")) or shown
    return Parties(
        direction=direction,
        caller=shown if direction == "outbound" else own,
        called=dialled,
        extension=inside or own,
        hotline=shown if direction == "outbound" else "",
        receive_dest=group,
    )
