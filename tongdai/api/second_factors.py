"""The second factor of one's own account: codes of an authenticator app."""

import time
from typing import Annotated

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.admin import users
from tongdai.api import changes, responses, second_step, sessions, totp
from tongdai.api.operations import operation
from tongdai.api.principals import Caller, Principal
from tongdai.api.requests import Request
from tongdai.store import audit, second_factors

_ISSUER = "tongdai"


class HasSecondFactor(Struct, frozen=True):
    enabled: Annotated[bool, Meta(description="Whether the account signs in by a code too.")]
    recovery_codes: Annotated[int, Meta(description="How many of them are left.")] = 0


class NewSecondFactor(Struct, frozen=True):
    """A secret for an authenticator app. It counts once a code of it was given back."""

    secret: Annotated[str, Meta(description="Base 32, to type into the app.")]
    uri: Annotated[str, Meta(description="`otpauth://...`, which apps read.")]
    qr_svg: Annotated[str, Meta(description="The URI as a QR code, an SVG element.")]


class SecondFactorSet(Struct, frozen=True):
    """From now on a log-in needs a code."""

    enabled: bool
    recovery_codes: Annotated[
        list[str],
        Meta(
            description="Each serves once in place of a code, for whoever loses the app. They are "
            "shown this once.",
            examples=[["k3m9p-x7qra"]],
        ),
    ]


class OfUser(Struct, frozen=True):
    name: Annotated[str, Meta(description="The user name, without the domain.")]


class FirstCode(Struct, frozen=True):
    """The secret, and a code that the app made of it."""

    secret: Annotated[
        str,
        Meta(
            description="As `POST` gave it.",
            examples=["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        ),
    ]
    code: Annotated[str, Meta(description="Six digits.", examples=["123456"])]


class LastCode(Struct, frozen=True):
    code: Annotated[str, Meta(description="A code of now, or a recovery code.")]


@operation(
    "GET",
    "/v1/second-factor",
    may="account:read",
    tag=sessions.TAG,
    gives={200: ("Whether there is one.", HasSecondFactor)},
)
async def show_second_factor(request: Request, principal: Caller) -> ASGIApp:
    """Show whether the account has a second factor."""
    context, holder = request.context, sessions.holder(principal)
    async with context.health_probe.while_healthy(), context.deps.database.connection() as tx:
        found = await second_factors.find(tx, context.master_key, holder)
    shown = HasSecondFactor(found is not None, found.recovery_codes if found else 0)
    return responses.json(shown, headers=responses.NO_STORE)


@operation(
    "POST",
    "/v1/second-factor",
    may="account:write",
    tag=sessions.TAG,
    gives={200: ("A secret; nothing has changed yet.", NewSecondFactor)},
)
async def propose_second_factor(principal: Caller) -> ASGIApp:
    """Get a secret for an authenticator app (TOTP, RFC 6238)."""
    secret = totp.new_secret()
    uri = totp.uri(secret, sessions.username(principal), _ISSUER)
    made = NewSecondFactor(secret, uri, totp.qr_svg(uri))
    return responses.json(made, headers=responses.NO_STORE)


@operation(
    "PUT",
    "/v1/second-factor",
    may="account:write",
    tag=sessions.TAG,
    gives={200: ("From now on a log-in needs a code.", SecondFactorSet)},
    fails=(errors.Invalid, errors.Conflict),
)
async def set_second_factor(request: Request, principal: Caller, body: FirstCode) -> ASGIApp:
    """Begin to use the second factor.

    From now on `POST /v1/session` and `POST /v1/auth` take a code besides the password. API keys
    and tokens stay as they are.
    """
    if not totp.is_secret(body.secret):
        raise errors.Invalid(messages.NOT_OUR_SECRET, field="secret")
    step = totp.step_of(body.secret, body.code, time.time())
    if step is None:
        raise errors.Invalid(messages.WRONG_CODE, field="code")
    context, holder, codes = request.context, sessions.holder(principal), totp.new_recovery_codes()
    async with context.health_probe.while_healthy(), context.deps.database.transaction() as tx:
        await audit.acting(tx, principal.actor, request.address, principal.api_key)
        await second_factors.insert(
            tx, context.master_key, holder, body.secret, step=step, recovery_codes=codes
        )
    made = SecondFactorSet(enabled=True, recovery_codes=codes)
    return responses.json(made, headers=responses.NO_STORE)


@operation(
    "DELETE",
    "/v1/second-factor",
    may="account:write",
    tag=sessions.TAG,
    gives={200: ("A log-in needs the password alone.", HasSecondFactor)},
    fails=(errors.WrongCode, errors.NotFound, errors.Invalid, errors.TooManyRequests),
)
async def remove_second_factor(request: Request, principal: Caller, query: LastCode) -> ASGIApp:
    """Give the second factor up, by a code of it.

    Whoever has lost the app and the recovery codes asks an administrator of the domain; an
    operator asks another one: `tongdai user forget-second-factor`.
    """
    context, holder = request.context, sessions.holder(principal)
    await second_step.check(context, holder, query.code)
    async with context.health_probe.while_healthy(), context.deps.database.transaction() as tx:
        await audit.acting(tx, principal.actor, request.address, principal.api_key)
        if not await second_factors.delete(tx, holder):
            raise errors.NotFound
    return responses.json(HasSecondFactor(enabled=False))


@operation(
    "DELETE",
    "/v1/admin/users/{name}/second-factor",
    may="user:write",
    tag=sessions.TAG,
    gives={200: ("The user signs in by password alone.", responses.Deleted)},
    fails=(errors.NotFound,),
)
async def forget_second_factor(request: Request, principal: Principal, path: OfUser) -> ASGIApp:
    """Forget a user's second factor, who lost it."""
    async with changes.transaction(request, principal) as tx:
        await users.forget_second_factor(tx, principal.domain_uuid, path.name)
    return responses.json(responses.Deleted(deleted=True))


OPERATIONS = (
    show_second_factor,
    propose_second_factor,
    set_second_factor,
    remove_second_factor,
    forget_second_factor,
)
