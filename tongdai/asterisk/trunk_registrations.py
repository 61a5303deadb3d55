"""The carriers' answers to our REGISTER requests, from Asterisk's log.

ARI tells nothing of outbound registrations. The log has an entry for each answer, of the one
module that registers (docs/decisions/0053-registrations-from-the-log.md); the forms are those of
Asterisk 22.
"""

import re
from datetime import datetime
from pathlib import Path

import msgspec

from tongdai.asterisk import sip_log
from tongdai.asterisk.security import Offset
from tongdai.asterisk.sip_log import Entry

_SOURCE = "res_pjsip_outbound_registration.c"
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


def answer(entry: Entry) -> Answer | None:
    """The answer that the entry tells of, or None."""
    if entry.source != _SOURCE:
        return None
    if success := _SUCCESS.search(entry.text):
        return Answer(entry.at, success[1], success[2], REGISTERED)
    if failure := _FAILURE.search(entry.text):
        temporal, fatal, server_uri, client_uri = failure.groups()
        return Answer(entry.at, server_uri, client_uri, int(temporal or fatal or 0))
    return None


def read(path: Path, offset: Offset) -> tuple[list[Answer], Offset]:
    """As sip_log.read."""
    entries, after = sip_log.read(path, offset)
    return [found for each in entries if (found := answer(each))], after
