"""Real calls as clients of version 3 and of the 2023 documents read them, key by key, and phones
that they made.
"""

import asyncio
import base64
from datetime import datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from testbed.company import HOTLINE, Company, Office
from testbed.hooks import Hook
from testbed.phones import Carrier, Phone, talk
from testbed.until import until
from tests.cli.conftest import run
from tongdai.dialects import v1, v3

CUSTOMER = "0909000111"
LATER = "2099-01-01"
OF_FILES = ("recording_format", "recording_channels", "recording_seconds", "recording_sha256")
"""Of version 1 only."""
TIMES = ("time_started", "time_ringging", "time_answered", "time_ended")


async def rows(company: Company, **query: Any) -> list[dict[str, Any]]:
    """The calls as version 3 shows them, after a look at the form of each."""
    listed = (await company.api.get("/v3/cdr", limit=0, **query)).json
    assert listed["total"] == len(listed["data"])
    for row in listed["data"]:
        assert list(row) == list(v3.CallRow.__struct_fields__)
        assert None not in row.values()
        assert (
            msgspec.json.decode(
                msgspec.json.encode(msgspec.convert(row, v3.CallRow, strict=False))
            )
            == row
        )
        shown = (await company.api.get(f"/v3/cdr/{row['id']}")).json
        assert shown == row
        record = await company.api.cdr(row["id"])
        assert {name: record[name] for name in record if name not in OF_FILES} == as_version_1(row)
    found: list[dict[str, Any]] = listed["data"]
    return found


def as_version_1(row: dict[str, Any]) -> dict[str, Any]:
    """The same call, of two parties, as version 1 has to show it."""
    own: dict[str, Any] = {"participants": [], "recording_pauses": []}  # of version 1 only
    names = [
        name
        for name in v1.CallRecord.__struct_fields__
        if name not in own and name not in OF_FILES
    ]
    same = {name: row[name] for name in names} | own
    directions = {"local": 1, "inbound": 2, "outbound": 3}
    times = {name: row[name].replace("T", " ").removesuffix("Z") for name in TIMES}
    changed = {"direction": directions[row["direction"]], "status": row["status"].upper()}
    return same | changed | times


def moments(row: dict[str, Any]) -> list[datetime]:
    return [datetime.strptime(row[name], "%Y-%m-%dT%H:%M:%SZ") for name in TIMES if row[name]]  # noqa: DTZ007 local times


def expected(row: dict[str, Any], told: dict[str, Any], **keys: Any) -> None:
    """The row has these keys, and what its `cdr` event said of the same call."""
    same = (
        *("call_id", "sip_call_id", "conversation_id", "direction", "hotline", "customer_id"),
        *("duration", "billsec", "recording_url", "receive_dest", "extension"),
        *("cause", "hangup_by", "sip_hangup_disposition"),
    )
    assert row == row | {name: told[name] for name in same} | keys
    assert (row["app"], row["status"]) == (told["application"], told["status"].lower())
    times = [row[name] for name in ("time_started", "time_answered", "time_ended")]
    assert times == [
        f"{told[name].replace(' ', 'T')}Z" if told[name] else ""
        for name in ("time_started", "time_answered", "time_ended")
    ]
    assert row["id"] == row["conversation_id"]
    known = moments(row)
    assert known == sorted(known)
    assert len(known) == 4 - (row["time_answered"] == "") - (row["time_ringging"] == "")
    assert (known[-1] - known[0]).seconds == row["duration"]


Told = dict[str, Any]


async def answered_call(alice: Phone, carrier: Carrier, hook: Hook) -> Told:
    customer = await carrier.calls(HOTLINE, CUSTOMER)
    ring = await alice.rings()
    await ring.answer()
    await customer.answered()
    await talk(ring, customer)
    await customer.hang_up()
    await hook.expect("ringing")
    await hook.expect("answered")
    return await hook.over()


async def busy_call(alice: Phone, carrier: Carrier, hook: Hook) -> Told:
    customer = await carrier.calls(HOTLINE, CUSTOMER)
    await (await alice.called()).reject(486)
    await customer.refused()
    await hook.expect("ringing")
    return await hook.over(missed=True)


async def abandoned_call(alice: Phone, carrier: Carrier, hook: Hook) -> Told:
    customer = await carrier.calls(HOTLINE, CUSTOMER)
    ring = await alice.rings()
    await customer.ringing()
    await customer.cancel()
    await ring.cancelled()
    await hook.expect("ringing")
    return await hook.over(missed=True)


async def outbound_call(alice: Phone, carrier: Carrier, hook: Hook) -> Told:
    call = await alice.calls(CUSTOMER)
    customer = await carrier.rings()
    await customer.answer()
    await call.answered()
    await talk(call, customer)
    await call.hang_up()
    await hook.expect("ringing")
    await hook.expect("answered")
    return await hook.over()


async def clicked_call(company: Company, alice: Phone, carrier: Carrier, hook: Hook) -> Told:
    clicked = await company.api.click("101", CUSTOMER, customer_id="C-7")
    ring = await alice.rings()
    await ring.answer()
    customer = await carrier.rings()
    await customer.answer()
    await talk(ring, customer)
    await customer.hang_up()
    await hook.expect("ringing")
    await hook.expect("answered")
    return await hook.over(call_id=clicked.json["call_id"])


