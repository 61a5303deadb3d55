"""Tenant isolation in SIP: whatever a phone of one company sends to another company, it gets a
refusal, and nothing happens there: no phone hears of it, no event is published, no record written.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import NamedTuple

import msgspec
import pytest

from testbed import phones, wire
from testbed.company import HOTLINE, PASSWORD, Company, Office
from testbed.hooks import Hook
from testbed.phones import Phone, talk
from testbed.receivers import receiving
from testbed.sipp import Message
from testbed.until import until
from testbed.wire import Wire
from tongdai.pbx.directory import Extension
from tongdai.pbx.endpoint import DEFAULT
from tongdai.store import devices, extensions

OWN = "a-password-of-its-own"  # of the attacker's phones
ONLY_THEIRS = "150"  # an extension that the attacker's company does not have


class Victim(msgspec.Struct, frozen=True):
    """The other company, with a phone of 101 and one of ONLY_THEIRS, and its CRM."""

    company: Company
    phones: tuple[Phone, Phone]
    hook: Hook
    switch: str  # host:port

    @property
    def name(self) -> str:
        return self.company.name

    async def saw_nothing(self) -> None:
        """No phone got any request but those by which the switch asks it whether it is
        there; no event was published, no record was written.
        """
        await until(self.company.is_quiet, 15)
        requests = [
            message.start
            for phone in self.phones
            for message in phone.line.messages()
            if not message.is_sent
            and not message.start.startswith("SIP/2.0 ")
            and not is_qualify(message, phone, self.switch)
        ]
        assert requests == []
        feed = await self.company.api.get("/v1/event/feed", after=0)
        assert feed.json["data"] == []
        assert self.hook.received == []
        assert (await self.company.api.get("/v1/cdr")).json["data"] == []


@pytest.fixture
async def victim(office: Office, sipp_folder: object) -> AsyncIterator[Victim]:
    other = await office.company()
    await add_extension(office, other, ONLY_THEIRS)
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(other.phone(number)) for number in ("101", ONLY_THEIRS)
        ]
        hook = Hook(await stack.enter_async_context(receiving()))
        await hook.subscribe(other.api)
        yield Victim(other, (first, second), hook, office.instance.sip)


@pytest.fixture
async def attacker(office: Office, company: Company) -> Company:
    """A company whose phones 101 and 102 have the password OWN."""
    for number in ("101", "102"):
        async with office.database.transaction() as tx:
            await devices.set_password(tx, company.uuid, number, DEFAULT, OWN)
    await company.remove_hotline(HOTLINE)
    return company


@pytest.fixture
async def line(office: Office, attacker: Company) -> AsyncIterator[Wire]:
    """The attacker's phone 101, registered, at an address of its own."""
    address = f"127.8.{attacker.address.split('.', 2)[2]}"
    async with wire.udp(office.instance.sip, address) as line:

        async def registers() -> bool:
            answers = await wire.authenticated(line, "REGISTER", "101", attacker.name, OWN)
            return wire.status(answers[-1]) == 200

        await until(registers, 15)
        yield line


async def add_extension(office: Office, company: Company, number: str) -> None:
    async with office.database.transaction() as tx:
        await extensions.insert(tx, company.uuid, Extension(number, ring_timeout_s=5), PASSWORD)
    await office.knows(f"{number}@{company.name}")


class Request(NamedTuple):
    """A request, and the status that it gets whatever target it names."""

    method: str
    headers: tuple[str, ...]
    status: int

    def __str__(self) -> str:
        return " ".join([self.method, *self.headers[:1]]).replace(": ", "=")


REQUESTS = [
    Request("OPTIONS", (), 200),  # of the switch itself
    Request("SUBSCRIBE", ("Event: message-summary",), 489),
    Request("PUBLISH", ("Event: presence",), 489),
    Request("MESSAGE", (), 501),
    Request("REFER", ("Refer-To: <sip:102@{attacker}>",), 501),
    Request("NOTIFY", ("Event: check-sync",), 501),
    Request("INFO", (), 501),
]


@pytest.mark.parametrize("sent", REQUESTS, ids=str)
async def test_a_request_to_another_company_reaches_nobody(
    attacker: Company, victim: Victim, line: Wire, sent: Request
) -> None:
    """And tells nothing: an extension that is there and one that is not get the same answer."""
    headers = [header.format(attacker=attacker.name) for header in sent.headers]
    for target in (*targets(attacker, victim), f"199@{victim.name}"):
        answers = await wire.authenticated(
            line, sent.method, "101", attacker.name, OWN, to=target, headers=headers
        )
        assert [wire.status(answer) for answer in answers] == [401, sent.status], target
    await victim.saw_nothing()


