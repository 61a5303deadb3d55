"""Checks of the database, the switch, and the domains with their phones and trunks."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp

from tongdai import errors, services
from tongdai.asterisk import packages, provisioning
from tongdai.cli import carriers, session
from tongdai.cli.doctor.finding import Finding, fail, ok, warn
from tongdai.pbx.directory import Directory, Domain
from tongdai.sandbox import demo
from tongdai.settings import Settings
from tongdai.store import (
    api_keys,
    db,
    directory,
    domains,
    migrate,
    postmaster,
    subscriptions,
    tenants,
    trunk_conflicts,
    trunk_registrations,
    trunks,
    users,
)

ANSWER_S = 3.0
SHOWN = 20  # webhooks, those that fail for longest
START = "Start it with `tongdai up`, or `tongdai serve` for its roles apart."

Endpoints: TypeAlias = dict[str, str]
"""States of phones (101@domain) and trunks (UUIDs) by the switch: online, offline, unknown."""


async def examine(known: Settings) -> list[Finding]:
    """Findings on database, switch and API, and on the domains if those answer."""
    found = [await _api(known)]
    switch, endpoints = await _switch(known)
    dsn, database = await _database(known)
    found += [*switch, database]
    if dsn:
        found += await _domains(known, dsn, endpoints)
    return found


async def _api(known: Settings) -> Finding:
    try:
        status, answer = await _get(f"http://{known.http}/readyz")
    except (aiohttp.ClientError, TimeoutError, OSError):
        return warn("api", f"nothing answers on {known.http}", START)
    checks = answer.get("checks", {}) if isinstance(answer, dict) else {}
    if lacking := {name: why for name, why in checks.items() if why != "ok"}:
        why = ", ".join(f"{name}: {reason}" for name, reason in lacking.items())
        return fail("api", f"answers, but cannot serve: {why}", "Mend what is named here.")
    if status != 200 or "database" not in checks:
        return fail(
            "api", f"something else answers on {known.http}", "Give TONGDAI_HTTP another port."
        )
    return ok("api", f"{known.base_url} serves")


# --- the switch


async def _switch(known: Settings) -> tuple[list[Finding], Endpoints]:
    try:
        here = services.with_running_switch(known)
    except errors.SetupError:
        return [ok("switch", "a private one is made at the first start")], {}
    try:
        found, endpoints = await _ari(here.asterisk_url)
    except (aiohttp.ClientError, TimeoutError, OSError) as reason:
        return [_no_switch(known, reason)], {}
    return [found, *(_files(known) if known.asterisk_url else ())], endpoints


async def _ari(url: str) -> tuple[Finding, Endpoints]:
    """Raises aiohttp.ClientError, TimeoutError when nothing answers."""
    where = f"ARI on {urlsplit(url).netloc.rpartition('@')[2]}"
    status, info = await _get(f"{url}/ari/asterisk/info")
    if status != 200:
        return fail(
            "switch",
            f"{where} answers {status}",
            "Mend TONGDAI_ASTERISK_URL: user, password, port.",
        ), {}
    version = info["system"]["version"]
    if not packages.is_serving(version):
        wanted = ".".join(map(str, packages.ASTERISK))
        return fail(
            "switch", f"Asterisk {version}", f"Asterisk {wanted} or a later 22.x is needed."
        ), {}
    _, listed = await _get(f"{url}/ari/endpoints/PJSIP")
    endpoints = {one["resource"]: one["state"] for one in listed}
    status, _ = await _get(f"{url}/ari/applications/tongdai")
    if status != 200:
        return warn(
            "switch", f"{where} answers, but no engine has linked to it yet", START
        ), endpoints
    return ok("switch", f"Asterisk {version}, {where}"), endpoints


def _no_switch(known: Settings, reason: Exception) -> Finding:
    if known.asterisk_url:
        return fail(
            "switch",
            f"ARI does not answer: {reason}",
            "Start that Asterisk, or mend TONGDAI_ASTERISK_URL.",
        )
    return warn("switch", "the private Asterisk does not run", START)


def _files(known: Settings) -> Iterator[Finding]:
    """Checks the files of an existing Asterisk that tongdai reads. The CEL log appears with its
    first call.
    """
    for name, what in (("asterisk_cel_log", "CEL log"), ("asterisk_spool", "spool")):
        path, variable = getattr(known, name), f"TONGDAI_{name.upper()}"
        if not path:
            yield fail(
                what, f"{variable} is not set", f"Set {variable}; see docs/existing-asterisk.md."
            )
        elif not (Path(path).parent if what == "CEL log" else Path(path)).is_dir():
            yield fail(
                what, f"{path} is not there", f"Mend {variable}, or mount that folder here."
            )
        else:
            yield ok(what, path)


async def _get(url: str) -> tuple[int, Any]:
    """The response's status and JSON. User and password of the URL go into the Authorization
    header.
    """
    limit = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(timeout=limit) as asking, asking.get(url) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await answer.json() if is_json else None


# --- the database


async def _database(known: Settings) -> tuple[str, Finding]:
    """The DSN, "" if the database is not usable; and the finding."""
    folder = known.data.absolute() / "postgres"
    if not known.dsn and not (folder / "data").exists():
        return "", ok("database", "is made at the first start")
    try:
        dsn = known.dsn or postmaster.dsn_of(folder)
    except errors.SetupError:
        return "", warn("database", "the embedded PostgreSQL does not run", START)
    try:
        pending = await migrate.pending(dsn)
    except errors.SetupError as reason:
        return "", fail("database", str(reason), "Do what it says, or correct TONGDAI_DSN.")
    except errors.TongdaiError as reason:
        return "", fail("database", str(reason), "Start that PostgreSQL, or correct TONGDAI_DSN.")
    if pending:
        return "", fail("database", f"lacks {', '.join(pending)}", "Run `tongdai migrate`.")
    return dsn, ok("database", "answers, and its schema is up to date")


async def _version(tx: db.Tx) -> Finding:
    """Checks PostgreSQL's version."""
    number, shown = await db.version(tx)
    first, last = db.SUPPORTED
    if number < first:
        mend = f"Upgrade it: {first} to {last} are supported."
        return fail("postgresql version", f"{shown} is too old", mend)
    if number > last:
        mend = f"Nothing, if all works: tongdai was tried with {first} to {last}."
        return warn("postgresql version", f"{shown} is newer than those that were tried", mend)
    return ok("postgresql version", f"{shown}; {first} to {last} are supported")


