"""The operator's commands, from the command line down to a real PostgreSQL."""

import asyncio
import getpass
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from testbed import tones
from testbed.until import until
from tests import databases
from tongdai.cli import COMMANDS, app, loaded
from tongdai.encryption import MasterKey
from tongdai.pbx.directory import NODE
from tongdai.store import (
    audit,
    bans,
    db,
    deletion,
    devices,
    domains,
    extensions,
    migrate,
    named_keys,
    operators,
    server,
    users,
)

SECRET = "a master key of thirty-two characters or more"
_names = itertools.count(1)


class Cli:
    """Runs tongdai with these settings, and with a domain of its own."""

    def __init__(self, **environ: str) -> None:
        self.environ = environ
        self.domain = f"cli{next(_names)}.example.vn"

    def __call__(self, *args: str, given: str = "", code: int = 0) -> str:
        """The output of a command; that on standard error when it should end with a code other
        than 0.
        """
        result = CliRunner().invoke(
            app, args, input=given, env={**self.environ, "TONGDAI_DOMAIN": self.domain}
        )
        assert result.exit_code == code, f"{args}: {result.output} {result.exception!r}"
        return result.stderr if code else result.stdout

    def aside(self, *args: str) -> str:
        """What a command that succeeds tells on standard error."""
        result = CliRunner().invoke(app, args, env={**self.environ, "TONGDAI_DOMAIN": self.domain})
        assert result.exit_code == 0, f"{args}: {result.output} {result.exception!r}"
        return result.stderr

    def apart(self, *args: str) -> tuple[int, str]:
        """A command that runs a server, in a process of its own: it configures logs and signals.
        Its exit code, and what it prints on standard error.
        """
        run = subprocess.run(
            [sys.executable, "-m", "tongdai", *args],
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return run.returncode, run.stderr

    def json(self, *args: str, given: str = "") -> Any:
        return json.loads(self(*args, "--json", given=given))

    def refuses(self, *args: str, code: int = 1) -> str:
        """The one line that a command is refused with."""
        told = self(*args, code=code)
        assert told.startswith("error: "), told
        assert told.count("\n") == 1, told
        return told.removeprefix("error: ").rstrip("\n")


@pytest.fixture
def cli(database: db.Database) -> Cli:
    """The settings' DSN and secret are given; the domain is there, with extensions 101, 102 and a
    trunk `carrier`.
    """
    cli = Cli(TONGDAI_DSN=database.dsn, TONGDAI_SECRET=SECRET)
    cli("domain", "create", cli.domain)
    cli("extension", "create", "101")
    cli("extension", "create", "102")
    cli("trunk", "create", "carrier", "--host", "203.0.113.7")
    return cli


@pytest.fixture
def encrypted() -> MasterKey:
    return MasterKey(SECRET.encode())


def test_a_domain_is_made_listed_shown_changed_and_deleted(cli: Cli) -> None:
    name = f"more-{cli.domain}"
    made = cli.json(
        "domain",
        "create",
        name,
        "--time-zone",
        "Asia/Bangkok",
        "--country-code",
        "66",
        "--no-recording",
    )
    assert made.pop("domain_uuid")
    assert made == {
        "name": name,
        "enabled": True,
        "time_zone": "Asia/Bangkok",
        "country_code": "66",
        "region": "",
        "call_id_mode": "leg",
        "ringing_hangups": True,
        "recording": False,
        "recording_days": None,
        "cdr_days": None,
        "event_days": None,
        "audit_days": None,
        "max_calls": 100,
        "destinations": [],
        "calls_per_minute": 120,
        "minutes_per_day": None,
        "suspended_until": None,
        "suspended_why": "",
        "node": "switch-1",
        "webrtc": False,
        "click2call_shows_callee": False,
        "click2call_waits": False,
        "hold_music": "",
        "recording_format": "wav",
        "recording_stereo": False,
        "feature_codes": [],
        "park_timeout_s": 120,
    }
    assert name in [domain["name"] for domain in cli.json("domain", "list")]

    changes = [
        "--time-zone",
        "Asia/Tokyo",
        "--disable",
        "--recording",
        "--recording-days",
        "30",
        "--max-calls",
        "5",
        "--node",
        "switch-2",
    ]
    changed = cli.json(
        "domain",
        "update",
        name,
        *changes,
        "--call-id-mode",
        "conversation",
        "--country-code",
        "81",
    )
    assert changed == cli.json("domain", "show", name)
    assert made | {
        "enabled": False,
        "time_zone": "Asia/Tokyo",
        "country_code": "81",
        "call_id_mode": "conversation",
        "recording": True,
        "recording_days": 30,
        "max_calls": 5,
        "node": "switch-2",
    } == {key: value for key, value in changed.items() if key != "domain_uuid"}
    limits = ["--destinations", "+44, 1900", "--calls-per-minute", "0", "--minutes-per-day", "600"]
    limited = cli.json("domain", "update", name, *limits)
    assert (limited["destinations"], limited["calls_per_minute"], limited["minutes_per_day"]) == (
        ["+44", "1900"],
        None,
        600,
    )
    assert "destinations: prefixes such as +44" in cli.refuses(
        "domain", "update", name, "--destinations", "abroad"
    )
    assert cli.json("domain", "update", name, "--recording-days", "0")["recording_days"] is None
    kept = ["--cdr-days", "365", "--event-days", "14", "--audit-days", "90"]
    shown = cli.json("domain", "update", name, *kept)
    assert (shown["cdr_days"], shown["event_days"], shown["audit_days"]) == (365, 14, 90)
    assert "event_days" in cli.refuses("domain", "update", name, "--event-days", "2")
    assert cli.json("domain", "update", name, "--event-days", "0")["event_days"] is None

    cli("domain", "delete", name, given="n\n", code=1)
    cli("domain", "show", name)
    assert cli("domain", "delete", name, "--yes") == f"Deleted domain {name}.\n"
    assert cli.refuses("domain", "show", name, code=3) == f"no such domain: {name}"


async def test_a_user_logs_in_with_what_was_shown_once(
    cli: Cli, database: db.Database, encrypted: MasterKey
) -> None:
    who = f"admin@{cli.domain}"
    shown = await in_thread(cli.json, "user", "create", who)
    account = await users.login(database, encrypted, "admin", cli.domain, shown["password"])

    assert account.api_key == shown["api_key"]
    assert len(shown["password"]) >= 16
    later = await in_thread(cli, "user", "show", who) + await in_thread(cli, "user", "list")
    assert "admin" in later
    assert re.search(r"\d\d:\d\d:\d\d\+07:00", later)
    assert shown["api_key"] not in later
    assert await in_thread(cli, "api-key", "show", who) == shown["api_key"] + "\n"

    rotated = await in_thread(cli.json, "api-key", "rotate", who)
    async with database.connection() as tx:
        assert (await users.by_api_key(tx, encrypted, rotated["api_key"])).username == "admin"
    assert rotated["api_key"] != shown["api_key"]


async def test_a_user_is_changed_and_deleted(
    cli: Cli, database: db.Database, encrypted: MasterKey
) -> None:
    who = f"foo@{cli.domain}"
    await in_thread(cli, "user", "create", who, "--level", "agent", "--password", "first password")
    changed = await in_thread(
        cli.json,
        "user",
        "update",
        who,
        "--level",
        "admin",
        "--password",
        "-",
        given="mật khẩu mới\n",
    )
    assert changed["level"] == "admin"
    assert await users.login(database, encrypted, "foo", cli.domain, "mật khẩu mới")

    assert (await in_thread(cli.json, "user", "update", who, "--disable"))["enabled"] is False
    assert await in_thread(cli, "user", "delete", who) == f"Deleted user {who}.\n"
    assert await in_thread(cli.json, "user", "list") == []


async def test_an_operator_is_made_listed_changed_and_deleted(
    cli: Cli, database: db.Database, encrypted: MasterKey
) -> None:
    who = f"root-{cli.domain}"
    shown = await in_thread(cli.json, "user", "create", who, "--operator")
    account = await operators.login(database, encrypted, who, shown["password"])
    assert account.api_key == shown["api_key"]
    assert who in [
        one["username"] for one in await in_thread(cli.json, "user", "list", "--operator")
    ]
    assert who not in await in_thread(cli, "user", "list")
    assert await in_thread(cli, "api-key", "show", who, "--operator") == account.api_key + "\n"
    rotated = (await in_thread(cli.json, "api-key", "rotate", who, "--operator"))["api_key"]
    assert rotated != account.api_key

    changed = await in_thread(cli.json, "user", "update", who, "--operator", "--disable")
    assert changed == await in_thread(cli.json, "user", "show", who, "--operator")
    assert changed["enabled"] is False
    assert "no level" in await in_thread(
        cli, "user", "update", who, "--operator", "--level", "agent", code=2
    )
    assert (
        await in_thread(cli, "user", "delete", who, "--operator") == f"Deleted operator {who}.\n"
    )
    assert "no such operator" in await in_thread(
        cli.refuses, "user", "show", who, "--operator", code=3
    )


def test_an_operator_is_named_without_a_domain(cli: Cli) -> None:
    assert "name without @" in cli("user", "create", f"a@{cli.domain}", "--operator", code=2)


async def test_an_api_key_is_restricted_to_scopes_and_freed_again(cli: Cli) -> None:
    who = f"crm@{cli.domain}"
    await in_thread(cli, "user", "create", who)
    assert (await in_thread(cli.json, "api-key", "show", who))["scopes"] is None

    await in_thread(cli, "api-key", "restrict", who, "--scopes", "call:create, cdr:read")
    shown = await in_thread(cli.json, "api-key", "show", who)
    assert shown["scopes"] == ["cdr:read", "call:create"]
    await in_thread(cli, "api-key", "rotate", who)
    assert (await in_thread(cli.json, "api-key", "show", who))["scopes"] == shown["scopes"]

    for wrong in ("cdr:write", "cdr:read,all", ""):
        assert "scopes: one of cdr:read" in await in_thread(
            cli.refuses, "api-key", "restrict", who, "--scopes", wrong
        )
    await in_thread(cli, "api-key", "restrict", who, "--scopes", "all")
    assert (await in_thread(cli.json, "api-key", "show", who))["scopes"] is None


async def test_a_domain_gets_a_key_for_telephone_numbers(
    cli: Cli, database: db.Database, encrypted: MasterKey
) -> None:
    async def kept() -> bytes | None:
        async with database.connection() as tx:
            domain = await domains.by_name(tx, cli.domain)
            return await domains.phone_key(tx, domain.domain_uuid, encrypted)

    assert await kept() is None
    key = (await in_thread(cli.json, "domain", "phone-key", cli.domain))["key"]
    assert (len(key), await kept()) == (32, key.encode())
    given = "x" * 32
    await in_thread(cli, "domain", "phone-key", cli.domain, "--key", "-", given=f"{given}\n")
    assert await kept() == given.encode()
    await in_thread(cli, "domain", "phone-key", cli.domain, "--key", "0f" * 32)
    assert await kept() == b"\x0f" * 32
    for wrong in ("x" * 31, "x" * 33, "é" * 32, "0f" * 33):
        refused = cli.refuses, "domain", "phone-key", cli.domain, "--key", wrong
        assert (await in_thread(*refused)).startswith("key: 32 visible ASCII characters")
    await in_thread(cli, "domain", "phone-key", cli.domain, "--remove")
    assert await kept() is None
    shown = await in_thread(cli, "domain", "show", cli.domain, "--json")
    assert "phone_key" not in shown


async def test_tokens_of_an_api_key_live_as_long_as_it_is_told(cli: Cli) -> None:
    who = f"crm@{cli.domain}"
    await in_thread(cli, "user", "create", who)
    for text, life_s in (("90", 90), ("12h", 43_200), ("10y", 315_360_000), ("default", None)):
        await in_thread(cli, "api-key", "update", who, "--token-life", text)
        assert (await in_thread(cli.json, "api-key", "show", who))["token_life_s"] == life_s
    await in_thread(cli, "api-key", "update", who, "--token-life", "2d")
    await in_thread(cli, "api-key", "rotate", who)
    assert (await in_thread(cli.json, "api-key", "show", who))["token_life_s"] == 172_800

    for text in ("59", "101y"):
        refused = await in_thread(cli.refuses, "api-key", "update", who, "--token-life", text)
        assert refused.startswith("token_life_s: a number from 60 to 3153600000")
    for text in ("", "ten years", "-1", "1.5h"):
        told = await in_thread(cli, "api-key", "update", who, "--token-life", text, code=2)
        assert "12h, 30d or 10y" in told


async def test_a_user_has_further_api_keys_by_name(
    cli: Cli, database: db.Database, encrypted: MasterKey
) -> None:
    async def holder(key: str) -> named_keys.Holder | None:
        async with database.connection() as tx:
            return await named_keys.holder(tx, encrypted, key)

    who = f"crm@{cli.domain}"
    own = (await in_thread(cli.json, "user", "create", who))["api_key"]
    scoped = "--name", "CRM", "--scopes", "cdr:read", "--token-life", "2d"
    made = await in_thread(cli.json, "api-key", "create", who, *scoped, "--expires", "2099-01-01")
    key = made.pop("api_key")
    assert made == made | {"name": "CRM", "scopes": ["cdr:read"], "token_life_s": 172_800}
    assert datetime.fromisoformat(made["expires_at"]).astimezone(UTC) == datetime(
        2098, 12, 31, 17, tzinfo=UTC
    )
    assert [made] == await in_thread(cli.json, "api-key", "list", who)
    assert key not in await in_thread(cli, "api-key", "list", who)
    assert "already" in await in_thread(cli.refuses, "api-key", "create", who, "--name", "CRM")
    found = await holder(key)
    assert found
    assert str(found.api_key_uuid) == made["api_key_uuid"]

    rotated = (await in_thread(cli.json, "api-key", "rotate", who, "--name", "CRM"))["api_key"]
    assert (await holder(key), (await holder(rotated)) is not None) == (None, True)
    assert await in_thread(cli, "api-key", "show", who) == own + "\n"
    await in_thread(cli, "api-key", "restrict", who, "--name", "CRM", "--scopes", "all")
    await in_thread(cli, "api-key", "update", who, "--name", "CRM", "--token-life", "default")
    (changed,) = await in_thread(cli.json, "api-key", "list", who)
    assert (changed["scopes"], changed["token_life_s"]) == (None, None)
    await in_thread(cli, "api-key", "delete", who, "--name", "CRM")
    assert await in_thread(cli.json, "api-key", "list", who) == []
    assert await holder(rotated) is None
    for words in (("rotate",), ("delete",), ("restrict", "--scopes", "all")):
        refused = cli.refuses, "api-key", *words, who, "--name", "CRM"
        assert "no API key of crm is called CRM" in await in_thread(*refused, code=3)


@pytest.mark.parametrize("who", ["admin", "@x.vn", "admin@"])
def test_a_user_is_named_as_it_logs_in(cli: Cli, who: str) -> None:
    assert "expected user@domain" in cli("user", "show", who, code=2)


async def test_an_extension_registers_with_what_was_shown_once(
    cli: Cli, database: db.Database
) -> None:
    async def digests() -> str:
        async with database.connection() as tx:
            logins = await devices.list_for_provisioning(tx, NODE)
        return next(
            login.digest_sha256
            for login in logins
            if (login.domain, login.extension) == (cli.domain, "103")
        )

    def expected(password: str) -> str:
        return devices.digests("103", cli.domain, password)[1]

    made = await in_thread(cli.json, "extension", "create", "103")
    assert await digests() == expected(made["password"])
    again = await in_thread(cli.json, "extension", "update", "103", "--new-password")
    assert await digests() == expected(again["password"])
    assert again["password"] != made["password"]
    await in_thread(
        cli.json, "extension", "update", "103", "--password", "-", given="Chosen-Secret.1\n"
    )
    assert await digests() == expected("Chosen-Secret.1")
    assert "password" not in await in_thread(
        cli.json, "extension", "update", "103", "--name", "Còn"
    )
    assert await digests() == expected("Chosen-Secret.1")
    assert "password" not in await in_thread(cli, "extension", "show", "103")


async def test_an_extension_gets_a_browser_besides(cli: Cli, database: db.Database) -> None:
    async def digests() -> dict[str, str]:
        async with database.connection() as tx:
            logins = await devices.list_for_provisioning(tx, NODE)
        return {
            f"{login.endpoint} {login.kind} {login.max_contacts}": login.digest_md5
            for login in logins
            if login.domain == cli.domain and login.extension == "101"
        }

    def device(*args: str) -> Any:
        return cli.json("extension", "device", *args)

    made = await in_thread(device, "create", "101", "browser", "--kind", "browser")
    assert made.pop("password")
    assert made == {
        "name": "browser",
        "kind": "browser",
        "max_contacts": 5,
        "srtp_required": False,
        "mac": "",
        "user": "101-browser",
    }
    changed = await in_thread(device, "update", "101", "browser", "--max-contacts", "2")
    assert changed == {
        "name": "browser",
        "kind": "browser",
        "max_contacts": 2,
        "srtp_required": False,
        "mac": "",
    }
    again = await in_thread(device, "update", "101", "browser", "--new-password")
    known = await digests()
    assert list(known) == [
        f"101-browser@{cli.domain} browser 2",
        f"101@{cli.domain} sip 5",
    ]
    expected, _ = devices.digests("101-browser", cli.domain, again["password"])
    assert known[f"101-browser@{cli.domain} browser 2"] == expected

    assert [one["name"] for one in await in_thread(device, "list", "101")] == [
        "default",
        "browser",
    ]
    assert (await in_thread(cli.json, "extension", "show", "101"))["devices"] == [
        "default",
        "browser",
    ]
    await in_thread(cli, "extension", "device", "delete", "101", "browser")
    assert [one["name"] for one in await in_thread(device, "list", "101")] == ["default"]


def test_an_extension_may_be_a_browser_as_a_whole(cli: Cli) -> None:
    cli("extension", "create", "104", "--kind", "browser")
    (only,) = cli.json("extension", "device", "list", "104")
    assert only == {
        "name": "default",
        "kind": "browser",
        "max_contacts": 5,
        "srtp_required": False,
        "mac": "",
    }


def test_a_device_gets_a_link_by_which_its_phone_configures_itself(cli: Cli) -> None:
    cli("extension", "device", "update", "101", "default", "--mac", "0015.65aa.bbcc")
    made = cli.json("extension", "device", "link", "101", "default", "--for", "phone")
    assert [one["form"] for one in made["urls"]] == ["yealink", "grandstream", "fanvil"]
    assert made["expires_at"] is None

    shown = cli("extension", "device", "link", "101", "default", "--life", "90s")
    assert "/provisioning/linphone/" in shown
    assert "▄▄▄▄▄" in shown, "a QR code"
    known = cli.json("extension", "device", "linked", "101", "default")
    assert (known["kind"], known["fetched_at"]) == ("softphone", None)
    cli("extension", "device", "unlink", "101", "default")
    assert "no link of 101" in cli.refuses(
        *("extension", "device", "linked", "101", "default"), code=3
    )


def test_browsers_may_register_as_extensions(cli: Cli) -> None:
    def those() -> set[str]:
        listed = cli.json("extension", "list")
        return {one["extension"] for one in listed if "webrtc" in one["devices"]}

    cli("extension", "update", "101", "--webrtc")
    assert those() == {"101"}
    cli("extension", "update", "101", "--no-webrtc")
    cli("extension", "create", "105", "--webrtc")
    assert those() == {"105"}
    assert cli.json("domain", "update", cli.domain, "--webrtc")["webrtc"] is True
    everybody = {one["extension"] for one in cli.json("extension", "list")}
    assert those() == everybody
    cli("extension", "create", "106")
    cli("extension", "create", "107", "--no-webrtc")
    assert those() == everybody | {"106"}
    cli("domain", "update", cli.domain, "--recording")
    assert those() == everybody | {"106"}, "it was not given"
    cli("domain", "update", cli.domain, "--no-webrtc")
    assert those() == set()
    assert "`webrtc`" in cli.refuses(
        "extension", "device", "create", "101", "webrtc", "--kind", "browser"
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("create", "101", "2nd"), "name: lower-case letters"),
        (("create", "101", "a@b"), "name: lower-case letters"),
        (("create", "101", "default"), "device: the extension has a device of this name"),
        (("create", "999", "browser"), "gone"),
        (("delete", "101", "default"), "device: every extension has its default device"),
    ],
)
def test_a_device_that_cannot_be(cli: Cli, arguments: tuple[str, ...], why: str) -> None:
    assert why in cli.refuses("extension", "device", *arguments)


