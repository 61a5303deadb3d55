"""Whatever an API client writes into a click-to-call is refused by name, or arrives as what it is:
a name or an id. No header, host or log line is of his making.
"""

import asyncio
import re
from typing import Any
from urllib.parse import quote

from testbed import wire
from testbed.company import HOTLINE, Company, Office, together
from testbed.sipp import Message
from testbed.until import until

EVIL = "127.6.6.66"
HOSTILE = [
    *(
        "x\r\nX-Evil: 1",
        "x\nX-Evil: 1",
        "x\rX-Evil: 1",
        "x\r\n\r\nINVITE sip:evil@EVIL SIP/2.0",
        "x\0y",
        "\x1b[31mred\x1b[0m",
    ),
    *(
        'a"b',
        'a" <sip:evil@EVIL>;x="',
        "<sip:evil@EVIL>",
        "a>b",
        "a\\",
        "\\",
        'Alice" <sip:evil@EVIL>, "Bob',
    ),
    *(
        "${SHELL(id)}",
        "$[1+1] ${CHANNEL(accountcode)} %{x}",
        "a,b",
        "a&PJSIP/evil@EVIL",
        "a|b^c (d) 'e' `id`",
    ),
    *(
        "%0d%0aX-Evil: 1 &#13;&#10;",
        "sip:evil@EVIL",
        "0909000111@EVIL",
        "0909000111;<sip:x@EVIL>",
        "tel:+1",
    ),
    *(
        "Nguyễn Văn Ánh",
        "株式会社 👩\u200d💼 e\u0301 ＡＢＣ ١٢٣",
        "\u202egnp.exe",
        "\u2028X-Evil: 1",
        "\u0085X-Evil: 1",
    ),
    *(
        "' OR '1'='1",
        "=1+1 {{7*7}} ../../etc/passwd",
        "a" * 64,
        "a" * 65,
        "=?utf-8?q?evil?=",
        "  ",
    ),
]
FREE = ("src_cid_name", "dest_cid_name", "customer_id")
STRICT = ("ext", "phone", "src_cid_number", "dest_cid_number", "hotline", "auto_answer", "wait")


async def test_what_is_written_into_a_call_stays_what_it_is(
    company: Company, office: Office
) -> None:
    async with (
        wire.udp(office.instance.sip, EVIL) as evil,
        company.phone("101") as alice,
        company.carrier() as carrier,
    ):
        log_began, requests = office.instance.log.stat().st_size, 0
        await company.api.click("101", "0909000100")
        requests += 1
        ring = await alice.rings()
        await ring.answer()
        customer = await carrier.rings()
        usual = [names(ring.invite), names(customer.invite)]
        await customer.reject()
        await ring.over()

        arrived = 0
        for number, text in enumerate(HOSTILE):
            value = text.replace("EVIL", evil.address)
            taken = {}
            fields = (*FREE, *STRICT)
            for field, refused in zip(
                fields,
                await together(*(refusal(company, each, value) for each in fields)),
                strict=True,
            ):
                requests += 1
                assert refused in ("ext", field), (field, value, refused)
                if refused != field and field in FREE:
                    taken[field] = value
                assert field in FREE or refused == field or not value.strip(), (field, value)
            if not taken:
                continue
            answer = await company.api.click("101", f"09090002{number:02d}", **taken)
            requests += 1
            assert answer.status == 200, (value, answer)
            arrived += 1
            ring = await alice.rings()
            await ring.answer()
            customer = await carrier.rings()
            assert [names(ring.invite), names(customer.invite)] == usual, value
            for invite, host in ((ring.invite, alice.address), (customer.invite, carrier.host)):
                check(invite, host, evil.address)
            if value == "Nguyễn Văn Ánh":
                assert "Nguyễn Văn Ánh" in ring.invite.header("From")
                assert f'"Nguyễn Văn Ánh" <sip:{HOTLINE}@' in customer.invite.header("From")
            await customer.reject()
            await ring.over()
        assert arrived >= 12

        await until(company.is_quiet, 15)

        def logged() -> list[str]:
            return office.instance.log.read_bytes()[log_began:].decode().splitlines()

        def clicks() -> int:
            return sum("path=/v1/click2call " in line for line in logged())

        await until(lambda: clicks() >= requests)
        lines = logged()
        assert [
            line for line in lines if not re.match(r"\d{4}-\d\d-\d\dT[0-9:.]+Z? \[\w+ *\] ", line)
        ] == []
        assert clicks() == requests
        assert not any("\x1b" in line for line in lines)
        assert await hears_nothing(evil)


async def test_a_path_makes_one_log_line(company: Company, office: Office) -> None:
    began = office.instance.log.stat().st_size
    paths = [f"/v1/{quote(text)}" for text in HOSTILE if text.strip(" .")]
    for path in paths:
        assert (await company.api.get(path)).status in (404, 405)

    def lines() -> list[str]:
        return office.instance.log.read_bytes()[began:].decode().split("\n")

    await until(lambda: sum(" request " in line for line in lines()) >= len(paths))
    assert sum(" request " in line for line in lines()) == len(paths)
    assert not any("X-Evil" in line and "request" not in line for line in lines())


async def refusal(company: Company, field: str, value: str) -> str:
    """The field that was refused; where that was not the given one, the extension, which does not
    exist.
    """
    given: dict[str, Any] = {"ext": "199", "phone": "0909000111", field: value}
    answer = await company.api.ask("GET", "/v1/click2call", given)
    assert answer.status == 422, (field, value, answer)
    return str(answer.json["field"])


def names(message: Message) -> list[str]:
    """Of its headers, in order."""
    head = re.split(r"\r?\n\r?\n", message.text)[0]
    return [line.partition(":")[0] for line in head.splitlines()[1:]]


def check(invite: Message, host: str, evil: str) -> None:
    """It goes where it should, and nothing that matters names the evil one."""
    assert host in invite.start
    for header in ("Via", "Contact", "To", "Route", "Diversion"):
        assert evil not in invite.header(header)
    uri = re.search(r"<(sip:[^>]*)>[^<>]*$", invite.header("From"))
    assert uri, invite.header("From")
    assert evil not in uri[1]


async def hears_nothing(evil: wire.Wire) -> bool:
    try:
        async with asyncio.timeout(0.2):
            await evil.receive()
    except TimeoutError:
        return True
    return False


async def test_a_number_that_a_carrier_calls_names_no_trunk(office: Office) -> None:
    """The trunk of a call is the one that it comes by, whatever stands behind the number."""
    mine, other = await office.company(), await office.company()
    async with other.phone("101") as phone, mine.carrier() as carrier:
        for dialled in (f"{HOTLINE},{other.trunk.trunk_uuid}", f"1%29%3A0%3A1,{HOTLINE}"):
            call = await carrier.calls(dialled)
            assert await call.refused() == 404, dialled
        assert phone.untaken == 0
    assert (await other.api.get("/v1/cdr")).json["data"] == []
