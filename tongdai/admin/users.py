"""Users of a domain, and operators of the installation."""

from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.encryption import MasterKey
from tongdai.permissions import Level
from tongdai.store import db, operators, passwords, second_factors, users
from tongdai.store.sessions import Holder

LEVEL: Level = "admin"
"""The default level of a new user."""


async def create(
    tx: db.Tx,
    domain_uuid: UUID,
    master_key: MasterKey,
    username: str,
    *,
    password: str | None = None,
    level: Level = LEVEL,
    enabled: bool = True,
) -> tuple[users.Account, str]:
    """Creates a user. Returns it and its password, given or generated. Raises as users.insert."""
    password = password or passwords.generated()
    account = await users.insert(
        tx, domain_uuid, master_key, username, password, level=level, enabled=enabled
    )
    return account, password


async def update(
    tx: db.Tx,
    domain_uuid: UUID,
    username: str,
    changes: dict[str, Any],
    password: str | None = None,
) -> users.User:
    """The changed user; password None leaves the old one. Raises as users.update."""
    changed = msgspec.structs.replace(await users.get(tx, domain_uuid, username), **changes)
    await users.update(tx, domain_uuid, changed, password)
    return changed


async def forget_second_factor(tx: db.Tx, domain_uuid: UUID, username: str) -> None:
    """The user signs in by password alone. Raises errors.NotFound, also where it did before."""
    user = await users.get(tx, domain_uuid, username)
    await _forget_second_factor(tx, Holder(domain_uuid, user.user_uuid))


async def forget_second_factor_of_operator(tx: db.Tx, username: str) -> None:
    """As `forget_second_factor`."""
    operator = await operators.get(tx, username)
    await _forget_second_factor(tx, Holder(None, operator.operator_uuid))


async def _forget_second_factor(tx: db.Tx, holder: Holder) -> None:
    if not await second_factors.delete(tx, holder):
        raise errors.NotFound("this account has no second factor")


async def create_operator(
    tx: db.Tx,
    master_key: MasterKey,
    username: str,
    *,
    password: str | None = None,
    enabled: bool = True,
) -> tuple[operators.Account, str]:
    """Creates an operator. Returns it and its password, given or generated. Raises as
    operators.insert.
    """
    password = password or passwords.generated()
    made = await operators.insert(tx, master_key, username, password, enabled=enabled)
    return made, password


async def update_operator(
    tx: db.Tx, username: str, changes: dict[str, Any], password: str | None = None
) -> operators.Operator:
    """The changed operator; password None leaves the old one. Raises as operators.update."""
    changed = msgspec.structs.replace(await operators.get(tx, username), **changes)
    await operators.update(tx, changed, password)
    return changed
