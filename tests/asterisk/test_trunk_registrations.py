"""The carriers' answers to our registrations, as Asterisk 22 logs them."""

from pathlib import Path

import pytest

from tests.asterisk.sip_logs import line
from tongdai.asterisk import security, sip_log
from tongdai.asterisk import trunk_registrations as registrations

SOURCE = "res_pjsip_outbound_registration.c"
SUCCESS = "Outbound registration to 'a' with client 'b' successful"
BOTH = ("sip:c.vn:5080", "sip:u1@c.vn")


@pytest.mark.parametrize(
    ("text", "sip_status"),
    [
        ("Outbound registration to '{}' with client '{}' successful", 200),
        ("Temporal response '401' received from '{}' on {} '{}', retrying in '30'", 401),
        ("403 Forbidden fatal response received from '{}' on {} '{}', retrying", 403),
        ("'404' fatal response received from '{}' on {} '{}', retrying in '60'", 404),
        ("Fatal response '423' received from '{}' on {} '{}', stopping", 423),
        ("No response received from '{}' on {} '{}', retrying in '30'", 0),
    ],
)
def test_answers(text: str, sip_status: int) -> None:
    text = text.replace("on {} ", "on registration attempt to ").format(*BOTH)
    entry = sip_log.entry(line(SOURCE, text))
    assert entry
    found = registrations.answer(entry)
    assert found
    assert (found.server_uri, found.client_uri, found.sip_status) == (*BOTH, sip_status)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("other.c", SUCCESS),
        (SOURCE, "Sending authenticated REGISTER to server 'a' from client 'b'"),
    ],
)
def test_other_entries(source: str, text: str) -> None:
    entry = sip_log.entry(line(source, text))
    assert entry
    assert registrations.answer(entry) is None


def test_the_log_is_read_once(tmp_path: Path) -> None:
    told = line(SOURCE, SUCCESS)
    (log := tmp_path / "sip").write_text(told * 2 + told[:40])
    answers, offset = registrations.read(log, security.Offset())
    assert [each.sip_status for each in answers] == [200, 200]
    with log.open("a") as file:
        file.write(told[40:])
    again, offset = registrations.read(log, offset)
    assert len(again) == 1
    assert registrations.read(log, offset)[0] == []
