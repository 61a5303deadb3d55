"""Permissions: what each level of user may do through the API, and what an API key's scopes leave
of it.

Each operation of the API declares one permission, or that it is public. It is checked in one
place: `tongdai.api.operations`.
"""

from collections.abc import Collection
from typing import Literal, get_args

Level = Literal["admin", "supervisor", "agent"]
LEVELS: tuple[Level, ...] = get_args(Level)

Permission = Literal[
    "cdr:read",
    "call:create",
    "call:read",
    "call:control",
    "phone:use",
    "phone:grant",
    "event:read",
    "event:write",
    "event:trigger",
    "recording:delete",
    "extension:read",
    "extension:write",
    "api_key:read",
    "api_key:write",
    "routing:read",
    "routing:write",
    "audit:read",
    "trunk:read",
    "trunk:write",
    "domain:read",
    "domain:write",
    "domain:operate",
    "user:read",
    "user:write",
    "operator:read",
    "operator:write",
    "ban:read",
    "ban:write",
    "sandbox:call",
    "account:read",
    "account:write",
]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)

OPERATORS: frozenset[Permission] = frozenset(
    {"trunk:write", "domain:operate", "operator:read", "operator:write", "ban:read", "ban:write"}
)
"""Those that no user of a domain has: what they permit concerns other domains too."""
SCOPES: tuple[Permission, ...] = tuple(one for one in PERMISSIONS if one not in OPERATORS)
"""Those that an API key of a user may have."""

ACCOUNT: frozenset[Permission] = frozenset({"account:read", "account:write"})
"""Those for one's own account, which everybody has who signed in by password."""
_AGENT: frozenset[Permission] = ACCOUNT | {
    "cdr:read",
    "call:create",
    "call:read",
    "phone:use",
    "event:read",
    "event:write",
}

OF_LEVEL: dict[Level, frozenset[Permission]] = {
    "admin": frozenset(PERMISSIONS) - OPERATORS,
    "supervisor": _AGENT | {"call:control"},
    "agent": _AGENT,  # as every user that was no admin could before there were three levels
}
"""Permissions of the users of a domain. An operator of the installation belongs to no domain; in
one that its request names it has all permissions."""


def holders(permission: Permission) -> tuple[str, ...]:
    """The levels that have it; only "operator" if no user of a domain has it."""
    levels = tuple(level for level in LEVELS if permission in OF_LEVEL[level])
    return levels or ("operator",)


OF_DEVELOPERS: frozenset[Permission] = frozenset({"account:read", "event:read", "event:write"})
"""Permissions of whoever opened a link for developers."""
OF_PHONE_TOKENS: frozenset[Permission] = frozenset({"phone:use"})
"""Permissions of the token of one browser phone."""


def granted(level: Level, scopes: Collection[str] | None) -> frozenset[Permission]:
    """The permissions of a user of that level with an API key of those scopes; None: all of the
    level.
    """
    allowed = OF_LEVEL[level]
    return allowed if scopes is None else allowed.intersection(scopes)
