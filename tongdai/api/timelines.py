"""The timeline of one call, live or ended."""

from collections.abc import Collection, Sequence
from uuid import UUID

from msgspec import Struct
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.api import cdrs, responses
from tongdai.api.calls import OfCall
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import timeline as dialect
from tongdai.pbx.call import Note
from tongdai.pbx.events import OF_RECORDINGS
from tongdai.pbx.recording import Recording
from tongdai.pbx.timeline import Attempt
from tongdai.store import audit, calls, db, timelines

_MOST_ACTIONS = 500


class Timeline(Struct, frozen=True):
    """What happened to a call, the oldest first."""

    id: UUID
    data: list[dialect.TimelineEntry]


@operation(
    "GET",
    "/v1/calls/{id:path}/timeline",
    may="call:read",
    tag="Live calls",
    gives={200: ("The timeline.", Timeline)},
    fails=(errors.NotFound,),
)
async def get_timeline(request: Request, principal: Principal, path: OfCall) -> ASGIApp:
    """Get what happened to a call, in order of time.

    By any id of a call, live or ended: signals of the switch with SIP responses and causes,
    decisions with their reasons, events, each attempt to deliver them (for callers with
    `event:read`), what users asked of the call (`audit:read`), the recording. It is kept for
    `TONGDAI_TIMELINE_DAYS`; afterwards only the parts that other settings keep longer are left.
    The last notes of a live call may follow a moment later.
    """
    domain_uuid = principal.domain_uuid
    async with request.context.tenants.connection(domain_uuid) as tx:
        found = await calls.named(tx, domain_uuid, path.id)
        if found:
            entries = await _entries(tx, principal, found.call_uuid, found.notes)
            return responses.json(Timeline(found.call_uuid, entries))
    record = await cdrs.find(request.context, principal, path.id)
    async with request.context.tenants.connection(domain_uuid) as tx:
        ended = await calls.find(tx, domain_uuid, record.cdr_uuid)  # its recording is not closed
        notes = ended.notes if ended else await timelines.find(tx, domain_uuid, record.cdr_uuid)
        entries = await _entries(tx, principal, record.cdr_uuid, notes, record.recording)
    return responses.json(Timeline(record.cdr_uuid, entries))


async def _entries(
    tx: db.Tx,
    principal: Principal,
    call_uuid: UUID,
    notes: tuple[Note, ...],
    recording: Recording | None = None,
) -> list[dialect.TimelineEntry]:
    """All that the principal may see, the oldest first."""
    entries: list[dialect.TimelineEntry] = []
    made: Sequence[Attempt] = ()
    if "event:read" in principal.permissions:
        published = [note.event_uuid for note in notes if note.event_uuid]
        made = await timelines.attempts(tx, principal.domain_uuid, published)
    sent = {attempt.event_uuid for attempt in made}
    entries += (dialect.of_note(note) for note in notes if _is_shown(note, sent))
    entries += map(dialect.of_attempt, made)
    if recording:
        entries.append(dialect.of_recording(recording))
    if "audit:read" in principal.permissions:
        wanted = audit.Filter(noun="call", name=str(call_uuid))
        asked = await audit.list(tx, principal.domain_uuid, wanted, limit=_MOST_ACTIONS)
        entries += (dialect.of_action(one.at, one.actor, one.after or {}) for one in asked)
    return sorted(entries, key=lambda entry: entry.at)


def _is_shown(note: Note, sent: Collection[UUID]) -> bool:
    """Events of recordings are published only where somebody subscribes to them."""
    return note.detail not in OF_RECORDINGS or note.event_uuid is None or note.event_uuid in sent


OPERATIONS = (get_timeline,)
