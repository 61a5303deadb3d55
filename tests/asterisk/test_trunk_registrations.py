"""The carriers' answers to our registrations, as Asterisk 22 logs them."""

from pathlib import Path

import pytest

from tongdai.asterisk import security
from tongdai.asterisk import trunk_registrations as registrations

AT = "[2026-11-30 15:50:05.283] "
FILE = "res_pjsip_outbound_registration.c: "
BOTH = ("sip:c.vn:5080", "sip:u1@c.vn")


@pytest.mark.parametrize(
    ("text", "sip_status"),
    [
        ("DEBUG[7] {}Outbound registration to '{}' with client '{}' successful", 200),
        (
            "WARNING[7] {}Temporal response '401' received from '{}' on {} '{}', retrying in '30'",
            401,
        ),
        ("WARNING[7] {}403 Forbidden fatal response received from '{}' on {} '{}', retrying", 403),
        ("WARNING[7] {}'404' fatal response received from '{}' on {} '{}', retrying in '60'", 404),
        ("WARNING[7] {}Fatal response '423' received from '{}' on {} '{}', stopping", 423),
        ("WARNING[7] {}No response received from '{}' on {} '{}', retrying in '30'", 0),
    ],
)
def test_answers(text: str, sip_status: int) -> None:
    line = text.replace("on {} ", "on registration attempt to ")
    found = registrations.answer(AT + line.format(FILE, *BOTH))
    assert found
    assert (found.server_uri, found.client_uri, found.sip_status) == (*BOTH, sip_status)


@pytest.mark.parametrize(
    "line",
    [
        f"{AT}WARNING[7] other.c: Outbound registration to 'a' with client 'b' successful",
        f"{AT}DEBUG[7] {FILE}Sending authenticated REGISTER to server 'a' from client 'b'",
        "Outbound registration to 'a' with client 'b' successful",
        "",
    ],
)
def test_other_lines(line: str) -> None:
    assert registrations.answer(line) is None


def test_the_log_is_read_once(tmp_path: Path) -> None:
    line = f"{AT}DEBUG[7] {FILE}Outbound registration to 'a' with client 'b' successful\n"
    (log := tmp_path / "registrations").write_text(line * 2 + line[:40])
    answers, offset = registrations.read(log, security.Offset())
    assert [each.sip_status for each in answers] == [200, 200]
    with log.open("a") as file:
        file.write(line[40:])
    again, offset = registrations.read(log, offset)
    assert len(again) == 1
    assert registrations.read(log, offset)[0] == []
