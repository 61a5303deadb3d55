"""Phones by TLS and browsers by WebSocket: they authenticate, and are called over the connection
from which they registered.
"""

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest

from testbed import certificate, wire
from testbed.company import PASSWORD, Company, Office
from testbed.phones import talk
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


async def test_a_device_is_offered_webrtc_only_while_it_is_a_browser(
    company: Company, office: Office
) -> None:
    async with websocket(office) as line, company.phone("102") as bob:
        _, accepted = await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        assert wire.status(accepted) == 200, accepted
        for kind in ("sip", "browser", "sip"):
            await company.change_device("101", kind=kind)
            await company.knows_device("101", kind)
            call = await bob.calls("101")
            invite = await wire.called(line)
            media = next(row for row in invite.splitlines() if row.startswith("m=audio"))
            is_browser = kind == "browser"
            assert media.split()[2] == ("UDP/TLS/RTP/SAVPF" if is_browser else "RTP/AVP")
            for attribute in ("a=fingerprint:", "a=ice-ufrag:", "a=group:BUNDLE", "a=rtcp-mux"):
                assert (attribute in invite) == is_browser, attribute
            await wire.reply(line, invite, "486 Busy Here")
            assert await call.refused() == 486


async def test_a_phone_that_was_a_browser_is_like_one_that_never_was(
    company: Company, office: Office
) -> None:
    """webrtc=no takes back none of the fields that webrtc=yes sets."""
    for kind in ("browser", "sip"):
        await company.change_device("101", kind=kind)
        await company.knows_device("101", kind)
    was, never = [await office.endpoint(f"{user}@{company.name}") for user in ("101", "102")]
    own = {"auth", "aors", "callerid"}
    differing = {name: (was.get(name), never.get(name)) for name in was.keys() | never.keys()}
    differing = {name: pair for name, pair in differing.items() if pair[0] != pair[1]}
    assert len(never) > 100
    assert differing.keys() <= own, differing
    async with company.phone("101") as alice, company.phone("102") as bob:
        call = await alice.calls("102")
        ring = await bob.rings()
        await ring.answer()
        await call.answered()
        assert "a=fingerprint:" not in "".join(message.text for message in call.messages)
        await talk(call, ring)
        await call.hang_up()
        await ring.over()


async def test_by_tls_the_switch_proves_who_it_is(office: Office) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        async with wire.tcp(
            office.instance.settings["sip_tls"], trust=ssl.create_default_context()
        ):
            pass