@pytest.mark.parametrize(
    "headers",
    [
        ("Event: dialog", "Accept: application/dialog-info+xml"),
        ("Event: presence", "Accept: application/pidf+xml"),
    ],
)
async def test_nobody_watches_another_company(
    attacker: Company, victim: Victim, line: Wire, headers: tuple[str, ...]
) -> None:
    """The number is one of the own company, whatever host is beside it: 101, which is there."""
    for target in (*targets(attacker, victim), f"199@{victim.name}"):
        answers = await wire.authenticated(
            line, "SUBSCRIBE", "101", attacker.name, OWN, to=target, headers=headers
        )
        is_own = target.startswith("101@")
        assert [wire.status(answer) for answer in answers] == [401, 200 if is_own else 404], target
    await victim.saw_nothing()


async def test_a_call_to_another_company_rings_nobody(
    attacker: Company, victim: Victim, line: Wire
) -> None:
    """The number is one of the caller's own company, whatever host is beside it."""
    expected = {
        f"{ONLY_THEIRS}@{victim.name}": 403,  # a number outside, which may not be called
        f"199@{victim.name}": 403,
        f"101%40{victim.name}@{attacker.name}": 404,
        f"101-browser@{victim.name}": 404,
        f"*8101@{victim.name}": 480,  # pick-up of a colleague, at whom nothing rings
        f"*8@{victim.name}": 480,
        f"**101@{victim.name}": 404,
        f"101@{victim.phones[0].address}": 486,  # its own number: it is busy
    }
    for target, status in expected.items():
        answers = await wire.authenticated(line, "INVITE", "101", attacker.name, OWN, to=target)
        assert [wire.status(answer) for answer in answers] == [401, status], target
    await victim.saw_nothing()


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "SUBSCRIBE", "MESSAGE", "OPTIONS"])
async def test_nobody_is_another_companys_phone(
    office: Office, attacker: Company, victim: Victim, line: Wire, method: str
) -> None:
    """With the password of the same number in its own company."""
    to = "" if method == "REGISTER" else f"{ONLY_THEIRS}@{victim.name}"
    for login in ("101", f"101@{attacker.name}"):
        answers = await wire.authenticated(
            line, method, "101", victim.name, OWN, login=login, to=to
        )
        assert [wire.status(answer) for answer in answers] == [401, 401]
    await victim.saw_nothing()


async def test_nobody_registers_for_an_address_of_another_company(
    attacker: Company, victim: Victim, line: Wire
) -> None:
    """A phone that is authenticated names an AOR of the other company in To: the contact is one of
    its own AOR, whatever it names, and the other company's phones ring where they always did.
    """
    for target in (*targets(attacker, victim), f"101@{victim.name}", f"199@{victim.name}"):
        answers = await wire.authenticated(line, "REGISTER", "101", attacker.name, OWN, to=target)
        assert [wire.status(answer) for answer in answers] == [401, 200], target
        assert contacts(answers[-1]) == [f"sip:101@{line.address}"], target
    async with victim.company.phone("102") as carol:
        for number, phone in zip(("101", ONLY_THEIRS), victim.phones, strict=True):
            call = await carol.calls(number)
            ring = await phone.rings()
            assert ring.invite.header("To").startswith(f"<sip:{number}@{phone.address}")
            await call.cancel()
            await ring.cancelled()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await wire.called(line)


def is_qualify(message: Message, phone: Phone, switch: str) -> bool:
    """Whether the switch itself asks the phone whether it is there, outside of any dialog. A
    request of somebody else, passed on, has another From, a second Via or another User-Agent.
    """
    contact = f"sip:{phone.extension}@{phone.address}"
    return (
        re.fullmatch(rf"OPTIONS {re.escape(contact)}:\d+ SIP/2\.0", message.start) is not None
        and message.header("From").startswith(f"<sip:{phone.extension}@{phone.domain}>;tag=")
        and message.header("To") == f"<{contact}>"
        and len(re.findall(r"(?im)^(?:Via|v)[ \t]*:", message.text)) == 1
        and message.header("Via").startswith(f"SIP/2.0/UDP {switch};")
        and message.header("User-Agent") == "tongdai"
        and message.header("Content-Length") == "0"
    )


def contacts(answer: str) -> list[str]:
    """The contacts of the AOR that was registered for."""
    return re.findall(r"(?im)^Contact: <([^>;]*)", answer)


