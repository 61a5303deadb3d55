"""What is told of a call's recording when it is finished or lost."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tests.pbx import company, ladder
from tongdai.pbx import recording
from tongdai.pbx.actions import Dial, Record
from tongdai.pbx.call_flow import step
from tongdai.pbx.events import CallFacts, RecordingFacts
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import RecordingFinished
from tongdai.pbx.step import Step

TALK = (
    *("0.0 Arrived trunk 0899888999 19001919", "0.1 LegDialed 101", "4.0 LegAnswered 101"),
    *("9.0 LegHungUp customer 16", "9.1 LegHungUp 101 16"),
)
SHA = "0" * 63 + "1"


def ended(context: RoutingContext) -> Step:
    flow = ladder.Ladder("", "", context, tuple(map(ladder.rung, TALK)), "")
    *_, last = [played.outcome for played in ladder.play(flow)]
    assert isinstance(last, Step)
    return last


def finished(**what: Any) -> Step:
    context = company.context()
    call = ended(context).call
    at = ladder.NOON + timedelta(seconds=10)
    return step(call, RecordingFinished(call.channel, at, **what), context)


def test_a_finished_recording_is_told_before_its_record() -> None:
    done = finished(file="2026/a.opus", size=9_000, duration_s=5.5, channels=2, sha256=SHA)

    told, cdr = done.events
    assert (told.name, cdr.name) == ("recording.ready", "cdr"), "cdr is the last one"
    call_uuid = done.call.call_uuid
    assert isinstance(cdr.facts, CallFacts)
    assert told.facts == RecordingFacts(
        domain=done.call.domain,
        call_id=cdr.facts.call_id,
        conversation_id=call_uuid,
        direction="inbound",
        from_number="0899888999",
        to_number="101",
        hotline="19001919",
        extension="101",
        customer_id="",
        recording_url=company.context().recording_url + "token",
        format="opus",
        channels=2,
        duration_s=5.5,
        size=9_000,
        sha256=SHA,
    )
    assert done.cdr
    kept = done.cdr.recording
    assert kept
    assert (kept.format, kept.channels, kept.sha256) == ("opus", 2, SHA)


@pytest.mark.parametrize(
    ("lost", "reason"), [({"file": "", "failed": True}, "lost"), ({"file": ""}, "no_sound")]
)
def test_a_recording_that_is_not_there_is_told_with_its_reason(
    lost: dict[str, Any], reason: str
) -> None:
    told, cdr = finished(**lost).events

    assert (told.name, cdr.name) == ("recording.failed", "cdr")
    assert isinstance(told.facts, RecordingFacts)
    assert (told.facts.reason, told.facts.recording_url, told.facts.format) == (reason, "", "")


def test_both_sides_are_apart_as_the_domain_says() -> None:
    context = company.context()
    domain = replace(context.directory.domain, recording_stereo=True)
    apart = replace(context, directory=replace(context.directory, domain=domain))
    for given, is_apart in ((context, False), (apart, True)):
        flow = ladder.Ladder("", "", given, tuple(map(ladder.rung, TALK)), "")
        outcomes = [played.outcome for played in ladder.play(flow)]
        steps = [one for one in outcomes if isinstance(one, Step)]
        dials = [one for each in steps for one in each.actions if isinstance(one, Dial)]
        assert [one.stereo for one in dials] == [is_apart]
        call = steps[-2].call
        customer, extension = call.legs
        _, of_customer = recording.of_talk(call, customer, given)
        _, of_extension = recording.of_talk(call, extension, given)
        assert of_customer == (Record(customer.channel, call.call_uuid, "in" if is_apart else ""),)
        assert of_extension == (
            Record(extension.channel, call.call_uuid, "out" if is_apart else ""),
        )