def test_a_device_that_is_not_there(cli: Cli) -> None:
    assert "no such device" in cli.refuses(
        "extension", "device", "update", "101", "browser", "--kind", "sip", code=3
    )
    assert "no such device" in cli.refuses("extension", "device", "delete", "101", "x", code=3)


def test_an_extension_is_listed_shown_changed_and_deleted(cli: Cli) -> None:
    cli("hotline", "create", "19001919", "--trunk", "carrier")
    changes = [
        "--name",
        "Nguyễn Thị Ánh",
        "--recording",
        "off",
        "--hotline",
        "19001919",
        "--max-calls",
        "3",
    ]
    changed = cli.json("extension", "update", "101", *changes, "--ring-timeout", "40", "--disable")
    assert changed == {
        "extension": "101",
        "name": "Nguyễn Thị Ánh",
        "enabled": False,
        "recording": False,
        "hotline": "19001919",
        "max_calls": 3,
        "ring_timeout_s": 40,
        "forward_always": "",
        "forward_busy": "",
        "forward_no_answer": "",
        "forward_unreachable": "",
        "do_not_disturb": False,
        "suspended_until": None,
        "suspended_why": "",
        "devices": ["default"],
    }
    assert changed == cli.json("extension", "show", "101") == cli.json("extension", "list")[0]
    assert "Nguyễn Thị Ánh" in cli("extension", "list")

    back = cli.json(
        "extension", "update", "101", "--recording", "domain", "--hotline", "", "--enable"
    )
    assert (back["recording"], back["hotline"], back["enabled"], back["name"]) == (
        None,
        None,
        True,
        "Nguyễn Thị Ánh",
    )

    assert cli("extension", "delete", "101") == "Deleted extension 101.\n"
    assert [extension["extension"] for extension in cli.json("extension", "list")] == ["102"]


