"""Calls that the switch refuses with 488 because of their media, from Asterisk's own log
(logger.conf, `messages`).

Asterisk makes no channel of them: ARI and the CEL log tell nothing. The log has a line where the
offered profile is not the endpoint's (SRTP, AVPF, DTLS); the form is that of Asterisk 22. Where
only the codecs do not fit, Asterisk says nothing at all (docs/phones.md).
"""

import re
from pathlib import Path

from tongdai.asterisk import security
from tongdai.asterisk.security import Offset

_LINE = re.compile(
    r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] ERROR\[\d+\](?:\[C-[0-9a-f]+\])? "
    # the endpoint's name; that of a channel, with a slash, is of a call that goes on
    r"res_pjsip_session\.c:\s+([A-Za-z0-9@._-]+): Couldn't negotiate stream "
)


def endpoint(line: str) -> str | None:
    """The name of the endpoint whose call was refused, or None."""
    found = _LINE.match(line)
    return found[1] if found else None


def read(path: Path, offset: Offset) -> tuple[list[str], Offset]:
    """The endpoints in the lines of `security.tail`, one for each call."""
    lines, after = security.tail(path, offset)
    return [found for line in lines if (found := endpoint(line))], after
