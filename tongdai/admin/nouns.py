"""The nouns of a domain's configuration, all used in the same way: listed, read, created, changed,
deleted. Each gives the use cases of its own module that form.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from tongdai.admin import extensions as extension_cases
from tongdai.pbx.directory import Extension, Queue, RingGroup
from tongdai.store import db, extensions, lists, queues, ring_groups

Fields: TypeAlias = Mapping[str, Any]
"""Fields of a noun by name."""


class Noun(msgspec.Struct, frozen=True, kw_only=True):
    """One noun. `kind` is the struct of one of them; its fields in `own` are tongdai's, and `key`
    names it in its domain. `inputs` are given to `create` besides, and `changes`, with their
    types, to `change`.

    `create` and `change` return what is shown this once, such as a new password. They, `get` and
    `delete` raise as the store's functions of the same names.
    """

    word: str  # ring group
    kind: type[msgspec.Struct]
    key: str
    listing: lists.Listing
    get: Callable[[db.Tx, UUID, str], Awaitable[Any]]
    create: Callable[[db.Tx, UUID, Fields], Awaitable[Fields]]
    change: Callable[[db.Tx, UUID, str, Fields], Awaitable[Fields]]
    delete: Callable[[db.Tx, UUID, str], Awaitable[None]]
    own: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    changes: dict[str, type] = {}


async def _create_extension(tx: db.Tx, domain_uuid: UUID, fields: Fields) -> Fields:
    given = {**fields}
    password, kind = given.pop("password", None), given.pop("kind", "sip")
    with extension_cases.naming():
        chosen = await extensions.insert(tx, domain_uuid, Extension(**given), password, kind)
    return {"password": chosen}


async def _change_extension(tx: db.Tx, domain_uuid: UUID, name: str, fields: Fields) -> Fields:
    changes = {**fields}
    _, chosen = await extension_cases.update(
        tx,
        domain_uuid,
        name,
        changes,
        password=changes.pop("password", None),
        new_password=changes.pop("new_password", False),
        unsuspend=changes.pop("unsuspend", False),
    )
    return {"password": chosen} if chosen else {}


async def _create_ring_group(tx: db.Tx, domain_uuid: UUID, fields: Fields) -> Fields:
    await ring_groups.insert(tx, domain_uuid, RingGroup(**fields))
    return {}


async def _change_ring_group(tx: db.Tx, domain_uuid: UUID, name: str, fields: Fields) -> Fields:
    await ring_groups.change(tx, domain_uuid, name, {**fields})
    return {}


async def _create_queue(tx: db.Tx, domain_uuid: UUID, fields: Fields) -> Fields:
    await queues.insert(tx, domain_uuid, Queue(**fields))
    return {}


async def _change_queue(tx: db.Tx, domain_uuid: UUID, name: str, fields: Fields) -> Fields:
    await queues.change(tx, domain_uuid, name, {**fields})
    return {}


NOUNS = {
    "extensions": Noun(
        word="extension",
        kind=Extension,
        key="extension",
        listing=extensions.LISTING,
        get=extensions.get,
        create=_create_extension,
        change=_change_extension,
        delete=extensions.delete,
        own=("devices", "suspended_until", "suspended_why"),
        inputs=("password", "kind"),
        changes={"new_password": bool, "unsuspend": bool},
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
}
"""By the name of their list in paths."""
