"""The nouns of a domain's configuration, all used in the same way: listed, read, created, changed,
deleted. Each gives the use cases of its own module that form.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.admin import devices as device_cases
from tongdai.admin import extensions as extension_cases
from tongdai.admin import hotlines as hotline_cases
from tongdai.admin import trunks as trunk_cases
from tongdai.encryption import MasterKey
from tongdai.pbx import endpoint
from tongdai.pbx.directory import Caller, Extension, HoursPlan, Menu, Queue, RingGroup
from tongdai.store import (
    callers,
    db,
    devices,
    extensions,
    hotlines,
    hours_plans,
    lists,
    menus,
    queues,
    ring_groups,
    trunks,
)

Fields: TypeAlias = Mapping[str, Any]
"""Fields of a noun by name."""
Domain: TypeAlias = Any
"""The UUID of the domain that a noun belongs to; None for those of the installation."""


async def _no_revision(_tx: db.Tx, _domain_uuid: Domain, _name: str) -> int:
    return 0


class Noun(msgspec.Struct, frozen=True, kw_only=True):
    """One noun. `kind` is the struct of one of them; its fields in `own` are tongdai's, and `key`
    names it in its domain; those of `fixed` are given once, as the key is. `inputs` are given to
    `create` besides, and `changes`, with their types, to `change`; those of `renewable` to both.
    What `create` and `change` return is shown this once, such as a new password: `once` names it.
    They, `get` and `delete` raise as the store's functions of the same names. `revision` is
    another number after each change of what the struct does not show: a password.

    `of` says what it belongs to: a domain; the installation, then its functions get None for the
    domain; or it is a domain itself. What is `beyond` refers to other domains' things, too: an
    operator reads and changes it as the owner of the tables, past row-level security.
    """

    word: str  # ring group
    kind: type[msgspec.Struct]
    key: str
    listing: lists.Listing
    get: Callable[[db.Tx, Domain, str], Awaitable[Any]]
    create: Callable[[db.Tx, Domain, MasterKey, Fields], Awaitable[Fields]]
    change: Callable[[db.Tx, Domain, MasterKey, str, Fields], Awaitable[Fields]]
    delete: Callable[[db.Tx, Domain, str], Awaitable[None]]
    own: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    renewable: tuple[str, ...] = ()
    changes: dict[str, type] = {}
    once: tuple[str, ...] = ()
    beyond: bool = False
    of: Literal["domain", "itself", "installation"] = "domain"
    revision: Callable[[db.Tx, Domain, str], Awaitable[int]] = _no_revision

    def name_of(self, fields: Fields) -> str:
        """The name of one that is made of these fields."""
        return str(fields[self.key])

    def renamed(self, name: str, changes: Fields) -> str:
        """The name after these changes."""
        return str(changes.get("new_name", name))


async def _create_extension(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, fields: Fields
) -> Fields:
    given = {**fields}
    password, kind = given.pop("password", None), given.pop("kind", "sip")
    webrtc, made = given.pop("webrtc", None), Extension(**given)
    with extension_cases.naming():
        async with db.savepoint(tx):  # its refusals are errors of ours inside
            chosen = await extensions.insert(tx, domain_uuid, made, password, kind, webrtc=webrtc)
    return {"password": chosen}


async def _change_extension(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, name: str, fields: Fields
) -> Fields:
    changes = {**fields}
    _, chosen = await extension_cases.update(
        tx,
        domain_uuid,
        name,
        changes,
        password=changes.pop("password", None),
        new_password=changes.pop("new_password", False),
        unsuspend=changes.pop("unsuspend", False),
        webrtc=changes.pop("webrtc", None),
    )
    return {"password": chosen} if chosen else {}


async def _create_ring_group(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, fields: Fields
) -> Fields:
    await ring_groups.insert(tx, domain_uuid, RingGroup(**fields))
    return {}


async def _change_ring_group(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, name: str, fields: Fields
) -> Fields:
    await ring_groups.change(tx, domain_uuid, name, {**fields})
    return {}


async def _create_queue(tx: db.Tx, domain_uuid: UUID, _key: MasterKey, fields: Fields) -> Fields:
    await queues.insert(tx, domain_uuid, Queue(**fields))
    return {}


async def _change_queue(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, name: str, fields: Fields
) -> Fields:
    await queues.change(tx, domain_uuid, name, {**fields})
    return {}


async def _create_menu(tx: db.Tx, domain_uuid: UUID, _key: MasterKey, fields: Fields) -> Fields:
    await menus.insert(tx, domain_uuid, Menu(**fields))
    return {}


async def _change_menu(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, name: str, fields: Fields
) -> Fields:
    await menus.change(tx, domain_uuid, name, {**fields})
    return {}


async def _create_hours_plan(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, fields: Fields
) -> Fields:
    await hours_plans.insert(tx, domain_uuid, HoursPlan(**fields))
    return {}


async def _change_hours_plan(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, name: str, fields: Fields
) -> Fields:
    await hours_plans.change(tx, domain_uuid, name, {**fields})
    return {}


async def _create_caller(tx: db.Tx, domain_uuid: UUID, _key: MasterKey, fields: Fields) -> Fields:
    await callers.insert(tx, domain_uuid, Caller(**fields))
    return {}


async def _put_caller(tx: db.Tx, domain_uuid: UUID, _key: MasterKey, fields: Fields) -> Fields:
    await callers.put(tx, domain_uuid, Caller(**fields))
    return {}


async def _change_caller(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, name: str, fields: Fields
) -> Fields:
    await callers.change(tx, domain_uuid, name, {**fields})
    return {}


async def _create_hotline(tx: db.Tx, domain_uuid: UUID, _key: MasterKey, fields: Fields) -> Fields:
    given = {**fields}
    await hotline_cases.create(tx, domain_uuid, given.pop("number"), **given)
    return {}


async def _change_hotline(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, name: str, fields: Fields
) -> Fields:
    changes = {**fields}
    trunk, further = changes.pop("trunk", None), changes.pop("further_trunks", None)
    await hotline_cases.update(tx, domain_uuid, name, changes, trunk=trunk, further_trunks=further)
    return {}


async def _create_trunk(tx: db.Tx, domain_uuid: UUID, key: MasterKey, fields: Fields) -> Fields:
    given = {**fields}
    username, password = given.pop("auth_username"), given.pop("password")
    await trunk_cases.create(
        tx, domain_uuid, key, trunks.Trunk(**given), auth_username=username, password=password
    )
    return {}


async def _change_trunk(
    tx: db.Tx, domain_uuid: UUID, key: MasterKey, name: str, fields: Fields
) -> Fields:
    changes = {**fields}
    password = changes.pop("password", None)
    if "new_name" in changes:
        changes["name"] = changes.pop("new_name")
    known = await trunks.configured(tx, domain_uuid, name)
    await trunk_cases.update(tx, domain_uuid, key, known.name, changes, password=password)
    return {}


async def _delete_trunk(tx: db.Tx, domain_uuid: UUID, name: str) -> None:
    known = await trunks.configured(tx, domain_uuid, name)
    await trunks.delete(tx, domain_uuid, known.trunk_uuid)


class _Devices(Noun, frozen=True, kw_only=True):
    """An extension's number and a device's name make the name of its account."""

    def name_of(self, fields: Fields) -> str:
        return endpoint.account(fields["extension"], fields["name"])


async def _create_device(tx: db.Tx, domain_uuid: UUID, _key: MasterKey, fields: Fields) -> Fields:
    given = {**fields}
    extension, password = given.pop("extension"), given.pop("password")
    if await extensions.find(tx, domain_uuid, extension) is None:
        raise errors.InvalidExtension(field="extension")
    made = devices.Device(**given)
    return {"password": await devices.insert(tx, domain_uuid, extension, made, password)}


async def _change_device(
    tx: db.Tx, domain_uuid: UUID, _key: MasterKey, account: str, fields: Fields
) -> Fields:
    known, changes = await devices.configured(tx, domain_uuid, account), {**fields}
    _, chosen = await device_cases.update(
        tx,
        domain_uuid,
        known.extension,
        known.name,
        changes,
        password=changes.pop("password", None),
        new_password=changes.pop("new_password", False),
    )
    return {"password": chosen} if chosen else {}


async def _delete_device(tx: db.Tx, domain_uuid: UUID, account: str) -> None:
    known = await devices.configured(tx, domain_uuid, account)
    await devices.delete(tx, domain_uuid, known.extension, known.name)


async def _password_changes_of_device(tx: db.Tx, domain_uuid: UUID, account: str) -> int:
    known = await devices.configured(tx, domain_uuid, account)
    return await devices.password_changes(tx, domain_uuid, known.extension, known.name)


async def _password_changes_of_trunk(tx: db.Tx, domain_uuid: UUID, name: str) -> int:
    known = await trunks.configured(tx, domain_uuid, name)
    return await trunks.password_changes(tx, known.trunk_uuid)


NOUNS = {
    "extensions": Noun(
        word="extension",
        kind=Extension,
        key="extension",
        listing=extensions.LISTING,
        get=extensions.get,
        create=_create_extension,
        change=_change_extension,
        delete=extension_cases.delete,
        own=("devices", "suspended_until", "suspended_why"),
        inputs=("password", "kind", "webrtc"),
        renewable=("password", "webrtc"),
        once=("password",),
        changes={"new_password": bool, "unsuspend": bool},
        revision=devices.password_changes,
    ),
    "ring-groups": Noun(
        word="ring group",
        kind=RingGroup,
        key="number",
        listing=ring_groups.LISTING,
        get=ring_groups.get,
        create=_create_ring_group,
        change=_change_ring_group,
        delete=ring_groups.delete,
        own=("next_member",),
    ),
    "queues": Noun(
        word="queue",
        kind=Queue,
        key="number",
        listing=queues.LISTING,
        get=queues.get,
        create=_create_queue,
        change=_change_queue,
        delete=queues.delete,
    ),
    "menus": Noun(
        word="menu",
        kind=Menu,
        key="number",
        listing=menus.LISTING,
        get=menus.get,
        create=_create_menu,
        change=_change_menu,
        delete=menus.delete,
    ),
    "hours-plans": Noun(
        word="hours plan",
        kind=HoursPlan,
        key="name",
        listing=hours_plans.LISTING,
        get=hours_plans.get,
        create=_create_hours_plan,
        change=_change_hours_plan,
        delete=hours_plans.delete,
    ),
    "callers": Noun(
        word="caller",
        kind=Caller,
        key="caller",
        listing=callers.LISTING,
        get=callers.get,
        create=_create_caller,
        change=_change_caller,
        delete=callers.delete,
    ),
    "devices": _Devices(
        word="device",
        kind=devices.Configured,
        key="account",
        listing=devices.LISTING,
        get=devices.configured,
        create=_create_device,
        change=_change_device,
        delete=_delete_device,
        own=("account", "created_at"),
        fixed=("extension", "name"),
        inputs=("password",),
        renewable=("password",),
        changes={"new_password": bool},
        once=("password",),
        revision=_password_changes_of_device,
    ),
    "hotlines": Noun(
        word="hotline",
        kind=hotlines.Configured,
        key="number",
        listing=hotlines.LISTING,
        get=hotlines.configured,
        create=_create_hotline,
        change=_change_hotline,
        delete=hotlines.delete,
        own=("canonical", "domain"),
        beyond=True,
    ),
    "trunks": Noun(
        word="trunk",
        kind=trunks.Configured,
        key="name",
        listing=trunks.LISTING,
        get=trunks.configured,
        create=_create_trunk,
        change=_change_trunk,
        delete=_delete_trunk,
        own=(
            *("trunk_uuid", "domain", "registration", "registration_status"),
            *("registration_since", "registration_heard_at"),
        ),
        inputs=("password",),
        renewable=("password",),
        changes={"new_name": str},
        beyond=True,
        revision=_password_changes_of_trunk,
    ),
}
"""By the name of their list in paths."""
WRITTEN_CALLERS = msgspec.structs.replace(NOUNS["callers"], create=_put_caller)
"""Callers that are written whether there was one or not."""
