"""What real phones need besides calls: encrypted audio, OPTIONS within a call, registrations that
people see and drop, and a proxy in front that is not banned.
"""

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from testbed import wire
from testbed.company import PASSWORD, Company, Office, operated
from testbed.instance import Instance
from testbed.phones import PATIENCE_S, SippSetup, talk
from testbed.until import until
from tongdai.pbx.endpoint import DEFAULT
from tongdai.store import bans, devices

PROXY = "127.0.0.77"
MOST = 20  # wrong passwords


@pytest.fixture(scope="module")
async def pbx() -> AsyncIterator[Instance]:
    """An instance with a SIP proxy in front."""
    with tempfile.TemporaryDirectory(prefix="tongdai-phones-") as folder:
        instance = Instance(Path(folder), sandbox=False, sip_proxies=PROXY)
        try:
            await instance.start()
            yield instance
        finally:
            await instance.end()


@pytest.fixture(scope="module")
async def office(pbx: Instance, sipp_command: list[str]) -> AsyncIterator[Office]:
    with tempfile.TemporaryDirectory(prefix="tongdai-sipp-") as folder:
        async with operated(pbx, SippSetup(sipp_command, Path(folder), pbx.sip)) as made:
            yield made


async def test_the_api_shows_registrations_and_signs_them_off(
    company: Company, office: Office
) -> None:
    path = "/v1/admin/phones"
    before = datetime.now(UTC)
    async with wire.udp(office.instance.sip) as line:
        await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)

        async def shown() -> Any:
            return (await company.api.get(path, extension="101")).json["data"]

        (phone,) = await until(shown, 10)
        assert (phone["extension"], phone["device"], phone["address"], phone["user_agent"]) == (
            "101", "default", line.address, "wire",
        )  # fmt: skip
        assert before <= datetime.fromisoformat(phone["since"]) <= datetime.now(UTC)
        assert datetime.fromisoformat(phone["expires_at"]) > before

        at: dict[str, object] = {"address": line.address}
        gone = await company.api.ask("DELETE", f"{path}/101", at)
        assert [one["address"] for one in gone.json["data"]] == [line.address]
        assert await shown() == []
        assert (await company.api.ask("DELETE", f"{path}/101", at)).status == 404


async def test_registrations_are_seen_and_dropped(company: Company, office: Office) -> None:
    async def phone(*args: str) -> Any:
        said = await office.instance.command("phone", *args, "-d", company.name, "--json")
        return json.loads(said)

    async with wire.udp(office.instance.sip) as line, company.phone("102"):
        await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        (shown,) = await phone("list", "101")
        assert shown["address"] == line.address
        assert shown["device"] == f"101@{company.name}"
        assert shown["user_agent"] == "wire"
        both = await phone("list")
        assert {one["device"].partition("@")[0] for one in both} == {"101", "102"}

        (dropped,) = await phone("drop", "101", "--address", line.address)
        assert dropped["address"] == line.address
        assert await phone("list", "101") == []

        async def is_gone() -> bool:
            return (await company.api.click("101", "102")).status == 409

        await until(is_gone, 10)


def offer(profile: str) -> list[str]:
    key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw"
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    lines += [f"m=audio 4000 {profile} 8", "a=rtpmap:8 PCMA/8000"]
    return [*lines, *([key] if profile == "RTP/SAVP" else [])]


async def test_a_phone_that_no_longer_refreshes_its_session(
    company: Company, office: Office
) -> None:
    """RFC 4028: the switch ends the call a third of the interval before its end."""
    async with wire.udp(office.instance.sip) as line, company.phone("102") as bob:
        await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        calling = asyncio.create_task(
            wire.authenticated(
                line, "INVITE", "101", company.name, PASSWORD, to=f"102@{company.name}",
                headers=["Supported: timer", "Session-Expires: 90;refresher=uac", "Min-SE: 90"],
                body=offer("RTP/AVP"),
            )
        )  # fmt: skip
        ring = await bob.rings()
        await ring.answer()
        answer = (await calling)[-1]
        assert "refresher=uac" in answer
        await wire.acknowledge(line, answer)
        async with asyncio.timeout(90):
            while not (message := (await line.receive()).decode()).startswith("BYE "):
                pass
        await wire.reply(line, message, "200 OK")
        await ring.over()
    await until(company.is_quiet, PATIENCE_S)
    [record] = (await company.api.get("/v1/cdr")).json["data"]
    assert record == record | {"status": "ANSWERED", "hangup_by": "system"}


