"""Recordings: both sides, ready when the cdr event says so, public by their URL alone."""

from testbed import tones
from testbed.company import HOTLINE, Answer, Company
from testbed.hooks import Hook
from testbed.phones import BOB_HZ, talk
from testbed.receivers import Received, receiving
from testbed.until import until


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


async def recorded(company: Company) -> dict[str, str]:
    """The company's one record, once its recording is ready."""

    async def ready() -> dict[str, str] | None:
        listed = (await company.api.get("/v1/cdr")).json["data"]
        return listed[0] if listed and listed[0]["recording_status"] == "ready" else None

    found: dict[str, str] = await until(ready, 15)
    return found
