"""The registered phones of a domain, for API users: shown, and signed off."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.asterisk import registrations
from tongdai.asterisk.registrations import Registration
from tongdai.engine.engine import Engine
from tongdai.pbx.commands import DropPhones, ListPhones, Outcome, Phone, PhoneStatus
from tongdai.pbx.directory import Directory
from tongdai.pbx.endpoint import Endpoint

_STATUSES: dict[str, PhoneStatus] = {
    registrations.REACHABLE: "reachable",
    registrations.UNREACHABLE: "unreachable",
}


class Phones:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def outcome(self, domain_uuid: UUID, asked: ListPhones | DropPhones) -> Outcome:
        """The phones, or those that were signed off, as the outcome's report; or the error."""
        try:
            directory = await self._engine.directories.get(domain_uuid)
            found = await self._found(directory, asked)
            if isinstance(asked, DropPhones):
                await self._drop(found)
            shown = [await self._shown(*each) for each in found]
        except errors.TongdaiError as reason:
            return Outcome(error=reason.code, why=messages.key(reason.reason))
        return Outcome(report=msgspec.json.encode(shown).decode())

    async def _found(
        self, directory: Directory, asked: ListPhones | DropPhones
    ) -> Sequence[tuple[Endpoint, Registration]]:
        """By device and address. Raises errors.NotFound for an extension that is not there."""
        if asked.extension and asked.extension not in directory.extensions:
            raise errors.NotFound
        wanted = [asked.extension] if asked.extension else sorted(directory.extensions)
        endpoints = [name for number in wanted for name in directory.endpoints(number)]
        known = await self._engine.switch.registered(endpoints)
        found = [
            (endpoint, each)
            for name in endpoints
            if (endpoint := Endpoint.parse(name))
            for each in sorted(known[name], key=lambda one: one.uri)
        ]
        if isinstance(asked, ListPhones) or not asked.address:
            return found
        return [each for each in found if registrations.address(each[1].uri) == asked.address]

    async def _drop(self, found: Sequence[tuple[Endpoint, Registration]]) -> None:
        """Raises errors.NotFound if there is none."""
        if not found:
            raise errors.NotFound
        for _, known in found:
            await self._engine.switch.drop(known)

    async def _shown(self, endpoint: Endpoint, known: Registration) -> Phone:
        return Phone(
            extension=endpoint.extension,
            device=endpoint.device,
            address=registrations.address(known.uri),
            user_agent=await self._engine.switch.user_agent(known),
            status=_STATUSES.get(known.status, "unknown"),
            since=known.since,
            expires_at=datetime.fromtimestamp(known.expires_at, UTC),
        )
