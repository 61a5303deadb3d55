"""Keeps the switch told of the phones and trunks there are."""

import asyncio
import math
import secrets
from collections.abc import Iterable
from itertools import chain

import structlog

from tongdai import errors
from tongdai.asterisk import provisioning
from tongdai.engine.engine import Engine
from tongdai.pbx import brakes, directory, numbers
from tongdai.seal import Seal
from tongdai.store import bans, db, extensions, landings, trunks

log = structlog.get_logger()

GATHER_S = 0.05  # how long changes gather before the switch is told
RETRY_S = 1.0


class Provisioner:
    """`addresses` are those by which phones that know no domain reach us; they mean the only
    domain, or `main`.
    """

    def __init__(
        self,
        database: db.Database,
        seal: Seal,
        engine: Engine,
        addresses: Iterable[str],
        main: str = "",
    ) -> None:
        self._database, self._seal, self._engine = database, seal, engine
        self._addresses, self._main = sorted(addresses), main
        self._changed = asyncio.Event()
        self._nobody = secrets.token_hex(16)

    def changed(self, domain_uuid: str) -> None:
        """A domain's directory is another now; any may be for ""."""
        self._engine.changed(domain_uuid)
        self.look()

    def look(self) -> None:
        """Something that the switch must know is another now."""
        self._changed.set()

    async def now(self) -> None:
        """The switch knows what the database says, now or as soon as it is up."""
        async with self._database.connection() as tx:
            logins = await extensions.list_for_provisioning(tx)
            links = await trunks.list_for_provisioning(tx, self._seal)
            banned, lifted = [ban.address for ban in await bans.list(tx)], await bans.lifted(tx)
            alone = await _unattended(tx)
        phones = [
            provisioning.Phone(
                login.domain, login.extension, login.name, login.digest_md5, login.digest_sha256
            )
            for login in logins
        ]
        aliases = self._aliases({login.domain for login in logins})
        wanted = provisioning.objects(phones, map(_carrier, links), aliases, alone)
        wanted |= provisioning.strangers({phone.domain for phone in phones}, aliases, self._nobody)
        stale = provisioning.bans(lifted).keys()
        await self._engine.switch.provision(wanted | provisioning.bans(banned), stale)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(GATHER_S)
            self._changed.clear()
            try:
                await self.now()
            except errors.Unavailable as reason:
                log.warning("provisioning.waiting", why=str(reason))
                await asyncio.sleep(RETRY_S)
                self._changed.set()

    def _aliases(self, domains: set[str]) -> dict[str, str]:
        meant = (
            self._main
            if self._main in domains
            else next(iter(domains), "")
            if len(domains) == 1
            else ""
        )
        return dict.fromkeys(self._addresses, meant) if meant else {}


def _carrier(link: trunks.Link) -> provisioning.Carrier:
    trunk = link.trunk
    return provisioning.Carrier(
        trunk=str(trunk.trunk_uuid),
        auth=trunk.auth,
        host=trunk.host,
        transport=trunk.transport,
        addresses=trunk.addresses,
        username=trunk.username,
        password=link.password,
        from_user=trunk.from_user,
        from_domain=trunk.from_domain,
        login=trunk.login,
    )


async def _unattended(tx: db.Tx) -> list[provisioning.Unattended]:
    """What the switch needs to go on by itself, of all domains."""
    reached = map(_landing, await landings.list_for_provisioning(tx))
    inside = map(_inside, await landings.list_inside(tx))
    outside = map(ways_out, await landings.list_outside(tx))
    return [*reached, *inside, *chain.from_iterable(outside)]


def _landing(landing: landings.Landing) -> provisioning.Landing:
    """By each form in which carriers give the hotline's number, digits only."""
    national = numbers.national(landing.canonical, landing.domain.country_code)
    return provisioning.Landing(
        trunk=str(landing.trunk_uuid),
        numbers=frozenset({landing.canonical, national}),
        domain=landing.domain.name,
        extensions=landing.extensions,
        is_recorded=directory.is_recorded(landing.recording, landing.domain),
    )


def _inside(inside: landings.Inside) -> provisioning.Inside:
    return provisioning.Inside(inside.domain, inside.number, inside.extensions)


def ways_out(known: directory.Directory) -> list[provisioning.WayOut]:
    """The domain's, and those of its extensions that differ from it; none without a hotline in
    use.
    """
    own = (_way_out(known, extension) for extension in known.extensions.values())
    return [way for way in (_way_out(known, directory.Extension("")), *own) if way]


def _way_out(
    known: directory.Directory, extension: directory.Extension
) -> provisioning.WayOut | None:
    """Where a day's minutes are limited, emergencies alone: the switch does not know how many are
    left.
    """
    domain, hotline = known.domain, known.default_hotline(extension)
    if hotline is None:
        return None
    trunk = known.trunks[hotline.trunk_uuid]
    frozen = [
        until.timestamp() for until in (domain.frozen_until, extension.frozen_until) if until
    ]
    return provisioning.WayOut(
        domain=domain.name,
        extension=extension.extension,
        trunk=str(trunk.trunk_uuid),
        hotline=hotline.number,
        lead=f"+{domain.country_code}" if trunk.number_format == "e164" else "0",
        closed=brakes.closed_at_home(domain.country_code)
        if domain.minutes_per_day is None
        else ("",),
        frozen_until=math.ceil(max(frozen, default=0)),
        lines=extension.max_calls,
        calls=domain.max_calls,
        trunk_calls=trunk.max_calls,
        is_recorded=directory.is_recorded({extension.recording}, domain),
    )
