"""Calls refused because of their media, as Asterisk 22 logs them."""

from pathlib import Path

import pytest

from tests.asterisk.sip_logs import line
from tongdai.asterisk import refused_media, sip_log
from tongdai.asterisk.refused_media import RefusedOffer
from tongdai.asterisk.security import Offset

SESSION = "res_pjsip_session.c"
CAPS = "res_pjsip_session/pjsip_session_caps.c"
PROFILE = "{}: Couldn't negotiate stream 0:audio-0:audio:sendrecv (nothing)"
CODECS = "'{}' Caps for {} call with pref 'local' - remote: ({}) local: (alaw|ulaw) joint: ({})"
TRUNK = "01a208b1-0000-7000-8000-000000000001"


def offer(text: str) -> RefusedOffer | None:
    entry = sip_log.entry(text)
    assert entry
    return refused_media.offer(entry)


@pytest.mark.parametrize("name", ["101@a.vn", "101-webrtc@a.vn", TRUNK, "line@Tongdai"])
def test_whose_call_was_refused(name: str) -> None:
    profile = offer(line(SESSION, f" {PROFILE.format(name)}", "ERROR"))
    codecs = offer(line(CAPS, CODECS.format(name, "incoming audio", "g729|ilbc", "nothing")))
    assert profile
    assert codecs
    assert (profile.endpoint, profile.codecs) == (name, "")
    assert (codecs.endpoint, codecs.codecs) == (name, "g729|ilbc")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("other.c", PROFILE.format("101@a.vn")),
        ("other.c", CODECS.format("101@a.vn", "incoming audio", "g729", "nothing")),
        (SESSION, CODECS.format("101@a.vn", "incoming audio", "g729", "nothing")),
        (SESSION, PROFILE.format("PJSIP/101@a.vn-0000001f")),
        (CAPS, CODECS.format("PJSIP/101@a.vn-0000001f", "incoming audio", "g729", "nothing")),
        (CAPS, CODECS.format("101@a.vn", "incoming audio", "alaw|g729", "alaw")),
        (CAPS, CODECS.format("101@a.vn", "incoming video", "h264", "nothing")),
        (CAPS, CODECS.format("101@a.vn", "outgoing audio", "g729", "nothing")),
    ],
)
def test_other_entries(source: str, text: str) -> None:
    """Also of a call that goes on, whose re-INVITE was refused."""
    assert offer(line(source, text)) is None


def test_a_log_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "sip"
    path.write_text(line(SESSION, PROFILE.format("101@a.vn")) + line("a.c", "b"))
    found, offset = refused_media.read(path, Offset())
    assert [each.endpoint for each in found] == ["101@a.vn"]
    with path.open("a") as file:
        file.write(line(SESSION, PROFILE.format("102@a.vn")))
    assert [each.endpoint for each in refused_media.read(path, offset)[0]] == ["102@a.vn"]
