"""Commands of API users on live calls, and their outcomes."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

TRIAL_RINGS_S, TRIAL_RING_S, TRIAL_TALK_S = 30, (5, 60), 30
"""Seconds that a test call of a trunk rings: usually, and at least and at most; talks at most."""
PhoneStatus = Literal["reachable", "unreachable", "unknown"]


class ClickToCall(msgspec.Struct, frozen=True, kw_only=True, tag="click2call"):
    """Ring `ext`; when it answers, call `phone`. Formats are checked before (pbx.numbers, caller
    ids).
    """

    ext: str
    phone: str
    src_cid_name: str = "Click2Call"
    src_cid_number: str = ""  # "": the extension's own number
    dest_cid_name: str = ""
    # a hotline of the domain; "" or another number: the hotline that the call leaves by
    dest_cid_number: str = ""
    auto_answer: bool = False
    hotline: str = ""  # "": the one presented, else the extension's or the domain's default
    customer_id: str = ""
    wait_answer: bool = False  # the outcome comes once the extension has answered or failed to


class EndCall(msgspec.Struct, frozen=True, kw_only=True, tag="hangup"):
    """End the live call, whatever it is doing."""

    call_uuid: UUID


class OfTalk(msgspec.Struct, frozen=True, kw_only=True):
    """About the two parties that talk in a live call."""

    call_uuid: UUID


class HoldCall(OfTalk, frozen=True, kw_only=True, tag="hold"):
    """Both parties wait with music."""


class UnholdCall(OfTalk, frozen=True, kw_only=True, tag="unhold"):
    """The parties on hold talk again."""


class Rehearse(msgspec.Struct, frozen=True, kw_only=True, tag="rehearse"):
    """Tell what this click-to-call would do now, and do nothing."""

    click: ClickToCall


class FindRoute(msgspec.Struct, frozen=True, kw_only=True, tag="route"):
    """Tell the way of a call (`simulation.Question`): now, with the present load and phones; or
    `at` another time, with no other calls and every phone registered.
    """

    caller: str
    dialled: str
    at: datetime | None = None


class ListPhones(msgspec.Struct, frozen=True, kw_only=True, tag="phones"):
    """Tell the registered phones of an extension; "": of all of the domain."""

    extension: str = ""


class DropPhones(msgspec.Struct, frozen=True, kw_only=True, tag="drop_phones"):
    """Sign the phones of an extension off; those at an address (host:port), or "": all."""

    extension: str
    address: str = ""


class ProvisionExtension(msgspec.Struct, frozen=True, kw_only=True, tag="provision"):
    """Let the switch hold the extension as it is in the database; the outcome tells when."""

    extension: str


class TryTrunk(msgspec.Struct, frozen=True, kw_only=True, tag="try_trunk"):
    """Call the number by that trunk, and tell what the carrier answered. `trunk` is its name or
    trunk_uuid; `hotline` the number presented, "": the first on the trunk.
    """

    trunk: str
    number: str
    hotline: str = ""
    ring_s: int = TRIAL_RINGS_S
    talk_s: int = 0


class Phone(msgspec.Struct, frozen=True, kw_only=True):
    """A registered phone of a device. `since` is None if it was so before the engine began to
    look.
    """

    extension: str
    device: str
    address: str
    user_agent: str
    status: PhoneStatus
    since: datetime | None
    expires_at: datetime


class Outcome(msgspec.Struct, frozen=True):
    """`error` is "" for success, else the code of an errors.TongdaiError; `why` a key of
    tongdai.messages, or a text; `call_id` None if certainly no call was placed.
    """

    call_id: UUID | None = None
    error: str = ""
    why: str = ""
    field: str = ""
    report: str = ""  # of a command that asks: JSON of the Rehearsal, the Route, ...


class RecordCall(OfTalk, frozen=True, kw_only=True, tag="record"):
    """The recording of the talk begins or ends; or it pauses, which the call's record tells."""

    do: Literal["start", "stop", "pause", "resume"]


class TransferCall(OfTalk, frozen=True, kw_only=True, tag="transfer"):
    """The other party is connected with `to`, as if the extension `by` had transferred it. `by`
    may be "" where one extension alone is in the talk.
    """

    to: str
    by: str = ""


class ParkCall(OfTalk, frozen=True, kw_only=True, tag="park"):
    """The other party is parked, as if the extension `by` had transferred it to the code for that.
    `by` may be "" where one extension alone is in the talk.
    """

    by: str = ""


class MuteParty(OfTalk, frozen=True, kw_only=True, tag="mute"):
    """The other side does not hear this party any more, or hears it again. `party` is its number;
    "": that of the one extension in the talk.
    """

    is_muted: bool
    party: str = ""


class SendDigits(OfTalk, frozen=True, kw_only=True, tag="dtmf"):
    """The party hears these keys (0-9 * # A-D). `party` is its number; "": the other one than the
    one extension in the talk.
    """

    digits: str
    party: str = ""


class PlayPrompt(OfTalk, frozen=True, kw_only=True, tag="play"):
    """Both parties hear the prompt of that name; the recording has it."""

    prompt: str


Control = (
    HoldCall
    | UnholdCall
    | RecordCall
    | TransferCall
    | ParkCall
    | MuteParty
    | SendDigits
    | PlayPrompt
)
"""Commands that steer a talk (pbx/control.py)."""

Command = (
    ClickToCall
    | EndCall
    | Control
    | Rehearse
    | FindRoute
    | ListPhones
    | DropPhones
    | ProvisionExtension
    | TryTrunk
)


class Requester(msgspec.Struct, frozen=True):
    """The API request that waits for the outcome of a command. `command_uuid`: the row of table
    commands for the outcome; None for a request in the engine's own process.
    """

    command_uuid: UUID | None = None
    wait_answer: bool = False  # the outcome is due once the extension has answered or failed to


class Answer(msgspec.Struct, frozen=True):
    """The outcome of the command for the call `call_uuid`, which may not exist."""

    domain_uuid: UUID
    call_uuid: UUID
    command_uuid: UUID | None
    outcome: Outcome
