"""The outcome of a command, derived from its call. Pure."""

from typing import assert_never

from tongdai import errors, messages
from tongdai.pbx import causes
from tongdai.pbx.actions import Originate
from tongdai.pbx.barring import BarReason
from tongdai.pbx.call import Call, Calling, Ended
from tongdai.pbx.commands import Answer, Outcome
from tongdai.pbx.routing import Refuse
from tongdai.pbx.signals import (
    NOT_ASKED,
    LegAnswered,
    LegDialed,
    LegRinging,
    Refused,
    Signal,
    Unanswered,
)

_LIMITS = {
    BarReason.RATE: messages.key(messages.CALLS_A_MINUTE),
    BarReason.MINUTES: messages.key(messages.MINUTES_A_DAY),
    BarReason.TRUNK: messages.key(messages.TRUNK_CALLS),
}
_NOT_ANSWERED = {
    "USER_BUSY": errors.UserBusy.code,
    "CALL_REJECTED": errors.UserRejected.code,
    "SUBSCRIBER_ABSENT": errors.UserNotRegistered.code,
}


def due(call: Call, signal: Signal) -> Answer | None:
    """The outcome for the call's API request after this signal; None while it is open.

    Without `wait_answer` the request learns whether a phone rings; with it, whether the extension
    answered.
    """
    if call.requester is None or not (
        outcome := _outcome(call, signal, call.requester.wait_answer)
    ):
        return None
    return Answer(call.domain_uuid, call.call_uuid, call.requester.command_uuid, outcome)


def _outcome(call: Call, signal: Signal, wait_answer: bool) -> Outcome | None:  # noqa: FBT001
    if isinstance(call.course, Ended):
        return _of_ended(call, signal)
    if not isinstance(call.course, Calling):
        return Outcome(call_id=call.call_uuid)
    if wait_answer:
        return None
    match signal:
        case LegDialed() | LegRinging() | LegAnswered() if _is_live(call, signal.channel):
            return Outcome(call_id=call.call_uuid)
        case Unanswered():
            return Outcome(call_id=call.call_uuid, error=errors.SwitchDown.code)
        case _:
            return None


def _of_ended(call: Call, signal: Signal) -> Outcome:
    """The outcome of an ended call. `call_id` is None if certainly no phone rang."""
    has_rung = any(leg.published for leg in call.legs)
    if isinstance(signal, Refused) and isinstance(signal.action, Originate) and not has_rung:
        if signal.status == NOT_ASKED:
            why = messages.key(messages.CALL_NOT_RECORDED)
            return Outcome(error=errors.SwitchDown.code, why=why)
        why = messages.key(messages.PHONE_UNREACHABLE)
        return Outcome(error=errors.CallRefused.code, why=why)
    if any(leg.answered_at for leg in call.legs if leg.role == "caller"):
        return Outcome(call_id=call.call_uuid)
    if call.reconstructed:  # the engine, or Asterisk, died meanwhile: a phone may have rung
        return Outcome(call_id=call.call_uuid, error=errors.SwitchDown.code)
    release = call.release or causes.NO_ANSWER
    code = _NOT_ANSWERED.get(release.cause, errors.UserNotAnswering.code)
    return Outcome(call_id=call.call_uuid, error=code, why=release.cause)


def _is_live(call: Call, channel: str) -> bool:
    leg = call.leg(channel)
    return leg is not None and leg.is_live


def refused(destination: Refuse) -> Outcome:
    """The outcome of a command for a refused number."""
    match destination.reason:
        case BarReason.DESTINATION:
            return Outcome(error=errors.DestinationBarred.code, field="phone")
        case BarReason.SUSPENDED:
            return Outcome(error=errors.CallsSuspended.code)
        case BarReason.RATE | BarReason.MINUTES | BarReason.TRUNK:
            return Outcome(error=errors.CallLimit.code, why=_LIMITS[destination.reason])
        case None:
            return _not_routed(destination.release)
        case _:
            assert_never(destination.reason)


def _not_routed(release: causes.ReleaseCause) -> Outcome:
    if release == causes.BARRED:
        return Outcome(error=errors.NoHotline.code)
    if release == causes.UNALLOCATED:
        return Outcome(error=errors.InvalidPhone.code, field="phone")
    return Outcome(error=errors.CallRefused.code, why=release.cause)
