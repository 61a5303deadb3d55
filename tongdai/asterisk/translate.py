"""ARI events into signals, actions into ARI requests: the only module that knows both.

It checks once more all parts of a dial string, whatever their source; `contacts` checks the
addresses of phones.
"""

import base64
import binascii
import contextlib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import TypeAlias, TypeVar, assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tongdai.asterisk import events, talks
from tongdai.asterisk.requests import Request
from tongdai.pbx import call as calls
from tongdai.pbx import numbers
from tongdai.pbx.actions import (
    Adopt,
    Ask,
    Confirm,
    Dial,
    Fetch,
    HangUp,
    Originate,
    Park,
    Party,
    PickUp,
    Record,
    Wait,
)
from tongdai.pbx.endpoint import Endpoint
from tongdai.pbx.jitter import Reception
from tongdai.pbx.signals import (
    Arrived,
    BlindTransferred,
    Chosen,
    DialEnded,
    HangupAsked,
    LegAnswered,
    LegDialed,
    LegForwarded,
    LegHeld,
    LegHungUp,
    LegReplaced,
    LegRinging,
    LegUnheld,
    Signal,
)
from tongdai.pbx.trunk_trials import TrialCall


class _Statistics(msgspec.Struct, frozen=True):
    """Of Asterisk's RTPstat: packets received, and the mean of their jitter in seconds."""

    rxcount: int = 0
    local_normdevjitter: float = 0.0


# --- in


def signal(event: events.AriEvent) -> tuple[UUID, Signal] | None:
    """The call that an event is about, and its signal; None for an event of no call of ours.

    Raises ValueError for an event that Asterisk cannot send.
    """
    match event:
        case events.StasisStart():
            return _entered(event)
        case events.ChannelHold():
            made = LegUnheld if isinstance(event, events.ChannelUnhold) else LegHeld
            return _of(event.channel, made(event.channel.id, events.moment(event.timestamp)))
        case events.Dial():
            return _dial(event)
        case events.ChannelHangupRequest() if event.is_by_party:
            return _of(
                event.channel, HangupAsked(event.channel.id, events.moment(event.timestamp))
            )
        case events.ChannelDestroyed():
            return talks.executed(event) or _destroyed(event)
        case _:
            return None


def _destroyed(event: events.ChannelDestroyed) -> tuple[UUID, Signal] | None:
    at = events.moment(event.timestamp)
    return _of(event.channel, LegHungUp(event.channel.id, at, event.cause, event.tech_cause))


def standing(channel: events.Channel, at: datetime) -> tuple[UUID, Signal] | None:
    """The signal of the StasisStart of a channel in Stasis; the event may have been lost.

    None for a channel elsewhere, or of no call of ours.
    """
    if channel.dialplan.app_name != "Stasis":
        return None
    _, *args = channel.dialplan.app_data.split(",")
    return _entered(events.StasisStart(at.isoformat(), channel, tuple(args)))


def _entered(event: events.StasisStart) -> tuple[UUID, Signal] | None:
    """The signal of a channel that entered Stasis(app, ...); extensions.conf gives the arguments.
    None of them comes from a remote party.
    """
    channel, at = event.channel, events.moment(event.timestamp)
    if event.replace_channel:
        return _of(channel, replaced(event.replace_channel.id, channel, at))
    match event.args:
        case ("arrived", "phone" | "trunk" as via, *rest):
            if (call_uuid := call_id(channel)) is None:
                return None
            trunk, said = (*rest, "", "")[:2]
            arrived = Arrived(
                call_uuid=call_uuid,
                channel=channel.id,
                at=at,
                via="phone" if via == "phone" else "trunk",
                endpoint=trunk or channel.endpoint,
                dialled=channel.dialplan.exten,
                caller_number=channel.caller.number,
                sip_call_id=channel.protocol_id,
            )
            return call_uuid, with_said(arrived, said, is_authenticated=bool(trunk))
        case _:
            back = _back(event, at)
            return _of(channel, back) if back else None


