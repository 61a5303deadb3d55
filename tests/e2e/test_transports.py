"""Phones by TLS and browsers by WebSocket: they authenticate, and are called over the connection
from which they registered.
"""

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias
from urllib.parse import urlsplit

import aiohttp
import pytest

from testbed import certificate, wire
from testbed.company import PASSWORD, Company, Office
from testbed.phones import talk
from testbed.until import until
from testbed.wire import Wire
from tongdai.store import bans, devices

Connect: TypeAlias = Callable[[Office], AbstractAsyncContextManager[Wire]]


def tls(office: Office) -> AbstractAsyncContextManager[Wire]:
    settings = office.instance.settings
    return wire.tcp(settings["sip_tls"], trust=certificate.trust(settings))


def ws(office: Office) -> AbstractAsyncContextManager[Wire]:
    """By the port for reverse proxies."""
    return wire.websocket(f"ws://{office.instance.environ['TONGDAI_SIP_WS']}/")


def ws_of_http(office: Office) -> AbstractAsyncContextManager[Wire]:
    return wire.websocket(f"ws://{office.instance.http}/ws")


def wss(office: Office) -> AbstractAsyncContextManager[Wire]:
    settings = office.instance.settings
    return wire.websocket(f"wss://{settings['sip_wss']}/ws", certificate.trust(settings))


@pytest.mark.parametrize("connect", [tls, ws, ws_of_http, wss], ids=lambda one: one.__name__)
async def test_a_phone_registers_and_is_called(
    company: Company, office: Office, connect: Connect
) -> None:
    await company.allow_browsers("101")
    async with connect(office) as line, company.phone("102") as bob:
        challenge, refusal = await wire.authenticated(
            line, "REGISTER", "101", company.name, "a-wrong-password"
        )
        assert (wire.status(challenge), wire.status(refusal)) == (401, 401)
        _, accepted = await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        assert wire.status(accepted) == 200, accepted
        assert f"To: <sip:101@{company.name}>" in accepted
        contact = f"Contact: <sip:101@{line.address};transport={line.via.lower()}>"
        assert contact.lower() in accepted.lower()
        assert contact in accepted or connect is tls, "browsers get it back as they sent it"

        call = await bob.calls("101")
        invite = await wire.called(line)
        assert f"From: <sip:102@{company.name}>" in invite
        assert f"SIP/2.0/{line.via} " in invite
        await wire.reply(line, invite, "486 Busy Here")
        assert await call.refused() == 486


async def test_a_browser_and_a_phone_register_as_the_same_extension(
    company: Company, office: Office
) -> None:
    await company.allow_browsers("101")
    async with wss(office) as line, company.phone("101") as alice, company.phone("102") as bob:
        _, accepted = await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        assert wire.status(accepted) == 200, accepted
        call = await bob.calls("101")
        invite = await wire.called(line)
        await wire.reply(line, invite, "180 Ringing")
        ring = await alice.rings()
        media = next(row for row in invite.splitlines() if row.startswith("m=audio"))
        profile, first = media.split()[2:4]
        assert profile == "UDP/TLS/RTP/SAVPF"
        assert "a=fingerprint:" in invite
        assert "a=ice-ufrag:" in invite
        assert first in ("8", "107"), media
        await ring.answer()  # its offer was plain RTP: SIPp takes no other
        await call.answered()
        await wire.next_request(line, "CANCEL")
        await call.hang_up()
        await ring.over()


