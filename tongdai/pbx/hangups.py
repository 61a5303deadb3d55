"""The `hangup` events of a call: one for each id that had a `ringing`, as soon as its phones have
stopped ringing, or its talk has ended.

The phones of an extension that ring together share one id, and one `hangup`. In call_id_mode
"conversation", and in domains that count hang-ups (`ringing_hangups` is false), only talks have a
`hangup`; a call without a talk has one at its end.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from tongdai.pbx import causes
from tongdai.pbx.call import LATE_S, Call, Ended, Leaving, Leg, Ringing, Talking
from tongdai.pbx.causes import ReleaseCause
from tongdai.pbx.events import Event, of_call
from tongdai.pbx.step import publish

_LATE = timedelta(seconds=LATE_S)
# causes that Asterisk gives to a phone that it stops calling; 0 is NO_ANSWER, or ABSENT before
# the phone has said that it rings
_OURS = frozenset(("NO_ANSWER", "SUBSCRIBER_ABSENT", "NORMAL_CLEARING", "LOSE_RACE"))


def stopped(call: Call) -> tuple[Call, tuple[Event, ...]]:
    """The `hangup` of each extension whose talk has ended, or whose phones have stopped ringing
    without an answer.
    """
    published: tuple[Event, ...] = ()
    if call.call_id_mode == "leg":
        for legs in list(_outstanding(call)):
            if _is_over(legs) and not _is_own(call, legs) and not _is_undecided(call, legs):
                call, more = _hangup(call, legs)
                published += more
    return call, published


def at_end(call: Call, release: ReleaseCause, at: datetime) -> tuple[Call, tuple[Event, ...]]:
    """The outstanding `hangup` events of a call that has ended, for the cause `release`. A call
    that rang no phone has one too.
    """
    published: tuple[Event, ...] = ()
    if call.call_id_mode == "leg":
        for legs in list(_outstanding(call)):
            call, more = _hangup(call, legs, (release, at) if _is_own(call, legs) else None)
            published += more
    if is_outstanding(call):
        published = (of_call(call, call.published_leg, "hangup", at, release=release),)
    return call, published


def at_transfer(consultation: Call, at: datetime) -> tuple[Call, tuple[Event, ...]]:
    """The outstanding `hangup` events of a consultation that becomes part of another call."""
    published: tuple[Event, ...] = ()
    if consultation.call_id_mode == "conversation":
        if any(leg.published for leg in consultation.legs):
            shown, over = consultation.published_leg, causes.TRANSFERRED_TALK
            over = over if consultation.answered_at else causes.TRANSFERRED
            published = (of_call(consultation, shown, "hangup", at, release=over),)
        return consultation, published
    for legs in list(_outstanding(consultation)):
        talked = _talked(legs)
        over = causes.TRANSFERRED
        if consultation.answered_at:
            over = causes.TRANSFERRED_TALK if talked else causes.ANSWERED_BY_ANOTHER
        if talked or consultation.ringing_hangups:
            shown = talked or legs[0]
            consultation, more = publish(consultation, shown, "hangup", at, over)
            published += more
    return consultation, published


def is_outstanding(call: Call) -> bool:
    """Whether a `hangup` is yet to come, if the call ended now."""
    has_some = any("hangup" in leg.published for leg in call.legs)
    is_each = call.call_id_mode == "leg" and call.ringing_hangups
    return not has_some or (is_each and next(_outstanding(call), None) is not None)


def why_stopped(call: Call, legs: list[Leg]) -> ReleaseCause:
    """The release cause of an extension whose phones (`legs`) did not answer."""
    if all(leg.role == "caller" for leg in legs):
        # it consulted, and left before an answer; or the signal of the answer was lost
        return causes.ANSWERED if call.answered_at else causes.TRANSFERRED
    refusals = [leg.release for leg in legs if leg.release and _has_refused(leg)]
    if len(refusals) == len(legs):
        return causes.most_significant(refusals)
    if any(_was_first(other, legs) for other in call.legs):
        return causes.ANSWERED_BY_ANOTHER
    if caller_left(call, _end(legs)):
        own = call.controlled.release if call.controlled else None
        # phones may end before the caller: Asterisk gave them the cause of its CANCEL
        return causes.abandoned(own or next((leg.release for leg in legs if leg.release), None))
    if not refusals and _lost_race(call, legs):
        return causes.ANSWERED_BY_ANOTHER
    failures = [leg.release for leg in legs if leg.release and leg.release.cause == "INTERWORKING"]
    if len(refusals) + len(failures) == len(legs):
        return causes.most_significant([*refusals, *failures])
    return causes.NO_ANSWER


def caller_left(call: Call, at: datetime) -> bool:
    """Whether the controlled leg had left by itself at that moment."""
    if isinstance(call.course, Leaving) and call.course.release is None:
        return True
    controlled = call.controlled
    is_by_itself = controlled is not None and call.hangup_by == controlled.role
    if isinstance(call.course, Ended) and call.course.release.status == "CANCEL":
        is_by_itself = True
    return is_by_itself and call.ended_at is not None and at >= call.ended_at - _LATE


def _outstanding(call: Call) -> Iterator[list[Leg]]:
    """The legs of each id that had a `ringing`, and no `hangup` yet."""
    by_id = defaultdict(list)
    for leg in call.published_legs:
        by_id[leg.leg_uuid].append(leg)
    for legs in by_id.values():
        if "ringing" in legs[0].published and "hangup" not in legs[0].published:
            yield legs


def _hangup(
    call: Call, legs: list[Leg], own: tuple[ReleaseCause, datetime] | None = None
) -> tuple[Call, tuple[Event, ...]]:
    """The `hangup` of an extension. `own`: the cause and the end of its call, unless it talked."""
    if talked := _talked(legs):
        at = talked.ended_at or talked.started_at
        at = min(call.ended_at or at, at)
        return publish(call, talked, "hangup", at, causes.ANSWERED)
    if not call.ringing_hangups:
        return call, ()
    release, at = own or (why_stopped(call, legs), _end(legs))
    return publish(call, legs[0], "hangup", at, release)


def _talked(legs: list[Leg]) -> Leg | None:
    return next((leg for leg in legs if leg.connected_at), None)


def _is_over(legs: list[Leg]) -> bool:
    """Whether the phone that talked has left; or, of phones that did not answer, the last."""
    talked = _talked(legs)
    return not talked.is_live if talked else not any(leg.is_live for leg in legs)


def _end(legs: list[Leg]) -> datetime:
    return max(leg.ended_at or leg.started_at for leg in legs)


def _is_own(call: Call, legs: list[Leg]) -> bool:
    """Whether they are phones of the extension that calls, and has not talked: its `hangup` is the
    call's.
    """
    is_caller = any(leg.role == "caller" and leg.channel == call.channel for leg in legs)
    return is_caller and _talked(legs) is None


def _is_undecided(call: Call, legs: list[Leg]) -> bool:
    """Whether later entries of the CEL log tell more: it may have the end of a phone before the
    end of the party that hung up, and before the end of its Dial().
    """
    if not call.reconstructed or call.controlled is None or not call.controlled.is_live:
        return False
    if _talked(legs):
        return isinstance(call.course, Talking) and bool(call.ended_at) and not call.hangup_by
    is_dialling = isinstance(call.course, Ringing) and call.course.dial_ended is None
    return is_dialling and legs[0].attempt == call.attempt


def _has_refused(leg: Leg) -> bool:
    """Whether the phone itself ended its ringing. If the caller abandons while it rings, Asterisk
    reports 500 and cause 127 of it.
    """
    release = leg.release
    if release is None or release.cause == "INTERWORKING":
        return False
    return release.cause not in _OURS or bool(leg.sip_status)


def _lost_race(call: Call, legs: list[Leg]) -> bool:
    """Whether Asterisk stopped these for another that has answered: it may say so before it tells
    of the answer.
    """
    is_told = all(leg.release and leg.release.cause == "LOSE_RACE" for leg in legs)
    return is_told and any(
        leg.is_live and leg.role != "caller" and leg.attempt == legs[0].attempt
        for leg in call.legs
    )


def _was_first(other: Leg, legs: list[Leg]) -> bool:
    """Whether the other leg was connected while these rang in the same dial."""
    if other.connected_at is None or other.role == "caller" or other.attempt != legs[0].attempt:
        return False
    return min(leg.started_at for leg in legs) <= other.connected_at <= _end(legs) + _LATE
