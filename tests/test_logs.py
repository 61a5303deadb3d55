"""The log where it is no terminal."""

import re

import structlog

from tongdai import logs


def said(**event: object) -> str:
    return logs.line(None, "info", {"event": "call.moved", **event})


def test_an_event_is_one_line() -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT[\d:.]+ \[info     \] call\.moved {21}"
        r"domain=a\.vn legs=2 events=\['cdr'\]",
        said(domain="a.vn", legs=2, events=["cdr"]),
    )


def test_what_strangers_send_begins_no_line() -> None:
    assert "\n" not in said(dialled="1\n2026-11-23T12:00:00 [info     ] forged", why="\x1b[2J")


def test_an_exception_is_told_without_locals() -> None:
    secret = "not to be told"
    try:
        len(secret, secret)  # type: ignore[call-arg]
    except TypeError:
        event = structlog.processors.format_exc_info(
            None, "exception", {"event": "call.failed", "exc_info": True}
        )
        told = logs.line(None, "exception", event)

    assert "[error    ] call.failed\nTraceback" in told
    assert "TypeError: len() takes exactly one argument" in told
    assert secret not in told
