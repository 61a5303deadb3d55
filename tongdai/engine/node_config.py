"""The node that an engine controls: one Asterisk, and the places of its files."""

from pathlib import Path

import msgspec

from tongdai.asterisk import reconnect
from tongdai.asterisk.reconnect import Address, Timing
from tongdai.recording_files import RecordingFiles


class NodeConfig(msgspec.Struct, frozen=True):
    node: str  # its name in the database, the same for ever
    address: Address
    cel_log: Path  # the CEL log, written by the switch
    spool: Path  # parts of recordings, written by the switch
    recordings: RecordingFiles  # finished recordings
    recording_url: str  # prefix of a recording's token
    hints: Path | None = None  # the file of hints, read by the switch; None: it reads none
    jitter_buffer_ms: int = 0  # the most that one delays audio; 0: nobody gets one
    prompts: Path | None = None  # the folder of prompts, read by the switch; None: it reads none
    timing: Timing = reconnect.DEFAULT  # of the link
