"""Domains, for operators; their settings, for their own administrators too."""

from typing import Annotated, Any
from uuid import UUID

import structlog
from msgspec import Meta, Struct

from tongdai import errors
from tongdai.admin.accounts import ACCOUNTS
from tongdai.api.requests import Request
from tongdai.api.resources import Resource
from tongdai.pbx import directory
from tongdai.store import db, deletion, domains

_log = structlog.get_logger("tongdai.api")
_DEFAULT = domains.NEW
_MOST = 2**31 - 1
Limit = Annotated[int, Meta(ge=1, le=_MOST)]


class NewDomain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new domain: a company, with numbers and users of its own."""

    name: Annotated[
        str,
        Meta(
            description="A DNS name, its SIP domain. It does not change.",
            examples=["sales.example.vn"],
        ),
    ]
    enabled: bool = _DEFAULT.enabled
    node: Annotated[str, Meta(description="The switch that it lives on.")] = _DEFAULT.node
    time_zone: Annotated[str, Meta(description="IANA.")] = _DEFAULT.time_zone
    country_code: Annotated[str, Meta(description="Of its numbers, such as 84.")] = (
        _DEFAULT.country_code
    )
    region: Annotated[
        str, Meta(description='ISO 3166-1, where several share a code: CA of 1; "": the main one.')
    ] = _DEFAULT.region
    call_id_mode: Annotated[
        directory.CallIdMode, Meta(description="What `call_id` in events names.")
    ] = _DEFAULT.call_id_mode
    ringing_hangups: Annotated[
        bool, Meta(description="A hangup event for each extension that rang, too.")
    ] = _DEFAULT.ringing_hangups
    recording: Annotated[bool, Meta(description="Record answered calls.")] = _DEFAULT.recording
    recording_days: Annotated[
        Limit | None, Meta(description="Days that recordings are kept; null: for ever.")
    ] = _DEFAULT.recording_days
    recording_format: Annotated[
        directory.RecordingFormat,
        Meta(description="Of new recordings. opus and mp3 take a moment after long talks."),
    ] = _DEFAULT.recording_format
    recording_stereo: Annotated[
        bool,
        Meta(
            description="Both sides apart in new recordings: the party outside (of internal calls "
            "the caller) on the left, the extension on the right."
        ),
    ] = _DEFAULT.recording_stereo
    cdr_days: Annotated[
        Limit | None, Meta(description="Days that call records are kept; null: for ever.")
    ] = _DEFAULT.cdr_days
    event_days: Annotated[
        Annotated[int, Meta(ge=7, le=_MOST)] | None,
        Meta(description="Days that events are kept; null: as the installation says."),
    ] = _DEFAULT.event_days
    audit_days: Annotated[
        Limit | None,
        Meta(description="Days that the audit log is kept; null: as the installation says."),
    ] = _DEFAULT.audit_days
    click2call_shows_callee: Annotated[
        bool, Meta(description="A click-to-call shows its extension whom it will call.")
    ] = _DEFAULT.click2call_shows_callee
    click2call_waits: Annotated[
        bool,
        Meta(
            description="/v1/click2call answers when its extension has, as with wait=answer; "
            "/v1/click2call/async does not wait."
        ),
    ] = _DEFAULT.click2call_waits
    hold_music: Annotated[
        str,
        Meta(
            description='The prompt that a party on hold and in queues hears; "" is the switch\'s '
            "own music. A new domain has no prompts yet."
        ),
    ] = _DEFAULT.hold_music
    feature_codes: Annotated[
        tuple[str, ...],
        Meta(
            max_length=100,
            description="Those that differ from the default (GET /v1/admin/feature-codes); "
            "without a code the feature has none.",
            examples=[["pickup=*6", "do_not_disturb="]],
        ),
    ] = _DEFAULT.feature_codes
    park_timeout_s: Annotated[
        int,
        Meta(
            ge=directory.PARK_S[0],
            le=directory.PARK_S[1],
            description="Seconds until a parked call comes back to the extension that parked it.",
        ),
    ] = _DEFAULT.park_timeout_s
    webrtc: Annotated[bool, Meta(description="Browsers may register as its extensions.")] = (
        _DEFAULT.webrtc
    )
    max_calls: Annotated[int, Meta(ge=1, le=_MOST, description="Calls at the same time.")] = (
        _DEFAULT.max_calls
    )
    destinations: Annotated[
        tuple[str, ...],
        Meta(
            max_length=300,
            description="Permitted beyond the country's own numbers, as prefixes: +44, +, 1900.",
        ),
    ] = _DEFAULT.destinations
    calls_per_minute: Annotated[Limit | None, Meta(description="Outbound; null: no limit.")] = (
        _DEFAULT.calls_per_minute
    )
    minutes_per_day: Annotated[Limit | None, Meta(description="Outbound; null: no limit.")] = (
        _DEFAULT.minutes_per_day
    )


class Domains(Resource):
    """Domains are deleted step by step, beside requests."""

    def deleted(self, request: Request, known: Any) -> None:
        request.context.start(
            _finish(request.context.deps.database, known.domain_uuid), "deletion"
        )


async def _finish(database: db.Database, domain_uuid: UUID) -> None:
    """What is left of the domain is gone; after an error the engine's housekeeping goes on."""
    try:
        await deletion.finish(database, domain_uuid)
    except errors.TongdaiError as reason:
        _log.warning("deletion.waiting", domain_uuid=str(domain_uuid), why=str(reason))


_LIMITS = (*(set(NewDomain.__struct_fields__) - domains.SETTINGS - {"name"}), "unsuspend")
OPERATIONS = Domains(
    "domains",
    ACCOUNTS["domains"],
    NewDomain,
    "domain",
    makes="domain:operate",
    reserved=dict.fromkeys(sorted(_LIMITS), "domain:operate"),
).operations()
