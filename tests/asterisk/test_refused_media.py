"""Calls refused because of their media, as Asterisk 22 logs them."""

from pathlib import Path

import pytest

from tongdai.asterisk import refused_media
from tongdai.asterisk.security import Offset

AT = "[2026-11-30 19:06:20.643] "
WHAT = "Couldn't negotiate stream 0:audio-0:audio:sendrecv (nothing)"
TRUNK = "01a208b1-0000-7000-8000-000000000001"


@pytest.mark.parametrize("name", ["101@a.vn", "101-webrtc@a.vn", TRUNK, "line@Tongdai"])
def test_whose_call_was_refused(name: str) -> None:
    line = f"{AT}ERROR[13232] res_pjsip_session.c:  {name}: {WHAT}"
    assert refused_media.endpoint(line) == name


@pytest.mark.parametrize(
    "line",
    [
        f"{AT}ERROR[7] other.c:  101@a.vn: {WHAT}",
        f"{AT}WARNING[7] res_pjsip_session.c:  101@a.vn: {WHAT}",
        f"{AT}ERROR[7][C-0000001f] res_pjsip_session.c:  PJSIP/101@a.vn-0000001f: {WHAT}",
        f"{AT}NOTICE[7] a.c: '{AT}ERROR[7] res_pjsip_session.c:  101@a.vn: {WHAT}'",
        "",
    ],
)
def test_other_lines(line: str) -> None:
    """Also of a call that goes on, whose re-INVITE was refused."""
    assert refused_media.endpoint(line) is None


def test_a_log_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_text(f"{AT}ERROR[7] res_pjsip_session.c:  101@a.vn: {WHAT}\n{AT}NOTICE[7] a.c: b\n")
    found, offset = refused_media.read(path, Offset())
    assert found == ["101@a.vn"]
    with path.open("a") as file:
        file.write(f"{AT}ERROR[7] res_pjsip_session.c:  102@a.vn: {WHAT}\n")
    assert refused_media.read(path, offset)[0] == ["102@a.vn"]
