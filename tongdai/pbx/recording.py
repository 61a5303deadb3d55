"""Recordings: stored sound of a call. A call may have several; the first is its main one."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai import ids
from tongdai.pbx.actions import Action, Record, StopRecord
from tongdai.pbx.call import Call, Leg, Pause, Talking
from tongdai.pbx.directory import RecordingFormat
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import RecordingFinished

FORMATS: tuple[RecordingFormat, ...] = get_args(RecordingFormat)
Status = Literal["none", "pending", "ready", "failed", "deleted"]


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """`token` is the last part of its public URL. `status` "none": there was no sound.

    `file_key` is the name of its file in tongdai.recording_files, None without a file; `size` is
    in bytes, `duration_s` in seconds, `sha256` of the file in hexadecimal digits, `channels` 2 if
    both sides are apart: None until the recording is ready, and where an earlier version made it.
    `started_at` is UTC.
    """

    domain_uuid: UUID
    cdr_uuid: UUID
    recording_uuid: UUID
    token: str
    status: Status
    started_at: datetime
    file_key: str | None = None
    duration_s: float | None = None
    size: int | None = None
    channels: int | None = None
    sha256: str | None = None

    @property
    def format(self) -> RecordingFormat:
        """The format of its file."""
        ending = (self.file_key or "").rpartition(".")[2]
        return next((each for each in FORMATS if each == ending), "wav")


def of_talk(call: Call, leg: Leg, context: RoutingContext) -> tuple[Call, tuple[Action, ...]]:
    """The talk in which the leg is now is recorded on that leg, or not at all, by the settings of
    the extensions in it. A new part begins in any case: Asterisk's hook on a channel does not hear
    a new peer while its RTP sequence numbers (RFC 3550 §5.1) are lower than the former one's.
    """
    others = [each for each in call.live_legs if each.connected_at and each.channel != leg.channel]
    other = call.controlled if call.channel != leg.channel else next(iter(others), None)
    extensions = {each.number for each in (leg, other) if each and each.is_extension}
    if context.directory.records(*extensions):
        course = Talking(recording="apart") if isinstance(call.course, Talking) else call.course
        call = replace(call, record=True, course=course)
        is_stereo = context.directory.domain.recording_stereo
        far: Literal["", "in", "out"] = ("out" if leg.is_extension else "in") if is_stereo else ""
        return call, (Record(leg.channel, call.call_uuid, far),)
    return call, (StopRecord(leg.channel, call.call_uuid),) if call.record else ()


def is_on(call: Call, talking: Talking, context: RoutingContext) -> bool:
    """Whether the talk is recorded now."""
    if talking.recording in ("", "apart"):
        extensions = [leg.number for leg in call.live_legs if leg.is_extension]
        return call.record and context.directory.records(*extensions)
    return talking.recording == "on"


def paused(call: Call, at: datetime) -> Call:
    """The call with a pause that begins then."""
    return replace(call, pauses=(*call.pauses, Pause(at)))


def without_pause(call: Call, at: datetime) -> Call:
    """The call with its pause ended then, if it is in one."""
    if not call.pauses or call.pauses[-1].until:
        return call
    *before, last = call.pauses
    return replace(call, pauses=(*before, replace(last, until=at)))


def main(call: Call, status: Status, finished: RecordingFinished | None = None) -> Recording:
    """The main recording of a call: the same id and token each time. `finished` describes the
    file.
    """
    is_stored = finished is not None and status == "ready"
    return Recording(
        domain_uuid=call.domain_uuid,
        cdr_uuid=call.call_uuid,
        recording_uuid=main_uuid(call.call_uuid),
        token=call.recording_token,
        status=status,
        started_at=call.answered_at or call.started_at,
        file_key=finished.file if finished and is_stored else None,
        duration_s=finished.duration_s if finished and is_stored else None,
        size=finished.size if finished and is_stored else None,
        channels=finished.channels if finished and is_stored else None,
        sha256=finished.sha256 if finished and is_stored else None,
    )


def main_uuid(call_uuid: UUID) -> UUID:
    """The id of the call's main recording. It holds the time of the call, so it sorts before ids
    of later recordings.
    """
    return ids.derived(call_uuid, "recording")
