"""Signals: the events of a call in our terms. Each has its moment (`at`, aware) and its
channel.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from tongdai.pbx.actions import SwitchAction
from tongdai.pbx.commands import ClickToCall, Control

Via = Literal["phone", "trunk"]


class Arrived(msgspec.Struct, frozen=True):
    """A new call waits to be routed. `endpoint` is a device's `Endpoint` or a trunk's UUID,
    according to `via`.

    Of a call from a carrier: `source` is the address (host:port) that it came from, "" if it
    authenticated as the trunk; `header` is the value of the header that the trunk's setting names
    for the number called; `identity` is P-Asserted-Identity, `privacy` is Privacy, as they were;
    `presentation` is the switch's, such as "prohib_not_screened".
    """

    call_uuid: UUID
    channel: str
    at: datetime
    via: Via
    endpoint: str
    dialled: str
    caller_number: str
    sip_call_id: str
    source: str = ""
    header: str = ""
    identity: str = ""
    privacy: str = ""
    presentation: str = ""


class ArrivedInFallback(Arrived, frozen=True):
    """The CEL log has a call that we did not route: the switch followed the fallback plan."""


class ArrivedInForeignCall(Arrived, frozen=True):
    """A device's INVITE took the place of a party in a call of another domain."""


class ArrivedRefused(Arrived, frozen=True, kw_only=True):
    """The switch refused a call because of its media (488), and made no channel of it: the number
    called is unknown, "", a carrier's caller too.
    """

    domain_uuid: UUID


class LegDialed(msgspec.Struct, frozen=True):
    """The switch has begun to call a party."""

    channel: str
    at: datetime
    endpoint: str
    sip_call_id: str


class LegRinging(msgspec.Struct, frozen=True):
    channel: str
    at: datetime


class LegForwarded(msgspec.Struct, frozen=True):
    """The party responded 3xx (RFC 3261 §21.3): it wants to be called at `to` instead, the user
    part of an address. The switch does not follow.
    """

    channel: str
    at: datetime
    to: str


class LegAnswered(msgspec.Struct, frozen=True):
    channel: str
    at: datetime
    sip_call_id: str = ""


class HangupAsked(msgspec.Struct, frozen=True):
    """A party hung up (its BYE or CANCEL came), or the switch did."""

    channel: str
    at: datetime


class LegHungUp(msgspec.Struct, frozen=True):
    """The channel is gone. `cause` is Q.850; `sip_status` the final SIP status, 0 if none.
    `reconstructed`: found afterwards, in the CEL log or by comparing; the log also gives the
    `dialstatus` of the channel's last Dial(), "" if it did not dial.
    """

    channel: str
    at: datetime
    cause: int
    sip_status: int = 0
    reconstructed: bool = False
    dialstatus: str = ""


class DialEnded(msgspec.Struct, frozen=True):
    """The channel's Dial() ended without an answer, and the channel is back in Stasis.
    `dialstatus` is DIALSTATUS, `cause` Q.850.
    """

    channel: str
    at: datetime
    dialstatus: str
    cause: int


class Chosen(msgspec.Struct, frozen=True):
    """The channel has heard a menu, and its party pressed these keys, "" for none; it waits to be
    routed.
    """

    channel: str
    at: datetime
    keys: str


class Configured(msgspec.Struct, frozen=True):
    """The setting that the channel's party dialled is stored, or was refused."""

    channel: str
    at: datetime
    is_done: bool


class PickupAsked(msgspec.Struct, frozen=True):
    """A phone of the extension dialled to take the call that rings at the channel `target`. Its
    own call `other`, which has not begun otherwise, is part of this one from now on.
    """

    channel: str
    at: datetime
    target: str
    extension: str
    other: UUID
    sip_call_id: str = ""


class RetrievalAsked(msgspec.Struct, frozen=True):
    """A phone of the extension dialled to take back the party that is parked. Its own call
    `other`, which has not begun otherwise, is part of this one from now on.
    """

    channel: str
    at: datetime
    extension: str
    other: UUID
    sip_call_id: str = ""


class BlindTransferred(msgspec.Struct, frozen=True):
    """The channel's peer transferred it to `dialled` (REFER, RFC 3515); it waits to be routed."""

    channel: str
    at: datetime
    dialled: str


class TransferredInFallback(BlindTransferred, frozen=True):
    """The CEL log has a blind transfer; unless we routed it, the switch followed the fallback
    plan.
    """


