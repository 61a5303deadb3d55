"""Nobody finds out which extensions there are, and who guesses passwords is not listened to for
long.
"""

import re
from collections.abc import Awaitable, Callable

import pytest

from testbed import wire
from testbed.company import PASSWORD, Company, Office
from testbed.until import until
from tongdai.store import bans

KNOWN, UNKNOWN = "101", "199"
MOST = 20


def plain(answer: str, extension: str) -> str:
    """Without what differs from answer to answer: whose it is, ports, and the values, not the
    lengths, of chance.
    """
    text = re.sub(r'(nonce|opaque)="([^"]*)"', lambda found: f"{found[1]}={len(found[2])}", answer)
    text = re.sub(r"127\.8\.\d+\.\d+:\d+|rport=\d+", "here", text)
    text = re.sub(r"\b\d{6}(\d{3})?\b|f\d{6}|z9hG4bK\d+", "call", text)
    # not where it is part of an address or a domain
    return re.sub(rf"(?<![\w.]){extension}\b", "EXT", text)


def near(company: Company, network: int) -> str:
    """An address that nobody else has."""
    return f"127.{network}.{company.address.split('.', 2)[2]}"


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE"])
@pytest.mark.parametrize("host", ["domain", "address"])
async def test_an_extension_looks_as_one_that_there_is_not(
    company: Company, office: Office, method: str, host: str
) -> None:
    where = company.name if host == "domain" else office.instance.sip.split(":")[0]
    await office.knows(f"unknown@{company.name}")
    async with wire.udp(office.instance.sip, near(company, 8)) as line:
        seen = []
        for extension in (KNOWN, UNKNOWN):
            answers = await wire.authenticated(line, method, extension, where, "a-wrong-password")
            assert [wire.status(answer) for answer in answers] == [401, 401]
            seen.append([plain(answer, extension) for answer in answers])
        assert seen[0] == seen[1]
        assert f'realm="{company.name}"' in seen[0][0] or host == "address"


async def test_who_guesses_is_not_listened_to_until_the_operator_says_so(
    company: Company, office: Office
) -> None:
    address = near(company, 7)

    async def banned() -> list[str]:
        async with office.database.connection() as tx:
            return [ban.address for ban in await bans.list(tx)]

    async with company.phone("101") as alice, wire.udp(office.instance.sip, address) as line:

        def heard(status: int) -> Callable[[], Awaitable[bool]]:
            async def found() -> bool:
                options = wire.request(line, "OPTIONS", "102", company.name, call="options")
                return wire.status(await wire.ask(line, options)) == status

            return found

        for guess in range(MOST):
            await wire.authenticated(line, "REGISTER", "102", company.name, f"guess-{guess}")
        await until(heard(403), 15)
        assert address in await banned()
        assert (
            wire.status(
                (await wire.authenticated(line, "REGISTER", "102", company.name, PASSWORD))[-1]
            )
            == 403
        )
        async with wire.tcp(office.instance.sip, address) as other:
            assert (
                wire.status(
                    await wire.ask(other, wire.request(other, "OPTIONS", "x", "y", call="tcp"))
                )
                == 403
            )
        assert await alice.register(), "others are heard as before"

        async with office.database.transaction() as tx:
            await bans.lift(tx, address)
        await until(heard(401), 15)
        assert address not in await banned()


async def test_good_phones_and_trunks_speak_for_their_addresses(
    company: Company, office: Office
) -> None:
    async with company.phone("101") as alice, company.carrier():
        for address in (alice.address, company.address):
            async with wire.udp(office.instance.sip, address) as line:
                for guess in range(MOST + 5):
                    await wire.authenticated(
                        line, "REGISTER", "102", company.name, f"guess-{guess}"
                    )
        await until(lambda: company.address in said(office), 15)
        async with office.database.connection() as tx:
            assert {ban.address for ban in await bans.list(tx)}.isdisjoint(
                {alice.address, company.address}
            )
        async with wire.udp(office.instance.sip, alice.address) as line:
            assert (
                wire.status(
                    (await wire.authenticated(line, "REGISTER", "102", company.name, PASSWORD))[-1]
                )
                == 200
            )


def said(office: Office) -> str:
    return "\n".join(
        each for each in office.instance.log.read_text().splitlines() if "trunk_fails" in each
    )
