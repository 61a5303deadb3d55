"""The end of a call: its release cause, its last events, and its record."""

from datetime import datetime, timedelta

from msgspec.structs import replace

from tongdai import errors
from tongdai.pbx import causes, cdr, events, hangups, recording
from tongdai.pbx.actions import FinishRecording, HangUp
from tongdai.pbx.call import LATE_S, Call, Calling, Course, Ended, Leaving, Talking
from tongdai.pbx.commands import Answer, Outcome
from tongdai.pbx.events import Event
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import EndAsked, RecordingFinished, Refused, TimerFired
from tongdai.pbx.step import Step, ignored, with_leg


def end(call: Call, at: datetime) -> Step:
    """Ends a call without channels. The record is written now; its event waits for the
    recording.
    """
    is_missed = call.is_missed
    release, at = _release_cause(call), call.ended_at or not_before_answer(call, at)
    by = call.hangup_by or ("caller" if _is_by_caller(call, release) else "system")
    call = replace(call, course=Ended(release=release), ended_at=at, hangup_by=by)
    call, published = hangups.at_end(call, release, at)
    if is_missed and release != causes.COMPLETED_ELSEWHERE:
        shown = call.published_leg
        published = (*published, events.of_call(call, shown, "missed", at, release=release))
    if call.record and call.answered_at:
        record = cdr.of(call, release, recording.main(call, "pending"))
        return Step(call, (FinishRecording(call.call_uuid),), published, record)
    record = cdr.of(call, release, None)
    return Step(call, (), (*published, *_cdr_events(call, release, "")), record, done=True)


def _is_by_caller(call: Call, release: causes.ReleaseCause) -> bool:
    """Whether the caller abandoned the call; of a click-to-call, whether the extension refused
    it.
    """
    is_refused = release.cause in (causes.BUSY.cause, causes.REJECTED.cause)
    is_click = call.is_click_to_call and not call.caller.answered_at
    return release.status == "CANCEL" or (is_click and is_refused)


def _release_cause(call: Call) -> causes.ReleaseCause:
    """The call's release cause: the one decided, else by the caller's hang-up, else by the parties
    that were not reached.
    """
    if call.answered_at:
        return _after_talk(call)
    if call.release == causes.SEVERED:
        return causes.FOREIGN
    if call.is_click_to_call and not call.caller.answered_at:
        phones = [leg.release for leg in call.legs if leg.role == "caller" and leg.release]
        return replace(causes.most_significant(phones), status="INVALID")
    own = call.controlled.release if call.controlled else None
    if call.hangup_by == "caller" or (
        call.release is None and own and own.cause == "NORMAL_CLEARING"
    ):
        return causes.abandoned(own)
    if call.release:
        return call.release
    rung = [leg.release for leg in call.legs if leg.role == "callee" and leg.release]
    return causes.most_significant([*call.failures, *rung] or ([own] if own else []))


def _after_talk(call: Call) -> causes.ReleaseCause:
    if call.release == causes.SEVERED:
        return causes.SEVERED
    ends = [leg.release for leg in call.legs if leg.connected_at and leg.release]
    is_silent = any(end.q850 == causes.MEDIA_TIMEOUT.q850 for end in ends)
    by_party = call.hangup_by in ("caller", "callee")
    return causes.MEDIA_TIMEOUT if is_silent and not by_party else causes.ANSWERED


def not_before_answer(call: Call, at: datetime) -> datetime:
    """The moment, or that of the answer if later: signals may arrive out of order."""
    return max(at, call.answered_at or call.started_at)


def forgotten(call: Call, signal: TimerFired) -> Step:
    """Click-to-call: the switch has not reported the state of the extension's phones in time; the
    call ends.
    """
    hang_ups = tuple(HangUp(leg.channel, causes.NO_ANSWER.q850) for leg in call.live_legs)
    for leg in call.live_legs:
        call = with_leg(call, leg.channel, ended_at=signal.at, release=causes.NO_ANSWER)
    over = end(call, signal.at)
    return replace(over, actions=(*hang_ups, *over.actions))


def asked(call: Call, signal: EndAsked) -> Step:
    """A user ends the call: all phones that ring stop, all parties that talk are released. Its
    record says `hangup_by` system. Refused if the call is over, or is being ended already.
    """
    if signal.domain_uuid != call.domain_uuid:
        return _answered(Step(call), signal, errors.NotFound.code)
    if isinstance(call.course, Ended) or _is_leaving_now(call, signal):
        return _answered(Step(call), signal, errors.CallEnded.code)
    course: Course = call.course
    cause = (causes.ANSWERED if _is_up(call) else causes.ENDED).q850
    ended = [leg for leg in call.live_legs if leg.channel == call.channel]
    if isinstance(course, Calling | Talking):  # their own course shows best what came of them
        ended += [leg for leg in call.live_legs if leg.channel != call.channel]
    else:
        course = Leaving(release=causes.ENDED)
    ended_at = not_before_answer(call, signal.at)
    call = replace(call, course=course, hangup_by="system", ended_at=ended_at)
    hang_ups = tuple(HangUp(leg.channel, cause, is_asked=True) for leg in ended)
    return _answered(Step(call, hang_ups), signal)


def _is_leaving_now(call: Call, signal: EndAsked) -> bool:
    """Whether the call has been ended a moment ago. A call that is still there later is ended once
    more: the switch may never have been told.
    """
    is_late = call.ended_at and signal.at > call.ended_at + timedelta(seconds=LATE_S)
    return bool(call.hangup_by and call.ended_at and not is_late)


def _is_up(call: Call) -> bool:
    """Whether the controlled leg has been answered, so that no SIP response is left to give."""
    leg = call.controlled
    return call.answered_at is not None or (leg is not None and leg.answered_at is not None)


def _answered(step: Step, signal: EndAsked, error: str = "") -> Step:
    call = step.call
    outcome = Outcome(call_id=call.call_uuid, error=error)
    answer = Answer(signal.domain_uuid, call.call_uuid, signal.command_uuid, outcome)
    return replace(step, answers=(answer,))


def originate_refused(call: Call, signal: Refused) -> Step:
    """Click-to-call: this phone of the extension cannot be called; others may ring."""
    leg = call.leg(signal.channel)
    if leg is None or not leg.is_live:
        return ignored(call)
    call = with_leg(call, leg.channel, ended_at=signal.at, release=causes.ABSENT)
    return Step(call) if call.live_legs else end(call, signal.at)


def recorded(call: Call, ended: Ended, signal: RecordingFinished, context: RoutingContext) -> Step:
    """The recording is finished or lost: the record is updated, and its events are published:
    `cdr` is the last one.
    """
    status: recording.Status = "failed" if signal.failed else "ready" if signal.file else "none"
    url = context.recording_url + call.recording_token if status == "ready" else ""
    kept = recording.main(call, status, signal)
    record = cdr.of(call, ended.release, kept)
    told = events.of_recording(call, signal, kept.format, url)
    return Step(call, (), (told, *_cdr_events(call, ended.release, url)), record, done=True)


def _cdr_events(call: Call, release: causes.ReleaseCause, url: str) -> tuple[Event, ...]:
    """Of the call, and of other callers whom a transfer joined to it."""
    at, leg = call.ended_at or call.started_at, call.published_leg
    own = events.of_call(call, leg, "cdr", at, release=release, recording_url=url)
    return (own, *(events.of_joined(call, each, at, release, url) for each in call.joined))
