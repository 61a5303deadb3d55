"""The inbox of commands: taken once, answered once, asked again harmlessly."""

import asyncio
from uuid import UUID

import pytest

from tongdai import errors, ids
from tongdai.pbx import commands as words
from tongdai.pbx import directory
from tongdai.pbx.directory import NODE
from tongdai.store import commands, db
from tongdai.store.tenants import Tenants

CALL = words.ClickToCall(ext="101", phone="0899888999")


async def ask(
    database: db.Database,
    domain: directory.Domain,
    command: words.Command = CALL,
    key: str | None = None,
) -> UUID:
    async with database.transaction() as tx:
        return await commands.ask(tx, domain.domain_uuid, command, key)


async def take(database: db.Database, domain: directory.Domain) -> list[commands.Asked]:
    async with database.connection() as tx:
        return [
            asked
            for asked in await commands.take(tx, NODE)
            if asked.domain_uuid == domain.domain_uuid
        ]


async def finish(
    database: db.Database, domain: directory.Domain, asked: UUID, outcome: words.Outcome
) -> None:
    async with database.transaction() as tx:
        await commands.finish(tx, domain.domain_uuid, asked, outcome)


async def test_commands_are_taken_once_and_in_order(
    database: db.Database, domain: directory.Domain
) -> None:
    asked = [await ask(database, domain) for _ in range(3)]

    taken = await take(database, domain)
    assert taken == [commands.Asked(domain.domain_uuid, one, CALL, "") for one in asked]
    assert await take(database, domain) == []


async def test_two_takers_never_get_the_same(
    database: db.Database, domain: directory.Domain
) -> None:
    asked = {await ask(database, domain) for _ in range(20)}

    async with database.transaction() as one, database.transaction() as other:
        first, second = await commands.take(one, NODE, 7), await commands.take(other, NODE, 100)
    taken = [
        command.command_uuid
        for command in first + second
        if command.domain_uuid == domain.domain_uuid
    ]
    assert (len(taken), set(taken)) == (20, asked)


async def test_an_old_command_is_not_carried_out(
    database: db.Database, domain: directory.Domain
) -> None:
    asked = await ask(database, domain)
    async with database.connection() as tx:
        await tx.execute(
            "UPDATE commands SET created_at = now() - make_interval(secs => $2) WHERE "
            "command_uuid = $1",
            asked,
            commands.FRESH_S,
        )

    assert await take(database, domain) == []


async def test_whoever_waits_learns_the_outcome_when_it_is_heard(
    database: db.Database, tenants: Tenants, domain: directory.Domain
) -> None:
    outcomes, lost = commands.Outcomes(tenants), lambda: None
    await database.listen({"outcomes": outcomes.heard}, lost)
    asked = await ask(database, domain)
    waiting = asyncio.create_task(outcomes.wait(domain.domain_uuid, asked, 10))
    placed = words.Outcome(call_id=ids.new())
    await take(database, domain)
    await finish(database, domain, asked, placed)
    await finish(database, domain, asked, words.Outcome(error="USER_BUSY"))

    assert placed == await waiting
    assert placed == await outcomes.wait(domain.domain_uuid, asked, 10)


async def test_without_notifications_the_outcome_is_found_by_looking(
    database: db.Database, tenants: Tenants, domain: directory.Domain
) -> None:
    asked = await ask(database, domain)
    waiting = asyncio.create_task(commands.Outcomes(tenants).wait(domain.domain_uuid, asked, 10))
    await finish(database, domain, asked, words.Outcome(error="USER_BUSY"))

    assert words.Outcome(error="USER_BUSY") == await waiting


async def test_waiting_ends_at_its_time(
    database: db.Database, tenants: Tenants, domain: directory.Domain
) -> None:
    asked = await ask(database, domain)

    assert await commands.Outcomes(tenants).wait(domain.domain_uuid, asked, 0.01) is None


async def test_the_same_key_asks_once(database: db.Database, domain: directory.Domain) -> None:
    first, again = await ask(database, domain, key="k1"), await ask(database, domain, key="k1")

    assert first == again
    assert len(await take(database, domain)) == 1


async def test_the_same_key_at_the_same_time_asks_once(
    database: db.Database, domain: directory.Domain
) -> None:
    asked = await asyncio.gather(*(ask(database, domain, key="k1") for _ in range(6)))

    assert len(set(asked)) == 1


async def test_the_same_key_for_something_else_is_refused(
    database: db.Database, domain: directory.Domain
) -> None:
    await ask(database, domain, key="k1")

    with pytest.raises(errors.Conflict):
        await ask(database, domain, words.ClickToCall(ext="102", phone="0899888999"), "k1")


async def test_after_the_switch_was_down_the_same_key_asks_anew(
    database: db.Database, domain: directory.Domain
) -> None:
    first = await ask(database, domain, key="k1")
    await finish(database, domain, first, words.Outcome(error="SWITCH_DOWN"))

    assert first != await ask(database, domain, key="k1")


async def test_withdrawn_means_never_taken(
    database: db.Database, domain: directory.Domain
) -> None:
    asked, taken = await ask(database, domain), await ask(database, domain)
    async with database.connection() as tx:
        assert await commands.withdraw(tx, domain.domain_uuid, asked)
        assert [taken] == [one.command_uuid for one in await take(database, domain)]
        assert not await commands.withdraw(tx, domain.domain_uuid, taken)


async def test_old_commands_are_forgotten(database: db.Database, domain: directory.Domain) -> None:
    asked = await ask(database, domain, key="k1")
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE commands SET created_at = now() - interval '2 days' WHERE command_uuid = $1",
            asked,
        )

        assert await commands.purge(tx, 86_400, most=1000) >= 1
    assert asked != await ask(database, domain, key="k1")
