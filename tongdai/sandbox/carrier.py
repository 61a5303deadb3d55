"""The running second Asterisk: it answers calls according to its actors, and calls hotlines on
request.
"""

from collections.abc import Mapping
from pathlib import Path

import aiohttp
import msgspec
import structlog

from tongdai import errors, messages
from tongdai.asterisk import node, packages
from tongdai.pbx import numbers
from tongdai.sandbox import actors

log = structlog.get_logger()

CONF = Path(__file__).parent / "conf"
ANSWER_S = 60  # how long a customer lets the call ring


class Carrier:
    """Carrier and phones on one Asterisk node."""

    def __init__(self, spec: node.Spec, running: node.Node, domain: str) -> None:
        self._spec, self._node, self._domain = spec, running, domain
        self.adopted = running.adopted

    def carries(self, domain_name: str) -> bool:
        """Whether its customers' calls reach that domain: the switch knows its address as the
        trunk of one domain, whatever number they dial.
        """
        return domain_name == self._domain

    async def inbound(self, hotline: str, customer: str, talk_s: int) -> str:
        """A customer, given by behaviour or number, calls the hotline; once answered it plays its
        tone for `talk_s` seconds.

        Returns the customer's number. Raises errors.Invalid naming `customer`, errors.Unavailable.
        """
        number, tone = caller(customer)
        query = {
            "endpoint": f"PJSIP/{hotline}@switch",
            "context": "customer",
            "extension": "s",
            "priority": "1",
            "callerId": f"<{number}>",
            "timeout": str(ANSWER_S),
        }
        variables = {"variables": {"TONE": str(tone), "HOLD": str(talk_s)}}
        login = {"Authorization": aiohttp.encode_basic_auth(self._node.user, self._node.password)}
        try:
            async with (
                aiohttp.ClientSession(
                    headers=login, timeout=aiohttp.ClientTimeout(total=5)
                ) as session,
                session.post(
                    f"{self._node.url}/ari/channels", params=query, json=variables
                ) as answer,
            ):
                if answer.status != 200:
                    raise errors.Unavailable(messages.SANDBOX_REFUSED(why=await answer.text()))
        except (aiohttp.ClientError, TimeoutError) as reason:
            raise errors.Unavailable(messages.SANDBOX_SILENT(why=reason)) from reason
        return number

    async def wait(self) -> None:
        """Returns when its Asterisk has ended, for any reason."""
        await self._node.wait()

    async def restart(self) -> "Carrier":
        """The carrier, running again; its robots register anew. Raises errors.SetupError."""
        self._node = await node.start(self._spec)
        return self

    async def stop(self) -> None:
        await self._node.stop()


class SandboxConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The sandbox's own SIP address (host:port) and RTP ports, the switch's address, and the
    robots' domain.
    """

    folder: Path
    sip: str
    rtp: tuple[int, int]
    switch: str
    domain: str
    passwords: Mapping[str, str]
    """SIP passwords of the robots, by extension."""


async def start(root: packages.Root, config: SandboxConfig) -> Carrier:
    """The sandbox runs, and its robots register with the switch."""
    spec = node.Spec(
        root=root,
        folder=config.folder,
        conf=CONF,
        sip=config.sip,
        rtp=config.rtp,
        values={
            "switch": config.switch,
            "switch_host": config.switch.rpartition(":")[0],
            "behaviours": actors.behaviours(),
            "robots": actors.registrations(config.domain, config.switch, dict(config.passwords)),
        },
    )
    return Carrier(spec, await node.start(spec), config.domain)


def caller(who: str) -> tuple[str, int]:
    """Number and tone of a customer, given by behaviour or by any telephone number. Raises
    errors.Invalid.
    """
    for behaviour, actor in actors.CUSTOMERS.items():
        if who in (behaviour, actor.number):
            return actor.number, actor.tone
    try:
        return numbers.phone(who, field="customer"), actors.CUSTOMERS["answers"].tone
    except errors.InvalidPhone as reason:
        known = ", ".join(actors.CUSTOMERS)
        raise errors.Invalid(messages.NO_SUCH_CUSTOMER(known=known), field="customer") from reason
