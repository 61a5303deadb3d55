"""A TURN server as deploy/coturn configures it takes the credentials that the API gives, while
they live.
"""

import asyncio
import time
from pathlib import Path

import pytest
from aioice import stun, turn

from testbed import coturn
from tongdai import api, ids
from tongdai.api.turn import LIFE_S, credentials

SECRET = "as long and random as it should be"


async def allocated(address: tuple[str, int], secret: str, now: int) -> tuple[str, int]:
    """The relayed address that the server gives for credentials that were made then. Raises
    stun.TransactionFailed.
    """
    ice = api.IceSettings("", (f"turn:{address[0]}:{address[1]}",), secret)
    given = credentials(ice, ids.new(), now)
    transport, _ = await turn.create_turn_endpoint(
        asyncio.DatagramProtocol,
        server_addr=address,
        username=given.username,
        password=given.password,
    )
    relayed: tuple[str, int] = transport.get_extra_info("sockname")
    transport.close()
    return relayed


async def test_it_takes_our_credentials_until_their_end(tmp_path: Path) -> None:
    now = int(time.time())
    async with coturn.server(tmp_path, SECRET) as address:
        host, port = await allocated(address, SECRET, now)
        assert (host, port != address[1]) == (address[0], True)
        for secret, made in ((SECRET, now - LIFE_S - 60), ("another secret", now)):
            with pytest.raises(stun.TransactionFailed, match="401"):
                await allocated(address, secret, made)
