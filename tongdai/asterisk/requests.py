"""A request to ARI, as translate and talks make them."""

import asyncio
from typing import Any

import msgspec

from tongdai.asterisk import ari

BAD_REQUEST, GONE, CONFLICT = 400, 404, 409
"""Invalid parameters; no such channel; the channel is not in our application."""
_TRIES, _LOOK_S = 50, 0.02


class Request(msgspec.Struct, frozen=True):
    method: str
    uri: str
    query: dict[str, str] = {}
    body: Any = None


async def ask(link: ari.Link, request: Request) -> ari.Response:
    """Raises errors.SwitchDown."""
    return await link.request(request.method, request.uri, request.query, request.body)


async def ask_once_there(link: ari.Link, request: Request) -> ari.Response:
    """As `ask`, of a channel that enters our application in a moment: a snoop channel."""
    answer = await ask(link, request)
    for _ in range(_TRIES):
        if answer.status_code != CONFLICT:
            break
        await asyncio.sleep(_LOOK_S)
        answer = await ask(link, request)
    return answer
