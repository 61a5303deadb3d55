"""Phones and carriers that register, are called, ring, answer and hang up. SIPp does the SIP.

async with company.phone("101") as alice, company.carrier() as carrier:
    customer = await carrier.calls(hotline, who="0909000111")
    ring = await alice.rings()
    await ring.answer()
    await customer.answered()
    await customer.hang_up()
    await ring.over()
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec

from testbed import ports, sipp, tones
from testbed.sipp import Message, Sipp
from testbed.until import until
from testbed.voice import Voice
from tongdai.asterisk import music

PATIENCE_S = 15.0
ALICE_HZ, BOB_HZ, CAROL_HZ, CUSTOMER_HZ = 440, 620, 780, 1_040
_names = itertools.count(1)

Transport = Literal["udp", "tcp"]


class SippSetup(msgspec.Struct, frozen=True):
    """All that a SIPp process needs: its command, a folder for its files, and the switch's
    host:port.
    """

    command: Sequence[str]
    folder: Path
    switch: str


class Talk:
    """One party's side of a call. A method returns when the other side has confirmed it."""

    def __init__(self, line: Sipp, call_id: str, voice: Voice, *, is_caller: bool) -> None:
        self._line, self.sip_call_id, self.voice = line, call_id, voice
        self._is_caller = is_caller

    # --- being called

    async def ring(self) -> None:
        await self._command("ring", "rung")

    async def progress(self) -> None:
        """Early media: 183 with SDP; the voice sounds before the call is answered."""
        await self._command("progress", "progressed", str(self.voice.port))
        self._speak()

    async def answer(self) -> None:
        self._say("answer", str(self.voice.port))
        await self._told("answered")
        self._speak()

    async def reject(self, status: Literal[302, 404, 480, 486, 503, 603] = 486) -> None:
        self._say(str(status))
        await self._told("rejected")

    async def challenge(self) -> None:
        """Responds 401. The caller authenticates, or this fails."""
        self._say("challenge")
        await self._told("proved")

    async def cancelled(self) -> None:
        """The caller abandoned the call, or another phone answered first."""
        await self._told("cancelled")

    # --- calling

    async def ringing(self) -> None:
        """180 came."""
        await self._told("ringing")

    async def progressing(self) -> None:
        """183 came; what it carries is heard."""
        await self._told("progress")
        self._speak()

    async def answered(self) -> None:
        await self._told("answered")
        self._speak()

    async def refused(self) -> int:
        """The status that the call was refused with."""
        await self._told("refused")
        return self.status

    async def cancel(self) -> None:
        """The caller abandons the call while it rings. SIPp cannot do so before it rings."""
        told = self._line.told[self.sip_call_id]
        await until(lambda: {"ringing", "progress", "aborted"} & set(told), PATIENCE_S)
        self._say("cancel")
        await self._told("cancelled")

    # --- talking

    async def hang_up(self) -> None:
        await self._undisturbed()
        self._say("hang")
        await self._told("over")

    def hangs_up_now(self) -> None:
        """BYE goes out, whatever else is going on."""
        self._say("hang")

    async def over(self) -> None:
        """The other side hung up."""
        await self._told("over")

    async def hold(self) -> None:
        await self._undisturbed()
        await self._command("media", "media", "sendonly")

    async def resume(self) -> None:
        await self._undisturbed()
        await self._command("media", "media", "sendrecv")

    async def refer(self, to: str) -> None:
        """REFER with that Refer-To value ("<sip:102@domain>") was accepted. `notified` waits for
        the result.
        """
        await self._undisturbed()
        await self._command("refer", "referred", to)

    async def may_not_refer(self, to: str) -> None:
        """REFER was declined with 603."""
        await self._undisturbed()
        await self._command("refer", "not_referred", to)

    async def notified(self, status: int) -> None:
        """The switch reported that status of the transfer (message/sipfrag of a NOTIFY)."""

        def told() -> bool:
            return any(f"SIP/2.0 {status} " in message.text for message in self.received("NOTIFY"))

        await until(told, PATIENCE_S)

    async def hears(self, other: "Talk | float") -> None:
        """The other's voice, or that frequency, is what comes in."""
        await self.voice.hears(other.voice.hertz if isinstance(other, Talk) else other)

    async def hears_music(self) -> None:
        """Two notes of the hold music came in, one after the other."""
        heard: set[float] = set()
        notes = sorted({note for chord in music.CHORDS for note in chord})

        def two_notes() -> bool:
            strengths = {note: tones.strength(self.voice.heard, note) for note in notes}
            loudest = max(notes, key=strengths.__getitem__)
            if strengths[loudest] > 500:
                heard.add(loudest)
            return len(heard) >= 2

        await until(two_notes, PATIENCE_S, 0.1)  # it takes milliseconds of CPU

    @property
    def replaces(self) -> str:
        """`replaced_by`, escaped for a URI."""
        return quote(self.replaced_by, safe="")

    @property
    def replaced_by(self) -> str:
        """Value of Replaces (RFC 3891) by which another call takes this one's place."""
        answers = [message for message in self.messages if message.status in (180, 183, 200)]
        answer = next(message for message in answers if message.method == "INVITE")
        ours, theirs = (answer.header(name).partition("tag=")[2] for name in ("From", "To"))
        if not self._is_caller:
            ours, theirs = theirs, ours
        return f"{self.sip_call_id};to-tag={theirs};from-tag={ours}"

    # --- what was on the wire

    @property
    def messages(self) -> list[Message]:
        return self._line.messages(self.sip_call_id)

    @property
    def invite(self) -> Message:
        """The last INVITE that began it; the first one may have had no credentials."""
        return [message for message in self.messages if message.start.startswith("INVITE ")][-1]

    @property
    def status(self) -> int:
        """Of the last final response to an INVITE."""
        finals = [
            message.status
            for message in self.messages
            if message.status >= 200 and message.method == "INVITE"
        ]
        return finals[-1]

    def received(self, method: str) -> list[Message]:
        """Requests of that method."""
        return [
            message
            for message in self.messages
            if not message.is_sent and message.start.startswith(f"{method} ")
        ]

    # --- internal

    async def end(self) -> None:
        """The call ends, whatever its state."""
        told = self._line.told[self.sip_call_id]
        if {"over", "cancelled", "refused", "rejected", "aborted"}.isdisjoint(told):
            if "answered" in told:
                self._say("hang")
            else:
                self._say("cancel" if self._is_caller else "480")
            with contextlib.suppress(AssertionError):
                await until(lambda: {"over", "cancelled", "rejected"} & set(told), 3)
        self.voice.close()

    async def _undisturbed(self) -> None:
        """No re-INVITE is being answered: SIPp forgets the call when it is told something
        meanwhile. One often follows an answer at once, with the number of who answered.
        """

        def settled() -> bool:
            told = self._line.told[self.sip_call_id]
            invites = self.received("INVITE")
            within = {one.header("CSeq") for one in invites if "tag=" in one.header("To")}
            return len(within) <= told.count("reinvited") or "over" in told

        await asyncio.sleep(0.05)
        await until(settled, PATIENCE_S)

    def _say(self, do: str, with_: str = "") -> None:
        self._line.say(self.sip_call_id, do, with_)

    async def _command(self, do: str, word: str, with_: str = "") -> None:
        told = self._line.told[self.sip_call_id]
        before = told.count(word)
        self._say(do, with_)
        await until(lambda: told.count(word) > before, PATIENCE_S)

    async def _told(self, word: str) -> None:
        told = self._line.told[self.sip_call_id]
        with contextlib.suppress(AssertionError):
            await until(lambda: word in told or "aborted" in told, PATIENCE_S)
        assert word in told, (
            f"{word} was waited for; what came: {told}; "
            f"{[one.start for one in self.messages][-8:]}"
        )

    def _speak(self) -> None:
        """The voice goes to the address of the other side's last SDP."""
        wants = [
            message.audio for message in self.messages if not message.is_sent and message.audio
        ]
        assert wants[-1]
        self.voice.talks_to(*wants[-1])


