"""Users of a domain, and operators of the installation."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from tongdai import errors, messages
from tongdai.admin.accounts import ACCOUNTS
from tongdai.api.principals import Caller, Operator
from tongdai.api.resources import Resource
from tongdai.permissions import LEVELS, OF_LEVEL, Level

Username = Annotated[
    str, Meta(description="Letters, digits and . _ + -, without the domain.", examples=["an"])
]
Password = Annotated[
    str | None, Meta(description="null: a random one, which the answer shows this once.")
]


class NewUser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new user of a domain, with an API key of its own, which log-in shows."""

    username: Username
    level: Annotated[
        Level,
        Meta(
            description="admin: all in the domain; supervisor, agent: records, events, "
            "click-to-call."
        ),
    ] = "agent"
    enabled: bool = True
    password: Password = None


class NewOperator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new operator of the installation."""

    username: Username
    enabled: bool = True
    password: Password = None


class Users(Resource):
    """Nobody makes or changes a user who may do more, nor shuts out the own account."""

    def check(self, principal: Caller, known: Any | None, given: Mapping[str, Any] | None) -> None:
        levels = {one.level for one in (known,) if one} | {(given or {}).get("level")}
        for level in LEVELS:
            if level in levels and not _covers(principal, level):
                raise errors.Forbidden(messages.LEVEL_BEYOND(level=level))
        if known and not principal.is_operator and known.user_uuid == _own(principal):
            _keep_own(known, given, kept=("level", "enabled"))


class Operators(Resource):
    """No operator shuts out the own account, so one is left."""

    def check(self, principal: Caller, known: Any | None, given: Mapping[str, Any] | None) -> None:
        if known and known.operator_uuid == _own(principal):
            _keep_own(known, given, kept=("enabled",))


def _covers(principal: Caller, level: Level) -> bool:
    """Whether the principal may do all that such a user may, for as long."""
    lasts = isinstance(principal, Operator) or principal.user.api_key_expires_at is None
    return lasts and principal.permissions >= OF_LEVEL[level]


def _own(principal: Caller) -> Any:
    """The UUID of the account."""
    return principal.key if isinstance(principal, Operator) else principal.user.user_uuid


def _keep_own(known: Any, given: Mapping[str, Any] | None, *, kept: tuple[str, ...]) -> None:
    """Raises errors.Conflict if these fields change, or it is deleted (`given` is None)."""
    if given is None:
        raise errors.Conflict(messages.OWN_ACCOUNT, field="username")
    for field in kept:
        if given.get(field, getattr(known, field)) != getattr(known, field):
            raise errors.Conflict(messages.OWN_ACCOUNT, field=field)


OPERATIONS = (
    *Users("users", ACCOUNTS["users"], NewUser, "user").operations(),
    *Operators("operators", ACCOUNTS["operators"], NewOperator, "operator").operations(),
)
