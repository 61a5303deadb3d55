"""Every event that Asterisk really sent means what it should; no value, whoever wrote it, means
more than it says.
"""

import contextlib
import re
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.asterisk import fake
from tongdai.asterisk import events, translate
from tongdai.asterisk.requests import Request
from tongdai.pbx.actions import Adopt, Contact, Dial, HangUp, Originate, Party, Wait
from tongdai.pbx.jitter import Reception
from tongdai.pbx.signals import Arrived, LegHungUp, LegReplaced, Signal

CALL = UUID("01a208b1-61e0-76f4-b2eb-0404ab11662d")
HOSTILE = st.text() | st.text(alphabet="0159+@.-aA\r\n\x00\"'`<>${}&,;()[]|\\/ %#*", max_size=40)

# Call and channel, and what happened to them. TRUNK 19001919 0909000111: who called what from
# where.
MEANT = {
    "attended_transfer": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1b LegAnswered
        2c Arrived phone 101@DOMAIN 102 101
        2d LegDialed 102@DOMAIN
        2d LegRinging
        2d LegAnswered
        1b LegHungUp 16 0
        2c LegHungUp 16 0
        1a HangupAsked
        1a LegHungUp 16 0
        2d LegHungUp 16 0
    """,
    "blind_transfer": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1b LegAnswered
        1b LegHungUp 16 0
        1a BlindTransferred 102
        1c LegDialed 102@DOMAIN
        1c LegRinging
        1c LegAnswered
        1a HangupAsked
        1c LegHungUp 16 0
        1a LegHungUp 16 0
    """,
    "click_to_call": """
        1a LegDialed 101@DOMAIN
        1a LegRinging
        1a LegAnswered
        1b LegDialed TRUNK
        1b LegRinging
        1b LegAnswered
        1b HangupAsked
        1b LegHungUp 16 0
        1a LegHungUp 16 0
    """,
    "click_to_call_rejected": """
        1a LegDialed 101@DOMAIN
        1a LegRinging
        1a HangupAsked
        1a LegHungUp 21 603
    """,
    "inbound_answered": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1b LegAnswered
        1a HangupAsked
        1a LegHungUp 16 0
        1b LegHungUp 16 0
    """,
    "inbound_busy": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1b HangupAsked
        1a DialEnded BUSY 17
        1b LegHungUp 17 486
        1a LegHungUp 17 486
    """,
    "inbound_by_registration": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1b LegAnswered
        1a HangupAsked
        1b LegHungUp 16 0
        1a LegHungUp 16 0
    """,
    "inbound_cancelled": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1a HangupAsked
        1b LegHungUp 127 500
        1a LegHungUp 127 487
    """,
    "inbound_rang_out": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1a DialEnded NOANSWER 0
        1b LegHungUp 0 0
        1a LegHungUp 19 480
    """,
    "inbound_unregistered": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1a DialEnded CHANUNAVAIL 0
        1a LegHungUp 20 480
    """,
    "local_answered": """
        1a Arrived phone 101@DOMAIN 102 101
        1b LegDialed 102@DOMAIN
        1b LegRinging
        1b LegAnswered
        1b HangupAsked
        1b LegHungUp 16 0
        1a LegHungUp 16 0
    """,
    "outbound_answered": """
        1a Arrived phone 101@DOMAIN 0909000111 101
        1b LegDialed TRUNK
        1b LegRinging
        1b LegAnswered
        1a HangupAsked
        1b LegHungUp 16 0
        1a LegHungUp 16 0
    """,
    "outbound_refused": """
        1a Arrived phone 101@DOMAIN 0909000111 101
        1b LegDialed TRUNK
        1b HangupAsked
        1a DialEnded CHANUNAVAIL 1
        1b LegHungUp 1 404
        1a LegHungUp 1 404
    """,
    "queue": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1b LegAnswered
        1a HangupAsked
        1b LegHungUp 16 0
        1a LegHungUp 16 0
    """,
    "click_to_call_no_answer": """
        1a LegDialed 101@DOMAIN
        1a LegRinging
        1a LegAnswered
        1b LegDialed TRUNK
        1b LegRinging
        1b HangupAsked
        1a DialEnded NOANSWER 19
        1b LegHungUp 19 480
        1a LegHungUp 19 480
    """,
    "click_to_call_rang_out": """
        1a LegDialed 101@DOMAIN
        1a LegRinging
        1a LegHungUp 19 480
    """,
    "inbound_rejected": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1b HangupAsked
        1b LegHungUp 21 603
        1a DialEnded CHANUNAVAIL 21
        1a LegHungUp 21 403
    """,
    "inbound_unavailable": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b HangupAsked
        1a DialEnded NOANSWER 19
        1b LegHungUp 19 480
        1a LegHungUp 20 480
    """,
    "outbound_busy": """
        1a Arrived phone 101@DOMAIN 0909000111 101
        1b LegDialed TRUNK
        1b HangupAsked
        1b LegHungUp 17 486
        1a DialEnded BUSY 17
        1a LegHungUp 17 486
    """,
    "outbound_no_answer": """
        1a Arrived phone 101@DOMAIN 0909000111 101
        1b LegDialed TRUNK
        1b LegRinging
        1b HangupAsked
        1a DialEnded NOANSWER 19
        1b LegHungUp 19 480
        1a LegHungUp 19 480
    """,
    "outbound_unreachable": """
        1a Arrived phone 101@DOMAIN 0909000111 101
        1b LegDialed TRUNK
        1b HangupAsked
        1a DialEnded NOANSWER 19
        1b LegHungUp 19 480
        1a LegHungUp 20 480
    """,
    "queue_timed_out": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1a DialEnded NOANSWER 0
        1b LegHungUp 0 0
        1a LegHungUp 19 480
    """,
    "ring_group_in_turn_rang_out": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1a DialEnded NOANSWER 0
        1b LegHungUp 0 0
        1c LegDialed 102@DOMAIN
        1c LegRinging
        1a DialEnded NOANSWER 0
        1c LegHungUp 0 0
        1a LegHungUp 19 480
    """,
    "ring_group_rang_out": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1c LegDialed 102@DOMAIN
        1b LegRinging
        1c LegRinging
        1a DialEnded NOANSWER 0
        1b LegHungUp 0 0
        1c LegHungUp 0 0
        1a LegHungUp 19 480
    """,
    "ring_group": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1c LegDialed 102@DOMAIN
        1b LegRinging
        1c LegRinging
        1c LegAnswered
        1b LegHungUp 26 0
        1c HangupAsked
        1c LegHungUp 16 0
        1a LegHungUp 16 0
    """,
    "semi_attended_transfer": """
        1a Arrived trunk TRUNK 19001919 0909000111
        1b LegDialed 101@DOMAIN
        1b LegRinging
        1b LegAnswered
        2c Arrived phone 101@DOMAIN 102 101
        2d LegDialed 102@DOMAIN
        2d LegRinging
        1b LegHungUp 16 0
        2c LegHungUp 16 0
        2d LegAnswered
        2a HangupAsked
        2a LegHungUp 16 0
        2d LegHungUp 16 0
    """,
}


# --- in


def told(name: str) -> list[str]:
    """The signals of a recording: which call's, which channel's, what; both numbered as they
    came.
    """
    calls: dict[UUID, int] = {}
    channels: dict[str, int] = {}
    lines = []
    for event in fake.recording(name).events:
        if heard := _signal(event):
            call, signal = heard
            number = calls.setdefault(call, len(calls) + 1)
            channel = channels.setdefault(signal.channel, len(channels) + 1)
            lines.append(
                f"{number}{'abcd'[channel - 1]} {type(signal).__name__} {_said(signal)}".strip()
            )
    return lines


def _signal(event: dict[str, Any]) -> tuple[UUID, Signal] | None:
    decoded = events.decode(event["type"], msgspec.json.encode(event))
    return translate.signal(decoded) if decoded else None


def _said(signal: Signal) -> str:
    """All of it but what differs from call to call."""
    fields = msgspec.structs.asdict(signal)
    different = {"channel", "at", "call_uuid", "sip_call_id", "reconstructed"}
    if isinstance(signal, LegHungUp):
        different |= {"dialstatus"}  # the CEL log's
    said = [str(value) for name, value in fields.items() if name not in different]
    return " ".join(said).replace(fake.TRUNK, "TRUNK").replace(fake.DOMAIN, "DOMAIN")


def test_every_recording_is_tested() -> None:
    assert set(MEANT) == {path.stem for path in fake.RECORDINGS.glob("*.json")}


@pytest.mark.parametrize("name", MEANT)
def test_recorded_events_mean(name: str) -> None:
    assert told(name) == [line.strip() for line in MEANT[name].strip().splitlines()]


@pytest.mark.parametrize("name", MEANT)
def test_times_and_sip_call_ids_are_asterisks_own(name: str) -> None:
    for event in fake.recording(name).events:
        if not (heard := _signal(event)):
            continue
        _, signal = heard
        assert (
            signal.at.isoformat(timespec="milliseconds").replace("+00:00", "+0000")
            == event["timestamp"]
        )
        if sip_call_id := getattr(signal, "sip_call_id", ""):
            channel = event.get("channel") or event["peer"]
            assert sip_call_id == channel["protocol_id"]


@pytest.mark.parametrize("event", [{"type": "ChannelVarset"}, {"type": "DeviceStateChanged"}])
def test_events_we_do_not_use_are_left_unread(event: dict[str, str]) -> None:
    assert _signal(event) is None


def test_a_phone_that_registers_is_no_signal() -> None:
    assert (
        _signal(
            {
                "type": "ContactStatusChange",
                "endpoint": {"technology": "PJSIP", "resource": "101@a.vn"},
            }
        )
        is None
    )


def test_a_channel_of_no_call_of_ours_means_nothing() -> None:
    event = fake.recording("inbound_answered").events[-1]
    for strange in ("", "0" * 31, "0" * 33):
        event["channel"]["channelvars"] = {"TD_CALL_ID": strange}
        assert _signal(event) is None


def test_nobody_rings_by_a_local_channel() -> None:
    """Dial() makes one where a phone forwards by 302."""
    event = next(
        each for each in fake.recording("inbound_answered").events if each["type"] == "Dial"
    )
    assert _signal(event) is not None
    event["peer"]["name"] = "Local/102@phone-00000000;1"
    assert _signal(event) is None


TRUNK = "01a208b1-0000-7000-8000-000000000009"


@pytest.mark.parametrize(
    "dialled",
    ["19001919", "+8419001919", "0", f"19001919,{TRUNK}", "1):0:1,PJSIP", "${EPOCH}", '1"2'],
)
@pytest.mark.parametrize(
    ("via", "trunk", "endpoint"),
    [("trunk", [""], ""), ("trunk", [], ""), ("trunk", [TRUNK], TRUNK), ("phone", [], "")],
)
def test_the_number_dialled_is_the_channels_extension_and_names_no_trunk(
    dialled: str, via: str, trunk: list[str], endpoint: str
) -> None:
    event = fake.recording("inbound_answered").events[0] | {"args": ["arrived", via, *trunk]}
    event["channel"]["dialplan"]["exten"] = dialled
    heard = _signal(event)
    assert heard
    assert isinstance(heard[1], Arrived)
    name: str = event["channel"]["name"]
    own = name.removeprefix("PJSIP/").rpartition("-")[0]
    assert (heard[1].dialled, heard[1].endpoint) == (dialled, endpoint or own)
    event["args"] = ["transferred"]
    heard = _signal(event)
    assert heard
    assert getattr(heard[1], "dialled", None) == dialled


@given(st.lists(HOSTILE, max_size=6))
def test_whatever_stasis_is_called_with_is_a_signal_or_nothing_or_refused(args: list[str]) -> None:
    event = fake.recording("inbound_answered").events[0]
    for first in (
        [],
        ["arrived"],
        ["arrived", "trunk"],
        ["dialed"],
        ["dialed", "BUSY"],
        ["transferred"],
    ):
        with contextlib.suppress(ValueError):
            _signal(event | {"args": first + args})


# --- out


def a_dial(*parties: Party, **changes: Any) -> Dial:
    return Dial("asterisk-1.2", parties, 30, "0909000111", **changes)


DESK, MOBILE, OTHER = (
    "PJSIP/101@a.vn/sip:101@192.0.2.7:5060",
    "PJSIP/w101@a.vn/sip:k2@192.0.2.8:40001;transport=WS",
    "PJSIP/102@a.vn/sip:102@192.0.2.9",
)
TARGETS = {"101@a.vn": (DESK, MOBILE), "102@a.vn": (OTHER,), "103@a.vn": ()}


def test_dialling_the_contacts_of_extensions() -> None:
    parties = (Party("101@a.vn"), Party("103@a.vn"), Party("102@a.vn"))
    requests = translate.dial(a_dial(*parties, record=True), TARGETS)
    assert requests == [
        Request(
            "POST",
            "channels/asterisk-1.2/variable",
            {
                "variable": "TD_DIAL",
                "value": f"{DESK}&{MOBILE}&{OTHER},30,ig",
            },
        ),
        Request(
            "POST",
            "channels/asterisk-1.2/continue",
            {"context": "dial-recorded", "extension": "0909000111", "priority": "1"},
        ),
    ]


def test_an_extension_without_a_phone_is_dialled_in_vain() -> None:
    variable, _ = translate.dial(a_dial(Party("103@a.vn")), TARGETS)
    assert variable.query["value"] == ",30,ig"


def test_outside_the_recording_hangs_on_the_party_called() -> None:
    variable, place = translate.dial(a_dial(Party(fake.TRUNK, "+84909000111"), record=True), {})
    assert variable.query["value"] == f"PJSIP/+84909000111@{fake.TRUNK},30,igb(record^s^1)"
    assert place.query["context"] == "dial-out", "carriers get no name"


def test_music_plays_while_an_agent_rings() -> None:
    variable, _ = translate.dial(a_dial(Party("102@a.vn"), music="jazz-2"), TARGETS)
    assert variable.query["value"] == f"{OTHER},30,igm(jazz-2)"


def test_a_channel_that_takes_anothers_place_in_stasis() -> None:
    """Asterisk says so instead of the arguments."""
    channel = {"name": "PJSIP/101@company.example.vn-00000007", "dialplan": {"exten": "700"}}
    event = {
        "type": "StasisStart",
        "timestamp": "2026-11-23T12:42:42.853+0000",
        "args": [],
        "channel": channel | {"id": "c2", "channelvars": {"TD_CALL_ID": CALL.hex}},
        "replace_channel": channel | {"id": "c1"},
    }
    decoded = events.decode("StasisStart", msgspec.json.encode(event))
    assert decoded
    found = translate.signal(decoded)
    assert found
    call, signal = found
    assert call == CALL
    assert isinstance(signal, LegReplaced)
    assert (signal.channel, signal.replaced, signal.dialled) == ("c2", "c1", "700")
    assert signal.endpoint == "101@company.example.vn"


def test_a_channel_is_adopted_by_another_ones_export() -> None:
    made = translate.adopt(Adopt("c2", "PJSIP/101@a.vn-00000007", CALL), "asker")
    assert [(each.uri, each.query) for each in made] == [
        (
            "channels/asker/variable",
            {"variable": f"EXPORT(PJSIP/101@a.vn-00000007,{name})", "value": value},
        )
        for name, value in (
            ("__TD_CALL_ID", CALL.hex),
            ("CHANNEL(accountcode)", CALL.hex),
            ("__TRANSFER_CONTEXT", "transfer"),
        )
    ]
    with pytest.raises(ValueError, match="not for a dial string"):
        translate.adopt(Adopt("c2", "PJSIP/101@a.vn-7,SHELL(x)", CALL), "asker")


def test_a_jitter_buffer_is_put_on_a_channel_by_another_ones_export() -> None:
    made = translate.jitter_buffer("pbx-1790000000.7", 400, "asker")
    query = {"variable": "EXPORT(pbx-1790000000.7,JITTERBUFFER(adaptive))", "value": "400"}
    assert (made.method, made.uri, made.query) == ("POST", "channels/asker/variable", query)


def test_statistics_tell_what_has_come_from_a_party() -> None:
    said = """{"txcount": 31, "rxcount": 35, "rxjitter": 0.0, "local_maxjitter": 0.0226,
        "local_normdevjitter": 0.0153, "channel_uniqueid": "pbx-1790000000.7"}"""
    assert translate.reception(said) == Reception(35, 0.0153)


def test_waiting_and_hanging_up() -> None:
    assert translate.sent_on(Wait("c", "jazz")) == [
        Request(
            "POST", "channels/c/variable", {"variable": "TIMEOUT(absolute)", "value": "14400"}
        ),
        Request("POST", "channels/c/answer"),
        Request("POST", "channels/c/moh", {"mohClass": "jazz"}),
    ]
    assert translate.hang_up(HangUp("c", 17)) == Request(
        "DELETE", "channels/c", {"reason_code": "17"}
    )


def an_originate(then: Dial, **changes: Any) -> Originate:
    fields: dict[str, Any] = {
        "caller_id": "101",
        "caller_name": "Click2Call",
        "auto_answer": False,
    } | changes
    return Originate((Contact("c", "PJSIP/x"),), 30, call_uuid=CALL, then=then, **fields)


def test_phones_are_asked_to_answer_by_themselves_in_all_their_ways() -> None:
    then = a_dial(Party("102@a.vn"), record=True)
    asked = an_originate(then, auto_answer=True)
    variables = translate.originate(asked, "PJSIP/x", "c", TARGETS).body["variables"]
    assert translate.AUTO_ANSWER.items() <= variables.items()
    assert variables["TD_RECORD"] == "yes"
    asked = an_originate(a_dial(Party("102@a.vn")))
    variables = translate.originate(asked, "PJSIP/x", "c", TARGETS).body["variables"]
    assert variables["TD_DIAL"] == f"{OTHER},30,ig"
    assert not translate.AUTO_ANSWER.keys() & variables.keys()
    assert "TD_RECORD" not in variables


# --- what strangers write

_SAFE_TARGET = (
    rf"({re.escape(DESK)}|{re.escape(MOBILE)}|PJSIP/\+?[0-9*#]{{1,32}}@[A-Za-z0-9-]{{1,64}})"
)
_SAFE_DIAL = re.compile(
    rf"({_SAFE_TARGET}(&{_SAFE_TARGET})*)?,[0-9]+,ig(m\([A-Za-z0-9-]+\))?(b\(record\^s\^1\))?"
)
PARTIES = st.builds(
    Party, HOSTILE | st.just("101@a.vn") | st.just(fake.TRUNK), HOSTILE | st.just("0909000111")
)


@given(st.lists(PARTIES, min_size=1, max_size=3), HOSTILE | st.just("jazz"), st.booleans())
def test_a_dial_string_means_what_it_says_or_is_refused(
    parties: list[Party], music: str, record: bool
) -> None:
    try:
        value = translate.dial_string(a_dial(*parties, music=music, record=record), TARGETS)
    except ValueError:
        return
    assert _SAFE_DIAL.fullmatch(value)


@pytest.mark.parametrize(
    "party",
    [
        Party("101@a.vn&PJSIP/102@b.vn"),
        Party("101@a.vn)}${SHELL(id)"),
        Party("101@a.vn\n"),
        Party("101@${GLOBAL(X)}"),
        Party("sip:0899@127.0.0.1:15099"),
        Party(fake.TRUNK, "0909,30,U(x)"),
        Party(fake.TRUNK, "sip:0899@127.0.0.1:15099"),
        Party(fake.TRUNK, "0909000111\r\nX: 1"),
        Party(fake.TRUNK, "٠٩٠٩"),
        Party(f"{fake.TRUNK}&Local/s@x", "0909000111"),
        Party(f"{fake.TRUNK};x", "0909000111"),
    ],
)
def test_what_could_mean_more_is_refused(party: Party) -> None:
    with pytest.raises(ValueError, match="not for a dial string"):
        translate.dial(a_dial(party), TARGETS)


@given(HOSTILE)
def test_a_number_shown_is_digits(text: str) -> None:
    assert re.fullmatch(r"\+?[0-9]{1,32}|anonymous", translate.shown(text))


def test_a_number_is_shown_as_it_is() -> None:
    assert [
        translate.shown(text)
        for text in ("0909000111", "+84909000111", "(028) 7300-1919", "", "+", "a b")
    ] == [
        "0909000111",
        "+84909000111",
        "02873001919",
        "anonymous",
        "anonymous",
        "anonymous",
    ]


@given(HOSTILE)
def test_a_name_cannot_leave_its_quotes(text: str) -> None:
    name = translate.name(text)
    assert len(name) <= 64
    assert not re.search(r'[\x00-\x1f\x7f"<>\\;,$|&^(){}\[\]]', name)


def test_a_name_stays_a_name() -> None:
    assert translate.name("Nguyễn Văn An - 0899 (VIP)") == "Nguyễn Văn An - 0899 VIP"


@given(caller_id=HOSTILE, caller_name=HOSTILE, to_id=HOSTILE, to_name=HOSTILE)
def test_nothing_that_is_shown_at_a_click_to_call_can_do_more(
    caller_id: str, caller_name: str, to_id: str, to_name: str
) -> None:
    then = Dial("c", (Party("102@a.vn"),), 30, to_id, caller_name=to_name)
    asked = translate.originate(
        an_originate(then, caller_id=caller_id, caller_name=caller_name), "PJSIP/x", "c", TARGETS
    )
    assert re.fullmatch(r'"[^"\x00-\x1f]*" <(\+?[0-9]+|anonymous)>', asked.query["callerId"])
    assert re.fullmatch(r"\+?[0-9]+|anonymous", asked.query["extension"])
    assert not re.search(r"[\x00-\x1f$&,;<>]", asked.body["variables"]["TD_SHOWN_NAME"])
