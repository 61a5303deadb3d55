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
    "sandbox:call",
]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)

_AGENT: frozenset[Permission] = frozenset({"cdr:read", "call:create", "event:read", "event:write"})

OF_LEVEL: dict[Level, frozenset[Permission]] = {
    "admin": frozenset(PERMISSIONS),
    "supervisor": _AGENT,  # what it may do besides comes with live control of others' calls
    "agent": _AGENT,  # as every user that was no admin could before there were three levels
}
"""Permissions of the users of a domain. An operator of the installation has none of these: it
belongs to no domain."""


def granted(level: Level, scopes: Collection[str] | None) -> frozenset[Permission]:
    """The permissions of a user of that level with an API key of those scopes; None: all of the
    level.
    """
    allowed = OF_LEVEL[level]
    return allowed if scopes is None else allowed.intersection(scopes)
