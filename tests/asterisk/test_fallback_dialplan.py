"""The dialplan's fallback on a real Asterisk: entries are kept, and it reaches by them what
`tests.asterisk.dialplan` says it does.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed import ports
from testbed.company import together
from tests.asterisk.dialplan import Fallback, Reached
from tests.asterisk.test_fallback import entries_of
from tests.pbx.company import CARRIER, COMPANY
from tongdai.asterisk import ari, astdb, fallback, node, packages
from tongdai.pbx import fallback as plans
from tongdai.pbx.directory import Directory, Extension, Queue, RingGroup

NOW = datetime.now(UTC)
ENDS = """
[dial]
exten => _[+0-9a]!,1,Set(GLOBAL(${TD_ASKED})=dial|${TD_DIAL}|${EXTEN})

[dial-out]
exten => _[+0-9a]!,1,Set(GLOBAL(${TD_ASKED})=dial-out|${TD_DIAL}|${EXTEN})

[dial-recorded]
exten => _[+0-9a]!,1,Set(GLOBAL(${TD_ASKED})=dial-recorded|${TD_DIAL}|${EXTEN})

[carrier]
exten => trunk,1,Set(CALLERID(dnid)=${TD_DIALLED})
 same => n,Set(CALLERID(tag)=${TD_TAG})
 same => n,Goto(fallback,trunk,1)

[touched]
exten => call,1,Stasis(tongdai)
 same => n,Hangup()

[reader]
exten => read,1,Set(TD_FOUND=${DB(fallback/${DB(fallback/generation)}/${TD_WHICH})})
 same => n,Set(GLOBAL(${TD_ASKED})=of ${TD_FOUND})