async def test_a_blind_transfer_to_another_company_rings_nobody(
    office: Office, attacker: Company, victim: Victim
) -> None:
    for target in (f"{ONLY_THEIRS}@{victim.name}", f"101-browser@{victim.name}"):
        async with (
            own_phone(office, attacker, "101") as alice,
            own_phone(office, attacker, "102") as bob,
        ):
            call = await alice.calls("102")
            ring = await bob.rings()
            await ring.answer()
            await call.answered()
            await talk(call, ring)
            await call.refer(f"<sip:{target}>")
            await ring.over()
    await victim.saw_nothing()


@pytest.mark.parametrize("status", [200, 180], ids=["talking", "ringing"])
async def test_a_dialog_of_another_company_cannot_be_guessed(
    attacker: Company, victim: Victim, line: Wire, status: int
) -> None:
    """Its Call-ID alone is not enough: without its tags there is no such dialog."""
    first, second = victim.phones
    call = await first.calls(ONLY_THEIRS)
    ring = await second.rings()
    await call.ringing()
    if status == 200:
        await ring.answer()
        await call.answered()
        await talk(call, ring)
    for dialog in (call, ring):
        guess = f"Replaces: {dialog.sip_call_id};to-tag=guess;from-tag=guess"
        answers = await wire.authenticated(
            line, "INVITE", "101", attacker.name, OWN, to=f"102@{attacker.name}", headers=[guess]
        )
        assert [wire.status(answer) for answer in answers] == [401, 481]
    if status == 200:
        await talk(call, ring)
        await call.hang_up()
        await ring.over()
    else:
        await call.cancel()
        await ring.cancelled()
    await until(victim.company.is_quiet, 15)
    (record,) = (await victim.company.api.get("/v1/cdr")).json["data"]
    assert (record["from_number"], record["to_number"]) == ("101", ONLY_THEIRS)
    assert (await attacker.api.get("/v1/cdr")).json["data"] == []


async def test_a_ringing_call_of_another_company_is_not_picked_up(
    office: Office, attacker: Company, victim: Victim
) -> None:
    """By a phone that knows the whole dialog: Asterisk lets it in, and it is ended at once."""
    first, second = victim.phones
    call = await first.calls(ONLY_THEIRS)
    ring = await second.rings()
    await call.ringing()
    async with own_phone(office, attacker, "101") as thief:
        headers = f"\r\nReplaces: {ring.replaced_by}\r\nRequire: replaces"
        stolen = await thief.calls("102", headers=headers)
        await stolen.answered()
        await stolen.over()
    await until(victim.company.is_quiet, 15)
    await until(attacker.is_quiet, 15)
    for company in (victim.company, attacker):
        (record,) = (await company.api.get("/v1/cdr")).json["data"]
        assert (record["status"], record["cause"]) == ("INVALID", "CALL_REJECTED")
        assert (record["from_number"], record["billsec"]) == ("101", 0)
    states = [event["state"] for event in victim.hook.events]
    assert sorted(states) == ["cdr", "hangup", "ringing"], "nobody answered"


@pytest.mark.parametrize("method", ["OPTIONS", "MESSAGE"])
async def test_a_request_that_does_reach_a_phone_is_seen(victim: Victim, method: str) -> None:
    """Sent to the phone itself, past the switch, in its own company's name: without this, "saw
    nothing" would prove nothing.
    """
    await victim.saw_nothing()
    phone = victim.phones[0]
    host = re.findall(r"(?m)^Contact: <sip:101@([0-9.:]+)", phone.line.messages()[0].text)[0]
    async with wire.udp(host) as line:
        to = f"101@{host}"
        await line.send(wire.request(line, method, "101", victim.name, to=to, call="past"))
        await until(lambda: any("past" in each.text for each in phone.line.messages()), 5)
    with pytest.raises(AssertionError, match=method):
        await victim.saw_nothing()


def targets(attacker: Company, victim: Victim) -> list[str]:
    """Names of the other company's extensions, devices and contacts, in every form."""
    return [
        f"{ONLY_THEIRS}@{victim.name}",
        f"101-browser@{victim.name}",
        f"101%40{victim.name}@{attacker.name}",
        f"101@{victim.phones[0].address}",
    ]


def own_phone(
    office: Office, attacker: Company, number: str
) -> AbstractAsyncContextManager[Phone]:
    """A phone of the attacker that registers with its password."""
    return phones.phone(office.sipp, attacker.name, number, OWN)
