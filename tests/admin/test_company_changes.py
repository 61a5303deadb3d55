"""Company files of any configuration: exported and applied elsewhere, and brought back."""

import contextlib
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.admin import companies
from tongdai import errors
from tongdai.admin import domains as domain_cases
from tongdai.admin import hotlines as hotline_cases
from tongdai.admin.company import applying, yaml_file
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Extension, HoursPlan, Menu, Queue, RingGroup
from tongdai.store import (
    db,
    devices,
    domains,
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

NUMBERS = ("101", "102", "103", "600", "700")
HOTLINES = ("19001919", "02873001234")
TRUNKS = ("viettel", "spare")
USERS = ("an", "binh")
DEVICES = ("mobile", "desk")
_FLAGS = (True, False)
URLS = ("https://a.vn/", "https://b.vn/")
Drawn = Callable[[random.Random], Any]


def one(*choices: Any) -> Drawn:
    """Any of these."""
    return lambda chance: chance.choice(choices)


def some(*choices: str) -> Drawn:
    """Up to three of these, in any order."""
    return lambda chance: tuple(chance.sample(choices, chance.randint(0, min(3, len(choices)))))


number, hotline, trunk, device = one(*NUMBERS), one(*HOTLINES), one(*TRUNKS), one(*DEVICES)
numbers, somewhere, flag = some(*NUMBERS), one("", *NUMBERS), one(*_FLAGS)
name = one(*["", "Nguyễn Thị Ánh", "no", "0101", "a: b # c", "'tis", "~"])
CHANGES: dict[str, tuple[Callable[..., Any], dict[str, Drawn]]] = {
    "domain": (
        lambda tx, _of, _, **to: domain_cases.update(tx, to.pop("domain"), to),
        {
            "max_calls": one(1, 9),
            "webrtc": flag,
            "recording_days": one(None, 1, 9),
            "destinations": one((), ("+44", "1900")),
        },
    ),
    "extension": (
        lambda tx, of, _, **to: extensions.insert(tx, of, Extension(**to)),
        {
            "extension": number,
            "name": name,
            "recording": one(None, *_FLAGS),
            "hotline": one(None, *HOTLINES),
        },
    ),
    "no extension": (
        lambda tx, of, _, number: extensions.delete(tx, of, number),
        {"number": number},
    ),
    "suspended": (
        lambda tx, of, _, number: extensions.suspend(tx, of, number, datetime.now(UTC), "why"),
        {"number": number},
    ),
    "device": (
        lambda tx, of, _, number, **to: devices.insert(tx, of, number, devices.Device(**to)),
        {"number": number, "name": device, "kind": one("sip", "browser")},
    ),
    "changed device": (
        lambda tx, of, _, number, **to: devices.update(tx, of, number, devices.Device(**to)),
        {
            "number": number,
            "name": one("default", "webrtc", *DEVICES),
            "kind": one("sip", "browser"),
            "max_contacts": one(1, 3),
        },
    ),
    "no device": (
        lambda tx, of, _, number, name: devices.delete(tx, of, number, name),
        {"number": number, "name": device},
    ),
    "trunk": (
        lambda tx, of, key, **to: trunks.insert(
            tx, of, key, trunks.Trunk(auth="ip", host="h.vn", **to)
        ),
        {"name": trunk, "shared": flag, "addresses": one((), ("192.0.2.0/28",))},
    ),
    "hotline": (
        lambda tx, of, _, number, **to: hotline_cases.create(tx, of, number, **to),
        {
            "number": hotline,
            "trunk": trunk,
            "further_trunks": some(*TRUNKS),
            "destination": somewhere,
            "is_default": flag,
            "hours": one(None, "office", "night"),
            "closed_destination": one("", "101", "0912345678"),
        },
    ),
    "hours plan": (
        lambda tx, of, _, **to: hours_plans.insert(tx, of, HoursPlan(**to)),
        {"name": one("office", "night"), "weekly": one((), ("mon-fri 08:00-17:30",))},
    ),
    "overridden hours plan": (
        lambda tx, of, _, name, **to: hours_plans.change(tx, of, name, to),
        {"name": one("office", "night"), "override": one("", "closed")},
    ),
    "menu": (
        lambda tx, of, _, **to: menus.insert(tx, of, Menu(**to)),
        {
            "number": number,
            "keys": one((), ("1=101",), ("1=600", "*=101")),
            "overflow": somewhere,
        },
    ),
    "changed menu": (
        lambda tx, of, _, number, **to: menus.change(tx, of, number, to),
        {"number": number, "overflow": somewhere, "retries": one(0, 3)},
    ),
    "no menu": (lambda tx, of, _, number: menus.delete(tx, of, number), {"number": number}),
    "no hours plan": (
        lambda tx, of, _, name: hours_plans.delete(tx, of, name),
        {"name": one("office", "night")},
    ),
    "no hotline": (lambda tx, of, _, number: hotlines.delete(tx, of, number), {"number": hotline}),
    "ring group": (
        lambda tx, of, _, **to: ring_groups.insert(tx, of, RingGroup(**to)),
        {"number": number, "members": numbers, "overflow": somewhere},
    ),
    "changed ring group": (
        lambda tx, of, _, number, **to: ring_groups.change(tx, of, number, to),
        {"number": number, "members": numbers, "overflow": somewhere, "name": name},
    ),
    "no ring group": (
        lambda tx, of, _, number: ring_groups.delete(tx, of, number),
        {"number": number},
    ),
    "queue": (
        lambda tx, of, _, **to: queues.insert(tx, of, Queue(**to)),
        {
            "number": number,
            "agents": numbers,
            "overflow": somewhere,
            "wrap_up_s": one(0, 9),
        },
    ),
    "user": (
        lambda tx, of, key, username, level: users.insert(
            tx, of, key, username, "correct horse", level=level
        ),
        {"username": one(*USERS), "level": one("admin", "agent")},
    ),
    "no user": (lambda tx, of, _, name: users.delete(tx, of, name), {"name": one(*USERS)}),
    "subscription": (
        lambda tx, of, key, **to: subscriptions.insert(tx, of, key, event_name="cdr", **to),
        {
            "callback_url": one(*URLS),
            "options": one(subscriptions.Options(), subscriptions.Options(numbers_as_text=True)),
        },
    ),
}
SEEDS = range(6)


def drawn(seed: int, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """So many changes, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  of a test
    for _ in range(count):
        kind = chance.choice(sorted(CHANGES))
        yield kind, {field: draw(chance) for field, draw in CHANGES[kind][1].items()}


async def begun(database: db.Database, key: MasterKey) -> str:
    """The name of a domain with one of everything; its trunks need no passwords, which are not
    exported.
    """
    domain = companies.new_name()
    text = companies.FULL.format(name=domain).replace("auth: registration", "auth: ip")
    await companies.apply(database, key, text)
    return domain


async def make(
    database: db.Database, key: MasterKey, domain: str, kind: str, to: dict[str, Any]
) -> None:
    """The change is made, unless it is refused."""
    to = to | ({"domain": domain} if kind == "domain" else {})
    with contextlib.suppress(errors.Invalid, errors.Conflict, errors.NotFound):
        async with database.transaction() as tx:
            of = (await domains.by_name(tx, domain)).domain_uuid
            await CHANGES[kind][0](tx, of, key, **to)


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_changes_exported_and_applied_to_an_empty_domain_give_the_same_tables(
    database: db.Database, master_key: MasterKey, seed: int
) -> None:
    first, second = await begun(database, master_key), companies.new_name()
    async with database.transaction() as tx:
        await domains.insert(tx, second)
    for kind, to in drawn(seed, 80):
        await make(database, master_key, first, kind, to)

    text = await companies.exported(database, first)
    copied = text.replace(first, second)
    await companies.apply(database, master_key, copied)

    assert await companies.tables(database, second) == await companies.tables(database, first)
    assert (await companies.apply(database, master_key, copied)).changes == []
    assert await companies.exported(database, second) == copied


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_earlier_moment_comes_back_from_the_audit_log(
    database: db.Database, master_key: MasterKey, seed: int
) -> None:
    domain = await begun(database, master_key)
    async with database.connection() as tx:
        of = (await domains.by_name(tx, domain)).domain_uuid
    moments: list[tuple[datetime, str]] = []
    for kind, to in drawn(seed, 40):
        await make(database, master_key, domain, kind, to)
        async with database.connection() as tx:
            moments.append(
                (await tx.fetchval("SELECT now()"), await companies.exported(database, domain))
            )

    for moment, text in moments:
        async with database.connection() as tx:
            assert yaml_file.write(await applying.past(tx, of, moment)) == text
    _, before = moments[0]
    await companies.apply(database, master_key, before)
    assert await companies.exported(database, domain) == before
