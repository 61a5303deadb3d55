"""Actions on two parties that talk in Dial() or Bridge(), where ARI acts on no channel: a channel
of ours runs the lines of the context "part" (extensions.conf), which take one party aside.

One request asks for all of an action, so that nothing is half done if we die. The end of our
channel tells the outcome, once both parties are where the action puts them; its id says which
action of which call it was for.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never
from uuid import UUID

from tongdai.asterisk import events
from tongdai.asterisk.requests import Request
from tongdai.pbx.actions import Mute, Part, Play, Press, Rejoin, Rerecord, SendAway, SteerAction
from tongdai.pbx.signals import Executed

DONE = 26  # the cause of our channel's end
HOLDING = "hold"  # the context in which a party waits that connects both again
_ID = re.compile(r"do-([0-9a-f]{32})-([0-9]+)")
_WORD = re.compile(r"[A-Za-z0-9-]{1,64}")
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_DIGITS = re.compile(r"[0-9*#A-D]{1,32}")
_AGAIN = re.compile(r"[^,]*,[^,]*,ig.*")  # arguments of Dial() after which the caller goes on


def channel(call_uuid: UUID, number: int) -> str:
    """The id of our channel for an action of a call."""
    return f"do-{call_uuid.hex}-{number}"


def request(action: SteerAction, channels: Sequence[events.Channel]) -> Request | None:
    """The request by which our channel runs a line of "part"; None if the switch cannot do it with
    these channels, those of the action as far as they are there.
    """
    if len(channels) != 2:
        return None
    a, b = channels
    if isinstance(action, Part | Rerecord):
        if not (keeps := _keeper(channels)):
            return None
        a, b = keeps, a if keeps is b else b
    line, variables = _line(action)
    variables |= {"TD_A": a.id, "TD_B": b.id, "TD_BY": b.name}
    query = {"endpoint": f"Local/{line}@part/n", "app": "tongdai"}
    uri = f"channels/{channel(action.call_uuid, action.number)}"
    return Request("POST", uri, query, {"variables": variables})


def _keeper(channels: Sequence[events.Channel]) -> events.Channel | None:
    """The one of two channels that talk which goes on in the dialplan when the other one leaves;
    None if neither does: their phones joined them, or an earlier tongdai.
    """
    return next((each for each in channels if _goes_on(each)), None)


def _goes_on(channel: events.Channel) -> bool:
    place = channel.dialplan
    if place.app_name == "Dial":
        return _AGAIN.fullmatch(place.app_data) is not None
    return place.app_name == "Bridge"


def _line(action: SteerAction) -> tuple[str, dict[str, str]]:
    """The line of "part", and variables for it."""
    match action:
        case Part(music=music):
            return "part", {"TD_DO": "hold", "TD_MUSIC": _checked(_WORD, music)}
        case Rerecord(record=record):
            return "part", {"TD_DO": "record" if record else "silence"}
        case Rejoin():
            return "join", {}
        case SendAway(to=number):
            return "transfer", {"TD_TO": _checked(_NUMBER, number)}
        case Press(digits=digits):
            return "keys", {"TD_DIGITS": _checked(_DIGITS, digits)}
        case Mute() | Play():
            raise ValueError("not by the dialplan")
        case _:
            assert_never(action)


def mute(action: Mute, by: str) -> Request:
    """Sets what others hear of the channel by the channel `by`, which is in our application."""
    function = f"EXPORT({action.channel},MUTEAUDIO(in))"
    value = "on" if action.is_muted else "off"
    query = {"variable": function, "value": value}
    return Request("POST", f"channels/{by}/variable", query)


def play(action: Play, folder: Path) -> list[tuple[Request, Request, Request]]:
    """For each of the two parties: a channel speaks in its place to the other one, and to what
    records that one; it plays the file in lines of the dialplan, so that it ends by itself.
    """
    return [
        _spoken(action, channel, folder / _checked(_WORD, action.file))
        for channel in (action.channel, action.other)
    ]


def _spoken(action: Play, channel: str, file: Path) -> tuple[Request, Request, Request]:
    speaker = f"channels/play-{action.call_uuid.hex}-{action.number}-{channel}"
    snoop = {"app": "tongdai", "spy": "none", "whisper": "in"}
    place = {"context": "part", "extension": "play", "priority": "1"}
    return (
        Request("POST", f"channels/{channel}/snoop/{speaker.partition('/')[2]}", snoop),
        Request("POST", f"{speaker}/variable", {"variable": "TD_FILE", "value": str(file)}),
        Request("POST", f"{speaker}/continue", place),
    )


def _checked(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"not for the dialplan: {text!r}")
    return text


def executed(event: events.ChannelDestroyed) -> tuple[UUID, Executed] | None:
    """The outcome that the end of a channel of ours tells; None for other channels."""
    if (named := _ID.fullmatch(event.channel.id)) is None:
        return None
    at = events.moment(event.timestamp)
    is_done = event.cause == DONE
    return UUID(hex=named[1]), Executed(event.channel.id, at, int(named[2]), is_done=is_done)
