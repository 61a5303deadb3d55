"""Recordings by their public URL."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from yarl import URL

from testbed.samples import recorded
from tests.api.conftest import Client, Reply, Tenant, folder_of, serve
from tongdai import api, ids
from tongdai.api.recording_links import Link, RecordingLinks
from tongdai.encryption import MasterKey
from tongdai.pbx.recording import Recording
from tongdai.store import cdrs, db, recordings, users

SOUND = bytes(range(256)) * 4000  # a megabyte, more than one piece


class Shelf:
    """Puts recordings where the API looks for them."""

    def __init__(self, database: db.Database, folder: Path, tenant: Tenant) -> None:
        self._database, self._folder, self._domain = database, folder, tenant.domain.domain_uuid

    async def put(
        self, status: str = "ready", sound: bytes | None = SOUND, name: str = ""
    ) -> Recording:
        """The recording of a call, in that state."""
        token = str(ids.new())
        name = name or f"2021/{token[-12:]}-call.wav"
        if sound is not None:
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_bytes(sound)
        written = "ready" if status == "deleted" else status
        call = recorded(self._domain, status=written, token=token, file_key=name)
        async with self._database.transaction() as tx:
            await cdrs.insert_many(tx, [call])
            if status == "deleted":
                await recordings.delete(tx, self._domain, token)
        assert call.recording
        return call.recording


@pytest.fixture
def shelf(database: db.Database, deps: api.Deps, tenant: Tenant) -> Shelf:
    return Shelf(database, folder_of(deps), tenant)


def path_of(call: Recording) -> str:
    return f"/recordings/{call.token}"


async def test_it_plays_from_the_cdrs_url_without_a_token(
    anybody: Client, client: Client, shelf: Shelf
) -> None:
    call = await shelf.put()
    url = (await client.get(f"/v1/cdr/{call.cdr_uuid}")).json["recording_url"]

    for path in (urlsplit(url).path, urlsplit(url).path + ".wav"):
        answer = await anybody.get(path)
        assert answer.body == SOUND
        expected = {
            "Content-Type": "audio/wav",
            "Content-Length": str(len(SOUND)),
            "Content-Disposition": f'inline; filename="{call.token}.wav"',
            "Cache-Control": "private, no-store",
            "X-Robots-Tag": "noindex",
            "X-Content-Type-Options": "nosniff",
            "Accept-Ranges": "bytes",
        }
        assert {name: answer.headers[name] for name in expected} == expected


async def test_the_head_alone(anybody: Client, shelf: Shelf) -> None:
    path = path_of(await shelf.put())
    whole, head = await anybody.get(path), await anybody.ask("HEAD", path)

    assert (str(len(SOUND)), b"") == (head.headers["Content-Length"], head.body)
    assert of_the_file(head) == of_the_file(whole)
    same = {"If-None-Match": whole.headers["ETag"]}
    assert (await anybody.ask("HEAD", path, headers=same, expect=304)).body == b""


def of_the_file(reply: Reply) -> dict[str, str]:
    """The headers that describe what is sent."""
    others = ("Date", "Server", "Vary", "Connection", "Keep-Alive")
    return {name: value for name, value in reply.headers.items() if name.title() not in others}


async def test_who_has_the_file_gets_it_no_second_time(anybody: Client, shelf: Shelf) -> None:
    path = path_of(await shelf.put())
    etag = (await anybody.get(path)).headers["ETag"]
    assert re.fullmatch('"[0-9a-z-]+"', etag)

    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await anybody.get(path, headers={"If-None-Match": known}, expect=304)
        assert (answer.body, answer.headers["ETag"]) == (b"", etag)
        assert answer.headers["Cache-Control"] == "private, no-store"
    # it comes before ranges (RFC 9110 §13.2.2)
    both = {"If-None-Match": etag, "Range": "bytes=99999999-"}
    await anybody.get(path, headers=both, expect=304)
    for other in ('"other"', etag.strip('"'), ""):
        assert (await anybody.get(path, headers={"If-None-Match": other})).body == SOUND


async def test_every_file_and_every_content_has_an_etag_of_its_own(
    anybody: Client, shelf: Shelf, deps: api.Deps
) -> None:
    call, other = await shelf.put(), await shelf.put()
    first = (await anybody.get(path_of(call))).headers["ETag"]
    assert first == (await anybody.get(path_of(call) + ".wav")).headers["ETag"]
    assert first != (await anybody.get(path_of(other))).headers["ETag"]

    assert call.file_key
    (folder_of(deps) / call.file_key).write_bytes(SOUND[::-1])  # somebody put a backup in place
    changed = await anybody.get(path_of(call), headers={"If-None-Match": first})
    assert (changed.body, changed.headers["ETag"] != first) == (SOUND[::-1], True)


async def test_a_download_that_broke_off_goes_on_with_the_same_file(
    anybody: Client, shelf: Shelf
) -> None:
    path = path_of(await shelf.put())
    etag = (await anybody.get(path)).headers["ETag"]
    same = {"Range": "bytes=1000-", "If-Range": etag}
    rest = await anybody.get(path, headers=same, expect=206)
    assert (rest.body, rest.headers["ETag"]) == (SOUND[1000:], etag)

    for other in ('"old"', f"W/{etag}", "Mon, 30 Nov 2026 15:00:00 GMT", ""):
        answer = await anybody.get(path, headers=same | {"If-Range": other})
        assert answer.body == SOUND


END = len(SOUND) - 1


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, END),
        ("Bytes=100-", 100, END),
        ("bytes=-100", END - 99, END),
        ("bytes=0-99999999", 0, END),
        (f"bytes={END}-{END}", END, END),
        ("bytes=-99999999", 0, END),
        ("bytes=300000-900000", 300_000, 900_000),
    ],
)
async def test_a_range(
    anybody: Client, shelf: Shelf, *, asked: str, first: int, last: int
) -> None:
    answer = await anybody.get(path_of(await shelf.put()), headers={"Range": asked}, expect=206)

    assert answer.body == SOUND[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(SOUND)}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", [f"bytes={END + 1}-", "bytes=99999999-", "bytes=-0"])
async def test_a_range_beyond_the_end(anybody: Client, shelf: Shelf, asked: str) -> None:
    answer = await anybody.get(path_of(await shelf.put()), headers={"Range": asked}, expect=416)

    assert answer.headers["Content-Range"] == f"bytes */{len(SOUND)}"
    assert answer.json["error"] == "RANGE_NOT_SATISFIABLE"


@pytest.mark.parametrize(
    "asked", ["bytes=0-9,20-29", "seconds=0-9", "bytes=9-0", "bytes=-", "Bytes=-", "bytes=a-b"]
)
async def test_what_is_no_single_range_gets_the_whole(
    anybody: Client, shelf: Shelf, asked: str
) -> None:
    assert (await anybody.get(path_of(await shelf.put()), headers={"Range": asked})).body == SOUND


async def test_while_it_is_written_one_is_asked_to_come_again(
    anybody: Client, shelf: Shelf
) -> None:
    answer = await anybody.get(path_of(await shelf.put("pending")), expect=202)

    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("status", "sound"),
    [("deleted", SOUND), ("failed", SOUND), ("ready", None)],
    ids=["deleted", "failed", "lost"],
)
async def test_what_is_gone_says_why(
    anybody: Client, shelf: Shelf, status: str, sound: bytes | None
) -> None:
    answer = await anybody.get(path_of(await shelf.put(status, sound)), expect=410)

    assert answer.json["error"] == "GONE"
    assert ("deleted" if status == "deleted" else "lost") in answer.json["message"]


async def test_an_admin_deletes_it(
    anybody: Client, client: Client, shelf: Shelf, database: db.Database
) -> None:
    call = await shelf.put()
    for _ in range(2):  # a repeat is harmless
        assert (await client.ask("DELETE", path_of(call) + ".wav")).json == {"deleted": True}

    assert "deleted" in (await anybody.get(path_of(call), expect=410)).json["message"]
    record = (await client.get(f"/v1/cdr/{call.cdr_uuid}")).json
    assert (record["recording_url"], record["recording_status"]) == ("", "deleted")
    async with database.transaction() as tx:
        assert call.file_key in {one.file_key for one in await recordings.left_over(tx)}


async def test_who_may_not_deletes_nothing(
    anybody: Client, tenant: Tenant, shelf: Shelf, database: db.Database, master_key: MasterKey
) -> None:
    call = await shelf.put()
    async with database.transaction() as tx:
        account = await users.insert(
            tx, tenant.domain.domain_uuid, master_key, "agent", "correct horse", level="agent"
        )
    granted = (await anybody.post("/v1/auth/token", {"api_key": account.api_key})).json["data"]
    agent = Client(anybody._session, granted["token"])

    await anybody.ask("DELETE", path_of(call), expect=401)
    assert (await agent.ask("DELETE", path_of(call), expect=403)).json["error"] == "FORBIDDEN"
    await anybody.get(path_of(call))


async def test_one_that_is_still_written_is_not_deleted(client: Client, shelf: Shelf) -> None:
    call = await shelf.put("pending")

    assert (await client.ask("DELETE", path_of(call), expect=409)).json["error"] == "CONFLICT"


def traversals(token: str, file: str) -> list[str]:
    """Ways to write a path that people have got out of folders by."""
    ups = (
        "..",
        "%2e%2e",
        ".%2e",
        "%252e%252e",
        "..%00",
        "%c0%ae%c0%ae",
        "....",
        "..;",
        "%uff0e%uff0e",
        "..%0d%0a",
        "~",
    )
    slashes = ("%2f", "%252f", "%5c", "\\", "%c0%af", "%e2%88%95", "%2f%2f", "%00%2f")
    targets = (
        "etc%2fpasswd",
        "secret",
        "proc%2fself%2fenviron",
        file.replace("/", "%2f"),
        f"{token}.wav",
    )
    return [
        f"{(up + slash) * depth}{target}"
        for up in ups
        for slash in slashes
        for depth in (1, 6)
        for target in targets
    ]


async def test_no_way_of_writing_a_path_gets_anything(
    anybody: Client, client: Client, shelf: Shelf, deps: api.Deps
) -> None:
    """One answer to them all; as a filter of the CDR list they find nothing, and break nothing."""
    call = await shelf.put()
    forms = traversals(call.token, str(call.file_key))
    assert len(forms) > 500
    answers = set()
    for number, form in enumerate(forms):
        # sixty misses a minute, and an address is refused
        whom = {"X-Forwarded-For": f"198.51.100.{number // 50}"}
        path = URL(f"/recordings/{form}", encoded=True)
        answer = await anybody.ask("GET", path, expect=None, headers=whom)  # type: ignore[arg-type]
        answers.add((answer.status, answer.body))
    assert answers == {(404, b'{"status":"fail","error":"NOT_FOUND","message":"Not found."}')}

    foreign = [form for form in forms if call.token not in form]
    for form in foreign[::20]:
        found = await client.get(URL(f"/v1/cdr?recordingfile={form}", encoded=True), expect=None)  # type: ignore[arg-type]
        assert found.status in (200, 422)
        assert SOUND[:64] not in found.body
        assert found.status == 422 or found.json["data"] == []


async def test_every_miss_is_the_same(anybody: Client, shelf: Shelf) -> None:
    call = await shelf.put()
    token = call.token
    misses = {
        (await anybody.get(f"/recordings/{name}", expect=404)).body
        for name in (
            str(call.cdr_uuid),
            str(call.recording_uuid),
            str(ids.new()),
            token[:-1],
            token + "x",
            token.upper(),
            token + ".mp3",
            token + ".wav.wav",
            "x",
            "%00",
            "..%2f..%2fetc%2fpasswd",
            "....%2f%2fsecret",
            f"..%2f{token}",
            "%ff%fe",
            f"2021%2f{token[-12:]}-call.wav",
        )
    }

    assert misses == {b'{"status":"fail","error":"NOT_FOUND","message":"Not found."}'}


async def test_guessing_ends_after_sixty(deps: api.Deps, shelf: Shelf) -> None:
    async for url in serve(deps):
        async with aiohttp.ClientSession(url) as session:
            guesser = Client(session)
            for _ in range(60):
                await guesser.get(f"/recordings/{ids.new()}", expect=404)
            refused = await guesser.get(path_of(await shelf.put()), expect=429)

    assert 1 <= int(refused.headers["Retry-After"]) <= 60


async def test_no_file_outside_the_folder_is_ever_sent(
    anybody: Client, shelf: Shelf, deps: api.Deps
) -> None:
    """Even if the database says so."""
    secret = folder_of(deps).parent / f"{ids.new()}.txt"
    secret.write_text("secret")
    try:
        for name in (f"../{secret.name}", str(secret), "."):
            assert (
                b"secret"
                not in (
                    await anybody.get(path_of(await shelf.put("ready", None, name)), expect=410)
                ).body
            )
    finally:
        secret.unlink()


async def test_it_is_sent_as_what_it_is(anybody: Client, shelf: Shelf) -> None:
    call = await shelf.put(name="2026/a-call.opus")
    for path in (path_of(call), f"{path_of(call)}.opus", f"{path_of(call)}.wav"):
        answer = await anybody.get(path)
        assert answer.body == SOUND
        assert answer.headers["Content-Type"] == "audio/ogg"
        named = f'inline; filename="{call.token}.opus"'
        assert answer.headers["Content-Disposition"] == named
    await anybody.get(f"{path_of(call)}.flac", expect=404)


async def test_a_link_plays_until_it_expires_and_does_not_tell_the_token(
    anybody: Client, client: Client, shelf: Shelf, master_key: MasterKey
) -> None:
    call = await shelf.put()
    asked = datetime.now(UTC)
    made = (await client.get(f"/v1/recording-link?id={call.cdr_uuid}&life_s=600")).json
    path = urlsplit(made["url"]).path

    lives_s = (datetime.fromisoformat(made["expires_at"]) - asked).total_seconds()
    assert 590 < lives_s < 660
    for each in (path, f"{path}.wav"):
        answer = await anybody.get(each)
        assert answer.body == SOUND
        assert call.token not in f"{made} {answer.headers}"
    await client.ask("DELETE", path, expect=404)

    expired = Link(call.domain_uuid, call.cdr_uuid, asked - timedelta(seconds=1))
    late = RecordingLinks(master_key).write(expired)
    answer = await anybody.get(f"/recordings/{late}", expect=410)
    assert answer.json["message"].endswith("The link has expired.")
    longer = Link(call.domain_uuid, call.cdr_uuid, asked + timedelta(days=999))
    foreign = RecordingLinks(MasterKey(bytes(32))).write(longer)
    await anybody.get(f"/recordings/{foreign}", expect=404)

    await client.ask("DELETE", path_of(call))
    await anybody.get(path, expect=410)


@pytest.mark.parametrize("query", ["", "?id=", "?id=x&life_s=0", "?id=x&life_s=2592001"])
async def test_a_link_needs_a_call_and_a_life_of_a_month_at_most(
    client: Client, query: str
) -> None:
    answer = await client.get(f"/v1/recording-link{query}", expect=None)
    assert answer.status in (404, 422)


async def test_a_call_without_a_recording_has_no_link(client: Client, shelf: Shelf) -> None:
    call = await shelf.put("deleted")
    await client.get(f"/v1/recording-link?id={call.cdr_uuid}", expect=404)