def _back(event: events.StasisStart, at: datetime) -> Signal | None:
    """The signal of a channel that has been in the dialplan, and is to be routed again."""
    channel = event.channel
    match event.args:
        case ("dialed", dialstatus, cause):
            return DialEnded(channel.id, at, dialstatus, int(cause or 0))
        case ("heard", keys):
            return Chosen(channel.id, at, keys)
        case ("transferred",):
            return BlindTransferred(channel.id, at, channel.dialplan.exten)
        case _:
            return None


Arrival = TypeVar("Arrival", bound=Arrived)


def with_said(arrived: Arrival, said: str, *, is_authenticated: bool) -> Arrival:
    """The arrival with what the carrier's INVITE said besides: TD_SAID of extensions.conf, five
    texts of which all but the second are in Base64, after a dot. A long INVITE may cut it short.
    """
    source, presentation, header, privacy, identity = (said + "....").split(".")[:5]
    return replace(
        arrived,
        source="" if is_authenticated else decoded(source)[1:],
        presentation=presentation,
        header=decoded(header)[1:],
        privacy=decoded(privacy)[1:],
        identity=decoded(identity)[1:],
    )


def decoded(text: str) -> str:
    """Text that a remote party wrote, from Base64, without what is not UTF-8 and without NUL:
    PostgreSQL can store neither. "" for broken Base64.
    """
    with contextlib.suppress(binascii.Error):
        return base64.b64decode(text).decode(errors="ignore").replace("\0", "")
    return ""


def replaced(before: str, channel: events.Channel, at: datetime) -> LegReplaced:
    """The signal of a channel that took the place of the channel `before`."""
    return LegReplaced(
        channel=channel.id,
        at=at,
        replaced=before,
        endpoint=channel.endpoint,
        name=channel.name,
        dialled=channel.dialplan.exten,
        sip_call_id=channel.protocol_id,
    )


def _dial(event: events.Dial) -> tuple[UUID, Signal] | None:
    call_uuid = call_id(event.peer) or (call_id(event.caller) if event.caller else None)
    meant = _of_dial(event) if event.peer.is_party else None
    return (call_uuid, meant) if call_uuid and meant else None


def _of_dial(event: events.Dial) -> Signal | None:
    peer, at = event.peer, events.moment(event.timestamp)
    match event.dialstatus:
        case "":
            return LegDialed(peer.id, at, peer.endpoint, peer.protocol_id)
        case "RINGING":
            return LegRinging(peer.id, at)
        case _ if event.forward:
            return LegForwarded(peer.id, at, event.forward)
        case "ANSWER":
            return LegAnswered(peer.id, at, peer.protocol_id)
        case _:
            return None


def _of(channel: events.Channel, meant: Signal) -> tuple[UUID, Signal] | None:
    call_uuid = call_id(channel)
    return (call_uuid, meant) if call_uuid else None


def call_id(channel: events.Channel) -> UUID | None:
    """The id of the channel's call, from an inherited channel variable."""
    value = channel.channelvars.get("TD_CALL_ID", "")
    return _uuid(value) if len(value) == 32 else None


@lru_cache(4096)
def _uuid(text: str) -> UUID:
    """The UUID, cached: some ten events of a call name it."""
    return UUID(hex=text)


# --- out

# i: a party's 3xx is a signal for us, which Dial() would follow without any limit. g: when the
# party called leaves the talk, the caller goes on in the dialplan (talks.py)
DIAL_OPTIONS = "ig"


Targets: TypeAlias = "Mapping[str, Collection[str]]"
"""The contacts of devices by endpoint, as Dial() takes them."""


def devices(action: Dial) -> list[str]:
    """The endpoints of devices that it dials."""
    return [party.endpoint for party in action.parties if not party.number]


