"""tongdai config: every setting with its value, and no secret in it."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import run
from tongdai import errors, settings, settings_file
from tongdai.cli import terminal

SECRET = "a master key of thirty-two characters or more"


def test_every_setting_has_a_meaning_and_a_default() -> None:
    told = json.loads(run({}, "config", "--json").stdout)
    assert [one["variable"] for one in told] == [
        f"TONGDAI_{name.upper()}" for name in settings.Settings.__struct_fields__
    ]
    assert all(one["meaning"].endswith(".") for one in told)
    assert all(one["value"] == one["default"] for one in told)
    assert {one["variable"]: one["default"] for one in told}["TONGDAI_HTTP"] == "127.0.0.1:8080"


def test_present_values_are_shown_and_marked() -> None:
    told = run(
        {"TONGDAI_SANDBOX": "1", "TONGDAI_RTP": "20000-20999"}, "config"
    ).stdout.splitlines()
    assert "* TONGDAI_SANDBOX=true" in told
    assert "* TONGDAI_RTP=20000-20999" in told
    assert "  TONGDAI_HTTP=127.0.0.1:8080" in told


def test_secrets_are_covered() -> None:
    environ = {
        "TONGDAI_SECRET": SECRET,
        "TONGDAI_DSN": "postgresql://tongdai:Hidden.1@db.example.vn:5432/tongdai?password=Hidden.2&sslmode=require",
        "TONGDAI_ASTERISK_URL": "http://tongdai:Hidden.3@127.0.0.1:8088",
    }
    told = run(environ, "config").stdout
    assert "Hidden" not in told
    assert SECRET not in told
    assert (
        "postgresql://tongdai:***@db.example.vn:5432/tongdai?password=***&sslmode=require" in told
    )
    assert "http://tongdai:***@127.0.0.1:8088" in told


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("TONGDAI_HTTP", "8080", "expected host:port"),
        ("TONGDAI_RTP", "20000", "expected first-last"),
        ("TONGDAI_RTP", "20000-10000", "expected first-last"),
        ("TONGDAI_DSN", "mysql://x", "expected postgresql://"),
        (
            "TONGDAI_ASTERISK_URL",
            "http://127.0.0.1:8088",
            "expected http://user:password@host:port",
        ),
        ("TONGDAI_CALLBACK_ALLOW", "intranet", "does not appear to be an IPv4 or IPv6 network"),
        ("TONGDAI_TOKEN_LIFE_S", "0", "must be more than 0"),
        ("TONGDAI_LOG_LEVEL", "loud", "Invalid enum value"),
        ("TONGDAI_SANDBOX", "perhaps", "Expected `bool`"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(variable: str, value: str, why: str) -> None:
    refused = run({variable: value}, "config")
    assert refused.exit_code == 4
    assert refused.stderr.startswith(f"error: {variable}={value!r}: ")
    assert why in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_wrong_secret_is_named_without_showing_it() -> None:
    with pytest.raises(
        errors.SetupError, match="TONGDAI_SECRET='\\*\\*\\*': at least 32 characters"
    ):
        settings.load({"TONGDAI_SECRET": "Hidden"})


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(errors.SetupError, match=r"TONGDAI_HTTP.*; TONGDAI_SIP"):
        settings.load({"TONGDAI_HTTP": "x", "TONGDAI_SIP": "y"})


def test_settings_files_hold_what_each_shell_would_have_to_know(tmp_path: Path) -> None:
    (tmp_path / "settings").write_text(
        "# of this installation\nTONGDAI_HTTP=0.0.0.0:8081\nTONGDAI_SIP='192.0.2.1:5060'\n"
        "TONGDAI_SECRET=$no{interpolation}, and an = in it as well\n",
        "utf-8",
    )
    (machine := tmp_path / "tongdai.env").write_text(
        f"TONGDAI_DATA={tmp_path}\nTONGDAI_SIP=192.0.2.9:5060\nTONGDAI_RTP=20000-20999\n", "utf-8"
    )
    found = settings.load(
        settings_file.environment({"TONGDAI_HTTP": "127.0.0.1:9", "HOME": "/"}, system=machine)
    )
    assert found.http == "127.0.0.1:9", "the environment is the strongest"
    assert found.sip == "192.0.2.1:5060", "then the data folder's file"
    assert (found.rtp, found.data) == ("20000-20999", tmp_path), "then the machine's"
    assert found.secret == "$no{interpolation}, and an = in it as well"
    shown = run({"TONGDAI_DATA": str(tmp_path)}, "config").stdout.splitlines()
    assert "* TONGDAI_HTTP=0.0.0.0:8081" in shown


@pytest.mark.parametrize("content", [b"TONGDAI_HTTP", b"\xff\xfe=1", b"TONGDAI_HTTP=8080"])
def test_a_wrong_settings_file_is_named_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "settings").write_bytes(content)
    refused = run({"TONGDAI_DATA": str(tmp_path)}, "config")
    assert refused.exit_code == 4
    assert refused.stderr.count("\n") == 1
    assert "TONGDAI_HTTP" in refused.stderr or str(tmp_path / "settings") in refused.stderr


def test_an_option_of_up_is_stronger_than_the_file(tmp_path: Path) -> None:
    (tmp_path / "settings").write_text(
        "TONGDAI_HTTP=0.0.0.0:8081\nTONGDAI_DATA=/elsewhere\n", "utf-8"
    )
    named = {"TONGDAI_DATA": str(tmp_path), "TONGDAI_HTTP": "127.0.0.1:8082"}
    found = settings_file.environment(named, system=tmp_path / "none")
    assert found == named, "its own file cannot name the data folder"


def test_what_steers_a_terminal_is_shown_and_not_obeyed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.fields({"name": "Ánh\x1b[2J\nforged", "all": ("a\u202eb",)}, as_json=False)
    shown = capsys.readouterr().out
    assert "Ánh\\x1b[2J\\nforged" in shown
    assert "\u202e" not in shown
