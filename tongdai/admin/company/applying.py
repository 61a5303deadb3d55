"""A domain is made to be as a company file says, in the caller's transaction.

Things refer to each other in circles: a hotline leads to an extension, which presents the hotline.
So what is to go loses what leads to it, and goes; what is new is created without references; then
all references are written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.admin.company import difference, document, history, things
from tongdai.admin.company.difference import Change, Names, Pair
from tongdai.admin.company.document import Item
from tongdai.admin.company.snapshot import company, labels, subscription_uuids
from tongdai.admin.company.things import Secret, Target
from tongdai.admin.company.yaml_file import File
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import audit, db, domains, subscriptions
from tongdai.store import company as stored

_SECRET = "***"  # noqa: S105  in its place
_NUMBERED = ("extensions", "ring_groups", "queues", "menus")
_DELETED = (
    "hotlines",
    "hours_plans",
    "ring_groups",
    "queues",
    "menus",
    "extensions",
    "users",
    "subscriptions",
)
_CREATED = (
    "extensions",
    "ring_groups",
    "queues",
    "menus",
    "hours_plans",
    "hotlines",
    "users",
    "subscriptions",
)


class Applied(msgspec.Struct, frozen=True):
    """The changes of the domain, and the passwords that were made: each is shown this once."""

    domain: str
    changes: list[Change]
    secrets: list[Secret]


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What applying a file takes besides. `guard` raises errors.Invalid for a URL that must not be
    called; new domains are on the `node`.
    """

    master_key: MasterKey
    guard: Callable[[str], object]
    most_subscriptions: int = subscriptions.MOST
    node: str = directory.NODE


async def export(tx: db.Tx, domain_uuid: UUID) -> document.Company:
    """The domain as a file, without secrets."""
    usable = await stored.usable_trunks(tx, domain_uuid)
    return company(await stored.rows(tx, domain_uuid), labels(usable))


async def past(tx: db.Tx, domain_uuid: UUID, moment: datetime) -> document.Company:
    """The domain as it was at that moment, by the audit log, as a file. Raises errors.Gone where
    the log does not reach back to it.
    """
    entries = await audit.since(tx, domain_uuid, moment)
    usable = await stored.usable_trunks(tx, domain_uuid)
    rows = history.undone(await stored.rows(tx, domain_uuid), entries)
    return company(rows, labels(usable))


async def plan(tx: db.Tx, file: File, means: Means) -> Applied:
    """What `apply` would do now: it is done, and undone. Raises as `apply`."""
    async with db.tried(tx):
        done = await apply(tx, file, means)
    return Applied(done.domain, done.changes, [])


async def apply(tx: db.Tx, file: File, means: Means) -> Applied:
    """The domain of the file is as the file says; it is created if there is none. Raises
    errors.Invalid and errors.Conflict naming the path and line in the file.
    """
    with _told(file, "domain"):
        known, changes = await _domain(tx, file.company.domain, means.node)
    domain_uuid = known.domain_uuid
    last = await stored.last_changes(tx, domain_uuid)
    names = Names(known.country, labels(await stored.usable_trunks(tx, domain_uuid)))
    rows = await stored.rows(tx, domain_uuid)
    before = company(rows, names.trunks)
    wanted = difference.wanted(file, names)
    pairs = [
        pair
        for section in document.SECTIONS
        for pair in difference.pairs(section, before, wanted, names)
    ]
    target = Target(
        tx=tx,
        domain_uuid=domain_uuid,
        country=known.country,
        master_key=means.master_key,
        guard=means.guard,
        most_subscriptions=means.most_subscriptions,
        subscription_uuids=dict(
            zip(
                difference.keyed("subscriptions", before, names),
                subscription_uuids(rows),
                strict=True,
            )
        ),
    )
    work = _Work(target, file, pairs)
    await work.run()
    changes += [_with_last(change, last) for change in work.changes()]
    return Applied(known.name, changes, work.secrets)


