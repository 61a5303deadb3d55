"""The difference between a domain and a company file: what would be created, changed, deleted."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from tongdai import errors, messages
from tongdai.admin import api_keys
from tongdai.admin.company import document
from tongdai.admin.company.document import Company, Extension, Item
from tongdai.admin.company.yaml_file import File
from tongdai.pbx import endpoint, numbers
from tongdai.store import checks

Action = Literal["create", "update", "delete"]
NOUNS = {
    "trunks": "trunk",
    "hotlines": "hotline",
    "hours_plans": "hours_plan",
    "extensions": "extension",
    "ring_groups": "ring_group",
    "queues": "queue",
    "menus": "menu",
    "users": "user",
    "subscriptions": "subscription",
}
"""The noun of each section, as the audit log names it."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs. `before` and `after` have the fields that change; secrets are
    "***". `changed_at` and `changed_by` are of the last change of the thing in the domain, by
    the audit log.
    """

    action: Action
    noun: str
    name: str
    before: dict[str, Any]
    after: dict[str, Any]
    changed_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    changed_by: str = ""


class Wanted(msgspec.Struct, frozen=True):
    """A thing as a file wants it, with its path in the file."""

    item: Item
    path: str


class Pair(msgspec.Struct, frozen=True):
    """A thing as it is, and as it is wanted; None: it is not there, or not wanted. `key` tells it
    from others of its section.
    """

    section: str
    key: str
    before: Item | None
    wanted: Wanted | None


class Names(msgspec.Struct, frozen=True):
    """What two spellings of one thing depend on: the country of the domain's numbers, and the name
    of each trunk by trunk_uuid.
    """

    country: str
    trunks: Mapping[str, str]


def wanted(file: File, names: Names) -> dict[str, list[Wanted]]:
    """The things of each given section, as the store would write them. Raises errors.Invalid
    naming path and line.
    """
    found: dict[str, list[Wanted]] = {}
    for section in document.SECTIONS:
        items = getattr(file.company, section)
        if items is None:
            continue
        found[section] = []
        for place, item in enumerate(items):
            path = f"{section}[{place}]"
            try:
                found[section].append(Wanted(_normal(item, names), path))
            except errors.Invalid as reason:
                raise file.refusal(reason, path) from reason
        _refuse_twice(file, found[section], names)
    _refuse_defaults(file, found.get("hotlines", []))
    _refuse_same_numbers(file, found)
    return found


def pairs(
    section: str, known: Company, wanted: Mapping[str, list[Wanted]], names: Names
) -> Iterator[Pair]:
    """Each thing of the section. Nothing if the section is not given."""
    if section not in wanted:
        return
    now = keyed(section, known, names)
    key = _keys(names)
    for one in wanted[section]:
        its_key = key(one.item)
        before = now.pop(its_key, None)
        yield Pair(section, its_key, before, _spelled_as(before, one))
    for left, item in now.items():
        yield Pair(section, left, item, None)


def keyed(section: str, known: Company, names: Names) -> dict[str, Item]:
    """The things of the section by their keys, in order."""
    key = _keys(names)
    return {key(item): item for item in getattr(known, section) or ()}


def changed_fields(
    before: Item | None, after: Item | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, before and after; for a new thing all that are not defaults."""
    was = {} if before is None else document.given(document.plain(before))
    is_now = {} if after is None else document.given(document.plain(after))
    if before is None or after is None:
        return was, is_now
    names = [name for name in was | is_now if was.get(name) != is_now.get(name)]
    return _shown(before, names), _shown(after, names)


def _shown(item: Item, names: list[str]) -> dict[str, Any]:
    bare = document.plain(item)
    fields = msgspec.to_builtins(bare) | document.given(bare)
    return {name: fields[name] for name in names}


def name_of(item: Item) -> str:
    """The name of a thing for people, as in the audit log."""
    match item:
        case document.Extension():
            return item.extension
        case document.Hotline() | document.RingGroup() | document.Queue() | document.Menu():
            return item.number
        case document.User():
            return item.username
        case document.Subscription():
            return f"{item.event} {item.callback_url}"
        case document.Trunk() | document.HoursPlan():
            return item.name


