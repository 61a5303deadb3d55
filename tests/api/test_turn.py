"""STUN and TURN servers, and the credentials of the latter."""

import base64
import hashlib
import hmac
import time

import aiohttp
import msgspec

from tests.api.conftest import Client, Tenant, serve
from tongdai import api, ids
from tongdai.api import turn

ICE = api.IceSettings(
    "stun.example.vn:3478",
    ("turn:turn.example.vn", "turns:turn.example.vn:5349?transport=tcp"),
    "shared",
)


async def test_a_browser_phone_gets_servers_and_credentials(
    deps: api.Deps, tenant: Tenant
) -> None:
    async for url in serve(msgspec.structs.replace(deps, ice=ICE)):
        async with aiohttp.ClientSession(url) as session:
            reply = await Client(session, tenant.client.token).get("/v1/turn")
    assert reply.headers["Cache-Control"] == "no-store"
    data = reply.json["data"]
    expires, _, user = data["username"].partition(":")
    assert abs(int(expires) - time.time() - turn.LIFE_S) < 60
    assert user
    expected = hmac.new(b"shared", data["username"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(data["password"]) == expected
    assert (data["ttl"], data["uris"]) == (turn.LIFE_S, list(ICE.turn_urls))
    assert data["iceServers"] == [
        {"urls": ["stun:stun.example.vn:3478"]},
        {"urls": data["uris"], "username": data["username"], "credential": data["password"]},
    ]


async def test_without_servers_there_are_none(deps: api.Deps, tenant: Tenant) -> None:
    async for url in serve(msgspec.structs.replace(deps, ice=api.IceSettings())):
        async with aiohttp.ClientSession(url) as session:
            reply = await Client(session, tenant.client.token).get("/v1/turn")
    assert reply.json == {
        "status": "success",
        "data": {"username": "", "password": "", "ttl": 0, "uris": [], "iceServers": []},
    }


def test_stun_alone_needs_no_credentials() -> None:
    given = turn.credentials(api.IceSettings("stun.example.vn:3478"), ids.new(), 0)
    assert [server.urls for server in given.ice_servers] == [["stun:stun.example.vn:3478"]]
    assert given.username == ""
