"""The portal in Chromium against a running system: each page in both languages and themes, without
barriers; the main tasks by keyboard alone.
"""

import io
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from testbed.company import Api, log_in
from testbed.instance import Instance
from testbed.until import until
from testbed.visitor import PHONE, WIDE, Theme, Visitor, visiting
from tongdai import portal
from tongdai.api import totp

pytestmark = pytest.mark.browser
OPERATOR, PASSWORD = "portal-operator", "correct horse battery"
LOOKS: tuple[tuple[Any, Theme], ...] = (
    ("vi", "light"), ("vi", "dark"), ("en", "light"), ("en", "dark"),
)  # fmt: skip


@pytest.fixture(scope="session")
async def base_url(pbx: Instance) -> str:
    await pbx.command("user", "create", OPERATOR, "--operator", "--password", PASSWORD)
    return str(pbx.ready["base_url"])


@pytest.fixture(scope="session")
async def browser(base_url: str) -> AsyncIterator[Visitor]:
    # processes of Chromium may still write while they end
    temporary = tempfile.TemporaryDirectory(prefix="tongdai-portal-", ignore_cleanup_errors=True)
    with temporary as folder:
        async with visiting(Path(folder), base_url) as visitor:
            yield visitor


@pytest.fixture
async def visitor(browser: Visitor, pbx: Instance) -> Visitor:
    """The demo company's administrator, signed in, in English."""
    await browser.has_screen(WIDE)
    await browser.signs_in(pbx.ready["admin"]["username"], pbx.ready["admin"]["password"])
    await browser.looks_at_domain("")
    await browser.prefers("en", "light")
    return browser


@pytest.fixture
async def api(base_url: str, pbx: Instance) -> Api:
    return await log_in(base_url, *pbx.ready["admin"].values())


async def is_usable(visitor: Visitor, path: str) -> None:
    """In both languages and themes; nor does the page break its own security policy."""
    for language, theme in LOOKS:
        await visitor.prefers(language, theme)
        await visitor.opens(path)
        assert await visitor.reads("document.documentElement.lang") == language
        assert await visitor.barriers() == [], (path, language, theme)
        assert visitor.page.said == [], (path, language, theme)


@pytest.mark.parametrize("page", sorted(portal.PAGES - {"operator"}))
async def test_each_page_is_without_barriers(visitor: Visitor, page: str) -> None:
    await is_usable(visitor, f"/{page}")


@pytest.mark.parametrize(
    "path",
    [
        "/developers?tab=keys",
        "/developers?tab=tail",
        "/developers?tab=links",
        "/people/101",
        "/people/new",
        "/people?tab=users",
        "/routing?tab=hours",
        "/routing?tab=callers",
        "/routing?tab=prompts",
        "/routing?tab=codes",
    ],
)
async def test_so_is_each_part_of_a_page(visitor: Visitor, path: str) -> None:
    await is_usable(visitor, path)


async def test_so_is_the_operators_page(visitor: Visitor) -> None:
    await visitor.signs_in(OPERATOR, PASSWORD)
    await is_usable(visitor, "/operator")


async def test_so_is_the_sign_in(visitor: Visitor) -> None:
    await visitor.signs_out()
    await is_usable(visitor, "/")


@pytest.mark.parametrize("page", sorted(portal.PAGES - {"operator"}))
async def test_each_page_fits_on_a_phone(visitor: Visitor, page: str) -> None:
    await visitor.has_screen(PHONE)
    await visitor.opens(f"/{page}")

    beyond = "document.scrollingElement.scrollWidth - innerWidth"
    assert await visitor.reads(beyond) <= 0


async def test_who_signs_in_by_keyboard_is_where_the_link_led(
    visitor: Visitor, pbx: Instance
) -> None:
    await visitor.signs_out()
    await visitor.opens("/calls?status=BUSY")
    await visitor.focuses("input[autocomplete=username]")
    await visitor.types(pbx.ready["admin"]["username"])
    await visitor.presses("Tab")
    await visitor.types("wrong")
    await visitor.presses("Enter")
    await visitor.sees("[role=alert]", "wrong password")
    await visitor.focuses("input[autocomplete=current-password]")
    await visitor.types(pbx.ready["admin"]["password"])
    await visitor.presses("Enter")

    await visitor.sees("h1", "Calls")
    await visitor.is_at("/calls?status=BUSY")
    assert await visitor.reads("document.querySelector('select').value") == "BUSY"


