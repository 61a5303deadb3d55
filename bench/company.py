"""The tenants of the benchmarks: domains with extensions, hotlines on one shared trunk, and
webhooks.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from bench.rig import CARRIER, HOST, PHONE, Rig
from testbed.registration import Phone
from tongdai.pbx.directory import Domain, Extension
from tongdai.store import domains, extensions, hotlines, subscriptions, trunks, users

PASSWORD = "a password of the benchmarks"  # noqa: S105 loopback, gone afterwards
"""Of the administrator of each."""
EVENTS = ("ringing", "answered", "hangup", "cdr")
FIRST_HOTLINE, FIRST_EXTENSION = 2471000000, 201  # 112 to 115 are emergency numbers


class Company(msgspec.Struct, frozen=True):
    """A domain with its API key. `passwords` are SIP passwords by extension."""

    domain: Domain
    api_key: str
    passwords: dict[str, str]
    hotlines: tuple[str, ...]


async def found(
    rig: Rig, count: int, size: int, *, recording: bool, sink: int = 0
) -> list[Company]:
    """`count` companies of `size` extensions, each with a hotline of its own; their webhooks go to
    the port `sink`.
    """
    made, trunk = [], None
    for number in range(count):
        company, trunk = await _found(rig, number, size, trunk, recording=recording)
        if sink:
            await _subscribe(rig, company, f"http://{HOST}:{sink}/hook/{number}")
        made.append(company)
    return made


async def _found(
    rig: Rig, number: int, size: int, trunk: UUID | None, *, recording: bool
) -> tuple[Company, UUID]:
    async with rig.database.transaction() as tx:
        name = f"c{number}.bench.vn"
        domain = await domains.insert(
            tx, name, recording=recording, max_calls=10_000, calls_per_minute=None
        )
        account = await users.insert(tx, domain.domain_uuid, rig.master_key, "admin", PASSWORD)
        if trunk is None:
            shared = trunks.Trunk(
                name="carrier",
                auth="ip",
                host=CARRIER,
                addresses=(CARRIER,),
                shared=True,
                max_calls=10_000,
            )
            await trunks.insert(tx, domain.domain_uuid, rig.master_key, shared)
            trunk = shared.trunk_uuid
        passwords, numbers = {}, []
        for n in range(size):
            extension, hotline = str(FIRST_EXTENSION + n), f"0{FIRST_HOTLINE + number * size + n}"
            passwords[extension] = await extensions.insert(
                tx, domain.domain_uuid, Extension(extension, max_calls=1000)
            )
            await hotlines.insert(
                tx, domain.domain_uuid, hotline, trunk, destination=extension, is_default=n == 0
            )
            numbers.append(hotline)
    return Company(domain, account.api_key, passwords, tuple(numbers)), trunk


async def _subscribe(rig: Rig, company: Company, url: str) -> None:
    async with rig.database.transaction() as tx:
        for name in EVENTS:
            await subscriptions.insert(
                tx,
                company.domain.domain_uuid,
                rig.master_key,
                event_name=name,
                callback_url=url,
                callback_apikey="token",
            )


def register(rig: Rig, companies: Sequence[Company], phone: Phone | None = None) -> None:
    """All extensions are registered: at the phone given, else at the address where SIPp's phones
    will answer.
    """
    at = phone or Phone(PHONE, rig.phone, (HOST, rig.sip))
    for company in companies:
        for extension, password in company.passwords.items():
            at.register(extension, company.domain.name, password)
    if phone is None:
        at.close()
