"""Bans: addresses from which the switches refuse requests, after too many wrong SIP passwords.
They are of the installation.
"""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.api import changes, resources, responses
from tongdai.api.operations import operation
from tongdai.api.principals import Caller
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.store import bans


class ShownBan(Struct, frozen=True):
    """A banned address."""

    address: Annotated[str, Meta(examples=["203.0.113.9"])]
    why: str
    banned_at: Utc
    until: Utc


class Bans(Struct, frozen=True):
    """The bans in force, the latest first."""

    data: list[ShownBan]


class OfBan(Struct, frozen=True):
    address: Annotated[str, Meta(description="Of IPv4 or IPv6.")]


@operation(
    "GET",
    "/v1/admin/bans",
    may="ban:read",
    tag=resources.TAG,
    gives={200: ("All of them.", Bans)},
)
async def list_bans(request: Request, principal: Caller) -> ASGIApp:
    """List the addresses that are banned now.

    They gave too many wrong SIP passwords; a ban ends by itself.
    """
    async with changes.reading(request, principal, beyond=True) as tx:
        found = await bans.list(tx)
    shown = [ShownBan(one.address, one.why, one.banned_at, one.until) for one in found]
    return responses.json(Bans(shown))


@operation(
    "DELETE",
    "/v1/admin/bans/{address}",
    may="ban:write",
    tag=resources.TAG,
    gives={200: ("It is lifted.", responses.Deleted)},
    fails=(errors.Invalid, errors.NotFound),
)
async def lift_ban(request: Request, principal: Caller, path: OfBan) -> ASGIApp:
    """Lift the ban of an address: it may register and call again, within seconds."""
    async with changes.transaction(request, principal, beyond=True) as tx:
        await bans.lift(tx, path.address)
    return responses.json(responses.Deleted(deleted=True))


OPERATIONS = (list_bans, lift_ban)