class AttendedTransferred(msgspec.Struct, frozen=True):
    """Two calls became one (REFER with Replaces, RFC 3891): `other` was the consultation; its legs
    are this call's now.
    """

    channel: str
    at: datetime
    other: UUID


class LegReplaced(msgspec.Struct, frozen=True):
    """Another party took the place of the channel `replaced` (INVITE with Replaces, RFC 3891).
    `endpoint` is its device's or trunk's, `name` the channel's name in Asterisk, `dialled` the
    user part of its Request-URI.
    """

    channel: str
    at: datetime
    replaced: str
    endpoint: str
    name: str
    dialled: str = ""
    sip_call_id: str = ""


class Severed(msgspec.Struct, frozen=True):
    """Asterisk joined a party of the call with one of another domain (REFER with Replaces)."""

    channel: str
    at: datetime


class AgentOffered(msgspec.Struct, frozen=True):
    """The queue offers this waiting call to this agent."""

    channel: str
    at: datetime
    extension: str


class AgentsLeft(msgspec.Struct, frozen=True):
    """The queue in which this call waits has no reachable agent any more."""

    channel: str
    at: datetime


class TimerFired(msgspec.Struct, frozen=True):
    """The moment of `call.due` has come."""

    channel: str
    at: datetime


class RecordingFinished(msgspec.Struct, frozen=True):
    """`file` is the key of the recording's file (tongdai.recording_files), "" if there was no
    sound; `failed` if it was lost. `size` is in bytes, `sha256` in hexadecimal digits.
    """

    channel: str
    at: datetime
    file: str
    failed: bool = False
    size: int = 0
    duration_s: float = 0.0
    channels: int = 1
    sha256: str = ""


class CommandAsked(msgspec.Struct, frozen=True):
    """An API user asked for a call: the command opens the mailbox of `call_uuid`; the call's first
    channel gets the id `channel`.
    """

    call_uuid: UUID
    channel: str
    at: datetime
    domain_uuid: UUID
    command: ClickToCall
    command_uuid: UUID | None = None  # in table commands; None: the API request is in this process
    traceparent: str = ""  # of the request's span (W3C Trace Context), if there are traces


class AskedOfCall(msgspec.Struct, frozen=True):
    """A user of this domain asked for something of a live call, and waits for the outcome of the
    command (the row `command_uuid`). `channel` is the one that was controlled then, "" if the call
    had none yet.
    """

    channel: str
    at: datetime
    domain_uuid: UUID
    command_uuid: UUID


class EndAsked(AskedOfCall, frozen=True):
    """The call is to end (`commands.EndCall`)."""


class ControlAsked(AskedOfCall, frozen=True):
    """A talk is to be steered."""

    command: Control


class Executed(msgspec.Struct, frozen=True):
    """The switch has done what the action `number` of the call asked for, or, if not `is_done`,
    nothing of it.
    """

    channel: str
    at: datetime
    number: int
    is_done: bool


class TalkFound(msgspec.Struct, frozen=True):
    """After a lost link: the parties of the talk are on hold by us, or talk."""

    channel: str
    at: datetime
    is_held: bool


class LegHeld(msgspec.Struct, frozen=True):
    """The phone has put the other party on hold."""

    channel: str
    at: datetime


class LegUnheld(LegHeld, frozen=True):
    """The phone talks again."""


NOT_ASKED = 0


class Refused(msgspec.Struct, frozen=True):
    """Asterisk refused an action on the channel with an HTTP `status`, but the channel is not gone
    (that is LegHungUp). NOT_ASKED: it was too late to ask Asterisk.
    """

    channel: str
    at: datetime
    action: SwitchAction
    status: int


class Unanswered(msgspec.Struct, frozen=True):
    """The link was lost before Asterisk's response: it is unknown whether this phone rings."""

    channel: str
    at: datetime


Signal = (
    Arrived
    | LegDialed
    | LegRinging
    | LegForwarded
    | LegAnswered
    | HangupAsked
    | LegHungUp
    | DialEnded
    | Chosen
    | Configured
    | PickupAsked
    | RetrievalAsked
    | BlindTransferred
    | AttendedTransferred
    | LegReplaced
    | Severed
    | AgentOffered
    | AgentsLeft
    | TimerFired
    | RecordingFinished
    | CommandAsked
    | EndAsked
    | ControlAsked
    | Executed
    | TalkFound
    | LegHeld
    | LegUnheld
    | Refused
    | Unanswered
)
