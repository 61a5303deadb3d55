"""Writes docs/screenshots: `python -m tests.portal.screenshots`, which takes a minute. The demo
company gets names, a queue, webhooks and calls first.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple

from testbed.company import Api, log_in
from testbed.instance import Instance
from testbed.receivers import receiving
from testbed.until import until
from testbed.visitor import PHONE, WIDE, Theme, Visitor, visiting

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
OPERATOR, PASSWORD = "portal-operator", "correct horse battery"
NAMES = {
    "101": "Nguyễn Thị Ánh",
    "102": "Trần Văn Bình",
    "103": "Lê Hoàng Cường",
    "201": "Phạm Thu Dung",
    "202": "Võ Minh Đức",
    "203": "Hoàng Gia Hân",
    "204": "Đặng Quốc Khánh",
    "205": "Bùi Thị Lan",
}


class Shot(NamedTuple):
    """A picture of a page."""

    name: str
    path: str
    language: Literal["vi", "en"] = "vi"
    theme: Theme = "light"
    size: tuple[int, int] = WIDE
    sees: str = "h1"  # an element that is waited for


SHOTS = (
    Shot("now", "/", sees="tbody tr"),
    Shot("now-dark", "/", "en", "dark", sees="tbody tr"),
    Shot("now-phone", "/", size=PHONE, sees="tbody tr"),
    Shot("calls", "/calls", sees="tbody tr"),
    Shot("calls-dark", "/calls", "en", "dark", sees="tbody tr"),
    Shot("reports", "/reports?of=extension", sees="tbody tr"),
    Shot("reports-dark", "/reports?of=queue", "en", "dark", sees="tbody tr"),
    Shot("people", "/people", sees="tbody tr"),
    Shot("extension", "/people/101", sees="dialog tbody tr"),
    Shot("users-dark", "/people?tab=users", "en", "dark", sees="tbody tr"),
    Shot("routing", "/routing", sees=".stop"),
    Shot("routing-dark", "/routing", "en", "dark", sees=".stop"),
    Shot("hours", "/routing?tab=hours", sees="tbody tr"),
    Shot("callers", "/routing?tab=callers", "en", sees="tbody tr"),
    Shot("developers", "/developers", "en", sees="tbody tr"),
    Shot("audit", "/audit", sees="tbody tr"),
    Shot("account", "/account", "en", sees=".card li"),
)


async def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        instance = Instance(Path(folder), sandbox=True)
        try:
            await instance.start()
            await instance.command(
                "user", "create", OPERATOR, "--operator", "--password", PASSWORD
            )
            async with (
                receiving() as receiver,
                visiting(Path(folder), instance.ready["base_url"]) as visitor,
            ):
                await furnish(instance.ready, receiver.url)
                await take_all(visitor, instance.ready)
        finally:
            await instance.end()


async def furnish(ready: dict[str, Any], url: str) -> None:
    """The company has names, webhooks, and calls that ended; some go on."""
    api = await log_in(ready["base_url"], *ready["admin"].values())
    for extension, name in NAMES.items():
        path = f"/v1/admin/extensions/{extension}"
        assert (await api.ask("PATCH", path, {}, {"name": name})).status == 200
    group = f"/v1/admin/ring-groups/{ready['ring_group']}"
    assert (await api.ask("PATCH", group, {}, {"overflow": ready["queue"]})).status == 200
    for event in ("ringing", "answered", "hangup", "cdr"):
        assert (await api.post("/v1/event", event=event, callback_url=url)).status == 200
    customers = ready["sandbox"]["customers"]
    for customer in ("answers", "busy", "no_answer", "invalid"):
        await api.click("202", customers[customer])
    for talk_s in (2, 4):
        await inbound(api, ready, "answers", talk_s)
    await until(lambda: recorded(api), 60, 0.2)
    for customer in ("answers", "hangs_up"):
        await inbound(api, ready, customer, 300)
    await api.click("201", customers["answers"])
    await route(api, ready)


async def route(api: Api, ready: dict[str, Any]) -> None:
    """Calls to the hotline hear a menu in office hours; some callers are blocked."""
    made: list[tuple[str, dict[str, Any]]] = [
        (
            "hours-plans",
            {
                "name": "văn phòng",
                "weekly": ["mon-fri 08:00-12:00", "mon-fri 13:30-17:30"],
                "holidays": ["01-01", "04-30/05-01", "09-02"],
            },
        ),
        (
            "menus",
            {
                "number": "800",
                "name": "Lời chào",
                "keys": [f"1={ready['ring_group']}", f"2={ready['queue']}", "0=201"],
                "overflow": "201",
            },
        ),
        ("callers", {"caller": "0912*", "action": "block", "note": "quảng cáo"}),
        ("callers", {"caller": "0903111222", "action": "route", "destination": "201"}),
    ]
    for noun, body in made:
        assert (await api.post(f"/v1/admin/{noun}", **body)).status == 201, body
    path = f"/v1/admin/hotlines/{ready['hotline']}"
    wanted = {"destination": "800", "hours": "văn phòng", "closed_destination": "101"}
    assert (await api.ask("PATCH", path, {}, wanted)).status == 200


async def inbound(api: Api, ready: dict[str, Any], customer: str, talk_s: int) -> None:
    wanted = {"hotline": ready["hotline"], "customer": customer, "talk_s": talk_s}
    answer = await api.post("/v1/sandbox/inbound", **wanted)
    assert answer.status == 200, answer


async def recorded(api: Api) -> str:
    """The id of a call with a recording; "" if there is none yet."""
    records = (await api.get("/v1/cdr", limit=50, page=1)).json["data"]
    return next((str(one["id"]) for one in records if one["recording_url"]), "")


async def take_all(visitor: Visitor, ready: dict[str, Any]) -> None:
    FOLDER.mkdir(exist_ok=True)
    await visitor.prefers("vi", "light")
    await visitor.opens("/")
    await visitor.picture(FOLDER / "sign-in.webp")
    await visitor.signs_in(*ready["admin"].values())
    for shot in SHOTS:
        await take(visitor, shot)
    api = await log_in(ready["base_url"], *ready["admin"].values())
    await take(visitor, Shot("call", f"/calls/{await recorded(api)}", sees="dialog dl"))
    subscription = (await api.get("/v1/event")).json["data"][-1]["id"]
    path = f"/developers/{subscription}"
    await take(visitor, Shot("webhook-dark", path, "en", "dark", sees="dialog li"))
    await visitor.signs_in(OPERATOR, PASSWORD)
    await take(visitor, Shot("operator", "/operator", sees="tbody tr"))


async def take(visitor: Visitor, shot: Shot) -> None:
    await visitor.has_screen(shot.size)
    await visitor.prefers(shot.language, shot.theme)
    await visitor.opens(shot.path)
    await visitor.sees(shot.sees)
    await visitor.picture(FOLDER / f"{shot.name}.webp")


if __name__ == "__main__":
    asyncio.run(main())
