"""Phones by TLS and browsers by WebSocket: they prove who they are, and are called where they came
from.
"""

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest

from testbed import certificate, wire
from testbed.company import PASSWORD, Company, Office
from testbed.wire import Wire

Connect: TypeAlias = Callable[[Office], AbstractAsyncContextManager[Wire]]


def tls(office: Office) -> AbstractAsyncContextManager[Wire]:
    settings = office.instance.settings
    return wire.tcp(settings["sip_tls"], trust=certificate.trust(settings))


def websocket(office: Office) -> AbstractAsyncContextManager[Wire]:
    return wire.websocket(f"ws://{urlsplit(office.switch_url).netloc.rpartition('@')[2]}/ws")


@pytest.mark.parametrize("connect", [tls, websocket], ids=lambda connect: connect.__name__)
async def test_a_phone_registers_and_is_called(
    company: Company, office: Office, connect: Connect
) -> None:
    async with connect(office) as line, company.phone("102") as bob:
        challenge, refusal = await wire.authenticated(
            line, "REGISTER", "101", company.name, "a-wrong-password"
        )
        assert (wire.status(challenge), wire.status(refusal)) == (401, 401)
        _, accepted = await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        assert wire.status(accepted) == 200, accepted
        assert "Contact: <sip:101@" in accepted

        call = await bob.calls("101")
        invite = await wire.called(line)
        assert f"From: <sip:102@{company.name}>" in invite
        assert f"SIP/2.0/{line.via} " in invite
        await wire.reply(line, invite, "486 Busy Here")
        assert await call.refused() == 486


async def test_a_browser_is_offered_webrtc_and_a_phone_is_not(
    company: Company, office: Office
) -> None:
    async with websocket(office) as line, company.phone("102") as bob:
        _, accepted = await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        assert wire.status(accepted) == 200, accepted
        for kind, profile in (("sip", "RTP/AVP"), ("browser", "UDP/TLS/RTP/SAVPF")):
            await company.change_device("101", kind=kind)
            await company.knows_device("101", kind)
            call = await bob.calls("101")
            invite = await wire.called(line)
            media = next(row for row in invite.splitlines() if row.startswith("m=audio"))
            assert media.split()[2] == profile
            assert ("a=fingerprint:" in invite) == (kind == "browser")
            assert ("a=ice-ufrag:" in invite) == (kind == "browser")
            await wire.reply(line, invite, "486 Busy Here")
            assert await call.refused() == 486


async def test_by_tls_the_switch_proves_who_it_is(office: Office) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        async with wire.tcp(
            office.instance.settings["sip_tls"], trust=ssl.create_default_context()
        ):
            pass
