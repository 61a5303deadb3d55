"""The carriers' answers to our REGISTER requests, from Asterisk's log of them (logger.conf).

ARI tells nothing of outbound registrations. The log has a line for each answer, of the one module
that registers (docs/decisions/0053-registrations-from-the-log.md); the forms are those of Asterisk
22.
"""

import re
from datetime import datetime
from pathlib import Path

import msgspec

from tongdai.asterisk import security
from tongdai.asterisk.security import Offset

_LINE = re.compile(
    r"\[(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\] "
    r"(?:WARNING|DEBUG)\[\d+\](?:\[C-[0-9a-f]+\])? "
    r"res_pjsip_outbound_registration\.c: (?P<text>.*)"
)
_SUCCESS = re.compile(r"Outbound registration to '([^']*)' with client '([^']*)' successful")
_FAILURE = re.compile(
    r"(?:(?:Temporal|Fatal) response '(\d{3})' received|'?(\d{3})'?(?: Forbidden)? fatal response "
    r"received|No response received) from '([^']*)' on registration attempt to '([^']*)'"
)
REGISTERED = 200


class Answer(msgspec.Struct, frozen=True):
    """A carrier's final answer to a REGISTER; 0: it gave none. The URIs are those of the
    registration (provisioning). `at` is naive, in the machine's local time.
    """

    at: datetime
    server_uri: str
    client_uri: str
    sip_status: int


def answer(line: str) -> Answer | None:
    """The answer that the line tells of, or None."""
    if (found := _LINE.match(line)) is None:
        return None
    at, text = datetime.fromisoformat(found["at"]), found["text"]
    if success := _SUCCESS.search(text):
        return Answer(at, success[1], success[2], REGISTERED)
    if failure := _FAILURE.search(text):
        temporal, fatal, server_uri, client_uri = failure.groups()
        return Answer(at, server_uri, client_uri, int(temporal or fatal or 0))
    return None


def read(path: Path, offset: Offset) -> tuple[list[Answer], Offset]:
    """As security.read."""
    lines, after = security.tail(path, offset)
    return [found for line in lines if (found := answer(line))], after