class _Work:
    """The steps, in their order."""

    def __init__(self, target: Target, file: File, pairs: list[Pair]) -> None:
        self._target, self._file, self._pairs = target, file, pairs
        self._now: dict[tuple[str, str], Item] = {}  # what is stored, where it is not `before`
        self._renewed: dict[tuple[str, str], list[str]] = {}
        self.secrets: list[Secret] = []

    async def run(self) -> None:
        """All is as wanted."""
        await self._loosen()
        for section in _DELETED:
            await self._delete(section)
        for section in ("trunks", *_CREATED):
            await self._create(section)
        for pair in self._pairs:
            await self._finish(pair)
        await self._delete("trunks")

    def changes(self) -> Iterator[Change]:
        """What differed, in the order of the file's sections."""
        for pair in self._pairs:
            if (change := self._change(pair)) is not None:
                yield change

    def _change(self, pair: Pair) -> Change | None:
        item = pair.wanted.item if pair.wanted else None
        was, is_now = difference.changed_fields(pair.before, item)
        secrets = dict.fromkeys(self._renewed.get((pair.section, pair.key), ()), _SECRET)
        if pair.before is not None and item is not None and not (was or is_now or secrets):
            return None
        thing = pair.before if item is None else item
        return Change(
            action="create" if pair.before is None else "delete" if item is None else "update",
            noun=difference.NOUNS[pair.section],
            name=difference.name_of(thing) if thing else pair.key,
            before=was | secrets,
            after=is_now | secrets,
        )

    async def _loosen(self) -> None:
        """Nothing in the file's sections leads to what is to go."""
        pairs = [pair for pair in self._pairs if pair.wanted is None]
        gone = things.Gone(
            numbers={pair.key for pair in pairs if pair.section in _NUMBERED},
            hotlines={pair.key for pair in pairs if pair.section == "hotlines"},
            hours_plans={pair.key for pair in pairs if pair.section == "hours_plans"},
        )
        country = self._target.country
        for pair in self._pairs:
            if pair.before is None:
                continue
            loose = things.without(pair.before, gone, country)
            if loose != pair.before:
                await things.update(self._target, pair.before, loose, pair.key)
                self._now[pair.section, pair.key] = loose

    async def _delete(self, section: str) -> None:
        for pair in self._of(section):
            if pair.before is not None and pair.wanted is None:
                name = difference.name_of(pair.before)
                try:
                    await things.delete(self._target, pair.before, pair.key)
                except errors.Conflict as reason:
                    why = messages.NOT_DELETED(name=name, why=reason.why)
                    raise errors.Conflict(why, field=section) from reason

    async def _create(self, section: str) -> None:
        for pair in self._of(section):
            if pair.before is None and pair.wanted is not None:
                bare = things.bare(pair.wanted.item)
                with _told(self._file, pair.wanted.path):
                    self.secrets += await things.create(self._target, bare, pair.key)
                self._now[pair.section, pair.key] = bare

    async def _finish(self, pair: Pair) -> None:
        """What stays, or was created, is as wanted."""
        if pair.wanted is None:
            return
        now = self._now.get((pair.section, pair.key), pair.before)
        with _told(self._file, pair.wanted.path):
            if now and difference.changed_fields(now, pair.wanted.item) != ({}, {}):
                item = pair.wanted.item
                self.secrets += await things.update(self._target, now, item, pair.key)
            if pair.before is not None:
                renewed = await things.renew_secrets(self._target, pair.wanted.item, pair.key)
                self._renewed[pair.section, pair.key] = renewed

    def _of(self, section: str) -> list[Pair]:
        return [pair for pair in self._pairs if pair.section == section]


async def _domain(
    tx: db.Tx, wanted: document.Domain, node: str
) -> tuple[directory.Domain, list[Change]]:
    """The domain with its settings, made if there is none, and what changed."""
    given = {
        name: value
        for name in wanted.__struct_fields__
        if (value := getattr(wanted, name)) is not msgspec.UNSET
    }
    try:
        known = await domains.by_name(tx, wanted.name)
    except errors.NotFound:
        made = await domains.insert(tx, **{"node": node, **given})
        return made, [_domain_change("create", made.name, {}, given)]
    if await stored.is_being_deleted(tx, known.domain_uuid):
        raise errors.Conflict(messages.DELETING)
    changed = {
        name: value
        for name, value in given.items()
        if name != "name" and value != getattr(known, name)
    }
    if not changed:
        return known, []
    was = {name: getattr(known, name) for name in changed}
    await domains.update(tx, msgspec.structs.replace(known, **changed))
    updated = await domains.get(tx, known.domain_uuid)
    return updated, [_domain_change("update", known.name, was, changed)]


def _domain_change(
    action: difference.Action, name: str, before: dict[str, Any], after: dict[str, Any]
) -> Change:
    return Change(
        action=action,
        noun="domain",
        name=name,
        before=msgspec.to_builtins(before),
        after=msgspec.to_builtins(after),
    )


def _with_last(change: Change, last: dict[tuple[str, str], stored.LastChange]) -> Change:
    """The change, with the last one in the domain of the same thing."""
    if change.action == "create" or (found := last.get((change.noun, change.name))) is None:
        return change
    return msgspec.structs.replace(change, changed_at=found.at, changed_by=found.actor)


@contextmanager
def _told(file: File, path: str) -> Iterator[None]:
    """Refusals name the path and line in the file."""
    try:
        with db.refusals():
            yield
    except (errors.Invalid, errors.Conflict) as reason:
        raise file.refusal(reason, path) from reason
