"""Prompts by the API: uploaded, heard back, refused."""

import asyncio
import io
from urllib.parse import quote

import numpy as np
import pytest
import soundfile

from testbed import tones
from tests.api.conftest import Client, Tenant
from tongdai import audio
from tongdai.audio import Converted
from tongdai.pbx.directory import Queue
from tongdai.store import db, prompts, queues

HERTZ = 700


def encoded(form: str, rate_hz: int, channels: int = 2, seconds: float = 1.0) -> bytes:
    """A sine in that form."""
    at = np.arange(round(rate_hz * seconds)) / rate_hz
    one = 0.4 * np.sin(2 * np.pi * HERTZ * at)
    content = io.BytesIO()
    soundfile.write(content, np.stack([one] * channels, axis=1), rate_hz, format=form)
    return content.getvalue()


async def put(client: Client, name: str, content: bytes, expect: int | None = 201) -> dict:  # type: ignore[type-arg]
    """The answer to an upload."""
    path = f"/v1/admin/prompts/{quote(name, safe='')}/audio"
    answer = await client.ask("PUT", path, data=io.BytesIO(content), expect=expect)
    return dict(answer.json)


@pytest.mark.parametrize(
    ("form", "rate_hz"), [("WAV", 22_050), ("MP3", 44_100), ("OGG", 48_000), ("FLAC", 44_100)]
)
async def test_what_people_upload_can_be_played_and_heard_back(
    client: Client, tenant: Tenant, database: db.Database, form: str, rate_hz: int
) -> None:
    made = await put(client, "Lời chào", encoded(form, rate_hz))

    assert (made["name"], round(made["duration_s"], 1)) == ("Lời chào", 1.0)
    answer = await client.get("/v1/admin/prompts/L%E1%BB%9Di%20ch%C3%A0o/audio")
    assert answer.headers["Content-Type"] == "audio/wav"
    samples, rate = soundfile.read(io.BytesIO(answer.body), dtype="int16")
    assert (rate, samples.ndim) == (16_000, 1)
    async with database.connection() as tx:
        found = await prompts.of_node(tx, tenant.domain.node)
        [own] = [one for one in found if one.domain_uuid == tenant.domain.domain_uuid]
        sound = await prompts.sound(tx, own)
    assert sound is not None
    low, high = sound
    assert high == answer.body
    assert tones.strength(tones.samples_of(low)[:4_000], HERTZ) > 8_000


async def test_a_part_of_it_is_heard(client: Client) -> None:
    await put(client, "chào", encoded("WAV", 8_000))
    path = "/v1/admin/prompts/chào/audio"
    whole = await client.get(path)
    part = await client.ask("GET", path, headers={"Range": "bytes=10-19"}, expect=206)
    assert part.body == whole.body[10:20]
    etag = whole.headers["ETag"]
    await client.ask("GET", path, headers={"If-None-Match": etag}, expect=304)


async def test_a_prompt_gets_other_sound_and_keeps_its_name(client: Client) -> None:
    first = await put(client, "chào", encoded("WAV", 8_000))
    shown = await client.get("/v1/admin/prompts/chào")
    second = await put(client, "chào", encoded("WAV", 16_000, seconds=2), expect=200)
    assert (first["sha256"], round(second["duration_s"])) != (second["sha256"], 1)
    late = {"If-Match": shown.headers["ETag"]}
    path = "/v1/admin/prompts/chào/audio"
    await client.ask("PUT", path, data=encoded("WAV", 8_000), headers=late, expect=412)
    await client.ask("DELETE", "/v1/admin/prompts/chào", headers=late, expect=412)
    await client.ask("DELETE", "/v1/admin/prompts/chào")
    await client.ask("GET", path, expect=404)


