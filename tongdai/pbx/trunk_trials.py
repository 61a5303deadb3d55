"""A test call of a trunk: what is dialled, and what the carrier's answer means. Pure."""

from typing import Any, Literal

import msgspec

from tongdai import errors, messages
from tongdai.pbx import causes, numbers
from tongdai.pbx.commands import TryTrunk
from tongdai.pbx.directory import Directory, Hotline, Trunk

Result = Literal["answered", "refused", "no_answer", "no_response"]


class TrialCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of `number` by one trunk, numbers as its carrier wants them. It rings for at most
    `ring_s`, and is released `talk_s` after the answer.
    """

    trunk: str  # the endpoint
    number: str
    caller: str
    ring_s: int
    talk_s: int


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What the switch saw, in milliseconds from the INVITE; None: it did not happen. `q850` is
    what the final response `sip_status` (0: none) stands for: Asterisk 22.10.1 keeps no Reason.
    """

    rang_after_ms: int | None = None  # 180 or 183
    answered_after_ms: int | None = None
    ended_after_ms: int = 0
    q850: int = 0
    sip_status: int = 0


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `cause` as in CDRs."""

    trunk: str  # its name
    number: str
    caller: str
    result: Result
    course: Course
    cause: str


def plan(asked: TryTrunk, directory: Directory) -> tuple[Trunk, TrialCall]:
    """The trunk, and the call. Raises errors.NotFound, errors.Conflict for a trunk that is
    disabled or a name that several have, errors.Invalid for a number or hotline that cannot be.
    """
    trunk, domain = _trunk(asked.trunk, directory), directory.domain
    number = numbers.parse(asked.number, domain.country)
    if number is None:
        raise errors.InvalidPhone(field="number")
    if number.is_emergency:
        raise errors.InvalidPhone(messages.NO_EMERGENCY, field="number")
    hotline = _hotline(asked.hotline, trunk, directory)
    caller = hotline.number if hotline else ""
    call = TrialCall(
        trunk=str(trunk.trunk_uuid),
        number=numbers.formatted(asked.number, trunk.number_format, domain.country),
        caller=numbers.formatted(caller, trunk.number_format, domain.country),
        ring_s=asked.ring_s,
        talk_s=asked.talk_s,
    )
    return trunk, call


def judged(trunk: Trunk, call: TrialCall, course: Course) -> Trial:
    """The course in a word. Of a call that Asterisk stops by itself, it says that it failed (500):
    no response of the carrier.
    """
    rang = course.rang_after_ms is not None
    if course.answered_after_ms is not None:
        result: Result = "answered"
    elif course.sip_status and course.ended_after_ms < call.ring_s * 1000:
        result = "refused"
    else:
        result = "no_answer" if rang else "no_response"
        course = msgspec.structs.replace(course, q850=0, sip_status=0)
    release = causes.failure(course.q850, course.sip_status, rang=rang, is_trunk=True)
    cause = causes.ANSWERED.cause if result == "answered" else release.cause
    return Trial(
        trunk=trunk.name,
        number=call.number,
        caller=call.caller,
        result=result,
        course=course,
        cause=cause,
    )


def flat(trial: Trial) -> dict[str, Any]:
    """The trial as one table of names and values."""
    fields = msgspec.structs.asdict(trial)
    return fields | msgspec.structs.asdict(fields.pop("course"))


def _trunk(name: str, directory: Directory) -> Trunk:
    """By name, or by trunk_uuid."""
    found = [
        each for each in directory.trunks.values() if name in (each.name, str(each.trunk_uuid))
    ]
    if not found:
        raise errors.NotFound(f"no such trunk: {name}")
    if len(found) > 1:
        raise errors.Conflict(messages.SEVERAL_TRUNKS, field="trunk")
    if not found[0].enabled:
        raise errors.Conflict(messages.TRUNK_DISABLED, field="trunk")
    return found[0]


def _hotline(number: str, trunk: Trunk, directory: Directory) -> Hotline | None:
    """The one presented: that one, else the first on the trunk; None if there is none."""
    if number:
        if (known := directory.hotline(number)) is None:
            raise errors.Invalid(messages.NO_HOTLINE_HERE, field="hotline")
        return known
    own = (each for each in directory.hotlines.values() if trunk.trunk_uuid in each.trunks)
    return min(own, key=lambda each: (not each.is_default, each.canonical), default=None)