async def test_a_suspended_extension_calls_again_when_the_operator_says_so(
    cli: Cli, database: db.Database
) -> None:
    until = datetime(2099, 1, 1, tzinfo=UTC)
    async with database.transaction() as tx:
        domain_uuid = (await domains.by_name(tx, cli.domain)).domain_uuid
        await domains.suspend(tx, domain_uuid, until, "kept calling +882")
        await extensions.suspend(tx, domain_uuid, "101", until, "kept calling +881")
    shown = await in_thread(cli.json, "extension", "show", "101")
    assert (shown["suspended_until"], shown["suspended_why"]) == (
        "2099-01-01T00:00:00Z",
        "kept calling +881",
    )
    assert "kept calling +882" in await in_thread(cli, "domain", "show", cli.domain)
    assert "2099" in await in_thread(cli, "domain", "list")

    for noun, key in (("extension", "101"), ("domain", cli.domain)):
        assert (await in_thread(cli.json, noun, "update", key, "--unsuspend"))[
            "suspended_until"
        ] is None
        assert (await in_thread(cli.json, noun, "show", key))["suspended_why"] == ""


def test_a_trunk_by_digest_may_call_by_its_user_name(cli: Cli) -> None:
    login = f"branch-{cli.domain.split('.')[0]}"
    options = [
        "--host",
        "203.0.113.9",
        "--auth",
        "digest",
        "--username",
        login,
        "--password",
        "Carrier.Secret",
    ]
    assert cli.json("trunk", "create", "branch", *options)["auth_username"] == login
    assert "another trunk calls by this name" in cli.refuses("trunk", "create", "second", *options)
    assert (
        cli.json("trunk", "create", "second", *options, "--auth-username", "")["auth_username"]
        == ""
    )
    assert "auth_username: at most 63 letters" in cli.refuses(
        "trunk", "update", "second", "--auth-username", "101@sales.example.vn"
    )
    assert cli.json("trunk", "update", "branch", "--auth-username", "")["auth_username"] == ""

    short = [*options[:-1], "pw1"]
    assert (
        "password: 8 characters are needed, or a trunk that has no auth username"
        in cli.refuses("trunk", "create", "x", *short)
    )
    assert cli.json("trunk", "create", "x", *short, "--auth-username", "")["auth_username"] == ""


