"""The agents of queues whose phones can be reached."""

from tongdai import errors
from tongdai.asterisk.switch import Switch
from tongdai.pbx.directory import Directory

NOBODY: frozenset[str] = frozenset()


class Agents:
    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    async def absent(self, directory: Directory) -> frozenset[str]:
        """The agents of the domain's queues without a reachable phone. Empty while the switch is
        down: nothing is known then.
        """
        devices = {
            agent: directory.endpoints(agent)
            for queue in directory.queues.values()
            for agent in queue.agents
        }
        try:
            targets = await self._switch.targets(
                [endpoint for endpoints in devices.values() for endpoint in endpoints]
            )
        except errors.SwitchDown:
            return NOBODY
        return frozenset(
            agent
            for agent, endpoints in devices.items()
            if not any(targets[endpoint] for endpoint in endpoints)
        )
