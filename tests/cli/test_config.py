"""tongdai config: every setting with its value, and no secret in it."""

import json

import pytest

from tests.cli.conftest import run
from tongdai import errors, settings

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