exten => keys,1,Set(GLOBAL(${TD_ASKED})=of ${DB_KEYS(fallback)})
"""
"""In place of the contexts that dial; and what reads AstDB."""


@pytest.fixture
async def link(tmp_path: Path) -> AsyncIterator[ari.Link]:
    """To an Asterisk with our dialplan, up to where it would dial."""
    root = await asyncio.to_thread(
        packages.asterisk, packages.default_cache(), lambda _text, _done, _total: None
    )
    (conf := tmp_path / "conf").mkdir()
    text = (node.PBX / "extensions.conf").read_text()
    text = re.sub(r"(?ms)^\[dial(-recorded|-out)?\]\n.*?(?=^\[)", "", text)
    evaluated = "${EVAL(${CUT(TD_FOUND,|,2)})}"  # the contacts of phones: there are none here
    assert evaluated in text
    text = text.replace(evaluated, "${CUT(TD_FOUND,|,2)}")
    text = text.replace("Hangup(42)", "Set(GLOBAL(${TD_ASKED})=refused)")
    (conf / "extensions.conf").write_text(text.replace("Wait(2)", "NoOp()") + ENDS)
    (conf / "pjsip.conf").write_text((node.PBX / "pjsip.conf").read_text())
    audio = ports.audio(22)
    spec = node.Spec(
        root=root,
        folder=tmp_path / "switch",
        conf=conf,
        sip=ports.server(),
        rtp=(audio[0], audio[-1]),
        values={"recordings": str(tmp_path), "tls": ""},
    )
    running = await node.start(spec)
    try:
        link = await ari.connect(running.url, running.user, running.password, "tongdai")
        yield link
        await link.close()
    finally:
        await running.stop()


async def variable(link: ari.Link, name: str) -> str:
    answer = await link.request("GET", "asterisk/variable", {"variable": name})
    return str(answer.json()["value"])


async def run(link: ari.Link, where: str, more: dict[str, str], **variables: str) -> None:
    """A channel with these variables goes there. `more` is asked of ARI besides."""
    channel = {
        "endpoint": f"Local/{where}/n",
        "context": "hangup",
        "extension": "16",
        "priority": "1",
        **more,
    }
    inherited = {f"__{name}": value for name, value in variables.items()}
    answer = await link.request("POST", "channels", channel, {"variables": inherited})
    assert answer.is_ok, answer


class Asked:
    """Calls that come while no engine answers, and looks into AstDB."""

    def __init__(self, link: ari.Link) -> None:
        self._link, self._count = link, 0

    async def from_phone(self, by: str, dialled: str) -> str:
        return await self._ask("asked@fallback", TD_BY=by, TD_TO=dialled)

    async def transferred(self, by: str, dialled: str) -> str:
        transferer = f"PJSIP/{by}-0000001f"
        return await self._ask("transferred@fallback", TD_TO=dialled, BLINDTRANSFER=transferer)

    async def transferred_by_ari(self, by: str, dialled: str) -> str:
        """Of a channel of which ARI has set a variable, as it does of all that we route. Asterisk
        lets it read no AstDB from then on.
        """
        given = {"TD_TO": dialled, "BLINDTRANSFER": f"PJSIP/{by}-0000001f"}
        ids = {"channelId": "touching", "otherChannelId": "touched"}
        asked = await self._begin("call@touched", ids, **given)
        channel, name = "channels/touched", {"variable": "TD_DIAL", "value": "x"}
        async with asyncio.timeout(5):
            while not (await self._link.request("POST", f"{channel}/variable", name)).is_ok:
                await asyncio.sleep(0.01)
        place = {"context": "fallback", "extension": "transferred", "priority": "1"}
        await self._link.request("POST", f"{channel}/continue", place)
        return await self._answer(asked)

    async def from_trunk(self, carrier: str, dialled: str, **variables: str) -> str:
        return await self._ask(
            "trunk@carrier",
            TD_DIALLED=dialled,
            **{"TD_TAG": f"{carrier}/none/auto/"} | variables,
        )

    async def entry(self, key: str) -> str:
        """Of the generation that is read; "" where there is none."""
        return (await self._ask("read@reader", TD_WHICH=key)).removeprefix("of ")

    async def keys(self) -> set[str]:
        return set((await self._ask("keys@reader")).removeprefix("of ").split(","))

    async def _ask(self, where: str, **variables: str) -> str:
        return await self._answer(await self._begin(where, {}, **variables))

    async def _begin(self, where: str, more: dict[str, str], **variables: str) -> str:
        self._count += 1
        asked = f"ASKED{self._count}"
        await run(self._link, where, more, TD_ASKED=asked, **variables)
        return asked

    async def _answer(self, asked: str) -> str:
        """Context, dial string and presented number, or "refused"."""
        async with asyncio.timeout(10):
            while not (reached := await variable(self._link, asked)):
                await asyncio.sleep(0.01)
        return reached


def company(country: str) -> Directory:
    extensions = {
        "101": Extension("101"),
        "102": Extension("102", suspended_until=NOW + timedelta(hours=1)),
        "103": Extension("103", suspended_until=NOW - timedelta(hours=1), max_calls=1),
        "104": Extension("104", enabled=False),
    }
    return replace(
        COMPANY,
        domain=replace(COMPANY.domain, name=f"company.{country}", country_code=country),
        extensions=extensions,
        trunks={CARRIER: replace(COMPANY.trunks[CARRIER], number_format="e164")},
        ring_groups={"600": RingGroup("600", members=("101", "104", "103"), timeout_s=45)},
        queues={"700": Queue("700", agents=("102", "104"))},
    )


def text_of(reached: Reached) -> str:
    """As the dialplan has it."""
    if reached.outside:
        trunk, number = reached.outside
        options = "igb(record^s^1)" if reached.record else "ig"
        return f"dial-out|PJSIP/{number}@{trunk},90,{options}|{reached.presented_number}"
    return "refused"


DIALLED = (
    *("101", "102", "104", "105", "600", "700", "112", "113", "115", "911", "999", "118"),
    *("0909000333", "09090003334", "0909000", "02873001234", "+84909000333", "19001919"),
    *("01900123456", "00441234567890", "02079460123", "09061234567", "2125550100", "8765550100"),
    *("9002345678", "", "+", "1):0:1,PJSIP", "101),x", "101/101", "0909000333,1", "${EPOCH}"),
    *('"', "101&PJSIP/113", "113;x", "0" * 70, "(((", "101):0:3"),
)


async def test_calls_reach_what_the_plan_says(link: ari.Link) -> None:
    directories = {each: company(each) for each in ("84", "44", "1")}
    entries: fallback.Entries = {}
    for directory in directories.values():
        entries |= entries_of(plans.plan(directory, NOW))
    assert await astdb.AstDb().push(link, entries)
    asked, wanted = Asked(link), Fallback(entries)

    async def check(by: str, dialled: str) -> None:
        reached = wanted.from_phone(by, dialled, NOW.timestamp(), connected=str(CARRIER))
        key = f"number/{by.partition('@')[2]}/{dialled}"
        entry = entries.get(key, "") if dialled.isdigit() else ""
        said = f"{entry}|anonymous" if entry else text_of(reached)
        assert await asked.from_phone(by, dialled) == said, (by, dialled)
        assert await asked.transferred(by, dialled) == said, (by, dialled)

    domain = directories["84"].domain.name
    assert await asked.transferred_by_ari(f"101@{domain}", "600") == (
        f"{entries[f'number/{domain}/600']}|anonymous"
    )
    for directory in directories.values():
        for extension in ("101", "102", "103", "103-browser"):
            by = f"{extension}@{directory.domain.name}"
            await together(*(check(by, dialled) for dialled in DIALLED))
    for dialled in ("19001919", "+19001919", "19001919;npdi", "19001919,x", "19001919):0:8", ""):
        reached = wanted.from_trunk("carrier-7", dialled)
        entry = entries[f"trunk/carrier-7/19001919/{CARRIER}"] if reached.inside else ""
        found = await asked.from_trunk("carrier-7", dialled)
        assert found == (f"{entry}|anonymous" if entry else "refused"), dialled
        found = await asked.from_trunk("carrier-7", dialled, TD_TRUNK=str(CARRIER))
        assert found == (f"{entry}|anonymous" if entry else "refused"), dialled
    other = str(directories["84"].domain.domain_uuid)
    assert await asked.from_trunk("carrier-8", "19001919") == "refused"
    assert await asked.from_trunk("carrier-7", "19001919", TD_TRUNK=other) == "refused"


@pytest.mark.parametrize(
    ("pilot", "request_uri", "header", "rings"),
    [
        ("none", "19001919", "<sip:02873001234@x>", "19001919"),
        ("02873001234", "19001919", "<sip:02873001234@x>", "19001919"),
        ("02873001234", "02873001234", "<sip:19001919@x>", "19001919"),
        ("02873001234", "02873001234", "<sip:19001919;cpc=ordinary@x>", "19001919"),
        ("02873001234", "02873001234", "<sip:02873001234@x>", "02873001234"),
        ("any", "02873001234", "<tel:+19001919>", "19001919"),
        ("any", "02873001234", "", ""),
        ("any", "02873001234", "<sip:1):0:1,9@x>", ""),
    ],
)
async def test_the_number_called_is_read_where_the_trunk_says(
    link: ari.Link, pilot: str, request_uri: str, header: str, rings: str
) -> None:
    """Of a trunk whose address two companies share."""
    keys = [
        f"trunk/c/19001919/{CARRIER}",
        "trunk/c/02873001234/other",
        "trunk/c/5/1",
        "trunk/c/5/2",
    ]
    await astdb.AstDb().push(link, {key: f"dial|{key}" for key in keys})
    asked = Asked(link)
    variables = {"TD_TAG": f"c/{pilot}/test/", "TD_IN_test": "TD_HEADER", "TD_HEADER": header}
    found = await asked.from_trunk("c", request_uri, **variables)
    entry = next((key for key in keys if key.split("/")[2] == rings), "")
    assert found == (f"dial|{entry}|anonymous" if entry else "refused")
    assert await asked.from_trunk("c", "5") == "refused", "two companies have it"


async def test_entries_are_kept_as_wanted(link: ari.Link) -> None:
    """Of any text; those of an earlier engine go."""
    before, now = astdb.AstDb(), astdb.AstDb()
    assert await before.push(link, {"number/a.vn/101": "dial|old", "number/a.vn/102": "dial|old"})
    odd = 'dial|${PJSIP_DIAL_CONTACTS(101@a.vn)}&x,60,b(record^s^1):"$[1+1]'
    many = {f"number/a.vn/{number}": f"dial|{number}" for number in range(1000, 1300)}
    assert await now.push(link, {"number/a.vn/101": odd, "number/a.vn/600": "dial|600", **many})
    assert await now.push(link, {"number/a.vn/601": "dial|" + "x" * 3400}, ["number/a.vn/600"])
    asked = Asked(link)
    for key, value in {
        "number/a.vn/101": odd,
        "number/a.vn/102": "",
        "number/a.vn/600": "",
        "number/a.vn/601": "dial|" + "x" * 3400,
        "number/a.vn/1299": "dial|1299",
    }.items():
        assert await asked.entry(key) == value, key
    keys = await asked.keys()
    assert len(keys) == 2, keys
    assert astdb.GENERATION in keys
