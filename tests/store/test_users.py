"""Users on a real PostgreSQL."""

import asyncio
import threading
from uuid import UUID

import msgspec
import pytest

from tongdai import errors, ids
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.store import api_keys, db, domains, passwords, users


@pytest.fixture
async def foo(
    database: db.Database, domain: directory.Domain, master_key: MasterKey
) -> users.Account:
    """A user of the domain, whose password is mật khẩu 123."""
    async with database.transaction() as tx:
        return await users.insert(tx, domain.domain_uuid, master_key, "foo", "mật khẩu 123")


async def disable(
    database: db.Database, domain: directory.Domain, foo: users.Account, what: str
) -> None:
    async with database.transaction() as tx:
        if what == "user":
            user = await users.get(tx, domain.domain_uuid, foo.username)
            await users.update(
                tx, domain.domain_uuid, msgspec.structs.replace(user, enabled=False)
            )
        else:
            await domains.update(tx, msgspec.structs.replace(domain, enabled=False))


async def test_name_and_password_open_the_account(
    database: db.Database, domain: directory.Domain, foo: users.Account, master_key: MasterKey
) -> None:
    assert foo == await users.login(database, master_key, "foo", domain.name, "mật khẩu 123")
    assert foo == await users.login(
        database, master_key, "FOO", domain.name.upper(), "mật khẩu 123"
    )
    decomposed = "ma\u0323\u0302t kha\u0302\u0309u 123"
    assert foo == await users.login(database, master_key, "foo", domain.name, decomposed)


@pytest.mark.parametrize(
    ("username", "domain_name", "password"),
    [
        ("foo", "", "Mật khẩu 123"),
        ("foo", "", ""),
        ("bar", "", "mật khẩu 123"),
        ("foo", "elsewhere.example.vn", "mật khẩu 123"),
        ("fo\0o", "", "mật khẩu 123"),
        ("foo' OR true --", "", "mật khẩu 123"),
        ("%", "%", "%"),
    ],
)
async def test_anything_else_does_not(  # noqa: PLR0917 - fixtures, and the case
    database: db.Database,
    domain: directory.Domain,
    foo: users.Account,
    master_key: MasterKey,
    username: str,
    domain_name: str,
    password: str,
) -> None:
    with pytest.raises(errors.WrongCredentials):
        await users.login(database, master_key, username, domain_name or domain.name, password)