async def test_bans_are_listed_and_lifted(cli: Cli, database: db.Database) -> None:
    async with database.connection() as tx:
        await bans.insert(
            tx,
            "198.51.100.77",
            "20 wrong passwords within a minute",
            datetime(2099, 1, 1, tzinfo=UTC),
        )
    assert "198.51.100.77  20 wrong" in " ".join((await in_thread(cli, "ban", "list")).split(" "))
    assert (
        await in_thread(cli, "ban", "lift", "198.51.100.77")
        == "Lifted the ban of 198.51.100.77.\n"
    )
    assert "198.51.100.77" not in await in_thread(cli, "ban", "list")
    assert "not banned" in await in_thread(
        lambda: cli.refuses("ban", "lift", "198.51.100.77", code=3)
    )
    assert "IP address" in await in_thread(lambda: cli.refuses("ban", "lift", "somebody"))


async def test_a_trunk_is_made_listed_shown_changed_and_deleted(
    cli: Cli, database: db.Database, encrypted: MasterKey
) -> None:
    async def password() -> str:
        async with database.connection() as tx:
            sql = """
                SELECT password_encrypted FROM trunks JOIN domains USING (domain_uuid)
                WHERE domains.name = $1 AND password_encrypted IS NOT NULL
            """
            return encrypted.decrypt(await tx.fetchval(sql, cli.domain))

    options = [
        "--host",
        "sip.carrier.vn",
        "--auth",
        "registration",
        "--username",
        "u1",
        "--transport",
        "tcp",
    ]
    made = await in_thread(
        cli.json, "trunk", "create", "vnpt", *options, "--password", "-", given="Carrier.Secret\n"
    )
    assert "Carrier" not in str(made)
    assert await password() == "Carrier.Secret"

    changes = [
        "--addresses",
        "203.0.113.0/28, 2001:db8::1",
        "--number-format",
        "e164",
        "--shared",
        "--max-calls",
        "9",
    ]
    more = [
        "--new-name",
        "VNPT Hà Nội",
        "--from-user",
        "02873001234",
        "--from-domain",
        "carrier.vn",
    ]
    changed = await in_thread(cli.json, "trunk", "update", "vnpt", *changes, *more)
    assert changed == made | {
        "name": "VNPT Hà Nội",
        "addresses": ["203.0.113.0/28", "2001:db8::1"],
        "number_format": "e164",
        "shared": True,
        "max_calls": 9,
        "from_user": "02873001234",
        "from_domain": "carrier.vn",
    }
    assert await password() == "Carrier.Secret"
    shown = await in_thread(cli.json, "trunk", "show", "VNPT Hà Nội")
    assert shown == changed | {"registration": "not heard of yet"}
    assert "203.0.113.0/28, 2001:db8::1" in await in_thread(cli, "trunk", "list")

    await in_thread(cli, "trunk", "update", "VNPT Hà Nội", "--password", "Another.Secret")
    assert await password() == "Another.Secret"
    assert await in_thread(cli, "trunk", "delete", "VNPT Hà Nội") == "Deleted trunk VNPT Hà Nội.\n"
    assert [trunk["name"] for trunk in await in_thread(cli.json, "trunk", "list")] == ["carrier"]