async def test_names_are_the_same_in_both_spellings_of_accents(client: Client) -> None:
    await put(client, "Lời chào", encoded("WAV", 8_000))  # NFD, as macOS writes it
    listed = (await client.get("/v1/admin/prompts")).json
    assert [one["name"] for one in listed["data"]] == ["Lời chào"]
    await put(client, "Lời chào", encoded("WAV", 8_000), expect=200)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no sound can be read"),
        (b"Xin ch\xc3\xa0o" * 1_000, "no sound can be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "no sound can be read"),
        (encoded("WAV", 8_000, seconds=0), "no sound can be read"),
        (encoded("FLAC", 8_000, channels=1, seconds=601), "longer than 10 minutes"),
    ],
    ids=["nothing", "text", "picture", "no samples", "too long"],
)
async def test_what_is_no_sound_is_refused(client: Client, content: bytes, said: str) -> None:
    refused = await put(client, "chào", content, expect=422)
    assert said in refused["message"]
    assert (await client.get("/v1/admin/prompts")).json["data"] == []


async def test_a_file_that_is_too_large_is_refused(client: Client) -> None:
    await put(client, "chào", bytes(audio.MOST_BYTES + 1), expect=413)


@pytest.mark.parametrize("name", ["a" * 81, 'a"b', "%20"])
async def test_names_that_are_none_are_refused(client: Client, name: str) -> None:
    path = f"/v1/admin/prompts/{name}/audio"
    await client.ask("PUT", path, data=encoded("WAV", 8_000), expect=422)


async def test_what_is_played_is_not_deleted(
    client: Client, tenant: Tenant, database: db.Database
) -> None:
    await put(client, "Nhạc chờ", encoded("WAV", 8_000))
    path = "/v1/admin/prompts/Nhạc chờ"
    domain = f"/v1/admin/domains/{tenant.domain.name}"
    await client.ask("PATCH", domain, json={"hold_music": "Nhạc chờ"})
    async with database.transaction() as tx:
        queue = Queue("700", moh_class="Nhạc chờ")
        await queues.insert(tx, tenant.domain.domain_uuid, queue)
    refused = (await client.ask("DELETE", path, expect=409)).json
    assert "queue 700, the hold music of the domain" in refused["message"]
    await client.ask("PATCH", domain, json={"hold_music": ""})
    await client.ask("PATCH", "/v1/admin/queues/700", json={"moh_class": "default"})
    await client.ask("DELETE", path)


async def test_music_that_is_not_there_is_refused(client: Client, tenant: Tenant) -> None:
    domain = f"/v1/admin/domains/{tenant.domain.name}"
    refused = (await client.ask("PATCH", domain, json={"hold_music": "x"}, expect=422)).json
    assert (refused["field"], "no such prompt: x" in refused["message"]) == ("hold_music", True)
    queue = {"number": "700", "moh_class": "Nhạc chờ"}
    refused = (await client.ask("POST", "/v1/admin/queues", json=queue, expect=422)).json
    assert (refused["field"], "no such prompt" in refused["message"]) == ("moh_class", True)


async def test_a_domain_has_an_hour_of_sound(
    tenant: Tenant, database: db.Database, client: Client
) -> None:
    async with database.transaction() as tx:
        for place in range(6):
            sound = Converted(b"", b"", 599.9)
            await prompts.keep(tx, tenant.domain.domain_uuid, f"p{place}", b"", sound)
    refused = await put(client, "one more", encoded("WAV", 8_000), expect=422)
    assert "60 minutes" in refused["message"]


async def test_uploads_at_once_do_not_meet(client: Client) -> None:
    made = await asyncio.gather(
        *(put(client, f"p{place}", encoded("OGG", 44_100)) for place in range(5))
    )
    listed = (await client.get("/v1/admin/prompts?sort=-name&limit=2")).json
    assert [one["name"] for one in listed["data"]] == ["p4", "p3"]
    more = (await client.get(f"/v1/admin/prompts?cursor={listed['next_cursor']}")).json
    assert [one["name"] for one in more["data"]] == ["p2", "p1", "p0"]
    assert len(made) == 5


async def test_the_log_says_who_uploaded_and_holds_no_sound(client: Client) -> None:
    await put(client, "chào", encoded("WAV", 8_000))
    await put(client, "chào", encoded("WAV", 16_000), expect=200)
    [change, creation] = (await client.get("/v1/admin/audit?noun=prompt")).json["data"]
    assert (creation["action"], creation["name"]) == ("create", "chào")
    assert {*creation["after"]} == {"name", "sha256", "duration_s"}
    assert {*change["after"]} <= {"sha256", "duration_s"}
