"""Queues: offers waiting callers to free agents; `pbx.queueing` decides the pairs."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tongdai import errors
from tongdai.engine.agents import Agents
from tongdai.engine.background import Background
from tongdai.engine.directories import Directories
from tongdai.engine.live_calls import LiveCalls
from tongdai.engine.mailboxes import Mailboxes
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.signals import AgentOffered, AgentsLeft

RETRY_S = 0.5


class Offers:
    """`open`: agents (domain and extension) with an offer that is not handled yet."""

    def __init__(
        self,
        mailboxes: Mailboxes,
        live_calls: LiveCalls,
        directories: Directories,
        background: Background,
        agents: Agents,
    ) -> None:
        self._mailboxes, self._live_calls = mailboxes, live_calls
        self._directories, self._background = directories, background
        self._agents = agents
        self.open: set[tuple[UUID, str]] = set()

    async def look(self, domain_uuid: UUID) -> None:
        """Offers the domain's waiting callers to its free agents; callers without any reachable
        agent overflow. While the database is down, tries again later.
        """
        if not self._live_calls.waits(domain_uuid):
            return
        now = datetime.now(UTC)
        try:
            directory = await self._directories.get(domain_uuid)
        except errors.Unavailable:
            self._look_at(domain_uuid, now + timedelta(seconds=RETRY_S))
            return
        absent = await self._agents.absent(directory)
        for call in self._live_calls.stranded(directory, absent):
            if mailbox := self._mailboxes.get(call.call_uuid):
                mailbox.put(AgentsLeft(call.channel, now))
        offers, next_look = self._live_calls.offers(directory, now, absent)
        for call, agent in offers:
            mailbox = self._mailboxes.get(call.call_uuid)
            if mailbox is None or (domain_uuid, agent) in self.open:
                continue
            self.open.add((domain_uuid, agent))
            mailbox.put(AgentOffered(call.channel, now, agent))
        if next_look:
            self._look_at(domain_uuid, next_look)

    def handled(self, domain_uuid: UUID, offered: AgentOffered) -> None:
        """The offer was accepted or dropped: the agent may get another."""
        self.open.discard((domain_uuid, offered.extension))

    def changed(self, domain_uuid: str) -> None:
        """The queues or agents of a domain may have changed; "" means all domains."""
        waiting = self._live_calls.waiting_domains
        for each in waiting & {UUID(domain_uuid)} if domain_uuid else waiting:
            self._background.start(self.look(each), "offers")

    def contact_changed(self, endpoint: str) -> None:
        """A phone of that endpoint has come or gone, or has become reachable or unreachable."""
        device = Endpoint.parse(endpoint)
        if device and (domain_uuid := self._live_calls.waiting_domain(device.domain)):
            self._background.start(self.look(domain_uuid), "offers")

    def _look_at(self, domain_uuid: UUID, at: datetime) -> None:
        left = (at - datetime.now(UTC) + timedelta(milliseconds=5)).total_seconds()
        asyncio.get_running_loop().call_later(
            left, lambda: self._background.start(self.look(domain_uuid), "offers")
        )
