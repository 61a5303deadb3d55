"""The demo company: all objects that an integrator needs on the first day, made once and stored
with the data.
"""

import secrets
from pathlib import Path
from uuid import UUID

import msgspec

from tongdai import errors, files
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Extension, Queue, RingGroup
from tongdai.sandbox import actors
from tongdai.store import (
    db,
    domains,
    extension_entries,
    extensions,
    hotlines,
    queues,
    ring_groups,
    trunks,
    users,
)

DOMAIN = "demo.tongdai.local"
ADMIN = "admin"
HOTLINE = "19001919"
RING_GROUP = "600"
QUEUE = "700"
PHONES = {"101": "Nguyễn Văn An", "102": "Trần Thị Bình", "103": "Lê Hoàng Châu"}


class Demo(msgspec.Struct, frozen=True):
    """The company's credentials. `passwords` are SIP passwords by extension, including the
    robots'.
    """

    domain_uuid: UUID
    domain: str
    username: str
    password: str
    api_key: str
    passwords: dict[str, str]
    hotline: str
    ring_group: str
    queue: str


def load(folder: Path) -> Demo | None:
    """The demo made before in this data folder, or None. Raises errors.SetupError for a file that
    is damaged.
    """
    try:
        return msgspec.json.decode((folder / "demo.json").read_bytes(), type=Demo)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as reason:
        raise errors.SetupError(
            f"{folder / 'demo.json'} is damaged: delete it, and the domain {DOMAIN} with"
            " `tongdai domain delete`; the next start makes both anew"
        ) from reason


async def make(database: db.Database, master_key: MasterKey, folder: Path, carrier: str) -> Demo:
    """The demo exists: the former one, or a new one with generated passwords. `carrier` is the
    sandbox's SIP host:port.
    """
    if (known := load(folder)) and await _exists(database, known):
        await _move_trunk(database, master_key, known, carrier)
        return known
    demo = await _insert(database, master_key, carrier)
    files.write(folder / "demo.json", msgspec.json.format(msgspec.json.encode(demo)))
    return demo


async def _exists(database: db.Database, demo: Demo) -> bool:
    async with database.connection() as tx:
        return any(domain.domain_uuid == demo.domain_uuid for domain in await domains.list(tx))


async def _move_trunk(
    database: db.Database, master_key: MasterKey, demo: Demo, carrier: str
) -> None:
    """Updates the trunk: the sandbox's address may differ at each start."""
    async with database.transaction() as tx:
        for trunk in await trunks.list(tx, demo.domain_uuid):
            if trunk.name == "sandbox" and trunk.host != carrier:
                moved = msgspec.structs.replace(
                    trunk, host=carrier, addresses=(carrier.rpartition(":")[0],)
                )
                await trunks.update(tx, demo.domain_uuid, master_key, moved)


async def _insert(database: db.Database, master_key: MasterKey, carrier: str) -> Demo:
    password = secrets.token_urlsafe(12)
    async with database.transaction() as tx:
        domain = await domains.insert(tx, DOMAIN)
        uuid = domain.domain_uuid
        account = await users.insert(tx, uuid, master_key, ADMIN, password)
        passwords = {}
        for number, name in {**PHONES, **_robots()}.items():
            passwords[number] = await extensions.insert(
                tx, uuid, Extension(number, name=name), webrtc=number in PHONES
            )
        # the browser phone of who signs in (/phone)
        await extension_entries.keep(tx, uuid, "101", user_uuid=str(account.user_uuid))
        trunk = trunks.Trunk(
            name="sandbox", auth="ip", host=carrier, addresses=(carrier.rpartition(":")[0],)
        )
        await trunks.insert(tx, uuid, master_key, trunk)
        late, prompt = actors.ROBOTS["answers_late"].number, actors.ROBOTS["answers"].number
        await ring_groups.insert(
            tx, uuid, RingGroup(RING_GROUP, name="Bán hàng", members=("101", late))
        )
        await queues.insert(
            tx, uuid, Queue(QUEUE, name="Chăm sóc khách hàng", agents=("101", prompt))
        )
        await hotlines.insert(
            tx, uuid, HOTLINE, trunk.trunk_uuid, destination=RING_GROUP, is_default=True
        )
    return Demo(
        uuid,
        DOMAIN,
        f"{ADMIN}@{DOMAIN}",
        password,
        account.api_key,
        passwords,
        HOTLINE,
        RING_GROUP,
        QUEUE,
    )


def _robots() -> dict[str, str]:
    return {actor.number: f"Robot {behaviour}" for behaviour, actor in actors.ROBOTS.items()}


def robots(demo: Demo) -> dict[str, str]:
    """The robots' SIP passwords by extension."""
    return {number: demo.passwords[number] for number in _robots()}
