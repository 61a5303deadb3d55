"""The company whose calls a scenario disturbs: extensions that answer, each with a hotline, one
trunk, and a subscriber to its events.
"""

import time
from pathlib import Path

import aiohttp
import msgspec

from chaos import observations
from chaos.callers import CARRIER, PHONE
from testbed.registration import Phone
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import Extension
from tongdai.store import db, domains, extensions, hotlines, subscriptions, trunks, users

DOMAIN, PASSWORD = "chaos.example.vn", "a password of the chaos's own"
FIRST_EXTENSION, FIRST_HOTLINE = 201, 2471000000  # 112 to 115 are emergency numbers


class Company(msgspec.Struct, frozen=True):
    """`passwords` are SIP passwords by extension; `hotlines` lead to the extensions in turn."""

    trunk: str
    hotlines: list[str]
    passwords: dict[str, str]


async def insert(
    database: db.Database, master_key: MasterKey, size: int, *, recording: bool
) -> Company:
    """A company of `size` extensions."""
    async with database.transaction() as tx:
        domain = await domains.insert(
            tx, DOMAIN, recording=recording, max_calls=10_000, calls_per_minute=None
        )
        await users.insert(tx, domain.domain_uuid, master_key, "admin", PASSWORD)
        trunk = trunks.Trunk(
            name="carrier", auth="ip", host=CARRIER, addresses=(CARRIER,), max_calls=10_000
        )
        await trunks.insert(tx, domain.domain_uuid, master_key, trunk)
        made = Company(str(trunk.trunk_uuid), [], {})
        for n in range(size):
            extension, hotline = str(FIRST_EXTENSION + n), f"0{FIRST_HOTLINE + n}"
            made.passwords[extension] = await extensions.insert(
                tx, domain.domain_uuid, Extension(extension, max_calls=1000)
            )
            await hotlines.insert(
                tx,
                domain.domain_uuid,
                hotline,
                trunk.trunk_uuid,
                destination=extension,
                is_default=n == 0,
            )
            made.hotlines.append(hotline)
    return made


async def subscribe(database: db.Database, master_key: MasterKey, folder: Path, url: str) -> None:
    """One URL is subscribed to each event that calls have, so that their order can be checked. The
    secrets that sign are in the folder, for receiver.py.
    """
    async with database.transaction() as tx:
        domain_uuid = await tx.fetchval("SELECT domain_uuid FROM domains WHERE name = $1", DOMAIN)
        made = [
            await subscriptions.insert(
                tx,
                domain_uuid,
                master_key,
                event_name=name,
                callback_url=url,
                callback_apikey="Bearer x",
            )
            for name in observations.Injected().subscribed
        ]
    (folder / "secrets").write_text("\n".join(one.secret for one in made))


async def log_in(http: str) -> str:
    """The token of the company's admin, from the API at host:port."""
    url = f"http://{http}/v1/auth"
    async with aiohttp.ClientSession() as session:
        account = {"username": f"admin@{DOMAIN}", "password": PASSWORD}
        async with session.post(url, json=account) as answer:
            api_key = (await answer.json())["data"]["api_key"]
        async with session.post(f"{url}/token", json={"api_key": api_key}) as answer:
            return str((await answer.json())["data"]["token"])


def register(port: int, switch: str, passwords: dict[str, str]) -> None:
    """All extensions are registered from this port of PHONE. The switch (host:port) may have to
    learn of them first. Blocks.
    """
    host, _, switch_port = switch.rpartition(":")
    phone = Phone(PHONE, port, (host, int(switch_port)))
    deadline = time.monotonic() + 20
    for extension, password in passwords.items():
        while True:
            try:
                phone.register(extension, DOMAIN, password)
                break
            except (AssertionError, TimeoutError):
                assert time.monotonic() < deadline, "phones cannot register"
                time.sleep(0.1)
    phone.close()
