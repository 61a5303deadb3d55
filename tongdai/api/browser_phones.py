"""Phones in a page: what one needs to register, for a while, and its last calls. A page has
neither an API key nor a lasting SIP password.
"""

import time
from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import asking, responses, turn
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.pbx import cdr
from tongdai.pbx.commands import ProvisionExtension
from tongdai.store import audit, cdr_filter, cdr_search, db, extension_entries, extensions
from tongdai.store import phone_credentials as store

TAG = "Browser phones"
LIFE_S = 3600
"""Of credentials, in seconds. A page asks for others before their end."""
SHORTEST_TOKEN_S, LONGEST_TOKEN_S = 60, 12 * 3600

_Which = Annotated[str | None, Meta(description="Its number; without one, the user's own.")]


class WantedCredentials(Struct, frozen=True, forbid_unknown_fields=True):
    """The extension that a page is to be a phone of."""

    extension: _Which = None


class BrowserPhone(Struct, frozen=True, rename={"ice_servers": "iceServers"}):
    """What a page needs to register as the extension and to call."""

    extension: Annotated[str, Meta(examples=["101"])]
    name: Annotated[str, Meta(description="Of the extension.", examples=["Lan"])]
    domain: Annotated[str, Meta(examples=["sales.example.vn"])]
    uri: Annotated[
        str, Meta(description="Its SIP address.", examples=["sip:101@sales.example.vn"])
    ]
    websocket_url: Annotated[
        str,
        Meta(description="SIP over WebSocket (RFC 7118).", examples=["wss://pbx.example.vn/ws"]),
    ]
    username: Annotated[
        str, Meta(description="For digest authentication; From and Contact have the extension.")
    ]
    password: str
    expires_at: Annotated[Utc, Meta(description="From then on nobody registers with these.")]
    expires_in: Annotated[int, Meta(description="Seconds until then.", examples=[LIFE_S])]
    ice_servers: Annotated[
        list[turn.IceServer],
        Meta(description="STUN and TURN servers, for `new RTCPeerConnection({iceServers})`."),
    ]


class WantedToken(Struct, frozen=True, forbid_unknown_fields=True):
    """The extension whose browser phone is to get a token."""

    extension: Annotated[str, Meta(description="Its number.", examples=["101"])]
    life_s: Annotated[
        int,
        Meta(
            ge=SHORTEST_TOKEN_S,
            le=LONGEST_TOKEN_S,
            description="Seconds that it lives; never longer than the API key that makes it.",
        ),
    ] = LIFE_S


class PhoneToken(Struct, frozen=True):
    """The token of one browser phone: it gives credentials of its extension, and its calls."""

    token: Annotated[str, Meta(description="For the page: `Authorization: Bearer {token}`.")]
    extension: Annotated[str, Meta(examples=["101"])]
    expired: Annotated[
        int, Meta(description="Unix time at which it expires.", examples=[1613636318])
    ]
    token_type: str = "Bearer"  # noqa: S105 the word of RFC 6750


class PhoneCall(Struct, frozen=True):
    """One of its last calls."""

    id: Annotated[str, Meta(description="The CDR's.")]
    number: Annotated[str, Meta(description="The other party.", examples=["0899888999"])]
    direction: Literal["in", "out"]
    status: cdr.Status
    time_started: Utc
    billsec: Annotated[int, Meta(description="Seconds of talk; 0: it was not answered.")]
    hotline: str
    receive_dest: Annotated[str, Meta(description="The ring group or queue that it came by.")]


class PhoneCalls(Struct, frozen=True):
    """The newest first."""

    data: list[PhoneCall]


class PhoneCallsQuery(Struct, frozen=True):
    extension: _Which = None
    limit: Annotated[int, Meta(ge=1, le=100, description="So many at most.")] = 20