# --- the domains


async def _domains(known: Settings, dsn: str, endpoints: Endpoints) -> list[Finding]:
    database = db.Database(dsn, size=1)
    await database.open()
    try:
        async with database.connection() as tx:
            return [
                await _version(tx),
                _isolation(await tenants.missing_policies(tx)),
                *await _tenants(known, tx, endpoints),
            ]
    finally:
        await database.close()


def _isolation(missing: Sequence[str]) -> Finding:
    if missing:
        mend = (
            "As the database's administrator undo what made them; docs/security.md says what "
            "must be so."
        )
        return fail("isolation", f"tenants are not isolated: {'; '.join(missing)}", mend)
    return ok("isolation", "PostgreSQL keeps domains apart")


async def _tenants(known: Settings, tx: db.Tx, endpoints: Endpoints) -> list[Finding]:
    every = await domains.list(tx)
    if not every:
        return [warn("domains", "there is none yet", "tongdai domain create sales.example.vn")]
    found: list[Finding] = []
    for domain in every:
        accounts = await users.list(tx, domain.domain_uuid)
        known_inside = await directory.load(tx, domain.domain_uuid)
        lacks = list(_lacks(known_inside, len(accounts), endpoints))
        found += lacks or [ok(domain.name, _counted(known_inside))]
        if domain.name == demo.DOMAIN and not known.sandbox:
            found.append(
                warn(domain.name, "the demo is still here", f"tongdai domain delete {domain.name}")
            )
    found += [finding async for finding in _carriers(tx, every)]
    found += [_failing(one) for one in await subscriptions.failing(tx, SHOWN)]
    return [*found, await _encrypted(tx, [domain.domain_uuid for domain in every])]


async def _encrypted(tx: db.Tx, domain_uuids: list[Any]) -> Finding:
    """Checks that the master key decrypts the secrets in the database."""
    try:
        master_key = session.master_key()
        for domain_uuid in domain_uuids:
            for user in await users.list(tx, domain_uuid):
                await api_keys.get(tx, domain_uuid, master_key, user.username)
                return ok("secrets", "the master key opens them")
    except errors.SetupError as reason:
        return fail(
            "secrets", str(reason), "Give TONGDAI_SECRET the key that this database was made with."
        )
    return ok("secrets", "there are none yet")