def test_a_hotline_is_made_listed_shown_changed_and_deleted(cli: Cli) -> None:
    cli("trunk", "create", "second", "--host", "203.0.113.8")
    second = cli.json("trunk", "show", "second")["trunk_uuid"]
    options = ["--trunk", "carrier", "--destination", "101", "--default", "--name", "Tổng đài"]
    made = cli.json("hotline", "create", "028 7300 1234", *options)
    assert made | {"trunk_uuid": ""} == {
        "number": "02873001234",
        "canonical": "842873001234",
        "trunk_uuid": "",
        "name": "Tổng đài",
        "destination": "101",
        "is_default": True,
        "further_trunks": [],
        "enabled": True,
        "hours": None,
        "closed_destination": "",
        "closed_cause": "unavailable",
    }
    changed = cli.json(
        "hotline", "update", "+842873001234", "--trunk", second, "--destination", "", "--disable"
    )
    assert changed == made | {"trunk_uuid": second, "destination": "", "enabled": False}
    assert changed == cli.json("hotline", "show", "842873001234") == cli.json("hotline", "list")[0]
    assert "Tổng đài" in cli("hotline", "list")

    assert cli("hotline", "delete", "02873001234") == "Deleted hotline 02873001234.\n"
    assert cli.json("hotline", "list") == []


def test_an_hours_plan_is_made_overridden_followed_and_deleted(cli: Cli) -> None:
    week = "mon-fri 08:00-12:00, mon-fri 13:30-17:30"
    made = cli.json("hours-plan", "create", "office", "--weekly", week, "--holidays", "09-02")
    assert made == {
        "name": "office",
        "weekly": ["mon-fri 08:00-12:00", "mon-fri 13:30-17:30"],
        "holidays": ["09-02"],
        "override": "",
        "override_until": None,
    }
    until = ["--override", "closed", "--override-until", "2027-01-05 20:05"]
    closed = cli.json("hours-plan", "update", "office", *until)
    assert closed == made | {
        "override": "closed",
        "override_until": "2027-01-05T20:05:00+07:00",
    }
    assert cli.json("hours-plan", "update", "office", "--override", "") == made
    assert cli.json("hours-plan", "list") == [cli.json("hours-plan", "show", "office")]
    assert cli.refuses("hours-plan", "update", "office", "--weekly", "monday").startswith(
        "weekly:"
    )

    cli("hotline", "create", "02873001234", "--trunk", "carrier", "--hours", "office")
    assert "hotline 02873001234" in cli.refuses("hours-plan", "delete", "office")
    closed = cli.json("hotline", "update", "02873001234", "--hours", "")
    assert closed["hours"] is None
    assert cli("hours-plan", "delete", "office") == "Deleted hours plan office.\n"


