"""Version 3, as its clients read it: flat rows, every key of which is there and never null; an
unknown text is "".

Times are local, `YYYY-MM-DDTHH:MM:SSZ`: the Z is a part of the form, not a zone. It has records
and extensions, and no events: those are version 1's.
"""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from tongdai.dialects import v1
from tongdai.dialects.view import View
from tongdai.pbx import cdr, events
from tongdai.pbx.call import Direction

_DIRECTIONS: dict[int, Direction] = {1: "local", 2: "inbound", 3: "outbound"}
TIME = "2021-02-17T17:30:35Z"


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """One call, ended: the keys of version 1, and those that its clients expect besides, most of
    which have no value here. Durations are whole seconds.
    """

    id: UUID
    parent_id: str = ""
    sip_call_id: str
    cause: Annotated[str, Meta(examples=["NORMAL_CLEARING"])]
    duration: Annotated[int, Meta(description="Seconds from start to end.", examples=[11])]
    billsec: Annotated[int, Meta(description="Seconds from answer to end.", examples=[3])]
    direction: Direction
    recording_url: str
    extension: Annotated[str, Meta(examples=["101"])]
    from_number: Annotated[str, Meta(examples=["19001919"])]
    to_number: Annotated[str, Meta(examples=["0899888999"])]
    receive_dest: str
    time_started: Annotated[str, Meta(description="Local, for all its Z.", examples=[TIME])]
    time_ringging: Annotated[str, Meta(description='"" if it never rang.', examples=[TIME])]
    time_answered: Annotated[str, Meta(description='"" if nobody did.', examples=[TIME])]
    time_ended: Annotated[str, Meta(examples=[TIME])]
    status: Annotated[
        str,
        Meta(
            description="answered, busy, no-answered, cancel, not-available, invalid, congestion.",
            examples=["answered"],
        ),
    ]
    hotline: Annotated[str, Meta(examples=["19001919"])]
    conversation_id: UUID
    call_id: UUID
    customer_id: str
    recording_status: str
    hangup_by: str
    called_count: int
    app: Annotated[events.Application, Meta(description="What asked for the call.")]
    sip_hangup_disposition: Annotated[
        events.Disposition, Meta(description="How the extension's leg ended.")
    ]
    trunk: str = ""
    sip_status: int = 0
    routed_by: tuple[str, ...] = ()
    press_key: str = ""
    fullname: str = ""
    email: str = ""
    username: str = ""
    campaign_uuid: str = ""
    lead_uuid: str = ""
    rate: str = ""
    digits: str = ""
    note: str = ""
    customer_fullname: str = ""
    customer_email: str = ""
    demand_customer: str = ""
    interest_segment: str = ""
    additional: dict[str, str] = {}
    autocall_presskey_epoch: str = ""
    time_presskey: str = ""
    presskey_delay: int = 0
    autocall_recording_url: str = ""
    network: str = ""
    callee_id_name: str = ""


class ExtensionRow(msgspec.Struct, frozen=True):
    """An extension, with what a client has kept there."""

    extension_uuid: UUID
    extension: Annotated[str, Meta(examples=["101"])]
    enabled: bool
    user_uuid: str
    follow_me: Annotated[Any, Meta(description='As it was given; "" if it was not.')]


class ExtensionCreated(msgspec.Struct, frozen=True):
    """The extension is there."""

    created: bool
    extension_uuid: UUID
    enabled: bool
    extension: Annotated[str, Meta(examples=["101"])]


class ExtensionUpdated(msgspec.Struct, frozen=True):
    """The extension is as was asked."""

    message: Annotated[str, Meta(examples=["success"])]
    extension_uuid: UUID
    enabled: bool
    extension: Annotated[str, Meta(examples=["101"])]


def record(record: cdr.Cdr, view: View) -> CallRow:
    """The record as the domain sees it."""
    first = v1.record(record, view)
    return CallRow(
        id=first.id,
        sip_call_id=first.sip_call_id,
        cause=first.cause,
        duration=first.duration,
        billsec=first.billsec,
        direction=_DIRECTIONS[first.direction],
        recording_url=first.recording_url,
        extension=first.extension,
        from_number=first.from_number,
        to_number=first.to_number,
        receive_dest=first.receive_dest,
        time_started=_time(first.time_started),
        time_ringging=_time(first.time_ringging),
        time_answered=_time(first.time_answered),
        time_ended=_time(first.time_ended),
        status=first.status.lower(),
        hotline=first.hotline,
        conversation_id=first.conversation_id,
        call_id=first.call_id,
        customer_id=first.customer_id,
        recording_status=first.recording_status,
        hangup_by=first.hangup_by,
        called_count=first.called_count,
        app=record.application,
        sip_hangup_disposition=record.sip_hangup_disposition,
        trunk=first.trunk,
        sip_status=first.sip_status,
        routed_by=first.routed_by,
    )


def _time(local: str) -> str:
    return f"{local.replace(' ', 'T')}Z" if local else ""
