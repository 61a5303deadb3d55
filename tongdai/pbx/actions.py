"""Actions: the next things to do for a call."""

from typing import Literal
from uuid import UUID

import msgspec


class Party(msgspec.Struct, frozen=True):
    """A dial target: all contacts of a device (`endpoint` is the name of its `Endpoint`), or
    `number` by a trunk (`endpoint` is its UUID).
    """

    endpoint: str
    number: str = ""


class Dial(msgspec.Struct, frozen=True):
    """Ring the parties together for at most `timeout_s`; the first to answer talks with the
    channel.

    `caller_id` is the number presented. `music` plays to the caller meanwhile instead of ringing.
    The recording hangs on the external party, which stays when a phone transfers: the caller, or
    the callee.
    """

    channel: str
    parties: tuple[Party, ...]
    timeout_s: int
    caller_id: str
    caller_name: str = ""
    record: bool = False
    music: str = ""
    stereo: bool = False  # of the recording: both sides apart


class Wait(msgspec.Struct, frozen=True):
    """Answer the channel and play it the music-on-hold class until the next action."""

    channel: str
    music: str


class Ask(msgspec.Struct, frozen=True):
    """Answer the channel and play it these files of prompts; then wait `timeout_s` for a key
    (0: wait for none). After one of the keys `more`, further ones may follow, up to `most` in all.
    The signal Chosen tells of them. `rest` rings if no engine takes the channel back.
    """

    channel: str
    files: tuple[str, ...]
    timeout_s: int
    more: str
    most: int
    rest: Dial


class HangUp(msgspec.Struct, frozen=True):
    """End the channel with a Q.850 cause. `sip_status`: the final SIP response to a caller that
    waits for our decision; 0: the one that Asterisk makes of the cause. `is_asked`: a user asked
    for it, so it holds also for a channel that the dialplan has taken on meanwhile.
    """

    channel: str
    cause: int
    sip_status: int = 0
    is_asked: bool = False


class Contact(msgspec.Struct, frozen=True):
    """A registered phone to call: the id for its channel, and its address as Dial() takes it
    (PJSIP/101@domain/sip:101@192.0.2.7:5060).
    """

    channel: str
    address: str


class Originate(msgspec.Struct, frozen=True):
    """Call these phones of an extension; the one that answers dials `then`."""

    contacts: tuple[Contact, ...]
    timeout_s: int
    caller_id: str
    caller_name: str
    auto_answer: bool
    call_uuid: UUID
    then: Dial


class Confirm(msgspec.Struct, frozen=True):
    """Answer the channel, play it a tone that says "done", and end it."""

    channel: str


class PickUp(msgspec.Struct, frozen=True):
    """The channel takes the call that rings at `target`: the signal LegAnswered tells that it
    has.
    """

    channel: str
    target: str
    call_uuid: UUID


class Park(msgspec.Struct, frozen=True):
    """Answer the channel and play it the music-on-hold class for `timeout_s`; then the signal
    Chosen, without keys, tells so. `rest` rings if no engine takes the channel back.
    """

    channel: str
    music: str
    timeout_s: int
    rest: Dial


class Fetch(msgspec.Struct, frozen=True):
    """Answer the channel, an extension's, and connect it with `other`, which is parked; then
    signal LegAnswered. If `record`, the talk is recorded, if `stereo` both sides apart.
    """

    channel: str
    other: str
    call_uuid: UUID
    record: bool
    stereo: bool = False


class Record(msgspec.Struct, frozen=True):
    """Record the call on this channel, of the party that stays, from now on, no longer on the
    former one. `far`: both sides apart, the party outside is heard in that direction of the
    channel ("in": it is that party); "": together.
    """

    channel: str
    call_uuid: UUID
    far: Literal["", "in", "out"] = ""


class StopRecord(msgspec.Struct, frozen=True):
    """The call is recorded no longer."""

    channel: str
    call_uuid: UUID


class Adopt(msgspec.Struct, frozen=True):
    """The channel, by this name in Asterisk, belongs to the call: its variables say so, and the
    CEL log will.
    """

    channel: str
    name: str
    call_uuid: UUID


class Steer(msgspec.Struct, frozen=True):
    """Base of actions on the two parties that talk, `channel` and `other`. The switch tells the
    outcome by the signal Executed with this `number`, which differs for each of a call; it does
    nothing of it, or all. It begins once the action `after` of the call is over (0: there was
    none).
    """

    channel: str
    other: str
    call_uuid: UUID
    number: int
    after: int


class Part(Steer, frozen=True):
    """The two wait apart with this music-on-hold class. If nothing else is asked of the switch for
    long, it connects them again.
    """

    music: str


class Rejoin(Steer, frozen=True):
    """The two that wait apart talk again."""


class Rerecord(Steer, frozen=True):
    """The recording ends; if `record`, another part begins. The talk goes on."""

    record: bool


class SendAway(Steer, frozen=True):
    """The channel leaves the talk for the number `to` (signal BlindTransferred), as if `other` had
    transferred it; `other` is released.
    """

    to: str


class Mute(Steer, frozen=True):
    """`other` does not hear the channel any more; or it hears it again."""

    is_muted: bool


class Press(Steer, frozen=True):
    """The channel hears these keys."""

    digits: str


class Play(Steer, frozen=True):
    """Both parties hear the sound of that name in the folder of prompts."""

    file: str


SteerAction = Part | Rejoin | Rerecord | SendAway | Mute | Press | Play

SwitchAction = (
    Dial
    | Wait
    | Ask
    | Confirm
    | PickUp
    | Park
    | Fetch
    | HangUp
    | Originate
    | Record
    | Adopt
    | SteerAction
)
"""The actions that Asterisk executes (asterisk/switch.py)."""


class FinishRecording(msgspec.Struct, frozen=True):
    """Close and store the call's recording, then signal RecordingFinished."""

    call_uuid: UUID


class Rotate(msgspec.Struct, frozen=True):
    """Move the round robin of this ring group one member further on."""

    ring_group: str


class Setting(msgspec.Struct, frozen=True):
    """Fields of an extension, or of an hours plan, by its number or name."""

    noun: Literal["extension", "hours_plan"]
    name: str
    changes: dict[str, str | bool | None]


class Configure(msgspec.Struct, frozen=True):
    """Store the setting on behalf of the extension that dialled it, then signal Configured."""

    channel: str
    extension: str
    setting: Setting


Action = SwitchAction | StopRecord | FinishRecording | Rotate | Configure