def test_a_caller_is_blocked_routed_and_forgotten(cli: Cli) -> None:
    cli("hotline", "create", "02873001234", "--trunk", "carrier")
    made = cli.json("caller", "create", "0912 345 678", "--hotlines", "02873001234")
    assert made == {
        "caller": "84912345678",
        "action": "block",
        "destination": "",
        "answer": "rejected",
        "hotlines": ["842873001234"],
        "note": "",
    }
    routed = ["--action", "route", "--destination", "101", "--hotlines", ""]
    changed = cli.json("caller", "update", "+84912345678", *routed)
    assert changed == made | {"action": "route", "destination": "101", "hotlines": []}
    assert "caller 84912345678" in cli.refuses("extension", "delete", "101")
    assert cli.json("caller", "create", "+44*")["caller"] == "+44*"
    assert [one["caller"] for one in cli.json("caller", "list")] == ["+44*", "84912345678"]
    assert cli("caller", "delete", "0912345678") == "Deleted caller 0912345678.\n"
    gone = cli.refuses("caller", "show", "0912345678", code=3)
    assert gone == "no such caller: 0912345678"


def test_a_ring_group_is_made_listed_shown_changed_and_deleted(cli: Cli) -> None:
    made = cli.json(
        "ring-group",
        "create",
        "600",
        "--members",
        "102,101",
        "--strategy",
        "sequential",
        "--overflow",
        "101",
    )
    changes = [
        "--members",
        "101",
        "--strategy",
        "round_robin",
        "--ring-timeout",
        "5",
        "--timeout",
        "50",
    ]
    changed = cli.json(
        "ring-group", "update", "600", *changes, "--overflow", "", "--name", "Kinh doanh"
    )
    assert made["members"] == ["102", "101"]
    assert changed == {
        "number": "600",
        "name": "Kinh doanh",
        "strategy": "round_robin",
        "members": ["101"],
        "ring_timeout_s": 5,
        "timeout_s": 50,
        "overflow": "",
        "next_member": 0,
    }
    assert changed == cli.json("ring-group", "show", "600") == cli.json("ring-group", "list")[0]
    assert cli.json("ring-group", "update", "600", "--members", "")["members"] == []
    assert cli("ring-group", "delete", "600") == "Deleted ring group 600.\n"
    assert cli.json("ring-group", "list") == []


def test_a_queue_is_made_listed_shown_changed_and_deleted(cli: Cli) -> None:
    made = cli.json(
        "queue", "create", "700", "--agents", "101,102", "--music", "jazz", "--overflow", "101"
    )
    changes = [
        "--agents",
        "102",
        "--ring-timeout",
        "9",
        "--no-answer-delay",
        "1",
        "--wrap-up",
        "2",
        "--timeout",
        "60",
        "--service-level",
        "30",
    ]
    changed = cli.json(
        "queue",
        "update",
        "700",
        *changes,
        "--overflow",
        "",
        "--music",
        "default",
        "--name",
        "Hỗ trợ",
    )
    assert (made["agents"], made["moh_class"], made["overflow"]) == (["101", "102"], "jazz", "101")
    assert changed == {
        "number": "700",
        "name": "Hỗ trợ",
        "agents": ["102"],
        "ring_timeout_s": 9,
        "no_answer_delay_s": 1,
        "wrap_up_s": 2,
        "timeout_s": 60,
        "overflow": "",
        "moh_class": "default",
        "service_level_s": 30,
    }
    assert changed == cli.json("queue", "show", "700") == cli.json("queue", "list")[0]
    assert "Hỗ trợ" in cli("queue", "list")
    assert cli("queue", "delete", "700") == "Deleted queue 700.\n"
    assert cli.json("queue", "list") == []


def test_a_prompt_is_uploaded_listed_heard_and_deleted(cli: Cli, tmp_path: Path) -> None:
    file, copy = tmp_path / "chao.wav", tmp_path / "copy.wav"
    file.write_bytes(tones.wav(440, rate_hz=22_050))
    made = cli.json("prompt", "upload", "Lời chào", str(file))
    assert (made["name"], made["duration_s"]) == ("Lời chào", 2.0)
    assert cli.json("prompt", "list") == [made] == [cli.json("prompt", "show", "Lời chào")]
    cli("prompt", "download", "Lời chào", str(copy))
    assert copy.read_bytes()[:4] == b"RIFF"
    file.write_text("Xin chào")
    assert "no sound can be read" in cli.refuses("prompt", "upload", "Lời chào", str(file))
    nowhere = cli.refuses("prompt", "upload", "x", str(tmp_path / "none"), code=4)
    assert nowhere.endswith("No such file or directory")
    cli("domain", "update", cli.domain, "--hold-music", "Lời chào")
    assert "the hold music of the domain" in cli.refuses("prompt", "delete", "Lời chào")
    cli("domain", "update", cli.domain, "--hold-music", "")
    assert cli("prompt", "delete", "Lời chào") == "Deleted prompt Lời chào.\n"


def test_refusals_are_one_line_that_names_the_field(cli: Cli) -> None:
    assert (
        cli.refuses("domain", "create", cli.domain) == "name: a domain of this name exists already"
    )
    assert cli.refuses("domain", "create", "Sales").startswith("name: a DNS name in lower case")
    assert cli.refuses("domain", "update", cli.domain, "--time-zone", "Hanoi").startswith(
        "time_zone: "
    )
    assert cli.refuses("extension", "create", "10a") == "number: 2 to 8 digits are needed"
    assert cli.refuses("extension", "create", "104", "--name", "a\nb").startswith("name: ")
    assert cli.refuses("trunk", "create", "bad", "--host", "a;b").startswith("host: ")
    assert cli.refuses("trunk", "create", "bad", "--host", "a.vn", "--auth", "digest").startswith(
        "username: "
    )
    assert (
        cli.refuses("hotline", "create", "19001919", "--trunk", "none") == "trunk: no such trunk"
    )
    assert cli.refuses("hotline", "create", "abc", "--trunk", "carrier").startswith(
        "number: not a phone number"
    )
    assert (
        cli.refuses("ring-group", "create", "600", "--members", "101,999")
        == "members: no such extension: 999"
    )
    cli("ring-group", "create", "600", "--members", "101")
    assert cli.refuses("extension", "delete", "101") == "number: in use by ring group 600"
    assert cli.refuses("queue", "create", "700", "--timeout", "1").startswith("timeout_s: ")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("domain", "show", "unknown.example.vn"), "no such domain: unknown.example.vn"),
        (
            ("extension", "list", "--domain", "unknown.example.vn"),
            "no such domain: unknown.example.vn",
        ),
        (("extension", "show", "999"), "no such extension: 999"),
        (("extension", "update", "999", "--name", "x"), "no such extension: 999"),
        (("extension", "delete", "999"), "no such extension: 999"),
        (("trunk", "update", "none", "--host", "x"), "no such trunk: none"),
        (("trunk", "delete", "none"), "no such trunk: none"),
        (("hotline", "delete", "19001919"), "no such hotline: 19001919"),
        (("ring-group", "show", "600"), "no such ring group: 600"),
        (("queue", "delete", "700"), "no such queue: 700"),
    ],
)
def test_what_is_not_there_is_named(cli: Cli, args: tuple[str, ...], told: str) -> None:
    assert cli.refuses(*args, code=3) == told


