"""Domains, their users, and the operators of the installation, as nouns (`nouns`)."""

from typing import Any
from uuid import UUID

from tongdai.admin import domains as domain_cases
from tongdai.admin import users as user_cases
from tongdai.admin.nouns import Fields, Noun
from tongdai.encryption import MasterKey
from tongdai.store import db, deletion, domains, operators, passwords, users


async def _create_user(tx: db.Tx, domain_uuid: UUID, key: MasterKey, fields: Fields) -> Fields:
    _, password = await user_cases.create(tx, domain_uuid, key, **fields)
    return {"password": password}


async def _change_user(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, name: str, fields: Fields
) -> Fields:
    changes, password = _renewed(fields)
    await user_cases.update(tx, domain_uuid, name, changes, password)
    return {"password": password} if password else {}


async def _get_operator(tx: db.Tx, _installation: None, name: str) -> operators.Operator:
    return await operators.get(tx, name)


async def _create_operator(
    tx: db.Tx, _installation: None, key: MasterKey, fields: Fields
) -> Fields:
    _, password = await user_cases.create_operator(tx, key, **fields)
    return {"password": password}


async def _change_operator(
    tx: db.Tx, _installation: None, _key: MasterKey, name: str, fields: Fields
) -> Fields:
    changes, password = _renewed(fields)
    await user_cases.update_operator(tx, name, changes, password)
    return {"password": password} if password else {}


async def _delete_operator(tx: db.Tx, _installation: None, name: str) -> None:
    await operators.delete(tx, name)


async def _password_changes_of_operator(tx: db.Tx, _installation: None, name: str) -> int:
    return await operators.password_changes(tx, name)


def _renewed(fields: Fields) -> tuple[dict[str, Any], str | None]:
    """The changes of an account, and its new password: given, random, or None."""
    changes = {**fields}
    password, is_new = changes.pop("password", None), changes.pop("new_password", False)
    return changes, password or (passwords.generated() if is_new else None)


async def _create_domain(tx: db.Tx, _none: None, _key: MasterKey, fields: Fields) -> Fields:
    await domains.insert(tx, **fields)
    return {}


async def _change_domain(
    tx: db.Tx, _domain_uuid: UUID, _key: MasterKey, name: str, fields: Fields
) -> Fields:
    changes = {**fields}
    unsuspend = changes.pop("unsuspend", False)
    await domain_cases.update(tx, name, changes, unsuspend=unsuspend)
    return {}


async def _delete_domain(tx: db.Tx, domain_uuid: UUID, _name: str) -> None:
    await deletion.begin(tx, domain_uuid)


ACCOUNTS = {
    "users": Noun(
        word="user",
        kind=users.User,
        key="username",
        listing=users.LISTING,
        get=users.get,
        create=_create_user,
        change=_change_user,
        delete=users.delete,
        own=("user_uuid", "domain_uuid", "created_at"),
        inputs=("password",),
        renewable=("password",),
        changes={"new_password": bool},
        once=("password",),
        revision=users.password_changes,
    ),
    "domains": Noun(
        word="domain",
        kind=domains.Configured,
        key="name",
        listing=domains.LISTING,
        get=domains.configured,
        create=_create_domain,
        change=_change_domain,
        delete=_delete_domain,
        own=("domain_uuid", "suspended_until", "suspended_why", "deleting_since"),
        changes={"unsuspend": bool},
        beyond=True,
        of="itself",
    ),
    "operators": Noun(
        word="operator",
        kind=operators.Operator,
        key="username",
        listing=operators.LISTING,
        get=_get_operator,
        create=_create_operator,
        change=_change_operator,
        delete=_delete_operator,
        own=("operator_uuid", "created_at", "api_key_version"),
        inputs=("password",),
        renewable=("password",),
        changes={"new_password": bool},
        once=("password",),
        beyond=True,
        of="installation",
        revision=_password_changes_of_operator,
    ),
}
"""By the name of their list in paths."""