class Caller:
    """The common part of phones and carriers: they are called, and call. Their calls end with
    them.
    """

    def __init__(
        self,
        place: SippSetup,
        stack: AsyncExitStack,
        address: str,
        hertz: int,
        transport: Transport,
    ) -> None:
        self._place, self._stack = place, stack
        self.address, self.hertz, self.transport = address, hertz, transport
        self.line: Sipp
        self._taken = 0  # calls that `called` has returned
        self._talks: list[Talk] = []

    async def called(self) -> Talk:
        """The next call that comes in, not yet ringing."""
        await until(lambda: len(self.line.calls) > self._taken, PATIENCE_S)
        self._taken += 1
        return await self._talk(self.line, self.line.calls[self._taken - 1], is_caller=False)

    async def rings(self) -> Talk:
        """The next call that comes in; it rings."""
        talk = await self.called()
        await talk.ring()
        return talk

    @property
    def untaken(self) -> int:
        """The number of incoming calls that the test has not taken with `called` or `rings`."""
        return len(self.line.calls) - self._taken

    async def end(self) -> None:
        await asyncio.gather(*(talk.end() for talk in self._talks))

    async def _call(
        self, user: str, from_: str, to: str, target: str, *options: str, headers: str = ""
    ) -> Talk:
        """A SIPp process of its own for the call. `headers`: more of them for the INVITE, each
        with CR LF before it.
        """
        voice = await self._voice()
        name = f"{next(_names)}-calls"
        line = await self._stack.enter_async_context(
            sipp.running(
                self._place.command,
                self._place.folder,
                name,
                *(self._place.switch, "-sf", "calling.xml", "-m", "1", *options),
                *_socket(self.address, self.transport),
                *_keys(
                    user=user,
                    **{"from": from_},
                    to_uri=to,
                    target_uri=target,
                    voice_port=str(voice.port),
                    more=headers,
                ),
            )
        )
        await until(lambda: line.own, PATIENCE_S)
        return self._keep(Talk(line, line.own, voice, is_caller=True))

    async def _talk(self, line: Sipp, call_id: str, *, is_caller: bool) -> Talk:
        return self._keep(Talk(line, call_id, await self._voice(), is_caller=is_caller))

    def _keep(self, talk: Talk) -> Talk:
        self._talks.append(talk)
        return talk

    async def _voice(self) -> Voice:
        voice = Voice(self.hertz)
        await voice.open(self.address)
        return voice