def _keys(names: Names) -> Callable[[Item], str]:
    """The key of a thing within its section; several subscriptions of the same event and URL are
    told apart by their order.
    """
    seen: Counter[str] = Counter()

    def key(item: Item) -> str:
        if isinstance(item, document.Hotline):
            return numbers.canonical(item.number, names.country)
        if not isinstance(item, document.Subscription):
            return name_of(item)
        seen[name_of(item)] += 1
        return f"{name_of(item)} {seen[name_of(item)]}"

    return key


def _normal(item: Item, names: Names) -> Item:
    """The thing as the store writes it."""
    replaced = msgspec.structs.replace
    match item:
        case document.Trunk():
            return replaced(item, addresses=checks.networks(item.addresses))
        case document.Hotline():
            further = tuple(names.trunks.get(one.lower(), one) for one in item.further_trunks)
            trunk = names.trunks.get(item.trunk.lower(), item.trunk)
            return replaced(item, trunk=trunk, further_trunks=further)
        case document.User():
            return replaced(item, scopes=api_keys.chosen(item.scopes))
        case document.Subscription():
            return replaced(item, callback_ca=checks.certificates(item.callback_ca))
        case document.Extension():
            return _with_devices(item)
        case _:
            return item


def _with_devices(item: Extension) -> Extension:
    """The extension with its devices in order, the default one first, and the password at that;
    MACs in one spelling.
    """
    replaced = msgspec.structs.replace
    known = {device.name: device for device in item.devices}
    if len(known) < len(item.devices):
        raise errors.Invalid(messages.DEVICE_TWICE, field="devices")
    default = known.pop(endpoint.DEFAULT, document.Device())
    if (webrtc := known.get(endpoint.WEBRTC)) is not None:
        if default.kind == "browser":
            raise errors.Invalid(messages.WEBRTC_OF_BROWSER, field="devices")
        if webrtc.password is not None:
            raise errors.Invalid(messages.WEBRTC_PASSWORD, field="devices")
        known[endpoint.WEBRTC] = replaced(webrtc, kind="browser")
    password = item.password if default.password is None else default.password
    default = replaced(default, password=password)
    ordered = (default, *(known[name] for name in sorted(known)))
    spelled = tuple(replaced(one, mac=checks.mac(one.mac)) for one in ordered)
    return replaced(item, devices=spelled, password=None)


def _spelled_as(before: Item | None, one: Wanted) -> Wanted:
    """A number that is written in another way is the same number."""
    if isinstance(before, document.Hotline) and isinstance(one.item, document.Hotline):
        item = msgspec.structs.replace(one.item, number=before.number)
        return Wanted(item, one.path)
    return one


def _refuse_twice(file: File, things: list[Wanted], names: Names) -> None:
    key, seen = _keys(names), set[str]()
    for one in things:
        if (name := key(one.item)) in seen:
            raise file.refusal(errors.Invalid(messages.GIVEN_TWICE), one.path)
        seen.add(name)


def _refuse_defaults(file: File, hotlines: list[Wanted]) -> None:
    chosen = [one for one in hotlines if getattr(one.item, "is_default", False)]
    if len(chosen) > 1:
        reason = errors.Invalid(messages.ONE_DEFAULT, field="is_default")
        raise file.refusal(reason, chosen[1].path)


def _refuse_same_numbers(file: File, wanted: Mapping[str, list[Wanted]]) -> None:
    """Extensions, ring groups, queues and menus share one plan of numbers."""
    seen: set[str] = set()
    for section in ("extensions", "ring_groups", "queues", "menus"):
        for one in wanted.get(section, ()):
            if (name := name_of(one.item)) in seen:
                raise file.refusal(errors.Invalid(messages.NUMBERS_TAKEN(numbers=name)), one.path)
            seen.add(name)
