"""A refusal on one phone, and the other phones of that extension."""

from collections.abc import Iterable
from datetime import timedelta

from msgspec.structs import replace

from tongdai.pbx import causes
from tongdai.pbx.actions import HangUp
from tongdai.pbx.call import SILENT_S, Call, Calling, Leg, Ringing
from tongdai.pbx.step import Step, with_leg


def follow(call: Call, channel: str) -> Step:
    """Phones stop ringing because the one of that channel has refused. Decline (6xx) is for all
    phones of the extension (RFC 3261 §16.7). After a busy phone the others ring on, but none is
    waited for that has been silent for SILENT_S seconds: it is not there.
    """
    refused = call.leg(channel)
    is_ringing = isinstance(call.course, Calling | Ringing) and not call.answered_at
    if refused is None or not is_ringing or not refused.has_refused or not refused.ended_at:
        return Step(call)
    if refused.sip_status in causes.DECLINED:
        return dismiss(call, (leg for leg in call.live_legs if _is_same_party(leg, refused)))
    since = refused.ended_at - timedelta(seconds=SILENT_S)
    return dismiss(call, (leg for leg in call.unheard_legs if leg.started_at <= since))


def dismiss(call: Call, legs: Iterable[Leg]) -> Step:
    """The phones stop ringing, and show no missed call: the call was refused elsewhere."""
    actions = []
    for leg in legs:
        if not leg.dismissed:
            call = with_leg(call, leg.channel, dismissed=True)
            actions.append(HangUp(leg.channel, causes.ANSWERED_ELSEWHERE))
    return Step(call, tuple(actions))


def explained(call: Call, leg: Leg, cause: causes.ReleaseCause) -> causes.ReleaseCause:
    """The release cause of a leg: of one that we dismissed, that of the phone which refused."""
    if not leg.dismissed:
        return cause
    others = (each for each in call.legs if _is_same_party(each, leg) and not each.dismissed)
    return next((each.release for each in others if each.release), causes.BUSY)


def _is_same_party(leg: Leg, other: Leg) -> bool:
    return (leg.number, leg.role, leg.attempt) == (other.number, other.role, other.attempt)


def after(step: Step, then: Step) -> Step:
    """The second step, with the actions and events of the first before its own."""
    return replace(
        then, actions=(*step.actions, *then.actions), events=(*step.events, *then.events)
    )
