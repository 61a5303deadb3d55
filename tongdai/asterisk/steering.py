"""Steering of talks by ARI: the requests of `talks` in their order, and the outcome of each action
as the signal Executed.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from tongdai.asterisk import ari, events, registrations, talks
from tongdai.asterisk.registrations import QUERY_CHANNEL
from tongdai.asterisk.requests import Request, ask, ask_once_there
from tongdai.pbx.actions import Mute, Play, SteerAction
from tongdai.pbx.signals import Executed

_TRIES, _LOOK_S = 1_000, 0.02  # longer than a channel of "part" may live


class Steering:
    """Calls `on_signal` with the outcome of an action, unless the end of a channel of ours tells
    it. `prompts`: the folder of the switch's prompts, if it has one.
    """

    def __init__(self, on_signal: Callable[[UUID, Executed], None], prompts: Path | None) -> None:
        self._on_signal, self._prompts = on_signal, prompts

    async def steer(self, link: ari.Link, action: SteerAction) -> None:
        """Executed follows. The action begins once the one before it has wholly been done, as one
        may still be under way after a lost link. Raises errors.SwitchDown.
        """
        await _until_gone(link, talks.channel(action.call_uuid, action.after))
        found = await _found(link, action)
        match action:
            case Mute():
                # ARI acts on no channel outside its application: another channel does, by EXPORT()
                asked = talks.mute(action, QUERY_CHANNEL)
                answer = await registrations.by_query_channel(link, asked)
                self._executed(action, is_done=len(found) == 2 and answer.is_ok)
            case Play():
                self._executed(action, is_done=len(found) == 2 and await self._play(link, action))
            case _:
                if not await _asked(link, action, found):
                    self._executed(action, is_done=False)

    async def _play(self, link: ari.Link, action: Play) -> bool:
        """Whether both parties hear it."""
        if self._prompts is None:
            return False
        spoken = talks.play(action, self._prompts)
        said = await asyncio.gather(*(_speak(link, *requests) for requests in spoken))
        return all(said)

    def _executed(self, action: SteerAction, *, is_done: bool) -> None:
        now = datetime.now(UTC)
        told = Executed(action.channel, now, action.number, is_done=is_done)
        self._on_signal(action.call_uuid, told)


async def _until_gone(link: ari.Link, channel: str) -> None:
    """Our channel of the action before has ended."""
    for _ in range(_TRIES):
        if not (await link.request("GET", f"channels/{channel}")).is_ok:
            break
        await asyncio.sleep(_LOOK_S)


async def _found(link: ari.Link, action: SteerAction) -> list[events.Channel]:
    """The two channels of the action, as far as they are there."""
    asked = (link.request("GET", f"channels/{id}") for id in (action.channel, action.other))
    answers = await asyncio.gather(*asked)
    bodies = (answer.message_body for answer in answers if answer.is_ok)
    return [msgspec.json.decode(body, type=events.Channel) for body in bodies]


async def _asked(link: ari.Link, action: SteerAction, found: Sequence[events.Channel]) -> bool:
    """Whether a channel of ours runs the lines of the action; its end tells the outcome."""
    request = talks.request(action, found)
    return request is not None and (await ask(link, request)).is_ok


async def _speak(link: ari.Link, snoop: Request, *lines: Request) -> bool:
    answer = await ask(link, snoop)
    for line in lines if answer.is_ok else ():
        answer = await ask_once_there(link, line)
    return answer.is_ok
