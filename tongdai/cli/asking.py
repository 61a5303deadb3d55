"""Commands to the engine from the command line, by a row of the database that it answers."""

import asyncio
from uuid import UUID

from tongdai import errors
from tongdai.pbx.commands import Command, Outcome
from tongdai.store import commands, db

LOOK_S, ANSWER_S = 0.05, 10.0


async def outcome_of(
    database: db.Database, domain_uuid: UUID, command: Command, within_s: float = ANSWER_S
) -> Outcome:
    """The engine's outcome of the command, which is asked now. Raises errors.SwitchDown."""
    async with database.transaction() as tx:
        asked = await commands.ask(tx, domain_uuid, command)
    return await answered(database, domain_uuid, asked, within_s)


async def answered(
    database: db.Database, domain_uuid: UUID, asked: UUID, within_s: float = ANSWER_S
) -> Outcome:
    """The engine's outcome of a command that has been asked. It is withdrawn when no engine takes
    it in time. Raises errors.SwitchDown.
    """
    until = asyncio.get_running_loop().time() + within_s
    while asyncio.get_running_loop().time() < until:
        async with database.connection() as tx:
            if known := await commands.outcome(tx, domain_uuid, asked):
                return known
        await asyncio.sleep(LOOK_S)
    async with database.transaction() as tx:
        await commands.withdraw(tx, domain_uuid, asked)
    raise errors.SwitchDown
