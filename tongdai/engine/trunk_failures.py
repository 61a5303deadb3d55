"""What carriers refuse or fail in, for the operator: a log line and a count by trunk."""

import prometheus_client
import structlog

from tongdai.pbx import hangups
from tongdai.pbx.call import Call, Leg, Ringing

log = structlog.get_logger()

_FAILED = prometheus_client.Counter(
    "tongdai_trunk_failures_total",
    "Calls out that a trunk did not carry, by the carrier's final SIP response (0: none).",
    ("domain", "trunk", "sip_status"),
)


def note(before: Call | None, call: Call) -> None:
    """Notes the attempts by a trunk that failed with this step. `before` is the call before it."""
    if before is None or (before.legs == call.legs and before.course == call.course):
        return
    open_ = {leg.channel for leg in before.legs if leg.is_live}
    for leg in call.legs:
        ended = leg.channel in open_ and not leg.is_live and leg.release
        if ended and ended.status == "CONGESTION" and _has_failed(call, leg):
            _note(leg.trunk_name, call, ended.sip_status, ended.cause)
    course = before.course
    if isinstance(course, Ringing) and course.egress_trunk and not before.dialled_legs:
        release = call.release or (call.failures[-1] if call.failures else None)
        if call.course != course and release and release.status == "CONGESTION":
            _note(course.trunk_name, call, 0, release.cause)


def _has_failed(call: Call, leg: Leg) -> bool:
    """Not if the caller gave up: of a call that it stops, Asterisk says that it failed (500)."""
    is_out = leg.role == "callee" and bool(leg.trunk)
    return is_out and not hangups.caller_left(call, leg.ended_at or leg.started_at)


def _note(trunk: str, call: Call, sip_status: int, cause: str) -> None:
    _FAILED.labels(call.domain, trunk, sip_status).inc()
    log.warning(
        "trunk.failed",
        trunk=trunk,
        domain=call.domain,
        sip_status=sip_status,
        cause=cause,
        call_id=str(call.call_uuid),
    )
