"""tongdai doctor: finds what is wrong, says how to mend it, and says nothing is wrong where
nothing is.
"""

import asyncio
import json
import os
import re
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from testbed import certificate
from testbed.network import Network, NotAllowed
from tests import databases
from tests.cli.conftest import free_address, run
from tests.webhooks import samples
from tongdai.cli.doctor import machine
from tongdai.encryption import MasterKey
from tongdai.store import db, domains, migrate

DOMAIN = "sales.example.vn"
SECRET = "a master key of thirty-two characters or more"


class Examined:
    """The doctor's findings, by check."""

    def __init__(self, environ: dict[str, str]) -> None:
        said = run(environ, "doctor", "--json")
        assert said.exit_code in (0, 1), said.output
        self.exit_code = said.exit_code
        self.findings: list[dict[str, str]] = json.loads(said.stdout)

    def states(self, check: str) -> list[str]:
        return [one["state"] for one in self.findings if one["check"] == check]

    def found(self, check: str) -> str:
        return "\n".join(one["found"] for one in self.findings if one["check"] == check)

    @property
    def failed(self) -> set[str]:
        return {one["check"] for one in self.findings if one["state"] == "fail"}


@pytest.fixture
def idle(tmp_path: Path) -> dict[str, str]:
    """Settings of an instance that was never started."""
    return {
        "TONGDAI_DATA": str(tmp_path / "data"),
        "TONGDAI_HTTP": free_address(),
        "TONGDAI_SIP": free_address(),
    }


def test_a_running_instance_is_well(running: dict[str, str], ready: Any) -> None:
    examined = Examined(running)
    assert examined.exit_code == 0
    for check in (
        "python",
        "data folder",
        "master key",
        "disk",
        "postgresql",
        "asterisk",
        "http",
        "sip",
        "rtp",
    ):
        assert examined.states(check) == ["ok"], check
    for check in ("api", "switch", "database", "isolation", "secrets"):
        assert examined.states(check) == ["ok"], check
    assert examined.found("http") == f"{running['TONGDAI_HTTP']} is ours"
    assert examined.found("sip") == f"{running['TONGDAI_SIP']} is ours"
    assert examined.found("switch").startswith("Asterisk 22.")
    assert "no phone is registered for 101, 102, 103" in examined.found(ready["domain"])


def test_nothing_is_running_and_nothing_is_made(idle: dict[str, str]) -> None:
    examined = Examined(idle)
    assert examined.exit_code == 0
    assert examined.found("data folder").endswith("will be made")
    assert examined.found("http") == f"{idle['TONGDAI_HTTP']} is free"
    assert examined.states("api") == ["warn"]
    assert not Path(idle["TONGDAI_DATA"]).exists()


def test_people_read_what_to_do_below_what_is_wrong(idle: dict[str, str]) -> None:
    lines = run(idle, "doctor").stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("warn  api "))
    assert (
        lines[at + 1].strip()
        == "-> Start it with `tongdai up`, or `tongdai serve` for its roles apart."
    )


def test_wrong_settings_are_named_and_what_needs_none_is_still_looked_at(
    idle: dict[str, str],
) -> None:
    examined = Examined({**idle, "TONGDAI_HTTP": "nonsense", "TONGDAI_HTPP": "127.0.0.1:80"})
    assert examined.exit_code == 1
    assert examined.failed == {"settings"}
    assert "TONGDAI_HTPP is no setting" in examined.found("settings")
    assert "TONGDAI_HTTP='nonsense': expected host:port" in examined.found("settings")
    assert examined.states("python") == ["ok"]


def test_a_port_that_a_stranger_holds_is_named_with_the_stranger(idle: dict[str, str]) -> None:
    with socket.socket() as http, socket.socket(type=socket.SOCK_DGRAM) as sip:
        http.bind(("127.0.0.1", 0))
        http.listen()
        sip.bind(("", 0))
        at = {
            name: f"127.0.0.1:{one.getsockname()[1]}"
            for name, one in (("HTTP", http), ("SIP", sip))
        }
        examined = Examined(
            {**idle, **{f"TONGDAI_{name}": address for name, address in at.items()}}
        )
    assert examined.exit_code == 1
    assert examined.failed >= {"http", "sip"}
    assert f"{at['HTTP']} (tcp) is taken by process {os.getpid()} (" in examined.found("http")
    assert f"{at['SIP']} (udp) is taken by process {os.getpid()} (" in examined.found("sip")


