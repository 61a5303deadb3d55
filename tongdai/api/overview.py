"""All domains at once, for operators: call records, and subscriptions whose URLs fail."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.api import cdrs, changes, filters, resources, responses
from tongdai.api.operations import operation
from tongdai.api.principals import Caller, Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc, v1
from tongdai.pbx.cdr import Cdr
from tongdai.store import cdr_search, domains, failing_subscriptions

_LIMIT, _MOST = 50, 500


class RecordOfDomain(Struct, frozen=True):
    """A call detail record, and whose it is."""

    domain: Annotated[str, Meta(examples=["sales.example.vn"])]
    record: v1.CallRecord


class RecordsOfAll(Struct, frozen=True):
    """The newest records of all domains."""

    data: list[RecordOfDomain]


class RecordsQuery(filters.Filters, frozen=True):
    """The filters, as of `GET /v1/cdr`; local times are those of each domain."""

    limit: Annotated[int, Meta(ge=1, le=_MOST, description="The newest so many.")] = _LIMIT


@operation(
    "GET",
    "/v1/admin/cdrs",
    may="domain:operate",
    tag=resources.TAG,
    gives={200: ("The newest ones.", RecordsOfAll)},
    fails=(errors.Invalid, errors.InvalidPhone),
)
async def search_cdrs(request: Request, principal: Caller, query: RecordsQuery) -> ASGIApp:
    """Find call records of all domains, the newest first.

    Which company was it that a number called at five past ten? Of one domain, `GET /v1/cdr`
    with `?domain=` has all of them.
    """
    context = request.context
    found: list[tuple[Cdr, str, Principal]] = []
    async with changes.reading(request, principal, beyond=True) as tx:
        for domain in await domains.list(tx):
            within = principal.within(domain)
            wanted = filters.of(query, within)
            part = await cdr_search.scroll(tx, domain.domain_uuid, wanted, limit=query.limit)
            found += [(each, domain.name, within) for each in part.records]
    found.sort(key=lambda one: one[0].time_started, reverse=True)
    shown = [
        RecordOfDomain(name, v1.record(each, cdrs.view_of(context, within)))
        for each, name, within in found[: query.limit]
    ]
    return responses.json(RecordsOfAll(shown))


class FailingSubscription(Struct, frozen=True):
    """A subscription whose URL fails. `last_status` (0: no answer) and `last_error` are those of
    the last attempt with the newest event that was tried.
    """

    domain: str
    id: UUID
    event: str
    callback_url: str
    failing_since: Annotated[Utc, Meta(description="Nothing but failures since then.")]
    enabled: bool
    due: Annotated[int, Meta(description="Deliveries that wait for it.")]
    last_status: int | None
    last_error: str | None


class FailingSubscriptions(Struct, frozen=True):
    """Those for which most deliveries wait first."""

    data: list[FailingSubscription]


class FailingQuery(Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=_MOST, description="The worst so many.")] = _LIMIT


@operation(
    "GET",
    "/v1/admin/failing-subscriptions",
    may="domain:operate",
    tag=resources.TAG,
    gives={200: ("The worst first.", FailingSubscriptions)},
    fails=(errors.Invalid,),
)
async def list_failing_subscriptions(
    request: Request, principal: Caller, query: FailingQuery
) -> ASGIApp:
    """List the event subscriptions of all domains whose URLs fail.

    What was sent to one is in `GET /v1/event/{id}/deliveries` with `?domain=`.
    """
    async with changes.reading(request, principal, beyond=True) as tx:
        found = await failing_subscriptions.worst(tx, query.limit)
    shown = [
        FailingSubscription(
            one.domain,
            one.id,
            one.event_name,
            one.callback_url,
            one.failing_since,
            one.enabled,
            one.due,
            one.last_status,
            one.last_error,
        )
        for one in found
    ]
    return responses.json(FailingSubscriptions(shown))


OPERATIONS = (search_cdrs, list_failing_subscriptions)
