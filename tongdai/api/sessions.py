"""Sessions: people sign in by user name and password, and their browser keeps a cookie in place of
a token.
"""

import secrets
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import auth, cookies, responses
from tongdai.api.operations import PUBLIC, operation
from tongdai.api.principals import Caller, Operator, Principal
from tongdai.api.requests import Request
from tongdai.dialects import Utc
from tongdai.permissions import Permission
from tongdai.store import audit, db, sessions

TAG = "Sessions"
_CLIENT = 300  # characters of a User-Agent that are kept


class Me(Struct, frozen=True, kw_only=True):
    """The account that makes the request, and what it may do."""

    username: Annotated[str, Meta(examples=["admin@demo.tongdai.local"])]
    level: Annotated[
        str, Meta(description="admin, supervisor, agent; operator; or developer: by a link.")
    ]
    domain: Annotated[str, Meta(description='"": an operator who names no domain.')]
    time_zone: Annotated[str, Meta(description="Of the domain.", examples=["Asia/Ho_Chi_Minh"])]
    permissions: list[Permission]
    session: Annotated[UUID | None, Meta(description="null: by a token.")]
    expires_at: Annotated[
        Utc | None, Meta(description="The end of the session, if it is used until then.")
    ]


class Session(Struct, frozen=True):
    """One sign-in of the account. `address` and `client` are those of the browser then."""

    id: UUID
    address: str
    client: Annotated[str, Meta(description="The browser, as it names itself (User-Agent).")]
    created_at: Utc
    used_at: Annotated[Utc, Meta(description="The last use, to the minute.")]
    is_this: Annotated[bool, Meta(description="Whether the request was made by it.")]


class SessionList(Struct, frozen=True):
    """The last used first."""

    data: list[Session]


class OfSession(Struct, frozen=True):
    id: UUID


class SessionsEnded(Struct, frozen=True):
    ended: Annotated[int, Meta(description="How many sessions have ended.")]


@operation(
    "POST",
    "/v1/session",
    may=PUBLIC,
    tag=TAG,
    gives={200: ("The account; the cookie is set.", Me)},
    fails=(
        errors.WrongCredentials,
        errors.CodeNeeded,
        errors.WrongCode,
        errors.Forbidden,
        errors.Invalid,
    ),
)
async def sign_in(request: Request, body: auth.Credentials) -> ASGIApp:
    """Sign in, by a cookie.

    For pages of this server, such as the portal: the cookie is out of reach of scripts, and counts
    only in requests from the same origin that have a header `X-Requested-With`, of any value; so
    does this request. It ends after 12 hours without use, or after 14 days. Programs use tokens.
    """
    if not cookies.is_ours(request):
        raise errors.Forbidden(messages.NOT_OUR_PAGE(header=cookies.PROOF))
    account = await auth.authenticated(request, body)
    secret = secrets.token_urlsafe(32)
    owner = sessions.Holder(account.domain_uuid, account.user_uuid)
    async with request.context.deps.database.transaction() as tx:
        kind = "user" if owner.domain_uuid else "operator"
        await audit.acting(tx, f"{kind}:{account.username}", request.address)
        await begin(tx, request, owner, secret)
    return await begun(request, secret)


async def begin(tx: db.Tx, request: Request, owner: sessions.Holder, secret: str) -> None:
    """The browser that makes the request has a new session, by that secret."""
    await sessions.insert(
        tx,
        owner,
        request.context.master_key.digest(secret),
        address=request.address,
        client=request.header(b"user-agent")[:_CLIENT],
    )


async def begun(request: Request, secret: str) -> ASGIApp:
    """The answer to who signed in, with the cookie of the session."""
    principal = await request.context.principals.of_session(secret)
    headers = responses.NO_STORE | cookies.given(request, secret)
    return responses.json(_me(principal), headers=headers)


@operation("GET", "/v1/session", may="account:read", tag=TAG, gives={200: ("The account.", Me)})
async def show_account(principal: Caller) -> ASGIApp:
    """Show who makes the request.

    The account of the session or the token, and its permissions.
    """
    return responses.json(_me(principal), headers=responses.NO_STORE)