async def test_a_second_factor_is_set_up_and_asked_for(visitor: Visitor, api: Api) -> None:
    made = await api.post("/v1/admin/users", username="careful", level="agent")
    name, password = "careful@demo.tongdai.local", made.json["password"]
    await visitor.signs_in(name, password)
    await visitor.opens("/account")
    await visitor.presses_on("section.card header button", "Set up")
    await visitor.sees("dialog code")
    assert await visitor.barriers() == []
    drawn = "document.querySelector('dialog img').naturalWidth > 0"
    await until(lambda: visitor.reads(drawn), 20)
    secret = await visitor.reads("document.querySelector('dialog code').innerText")
    await visitor.focuses_field("Code", "Second factor")
    await visitor.types("000000")
    await visitor.presses("Enter")
    await visitor.sees("dialog .wrong")
    await visitor.focuses_field("Code", "Second factor")
    await visitor.types(totp.code(secret, int(time.time()) // totp.STEP_S))
    await visitor.presses("Enter")
    await visitor.sees("dialog li")
    recovery = await visitor.reads("document.querySelector('dialog li').innerText")

    await visitor.signs_out()
    await visitor.opens("/account")
    await visitor.focuses("input[autocomplete=username]")
    await visitor.types(name)
    await visitor.focuses("input[autocomplete=current-password]")
    await visitor.types(password)
    await visitor.presses("Enter")
    await visitor.sees("form .wrong")
    await visitor.focuses("input[autocomplete=one-time-code]")
    assert await visitor.barriers() == []
    await visitor.types(recovery)
    await visitor.presses("Enter")
    await visitor.sees("h1", "Account")
    await visitor.sees("section.card", "9 recovery codes left")


async def test_an_outside_developer_opens_one_page_by_a_link(visitor: Visitor, api: Api) -> None:
    await visitor.opens("/developers?tab=links")
    await visitor.presses_on("section.card header button", "Create a link")
    await visitor.focuses_field("For", "Create a link")
    await visitor.types("Minh")
    await visitor.presses("Enter")
    await visitor.sees("dialog code", "#link=")
    assert await visitor.barriers() == []
    url = await visitor.reads("document.querySelector('dialog code').innerText")
    await visitor.presses_on("dialog button", "Done")
    await visitor.sees("tbody tr", "Minh")

    await visitor.signs_out()
    await visitor.page.ask("Page.navigate", url=url)
    await visitor.sees("h1", "Developers")
    assert await visitor.reads("location.hash") == ""
    pages = "[...document.querySelectorAll('#nav nav a')].map((one) => one.innerText.trim())"
    assert await visitor.reads(pages) == ["Developers"]
    await visitor.sees(".who", "Minh")
    await visitor.opens("/developers?tab=tail")
    await visitor.reads("location.assign('/'), 1")
    await visitor.is_at("/developers")
    await visitor.reads("location.assign('/calls'), 1")
    await visitor.sees("main", "There is no such page")

    [link] = (await api.get("/v1/admin/developer-links")).json["data"]
    await api.ask("DELETE", f"/v1/admin/developer-links/{link['id']}", {})
    await visitor.page.ask("Page.navigate", url=url)
    await visitor.sees("[role=alert]", "ask for a new one")


async def test_the_command_palette_leads_anywhere_without_marks_of_the_letters(
    visitor: Visitor,
) -> None:
    await visitor.prefers("vi", "light")
    await visitor.opens("/")
    await visitor.presses("k", control=True)
    await visitor.sees("[role=listbox]")
    await visitor.types("may nhanh")
    await visitor.presses("Enter")

    await visitor.is_at("/people")
    await visitor.sees("h1", "Máy nhánh")


async def test_a_call_appears_and_is_hung_up_by_keyboard(
    visitor: Visitor, api: Api, pbx: Instance
) -> None:
    await visitor.opens("/")
    await visitor.sees("[role=status]", "Live")
    wanted = {"hotline": pbx.ready["hotline"], "customer": "answers", "talk_s": 60}
    called = await api.post("/v1/sandbox/inbound", **wanted)
    assert called.status == 200, called
    caller = pbx.ready["sandbox"]["customers"]["answers"]
    await visitor.sees("tbody tr", caller)

    await visitor.focuses("button.hang")
    await visitor.presses("Enter")
    await visitor.focuses("dialog button.danger")
    await visitor.presses("Enter")
    await visitor.sees_no("tbody tr", caller)
    await visitor.sees("section.calls", "No calls now")

    async def by_system() -> bool:
        records = (await api.get("/v1/cdr", limit=1, page=1)).json["data"]
        return bool(records) and records[0]["hangup_by"] == "system"

    await until(by_system)
    await visitor.opens("/calls")
    await visitor.sees("tbody tr", caller)


async def test_a_recording_is_drawn_and_played_and_its_link_copied(
    visitor: Visitor, api: Api, pbx: Instance
) -> None:
    wanted = {"hotline": pbx.ready["hotline"], "customer": "answers", "talk_s": 2}
    called = await api.post("/v1/sandbox/inbound", **wanted)
    assert called.status == 200, called

    record = await until(lambda: _recorded(api), 60)
    await visitor.opens(f"/calls/{record}")
    await visitor.sees("dialog .wave")
    await until(lambda: visitor.reads("document.querySelector('dialog input').max > 0"), 20)
    await visitor.focuses(".player button")
    await visitor.presses("Enter")
    await until(lambda: visitor.reads("document.querySelector('audio').currentTime > 0.2"), 20)
    await visitor.sees_no("[role=alert]", "cannot be played")
    assert await visitor.barriers() == []
    await visitor.reads("navigator.clipboard.writeText = async (text) => { window.copied = text }")
    await visitor.presses_on(".player button", "Copy a link")
    await visitor.sees(".player button", "Copied")
    assert (await api.get(await visitor.reads("window.copied"))).body[:4] == b"RIFF"
    await visitor.focuses("dialog header button")
    await visitor.presses("Enter")
    await visitor.is_at("/calls")


async def _recorded(api: Api, channels: int = 1) -> str:
    """The last call with a recording of so many channels; "": there is none yet."""
    records = (await api.get("/v1/cdr", limit=10, page=1)).json["data"]
    found = [
        one["id"]
        for one in records
        if one["recording_status"] == "ready" and one["recording_channels"] == channels
    ]
    return str(found[0]) if found else ""


TAP = """
  (() => {
    const connect = AudioNode.prototype.connect;
    AudioNode.prototype.connect = function (to, ...rest) {
      if (to instanceof AudioDestinationNode) {
        window.tap ??= new AnalyserNode(this.context, {fftSize: 8192});
        connect.call(this, window.tap);
      }
      return connect.call(this, to, ...rest);
    };
    window.loudest = () => {
      if (!window.tap) return 0;
      const bins = new Float32Array(window.tap.frequencyBinCount);
      window.tap.getFloatFrequencyData(bins);
      const most = Math.max(...bins);
      return most < -70 ? 0 : bins.indexOf(most) * window.tap.context.sampleRate / 8192;
    };
  })()
"""
"""`loudest()` is the frequency, in Hz, that the page's audio has most of; 0 while it is silent."""


async def test_one_side_of_a_recording_is_heard_alone(
    visitor: Visitor, api: Api, pbx: Instance
) -> None:
    domain = f"/v1/admin/domains/{pbx.ready['admin']['username'].partition('@')[2]}"
    await api.ask("PATCH", domain, {}, {"recording_stereo": True})
    try:
        wanted = {"hotline": pbx.ready["hotline"], "customer": "answers", "talk_s": 8}
        called = await api.post("/v1/sandbox/inbound", **wanted)
        assert called.status == 200, called
        record = await until(lambda: _recorded(api, channels=2), 60)
    finally:
        await api.ask("PATCH", domain, {}, {"recording_stereo": False})
    url = (await api.get("/v1/recording-link", id=record)).json["url"]
    samples, rate = soundfile.read(io.BytesIO((await api.get(url)).body))
    outside, inside = (_loudest_hz(samples[:, side], rate) for side in (0, 1))
    assert abs(outside - inside) > 20
    await visitor.opens(f"/calls/{record}")
    await visitor.reads(TAP)
    for place, wanted_hz in ((1, outside), (2, inside)):
        await visitor.sees(".player select.side")
        await visitor.reads(
            f"(side => {{ side.selectedIndex = {place};"
            "side.dispatchEvent(new Event('change', {bubbles: true})) })"
            "(document.querySelector('.player select.side'))"
        )
        await visitor.reads("document.querySelector('audio').loop = true")
        await visitor.reads("document.querySelector('audio').play()")

        async def is_heard(hz: float = wanted_hz) -> bool:
            return abs(float(await visitor.reads("loudest()")) - hz) < 12

        await until(is_heard, 30)
    assert await visitor.barriers() == []


def _loudest_hz(samples: Any, rate: int) -> float:
    sizes = np.abs(np.fft.rfft(samples))[1:]
    return float(np.argmax(sizes) + 1) * rate / len(samples)


async def test_a_talk_is_parked_by_keyboard(visitor: Visitor, api: Api, pbx: Instance) -> None:
    await visitor.opens("/")
    await visitor.sees("[role=status]", "Live")
    await visitor.sees("section.calls", "No calls now")
    wanted = {"hotline": pbx.ready["hotline"], "customer": "answers", "talk_s": 60}
    assert (await api.post("/v1/sandbox/inbound", **wanted)).status == 200
    await visitor.focuses("button.park")
    await visitor.presses("Enter")
    await visitor.sees("tbody tr", "parked")
    await visitor.sees("tbody tr", "slot ")
    await visitor.focuses("button.hang")
    await visitor.presses("Enter")
    await visitor.focuses("dialog button.danger")
    await visitor.presses("Enter")
    await visitor.sees("section.calls", "No calls now")


async def test_the_feature_codes_are_listed(visitor: Visitor) -> None:
    await visitor.opens("/routing?tab=codes")
    await visitor.sees("tbody tr", "*8")


async def test_calls_are_written_into_a_file(visitor: Visitor, api: Api, tmp_path: Path) -> None:
    await api.click("201", "999")  # at least one record
    await until(lambda: _total(api), 30)
    await visitor.saves_files_in(tmp_path)
    await visitor.opens("/calls")
    await visitor.presses_on("h1 ~ .row button", "CSV")

    async def written() -> str:
        file = tmp_path / "calls.csv"
        return file.read_text("utf-8-sig") if file.exists() else ""

    text = await until(written, 30)
    assert text.startswith("id,")
    assert text.count("\n") == 1 + await _total(api)


async def _total(api: Api) -> int:
    return int((await api.get("/v1/cdr", limit=1, page=1)).json["total"])


async def test_a_search_is_saved_and_found_again(visitor: Visitor) -> None:
    await visitor.opens("/calls?status=BUSY")
    await visitor.presses_on("button", "Save this search")
    await visitor.focuses_field("Name", "Save this search")
    await visitor.types("Busy ones")
    await visitor.presses("Enter")
    await visitor.sees_no("dialog")
    await visitor.opens("/calls")
    await visitor.presses_on(".saved a", "Busy ones")

    await visitor.is_at("/calls?status=BUSY")
    await visitor.presses_on(".saved button", "")
    await visitor.sees_no(".saved a", "Busy ones")


async def test_reports_compare_periods_and_have_a_table_of_each_chart(visitor: Visitor) -> None:
    await visitor.opens("/reports")
    await visitor.focuses("form select")
    await visitor.page.run(
        "((one) => { one.value = 'extension';"
        " one.dispatchEvent(new Event('change', {bubbles: true})) })"
        "(document.querySelector('form select'))"
    )
    await visitor.sees("h2", "Details")
    await visitor.sees("dl .card", "Answer rate")
    assert await visitor.reads("document.querySelectorAll('tbody th[scope=row]').length") == 7
    await visitor.presses_on("summary", "As a table")
    assert await visitor.barriers() == []


async def test_a_refused_form_keeps_what_was_typed_and_blames_the_field(
    visitor: Visitor,
) -> None:
    await visitor.opens("/people/new")
    await visitor.focuses("dialog input[required]")
    await visitor.types("9")
    await visitor.presses("Tab")
    await visitor.types("Nguyễn Thị Ánh")
    await visitor.presses("Enter")

    await visitor.sees("dialog .wrong")
    await visitor.sees("dialog input[aria-invalid=true]")
    kept = "[...document.querySelectorAll('dialog form input')].slice(0, 2).map((i) => i.value)"
    assert await visitor.reads(kept) == ["9", "Nguyễn Thị Ánh"]


async def test_a_device_is_made_by_keyboard_and_gets_a_link_for_its_app(
    visitor: Visitor, api: Api
) -> None:
    await visitor.opens("/people/102")
    await visitor.presses_on("dialog .card header button", "Add a device")
    await visitor.sees("dialog h2", "Add a device")
    await visitor.focuses_field("Name", "Add a device")
    await visitor.types("Mobile phone")
    await visitor.presses("Enter")
    await visitor.sees("dialog .wrong")
    await visitor.focuses_field("Name", "Add a device")
    await visitor.types("mobile")
    await visitor.presses("Enter")

    await visitor.sees("dialog [role=status]", "102-mobile@")
    assert await visitor.barriers() == []
    await visitor.presses_on("dialog [role=status] button", "Done")
    await visitor.sees("dialog tbody tr", "102-mobile")
    assert (await api.get("/v1/admin/devices/102-mobile")).json["kind"] == "sip"

    await visitor.presses_on("dialog button.link", "mobile")
    await visitor.presses_on("dialog button", "QR code for an app")
    await visitor.sees("dialog li", "/provisioning/")
    drawn = "[...document.querySelectorAll('dialog img')].every((one) => one.naturalWidth > 0)"
    await until(lambda: visitor.reads(drawn), 20)
    await visitor.sees("dialog", "not used yet")
    assert await visitor.barriers() == []


async def test_the_flow_picture_is_edited_where_it_is_shown(
    visitor: Visitor, api: Api, pbx: Instance
) -> None:
    menu = {"number": "8801", "name": "Welcome", "keys": [f"1={pbx.ready['queue']}", "2=101"]}
    assert (await api.post("/v1/admin/menus", **menu)).status == 201
    await visitor.opens("/routing")
    await visitor.presses_on("button.stop", "8801")
    await visitor.focuses_field("Keys", "8801")
    await visitor.types("1=99999999")
    await visitor.presses_on("dialog button.primary", "Save")
    await visitor.sees("dialog .wrong")
    await visitor.focuses_field("Keys", "8801")
    await visitor.types("1=102")
    await visitor.presses_on("dialog button.primary", "Save")

    await visitor.sees_no("dialog")
    assert (await api.get("/v1/admin/menus/8801")).json["keys"] == ["1=102"]
    await visitor.presses_on("button.stop", "8801")
    await visitor.presses_on("dialog .further button.danger", "Delete")
    await visitor.presses_on("dialog .stack button.danger", "Delete", last=True)
    await visitor.sees_no("button.stop", "8801")


async def test_a_session_that_ended_asks_again_and_the_page_stays(
    visitor: Visitor, base_url: str, pbx: Instance
) -> None:
    await visitor.opens("/calls")
    await visitor.focuses("form input")
    await visitor.types("0900000001")
    await visitor.signs_out()
    await visitor.presses("Enter")
    await visitor.sees("dialog", "The session has ended")
    await visitor.focuses("dialog input[autocomplete=current-password]")
    await visitor.types(pbx.ready["admin"]["password"])
    await visitor.presses("Enter")

    await visitor.sees_no("dialog")
    await visitor.is_at("/calls?phone=0900000001")
    assert await visitor.reads("document.querySelector('form input').value") == "0900000001"


async def test_an_operator_chooses_a_domain_and_looks_at_it(visitor: Visitor) -> None:
    await visitor.signs_in(OPERATOR, PASSWORD)
    await visitor.opens("/operator")
    await visitor.focuses("tbody button")
    await visitor.presses("Enter")

    await visitor.is_at("/")
    await visitor.sees("h1", "Now")
    await visitor.sees("[role=status]", "Live")