class Phone(Caller):
    """A phone of an extension."""

    extension: str
    domain: str
    password: str

    async def register(self, expires_s: int = 300) -> bool:
        """Whether the registrar accepted it."""
        told = self.line.told[self.line.own]
        before = len(told)
        self.line.say(self.line.own, "register", str(expires_s))
        await until(lambda: len(told) > before, PATIENCE_S)
        return told[-1] == "registered"

    async def calls(self, number: str, *, who: str = "", headers: str = "") -> Talk:
        """The phone dials. `who`: a value of From other than its own."""
        address = f"sip:{number}@{self.domain}"
        return await self._call(
            self.extension,
            who or f"<sip:{self.extension}@{self.domain}>",
            address,
            address,
            *("-au", self.extension, "-ap", self.password),
            headers=headers,
        )


class Carrier(Caller):
    """A carrier. The switch knows it by its address."""

    port: int

    @property
    def host(self) -> str:
        return f"{self.address}:{self.port}"

    async def calls(
        self,
        hotline: str,
        who: str = "0909000111",
        *,
        target: str = "",
        credentials: tuple[str, str] | None = None,
        headers: str = "",
    ) -> Talk:
        """A customer calls the hotline. `target`: the Request-URI, when it is not the hotline's.
        `credentials`: user name and password for when the switch challenges it. `headers` as in
        `_call`.
        """
        to = f"sip:{hotline}@{self._place.switch}"
        options = ("-au", credentials[0], "-ap", credentials[1]) if credentials else ()
        from_ = f"<sip:{who}@{self.address}>"
        return await self._call(who, from_, to, target or to, *options, headers=headers)

    async def member(self) -> Message:
        """The REGISTER of a user that authenticated."""

        def registered() -> list[Message]:
            if not any("member" in told for told in self.line.told.values()):
                return []
            return [
                message
                for message in self.line.messages()
                if message.start.startswith("REGISTER ")
            ]

        found: list[Message] = await until(registered, PATIENCE_S)
        return found[-1]


async def talk(one: Talk, other: Talk, seconds: float = 0.6) -> None:
    """They hear each other, and talk on until so many more seconds of audio came to each."""
    await one.hears(other)
    await other.hears(one)
    ends = [(each.voice, each.voice.packets + int(seconds / 0.02)) for each in (one, other)]
    await until(lambda: all(voice.packets >= end for voice, end in ends), PATIENCE_S)


@asynccontextmanager
async def phone(
    place: SippSetup,
    domain: str,
    extension: str,
    password: str,
    *,
    transport: Transport = "udp",
    hertz: int = ALICE_HZ,
    registers: bool = True,
) -> AsyncIterator[Phone]:
    """A phone; it has registered if `registers`."""
    async with AsyncExitStack() as stack:
        made = Phone(place, stack, f"{ports.network()}.255.1", hertz, transport)
        made.extension, made.domain, made.password = extension, domain, password
        made.line = await stack.enter_async_context(
            sipp.running(
                place.command,
                place.folder,
                f"{next(_names)}-{extension}",
                *(place.switch, "-sf", "registers.xml", "-oocsf", "called.xml", "-m", "1"),
                *("-au", extension, "-ap", password),
                *_socket(made.address, transport),
                *_keys(user=extension, domain=domain, password=password),
            )
        )
        await until(lambda: made.line.own, PATIENCE_S)
        if registers:
            await until(made.register, PATIENCE_S)
        try:
            yield made
        finally:
            await made.end()


@asynccontextmanager
async def carrier(
    place: SippSetup,
    address: str,
    port: int,
    *,
    username: str = "",
    password: str = "",
    transport: Transport = "udp",
) -> AsyncIterator[Carrier]:
    """A carrier that listens. With a user name it accepts registrations of that user, and its
    credentials.
    """
    async with AsyncExitStack() as stack:
        made = Carrier(place, stack, address, CUSTOMER_HZ, transport)
        made.port = port
        made.line = await stack.enter_async_context(
            sipp.running(
                place.command,
                place.folder,
                f"{next(_names)}-carrier",
                *(place.switch, "-sf", "called.xml"),
                *_socket(address, transport, port),
                *_keys(user=username or "carrier", password=password or "none"),
            )
        )
        try:
            yield made
        finally:
            await made.end()


def _socket(address: str, transport: Transport, port: int = 0) -> tuple[str, ...]:
    return ("-i", address, "-p", str(port or ports.phone_port(address)), "-t", f"{transport[0]}1")


def _keys(**values: str) -> tuple[str, ...]:
    return tuple(part for name, value in values.items() for part in ("-key", name, value))
