"""Whom calls reach while no engine decides, as objects of the switch."""

import math
from itertools import chain

from tongdai.asterisk import provisioning
from tongdai.pbx import directory, numbers
from tongdai.store import db, landings, nodes


async def objects(tx: db.Tx, node: str) -> provisioning.Objects:
    """What the node's switch needs to go on by itself."""
    own = await nodes.domains(tx, node)
    alone = [known for known in await _unattended(tx) if known.domain in own]
    return provisioning.objects([], [], {}, alone)


async def _unattended(tx: db.Tx) -> list[provisioning.Unattended]:
    """What the switch needs to go on by itself, of all domains."""
    reached = map(_landing, await landings.list_for_provisioning(tx))
    inside = map(_inside, await landings.list_inside(tx))
    outside = map(ways_out, await landings.list_outside(tx))
    return [*reached, *inside, *chain.from_iterable(outside)]


def _landing(landing: landings.Landing) -> provisioning.Landing:
    """By each form in which carriers give the hotline's number, digits only."""
    national = numbers.national(landing.canonical, landing.domain.country)
    return provisioning.Landing(
        trunk=str(landing.trunk_uuid),
        numbers=frozenset({landing.canonical, national}),
        domain=landing.domain.name,
        extensions=landing.extensions,
        is_recorded=directory.is_recorded(landing.recording, landing.domain),
    )


def _inside(inside: landings.Inside) -> provisioning.Inside:
    return provisioning.Inside(inside.domain, inside.number, inside.extensions)


# What the dialplan may not let out of the numbers that begin with one 0: it knows those of
# Vietnam; in other countries it lets out emergency calls alone.
_CLOSED_AT_HOME = {"84": ("01900",)}


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
    ends = [
        until.timestamp() for until in (domain.suspended_until, extension.suspended_until) if until
    ]
    return provisioning.WayOut(
        domain=domain.name,
        extension=extension.extension,
        trunk=str(trunk.trunk_uuid),
        hotline=hotline.number,
        lead=f"+{domain.country_code}" if trunk.number_format == "e164" else "0",
        closed=_CLOSED_AT_HOME.get(domain.country, ("",))
        if domain.minutes_per_day is None
        else ("",),
        suspended_until=math.ceil(max(ends, default=0)),
        lines=extension.max_calls,
        calls=domain.max_calls,
        trunk_calls=trunk.max_calls,
        is_recorded=directory.is_recorded({extension.recording}, domain),
    )