@operation(
    "POST",
    "/v1/phone/credentials",
    may="phone:use",
    tag=TAG,
    gives={200: ("They are valid from now on; shown once.", BrowserPhone)},
    fails=(errors.NotFound, errors.Invalid, errors.Conflict, errors.SwitchDown),
)
async def create_phone_credentials(
    request: Request, principal: Principal, body: WantedCredentials
) -> ASGIApp:
    """Get what a page needs to be a phone.

    An hour's credentials for SIP over WebSocket, with STUN and TURN servers. The page asks again
    before they expire, and registers with the new ones. An extension has ten at most: then the
    oldest end. Browsers must be permitted to register as the extension.

    A user gets its own extension, by the extension's `user_uuid`; who may make phone tokens gets
    any of the domain.
    """
    domain_uuid, context = principal.domain_uuid, request.context
    async with context.tenants.transaction(domain_uuid) as tx:
        number = await _permitted(tx, principal, body.extension)
        await audit.acting(tx, principal.actor, request.address, principal.api_key)
        made = await store.insert(tx, domain_uuid, number, LIFE_S)
        known = await extensions.get(tx, domain_uuid, number)
    # so that the page does not register before the switch knows it
    await asking.outcome_of(context, domain_uuid, ProvisionExtension(extension=number))
    now = int(time.time())
    shown = BrowserPhone(
        extension=number,
        name=known.name,
        domain=principal.user.domain_name,
        uri=f"sip:{number}@{principal.user.domain_name}",
        websocket_url=_websocket_url(context.deps.base_url),
        username=made.username,
        password=made.password,
        expires_at=made.expires_at,
        expires_in=LIFE_S,
        ice_servers=turn.credentials(context.deps.ice, principal.user.user_uuid, now).ice_servers,
    )
    return responses.json(shown, headers=responses.NO_STORE)


@operation(
    "POST",
    "/v1/phone/tokens",
    may="phone:grant",
    tag=TAG,
    gives={200: ("It is valid from now on.", PhoneToken)},
    fails=(errors.NotFound, errors.Invalid, errors.Forbidden),
)
async def create_phone_token(request: Request, principal: Principal, body: WantedToken) -> ASGIApp:
    """Make a token for a page's phone.

    A CRM's back end asks for it, for the extension of its signed-in user, and hands it to the
    page, which gives it to `tongdai.js`. It serves the extension's browser phone and nothing
    else; it ends with the API key that made it.
    """
    if principal.is_operator:
        raise errors.Forbidden(messages.USERS_ONLY)
    async with request.context.tenants.connection(principal.domain_uuid) as tx:
        await extensions.get(tx, principal.domain_uuid, body.extension)
    token, expires = request.context.tokens.issue(
        principal.domain_uuid,
        principal.user.user_uuid,
        principal.user.api_key_version,
        api_key_uuid=principal.api_key_uuid,
        life_s=body.life_s,
        until=principal.user.api_key_expires_at,
        extension=body.extension,
    )
    shown = PhoneToken(token, body.extension, expires)
    return responses.json(shown, headers=responses.NO_STORE)


@operation(
    "GET",
    "/v1/phone/calls",
    may="phone:use",
    tag=TAG,
    gives={200: ("The calls.", PhoneCalls)},
    fails=(errors.NotFound, errors.Invalid),
)
async def list_phone_calls(
    request: Request, principal: Principal, query: PhoneCallsQuery
) -> ASGIApp:
    """List the last calls of a page's phone, newest first."""
    domain_uuid = principal.domain_uuid
    async with request.context.tenants.connection(domain_uuid) as tx:
        number = await _permitted(tx, principal, query.extension)
        await extensions.get(tx, domain_uuid, number)
        wanted = cdr_filter.Filter(extensions=(number,))
        found = await cdr_search.scroll(tx, domain_uuid, wanted, limit=query.limit)
    return responses.json(PhoneCalls([_shown(one, number) for one in found.records]))


async def _permitted(tx: db.Tx, principal: Principal, extension: str | None) -> str:
    """The extension that the principal is to be a phone of. Raises errors.Forbidden,
    errors.Invalid when none was named and none is its own.
    """
    own: Sequence[str] = (principal.extension,)
    if not principal.extension:
        own = await extension_entries.of_user(tx, principal.domain_uuid, principal.user.user_uuid)
    if extension is None:
        if not own:
            raise errors.Invalid(messages.WHICH_EXTENSION, field="extension")
        return own[0]
    if extension not in own and "phone:grant" not in principal.permissions:
        raise errors.Forbidden(messages.NOT_YOUR_EXTENSION(extension=extension))
    return extension


def _websocket_url(base_url: str) -> str:
    """/ws of the API's address (api/sip_websocket.py)."""
    return f"ws{base_url.removeprefix('http')}/ws"


def _shown(one: cdr.Cdr, extension: str) -> PhoneCall:
    """The call as its extension sees it: it made an outbound call, and a local one that is from
    it.
    """
    is_out = one.direction == cdr.DIRECTIONS["outbound"] or (
        one.direction == cdr.DIRECTIONS["local"] and one.from_number == extension
    )
    return PhoneCall(
        id=str(one.cdr_uuid),
        number=one.to_number if is_out else one.from_number,
        direction="out" if is_out else "in",
        status=one.status,
        time_started=one.time_started,
        billsec=one.billsec,
        hotline=one.hotline,
        receive_dest=one.receive_dest,
    )


OPERATIONS = (create_phone_credentials, create_phone_token, list_phone_calls)
