"""The time for which Asterisk waits for our decision; then the dialplan goes on by itself."""

from datetime import datetime, timedelta

from tongdai.pbx.call import Call

PATIENCE_S = 2.0  # for new calls, at least (extensions.conf, TIMEOUT)


def may_have_gone_on(call: Call, now: datetime) -> bool:
    """Whether the party to be routed has waited longer: a new caller, or a transferee. A dialled
    party waits inside Dial().
    """
    is_dialled = call.attempt and call.returned_at is None
    since = call.returned_at or call.started_at
    return not is_dialled and now - since >= timedelta(seconds=PATIENCE_S)
