"""Call detail records: the facts of an ended call, in the reference's words."""

from datetime import datetime
from uuid import UUID

import msgspec

from tongdai.pbx import events, numbers, visits
from tongdai.pbx.call import Call, Leg, seconds
from tongdai.pbx.causes import STATUSES, ReleaseCause, Status
from tongdai.pbx.events import Application, Disposition
from tongdai.pbx.recording import Recording
from tongdai.pbx.visits import Part, PastVisit

__all__ = ["DIRECTIONS", "STATUSES", "Cdr", "Status", "of"]

DIRECTIONS: dict[str, int] = {"local": 1, "inbound": 2, "outbound": 3}


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """A further party of a call: an extension that took it over, a number outside that it was
    transferred to, or another caller whom a transfer joined to it.

    `number` is an extension (`is_extension`) or a telephone number; `trunk` the name of the trunk
    that carried it, "" for none; `seconds` whole seconds of its talk, 0 for none.
    """

    number: str
    canonical: str  # the same for an extension
    is_extension: bool = False
    trunk: str = ""
    transferred_by: str = ""  # the extension that transferred the call to it
    time_started: datetime
    time_answered: datetime | None = None
    seconds: int = 0


class RecordingPause(msgspec.Struct, frozen=True):
    """A time of the talk that a command kept out of the recording."""

    time_started: datetime
    time_ended: datetime


class Cdr(msgspec.Struct, frozen=True, kw_only=True):
    """One ended conversation. Times are aware datetimes; `duration` and `billsec` whole
    seconds. `time_ringing` is when the switch first called a party, `called_count` how often it
    called one; records from before these fields have None and 1, "dial" and "".
    """

    domain_uuid: UUID
    cdr_uuid: UUID
    call_id: UUID
    sip_call_id: str
    direction: int
    status: Status
    cause: str
    extension: str
    from_number: str
    to_number: str
    from_canonical: str
    to_canonical: str
    hotline: str
    receive_dest: str
    customer_id: str
    time_started: datetime
    time_answered: datetime | None
    time_ended: datetime
    duration: int
    billsec: int
    hangup_by: str
    seconds_out: int = 0  # of talk by all legs that we placed on trunks
    recording: Recording | None = None  # the main one; rows of its own
    reconstructed: bool = False  # made from the CEL log afterwards
    time_ringing: datetime | None = None
    called_count: int = 1
    application: Application = "dial"
    sip_hangup_disposition: Disposition = ""  # of the record's leg, as in its `cdr` event
    trunk: str = ""  # the name of the trunk that carried it, or was tried last
    sip_status: int = 0  # the final response of the party that was not reached
    # the reasons that led it elsewhere than to the first destination of a number, in order
    routed_by: tuple[str, ...] = ()
    # other ids that find it: of its other legs and of merged consultations
    other_ids: tuple[UUID, ...] = ()
    other_sip_call_ids: tuple[str, ...] = ()  # of other legs
    participants: tuple[Participant, ...] = ()  # further parties
    recording_pauses: tuple[RecordingPause, ...] = ()
    visits: tuple[PastVisit, ...] = ()  # of ring groups and queues
    parts: tuple[Part, ...] = ()  # of extensions


def of(call: Call, release: ReleaseCause, recording: Recording | None) -> Cdr:
    """The record of an ended call. An outbound call is from the hotline presented, an inbound one
    to the hotline called.
    """
    leg = call.published_leg
    presented = call.presented_number or call.hotline if call.direction == "outbound" else ""
    from_number = presented or call.caller_number
    sip_call_id = (leg or call.caller).sip_call_id
    ended_at = call.ended_at or call.started_at
    return Cdr(
        domain_uuid=call.domain_uuid,
        cdr_uuid=call.call_uuid,
        call_id=call.published_id(leg),
        sip_call_id=sip_call_id,
        direction=DIRECTIONS[call.direction],
        status=release.status,
        cause=release.cause,
        extension=call.extension,
        from_number=from_number,
        to_number=call.dialled,
        from_canonical=numbers.canonical(from_number, call.country_code),
        to_canonical=numbers.canonical(call.dialled, call.country_code),
        hotline=call.hotline,
        receive_dest=call.receive_dest,
        customer_id=call.customer_id,
        time_started=call.started_at,
        time_answered=call.answered_at,
        time_ended=ended_at,
        duration=call.duration(ended_at),
        billsec=call.billsec(ended_at),
        hangup_by=call.hangup_by,
        seconds_out=call.seconds_out(ended_at),
        recording=recording,
        reconstructed=call.reconstructed,
        time_ringing=call.ringing_at,
        called_count=call.called_count,
        trunk=call.trunk,
        sip_status=release.sip_status,
        routed_by=call.routed_by,
        application=events.application(call),
        sip_hangup_disposition=events.disposition(
            call, leg, release, events.party(call.hangup_by)
        ),
        other_ids=_other_ids(call),
        other_sip_call_ids=_other_sip_call_ids(call, sip_call_id),
        participants=tuple(_participant(call, leg, ended_at) for leg in _further(call)),
        recording_pauses=tuple(
            RecordingPause(each.since, max(each.since, each.until or ended_at))
            for each in call.pauses
        ),
        visits=visits.past(call, release, ended_at),
        parts=visits.parts(call, release, ended_at),
    )


def _further(call: Call) -> list[Leg]:
    """The legs of further parties, one for each extension that rang with several phones."""
    found: dict[object, Leg] = {}
    for leg in call.legs[1:]:
        key = leg.leg_uuid or leg.channel
        if _is_further(call, leg) and (key not in found or leg.connected_at):
            found[key] = leg
    return list(found.values())


def _is_further(call: Call, leg: Leg) -> bool:
    """Whether the record does not show the party as its extension, caller or called party."""
    if leg.transferred_by:
        return True
    shown = (call.extension, call.dialled) if leg.is_extension else (call.dialled,)
    is_a_party = leg.connected_at is not None or bool(leg.trunk)
    return is_a_party and leg.number not in shown


def _participant(call: Call, leg: Leg, ended_at: datetime) -> Participant:
    until = leg.ended_at or ended_at
    return Participant(
        number=leg.number,
        canonical=leg.number
        if leg.is_extension
        else numbers.canonical(leg.number, call.country_code),
        is_extension=leg.is_extension,
        trunk=leg.trunk_name,
        transferred_by=leg.transferred_by,
        time_started=leg.started_at,
        time_answered=leg.connected_at,
        seconds=seconds(leg.connected_at, until) if leg.connected_at else 0,
    )


def _other_ids(call: Call) -> tuple[UUID, ...]:
    """The ids of the call's legs, now and before a transfer, and of merged calls."""
    legs = {leg.leg_uuid for leg in call.legs if leg.leg_uuid}
    return tuple(sorted((legs | {*call.merged, *call.former_ids}) - {call.call_uuid}))


def _other_sip_call_ids(call: Call, of_the_record: str) -> tuple[str, ...]:
    """The SIP Call-IDs of the call's legs, except the record's own."""
    return tuple(sorted({leg.sip_call_id for leg in call.legs} - {"", of_the_record}))
