"""Attended transfer: two calls become one, and keep the identity of the first."""

from datetime import datetime

from msgspec.structs import replace

from tongdai.pbx.call import Call, Stage


def merge(call: Call, consultation: Call, at: datetime) -> Call:
    """The call with the consultation's parties as its own (RFC 5589 §7). Who transferred hangs up: that is no end."""
    known = {leg.channel for leg in call.legs}
    others = tuple(
        replace(leg, attempt=leg.attempt and call.attempt + leg.attempt)
        for leg in consultation.legs
        if leg.channel not in known
    )
    is_talking = any(leg.connected_at for leg in others)
    return replace(
        call,
        stage=Stage.TALKING if call.answered_at else call.stage,
        legs=(*call.legs, *others),
        attempt=call.attempt + consultation.attempt,
        merged=(*call.merged, consultation.call_uuid, *consultation.merged),
        answered_at=call.answered_at or (at if is_talking else None),
        hangup_by="",
        ended_at=None,
        record=call.record or consultation.record,
    )