def test_the_same_port_on_another_address_is_free(idle: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.3", 0))
        other.listen()
        port = other.getsockname()[1]
        assert Examined({**idle, "TONGDAI_HTTP": f"127.0.0.2:{port}"}).states("http") == ["ok"]


def test_audio_ports_in_use_are_named(idle: dict[str, str]) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        examined = Examined({**idle, "TONGDAI_RTP": f"{port}-{port + 3}"})
    assert examined.states("rtp") == ["warn"]
    assert f"UDP {port}" in examined.found("rtp")


def test_a_data_folder_that_cannot_be_one_is_told(idle: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    examined = Examined({**idle, "TONGDAI_DATA": str(tmp_path / "file")})
    assert "data folder" in examined.failed
    assert f"{tmp_path / 'file'} cannot be written to" in examined.found("data folder")


def test_a_master_key_that_others_can_read_is_told(idle: dict[str, str]) -> None:
    (data := Path(idle["TONGDAI_DATA"])).mkdir()
    (data / "secret").write_text(SECRET)
    (data / "secret").chmod(0o644)
    assert Examined(idle).states("master key") == ["warn"]
    (data / "secret").chmod(0o600)
    assert Examined(idle).states("master key") == ["ok"]


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("#!/bin/sh\necho Asterisk 22.9.0\n", "is version 22.9.0"),
        ("#!/bin/sh\nexit 1\n", "does not run"),
    ],
)
def test_an_asterisk_that_does_not_serve_is_told(
    idle: dict[str, str], tmp_path: Path, program: str, told: str
) -> None:
    (tmp_path / "sbin").mkdir()
    (asterisk := tmp_path / "sbin" / "asterisk").write_text(program)
    asterisk.chmod(0o755)
    examined = Examined({**idle, "TONGDAI_ASTERISK": str(asterisk)})
    assert "asterisk" in examined.failed
    assert told in examined.found("asterisk")


def test_an_asterisk_that_is_not_there_is_told(idle: dict[str, str], tmp_path: Path) -> None:
    examined = Examined({**idle, "TONGDAI_ASTERISK": str(tmp_path / "none")})
    assert "there is no asterisk in" in examined.found("asterisk")


def test_an_asterisk_to_be_fetched_is_announced(idle: dict[str, str], tmp_path: Path) -> None:
    assert "the first start fetches it" in Examined(
        {**idle, "TONGDAI_CACHE": str(tmp_path)}
    ).found("asterisk")


def test_what_others_could_reach_is_told(idle: dict[str, str]) -> None:
    port = idle["TONGDAI_HTTP"].partition(":")[2]
    examined = Examined({**idle, "TONGDAI_HTTP": f"0.0.0.0:{port}", "TONGDAI_SANDBOX": "true"})
    assert examined.states("sandbox") == ["warn"]
    assert f"http://0.0.0.0:{port}" in examined.found("public url")
    mended = Examined(
        {**idle, "TONGDAI_HTTP": f"0.0.0.0:{port}", "TONGDAI_PUBLIC_URL": "https://pbx.example.vn"}
    )
    assert mended.states("sandbox") == mended.states("public url") == []


def test_a_database_and_a_switch_that_are_away_are_told(idle: dict[str, str]) -> None:
    away = {
        "TONGDAI_DSN": "postgresql://postgres@127.0.0.1:1/none",
        "TONGDAI_ASTERISK_URL": "http://tongdai:x@127.0.0.1:1",
    }
    examined, here = Examined({**idle, **away}), Examined(idle)
    assert examined.exit_code == 1
    # Without those that the machine of the tests gives, such as a full disk.
    assert examined.failed - here.failed == {"database", "switch"}, examined.findings


def test_a_switch_with_another_password_or_files_that_are_missing_is_told(
    idle: dict[str, str], running: dict[str, str], tmp_path: Path
) -> None:
    known = json.loads((Path(running["TONGDAI_DATA"]) / "switch.json").read_text())
    wrong = known["asterisk_url"].replace("tongdai:", "tongdai:not-")
    assert "answers 401" in Examined({**idle, "TONGDAI_ASTERISK_URL": wrong}).found("switch")

    files = {
        "TONGDAI_ASTERISK_URL": known["asterisk_url"],
        "TONGDAI_ASTERISK_SPOOL": str(tmp_path / "none"),
    }
    examined = Examined({**idle, **files})
    assert examined.states("switch") == ["ok"]
    assert "TONGDAI_ASTERISK_CEL_LOG is not set" in examined.found("CEL log")
    assert f"{tmp_path / 'none'} is not there" in examined.found("spool")


@pytest.fixture
async def empty(idle: dict[str, str], database: db.Database) -> dict[str, str]:
    """Settings with a database of their own, in which nothing is."""
    return {
        **idle,
        "TONGDAI_DSN": await databases.renew(database.dsn, "doctor"),
        "TONGDAI_SECRET": SECRET,
    }


