"""Questions of API users about calls that are not made: the data of an answer; `pbx.rehearsal` and
`pbx.simulation` decide it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai import errors, messages
from tongdai.asterisk import registrations
from tongdai.asterisk.registrations import Registration
from tongdai.engine.engine import Engine
from tongdai.pbx import rehearsal, simulation
from tongdai.pbx.commands import FindRoute, Outcome, Rehearse
from tongdai.pbx.directory import Directory
from tongdai.pbx.rehearsal import RegisteredPhone, Rehearsal
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.simulation import Question, Route

_ROUNDS = 8  # of asking for phones that the answer before rang; an overflow each


class Rehearsals:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def outcome(self, domain_uuid: UUID, question: Rehearse | FindRoute) -> Outcome:
        """The answer as the outcome's report, or the error that prevents one."""
        try:
            directory = await self._engine.directories.get(domain_uuid)
            answer = await self._answer(directory, question)
        except errors.TongdaiError as reason:
            return Outcome(error=reason.code, why=messages.key(reason.reason))
        return Outcome(report=msgspec.json.encode(answer).decode())

    async def _answer(
        self, directory: Directory, question: Rehearse | FindRoute
    ) -> Rehearsal | Route:
        if isinstance(question, FindRoute) and question.at:
            asked = Question(question.caller, question.dialled)
            caller = await self._engine.directories.caller(directory, question.caller)
            return simulation.simulate(
                asked, RoutingContext(directory, question.at, caller=caller)
            )
        context = await self._engine.context(directory)
        if isinstance(question, FindRoute):
            caller = await self._engine.directories.caller(directory, question.caller)
            context = replace(context, caller=caller)
        phones: dict[str, tuple[RegisteredPhone, ...]] = {}
        wanted: Iterable[str] = ()
        if isinstance(question, Rehearse):
            wanted = directory.endpoints(question.click.ext)
        for _ in range(_ROUNDS):
            phones |= await self._registered(set(wanted) - phones.keys())
            answer = _decided(question, phones, context)
            route = answer.route if isinstance(answer, Rehearsal) else answer
            wanted = route.endpoints if route else ()
            if set(wanted) <= phones.keys():
                break
        return answer

    async def _registered(
        self, endpoints: Iterable[str]
    ) -> dict[str, tuple[RegisteredPhone, ...]]:
        found = await self._engine.switch.registered(endpoints)
        return {name: tuple(_phone(name, each) for each in known) for name, known in found.items()}


def _decided(
    question: Rehearse | FindRoute,
    phones: dict[str, tuple[RegisteredPhone, ...]],
    context: RoutingContext,
) -> Rehearsal | Route:
    if isinstance(question, Rehearse):
        return rehearsal.rehearse(question.click, phones, context)
    counts = {name: sum(each.is_reachable for each in known) for name, known in phones.items()}
    asked = Question(question.caller, question.dialled)
    return simulation.simulate(asked, context, counts)


def _phone(endpoint: str, known: Registration) -> RegisteredPhone:
    return RegisteredPhone(
        endpoint=endpoint,
        address=registrations.address(known.uri),
        is_reachable=known.is_reachable,
        since=known.since,
        expires_at=datetime.fromtimestamp(known.expires_at, UTC),
    )
