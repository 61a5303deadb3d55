"""A call as it stands: its stage, its legs, and what it has come to. `pbx.step` says how it
changes.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from tongdai.pbx.causes import Ending
from tongdai.pbx.commands import Asker
from tongdai.pbx.directory import CallIdMode
from tongdai.pbx.ringing import Round
from tongdai.pbx.signals import DialEnded

LONGEST_S = 14_400  # of a talk, or of waiting (extensions.conf, TIMEOUT(absolute))
LATE_S = 2  # how long a channel's end may come after Dial's own
Direction = Literal["inbound", "outbound", "local"]


class Stage(StrEnum):
    CALLING = "calling"  # click-to-call: the extension's own phone rings
    RINGING = "ringing"  # somebody is being called
    WAITING = "waiting"  # in a queue, with music
    TALKING = "talking"
    ENDED = "ended"  # no channel is left; at most the recording is still being finished


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One party. `number` is its extension or telephone number; `leg_uuid` is what events call it,
    extensions only.
    """

    channel: str
    number: str
    role: Literal["caller", "callee"]
    is_extension: bool
    started_at: datetime
    sip_call_id: str = ""
    leg_uuid: UUID | None = None
    attempt: int = 0  # with which of the call's dials it was called
    trunk: str = ""  # the UUID of the trunk that it came or was called by
    rang: bool = False
    answered_at: datetime | None = None  # it picked up
    connected_at: datetime | None = None  # it was joined with the other party
    ended_at: datetime | None = None
    ending: Ending | None = None
    sip_status: int = 0  # the final response that ended it, 0 if none did
    told: tuple[str, ...] = ()  # names of the events published of this leg

    @property
    def is_live(self) -> bool:
        return self.ended_at is None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation. `channel` is the party whose way we decide: the caller, or whoever was
    transferred last.
    """

    call_uuid: UUID
    domain_uuid: UUID
    domain: str
    country_code: str
    call_id_mode: CallIdMode
    direction: Direction
    stage: Stage
    started_at: datetime
    channel: str
    caller_number: str  # who calls: a telephone number (inbound), else an extension
    # what was called: a hotline (inbound), a telephone number (outbound), an internal number
    dialled: str
    extension: str = ""  # ours: who answered or rang first (inbound), else who calls
    hotline: str = ""
    shown: str = ""  # caller id on the outbound leg
    receive_dest: str = ""  # ring group or queue
    customer_id: str = ""
    is_click_to_call: bool = False
    asker: Asker | None = None  # of the command that made the call, until its outcome is known
    record: bool = False
    recording_token: str = ""
    legs: tuple[Leg, ...] = ()
    attempt: int = 0  # how often parties have been dialled
    out_by: str = ""  # the trunk that is being dialled by, if the last dial was outside
    rounds: tuple[Round, ...] = ()  # still to ring
    until: datetime | None = None  # when ringing in rounds, or waiting, is over
    overflow: str = ""
    overflows: int = 0
    queue: str = ""
    queued_at: datetime | None = None
    offered: str = ""  # the agent who rings now
    # nobody answered; the last of those rung has yet to say why
    dial_ended: DialEnded | None = None
    # when a channel last came back to be routed: told twice, it came once
    returned_at: datetime | None = None
    failures: tuple[Ending, ...] = ()
    ending: Ending | None = None  # decided by us
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    hangup_by: str = ""
    settled: bool = False  # told of by the journal, afterwards
    merged: tuple[UUID, ...] = ()  # consultations that an attended transfer made part of this call

    def leg(self, channel: str) -> Leg | None:
        return next((leg for leg in self.legs if leg.channel == channel), None)

    @property
    def live_legs(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in self.legs if leg.is_live)

    @property
    def extensions(self) -> frozenset[str]:
        """Ours who are in it now, or are just being offered it."""
        return frozenset(
            {leg.number for leg in self.live_legs if leg.is_extension} | {self.offered} - {""}
        )

    @property
    def trunks(self) -> tuple[str, ...]:
        """By which trunks its parties talk, or are just being called; a trunk as often as it
        carries one.
        """
        carried = tuple(leg.trunk for leg in self.legs if leg.trunk and leg.is_live)
        if not self.out_by or self.stage not in (Stage.CALLING, Stage.RINGING):
            return carried
        has_leg = any(leg.trunk and leg.attempt == self.attempt for leg in self.legs)
        return carried if has_leg else (*carried, self.out_by)

    @property
    def told_legs(self) -> tuple[Leg, ...]:
        """The legs that events speak of: our extensions', in the order they were called."""
        return tuple(leg for leg in self.legs if leg.leg_uuid)

    @property
    def told_leg(self) -> Leg | None:
        """The one that stands for the whole call: the first that talked, else the first."""
        connected = [leg for leg in self.told_legs if leg.connected_at]
        return min(
            connected,
            key=lambda leg: leg.connected_at or self.started_at,
            default=next(iter(self.told_legs), None),
        )

    def told_id(self, leg: Leg | None) -> UUID:
        """The call_id that events and records give for a leg, by the domain's call_id_mode."""
        own = leg.leg_uuid if leg and self.call_id_mode == "leg" else None
        return own or self.call_uuid

    def duration(self, at: datetime) -> int:
        """Whole seconds from the start."""
        return seconds(self.started_at, at)

    def billsec(self, at: datetime) -> int:
        """Whole seconds from the answer, 0 when there was none."""
        return seconds(max(self.answered_at, self.started_at), at) if self.answered_at else 0


def due(call: Call) -> datetime | None:
    """When the call wants a TimerFired; None when only signals move it."""
    if call.stage is Stage.WAITING:
        return call.until
    if call.dial_ended:
        return call.dial_ended.at + timedelta(seconds=LATE_S)
    if call.stage is Stage.CALLING:
        # The switch's own limit on ringing, 300 seconds at most, comes first; this is for a switch
        # that forgot.
        return call.started_at + timedelta(seconds=310)
    return None


def seconds(start: datetime, end: datetime) -> int:
    """Whole seconds as people count them from times shown without fractions: 17:30:35 to 17:30:46
    is 11.
    """
    return max(0, int((end.replace(microsecond=0) - start.replace(microsecond=0)).total_seconds()))
