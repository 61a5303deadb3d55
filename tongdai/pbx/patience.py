"""Asterisk waits for a decision of ours for so long; then the dialplan goes on by itself."""

from datetime import datetime, timedelta

from tongdai.pbx.call import Call

PATIENCE_S = 2.0  # of new calls, at least (extensions.conf, TIMEOUT)


def may_have_gone_on(call: Call, now: datetime) -> bool:
    """Whether the party whose way we decide has waited longer: a new caller, or one that was
    transferred. One that we had dialled for waits in the dialplan's own hands.
    """
    is_dialled = call.attempt and call.returned_at is None
    since = call.returned_at or call.started_at
    return not is_dialled and now - since >= timedelta(seconds=PATIENCE_S)
