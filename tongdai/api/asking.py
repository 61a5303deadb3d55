"""Commands of requests: asked by a row of the database, which the engine takes and answers."""

from uuid import UUID

from tongdai import errors, tracing
from tongdai.api.context import Context
from tongdai.pbx.commands import Command, Outcome
from tongdai.store import commands

TAKEN_S = 20.0  # seconds to wait for a command that the engine has taken, which we may not cancel


async def outcome_of(
    context: Context,
    domain_uuid: UUID,
    command: Command,
    key: str | None = None,
    *,
    longest_s: float = TAKEN_S,
) -> Outcome:
    """The engine's outcome of the command, which is asked now. Raises errors.SwitchDown when no
    engine took it; then none will take it later.
    """
    async with context.tenants.connection(domain_uuid) as tx:
        asked = await commands.ask(
            tx, domain_uuid, command, key, traceparent=tracing.traceparent()
        )
    return await answered(context, domain_uuid, asked, longest_s=longest_s)


async def answered(
    context: Context, domain_uuid: UUID, asked: UUID, *, longest_s: float = TAKEN_S
) -> Outcome:
    """The engine's outcome of a command that has been asked. Raises as `outcome_of`."""
    if outcome := await context.outcomes.wait(domain_uuid, asked, context.deps.patience_s):
        return outcome
    async with context.tenants.transaction(domain_uuid) as tx:
        is_withdrawn = await commands.withdraw(tx, domain_uuid, asked)
    if is_withdrawn:
        raise errors.SwitchDown
    outcome = await context.outcomes.wait(domain_uuid, asked, longest_s)
    if outcome is None:
        raise errors.SwitchDown
    return outcome