def test_wrong_usage_is_told_by_the_parser(cli: Cli) -> None:
    assert "--strategy" in cli("ring-group", "create", "600", "--strategy", "random", code=2)
    assert "--max-calls" in cli("extension", "create", "104", "--max-calls", "many", code=2)


@pytest.mark.parametrize(
    "noun",
    [
        *("domain", "user", "extension", "trunk", "hotline", "caller", "hours-plan"),
        *("ring-group", "queue"),
    ],
)
def test_help_has_an_example(noun: str) -> None:
    for verb in ("create", "update"):
        told = CliRunner().invoke(app, [noun, verb, "--help"]).stdout
        assert f"Example: tongdai {noun} {verb}" in told
    assert "Usage" in CliRunner().invoke(app, [noun]).output


async def test_a_database_of_no_version_is_told_so_and_migrated(database: db.Database) -> None:
    unmigrated = await databases.renew(database.dsn, "unmigrated")
    cli = Cli(TONGDAI_DSN=unmigrated, TONGDAI_SECRET=SECRET)

    assert "run tongdai migrate" in await in_thread(cli.refuses, "domain", "list", code=4)
    pending = await in_thread(cli.json, "migrate", "--pending")
    assert pending[0] == "0001_schema.sql"
    assert "pending 0001_schema.sql" in await in_thread(cli, "migrate", "--pending")
    assert "applied 0001_schema.sql" in await in_thread(cli, "migrate")
    assert await in_thread(cli, "migrate") == "The schema is up to date.\n"
    assert await in_thread(cli.json, "domain", "list") == []


def test_a_database_that_is_away_is_told_so() -> None:
    away = Cli(TONGDAI_DSN="postgresql://postgres@127.0.0.1:1/none", TONGDAI_SECRET=SECRET)
    assert (
        away.refuses("domain", "list", code=4)
        == "Not available right now. The database cannot be reached."
    )


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    wrong = Cli(TONGDAI_HTTP="nonsense", TONGDAI_DATA=str(tmp_path))
    assert wrong.refuses("domain", "list", code=4).startswith("TONGDAI_HTTP='nonsense': ")


def test_without_a_master_key_no_secret_is_written(cli: Cli, tmp_path: Path) -> None:
    keyless = Cli(TONGDAI_DSN=cli.environ["TONGDAI_DSN"], TONGDAI_DATA=str(tmp_path))
    assert "TONGDAI_SECRET" in keyless.refuses("user", "create", f"admin@{cli.domain}", code=4)
    assert list(tmp_path.iterdir()) == []

    (tmp_path / "secret").write_text(SECRET + "\n")
    assert keyless.json("user", "create", f"admin@{cli.domain}")["api_key"]


@pytest.mark.parametrize("kept", ["", "\n", "too short a key"])
def test_a_damaged_master_key_is_refused(cli: Cli, tmp_path: Path, kept: str) -> None:
    """A volume that was full at the first start left an empty file, which counted as the key."""
    (tmp_path / "secret").write_text(kept)
    damaged = Cli(TONGDAI_DSN=cli.environ["TONGDAI_DSN"], TONGDAI_DATA=str(tmp_path))
    refused = damaged.refuses("user", "create", f"admin@{cli.domain}", code=4)
    assert "32 or more are needed" in refused
    assert "is damaged" in refused
    code, told = damaged.apart("up")
    assert code == 4
    assert "32 or more are needed" in told
    assert (tmp_path / "secret").read_text() == kept


def test_another_master_key_is_told_so(cli: Cli) -> None:
    cli("user", "create", f"admin@{cli.domain}")
    cli.environ["TONGDAI_SECRET"] = "another master key of thirty-two characters"
    assert "another master key" in cli.refuses("api-key", "show", f"admin@{cli.domain}", code=4)


@pytest.fixture
async def embedded() -> AsyncIterator[tuple[Path, server.Server]]:
    """A data folder in which the embedded PostgreSQL runs, migrated."""
    with tempfile.TemporaryDirectory(prefix="tongdai-test-") as folder:
        running = await server.start(Path(folder) / "postgres", {"fsync": "off"})
        try:
            await migrate.apply(running.dsn)
            yield Path(folder), running
        finally:
            await running.stop()


async def test_the_embedded_database_is_found_while_it_runs(
    embedded: tuple[Path, server.Server],
) -> None:
    folder, running = embedded
    cli = Cli(TONGDAI_DATA=str(folder))
    await in_thread(cli, "domain", "create", cli.domain)
    assert [domain["name"] for domain in await in_thread(cli.json, "domain", "list")] == [
        cli.domain
    ]

    await running.stop()
    assert "start tongdai first" in await in_thread(cli.refuses, "domain", "list", code=4)


def test_a_folder_where_nothing_was_started_is_told_so(tmp_path: Path) -> None:
    assert "start tongdai first" in Cli(TONGDAI_DATA=str(tmp_path)).refuses(
        "domain", "list", code=4
    )
    assert list(tmp_path.iterdir()) == []


def test_vietnamese_survives_a_shell_without_a_locale(cli: Cli) -> None:
    environ = {
        **cli.environ,
        "PATH": os.environ["PATH"],
        "LC_ALL": "C",
        "TONGDAI_DOMAIN": cli.domain,
    }
    command = [
        sys.executable,
        "-m",
        "tongdai",
        "extension",
        "update",
        "101",
        "--name",
        "Đặng Thị Ngọc Ánh",
    ]
    changed = subprocess.run(command, env=environ, capture_output=True, check=True)
    table = subprocess.run([*command[:4], "list"], env=environ, capture_output=True, check=True)

    assert "Đặng Thị Ngọc Ánh" in changed.stdout.decode()
    assert "Đặng Thị Ngọc Ánh" in table.stdout.decode()
    assert cli.json("extension", "show", "101")["name"] == "Đặng Thị Ngọc Ánh"