async def test_a_device_is_offered_webrtc_only_while_it_is_a_browser(
    company: Company, office: Office
) -> None:
    await company.add_device("101", "any")
    async with ws(office) as line, company.phone("102") as bob:
        _, accepted = await wire.authenticated(line, "REGISTER", "101-any", company.name, PASSWORD)
        assert wire.status(accepted) == 200, accepted
        kinds: tuple[devices.Kind, ...] = ("sip", "browser", "sip")
        for kind in kinds:
            await company.change_device("101", "any", kind)
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
    await company.add_device("101", "any")
    for kind in ("browser", "sip"):
        await company.change_device("101", "any", kind)
    was, never = [await office.endpoint(f"{user}@{company.name}") for user in ("101-any", "101")]
    own = {"auth", "aors"}
    differing = {name: (was.get(name), never.get(name)) for name in was.keys() | never.keys()}
    differing = {name: pair for name, pair in differing.items() if pair[0] != pair[1]}
    assert len(never) > 100
    assert differing.keys() <= own, differing
    async with company.phone("101-any") as alice, company.phone("102") as bob:
        call = await alice.calls("102")
        ring = await bob.rings()
        await ring.answer()
        await call.answered()
        assert "a=fingerprint:" not in "".join(message.text for message in call.messages)
        await talk(call, ring)
        await call.hang_up()
        await ring.over()


async def test_an_extension_may_be_a_browser_as_a_whole(company: Company, office: Office) -> None:
    await company.become_browser("101")
    async with ws(office) as line, company.phone("102") as bob:
        _, accepted = await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        assert wire.status(accepted) == 200, accepted
        call = await bob.calls("101")
        invite = await wire.called(line)
        assert "UDP/TLS/RTP/SAVPF" in invite
        await wire.reply(line, invite, "486 Busy Here")
        assert await call.refused() == 486
    async with wire.udp(office.instance.sip) as line:
        answers = await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        assert [wire.status(each) for each in answers] == [401, 401], "no SIP phone"


async def test_browsers_register_only_where_they_may(company: Company, office: Office) -> None:
    async with ws(office) as line:
        answers = await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        assert [wire.status(each) for each in answers] == [401, 401]


async def test_by_tls_the_switch_proves_who_it_is(office: Office) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        async with wire.tcp(
            office.instance.settings["sip_tls"], trust=ssl.create_default_context()
        ):
            pass
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        async with wire.websocket(f"wss://{office.instance.settings['sip_wss']}/ws"):
            pass


async def test_a_ban_of_a_browser_is_of_its_address_alone(
    company: Company, office: Office
) -> None:
    """Both come by the same reverse proxy. The ban is of the real address."""
    await company.allow_browsers("101")
    url = f"ws://{office.instance.http}/ws"
    guesser, neighbour = "203.0.113.77", "203.0.113.78"

    async def registers(client: str, password: str) -> int:
        async with wire.websocket(url, headers={"X-Forwarded-For": client}) as line:
            answers = await wire.authenticated(line, "REGISTER", "101", company.name, password)
            return wire.status(answers[-1])

    for _ in range(20):
        assert await registers(guesser, "a-wrong-password") == 401

    async def is_banned() -> bool:
        async with office.database.connection() as tx:
            return guesser in [ban.address for ban in await bans.list(tx)]

    await until(is_banned, 15)
    try:

        async def is_refused() -> bool:
            return await registers(guesser, PASSWORD) == 403

        await until(is_refused, 15)
        assert await registers(neighbour, PASSWORD) == 200
    finally:
        async with office.database.transaction() as tx:
            await bans.lift(tx, guesser)

    async def is_back() -> bool:
        return await registers(guesser, PASSWORD) == 200

    await until(is_back, 15)


async def test_ari_is_not_behind_the_edge_proxy(office: Office) -> None:
    """With its own credentials nobody gets there."""
    ari = urlsplit(office.switch_url)
    login = aiohttp.encode_basic_auth(ari.username or "", ari.password or "")
    paths = ("/ari/asterisk/info", "/ws/ari", "/ari/events?app=x", "/httpstatus", "/ws/../ari")
    async with aiohttp.ClientSession(headers={"Authorization": login}) as session:
        for path in paths:
            for address in (office.instance.environ["TONGDAI_SIP_WS"], office.instance.http):
                async with session.get(f"http://{address}{path}") as answer:
                    assert answer.status == 404, (address, path)
