"""Accounts and tokens: user name and password give an API key, an API key gives a token."""

from typing import Annotated, Any
from uuid import UUID

from litestar import post
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from tongdai import errors
from tongdai.api import answers, context, inputs, operations
from tongdai.store import users


class Credentials(Struct, frozen=True):
    """A person's user name and password."""

    username: Annotated[
        str, Meta(description="With the domain.", examples=["foo@test.tel4vn.com"])
    ]
    password: Annotated[str, Meta(examples=["foo123"])]


class ApiKey(Struct, frozen=True):
    """What a program logs in with."""

    api_key: Annotated[
        str,
        Meta(
            description="As the account shows it.",
            examples=["5b2c9f3e-6a51-4d27-9d0c-1f0c3a7e8b42"],
        ),
    ]


class Account(Struct, frozen=True):
    """A user of a domain."""

    user_uuid: UUID
    domain_uuid: UUID
    username: Annotated[str, Meta(description="Without the domain.", examples=["foo"])]
    api_key: Annotated[
        str, Meta(description="Gives tokens at `POST /v1/auth/token`. Keep it secret.")
    ]
    user_enabled: Annotated[str, Meta(description="The text true or false.", examples=["true"])]
    level: Annotated[str, Meta(examples=["admin", "user"])]


class AccountFound(Struct, frozen=True):
    data: Account


class Token(Struct, frozen=True):
    """Goes into the header `Authorization: Bearer {token}`."""

    expired: Annotated[
        int, Meta(description="Unix time at which it expires.", examples=[1613636318])
    ]
    token: str
    user_id: UUID
    token_type: str = "Bearer"  # noqa: S105 the word of RFC 6750


class TokenGranted(Struct, frozen=True):
    data: Token


_login: dict[str, Any] = operations.says(
    tag="Authentication",
    takes=Credentials,
    gives={200: ("The account.", AccountFound)},
    fails=(errors.WrongCredentials, errors.Invalid),
    is_public=True,
)


@post("/v1/auth", status_code=200, opt=_login)
async def login(request: context.Ask) -> ASGIApp:
    """Log in.

    The account of a user name and password. After five failures within a minute for one account
    from one address the answer is 429, with `Retry-After`.
    """
    here, given = context.of(request), await inputs.struct(request, Credentials)
    username, _, domain_name = given.username.strip().rpartition("@")
    key = (given.username.strip().lower(), context.address(request))
    here.wrong_logins.check(key)
    here.wrong_logins.count(key)  # before it is tried: many at once are many
    try:
        async with here.login_slots, here.pulse.beating():
            account = await users.login(
                here.deps.database, here.seal, username, domain_name, given.password
            )
    except errors.Unavailable:
        here.wrong_logins.forgive(key)  # nobody looked
        raise
    here.wrong_logins.forgive(key)
    return answers.json(AccountFound(_account(account)), headers=answers.NO_STORE)


_token: dict[str, Any] = operations.says(
    tag="Authentication",
    takes=ApiKey,
    gives={200: ("The token.", TokenGranted)},
    fails=(errors.WrongCredentials, errors.Invalid),
    is_public=True,
)


@post("/v1/auth/token", status_code=200, opt=_token)
async def token(request: context.Ask) -> ASGIApp:
    """Get an access token.

    For the header `Authorization: Bearer {token}` of all other requests, until it expires or the
    API key is rotated.
    """
    here, given = context.of(request), await inputs.struct(request, ApiKey)
    async with here.pulse.beating(), here.deps.database.connection() as tx:
        account = await users.by_api_key(tx, here.seal, given.api_key.strip())
    signed, expires = here.tokens.issue(
        account.domain_uuid, account.user_uuid, account.api_key_version
    )
    return answers.json(
        TokenGranted(Token(expires, signed, account.user_uuid)), headers=answers.NO_STORE
    )


def _account(account: users.Account) -> Account:
    return Account(
        account.user_uuid,
        account.domain_uuid,
        account.username,
        account.api_key,
        str(account.enabled).lower(),
        account.level,
    )


HANDLERS = [login, token]