def test_a_database_without_the_schema_is_told(empty: dict[str, str]) -> None:
    examined = Examined(empty)
    assert examined.failed == {"database"}
    assert examined.found("database").startswith("lacks 0001_schema.sql")


async def test_a_database_of_another_version_is_reported(empty: dict[str, str]) -> None:
    await migrate.apply(empty["TONGDAI_DSN"])
    tx = await db.connect(empty["TONGDAI_DSN"])
    await tx.execute("UPDATE migrations SET sha256 = ''")
    await tx.close()

    examined = await asyncio.to_thread(Examined, empty)

    assert examined.failed == {"database"}
    assert "0001_schema.sql was applied to this database with another text" in examined.found(
        "database"
    )


def test_what_a_domain_lacks_is_told_until_it_lacks_nothing(empty: dict[str, str]) -> None:
    def found() -> list[str]:
        return Examined(empty).found(DOMAIN).splitlines()

    run(empty, "migrate")
    assert Examined(empty).found("domains") == "there is none yet"

    run(empty, "domain", "create", DOMAIN)
    assert found() == [
        "no user: the API cannot be used",
        "no extension",
        "no trunk: no calls out or in",
    ]

    mine = {**empty, "TONGDAI_DOMAIN": DOMAIN}
    run(mine, "user", "create", f"admin@{DOMAIN}")
    run(mine, "extension", "create", "101")
    run(mine, "trunk", "create", "carrier", "--host", "203.0.113.7")
    assert found() == ["no hotline: no calls out or in"]

    run(mine, "hotline", "create", "19001919", "--trunk", "carrier")
    run(mine, "ring-group", "create", "600")
    run(mine, "queue", "create", "700")
    assert found() == [
        "hotline 19001919 leads nowhere: its callers are refused",
        "ring group 600 has no members",
        "queue 700 has no agents",
    ]

    run(mine, "hotline", "update", "19001919", "--destination", "600")
    run(mine, "ring-group", "update", "600", "--members", "101")
    run(mine, "queue", "update", "700", "--agents", "101")
    assert found() == ["1 extensions, 1 hotlines, 1 ring groups, 1 queues"]
    assert Examined(empty).exit_code == 0


def test_another_master_key_is_told(empty: dict[str, str]) -> None:
    run(empty, "migrate")
    run(empty, "domain", "create", DOMAIN)
    assert Examined(empty).found("secrets") == "there are none yet"
    run(empty, "user", "create", f"admin@{DOMAIN}")
    assert Examined(empty).states("secrets") == ["ok"]
    examined = Examined({**empty, "TONGDAI_SECRET": SECRET[::-1]})
    assert examined.failed == {"secrets"}


async def test_a_missing_policy_is_told(empty: dict[str, str]) -> None:
    await migrate.apply(empty["TONGDAI_DSN"])
    tx = await db.connect(empty["TONGDAI_DSN"])
    await tx.execute("ALTER TABLE cdrs DISABLE ROW LEVEL SECURITY")
    await tx.close()
    examined = await asyncio.to_thread(Examined, empty)
    assert examined.failed == {"isolation"}
    assert "cdrs has no row security" in examined.found("isolation")


def test_a_demo_left_behind_is_told(empty: dict[str, str]) -> None:
    run(empty, "migrate")
    run(empty, "domain", "create", "demo.tongdai.local")
    assert "the demo is still here" in Examined(empty).found("demo.tongdai.local")
    assert "the demo is still here" not in Examined({**empty, "TONGDAI_SANDBOX": "1"}).found(
        "demo.tongdai.local"
    )


def test_a_trunk_that_does_not_answer_is_told(running: dict[str, str], ready: Any) -> None:
    mine = {**running, "TONGDAI_DOMAIN": ready["domain"]}
    assert run(mine, "trunk", "create", "dead", "--host", "127.0.0.9:9").exit_code == 0
    try:
        deadline = time.monotonic() + 20
        while "trunk dead does not answer" not in Examined(running).found(ready["domain"]):
            assert time.monotonic() < deadline
    finally:
        run(mine, "trunk", "delete", "dead")


def test_a_machine_without_a_network_is_told_that_browsers_stay_silent() -> None:
    """Where this process may make a network, with nothing but loopback in it."""

    async def examined() -> str:
        return machine.browsers().state

    try:
        network = Network(loopback_only=True)
    except NotAllowed as reason:
        pytest.skip(str(reason))
    try:
        assert network.run(examined()) == "warn"
    finally:
        network.close()
    network = Network()
    try:
        assert network.run(examined()) == "ok"
    finally:
        network.close()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("203.0.113.10:5060", "this machine does not have it"),
        ("sip.carrier.invalid:5060", "this name does not resolve"),
    ],
)
def test_an_address_that_this_machine_does_not_have_is_told(
    idle: dict[str, str], address: str, told: str
) -> None:
    examined = Examined({**idle, "TONGDAI_SIP": address})
    assert "sip" in examined.failed
    assert examined.found("sip").startswith(f"{address}: {told}")
    assert examined.exit_code == 1


