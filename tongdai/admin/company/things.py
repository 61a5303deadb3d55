"""What is done to single things of a company, by kind: created, changed, deleted, their secrets
compared.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from tongdai import ids
from tongdai.admin import api_keys, nouns
from tongdai.admin import extensions as extension_cases
from tongdai.admin import hotlines as hotline_cases
from tongdai.admin import trunks as trunk_cases
from tongdai.admin import users as user_cases
from tongdai.admin.company import document
from tongdai.admin.company.document import Extension, Item
from tongdai.encryption import MasterKey
from tongdai.pbx import directory, endpoint, numbers
from tongdai.pbx.forwarding_reasons import SETTINGS
from tongdai.store import (
    checks,
    db,
    devices,
    extension_entries,
    extensions,
    hotlines,
    hours_plans,
    menus,
    queues,
    ring_groups,
    subscriptions,
    trunks,
    users,
)


class Target(msgspec.Struct, frozen=True):
    """The domain that is changed, and what it takes. `guard` raises errors.Invalid for a URL that
    must not be called. `subscription_uuids` are by the keys of `difference`.
    """

    tx: db.Tx
    domain_uuid: UUID
    country: str
    master_key: MasterKey
    guard: Callable[[str], object]
    most_subscriptions: int
    subscription_uuids: Mapping[str, UUID]


class Secret(msgspec.Struct, frozen=True):
    """A password that was made: it cannot be read again."""

    noun: str
    name: str
    password: str


class Gone(msgspec.Struct, frozen=True):
    """What is to go: numbers, hotlines by canonical number, hours plans by name."""

    numbers: Collection[str]
    hotlines: Collection[str]
    hours_plans: Collection[str]


def without(item: Item, gone: Gone, country: str) -> Item:
    """The thing without its references to what is to go."""

    def kept(number: str) -> str:
        return "" if number in gone.numbers else number

    replaced = msgspec.structs.replace
    match item:
        case document.Hotline():
            destination, closed = kept(item.destination), kept(item.closed_destination)
            plan = None if item.hours in gone.hours_plans else item.hours
            return replaced(item, destination=destination, closed_destination=closed, hours=plan)
        case document.RingGroup():
            members = tuple(filter(kept, item.members))
            return replaced(item, members=members, overflow=kept(item.overflow))
        case document.Queue():
            agents = tuple(filter(kept, item.agents))
            return replaced(item, agents=agents, overflow=kept(item.overflow))
        case document.Menu():
            keys = tuple(one for one in item.keys if kept(one.partition("=")[2]))
            return replaced(item, keys=keys, overflow=kept(item.overflow))
        case document.Extension():
            hotline = item.hotline
            if hotline is not None and numbers.canonical(hotline, country) in gone.hotlines:
                hotline = None
            return replaced(
                item,
                hotline=hotline,
                forward_always=kept(item.forward_always),
                forward_busy=kept(item.forward_busy),
                forward_no_answer=kept(item.forward_no_answer),
                forward_unreachable=kept(item.forward_unreachable),
            )
        case _:
            return item


def bare(item: Item) -> Item:
    """The thing without all its references to numbers and hotlines."""
    replaced = msgspec.structs.replace
    match item:
        case document.Hotline():
            return replaced(item, destination="", hours=None, closed_destination="")
        case document.RingGroup():
            return replaced(item, members=(), overflow="")
        case document.Queue():
            return replaced(item, agents=(), overflow="")
        case document.Menu():
            return replaced(item, keys=(), overflow="")
        case document.Extension():
            forwards: dict[str, Any] = dict.fromkeys(SETTINGS, "")
            return replaced(item, hotline=None, **forwards)
        case _:
            return item


async def create(target: Target, item: Item, key: str) -> list[Secret]:
    """The thing exists; `key` is that of `difference`. Returns the passwords that were made.
    Raises as the store's functions.
    """
    tx, domain_uuid = target.tx, target.domain_uuid
    match item:
        case document.Trunk():
            await trunks.insert(
                tx, domain_uuid, target.master_key, _trunk(item), item.password or ""
            )
        case document.Hotline():
            await _create_hotline(target, item)
        case document.Extension():
            return await _create_extension(target, item)
        case document.HoursPlan():
            await hours_plans.insert(tx, domain_uuid, directory.HoursPlan(**_given(item)))
        case document.Menu():
            await menus.insert(tx, domain_uuid, directory.Menu(**_given(item)))
        case document.RingGroup():
            await nouns.NOUNS["ring-groups"].create(
                tx, domain_uuid, target.master_key, _given(item)
            )
        case document.Queue():
            await nouns.NOUNS["queues"].create(tx, domain_uuid, target.master_key, _given(item))
        case document.User():
            return await _create_user(target, item)
        case document.Subscription():
            await _create_subscription(target, item, int(key.rpartition(" ")[2]))
    return []


async def update(target: Target, before: Item, item: Item, key: str) -> list[Secret]:
    """The thing, which was as `before`, is as given, except its secrets; `key` is that of
    `difference`. Returns the passwords that were made. Raises as the store's functions.
    """
    tx, domain_uuid = target.tx, target.domain_uuid
    match item:
        case document.Trunk():
            changes = _given(item, without=("name", "password"))
            await trunk_cases.update(tx, domain_uuid, target.master_key, item.name, changes)
        case document.Hotline():
            changes = _given(item, without=("number", "trunk", "further_trunks"))
            await hotline_cases.update(
                tx,
                domain_uuid,
                item.number,
                changes,
                trunk=item.trunk,
                further_trunks=item.further_trunks,
            )
        case document.Extension():
            return await _update_extension(target, before, item)
        case document.HoursPlan():
            changes = _given(item, without=("name",))
            await hours_plans.change(tx, domain_uuid, item.name, changes)
        case document.Menu():
            changes = _given(item, without=("number",))
            await menus.change(tx, domain_uuid, item.number, changes)
        case document.RingGroup():
            changes = _given(item, without=("number",))
            await nouns.NOUNS["ring-groups"].change(
                tx, domain_uuid, target.master_key, item.number, changes
            )
        case document.Queue():
            changes = _given(item, without=("number",))
            await nouns.NOUNS["queues"].change(
                tx, domain_uuid, target.master_key, item.number, changes
            )
        case document.User():
            changes = {"level": item.level, "enabled": item.enabled}
            await user_cases.update(tx, domain_uuid, item.username, changes)
            await _restrict(target, item)
        case document.Subscription():
            await _update_subscription(target, item, target.subscription_uuids[key])
    return []


async def delete(target: Target, item: Item, key: str) -> None:
    """The thing is gone. Raises errors.Conflict naming what leads to it."""
    tx, domain_uuid = target.tx, target.domain_uuid
    match item:
        case document.Trunk():
            await trunk_cases.delete(tx, domain_uuid, item.name)
        case document.Hotline():
            await hotlines.delete(tx, domain_uuid, item.number)
        case document.Extension():
            await extensions.delete(tx, domain_uuid, item.extension)
        case document.HoursPlan():
            await hours_plans.delete(tx, domain_uuid, item.name)
        case document.Menu():
            await menus.delete(tx, domain_uuid, item.number)
        case document.RingGroup():
            await ring_groups.delete(tx, domain_uuid, item.number)
        case document.Queue():
            await queues.delete(tx, domain_uuid, item.number)
        case document.User():
            await users.delete(tx, domain_uuid, item.username)
        case document.Subscription():
            await subscriptions.delete(tx, domain_uuid, target.subscription_uuids[key])


async def renew_secrets(target: Target, item: Item, key: str) -> list[str]:
    """The secrets that are given for a thing that was there before are its secrets. Returns the
    fields of those that it had not.
    """
    match item:
        case document.Trunk() if item.password is not None:
            return await _renew_trunk(target, item.name, item.password)
        case document.User() if item.password is not None:
            return await _renew_user(target, item.username, item.password)
        case document.Extension():
            return await _renew_devices(target, item)
        case document.Subscription():
            return await _renew_subscription(target, item, target.subscription_uuids[key])
        case _:
            return []


def _given(item: Item, *, without: Collection[str] = ()) -> dict[str, Any]:
    fields = msgspec.structs.asdict(item)
    return {name: value for name, value in fields.items() if name not in without}


def _trunk(item: document.Trunk) -> trunks.Trunk:
    return trunks.Trunk(**_given(item, without=("password",)))


async def _create_hotline(target: Target, item: document.Hotline) -> None:
    made = await hotline_cases.create(
        target.tx,
        target.domain_uuid,
        item.number,
        trunk=item.trunk,
        name=item.name,
        destination=item.destination,
        is_default=item.is_default,
        further_trunks=item.further_trunks,
        hours=item.hours,
        closed_destination=item.closed_destination,
        closed_cause=item.closed_cause,
    )
    if not item.enabled:
        disabled = msgspec.structs.replace(made, enabled=False)
        await hotlines.update(target.tx, target.domain_uuid, disabled)


def _extension(item: Extension) -> directory.Extension:
    own = ("devices", "user_uuid", "follow_me", "password")
    return directory.Extension(**_given(item, without=own))


async def _create_extension(target: Target, item: Extension) -> list[Secret]:
    default = item.devices[0]
    with extension_cases.naming():
        password = await extensions.insert(
            target.tx,
            target.domain_uuid,
            _extension(item),
            default.password,
            default.kind,
            webrtc=False,
        )
    made = [] if default.password else [Secret("extension", item.extension, password)]
    await _keep_entry(target, item)
    before = msgspec.structs.replace(item, devices=(document.Device(kind=default.kind),))
    return made + await _update_devices(target, before, item)


async def _update_extension(target: Target, before: Item, item: Extension) -> list[Secret]:
    with extension_cases.naming():
        await extensions.update(target.tx, target.domain_uuid, _extension(item))
    await _keep_entry(target, item)
    return await _update_devices(target, before, item)


async def _keep_entry(target: Target, item: Extension) -> None:
    await extension_entries.keep(
        target.tx,
        target.domain_uuid,
        item.extension,
        user_uuid=item.user_uuid,
        follow_me=item.follow_me,
    )


async def _update_devices(target: Target, before: Item, item: Extension) -> list[Secret]:
    of = (target.tx, target.domain_uuid, item.extension)
    known = {device.name: device for device in getattr(before, "devices", ())}
    wanted = {device.name for device in item.devices}
    for name in known.keys() - wanted:
        await devices.delete(*of, name)
    made = []
    for device in item.devices:
        plain = msgspec.structs.replace(device, password=None)
        stored = devices.Device(**_fields_of(plain))
        if device.name in known:
            if plain != known[device.name]:
                await devices.update(*of, stored)
        elif device.name == endpoint.WEBRTC:
            await devices.allow_browsers(*of)
            await devices.update(*of, stored)
        else:
            password = await devices.insert(*of, stored, device.password)
            if not device.password:
                made.append(Secret("device", f"{item.extension} {device.name}", password))
    return made


def _fields_of(device: document.Device) -> dict[str, Any]:
    fields = msgspec.structs.asdict(device)
    del fields["password"]
    return fields


async def _renew_devices(target: Target, item: Extension) -> list[str]:
    of = (target.tx, target.domain_uuid, item.extension)
    renewed = []
    for device in item.devices:
        if device.password and not await devices.has_password(*of, device.name, device.password):
            await devices.set_password(*of, device.name, device.password)
            is_default = device.name == endpoint.DEFAULT
            renewed.append("password" if is_default else f"password of {device.name}")
    return renewed


async def _renew_trunk(target: Target, name: str, password: str) -> list[str]:
    of = (target.tx, target.domain_uuid, target.master_key)
    if await trunks.has_password(*of, name, password):
        return []
    await trunk_cases.update(*of, name, {}, password=password)
    return ["password"]


async def _create_user(target: Target, item: document.User) -> list[Secret]:
    _, password = await user_cases.create(
        target.tx,
        target.domain_uuid,
        target.master_key,
        item.username,
        password=item.password,
        level=item.level,
    )
    if not item.enabled:
        await user_cases.update(target.tx, target.domain_uuid, item.username, {"enabled": False})
    await _restrict(target, item)
    return [] if item.password else [Secret("user", item.username, password)]


async def _restrict(target: Target, item: document.User) -> None:
    of = (target.tx, target.domain_uuid, item.username)
    await api_keys.restrict(*of, item.scopes)
    await api_keys.set_token_life(*of, item.token_life_s)


async def _renew_user(target: Target, username: str, password: str) -> list[str]:
    of = (target.tx, target.domain_uuid, username)
    if await users.has_password(*of, password):
        return []
    await user_cases.update(*of, {}, password)
    return ["password"]


def _options(item: document.Subscription, known: subscriptions.Options) -> subscriptions.Options:
    """Those of the file; headers that are not given stay."""
    given = {name: getattr(item, name) for name in subscriptions.Options.__struct_fields__}
    headers = item.callback_headers
    kept = known.callback_headers if headers is None else checks.callback_headers(headers)
    return subscriptions.Options(**{**given, "callback_headers": kept})


async def _create_subscription(target: Target, item: document.Subscription, place: int) -> None:
    """`place` is that among subscriptions of the same event and URL: their ids sort by it."""
    if item.callback_apikey:
        checks.header_value(item.callback_apikey, "callback_apikey")
    target.guard(item.callback_url)
    made = await subscriptions.insert(
        target.tx,
        target.domain_uuid,
        target.master_key,
        event_name=item.event,
        callback_url=item.callback_url,
        callback_apikey=item.callback_apikey or "",
        options=_options(item, subscriptions.USUAL),
        most=target.most_subscriptions,
        subscription_uuid=ids.new(datetime.now(UTC) + timedelta(milliseconds=place)),
    )
    if not item.enabled:
        await _disable(target, made.subscription_uuid)


async def _disable(target: Target, subscription_uuid: UUID) -> None:
    reason = "by a company file"
    await subscriptions.disable(target.tx, target.domain_uuid, subscription_uuid, reason)


async def _update_subscription(
    target: Target, item: document.Subscription, subscription_uuid: UUID
) -> None:
    tx, of = target.tx, (target.domain_uuid, target.master_key, subscription_uuid)
    known = await subscriptions.get(tx, *of)
    await subscriptions.change(tx, *of, _options(item, known.options))
    if item.enabled and not known.enabled:
        await subscriptions.enable(tx, target.domain_uuid, subscription_uuid)
    elif known.enabled and not item.enabled:
        await _disable(target, subscription_uuid)


async def _renew_subscription(
    target: Target, item: document.Subscription, subscription_uuid: UUID
) -> list[str]:
    tx, of = target.tx, (target.domain_uuid, target.master_key, subscription_uuid)
    known = await subscriptions.get(tx, *of)
    renewed = []
    if item.callback_apikey not in (None, known.callback_apikey):
        apikey = item.callback_apikey and checks.header_value(
            item.callback_apikey, "callback_apikey"
        )
        await subscriptions.set_apikey(tx, *of, apikey or "")
        renewed.append("callback_apikey")
    if item.callback_headers not in (None, known.options.callback_headers):
        await subscriptions.change(tx, *of, _options(item, known.options))
        renewed.append("callback_headers")
    return renewed
