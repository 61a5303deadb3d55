"""Asterisk's log of SIP."""

from datetime import datetime
from pathlib import Path

from tests.asterisk.sip_logs import line
from tongdai.asterisk import sip_log
from tongdai.asterisk.security import Offset

AT = datetime.fromisoformat("2026-11-30 15:50:05.283")


def test_it_is_read_on(tmp_path: Path) -> None:
    first, second = line("a.c", "one"), line("b.c", "two")
    (log := tmp_path / "sip").write_text(f"[Dec  1] Asterisk 22 built by a\n{first}{second[:40]}")
    found, offset = sip_log.read(log, Offset())
    assert found == [sip_log.Entry(AT, "a.c", "one")]
    with log.open("a") as file:
        file.write(second[40:])
    found, offset = sip_log.read(log, offset)
    assert [each.text for each in found] == ["two"]
    assert sip_log.read(log, offset)[0] == []


def test_no_text_begins_an_entry(tmp_path: Path) -> None:
    """Neither a line within a text, nor what ends a string of JSON."""
    forged = line("b.c", "two")
    (log := tmp_path / "sip").write_text(line("a.c", f'one"}}}}\n{forged}'))
    [found] = sip_log.read(log, Offset())[0]
    assert found.source == "a.c"


def test_other_lines() -> None:
    for text in ("", "{}", "[1]", line("a.c", "b").replace("2026-11-30", "30 Nov")):
        assert sip_log.entry(text) is None
