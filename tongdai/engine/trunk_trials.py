"""Test calls of trunks, for operators: one at a time by each trunk."""

from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.engine.engine import Engine
from tongdai.pbx import trunk_trials
from tongdai.pbx.commands import Outcome, TryTrunk


class TrunkTrials:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._busy: set[str] = set()  # endpoints of trunks

    async def outcome(self, domain_uuid: UUID, asked: TryTrunk) -> Outcome:
        """What came of the call, as the outcome's report; or the error that prevents it."""
        try:
            directory = await self._engine.directories.get(domain_uuid)
            trunk, call = trunk_trials.plan(asked, directory)
            course = await self._made(call)
        except errors.TongdaiError as reason:
            why = messages.key(reason.reason)
            return Outcome(error=reason.code, why=why, field=reason.field)
        report = trunk_trials.judged(trunk, call, course)
        return Outcome(report=msgspec.json.encode(report).decode())

    async def _made(self, call: trunk_trials.TrialCall) -> trunk_trials.Course:
        """Raises errors.Conflict while another one is made, errors.SwitchDown."""
        if call.trunk in self._busy:
            raise errors.Conflict(messages.TRIAL_UNDER_WAY, field="trunk")
        self._busy.add(call.trunk)
        try:
            return await self._engine.switch.try_trunk(call)
        finally:
            self._busy.discard(call.trunk)
