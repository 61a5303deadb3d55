"""Call forwarding by a phone (3xx, RFC 3261 §21.3), and where the call goes then.

Only an extension that is called by itself forwards a call: a member of a ring group or an agent
of a queue that forwards counts as busy there. A carrier's 3xx is not followed.
"""

from tongdai.pbx import numbers, routing
from tongdai.pbx.call import Call, Leg, Ringing
from tongdai.pbx.refusal import dismiss
from tongdai.pbx.routing import Destination, RoutingContext
from tongdai.pbx.signals import LegForwarded
from tongdai.pbx.step import Step, ignored, with_leg


def requested(call: Call, signal: LegForwarded) -> Step:
    """The phone wants to be called elsewhere. Its extension's other phones stop ringing if the
    call follows.
    """
    leg = call.leg(signal.channel)
    if leg is None or not leg.is_extension:
        return ignored(call)
    number = numbers.clean(signal.to) or signal.to
    call = with_leg(call, leg.channel, forwards_to=number)
    if not _may_forward(call, leg):
        return Step(call)
    others = (each for each in call.dialled_legs if each.is_live and each.channel != leg.channel)
    return dismiss(call, others)


def _may_forward(call: Call, leg: Leg) -> bool:
    is_ringing = isinstance(call.course, Ringing) and call.course.forwarder == leg.number
    return is_ringing and call.overflows < routing.MAX_OVERFLOWS


def destination(
    call: Call, ringing: Ringing, caller: str, context: RoutingContext
) -> Destination | None:
    """Where the call goes that the extension just called forwards, by the rules and limits of that
    extension; None if it does not forward. `caller` is the controlled leg's extension, "" for a
    party outside.
    """
    for leg in call.dialled_legs:
        if leg.forwards_to and leg.number == ringing.forwarder:
            return routing.from_phone(leg.forwards_to, context, caller, by=leg.number)
    return None
