"""Spans of calls: one a signal, with its decision, its commit and its actions in it; one of the
whole call.
"""

from contextlib import AbstractContextManager

from tongdai import tracing
from tongdai.pbx.call import Call
from tongdai.pbx.signals import Arrived, CommandAsked, Signal


def of_signal(call: Call | None, signal: Signal) -> AbstractContextManager[tracing.Span]:
    """The span in which the signal is handled: of the call's trace; for a click-to-call, of its
    request's.
    """
    name = type(signal).__name__
    if call is not None:
        said: tracing.Attributes = {"tongdai.domain": call.domain, "tongdai.stage": call.stage}
        return tracing.span(name, of_call=call.call_uuid, attributes=said)
    if isinstance(signal, CommandAsked):
        return tracing.span(name, of_call=signal.call_uuid, after=signal.traceparent)
    return tracing.span(name, of_call=signal.call_uuid if isinstance(signal, Arrived) else None)


def over(call: Call) -> None:
    """The call has ended, with all that was to be done for it."""
    tracing.call(
        call.call_uuid,
        call.started_at,
        {
            "tongdai.call_id": str(call.call_uuid),
            "tongdai.domain": call.domain,
            "tongdai.is_answered": call.answered_at is not None,
        },
    )
