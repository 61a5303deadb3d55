"""STUN and TURN servers for browser phones, with credentials that expire.

They are those of "A REST API for access to TURN services" (draft-uberti-behave-turn-rest-00),
which coturn calls `use-auth-secret`: the user name holds the end of its life, and the password is
an HMAC-SHA1 of it by a secret that the TURN server has too.
"""

import base64
import hmac
import time
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.types import ASGIApp

from tongdai.api import responses
from tongdai.api.context import IceSettings
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request

LIFE_S = 12 * 3600


class IceServer(Struct, frozen=True):
    """As in the `iceServers` of an RTCPeerConnection."""

    urls: list[str]
    username: str | UnsetType = UNSET
    credential: str | UnsetType = UNSET


class TurnCredentials(Struct, frozen=True, rename={"ice_servers": "iceServers"}):
    username: Annotated[str, Meta(description="Empty where there is no TURN server.")]
    password: str
    ttl: Annotated[int, Meta(description="Seconds until they expire.")]
    uris: Annotated[list[str], Meta(description="Of the TURN servers.")]
    ice_servers: Annotated[
        list[IceServer],
        Meta(description="STUN and TURN servers, for `new RTCPeerConnection({iceServers})`."),
    ]


class TurnReply(Struct, frozen=True):
    status: Literal["success"]
    data: TurnCredentials


@operation(
    "GET",
    "/v1/turn",
    may="call:create",
    tag="Browser phones",
    gives={200: ("STUN and TURN servers; none of either if there are none.", TurnReply)},
)
async def turn(request: Request, principal: Principal) -> ASGIApp:
    """Get TURN credentials.

    A browser phone gives `iceServers` to its WebRTC stack: then its audio passes firewalls that
    permit no direct way. Ask again before they expire.
    """
    given = credentials(request.context.deps.ice, principal.user.user_uuid, int(time.time()))
    return responses.json(TurnReply("success", given), headers=responses.NO_STORE)


def credentials(ice: IceSettings, user: UUID, now: int) -> TurnCredentials:
    """The servers, and credentials of that user from `now` (Unix seconds) on."""
    servers = [IceServer([f"stun:{ice.stun}"])] if ice.stun else []
    if not ice.turn_urls:
        return TurnCredentials("", "", 0, [], servers)
    username = f"{now + LIFE_S}:{user}"
    digest = hmac.digest(ice.turn_secret.encode(), username.encode(), "sha1")
    password, uris = base64.b64encode(digest).decode(), list(ice.turn_urls)
    servers.append(IceServer(uris, username, password))
    return TurnCredentials(username, password, LIFE_S, uris, servers)


OPERATIONS = (turn,)
