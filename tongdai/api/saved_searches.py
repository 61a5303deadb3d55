"""Saved searches of call records: each person's own."""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.api import changes, responses, sessions
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.store import saved_searches

_TAG = "CDRs"


class SavedSearch(Struct, frozen=True):
    """A search of call records. Those of others nobody sees."""

    name: Annotated[str, Meta(examples=["Cuộc gọi nhỡ"])]
    query: Annotated[
        str,
        Meta(
            description="The query of `GET /v1/cdr`, as in a URL.",
            examples=["status=NO-ANSWERED&direction=inbound"],
        ),
    ]
    created_at: Utc


class SavedSearches(Struct, frozen=True):
    """By name."""

    data: list[SavedSearch]


class OfSearch(Struct, frozen=True):
    name: Annotated[str, Meta(description="In any script.", max_length=100)]


class NewSearch(Struct, frozen=True, forbid_unknown_fields=True):
    query: Annotated[
        str,
        Meta(
            description="The query of `GET /v1/cdr`, as in a URL.",
            max_length=2000,
            examples=["status=NO-ANSWERED&direction=inbound"],
        ),
    ]


@operation(
    "GET",
    "/v1/saved-searches",
    may="cdr:read",
    tag=_TAG,
    gives={200: ("The searches.", SavedSearches)},
)
async def list_saved_searches(request: Request, principal: Principal) -> ASGIApp:
    """List one's saved searches of call records."""
    account = sessions.holder(principal).account_uuid
    async with changes.reading(request, principal) as tx:
        found = await saved_searches.list(tx, principal.domain_uuid, account)
    return responses.json(SavedSearches([_shown(one) for one in found]))


@operation(
    "PUT",
    "/v1/saved-searches/{name}",
    may="cdr:read",
    tag=_TAG,
    gives={200: ("It is saved.", SavedSearch)},
    fails=(errors.Invalid,),
)
async def save_search(
    request: Request, principal: Principal, path: OfSearch, body: NewSearch
) -> ASGIApp:
    """Save a search of call records, in place of one's own of that name."""
    account = sessions.holder(principal).account_uuid
    async with changes.transaction(request, principal) as tx:
        saved = await saved_searches.save(
            tx, principal.domain_uuid, account, name=path.name, query=body.query
        )
    return responses.json(_shown(saved))


@operation(
    "DELETE",
    "/v1/saved-searches/{name}",
    may="cdr:read",
    tag=_TAG,
    gives={200: ("It is gone.", responses.Deleted)},
    fails=(errors.NotFound,),
)
async def delete_saved_search(request: Request, principal: Principal, path: OfSearch) -> ASGIApp:
    """Delete one of one's saved searches."""
    account = sessions.holder(principal).account_uuid
    async with changes.transaction(request, principal) as tx:
        await saved_searches.delete(tx, principal.domain_uuid, account, path.name)
    return responses.json(responses.Deleted(deleted=True))


def _shown(of: saved_searches.SavedSearch) -> SavedSearch:
    return SavedSearch(of.name, of.query, of.created_at)


OPERATIONS = (list_saved_searches, save_search, delete_saved_search)