def dial(action: Dial, targets: Targets) -> list[Request]:
    """Sets the dial string, then leaves Stasis for the dialplan's Dial()."""
    channel = f"channels/{action.channel}"
    outside = any(party.number for party in action.parties)
    recorded = "dial-stereo" if action.stereo else "dial-recorded" if action.record else "dial"
    context = "dial-out" if outside else recorded
    place = {"context": context, "extension": shown(action.caller_id), "priority": "1"}
    values = {"TD_DIAL": dial_string(action, targets), **_sides(action)}
    return [
        *(
            Request("POST", f"{channel}/variable", {"variable": name, "value": value})
            for name, value in values.items()
        ),
        Request("POST", f"{channel}/continue", place),
    ]


FAR_IN, FAR_OUT = "rt", "tr"
"""TD_STEREO of a channel by which the party outside speaks, and of one that hears it."""


def _sides(action: Dial) -> dict[str, str]:
    """The variable of the dialling channel with which its recording has both sides apart."""
    if not action.stereo:
        return {}
    is_outside = any(party.number for party in action.parties)
    return {"TD_STEREO": FAR_OUT if is_outside else FAR_IN}


def dial_string(action: Dial, targets: Targets) -> str:
    """Arguments of Dial(). Raises ValueError for a party or MOH class with unsafe characters."""
    options = DIAL_OPTIONS
    if action.music:
        options += f"m({_safe(_WORD, action.music)})"
    if action.record and any(party.number for party in action.parties):
        options += f"b(record^s^1({FAR_IN}))" if action.stereo else "b(record^s^1)"
    rung = chain.from_iterable(_of_party(party, targets) for party in action.parties)
    return f"{'&'.join(rung)},{action.timeout_s:d},{options}"


def _of_party(party: Party, targets: Targets) -> Collection[str]:
    if party.number:
        return (f"PJSIP/{_safe(_NUMBER, party.number)}@{_safe(_WORD, party.endpoint)}",)
    if Endpoint.parse(party.endpoint) is None:
        raise ValueError(f"not for a dial string: {party.endpoint!r}")
    return targets.get(party.endpoint, ())


def contacts(endpoint: str) -> str:
    """A dial string with all contacts that the device has when it is evaluated. Raises ValueError
    if the name is not a device's.
    """
    if (device := Endpoint.parse(endpoint)) is None:
        raise ValueError(f"not for a dial string: {endpoint!r}")
    return f"${{PJSIP_DIAL_CONTACTS({device})}}"


def sent_on(action: Wait | Confirm | PickUp) -> list[Request]:
    """What needs nothing but the action."""
    match action:
        case Wait():
            return _wait(action)
        case Confirm():
            return [_continue(action.channel, "confirm")]
        case PickUp():
            return _pick_up(action)
        case _:
            assert_never(action)


def _wait(action: Wait) -> list[Request]:
    """Plays music to the channel, without a time-out: a caller may wait for long."""
    channel = f"channels/{action.channel}"
    return [
        Request(
            "POST",
            f"{channel}/variable",
            {"variable": "TIMEOUT(absolute)", "value": str(calls.LONGEST_S)},
        ),
        Request("POST", f"{channel}/answer"),
        Request("POST", f"{channel}/moh", {"mohClass": _safe(_WORD, action.music)}),
    ]


def ask(action: Ask, files: Sequence[str], rest: str) -> list[Request]:
    """Leaves Stasis for the lines that play the files (their paths without endings) and read keys.
    `rest` is the entry of a fallback plan for when no engine takes the channel back.
    """
    channel = f"channels/{action.channel}"
    values = {
        "TD_PROMPT": "&".join(_safe(_PATH, each) for each in files),
        "TD_WAIT": f"{action.timeout_s:d}",
        "TD_MORE": _safe(_DIGITS, action.more) or _NO_KEY,
        "TD_MOST": f"{max(action.most - 1, 1):d}",
        "TD_REST": rest,
    }
    place = {"context": "menu", "extension": "ask", "priority": "1"}
    return [
        *(
            Request("POST", f"{channel}/variable", {"variable": name, "value": value})
            for name, value in values.items()
        ),
        Request("POST", f"{channel}/continue", place),
    ]


