"""The contacts that devices have registered, queried from one Asterisk and kept up to date by its
events.

Asterisk asks each contact with OPTIONS whether it is there (`qualify_frequency`). A contact that
does not respond any more is not rung. A phone that has never responded to OPTIONS is rung all the
same: it may not know the method.
"""

import asyncio
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

import structlog
from msgspec.structs import replace

from tongdai.asterisk import ari, registrations
from tongdai.asterisk.events import ContactStatusChange
from tongdai.asterisk.registrations import (
    CREATED,
    REACHABLE,
    REMOVED,
    UNREACHABLE,
    Registration,
)

log = structlog.get_logger()

ASK_AGAIN_S = 300.0
ABSENT_S = 5.0  # for so long at most, a device without contacts is believed to have none
_STATUSES = (REACHABLE, UNREACHABLE)  # in Asterisk's words; others mean a new contact
# The phone chose the address: in a dial string , & $ and brackets mean something to Asterisk.
_TEXT = r"[A-Za-z0-9:;=.+_~*!'%/-]{0,256}"
_URI = re.compile(rf"sips?:({_TEXT}@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]{{1,253}}){_TEXT}")
_ENDPOINT = re.compile(r"[a-z0-9-]{1,48}@[a-z0-9.-]{1,254}")


class Contacts:
    """Caches the contacts of devices, by AOR: the name of the device's endpoint. Events keep them
    up to date; after `ask_again_s` seconds Asterisk is asked again. `changes` counts events.
    """

    def __init__(self, app: str, ask_again_s: float = ASK_AGAIN_S) -> None:
        self._app, self.ask_again_s = app, ask_again_s
        # and until when they are believed (event loop's time)
        self._known: dict[str, tuple[tuple[Registration, ...], float]] = {}
        self._answered: dict[str, frozenset[str]] = {}  # URIs that have responded to OPTIONS
        self._since: dict[tuple[str, str], datetime] = {}  # by AOR and URI, as far as heard
        self.changes = 0
        self.links = 0  # to the switch so far: what came before the last one may be wrong

    def heard(self, event: ContactStatusChange) -> None:
        """A contact has come or gone, or has begun or ceased to respond to OPTIONS."""
        self.changes += 1
        aor, uri, status = _about(event)
        self._note_since(aor, uri, status)
        if status == REACHABLE:
            self._answered[aor] = self._answered.get(aor, frozenset()) | {uri}
        known, until = self._known.get(aor, ((), 0.0))
        if status == REMOVED:
            self._answered[aor] = self._answered.get(aor, frozenset()) - {uri}
            self._known[aor] = tuple(each for each in known if each.uri != uri), until
        elif status in _STATUSES and any(each.uri == uri for each in known):
            self._known[aor] = (
                tuple(self._changed(aor, each, uri, status) for each in known),
                until,
            )
        else:
            self._known.pop(aor, None)

    def _note_since(self, aor: str, uri: str, status: str) -> None:
        if status == CREATED:
            self._since.setdefault((aor, uri), datetime.now(UTC))
        elif status == REMOVED:
            self._since.pop((aor, uri), None)

    def _changed(self, aor: str, known: Registration, uri: str, status: str) -> Registration:
        if known.uri != uri:
            return known
        return replace(known, status=status, has_answered=uri in self._answered.get(aor, ()))

    def changed(self, aor: str) -> None:
        """The AOR was created or deleted."""
        self.changes += 1
        self._known.pop(aor, None)

    def forget(self) -> None:
        """The contacts of any AOR may have changed."""
        self.changes += 1
        self.links += 1
        self._known.clear()
        self._since.clear()

    def believed(self, aor: str) -> tuple[Registration, ...] | None:
        """The contacts of the device, if Asterisk need not be asked for them."""
        contacts, until = self._known.get(aor, ((), 0.0))
        return contacts if until > asyncio.get_running_loop().time() else None

    async def of(self, link: ari.Link, aor: str) -> tuple[Registration, ...]:
        """All contacts of the device, reachable or not. Raises errors.SwitchDown."""
        if (believed := self.believed(aor)) is not None:
            return believed
        now, changes = asyncio.get_running_loop().time(), self.changes
        contacts = self._merged(aor, latest(await registrations.ask(link, aor)))
        if changes == self.changes:  # a response from before a change is not cached
            until = now + (self.ask_again_s if contacts else min(self.ask_again_s, ABSENT_S))
            self._known[aor] = contacts, until
        return contacts

    async def targets(self, link: ari.Link, aors: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The reachable contacts of each device, as Dial() takes them. Raises
        errors.SwitchDown.
        """
        found = {name: self.believed(name) for name in aors}
        asked = [name for name, contacts in found.items() if contacts is None]
        answers = await asyncio.gather(*(self.of(link, name) for name in asked)) if asked else ()
        found |= dict(zip(asked, answers, strict=True))
        return {name: dialable(contacts or ()) for name, contacts in found.items()}

    def _merged(self, aor: str, contacts: Collection[Registration]) -> tuple[Registration, ...]:
        """The contacts, with what is known of each from before."""
        before = self._answered.get(aor, frozenset())
        now = frozenset(
            each.uri for each in contacts if each.uri in before or each.status == REACHABLE
        )
        if now or before:
            self._answered[aor] = now
        return tuple(
            replace(each, has_answered=each.uri in now, since=self._since.get((aor, each.uri)))
            for each in contacts
        )


def _about(event: ContactStatusChange) -> tuple[str, str, str]:
    """The AOR, URI and status of the event. Endpoints that share the AOR each get an event."""
    info = event.contact_info
    return info.aor or event.endpoint.resource, info.uri, info.contact_status


def latest(contacts: Iterable[Registration]) -> list[Registration]:
    """The contacts, without those that the same phone has replaced: it keeps its Call-ID (RFC 3261
    §10.2) when it registers again from another address or port.
    """
    known = list(contacts)
    newest: dict[str, float] = {}
    for each in known:
        newest[each.call_id] = max(each.expires_at, newest.get(each.call_id, 0.0))
    # contacts of one REGISTER expire together
    return [each for each in known if not each.call_id or each.expires_at >= newest[each.call_id]]


def dialable(contacts: Iterable[Registration]) -> tuple[str, ...]:
    """The reachable ones, as Dial() takes them. One whose address could mean more in a dial string
    is left out.
    """
    return tuple(each.target for each in contacts if each.is_reachable and _is_safe(each))


def _is_safe(contact: Registration) -> bool:
    is_safe = bool(_URI.fullmatch(contact.uri) and _ENDPOINT.fullmatch(contact.endpoint))
    if not is_safe:
        log.warning("contact.refused", endpoint=contact.endpoint, uri=contact.uri)
    return is_safe