@pytest.mark.parametrize(
    ("required", "profile", "status"),
    [
        (False, "RTP/AVP", 200),
        (False, "RTP/SAVP", 200),
        (True, "RTP/AVP", 488),
        (True, "RTP/SAVP", 200),
    ],
)
async def test_audio_is_encrypted_where_the_phone_wants_it_or_must(
    company: Company, office: Office, required: bool, profile: str, status: int
) -> None:
    async with office.database.transaction() as tx:
        known = devices.Device(name=DEFAULT, srtp_required=required)
        await devices.update(tx, company.uuid, "101", known)
    values = ("no", "false") if required else ("yes", "true")
    await company.knows_field("101", "media_encryption_optimistic", *values)
    async with wire.udp(office.instance.sip) as line, company.phone("102") as bob:
        await wire.authenticated(line, "REGISTER", "101", company.name, PASSWORD)
        calling = asyncio.create_task(
            wire.authenticated(
                line, "INVITE", "101", company.name, PASSWORD,
                to=f"102@{company.name}", body=offer(profile),
            )
        )  # fmt: skip
        if status == 200:
            ring = await bob.rings()
            await ring.answer()
        answers = await calling
        assert wire.status(answers[-1]) == status
        if status == 200:
            assert (
                f"m=audio {re.findall(r'm=audio ([0-9]+)', answers[-1])[0]} {profile}"
                in (answers[-1])
            )
            assert ("a=crypto:" in answers[-1]) == (profile == "RTP/SAVP")
            await wire.acknowledge(line, answers[-1])
            options = await wire.ask(line, wire.within(line, answers[-1], "OPTIONS", 11))
            assert wire.status(options) == 200, "OPTIONS within the call"
            bye = await wire.ask(line, wire.within(line, answers[-1], "BYE", 12))
            assert wire.status(bye) == 200
            await ring.over()


async def test_behind_a_proxy_the_account_is_locked_and_the_proxy_never_banned(
    company: Company, office: Office
) -> None:
    log = office.instance.log
    async with wire.udp(office.instance.sip, PROXY) as line:

        async def registers(extension: str, password: str) -> int:
            answers = await wire.authenticated(line, "REGISTER", extension, company.name, password)
            return wire.status(answers[-1])

        for guess in range(MOST):
            assert await registers("101", f"guess-{guess}") == 401

        locked = f"account=101@{company.name}"
        await until(lambda: "sip.locked" in (said := log.read_text()) and locked in said, 10)
        assert await registers("101", PASSWORD) == 401
        assert await registers("102", PASSWORD) == 200, "others are heard as before"
        async with office.database.connection() as tx:
            assert PROXY not in {ban.address for ban in await bans.list(tx)}


@pytest.mark.parametrize("answer", ["603 Decline", "486 Busy Here"])
async def test_a_refusal_on_one_phone_and_the_others_of_the_extension(
    company: Company, office: Office, answer: str
) -> None:
    async with (
        company.phone("101") as desk,
        wire.udp(office.instance.sip) as mobile,
        company.phone("102") as bob,
    ):
        await wire.authenticated(mobile, "REGISTER", "101", company.name, PASSWORD)
        call = await bob.calls("101")
        ring = await desk.rings()
        await wire.reply(mobile, await wire.called(mobile), answer)
        if answer.startswith("603"):
            await ring.cancelled()
            assert await call.refused() in (403, 603)
        else:
            await ring.answer()
            await call.answered()
            await talk(ring, call)
            await call.hang_up()
            await ring.over()


async def test_phones_behind_an_sbc_are_called_by_its_alias(
    company: Company, office: Office
) -> None:
    """The SBC puts an alias of the phone's address into the Contact, as Kamailio's
    add_contact_alias() does: two phones of an extension at one SBC ring, each by its own.
    """
    aliases = {f"127.0.0.1~{port}~1" for port in (47379, 47380)}
    async with wire.udp(office.instance.sip) as sbc, company.phone("102") as bob:
        for each in aliases:
            answers = await wire.authenticated(
                sbc,
                "REGISTER",
                "101",
                company.name,
                PASSWORD,
                contact=f"sip:101@10.99.99.99:5060;alias={each}",
            )
            assert [wire.status(answer) for answer in answers] == [401, 200]
        call = await bob.calls("101")
        invites: dict[str, str] = {}
        while invites.keys() != aliases:
            invite = await wire.called(sbc)
            invites[invite.split()[1].partition(";alias=")[2].partition(";")[0]] = invite
        for invite in invites.values():
            assert invite.startswith(f"INVITE sip:101@{sbc.address};"), "it goes to the SBC"
            await wire.reply(sbc, invite, "486 Busy Here")
        assert await call.refused() == 486