@operation(
    "DELETE",
    "/v1/session",
    may="account:read",
    tag=TAG,
    gives={200: ("It has ended; a token stays as it is.", SessionsEnded)},
)
async def sign_out(request: Request, principal: Caller) -> ASGIApp:
    """Sign out."""
    session = principal.session
    gone = await _end(request, principal, session.session_uuid) if session else 0
    return responses.json(SessionsEnded(gone), headers=cookies.given(request, ""))


@operation(
    "GET",
    "/v1/sessions",
    may="account:read",
    tag=TAG,
    gives={200: ("The sessions.", SessionList)},
)
async def list_sessions(request: Request, principal: Caller) -> ASGIApp:
    """List one's sessions.

    Where the account is signed in. Those of others nobody sees; a new password ends all.
    """
    context, own = request.context, principal.session
    async with context.health_probe.while_healthy(), context.deps.database.connection() as tx:
        found = await sessions.list(tx, holder(principal))
    shown = [
        Session(
            one.session_uuid,
            one.address,
            one.client,
            one.created_at,
            one.used_at,
            own is not None and one.session_uuid == own.session_uuid,
        )
        for one in found
    ]
    return responses.json(SessionList(shown))


@operation(
    "DELETE",
    "/v1/sessions/{id}",
    may="account:write",
    tag=TAG,
    gives={200: ("It has ended.", SessionsEnded)},
    fails=(errors.NotFound,),
)
async def end_session(request: Request, principal: Caller, path: OfSession) -> ASGIApp:
    """End one of one's sessions."""
    if not (gone := await _end(request, principal, path.id)):
        raise errors.NotFound
    return responses.json(SessionsEnded(gone))


@operation(
    "DELETE",
    "/v1/sessions",
    may="account:write",
    tag=TAG,
    gives={200: ("All have ended.", SessionsEnded)},
)
async def sign_out_everywhere(request: Request, principal: Caller) -> ASGIApp:
    """Sign out everywhere.

    All sessions of the account end, this one too. Tokens and API keys stay as they are.
    """
    gone = await _end(request, principal)
    return responses.json(SessionsEnded(gone), headers=cookies.given(request, ""))


async def _end(request: Request, principal: Caller, session_uuid: UUID | None = None) -> int:
    context = request.context
    async with context.health_probe.while_healthy(), context.deps.database.connection() as tx:
        gone = await sessions.delete(tx, holder(principal), session_uuid)
    context.principals.forget(str(holder(principal).domain_uuid or UUID(int=0)))
    return gone


def holder(principal: Caller) -> sessions.Holder:
    """The account that makes the request."""
    if isinstance(principal, Operator):
        return sessions.Holder(None, principal.key)
    domain_uuid = None if principal.is_operator else principal.domain_uuid
    return sessions.Holder(domain_uuid, principal.user.user_uuid)


def _me(principal: Caller) -> Me:
    session = principal.session
    name, level, domain, time_zone = _account(principal)
    return Me(
        username=name,
        level=level,
        domain=domain,
        time_zone=time_zone,
        permissions=sorted(principal.permissions),
        session=session.session_uuid if session else None,
        expires_at=_end_of(principal, session) if session else None,
    )


def username(principal: Caller) -> str:
    """As it logs in."""
    return _account(principal)[0]


def _account(principal: Caller) -> tuple[str, str, str, str]:
    """Its name, level, domain, and the domain's time zone."""
    if isinstance(principal, Operator):
        return principal.operator.username, "operator", "", ""
    user = principal.user
    if principal.link_expires_at:
        return user.username, "developer", user.domain_name, user.time_zone
    if principal.is_operator:
        return user.username, "operator", user.domain_name, user.time_zone
    return f"{user.username}@{user.domain_name}", user.level, user.domain_name, user.time_zone


def _end_of(principal: Caller, session: sessions.Session) -> datetime:
    idle = session.used_at + timedelta(seconds=sessions.IDLE_S)
    end = min(idle, session.created_at + timedelta(seconds=sessions.LONGEST_S))
    if isinstance(principal, Principal) and principal.link_expires_at:
        return min(end, principal.link_expires_at)
    return end


OPERATIONS = (
    sign_in,
    show_account,
    sign_out,
    list_sessions,
    end_session,
    sign_out_everywhere,
)
