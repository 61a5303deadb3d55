"""One Asterisk as the engine sees it: events become signals, actions become ARI requests, and
refusals come back as signals.

`reconnect` has the link, `dynamic_config` the devices and trunks, `contacts` the registered
contacts; `translate` the meaning of events and actions.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import assert_never
from uuid import UUID

import msgspec
import structlog
from msgspec.structs import replace

from tongdai import errors
from tongdai.asterisk import (
    ari,
    events,
    fallback,
    packages,
    prompt_files,
    provisioning,
    reconnect,
    registrations,
    steering,
    translate,
)
from tongdai.asterisk.contacts import Contacts
from tongdai.asterisk.dynamic_config import DynamicConfig
from tongdai.asterisk.hints import Hints
from tongdai.asterisk.reconnect import Address, Connection, Timing
from tongdai.asterisk.registrations import QUERY_CHANNEL, Registration, by_query_channel
from tongdai.asterisk.requests import (
    BAD_REQUEST,
    CONFLICT,
    GONE,
    Request,
    ask,
    ask_once_there,
)
from tongdai.asterisk.trunk_trials import Trials
from tongdai.pbx.actions import (
    Adopt,
    Ask,
    Confirm,
    Contact,
    Dial,
    Fetch,
    HangUp,
    Mute,
    Originate,
    Park,
    Part,
    PickUp,
    Play,
    Press,
    Record,
    Rejoin,
    Rerecord,
    SendAway,
    SwitchAction,
    Wait,
)
from tongdai.pbx.jitter import Reception
from tongdai.pbx.signals import (
    NOT_ASKED,
    LegAnswered,
    LegDialed,
    Refused,
    Signal,
    Unanswered,
)
from tongdai.pbx.trunk_trials import Course, TrialCall

log = structlog.get_logger()

APP = "tongdai"


class Snapshot(msgspec.Struct, frozen=True):
    """The live channels of each call in Asterisk, and its start time. `lost_at`: the moment when
    we noticed the loss of the previous link, None for the first. `last_frames_at`: the moments of
    the last frame on each of the previous links. `strays`: answered channels of our devices and
    trunks that belong to no call.
    """

    started_at: datetime
    channels: dict[UUID, tuple[events.Channel, ...]]
    lost_at: datetime | None = None
    last_frames_at: tuple[datetime, ...] = ()
    strays: tuple[events.Channel, ...] = ()

    @property
    def every(self) -> tuple[events.Channel, ...]:
        """All channels."""
        return (*chain.from_iterable(self.channels.values()), *self.strays)


OnLink = Callable[[Snapshot], Awaitable[None]]


class Switch:
    """Calls `on_signal` with every signal and its call, in order; and `on_contact` with the
    endpoint of each contact that came, went, or became reachable or unreachable. `hints`: the file
    of the switch's hints, if it reads one; `prompts`: the folder of its prompts, likewise.
    """

    def __init__(
        self,
        address: Address,
        on_signal: Callable[[UUID, Signal], None],
        timing: Timing = reconnect.DEFAULT,
        contacts: Contacts | None = None,
        *,
        on_contact: Callable[[str], None] = lambda _endpoint: None,
        hints: Path | None = None,
        prompts: Path | None = None,
    ) -> None:
        self._on_signal, self._on_contact = on_signal, on_contact
        self._prompts = prompts
        self._steering = steering.Steering(on_signal, prompts)
        self._connection = Connection(address, APP, self._heard, timing)
        self.contacts = contacts or Contacts(APP)
        self._trials = Trials()
        self._config = DynamicConfig(self.contacts.changed, Hints(hints, self._push_again))
        self._pushes: set[asyncio.Task[None]] = set()
        self._started_at: datetime | None = None
        self.linked = self._connection.linked

    @property
    def is_up(self) -> bool:
        return self._connection.is_up

    @property
    def heard_at(self) -> float:
        """The time of the last echo (event loop's time): all events before it have been taken."""
        return self._connection.heard_at

    async def run(self, on_link: OnLink) -> None:
        """Stays connected until cancelled. Awaits `on_link` after each (re)connection, before any
        signal of the new link. Raises errors.SetupError when Asterisk is too old, or another
        controller has connected.
        """
        await self._connection.run(lambda link: self._open(link, on_link))

    async def _open(self, link: ari.Link, on_link: OnLink) -> None:
        """Prepares a new link before its events are taken (engine/recovery.py has the whole
        sequence).
        """
        allowed = {"allowed": [{"type": name} for name in events.NAMES]}
        await _checked(link.request("PUT", f"applications/{APP}/eventFilter", body=allowed))
        started_at = await self._checked_start(link)
        self.contacts.forget()  # changes without a link were not reported
        await self._config.push(link)
        source = {"eventSource": "endpoint:PJSIP"}
        await _checked(link.request("POST", f"applications/{APP}/subscription", source))
        await on_link(await self._snapshot(link, started_at))

    async def _checked_start(self, link: ari.Link) -> datetime:
        """The start time of this Asterisk; a restarted one holds no objects of ours.

        Raises errors.SetupError if its version is too old.
        """
        info = (
            await _checked(link.request("GET", "asterisk/info", {"only": "system,status"}))
        ).json()
        if not packages.is_serving(version := info["system"]["version"]):
            wanted = ".".join(map(str, packages.ASTERISK))
            raise errors.SetupError(
                f"Asterisk {version} has known holes: {wanted} or a later 22.x is needed"
            )
        started_at = events.moment(info["status"]["startup_time"])
        if self._started_at != started_at:
            self._config.forget()
        self._started_at = started_at
        return started_at

    async def snapshot(self) -> Snapshot:
        """Raises errors.SwitchDown."""
        if self._started_at is None:
            raise errors.SwitchDown
        return await self._snapshot(self._connection.link, self._started_at)

    async def _snapshot(self, link: ari.Link, started_at: datetime) -> Snapshot:
        answer = await _checked(link.request("GET", "channels"))
        channels: dict[UUID, tuple[events.Channel, ...]] = {}
        strays = []
        for channel in msgspec.json.decode(answer.message_body, type=list[events.Channel]):
            if call_uuid := translate.call_id(channel):
                channels[call_uuid] = (*channels.get(call_uuid, ()), channel)
            elif self._trials.knows(channel.id):
                pass
            elif channel.state == "Up" and provisioning.is_ours(channel.endpoint):
                strays.append(channel)
        frames_at = tuple(self._connection.last_frames_at)
        lost_at = self._connection.lost_at
        return Snapshot(started_at, channels, lost_at, frames_at, tuple(strays))

    async def bridges(self) -> tuple[events.Bridge, ...]:
        """The channels that are connected with each other. Raises errors.SwitchDown."""
        answer = await _checked(self._connection.link.request("GET", "bridges"))
        return msgspec.json.decode(answer.message_body, type=tuple[events.Bridge, ...])

    def _heard(self, name: str, data: bytes) -> None:
        try:
            event = events.decode(name, data)
            meant = translate.signal(event) if event else None
        except (msgspec.ValidationError, ValueError) as reason:
            log.warning("switch.odd_event", event_type=name, why=str(reason))
            return
        self._trials.heard(event)
        if isinstance(event, events.ContactStatusChange):
            self.contacts.heard(event)
            self._on_contact(event.endpoint.resource)
        elif meant:
            self._on_signal(*meant)

    # --- phones and trunks

    async def provision(
        self, wanted: provisioning.Objects, stale: Collection[provisioning.Key] = ()
    ) -> None:
        """The switch holds these objects and no others, now or as soon as it is up. `stale`:
        objects of an earlier controller.
        """
        self._config.want(wanted, stale)
        await self._push()

    async def provision_changes(
        self,
        changed: provisioning.Objects,
        gone: Collection[provisioning.Key],
        stale: Collection[provisioning.Key] | None = None,
    ) -> None:
        """The switch holds the changed objects and none of those `gone`, now or as soon as it is
        up. `stale` as in `provision`; None leaves it as it was.
        """
        self._config.change(changed, gone, stale)
        await self._push()

    def _push_again(self) -> None:
        task = asyncio.create_task(self._push(), name="push")
        self._pushes.add(task)
        task.add_done_callback(self._pushes.discard)

    async def _push(self) -> None:
        if self.is_up:
            with contextlib.suppress(errors.SwitchDown):
                await self._config.push(self._connection.link)

    async def endpoint_states(self) -> dict[str, str]:
        """online, offline or unknown, by the names of phones' and trunks' endpoints. Raises
        errors.SwitchDown.
        """
        answer = await _checked(self._connection.link.request("GET", "endpoints/PJSIP"))
        return {one["resource"]: one["state"] for one in answer.json()}

    async def reload_certificates(self) -> None:
        """New connections over TLS get the certificate that is in the files now. Raises
        errors.SwitchDown.
        """
        await _checked(self._connection.link.request("PUT", "asterisk/modules/res_pjsip.so"))

    async def reload_music(self) -> None:
        """The classes of hold music are those that the files have now; music that plays goes on.
        Raises errors.SwitchDown.
        """
        await _checked(self._connection.link.request("PUT", prompt_files.RELOAD_URI))

    async def phones(self, endpoint: str) -> list[str]:
        """The reachable phones of a device, ready to dial. Raises errors.SwitchDown."""
        return list((await self.targets([endpoint]))[endpoint])

    async def targets(self, endpoints: Collection[str]) -> translate.Targets:
        """The reachable phones of these devices, ready to dial. Raises errors.SwitchDown."""
        return await self.contacts.targets(self._connection.link, endpoints)

    async def registered(self, endpoints: Iterable[str]) -> dict[str, tuple[Registration, ...]]:
        """All registered phones of these devices, reachable or not. Raises errors.SwitchDown."""
        link = self._connection.link
        return {name: await self.contacts.of(link, name) for name in endpoints}

    async def user_agent(self, known: Registration) -> str:
        """As registrations.user_agent. Raises errors.SwitchDown."""
        return await registrations.user_agent(self._connection.link, known.id)

    async def drop(self, known: Registration) -> None:
        """The phone is not registered any more. Raises errors.NotFound, errors.SwitchDown."""
        await registrations.drop(self._connection.link, known.id)
        self.contacts.changed(known.endpoint)

    async def try_trunk(self, call: TrialCall) -> Course:
        """The course of a test call. Raises as Trials.run."""
        return await self._trials.run(self._connection.link, call)

    # --- audio

    async def reception(self, channel: str) -> Reception | None:
        """What has come from the party; None of a channel that is gone or has no audio. Raises
        errors.SwitchDown.
        """
        answer = await ask(self._connection.link, translate.statistics(channel))
        return translate.reception(answer.message_body) if answer.is_ok else None

    async def buffer_jitter(self, channel: str, most_ms: int) -> None:
        """The party has a jitter buffer, if its channel is still there. Raises
        errors.SwitchDown.
        """
        request = translate.jitter_buffer(channel, most_ms, QUERY_CHANNEL)
        await by_query_channel(self._connection.link, request)

    # --- actions

    async def act(  # noqa: C901 -- a case an action
        self, call_uuid: UUID, action: SwitchAction
    ) -> None:
        """The action is under way, or the call gets the signal Refused; of a channel that is gone
        it gets LegHungUp in any case.

        Raises errors.SwitchDown when the link is lost before all responses: the action may then be
        repeated. Originate never raises: it may not be repeated; the signal Unanswered reports it.
        """
        try:
            match action:
                case Dial():
                    await self._dial(call_uuid, action)
                case Wait() | Confirm() | PickUp():
                    await self._all(call_uuid, action, translate.sent_on(action))
                case Ask():
                    await self._ask(call_uuid, action)
                case Park():
                    rest = fallback.rest(action.rest)
                    await self._all(call_uuid, action, translate.park(action, rest))
                case Fetch():
                    await self._fetch(call_uuid, action)
                case HangUp():
                    await self._hang_up(call_uuid, action)
                case Record():
                    await self._record(call_uuid, action)
                case Adopt():
                    await self._adopt(call_uuid, action)
                case Originate():
                    await self._originate(action)
                case Part() | Rejoin() | Rerecord() | SendAway() | Mute() | Press() | Play():
                    await self._steering.steer(self._connection.link, action)
                case _:
                    assert_never(action)
        except ValueError as reason:  # translate refused an unsafe value
            log.exception("switch.unspeakable", action=type(action).__name__)
            self._refuse(call_uuid, action, BAD_REQUEST, str(reason))

    async def _dial(self, call_uuid: UUID, action: Dial) -> None:
        targets = await self.targets(translate.devices(action))
        await self._all(call_uuid, action, translate.dial(action, targets))

    async def _ask(self, call_uuid: UUID, action: Ask) -> None:
        """A prompt that the switch has not is silence, and the log says so."""
        folder, files = self._prompts, list[str]()
        for file in action.files:
            if folder is not None and prompt_files.is_there(folder, file):
                files.append(str(folder / file))
            else:
                log.error("switch.prompt_missing", file=file, call_uuid=str(call_uuid))
        requests = translate.ask(action, files, fallback.rest(action.rest))
        await self._all(call_uuid, action, requests)

    async def _fetch(self, call_uuid: UUID, action: Fetch) -> None:
        """ARI tells nothing of the answer: the lines give it at once, and connect the two."""
        link = self._connection.link
        answers = await asyncio.gather(*(ask(link, one) for one in translate.fetch(action)))
        if all(answer.is_ok for answer in answers):
            self._on_signal(call_uuid, LegAnswered(action.channel, datetime.now(UTC)))

    async def _all(
        self, call_uuid: UUID, action: SwitchAction, requests: Sequence[Request]
    ) -> None:
        """Sends the requests in this order, without waiting for each response."""
        link = self._connection.link
        answers = await asyncio.gather(*(ask(link, request) for request in requests))
        refused = [answer for answer in answers if _is_refusal(answer)]
        if refused:
            self._refuse(call_uuid, action, refused[0].status_code, refused[0].message_body)

    async def _hang_up(self, call_uuid: UUID, action: HangUp) -> None:
        """Releases the channel; with the SIP status of the cause alone if it cannot be released
        with another one.
        """
        if action.sip_status:
            answer = await ask(self._connection.link, translate.hang_up(action))
            if answer.is_ok or answer.status_code == GONE:
                return
            action = replace(action, sip_status=0)
        await self._all(call_uuid, action, [translate.hang_up(action)])

    async def _record(self, call_uuid: UUID, action: Record) -> None:
        for listen, record in translate.record(action, datetime.now(UTC)):
            await self._record_one(call_uuid, action, listen, record)

    async def _record_one(
        self, call_uuid: UUID, action: Record, listen: Request, record: Request
    ) -> None:
        link = self._connection.link
        answer = await ask(link, listen)
        if answer.is_ok:
            answer = await ask_once_there(link, record)
            is_refused = not answer.is_ok and answer.status_code != GONE
        else:
            is_refused = _is_refusal(answer)
        if is_refused:
            self._refuse(call_uuid, action, answer.status_code, answer.message_body)

    async def _adopt(self, call_uuid: UUID, action: Adopt) -> None:
        """ARI sets no variable of a channel outside its application: another channel, which asks
        for contacts, does so by EXPORT().
        """
        requests = translate.adopt(action, QUERY_CHANNEL)
        await by_query_channel(self._connection.link, requests[0])
        await self._all(call_uuid, action, requests)

    async def _originate(self, action: Originate) -> None:
        """Each phone gives LegDialed, Refused or Unanswered."""
        try:
            link = self._connection.link
            targets = await self.targets(translate.devices(action.then))
        except errors.SwitchDown:
            self._refuse(action.call_uuid, action, NOT_ASKED, "the link is down")
            return
        calls = [self._call(link, action, each, targets) for each in action.contacts]
        # usually one phone, and the API request waits: no task of its own
        await (calls[0] if len(calls) == 1 else asyncio.gather(*calls))

    async def _call(
        self, link: ari.Link, action: Originate, contact: Contact, targets: translate.Targets
    ) -> None:
        call_uuid, channel_id = action.call_uuid, contact.channel
        request = translate.originate(action, contact.address, channel_id, targets)
        try:
            answer = await ask(link, request)
        except errors.SwitchDown:
            self._on_signal(call_uuid, Unanswered(channel_id, datetime.now(UTC)))
            return
        now = datetime.now(UTC)
        if not answer.is_ok:
            _log_refusal(action, answer.status_code, answer.message_body)
            self._on_signal(call_uuid, Refused(channel_id, now, action, answer.status_code))
            return
        channel = msgspec.json.decode(answer.message_body, type=events.Channel)
        dialed = LegDialed(channel.id, now, channel.endpoint, channel.protocol_id)
        self._on_signal(call_uuid, dialed)

    def _refuse(self, call_uuid: UUID, action: SwitchAction, status: int, why: str) -> None:
        _log_refusal(action, status, why)
        now = datetime.now(UTC)
        for channel in channels(action):
            self._on_signal(call_uuid, Refused(channel, now, action, status))


def channels(action: SwitchAction) -> tuple[str, ...]:
    """The channels that the action is about."""
    if isinstance(action, Originate):
        return tuple(contact.channel for contact in action.contacts)
    return (action.channel,)


async def _checked(request: Awaitable[ari.Response]) -> ari.Response:
    """The response. Raises errors.SwitchDown for a refusal."""
    answer = await request
    if not answer.is_ok:
        raise errors.SwitchDown(f"{answer.status_code} {answer.message_body}")
    return answer


def _is_refusal(answer: ari.Response) -> bool:
    """Whether Asterisk refused; not if the channel is gone, or has left our application for the
    dialplan.
    """
    return not answer.is_ok and answer.status_code not in (GONE, CONFLICT)


def _log_refusal(action: SwitchAction, status: int, why: str) -> None:
    """Logs a refusal; of a refused Originate the API user also learns."""
    say = log.warning if isinstance(action, Originate) else log.error
    say("switch.refused", action=type(action).__name__, status=status, why=why)
