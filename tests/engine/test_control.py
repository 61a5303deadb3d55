"""Talks that are steered by command: what the switch does, and what happens if we die."""

from collections.abc import Awaitable, Callable

import pytest

from testbed.until import until
from tests.asterisk.fake import FakeAsterisk
from tests.engine.companies import HOTLINE, Company
from tests.engine.controllers import Controllers
from tongdai import errors
from tongdai.pbx.commands import (
    Control,
    HoldCall,
    MuteParty,
    Outcome,
    RecordCall,
    SendDigits,
    TransferCall,
    UnholdCall,
)
from tongdai.store import commands


class Talk:
    """A customer who talks with 101."""

    def __init__(self, asterisk: FakeAsterisk, company: Company, controllers: Controllers) -> None:
        self.asterisk, self.company, self.controllers = asterisk, company, controllers

    async def begin(self) -> None:
        await self.controllers.start()
        self.customer = await self.asterisk.arrives(self.company.trunk, HOTLINE)
        await self.asterisk.expect(f"POST channels/{self.customer}/continue")
        phone = self.company.phone("101")
        self.phone = await self.asterisk.rings(self.customer, phone, answers=True)
        await until(lambda: self.company.was_told("answered 101"))
        self.id = self.asterisk.call_of(self.customer)

    async def asks(self, command: Control) -> Callable[[], Awaitable[Outcome]]:
        """The command is asked. Its outcome, once it is written."""
        async with self.company.database.transaction() as tx:
            asked = await commands.ask(tx, self.company.uuid, command)
        if self.controllers.now:
            self.controllers.now.commands.wake()

        async def outcome() -> Outcome | None:
            async with self.company.database.connection() as tx:
                return await commands.outcome(tx, self.company.uuid, asked)

        async def written() -> Outcome:
            found: Outcome = await until(outcome)
            return found

        return written

    async def hold(self) -> Outcome:
        return await (await self.asks(HoldCall(call_uuid=self.id)))()

    async def unhold(self) -> Outcome:
        return await (await self.asks(UnholdCall(call_uuid=self.id)))()

    async def ends(self) -> list[str]:
        """It is hung up. All that was told of it."""
        await self.asterisk.hangs_up(self.customer)
        await self.asterisk.ends(self.phone)
        controller = self.controllers.now or await self.controllers.start()
        await controller.has_nothing_left(self.company)
        assert (await self.company.cdr())["status"] == "ANSWERED"
        return await self.company.told()


@pytest.fixture
async def talk(asterisk: FakeAsterisk, company: Company, controllers: Controllers) -> Talk:
    made = Talk(asterisk, company, controllers)
    await made.begin()
    return made


TOLD = ["ringing 101", "answered 101"]
OVER = ["hangup 101", "cdr 101"]


async def test_a_talk_is_put_on_hold_and_taken_back(talk: Talk) -> None:
    assert (await talk.hold()).error == ""
    assert (await talk.hold()).error == errors.NothingToChange.code
    assert (await talk.unhold()).error == ""
    assert (await talk.unhold()).error == errors.NothingToChange.code
    assert await talk.ends() == [*TOLD, "hold 101", "unhold 101", *OVER]


@pytest.mark.parametrize("arguments", ["PJSIP/101@a.vn/sip:1,30,i", "(Outgoing Line)"])
async def test_a_talk_that_the_switch_cannot_open_is_left_alone(
    talk: Talk, arguments: str
) -> None:
    """Its Dial() would hang up the caller; or phones have joined the two."""
    app = "Dial" if "," in arguments else "AppDial"
    plan = talk.asterisk.channels[talk.customer]["dialplan"]
    plan |= {"app_name": app, "app_data": arguments}
    assert (await talk.hold()).error == errors.SteeringRefused.code
    assert talk.asterisk.count("POST channels/do-.*") == 0
    assert await talk.ends() == [*TOLD, *OVER]


async def test_a_party_is_gone_when_the_switch_is_asked(talk: Talk) -> None:
    talk.asterisk.is_steering = False
    outcome = await talk.asks(HoldCall(call_uuid=talk.id))
    asked = await talk.asterisk.expect("POST channels/do-.*")
    await talk.asterisk.steered(asked.what.rpartition("/")[2], is_done=False)
    assert (await outcome()).error == errors.SteeringRefused.code
    assert await talk.ends() == [*TOLD, *OVER]


@pytest.mark.parametrize("is_done", [True, False])
async def test_we_die_before_the_switch_tells_the_outcome(talk: Talk, is_done: bool) -> None:
    """Where the parties are tells whether it was done; the command is answered by that."""
    talk.asterisk.is_steering = False
    outcome = await talk.asks(HoldCall(call_uuid=talk.id))
    await talk.asterisk.expect("POST channels/do-.*")
    await talk.controllers.kill()
    if is_done:
        talk.asterisk.place(talk.customer, talk.phone, "hold")
    await talk.controllers.start()
    assert (await outcome()).error == ("" if is_done else errors.SteeringRefused.code)
    assert await talk.ends() == [*TOLD, *["hold 101"] * is_done, *OVER]