async def test_an_unknown_user_costs_a_password_hash_too(
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matches, checked = passwords.compare, list[str]()

    def noting(password_hash: str, password: str) -> bool:
        checked.append(password_hash)
        return matches(password_hash, password)

    monkeypatch.setattr(passwords, "compare", noting)
    with pytest.raises(errors.WrongCredentials):
        await users.login(database, master_key, "nobody", domain.name, "mật khẩu 123")

    assert len(checked) == 1
    assert not passwords.HASHER.check_needs_rehash(checked[0]), "of the same cost as real ones"


async def test_no_connection_is_held_while_a_password_is_hashed(
    database: db.Database,
    domain: directory.Domain,
    foo: users.Account,
    master_key: MasterKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Logins are many and slow, connections few: others are served meanwhile."""
    hashing, may_go_on = threading.Event(), threading.Event()

    def slow(_password_hash: str, _password: str) -> bool:
        hashing.set()
        return may_go_on.wait(30)

    monkeypatch.setattr(passwords, "compare", slow)
    only = db.Database(database.dsn, size=1)
    await only.open()
    login = asyncio.create_task(users.login(only, master_key, "foo", domain.name, "mật khẩu 123"))
    assert await asyncio.to_thread(hashing.wait, 30)
    async with only.connection() as tx:
        assert await tx.fetchval("SELECT 1") == 1
    assert not login.done()
    may_go_on.set()

    assert await login == foo
    await only.close()


async def test_the_password_is_kept_as_argon2id_alone(
    database: db.Database, domain: directory.Domain, foo: users.Account
) -> None:
    async with database.connection() as tx:
        row = await tx.fetchrow("SELECT * FROM users WHERE user_uuid = $1", foo.user_uuid)

    assert row
    assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "mật khẩu" not in str(dict(row))
    assert foo.api_key not in str(dict(row))
    assert foo.api_key.encode() not in row["api_key_encrypted"]


async def test_an_api_key_opens_the_account(
    database: db.Database, foo: users.Account, master_key: MasterKey
) -> None:
    assert str(UUID(foo.api_key)) == foo.api_key
    async with database.connection() as tx:
        assert foo == await users.by_api_key(tx, master_key, foo.api_key)
        for wrong in (str(ids.new()), "", foo.api_key[:-1], foo.api_key.upper() + "\0"):
            with pytest.raises(errors.WrongCredentials):
                await users.by_api_key(tx, master_key, wrong)


async def test_a_rotated_api_key_takes_the_old_ones_place(
    database: db.Database, domain: directory.Domain, foo: users.Account, master_key: MasterKey
) -> None:
    async with database.transaction() as tx:
        new = await api_keys.rotate(tx, domain.domain_uuid, master_key, "foo")
    async with database.connection() as tx:
        assert new == (await api_keys.get(tx, domain.domain_uuid, master_key, "foo")).api_key
        assert msgspec.structs.replace(
            foo, api_key=new, api_key_version=2
        ) == await users.by_api_key(tx, master_key, new)
        with pytest.raises(errors.WrongCredentials):
            await users.by_api_key(tx, master_key, foo.api_key)
        assert (await users.principal(tx, domain.domain_uuid, foo.user_uuid)).api_key_version == 2


@pytest.mark.parametrize("what", ["user", "domain"])
async def test_who_is_disabled_is_refused(
    database: db.Database,
    domain: directory.Domain,
    foo: users.Account,
    master_key: MasterKey,
    what: str,
) -> None:
    await disable(database, domain, foo, what)
    async with database.connection() as tx:
        with pytest.raises(errors.WrongCredentials):
            await users.login(database, master_key, "foo", domain.name, "mật khẩu 123")
        with pytest.raises(errors.WrongCredentials):
            await users.by_api_key(tx, master_key, foo.api_key)
        principal = await users.principal(tx, domain.domain_uuid, foo.user_uuid)

    assert not principal.enabled
    assert principal.user_enabled is (what != "user")
    assert principal.domain_enabled is (what != "domain")


async def test_the_principal_knows_its_domain(
    database: db.Database, domain: directory.Domain, foo: users.Account
) -> None:
    async with database.connection() as tx:
        principal = await users.principal(tx, domain.domain_uuid, foo.user_uuid)

    assert principal == users.Principal(
        user_uuid=foo.user_uuid,
        domain_uuid=domain.domain_uuid,
        username="foo",
        level="admin",
        api_key_version=1,
        user_enabled=True,
        domain_enabled=True,
        domain_name=domain.name,
        time_zone="Asia/Ho_Chi_Minh",
        country="84",
    )
    assert principal.enabled


async def test_a_user_is_listed_changed_and_deleted(
    database: db.Database, domain: directory.Domain, foo: users.Account, master_key: MasterKey
) -> None:
    async with database.transaction() as tx:
        bar = await users.insert(
            tx, domain.domain_uuid, master_key, "bar", "password of bar", level="agent"
        )
        assert [user.username for user in await users.list(tx, domain.domain_uuid)] == [
            "bar",
            "foo",
        ]

        user = await users.get(tx, domain.domain_uuid, "bar")
        assert (user.user_uuid, user.level, user.enabled) == (bar.user_uuid, "agent", True)

        await users.update(
            tx,
            domain.domain_uuid,
            msgspec.structs.replace(user, level="admin"),
            "another password",
        )
        assert (await users.get(tx, domain.domain_uuid, "bar")).level == "admin"

    assert await users.login(database, master_key, "bar", domain.name, "another password")

    async with database.transaction() as tx:
        await users.delete(tx, domain.domain_uuid, "bar")
        assert [user.username for user in await users.list(tx, domain.domain_uuid)] == ["foo"]


async def test_a_name_is_taken_once_in_a_domain(
    database: db.Database, domain: directory.Domain, foo: users.Account, master_key: MasterKey
) -> None:
    async with database.transaction() as tx:
        other = await domains.insert(tx, "other-users.example.vn")
        await users.insert(tx, other.domain_uuid, master_key, "foo", "password of another foo")
    with pytest.raises(errors.Conflict) as refused:
        async with database.transaction() as tx:
            await users.insert(
                tx, domain.domain_uuid, master_key, "foo", "password of a second foo"
            )

    assert refused.value.field == "username"


@pytest.mark.parametrize(
    ("username", "password", "level", "field"),
    [
        ("Foo", "long enough", "admin", "username"),
        ("foo@bar", "long enough", "admin", "username"),
        ("", "long enough", "admin", "username"),
        ("new", "short", "admin", "password"),
        ("new", "x" * 257, "admin", "password"),
        ("new", "long enough", "root", "level"),
    ],
)
async def test_wrong_values_name_their_field(  # noqa: PLR0917 - fixtures, and the case
    database: db.Database,
    domain: directory.Domain,
    master_key: MasterKey,
    username: str,
    password: str,
    level: str,
    field: str,
) -> None:
    with pytest.raises(errors.Invalid) as refused:
        async with database.transaction() as tx:
            await users.insert(tx, domain.domain_uuid, master_key, username, password, level=level)  # type: ignore[arg-type]

    assert refused.value.field == field


async def test_another_domains_user_is_not_found(
    database: db.Database, domain: directory.Domain, foo: users.Account, master_key: MasterKey
) -> None:
    async with database.transaction() as tx:
        other = (await domains.insert(tx, "stranger-users.example.vn")).domain_uuid
        user = await users.get(tx, domain.domain_uuid, "foo")
        for attempt in (
            users.get(tx, other, "foo"),
            users.update(tx, other, user, "another password"),
            users.delete(tx, other, "foo"),
            api_keys.get(tx, other, master_key, "foo"),
            api_keys.rotate(tx, other, master_key, "foo"),
            users.principal(tx, other, foo.user_uuid),
        ):
            with pytest.raises(errors.NotFound):
                await attempt
        assert await users.list(tx, other) == []
        assert foo == await users.login(database, master_key, "foo", domain.name, "mật khẩu 123")