async def test_calls_of_every_kind_key_by_key(company: Company, hook: Hook) -> None:
    async with company.phone("101") as alice, company.carrier() as carrier:
        told = [
            await answered_call(alice, carrier, hook),
            await busy_call(alice, carrier, hook),
            await abandoned_call(alice, carrier, hook),
            await outbound_call(alice, carrier, hook),
            await clicked_call(company, alice, carrier, hook),
        ]
    click, out, missed, busy, answered = await rows(company)
    inbound = {
        "direction": "inbound",
        "app": "dial",
        "extension": "101",
        "from_number": CUSTOMER,
        "to_number": HOTLINE,
        "hotline": HOTLINE,
        "called_count": 1,
        "customer_id": "",
    }
    nobody = {"billsec": 0, "time_answered": "", "recording_url": "", "recording_status": "none"}
    talked = {"status": "answered", "cause": "NORMAL_CLEARING", "recording_status": "ready"}
    outbound = inbound | {"direction": "outbound", "from_number": HOTLINE, "to_number": CUSTOMER}
    expected(
        answered, told[0], **inbound, **talked,
        hangup_by="caller", sip_hangup_disposition="send_bye",
    )  # fmt: skip
    expected(
        busy, told[1], **inbound, **nobody,
        status="busy", cause="USER_BUSY", sip_hangup_disposition="recv_refuse",
    )  # fmt: skip
    expected(
        missed, told[2], **inbound, **nobody,
        status="cancel", cause="ORIGINATOR_CANCEL", hangup_by="caller",
        sip_hangup_disposition="send_cancel",
    )  # fmt: skip
    expected(
        out, told[3], **outbound, **talked, hangup_by="caller", sip_hangup_disposition="recv_bye"
    )
    expected(
        click, told[4], **talked, hangup_by="callee", sip_hangup_disposition="send_bye",
        **outbound | {"app": "click2call", "called_count": 2, "customer_id": "C-7"},
    )  # fmt: skip

    assert await rows(company, status="busy-line") == [busy]
    assert await rows(company, status="on-the-moon") == []
    assert await rows(company, start_date=missed["time_started"], end_date=LATER) == [
        row for row in (click, out, missed, busy, answered)
        if row["time_started"] >= missed["time_started"]
    ]  # fmt: skip


async def test_a_phone_made_by_version_3_is_called_and_shut_out(
    company: Company, hook: Hook, office: Office
) -> None:
    new = {"extension": "301", "password": "Chosen-Secret.1", "enabled": True}
    made = (await company.api.post("/v3/extension", **new)).json
    await office.knows(f"301@{company.name}")
    await company.point_hotline("301")
    async with company.carrier() as carrier:
        async with company.phone("301", password="Chosen-Secret.1") as phone:
            assert await phone.register()
            customer = await carrier.calls(HOTLINE)
            ring = await phone.rings()
            await hook.expect("ringing", to_number="301")
            await ring.reject(486)
            await customer.refused()
            await hook.over(missed=True)

            kept = {"password": "deFauLt", "enabled": False}
            path = f"/v3/extension/{made['extension_uuid']}"
            await company.api.ask("PUT", path, {}, kept)
            assert (await company.api.get("/v3/extension/301")).json["enabled"] is False

            async def is_shut_out() -> bool:
                return not await phone.register()

            await until(is_shut_out, 15, every_s=0.2)
        customer = await carrier.calls(HOTLINE)
        await customer.refused()
        await hook.over(missed=True)
    assert [row["called_count"] for row in await rows(company)] == [0, 1]


async def test_encoded_numbers_are_called(company: Company, hook: Hook, office: Office) -> None:
    """As the guide of the dialects says, with a key that the command line made."""
    mine = {"TONGDAI_DATA": str(office.instance.data)}
    made = await asyncio.to_thread(run, mine, "domain", "phone-key", company.name, "--json")
    key = msgspec.json.decode(made.stdout)["key"]
    forms = [
        {"phone": base64.b64encode(CUSTOMER.encode()).decode()},
        {"phone": encrypted(CUSTOMER[:-1] + "2", key), "encrypt_method": "aes"},
    ]
    async with company.phone("101") as alice, company.carrier() as carrier:
        for form, last in zip(forms, "12", strict=True):
            clicked = await company.api.click("101", is_encode="true", **form)
            ring = await alice.rings()
            await ring.answer()
            customer = await carrier.called()
            assert customer.invite.start.startswith(f"INVITE sip:{CUSTOMER[:-1]}{last}@")
            await customer.reject(486)
            await ring.over()
            await hook.expect("ringing", to_number=f"{CUSTOMER[:-1]}{last}")
            await hook.over(call_id=clicked.json["call_id"])


def encrypted(number: str, key: str) -> str:
    padder = PKCS7(128).padder()
    padded = padder.update(number.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES256(key.encode()), modes.ECB()).encryptor()  # noqa: S305
    return (encryptor.update(padded) + encryptor.finalize()).hex()