async def test_a_hold_outlives_us(talk: Talk) -> None:
    await talk.hold()
    await talk.controllers.kill()
    await talk.controllers.start()
    assert (await talk.unhold()).error == ""
    assert await talk.ends() == [*TOLD, "hold 101", "unhold 101", *OVER]


async def test_the_switch_ends_a_hold_while_we_are_dead(talk: Talk) -> None:
    await talk.hold()
    await talk.controllers.kill()
    talk.asterisk.place(talk.customer, talk.phone, "join")
    await talk.controllers.start()
    await until(lambda: talk.company.was_told("unhold 101"))
    assert (await talk.unhold()).error == errors.NothingToChange.code
    assert await talk.ends() == [*TOLD, "hold 101", "unhold 101", *OVER]


async def test_who_waits_hangs_up_while_we_are_dead(talk: Talk) -> None:
    """The other one is released when we are back."""
    await talk.hold()
    await talk.controllers.kill()
    await talk.asterisk.hangs_up(talk.customer)
    await talk.controllers.start()
    await talk.asterisk.expect(f"DELETE channels/{talk.phone}")
    assert talk.controllers.now
    await talk.controllers.now.has_nothing_left(talk.company)
    cdr = await talk.company.cdr()
    assert (cdr["status"], cdr["hangup_by"]) == ("ANSWERED", "caller")


@pytest.mark.parametrize("is_done", [True, False])
async def test_we_die_while_a_hold_ends(talk: Talk, is_done: bool) -> None:
    await talk.hold()
    talk.asterisk.is_steering = False
    outcome = await talk.asks(UnholdCall(call_uuid=talk.id))
    await talk.asterisk.expect("POST channels/do-.*-3")
    await talk.controllers.kill()
    if is_done:
        talk.asterisk.place(talk.customer, talk.phone, "join")
    await talk.controllers.start()
    assert (await outcome()).error == ("" if is_done else errors.SteeringRefused.code)
    talk.asterisk.is_steering = True
    if not is_done:
        assert (await talk.unhold()).error == "", "both wait on"
    assert await talk.ends() == [*TOLD, "hold 101", "unhold 101", *OVER]


async def test_we_die_while_a_recording_pauses(talk: Talk) -> None:
    """Whether it was is unknown: it is asked for once more."""
    talk.asterisk.is_steering = False
    outcome = await talk.asks(RecordCall(call_uuid=talk.id, do="pause"))
    await talk.asterisk.expect("POST channels/do-.*-1")
    await talk.controllers.kill()
    talk.asterisk.is_steering = True
    await talk.controllers.start()
    await until(lambda: talk.asterisk.count("POST channels/do-.*") == 2)
    assert (await outcome()).error == ""
    again = await (await talk.asks(RecordCall(call_uuid=talk.id, do="pause")))()
    assert again.error == errors.NothingToChange.code
    assert await talk.ends() == [*TOLD, *OVER]


async def test_we_die_before_a_party_is_muted(talk: Talk) -> None:
    talk.asterisk.may_answer.clear()
    outcome = await talk.asks(MuteParty(call_uuid=talk.id, is_muted=True))
    await talk.asterisk.expect("GET channels/do-.*-0")
    await talk.controllers.kill()
    talk.asterisk.may_answer.set()
    await talk.controllers.start()
    await talk.asterisk.expect("POST channels/tongdai-query/variable", value="on")
    assert (await outcome()).error == ""
    assert await talk.ends() == [*TOLD, *OVER]


async def test_we_die_before_a_talk_is_transferred(talk: Talk) -> None:
    """The talk goes on, and the command is refused."""
    talk.asterisk.is_steering = False
    outcome = await talk.asks(TransferCall(call_uuid=talk.id, to="102"))
    await talk.asterisk.expect("POST channels/do-.*")
    await talk.controllers.kill()
    await talk.controllers.start()
    assert (await outcome()).error == errors.SteeringRefused.code
    assert await talk.ends() == [*TOLD, *OVER]


async def test_we_die_while_keys_are_sent(talk: Talk) -> None:
    """Nobody knows whether they were: they are not sent again."""
    talk.asterisk.is_steering = False
    outcome = await talk.asks(SendDigits(call_uuid=talk.id, digits="12"))
    await talk.asterisk.expect("POST channels/do-.*")
    await talk.controllers.kill()
    talk.asterisk.is_steering = True
    await talk.controllers.start()
    assert (await outcome()).error == errors.SteeringRefused.code
    assert talk.asterisk.count("POST channels/do-.*") == 1
    assert await talk.ends() == [*TOLD, *OVER]


async def test_an_action_waits_for_the_end_of_the_one_before(talk: Talk) -> None:
    """Our channel for it still lives in the switch, as after a lost link."""
    await talk.hold()
    asked = await talk.asterisk.expect("POST channels/do-.*")
    before = asked.what.rpartition("/")[2]
    talk.asterisk.channels[before] = talk.asterisk.channels[talk.phone] | {"id": before}
    outcome = await talk.asks(UnholdCall(call_uuid=talk.id))
    await until(lambda: talk.asterisk.count(f"GET channels/{before}") > 2)
    assert talk.asterisk.count("POST channels/do-.*") == 1
    del talk.asterisk.channels[before]
    assert (await outcome()).error == ""
    assert await talk.ends() == [*TOLD, "hold 101", "unhold 101", *OVER]
