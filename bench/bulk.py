"""500 extensions from one request of the API to the moment when the last phone can register, and
has; beside the same objects pushed to the same Asterisk over ARI alone.

    python -m bench bulk [--extensions 500] [--rounds 3]

Ours stores them in one transaction, with the audit log, and answers with the passwords; the engine
hears of them, reads and pushes them. A phone can register once the switch has its endpoint, which
is pushed after what it refers to.
"""

import asyncio
import base64
import hashlib
import statistics
import time
from collections.abc import Sequence
from urllib.parse import quote

import aiohttp
import msgspec

from bench import company
from bench import rig as rigs
from bench.report import milliseconds, table
from bench.rig import Rig
from testbed.registration import Phone
from tongdai.asterisk import provisioning
from tongdai.asterisk.provisioning import SwitchConfig
from tongdai.pbx.endpoint import Endpoint

FIRST = 20_000
AT_ONCE = 10  # requests of the peer
KINDS = ("auth", "aor", "endpoint")
CONFIG = "asterisk/config/dynamic/res_pjsip"


class Round(msgspec.Struct, frozen=True):
    """Seconds from the request to: its answer; the last endpoint; the last registration. And those
    of the peer to its last endpoint.
    """

    answered: float
    able: float
    registered: float
    bare: float


class Switch:
    """Requests to Asterisk over ARI alone."""

    def __init__(self, http: aiohttp.ClientSession, rig: Rig) -> None:
        login = f"{rig.asterisk.user}:{rig.asterisk.password}".encode()
        self.http = http
        self._base = f"{rig.asterisk.url.replace('ws://', 'http://')}/ari"
        self._headers = {"Authorization": f"Basic {base64.b64encode(login).decode()}"}

    async def has(self, endpoint: str) -> bool:
        url = f"{self._base}/{CONFIG}/endpoint/{quote(endpoint)}"
        async with self.http.get(url, headers=self._headers) as answer:
            return answer.status == 200

    async def put(self, objects: provisioning.Objects) -> None:
        """A device's objects, in the order in which they refer to each other."""
        for kind, name in provisioning.in_order(objects):
            if kind not in KINDS:
                continue
            fields = [{"attribute": one, "value": to} for one, to in objects[kind, name].items()]
            url = f"{self._base}/{CONFIG}/{kind}/{quote(name)}"
            body = {"fields": fields}
            async with self.http.put(url, headers=self._headers, json=body) as answer:
                assert answer.status == 200, await answer.text()


def main(extensions: int = 500, rounds: int = 3) -> None:
    """Prints medians."""
    asyncio.run(_main(extensions, rounds))


async def _main(extensions: int, rounds: int) -> None:
    async with rigs.rig() as rig:
        made = await company.found(rig, rounds, 1, recording=False)
        async with rig.up(), aiohttp.ClientSession() as http:
            switch, phone = Switch(http, rig), Phone(rigs.PHONE, 0, (rigs.HOST, rig.sip))
            try:
                found = [await _round(rig, one, switch, phone, extensions) for one in made]
            finally:
                phone.close()
    _show(found, extensions)


def _show(found: Sequence[Round], extensions: int) -> None:
    def median(name: str) -> float:
        return float(statistics.median(getattr(one, name) for one in found))

    able, bare = median("able"), median("bare")
    rows = [
        ("ours: the answer, with all passwords", milliseconds(median("answered")), ""),
        ("ours: the last phone can register", milliseconds(able), f"{able / bare:.2f}"),
        ("ours: the last phone has registered", milliseconds(median("registered")), ""),
        ("ARI alone: the last phone can register", milliseconds(bare), "1"),
    ]
    table(f"{extensions} extensions, from the request", ("", "seconds", "ratio"), rows)


async def _round(
    rig: Rig, of: company.Company, switch: Switch, phone: Phone, extensions: int
) -> Round:
    numbers = [str(FIRST + number) for number in range(extensions)]
    domain = of.domain.name
    headers = {"Authorization": f"Bearer {await rig.token(of.api_key)}"}
    body = {"extensions": [{"extension": number} for number in numbers]}
    url = f"{rig.base_url}/v1/admin/extensions/bulk"
    began = time.monotonic()
    async with switch.http.post(url, headers=headers, json=body) as answer:
        made = msgspec.json.decode(await answer.read())
        assert answer.status == 201, made
    answered = time.monotonic() - began
    await _wait(switch, [f"{number}@{domain}" for number in numbers])
    able = time.monotonic() - began
    for one in made["data"]:
        await asyncio.to_thread(phone.register, one["extension"], domain, one["password"])
    registered = time.monotonic() - began
    return Round(answered, able, registered, await _bare(switch, f"bare-{domain}", numbers))


async def _bare(switch: Switch, domain: str, numbers: Sequence[str]) -> float:
    """Seconds to push the same objects of another domain."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def push(number: str) -> None:
        digest = hashlib.sha256(number.encode()).hexdigest()
        device = provisioning.Device(
            endpoint=Endpoint(number, domain, "default"),
            digest_md5=digest[:32],
            digest_sha256=digest,
            full_digests=(digest[:32], digest),
        )
        objects = provisioning.device(device, SwitchConfig())
        async with limit:
            await switch.put(objects)

    began = time.monotonic()
    await asyncio.gather(*map(push, numbers))
    await _wait(switch, [f"{number}@{domain}" for number in numbers])
    return time.monotonic() - began


async def _wait(switch: Switch, endpoints: Sequence[str]) -> None:
    """Until the switch has all of them."""
    for endpoint in endpoints:
        while not await switch.has(endpoint):  # noqa: ASYNC110 -- another process has it
            await asyncio.sleep(0.005)
