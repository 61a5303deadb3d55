"""A backup of a running system, restored into an empty folder: what was there is there, and calls
go on.
"""

from pathlib import Path
from typing import Any

from testbed.company import Api, log_in
from testbed.instance import Instance
from testbed.until import until
from tongdai.sandbox import actors


async def test_a_running_system_is_backed_up_and_another_starts_from_it(tmp_path: Path) -> None:
    first, second = made(tmp_path / "first"), made(tmp_path / "second")
    try:
        await first.start()
        api = await admin(first)
        await first.command("extension", "create", "199", "-d", first.ready["domain"])
        record = await recorded(api)
        sound = (await api.get(record["recording_url"])).body
        assert sound.startswith(b"RIFF")
        account = first.ready["admin"]

        await first.command("backup", str(tmp_path / "backup"))
        assert await first.interrupt() == 0, first.said
        await second.command("restore", str(tmp_path / "backup"))
        await second.start()

        assert second.ready["admin"]["username"] == account["username"]
        restored = await log_in(second.ready["base_url"], account["username"], account["password"])
        path = f"/recordings/{record['recording_url'].rpartition('/')[2]}"
        assert await restored.cdr(record["call_id"]) == record | {
            "recording_url": second.ready["base_url"] + path
        }
        assert (await restored.get(path)).body == sound
        extension = await restored.get("/v1/admin/extensions/199")
        assert extension.status == 200
        await recorded(restored)  # calls are made, and recorded
    finally:
        await first.end()
        await second.end()


def made(folder: Path) -> Instance:
    folder.mkdir()
    return Instance(folder, sandbox=True, calls=4)


async def admin(instance: Instance) -> Api:
    account = instance.ready["admin"]
    return await log_in(instance.ready["base_url"], account["username"], account["password"])


async def recorded(api: Api) -> dict[str, Any]:
    """The record of a call between a robot and a customer, once its recording is ready."""
    robot, customer = actors.ROBOTS["answers"], actors.CUSTOMERS["hangs_up"]
    clicked = await api.click(robot.number, customer.number)
    assert clicked.status == 200, clicked

    async def ready() -> Any:
        answer = await api.get(f"/v1/cdr/{clicked.json['call_id']}")
        return answer.status == 200 and answer.json["recording_status"] == "ready" and answer.json

    found: dict[str, Any] = await until(ready, 60)
    return found
