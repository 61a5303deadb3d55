"""Recordings: both sides, ready when the cdr event says so, public by their URL alone."""

import hashlib
import io
from typing import Any

import msgspec
import soundfile

from testbed import tones
from testbed.company import HOTLINE, Answer, Company
from testbed.hooks import Hook
from testbed.phones import ALICE_HZ, BOB_HZ, CUSTOMER_HZ, talk
from testbed.receivers import Received, receiving
from testbed.until import until
from tests.e2e.steering import CUSTOMER, control, shown_talking, talking


async def test_it_plays_at_the_moment_the_cdr_event_arrives(company: Company) -> None:
    played: list[Answer] = []

    async def play(request: Received) -> int:
        played.append(await company.api.get(request.event.recording_url))
        return 200

    async with receiving(play) as receiver:
        await Hook(receiver).subscribe(company.api, "cdr")
        await a_talk(company)
        await until(lambda: played, 15)
    samples = tones.samples_of(played[0].body)
    assert tones.longest(samples, 440) > 0.5, "the extension"
    assert tones.longest(samples, 1_040) > 0.5, "the customer"
    assert tones.longest(samples, 730) == 0, "nobody"


async def test_it_is_as_long_as_the_talk(company: Company, hook: Hook) -> None:
    await a_talk(company, seconds=2.0)
    await hook.expect("ringing")
    await hook.expect("answered")
    cdr = await hook.over()
    played = await company.api.get(cdr["recording_url"])
    seconds = len(tones.samples_of(played.body)) / tones.RATE_HZ
    assert cdr["billsec"] - 1 <= seconds <= cdr["billsec"] + 1


async def test_it_is_public_by_its_url_alone(company: Company) -> None:
    await a_talk(company)
    record = await recorded(company)
    url = record["recording_url"]
    whole = await company.api.get(url)  # a whole URL: no token goes along
    assert (whole.status, whole.headers["content-type"]) == (200, "audio/wav")
    assert record["id"] not in url, "everybody who gets events knows that"
    assert (await company.api.get(f"{url}.wav")).body == whole.body
    head = await company.api.ask("HEAD", url, {})
    assert (head.status, head.headers["content-length"], head.body) == (
        200,
        str(len(whole.body)),
        b"",
    )
    wrong = await company.api.get(url[:-4] + "AAAA")
    assert (wrong.status, wrong.json["error"]) == (404, "NOT_FOUND")


async def test_a_player_may_ask_for_a_range(company: Company) -> None:
    await a_talk(company)
    url = (await recorded(company))["recording_url"]
    whole = (await company.api.get(url)).body
    part = await company.api.get(url, headers={"Range": "bytes=100-1099"})
    assert (part.status, part.body) == (206, whole[100:1100])
    assert part.headers["content-range"] == f"bytes 100-1099/{len(whole)}"
    end = await company.api.get(url, headers={"Range": "bytes=-500"})
    assert (end.status, end.body) == (206, whole[-500:])
    beyond = await company.api.get(url, headers={"Range": f"bytes={len(whole)}-"})
    assert beyond.status == 416


async def test_calls_between_colleagues_are_recorded_too(company: Company) -> None:
    async with company.phone("101") as alice, company.phone("102", hertz=BOB_HZ) as bob:
        call = await alice.calls("102")
        ring = await bob.rings()
        await ring.answer()
        await call.answered()
        await talk(call, ring)
        await call.hang_up()
        await ring.over()
    played = await company.api.get((await recorded(company))["recording_url"])
    samples = tones.samples_of(played.body)
    assert tones.longest(samples, 440) > 0
    assert tones.longest(samples, BOB_HZ) > 0


async def test_an_extension_that_is_not_to_be_recorded(company: Company, hook: Hook) -> None:
    await company.change_extension("101", recording=False)
    await a_talk(company)
    await hook.expect("ringing")
    await hook.expect("answered")
    cdr = await hook.over(recording_url="")
    record = await company.api.cdr(cdr["call_id"])
    assert record == record | {
        "status": "ANSWERED",
        "recording_url": "",
        "recording_status": "none",
    }


async def a_talk(company: Company, seconds: float = 0.8) -> None:
    """A customer calls the hotline and talks with 101."""
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE)
        ring = await alice.rings()
        await ring.answer()
        await customer.answered()
        await talk(ring, customer, seconds)
        await customer.hang_up()
        await ring.over()


async def recorded(company: Company, calls: int = 1) -> dict[str, Any]:
    """The company's newest record, once there are so many and its recording is ready."""

    async def ready() -> dict[str, Any] | None:
        listed = (await company.api.get("/v1/cdr")).json["data"]
        is_there = len(listed) == calls and listed[0]["recording_status"] == "ready"
        return listed[0] if is_there else None

    found: dict[str, Any] = await until(ready, 15)
    return found


async def test_both_sides_are_apart_in_the_format_of_the_domain(company: Company) -> None:
    """The customer on the left, the extension on the right, whoever calls; also after a pause."""
    await company.change(recording_stereo=True, recording_format="flac")
    async with company.phone("101") as alice, company.carrier() as carrier:
        customer = await carrier.calls(HOTLINE, CUSTOMER)
        ring = await alice.rings()
        name = await talking(company, ring, customer)
        assert await control(company, name, "recording", do="pause") == (200, "")
        assert await control(company, name, "recording", do="resume") == (200, "")
        await talk(ring, customer)
        await customer.hang_up()
        await ring.over()
        await sides(company, calls=1)

        call = await alice.calls(CUSTOMER)
        called = await carrier.rings()
        await called.answer()
        await call.answered()
        await talk(call, called)
        name = await shown_talking(company)
        assert await control(company, name, "recording", do="pause") == (200, "")
        assert await control(company, name, "recording", do="resume") == (200, "")
        await talk(call, called)
        await call.hang_up()
        await called.over()
        await sides(company, calls=2)


async def sides(company: Company, calls: int) -> None:
    """The last recording has the customer on the left, and the extension on the right."""
    record = await recorded(company, calls)
    assert (record["recording_format"], record["recording_channels"]) == ("flac", 2)
    played = await company.api.get(record["recording_url"])
    assert played.headers["content-type"] == "audio/flac"
    assert record["recording_sha256"] == hashlib.sha256(played.body).hexdigest()
    samples, rate_hz = soundfile.read(io.BytesIO(played.body), dtype="int16")
    assert (rate_hz, len(samples) / rate_hz) == (8_000, record["recording_seconds"])
    left, right = samples[:, 0].tolist(), samples[:, 1].tolist()
    assert tones.longest(left, CUSTOMER_HZ) > 0.9
    assert tones.longest(left, ALICE_HZ) == 0
    assert tones.longest(right, ALICE_HZ) > 0.9
    assert tones.longest(right, CUSTOMER_HZ) == 0


async def test_who_asks_for_it_is_told_of_a_recording(company: Company) -> None:
    await company.change(recording_format="opus")
    async with receiving() as receiver:
        await Hook(receiver).subscribe(company.api, "recording.ready")
        await a_talk(company)
        await until(lambda: receiver.requests, 15)
        told = msgspec.json.decode(receiver.requests[0].body)
    record = await recorded(company)
    played = await company.api.get(told["recording_url"])
    assert played.headers["content-type"] == "audio/ogg"
    assert (
        told
        | {
            "state": "recording.ready",
            "conversation_id": record["id"],
            "format": "opus",
            "channels": 1,
            "size": len(played.body),
            "sha256": hashlib.sha256(played.body).hexdigest(),
            "reason": "",
        }
        == told
    )
