"""The domain of a call, and directories cached until they change."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from testbed.until import until
from tests.engine.companies import HOTLINE, Company
from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.engine.directories import Directories, Unrouted
from tongdai.pbx.carriers import Undecided
from tongdai.pbx.directory import Domain
from tongdai.pbx.signals import Arrived, Via
from tongdai.store import db, domains, hotlines, trunks


@pytest.fixture
def directories(database: db.Database) -> Directories:
    return Directories(database)


@pytest.fixture
async def other(database: db.Database) -> Domain:
    """Another domain."""
    async with database.transaction() as tx:
        return await domains.insert(tx, f"other{ids.new().hex}.example.vn")


def arrived(via: Via, endpoint: str, dialled: str = HOTLINE) -> Arrived:
    return Arrived(ids.new(), "c", datetime.now(UTC), via, endpoint, dialled, "0909000111", "")


async def owner(directories: Directories, via: Via, endpoint: str, dialled: str = HOTLINE) -> UUID:
    found, _ = await directories.arrival(arrived(via, endpoint, dialled))
    return found.domain.domain_uuid


# --- whose


async def test_a_phones_call_is_its_domains(directories: Directories, company: Company) -> None:
    for _ in range(2):
        assert await owner(directories, "phone", company.phone("101"), "anything") == company.uuid


@pytest.mark.parametrize("endpoint", ["101@nobody.example.vn", "101", ""])
async def test_a_phone_of_no_domain_is_nobodys(directories: Directories, endpoint: str) -> None:
    with pytest.raises(errors.NotFound):
        await directories.arrival(arrived("phone", endpoint))


async def test_a_trunks_call_is_of_who_has_the_hotline(
    directories: Directories, company: Company, other: Domain, master_key: MasterKey
) -> None:
    async with company.database.transaction() as tx:
        trunk = await trunks.get(tx, company.uuid, UUID(company.trunk))
        shared = trunks.Trunk(
            name="shared", auth="ip", host="127.0.0.8", addresses=("127.0.0.8",), shared=True
        )
        await trunks.insert(tx, company.uuid, master_key, shared)
        await hotlines.insert(tx, other.domain_uuid, "02873001234", shared.trunk_uuid)
    assert (
        await owner(directories, "trunk", str(shared.trunk_uuid), "02873001234")
        == other.domain_uuid
    )
    for written in ("+842873001234", "842873001234"):
        assert (
            await owner(directories, "trunk", str(shared.trunk_uuid), written) == other.domain_uuid
        )
    assert await owner(directories, "trunk", str(trunk.trunk_uuid), HOTLINE) == company.uuid


async def test_a_number_that_nobody_has_is_booked_nowhere(
    directories: Directories, company: Company
) -> None:
    for dialled in ("0900000000", "anonymous", ""):
        with pytest.raises(Unrouted) as unrouted:
            await owner(directories, "trunk", company.trunk, dialled)
        assert unrouted.value.undecided is Undecided.UNKNOWN
        assert [str(trunk.trunk_uuid) for trunk in unrouted.value.trunks] == [company.trunk]
    assert directories._by_hotline == {}, "strangers' numbers are not remembered"


@pytest.mark.parametrize("endpoint", ["01a208b1-0000-7000-8000-00000000dead", "no-uuid", ""])
async def test_a_trunk_of_nobody(directories: Directories, endpoint: str) -> None:
    with pytest.raises(errors.NotFound):
        await directories.arrival(arrived("trunk", endpoint))


async def test_a_hotline_that_moves_to_another_domain(
    directories: Directories, company: Company, other: Domain, master_key: MasterKey
) -> None:
    shared = trunks.Trunk(
        name="shared", auth="ip", host="127.0.0.8", addresses=("127.0.0.8",), shared=True
    )
    async with company.database.transaction() as tx:
        await trunks.insert(tx, company.uuid, master_key, shared)
        await hotlines.insert(tx, company.uuid, "02873005678", shared.trunk_uuid)
    assert await owner(directories, "trunk", str(shared.trunk_uuid), "02873005678") == company.uuid
    async with company.database.transaction() as tx:
        await hotlines.delete(tx, company.uuid, "02873005678")
        await hotlines.insert(tx, other.domain_uuid, "02873005678", shared.trunk_uuid)
    directories.forget(str(company.uuid))
    assert (
        await owner(directories, "trunk", str(shared.trunk_uuid), "02873005678")
        == other.domain_uuid
    )


# --- what is remembered


async def name(directories: Directories, company: Company) -> str:
    return (await directories.get(company.uuid)).extensions["101"].name


@pytest.mark.parametrize("is_told_which", [True, False])
async def test_it_is_remembered_until_it_is_forgotten(
    directories: Directories, company: Company, is_told_which: bool
) -> None:
    assert await name(directories, company) == ""
    await company.change_extension("101", name="Nguyễn Văn An")
    directories.forget(str(ids.new()))  # somebody else's
    assert await name(directories, company) == ""
    directories.forget(str(company.uuid) if is_told_which else "")
    assert await name(directories, company) == "Nguyễn Văn An"


async def test_what_was_being_read_when_it_changed_is_not_remembered(
    directories: Directories, company: Company
) -> None:
    """The directory that was read may be from before the change; its notification must not be
    lost.
    """
    async with company.database.transaction() as tx:
        await tx.execute("LOCK TABLE extensions IN ACCESS EXCLUSIVE MODE")
        by_name = asyncio.create_task(directories.arrival(arrived("phone", company.phone("101"))))
        by_uuid = asyncio.create_task(directories.get(company.uuid))
        await until(company.is_locked_out)
        directories.forget(str(company.uuid))
    await asyncio.gather(by_name, by_uuid)
    assert (directories._by_uuid, directories._by_name) == ({}, {})
    await company.change_extension("101", name="Nguyễn Văn An")
    assert await name(directories, company) == "Nguyễn Văn An"


async def test_a_domain_that_is_not_there(directories: Directories) -> None:
    with pytest.raises(errors.NotFound):
        await directories.get(ids.new())


async def test_while_the_database_is_away_what_is_remembered_is_enough(
    directories: Directories, company: Company
) -> None:
    await directories.arrival(arrived("trunk", company.trunk))
    directories._database = db.Database(
        "postgresql://nobody@127.0.0.1:1/nothing", size=0, patience_s=0.01
    )
    assert await owner(directories, "trunk", company.trunk) == company.uuid
    directories.forget("")
    with pytest.raises(errors.Unavailable):
        await directories.arrival(arrived("trunk", company.trunk))
