"""Calls that the switch refuses with 488 because of their media, from Asterisk's log.

Asterisk makes no channel of them: ARI and the CEL log tell nothing. The log has an entry where
the offered profile is not the endpoint's (SRTP, AVPF, DTLS), and one with the codecs of each offer
(docs/decisions/0148-refused-media-has-a-record.md); the forms are those of Asterisk 22.
"""

import re
from datetime import datetime
from pathlib import Path

import msgspec

from tongdai.asterisk import sip_log
from tongdai.asterisk.security import Offset
from tongdai.asterisk.sip_log import Entry

# that of a channel, with a slash, is of a call that goes on
_ENDPOINT = r"(?P<endpoint>[A-Za-z0-9@._-]+)"
_PROFILE = re.compile(rf"{_ENDPOINT}: Couldn't negotiate stream ")
_CODECS = re.compile(
    rf"'{_ENDPOINT}' Caps for incoming audio call with pref '[a-z_]+' - "
    r"remote: \((?P<codecs>[^()]*)\) local: \([^()]*\) joint: \(nothing\)"
)
_FORMS = {
    "res_pjsip_session.c": _PROFILE,
    "res_pjsip_session/pjsip_session_caps.c": _CODECS,
}


class RefusedOffer(msgspec.Struct, frozen=True):
    """The offer of a call that was refused. `at` is naive, in the machine's local time; `codecs`
    as Asterisk names them, "g729|ilbc", "" where another thing than the codecs was wrong.
    """

    at: datetime
    endpoint: str
    codecs: str = ""


def offer(entry: Entry) -> RefusedOffer | None:
    """The refused offer that the entry tells of, or None."""
    form = _FORMS.get(entry.source)
    found = form.match(entry.text) if form else None
    return RefusedOffer(entry.at, **found.groupdict()) if found else None


def read(path: Path, offset: Offset) -> tuple[list[RefusedOffer], Offset]:
    """As sip_log.read."""
    entries, after = sip_log.read(path, offset)
    return [found for each in entries if (found := offer(each))], after