@pytest.mark.parametrize(
    ("days", "state", "told"),
    [(-0.5, "fail", "has ended on"), (5, "warn", "ends on"), (90, "ok", "is valid until")],
)
def test_a_certificate_that_ends_is_told(
    idle: dict[str, str], tmp_path: Path, days: float, state: str, told: str
) -> None:
    files = certificate.write(tmp_path, days=days)
    tls = {f"TONGDAI_{name.upper()}": value for name, value in files.items()}
    examined = Examined({**idle, **tls, "TONGDAI_SIP_TLS": free_address()})
    assert examined.states("certificate") == [state]
    assert told in examined.found("certificate")


def test_a_certificate_of_another_key_is_told(idle: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    files = certificate.write(tmp_path) | {
        "sip_tls_key": certificate.write(tmp_path / "other")["sip_tls_key"]
    }
    tls = {f"TONGDAI_{name.upper()}": value for name, value in files.items()}
    assert "certificate" in Examined({**idle, **tls}).failed


def test_the_version_of_postgresql_is_told(empty: dict[str, str]) -> None:
    run(empty, "migrate")
    run(empty, "domain", "create", DOMAIN)
    examined = Examined(empty)
    assert examined.states("postgresql version") == ["ok"]
    assert examined.found("postgresql version").endswith("; 15 to 18 are supported")


@pytest.mark.parametrize(("supported", "state"), [((19, 20), "fail"), ((15, 17), "warn")])
def test_a_postgresql_that_was_not_tried_is_told(
    empty: dict[str, str], monkeypatch: pytest.MonkeyPatch, supported: tuple[int, int], state: str
) -> None:
    run(empty, "migrate")
    monkeypatch.setattr(db, "SUPPORTED", supported)
    assert Examined(empty).states("postgresql version") == [state]


async def test_a_refused_registration_and_a_host_that_nobody_knows_fail(
    empty: dict[str, str],
) -> None:
    mine = {**empty, "TONGDAI_DOMAIN": DOMAIN}

    def made() -> None:
        run(empty, "migrate")
        run(empty, "domain", "create", DOMAIN)
        registers = ("--auth", "registration", "--username", "us", "--password", "correct-horse")
        host = ("--host", "203.0.113.7")
        assert run(mine, "trunk", "create", "refused", *registers, *host).exit_code == 0
        run(mine, "trunk", "create", "lost", "--host", "sip.carrier.invalid")

    await asyncio.to_thread(made)
    tx = await db.connect(empty["TONGDAI_DSN"])
    await tx.execute(
        """
        INSERT INTO trunk_registrations
          (domain_uuid, trunk_uuid, is_registered, sip_status, since, heard_at)
        SELECT domain_uuid, trunk_uuid, false, 403, now(), now() FROM trunks
        WHERE name = 'refused'
        """
    )
    await tx.close()

    examined = await asyncio.to_thread(Examined, empty)

    assert examined.failed == {DOMAIN}
    assert examined.exit_code == 1
    assert re.search("trunk refused: .* the carrier answers 403", examined.found(DOMAIN))
    assert "trunk lost: " in examined.found(DOMAIN)


async def test_failing_webhooks_are_told(empty: dict[str, str]) -> None:
    await migrate.apply(empty["TONGDAI_DSN"])
    database = db.Database(empty["TONGDAI_DSN"], size=1)
    await database.open()
    try:
        async with database.transaction() as tx:
            domain = await domains.insert(tx, DOMAIN)
        key = MasterKey(SECRET.encode())
        for name in ("ringing", "cdr", "hangup"):
            await samples.subscribe(database, key, domain, name, f"https://crm.vn/{name}")
        async with database.transaction() as tx:
            await tx.execute(
                "UPDATE subscriptions SET failing_since = '2026-11-30 08:00Z'"
                " WHERE event_name <> 'hangup'"
            )
            await tx.execute(
                "UPDATE subscriptions SET enabled = false, disabled_reason = 'Failures.'"
                " WHERE event_name = 'cdr'"
            )
    finally:
        await database.close()
    found = (await asyncio.to_thread(Examined, empty)).found(DOMAIN)
    assert "webhook ringing to https://crm.vn/ringing fails since 2026-11-30 08:00 UTC" in found
    assert "webhook cdr to https://crm.vn/cdr is disabled: Failures." in found
    assert "hangup" not in found
