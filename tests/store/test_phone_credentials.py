"""Credentials of browser phones that expire, on a real PostgreSQL."""

import pytest

from tongdai import errors
from tongdai.pbx.directory import NODE, Domain, Extension
from tongdai.store import db, devices, extensions, phone_credentials

LIFE_S = 3600


async def furnish(tx: db.Tx, domain: Domain) -> None:
    """101 may be a browser besides, 102 is one only, 103 is none, 104 is disabled."""
    uuid = domain.domain_uuid
    await extensions.insert(tx, uuid, Extension("101"), webrtc=True)
    await extensions.insert(tx, uuid, Extension("102"), kind="browser")
    await extensions.insert(tx, uuid, Extension("103"), webrtc=False)
    await extensions.insert(tx, uuid, Extension("104", enabled=False), webrtc=True)


async def known(tx: db.Tx, domain: Domain) -> dict[str, tuple[tuple[str, str, str], ...]]:
    """The credentials that the switch gets, by endpoint."""
    found = await devices.list_for_provisioning(tx, NODE, domain.domain_uuid)
    return {str(one.endpoint).partition("@")[0]: one.credentials for one in found}


async def test_the_switch_gets_them_with_the_endpoint_for_browsers(
    database: db.Database, domain: Domain
) -> None:
    async with database.transaction() as tx:
        await furnish(tx, domain)
        first = await phone_credentials.insert(tx, domain.domain_uuid, "101", LIFE_S)
        second = await phone_credentials.insert(tx, domain.domain_uuid, "102", LIFE_S)
        found = await known(tx, domain)
    digests = devices.digests(first.username, domain.name, first.password)
    assert found == {
        "101": (),
        "101-webrtc": ((first.username, *digests),),
        "102-webrtc": (
            (second.username, *devices.digests(second.username, domain.name, second.password)),
        ),
        "103": (),
    }


@pytest.mark.parametrize("extension", ["103", "104"])
async def test_there_are_none_where_no_browser_could_register(
    database: db.Database, domain: Domain, extension: str
) -> None:
    async with database.transaction() as tx:
        await furnish(tx, domain)
        with pytest.raises(errors.Conflict):
            await phone_credentials.insert(tx, domain.domain_uuid, extension, LIFE_S)
        with pytest.raises(errors.NotFound):
            await phone_credentials.insert(tx, domain.domain_uuid, "105", LIFE_S)


async def test_an_extension_has_so_many_at_most_and_the_oldest_go(
    database: db.Database, domain: Domain
) -> None:
    async with database.transaction() as tx:
        await furnish(tx, domain)
    made = []
    for _ in range(phone_credentials.MOST + 2):
        async with database.transaction() as tx:
            made.append(await phone_credentials.insert(tx, domain.domain_uuid, "101", LIFE_S))
    async with database.transaction() as tx:
        left = {name for name, *_ in (await known(tx, domain))["101-webrtc"]}
    assert left == {one.username for one in made[2:]}


async def test_what_has_expired_is_neither_sent_to_the_switch_nor_kept(
    database: db.Database, domain: Domain
) -> None:
    async with database.transaction() as tx:
        await furnish(tx, domain)
        live = await phone_credentials.insert(tx, domain.domain_uuid, "101", LIFE_S)
        await phone_credentials.insert(tx, domain.domain_uuid, "101", 0)
        names = {name for name, *_ in (await known(tx, domain))["101-webrtc"]}
        assert names == {live.username}
        while await phone_credentials.purge(tx, 1):
            pass
        left = await tx.fetch(
            "SELECT username FROM phone_credentials WHERE domain_uuid = $1", domain.domain_uuid
        )
    assert [row["username"] for row in left] == [live.username]