def _continue(channel: str, context: str) -> Request:
    """The channel leaves Stasis for the lines of the context."""
    place = {"context": context, "extension": "s", "priority": "1"}
    return Request("POST", f"channels/{channel}/continue", place)


def _pick_up(action: PickUp) -> list[Request]:
    """Leaves Stasis for the lines that take what rings at the target. The CEL log then has the
    channel in the call that it takes.
    """
    values = {
        "TD_TARGET": _safe(_CHANNEL, action.target),
        "CHANNEL(accountcode)": action.call_uuid.hex,
    }
    return _with(action.channel, values, "pickup")


def park(action: Park, rest: str) -> list[Request]:
    """Leaves Stasis for the lines that play the music. `rest` as in `ask`."""
    values = {
        "TD_MUSIC": _safe(_WORD, action.music),
        "TD_WAIT": f"{action.timeout_s:d}",
        "TD_REST": rest,
    }
    return _with(action.channel, values, "parked")


def fetch(action: Fetch) -> list[Request]:
    """Leaves Stasis for the lines that connect the channel with the parked one."""
    values = {
        "TD_WITH": _safe(_CHANNEL, action.other),
        "TD_RECORD": "yes" if action.record else "",
        "TD_STEREO": FAR_OUT if action.stereo else "",
        "CHANNEL(accountcode)": action.call_uuid.hex,
    }
    return _with(action.channel, values, "fetch")


def _with(channel: str, values: Mapping[str, str], context: str) -> list[Request]:
    """The channel has these values, and leaves Stasis for the lines of the context."""
    path = f"channels/{channel}/variable"
    requests = (Request("POST", path, {"variable": n, "value": v}) for n, v in values.items())
    return [*requests, _continue(channel, context)]


def hang_up(action: HangUp) -> Request:
    """Releases a channel; a caller that waits in Stasis may get another SIP response than the one
    that Asterisk makes of the cause, from the context "release".
    """
    if action.sip_status:
        place = {
            "context": "release",
            "extension": f"{action.sip_status:d}*{action.cause:d}",
            "priority": "1",
        }
        return Request("POST", f"channels/{action.channel}/continue", place)
    return Request("DELETE", f"channels/{action.channel}", {"reason_code": str(action.cause)})


def record(action: Record, at: datetime) -> list[tuple[Request, Request]]:
    """Snoops on the channel, and records beside MixMonitor's files, with names of the same form:
    for each file the snoop channel, then what it records.
    """
    second = int(at.timestamp())
    name = f"{action.call_uuid.hex}-{second}-{action.channel}"
    if not action.far:
        return [_snoop(action, "both", f"spy-{action.call_uuid.hex}-{second}", name)]
    return [
        _snoop(
            action,
            spied,
            f"spy-{action.call_uuid.hex}-{second}-{spied}",
            f"{name}.{'far' if spied == action.far else 'near'}",
        )
        for spied in ("in", "out")
    ]


def _snoop(action: Record, spied: str, spy: str, name: str) -> tuple[Request, Request]:
    query = {"app": "tongdai", "spy": spied}
    return (
        Request("POST", f"channels/{action.channel}/snoop/{spy}", query),
        Request("POST", f"channels/{spy}/record", {"name": name, "format": "wav"}),
    )


def adopt(action: Adopt, by: str) -> list[Request]:
    """Sets the variables of the channel by another one, which is in our application."""
    call_id, name = action.call_uuid.hex, _safe(_CHANNEL, action.name)
    values = {
        "__TD_CALL_ID": call_id,
        "CHANNEL(accountcode)": call_id,
        "__TRANSFER_CONTEXT": "transfer",
    }
    return [
        Request(
            "POST",
            f"channels/{by}/variable",
            {"variable": f"EXPORT({name},{variable})", "value": value},
        )
        for variable, value in values.items()
    ]


