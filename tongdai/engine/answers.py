"""Outcomes of commands, for the requests of this process that wait for them."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

from tongdai import errors
from tongdai.pbx.commands import Answer, Outcome


class Answers:
    def __init__(self) -> None:
        # by call, and the row of its command if it has one
        self._expected: dict[tuple[UUID, UUID | None], asyncio.Future[Outcome]] = {}

    def expect(self, call_uuid: UUID, command_uuid: UUID | None = None) -> asyncio.Future[Outcome]:
        """A future of the outcome of the command that asks for this call."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._expected[call_uuid, command_uuid] = future
        return future

    def give(self, answers: Iterable[Answer]) -> None:
        """Gives each answer to the request that waits for it, if any; only the first one
        counts.
        """
        for answer in answers:
            expected = self._expected.pop((answer.call_uuid, answer.command_uuid), None)
            if expected and not expected.done():
                expected.set_result(answer.outcome)

    def close(self) -> None:
        """No more answers will come: waiting requests learn that the call may or may not be
        placed.
        """
        down = errors.SwitchDown.code
        self.give(
            Answer(call_uuid, call_uuid, command_uuid, Outcome(call_id=call_uuid, error=down))
            for call_uuid, command_uuid in [*self._expected]
        )