def test_a_refusal_in_a_process_of_its_own_is_one_line_and_a_code(cli: Cli) -> None:
    environ = {**cli.environ, "PATH": os.environ["PATH"], "TONGDAI_DOMAIN": cli.domain}
    command = [sys.executable, "-m", "tongdai", "queue", "show", "700"]
    refused = subprocess.run(command, env=environ, capture_output=True, check=False, text=True)

    assert (refused.returncode, refused.stdout, refused.stderr) == (
        3,
        "",
        "error: no such queue: 700\n",
    )


async def in_thread(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Each command runs a loop of its own, so not in ours."""
    return await asyncio.to_thread(function, *args, **kwargs)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_own_help_begins_with(name: str) -> None:
    first, _, _ = (loaded(name).help or "").partition("\n\n")
    assert COMMANDS[name][1] == " ".join(first.split())


def test_the_help_needs_nothing_of_what_up_needs() -> None:
    """People ask for it, and scripts run small commands in a loop: what is heavy is imported by
    those who use it.
    """
    code = (
        "import sys; from tongdai.cli import app; app(['--help'], standalone_mode=False); "
        "print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "ring-group" in done.stdout
    for heavy in ("starlette", "aiohttp", "asyncpg", "uvicorn", "tongdai.engine", "tongdai.api"):
        assert f"'{heavy}'" not in done.stdout


def test_a_command_starts_without_what_it_does_not_need() -> None:
    """Their imports took a third of a command's start."""
    unneeded = {"pydantic", "structlog", "aiohttp", "uvloop", "starlette", "tongdai.app"}
    asked = (
        "import sys; from tongdai.cli import loaded; "
        "[loaded(name) for name in ('domain', 'extension', 'trunk', 'hotline', 'queue')]; "
        f"print(sorted({unneeded!r} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_version_is_shown() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout.split()[0]) == (0, "tongdai")


def test_the_audit_log_tells_who_changed_what(cli: Cli) -> None:
    cli("extension", "update", "101", "--name", "Ánh")
    cli("extension", "update", "101", "--name", "Bình", "--new-password")

    shown = cli("audit", "--noun", "extension")
    assert "name: Ánh -> Bình" in shown
    assert "+07:00" in shown
    entries = json.loads(cli("audit", "--json"))
    assert {one["actor"] for one in entries} == {f"cli:{getpass.getuser()}"}
    assert [(one["noun"], one["action"]) for one in entries[:2]] == [
        ("device", "update"), ("extension", "update"),
    ]  # fmt: skip
    cli("domain", "delete", cli.domain, "--yes")
    deleted = json.loads(cli("audit", "--json"))
    assert (deleted[0]["noun"], deleted[0]["action"]) == ("domain", "delete")
    assert "erased" in cli("audit", "--noun", "extension"), "it is found by its name"
    cli("user", "create", "root", "--operator")
    assert "operator root" in Cli(**cli.environ)("audit", "--domain", "")


async def test_a_command_waits_for_a_change_of_the_same_domain(
    cli: Cli, database: db.Database
) -> None:
    """It overwrites nothing that the API has changed meanwhile."""
    async with database.transaction() as tx:
        domain_uuid = (await domains.by_name(tx, cli.domain)).domain_uuid
        await audit.alone(tx, domain_uuid)
        known = await extensions.get(tx, domain_uuid, "101")
        command = asyncio.create_task(
            in_thread(cli.json, "extension", "update", "101", "--max-calls", "7")
        )
        await until(lambda: is_waited_for(database))
        await extensions.update(tx, domain_uuid, msgspec.structs.replace(known, name="Ánh"))
    changed = await command
    assert (changed["name"], changed["max_calls"]) == ("Ánh", 7)


async def is_waited_for(database: db.Database) -> bool:
    """Whether a transaction waits for an advisory lock."""
    async with database.connection() as tx:
        return bool(
            await tx.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )


async def test_a_domain_that_is_being_deleted_is_not_changed(
    cli: Cli, database: db.Database
) -> None:
    async with database.transaction() as tx:
        await deletion.begin(tx, (await domains.by_name(tx, cli.domain)).domain_uuid)
    for command in (("extension", "create", "103"), ("queue", "create", "700")):
        assert "being deleted" in await in_thread(cli.refuses, *command)


def test_several_extensions_are_made_at_once_and_again_without_harm(cli: Cli) -> None:
    made = json.loads(cli("extension", "create", "1001-1010", "--name", "Máy lẻ", "--json"))
    assert [one["extension"] for one in made] == [str(n) for n in range(1001, 1011)]
    assert len({one["password"] for one in made}) == 10
    refused = cli("extension", "create", "1010-1012", code=1)
    assert "in use already: 1010" in refused
    assert "1011" not in cli("extension", "list"), "all of them or none"
    again = json.loads(cli("extension", "create", "1009-1011", "--if-not-exists", "--json"))
    assert [one["extension"] for one in again] == ["1011"]
    assert cli("extension", "create", "1011", "--if-not-exists").strip() == "extension  password"
    for wrong in ("1001-100", "1100-1001", "10-a", "1-99999"):
        cli("extension", "create", wrong, code=2)
    cli("extension", "create", "1101-1102", "--password", "Chosen-Secret.1", code=2)


def test_times_are_the_domains_and_no_name_is_cut(cli: Cli) -> None:
    cli("domain", "update", cli.domain, "--time-zone", "America/New_York")
    name = "an_extension_with_a_name_that_is_as_long_as_names_may_be_x"
    cli("extension", "create", "103", "--name", name)
    narrow = {**cli.environ, "TONGDAI_DOMAIN": cli.domain, "COLUMNS": "40", "TTY_COMPATIBLE": "1"}
    shown = CliRunner().invoke(app, ["extension", "list"], env=narrow)
    assert "…" not in shown.stdout
    assert re.search(r"-0[45]:00", cli("audit", "--noun", "extension", "--name", "103"))