def jitter_buffer(channel: str, most_ms: int, by: str) -> Request:
    """Puts a jitter buffer on the channel by another one, which is in our application: ARI sets
    nothing of a channel in Dial().
    """
    function = f"EXPORT({_safe(_CHANNEL, channel)},JITTERBUFFER(adaptive))"
    query = {"variable": function, "value": str(most_ms)}
    return Request("POST", f"channels/{by}/variable", query)


def statistics(channel: str) -> Request:
    """Asks for the RTP statistics of a channel."""
    return Request("GET", f"channels/{channel}/rtp_statistics")


def reception(body: str) -> Reception:
    """Of RTP statistics, what has come from the party. `rxjitter`, the jitter of now, was 0 in
    all readings of Asterisk 22.10.1; the mean was not.
    """
    said = msgspec.json.decode(body, type=_Statistics)
    return Reception(said.rxcount, said.local_normdevjitter)


# headers that phones honour: RFC 5373; Yealink, Fanvil; Polycom, Cisco; Snom, Grandstream
AUTO_ANSWER = {
    "PJSIP_HEADER(add,Answer-Mode)": "Auto",
    "PJSIP_HEADER(add,Alert-Info)": "<sip:localhost>;info=alert-autoanswer;delay=0",
    "PJSIP_HEADER(add,Call-Info)": "<sip:localhost>;answer-after=0",
    "PJSIP_HEADER(add,P-Auto-Answer)": "normal",
}


def originate(action: Originate, contact: str, channel: str, targets: Targets) -> Request:
    """Rings one phone of the extension (`contact` as Asterisk gave it); the answered channel goes
    on in the context "click".
    """
    variables = {
        "__TD_CALL_ID": action.call_uuid.hex,
        "__TRANSFER_CONTEXT": "transfer",
        "CHANNEL(accountcode)": action.call_uuid.hex,
        "TD_DIAL": dial_string(action.then, targets),
        "TD_SHOWN_NAME": name(action.then.caller_name),
        **_sides(action.then),
        **(AUTO_ANSWER if action.auto_answer else {}),
    }
    if action.then.record and not any(party.number for party in action.then.parties):
        variables["TD_RECORD"] = "yes"
    query = {
        "endpoint": contact,
        "context": "click",
        "extension": shown(action.then.caller_id),
        "priority": "1",
        "callerId": f'"{name(action.caller_name)}" <{shown(action.caller_id)}>',
        "timeout": str(action.timeout_s),
    }
    return Request("POST", f"channels/{channel}", query, {"variables": variables})


def trial(call: TrialCall, channel: str) -> Request:
    """A test call of a trunk; once answered it goes on in the context "trial"."""
    query = {
        "endpoint": f"PJSIP/{_safe(_NUMBER, call.number)}@{_safe(_WORD, call.trunk)}",
        "context": "trial",
        "extension": "s",
        "priority": "1",
        "callerId": f"<{shown(call.caller)}>",
        "timeout": str(call.ring_s),
    }
    variables = {"TD_TALK": f"{call.talk_s:d}"}
    return Request("POST", f"channels/{channel}", query, {"variables": variables})


def shown(number: str) -> str:
    """A caller number that is safe as a dialplan extension; "anonymous" for a text that is no
    number: no digits are made up out of a name ("Bank24h").
    """
    return numbers.clean(number) or numbers.ANONYMOUS


def name(text: str) -> str:
    """A display name without characters that could end a quoted string, a header or a dialplan
    argument.
    """
    return re.sub(r'[\x00-\x1f\x7f"<>\\;,$|&^(){}\[\]]', "", text)[:64]


_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_WORD = re.compile(r"[A-Za-z0-9-]{1,64}")
_PATH = re.compile(r"/[A-Za-z0-9/._ -]{1,400}")
_DIGITS = re.compile(r"[0-9]{0,10}")
_NO_KEY = "x"  # in a list of keys that is empty
_CHANNEL = re.compile(r"[A-Za-z0-9/@._-]{1,320}")


def _safe(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"not for a dial string: {text!r}")
    return text