async def _carriers(tx: db.Tx, every: Sequence[Domain]) -> AsyncIterator[Finding]:
    """Warns of trunks whose host does not resolve, and of those that the number called cannot keep
    apart.
    """
    for domain in every:
        states = await trunk_registrations.list(tx, domain.domain_uuid)
        for trunk in await trunks.list(tx, domain.domain_uuid):
            if not trunk.enabled:
                continue
            state = carriers.state(trunk, states)
            if state and not state.startswith("registered"):
                mend = f"Look at its host, username and password: tongdai trunk show {trunk.name}"
                is_refused = "the carrier answers" in state
                tell = fail if is_refused else warn
                yield tell(domain.name, f"trunk {trunk.name}: {state}; it is tried again", mend)
            if why := await asyncio.to_thread(carriers.unresolved, trunk.host):
                mend = f"tongdai trunk update {trunk.name} --domain {domain.name} --host ..."
                yield fail(domain.name, f"trunk {trunk.name}: {why}", mend)
    for each in await trunk_conflicts.conflicts(tx):
        for line in carriers.described(each):
            yield warn(each.domain, line, carriers.SEVERAL)


def _failing(one: subscriptions.Failing) -> Finding:
    """A webhook that its receiver does not take: events wait for it, or it is switched off."""
    what = f"webhook {one.event_name} to {one.callback_url}"
    if one.disabled_reason:
        mend = f"tongdai event enable {one.subscription_uuid} --domain {one.domain}"
        return warn(one.domain, f"{what} is disabled: {one.disabled_reason}", mend)
    mend = f"tongdai event deliveries {one.subscription_uuid} --domain {one.domain}"
    return warn(one.domain, f"{what} fails since {one.failing_since:%Y-%m-%d %H:%M} UTC", mend)


def _counted(inside: Directory) -> str:
    return (
        f"{len(inside.extensions)} extensions, {len(inside.hotlines)} hotlines, "
        f"{len(inside.ring_groups)} ring groups, {len(inside.queues)} queues"
    )


def _lacks(inside: Directory, accounts: int, endpoints: Endpoints) -> Iterator[Finding]:
    name = inside.domain.name
    if not accounts:
        yield warn(name, "no user: the API cannot be used", f"tongdai user create admin@{name}")
    if not inside.extensions:
        yield warn(name, "no extension", f"tongdai extension create 101 --domain {name}")
    if not inside.trunks:
        yield warn(
            name,
            "no trunk: no calls out or in",
            f"tongdai trunk create carrier --domain {name} --host ...",
        )
    elif not inside.hotlines:
        yield warn(
            name,
            "no hotline: no calls out or in",
            f"tongdai hotline create ... --domain {name} --trunk ...",
        )
    yield from _dead_ends(inside)
    yield from _offline(inside, endpoints)


def _dead_ends(inside: Directory) -> Iterator[Finding]:
    """Warns of numbers that lead nowhere."""
    name = inside.domain.name
    for hotline in inside.hotlines.values():
        if hotline.enabled and not hotline.destination:
            mend = f"tongdai hotline update {hotline.number} --domain {name} --destination 101"
            yield warn(
                name, f"hotline {hotline.number} leads nowhere: its callers are refused", mend
            )
    for group in inside.ring_groups.values():
        if not group.members:
            mend = f"tongdai ring-group update {group.number} --domain {name} --members 101,102"
            yield warn(name, f"ring group {group.number} has no members", mend)
    for queue in inside.queues.values():
        if not queue.agents:
            mend = f"tongdai queue update {queue.number} --domain {name} --agents 101,102"
            yield warn(name, f"queue {queue.number} has no agents", mend)
    for menu in inside.menus.values():
        if not menu.prompt:
            mend = f"tongdai menu update {menu.number} --domain {name} --prompt NAME"
            yield warn(name, f"menu {menu.number} has no prompt: its callers hear nothing", mend)


def _offline(inside: Directory, endpoints: Endpoints) -> Iterator[Finding]:
    """Warns of phones and carriers that the switch does not reach."""
    name = inside.domain.name
    phones = [
        one.extension
        for one in inside.extensions.values()
        if one.enabled
        and {endpoints.get(each) for each in inside.endpoints(one.extension)} == {"offline"}
    ]
    if phones:
        shown = ", ".join(sorted(phones)[:10]) + (
            f" and {len(phones) - 10} more" if phones[10:] else ""
        )
        mend = f"Have a phone register as user 101, domain {name}; see README.md."
        yield warn(name, f"no phone is registered for {shown}", mend)
    for trunk in inside.trunks.values():
        if trunk.enabled and endpoints.get(provisioning.probe(str(trunk.trunk_uuid))) == "offline":
            mend = (
                f"Look at its host: tongdai trunk show {trunk.name} --domain {name}. If it never "
                "answers OPTIONS: tongdai trunk update ... --no-qualify."
            )
            yield warn(
                name, f"trunk {trunk.name} does not answer SIP OPTIONS; it is called anyway", mend
            )
