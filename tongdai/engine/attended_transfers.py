"""Attended transfer (RFC 5589 §7): two calls, each with a mailbox, become one.

The CEL log reports it. The remaining call gets the signal AttendedTransferred; the consultation
gets HandOver, and is merged after its earlier signals.
"""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from tongdai.asterisk import cel_log
from tongdai.engine.live_calls import LiveCalls
from tongdai.engine.mailbox import HandOver, Reconcile
from tongdai.engine.mailboxes import Mailboxes
from tongdai.pbx import replacement, transfer
from tongdai.pbx.call import Call, Ended
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.signals import AttendedTransferred, Severed
from tongdai.pbx.step import Step


class AttendedTransfers:
    def __init__(self, mailboxes: Mailboxes, live_calls: LiveCalls) -> None:
        self._mailboxes, self._live_calls = mailboxes, live_calls
        self._asked: dict[UUID, HandOver] = {}  # by consultation

    def happened(
        self, transfer: cel_log.Transfer, owners: Mapping[str, UUID] = MappingProxyType({})
    ) -> None:
        """The CEL log reports a transfer: the calls of both channels become one. `owners`: the
        calls of channels that we may not know yet.
        """
        call_uuid = self._holder(transfer.transferee) or owners.get(transfer.transferee)
        other = self._holder(transfer.target) or owners.get(transfer.target)
        if call_uuid is None or other is None or call_uuid == other:
            return
        if call_uuid not in self._mailboxes or other not in self._mailboxes:
            return
        if call_uuid in self._asked or other in self._asked:  # reported twice
            return
        hand_over = self._asked[other] = HandOver(transfer.at)
        self._mailboxes[other].put(hand_over)
        self._mailboxes.put(
            call_uuid, AttendedTransferred(transfer.transferee, transfer.at, other)
        )

    async def merge(
        self, call: Call, signal: AttendedTransferred, context: RoutingContext
    ) -> Step:
        """The call with the consultation merged, and later signals of both in its mailbox; the
        unchanged call if either is over. Calls of two domains are ended instead.
        """
        hand_over = self._asked.pop(signal.other)
        consultation = await hand_over.offered()
        if consultation is None or isinstance(call.course, Ended):
            hand_over.leave()
            return Step(call)
        if consultation.domain_uuid != call.domain_uuid:
            hand_over.leave()
            severed = Severed(signal.channel, signal.at)
            self._mailboxes.put(consultation.call_uuid, severed)
            return replacement.sever(call, severed)
        other = self._mailboxes.take(consultation.call_uuid)
        self._live_calls.forget(consultation)
        self._mailboxes.merge(call, consultation.call_uuid, *consultation.merged)
        hand_over.take()
        mine = self._mailboxes[call.call_uuid]
        late = [
            *mine.drain(),
            *(each for each in other.drain() if not isinstance(each, Reconcile)),
        ]
        for each in sorted(late, key=lambda each: each.at):
            mine.put(each)
        return transfer.merge(call, consultation, signal, context)

    def abandon(self, signal: AttendedTransferred) -> None:
        """The call that should remain is over: the consultation goes on by itself."""
        self._asked.pop(signal.other).leave()

    def _holder(self, channel: str) -> UUID | None:
        boxes = self._mailboxes.items()
        return next(
            (call_uuid for call_uuid, box in boxes if box.call and box.call.leg(channel)), None
        )
