"""Principals are remembered exactly as long as every change of them would be heard."""

from uuid import UUID

import msgspec
import pytest

from tests.api.conftest import PASSWORD
from tests.clock import Clock
from tongdai import errors, ids
from tongdai.api.attempts import Attempts
from tongdai.api.principals import Principal, Principals
from tongdai.api.tokens import Tokens
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import db, users
from tongdai.store.tenants import Tenants


class Door:
    """Principals with one user at it."""

    def __init__(
        self, database: db.Database, tenants: Tenants, master_key: MasterKey, user: users.Account
    ) -> None:
        self.tenants, self.user = tenants, user
        tokens = Tokens(master_key, 60)
        self.clock = Clock()
        self.principals = Principals(database, tenants, tokens, master_key, self.clock)
        self._token, _ = tokens.issue(user.domain_uuid, user.user_uuid, user.api_key_version)

    async def knock(self) -> UUID:
        """The user that was recognised."""
        found = await self.principals.of(self._token)
        assert isinstance(found, Principal)
        return found.user.user_uuid

    async def is_asking_the_database(self) -> bool:
        self.principals._tenants = Tenants("postgresql:///nowhere", size=0, patience_s=0)
        try:
            await self.knock()
        except errors.Unavailable:
            return True
        finally:
            self.principals._tenants = self.tenants
        return False

    async def disable(self, database: db.Database) -> None:
        async with database.transaction() as tx:
            user = await users.get(tx, self.user.domain_uuid, self.user.username)
            await users.update(
                tx, self.user.domain_uuid, msgspec.structs.replace(user, enabled=False)
            )


@pytest.fixture
async def door(
    database: db.Database, tenants: Tenants, master_key: MasterKey, domain: directory.Domain
) -> Door:
    async with database.transaction() as tx:
        user = await users.insert(tx, domain.domain_uuid, master_key, "foo", PASSWORD)
    return Door(database, tenants, master_key, user)


async def test_while_changes_are_heard_the_second_time_costs_no_query(door: Door) -> None:
    door.principals.listening()
    assert await door.knock() == door.user.user_uuid
    assert not await door.is_asking_the_database()


async def test_a_principal_is_looked_up_again_in_time(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a minute, or when the token has expired, whatever the time of day says."""
    door.principals.listening()
    await door.knock()
    monkeypatch.setattr("tongdai.api.principals.time.time", lambda: 0.0)  # it was set back
    door.clock.now += 59
    assert not await door.is_asking_the_database()
    door.clock.now += 2
    assert await door.is_asking_the_database()


async def test_unheard_nobody_is_remembered(door: Door, database: db.Database) -> None:
    await door.knock()
    assert await door.is_asking_the_database()
    await door.disable(database)
    with pytest.raises(errors.NotAuthenticated):
        await door.knock()


async def test_lost_notifications_forget_everybody_until_they_are_back(door: Door) -> None:
    door.principals.listening()
    await door.knock()
    door.principals.lost()
    await door.knock()
    assert await door.is_asking_the_database()
    door.principals.lost()  # twice in a row is no return
    await door.knock()
    assert await door.is_asking_the_database()
    door.principals.listening()
    await door.knock()
    assert not await door.is_asking_the_database()


async def test_a_change_in_the_domain_is_looked_at_anew(door: Door) -> None:
    door.principals.listening()
    await door.knock()
    door.principals.forget(str(ids.new()))
    assert not await door.is_asking_the_database()
    door.principals.forget(str(door.user.domain_uuid))
    assert await door.is_asking_the_database()


async def test_a_change_while_it_is_looked_up_is_not_missed(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.principals.listening()
    find = users.principal

    async def find_and_hear(
        tx: db.Tx, domain_uuid: UUID, user_uuid: UUID, api_key_uuid: UUID | None
    ) -> users.Principal:
        found = await find(tx, domain_uuid, user_uuid, api_key_uuid)
        door.principals.forget(str(domain_uuid))
        return found

    monkeypatch.setattr(users, "principal", find_and_hear)
    await door.knock()
    assert await door.is_asking_the_database()


def test_attempts_end_at_their_limit_and_begin_again_in_time() -> None:
    clock = Clock()
    attempts = Attempts(3, clock=clock)
    for at in (1000.0, 1010.0, 1020.0):
        clock.now = at
        attempts.check("a")
        attempts.count("a")

    clock.now = 1025.0
    attempts.check("b")
    with pytest.raises(errors.TooManyRequests) as refused:
        attempts.check("a")
    assert refused.value.retry_after_s == 35
    clock.now = 1060.5
    attempts.check("a")
    attempts.count("a")
    attempts.forgive("a")
    attempts.check("a")
