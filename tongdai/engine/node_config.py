"""The node that an engine steers: one Asterisk, and where its files are."""

from pathlib import Path

import msgspec

from tongdai.asterisk import reconnect
from tongdai.asterisk.reconnect import Address, Timing
from tongdai.recording_files import RecordingFiles


class NodeConfig(msgspec.Struct, frozen=True):
    node: str  # its name in the database, the same for ever
    address: Address
    journal: Path  # CEL, written by the switch
    spool: Path  # parts of recordings, written by the switch
    recordings: RecordingFiles  # where recordings are kept
    recording_url: str  # what a recording token is appended to
    timing: Timing = reconnect.DEFAULT  # of the link
