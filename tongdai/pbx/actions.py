"""What the switch must do next."""

from uuid import UUID

import msgspec


class Party(msgspec.Struct, frozen=True):
    """Whom to call: an extension's phones ("101@domain"), or `number` by a trunk (the trunk's UUID
    as endpoint).
    """

    endpoint: str
    number: str = ""


class Dial(msgspec.Struct, frozen=True):
    """Ring the parties together for at most `timeout_s`; the first to answer talks with the
    channel.

    `caller_id` is the number they see. `music` plays to the caller meanwhile instead of ringing.
    The recording hangs on the party outside the house, which stays when a phone transfers: the
    caller, or the callee.
    """

    channel: str
    parties: tuple[Party, ...]
    timeout_s: int
    caller_id: str
    caller_name: str = ""
    record: bool = False
    music: str = ""


class Wait(msgspec.Struct, frozen=True):
    """Answer the channel and play it the music class until something else is done with it."""

    channel: str
    music: str


class HangUp(msgspec.Struct, frozen=True):
    """End the channel with a Q.850 cause."""

    channel: str
    cause: int


class Originate(msgspec.Struct, frozen=True):
    """Call an extension's phones under these channel ids, one a phone; whoever answers is sent to
    dial `then`.
    """

    channels: tuple[str, ...]
    endpoint: str
    timeout_s: int
    caller_id: str
    caller_name: str
    auto_answer: bool
    call_uuid: UUID
    then: Dial


class FinishRecording(msgspec.Struct, frozen=True):
    """Close and keep the call's recording, then signal RecordingFinished."""

    call_uuid: UUID


class Record(msgspec.Struct, frozen=True):
    """Record the call on this channel from now on, instead of where it was recorded until now."""

    channel: str
    call_uuid: UUID


class Rotate(msgspec.Struct, frozen=True):
    """Let the round robin of this ring group begin one further on."""

    ring_group: str


Action = Dial | Wait | HangUp | Originate | FinishRecording | Record | Rotate
