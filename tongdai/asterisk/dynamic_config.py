"""Keeps the PJSIP objects in Asterisk's memory (ARI: asterisk/config/dynamic) as wanted.

`provisioning` decides the objects; this module pushes them to one Asterisk. After a (re)connection
all objects are compared, in a thread: 10,000 devices take a tenth of a second. Later only changed
objects are compared.

A global variable of Asterisk has the checksum of all its objects: an engine that finds the wanted
checksum pushes nothing. During a push the variable is empty.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec
import structlog

from tongdai.asterisk import ari, provisioning
from tongdai.asterisk.astdb import AstDb
from tongdai.asterisk.hints import Hints
from tongdai.asterisk.provisioning import FALLBACK, HINT, Fields, Key, Objects

log = structlog.get_logger()

REQUESTS = 32  # in flight at once
VARIABLE = "TD_OBJECTS"  # of Asterisk: the checksum of its objects
_IN_DIALPLAN = (FALLBACK, HINT)  # the kinds that are no objects of PJSIP
FAILED = 500  # Asterisk makes an access list (acl), and then fails to show it


class _Listed(msgspec.Struct):
    resource: str


class DynamicConfig:
    """The objects of one Asterisk: those wanted, and those that it certainly holds. `on_aor` is
    called with the id of each AOR that was created or deleted.
    """

    def __init__(self, on_aor: Callable[[str], None], hints: Hints) -> None:
        self._on_aor, self._hints = on_aor, hints
        self._wanted: Objects = {}
        self._pushed: Objects = {}
        self._checksum = 0  # of those pushed
        self._touched: set[Key] = set()  # may differ from those pushed
        self._is_compared = False  # all others are as wanted
        self._is_swept = False
        self._stale: Collection[Key] = ()
        self._swept: set[Key] = set()  # certainly deleted, not pushed since
        self._pushing = asyncio.Lock()
        self._astdb = AstDb()

    def want(self, wanted: Objects, stale: Collection[Key] = ()) -> None:
        """After the next push Asterisk holds these objects and no others. `stale`: objects of an
        earlier controller that Asterisk cannot list.
        """
        self._wanted, self._stale, self._is_compared = wanted, stale, False

    def change(
        self, changed: Objects, gone: Iterable[Key], stale: Collection[Key] | None = None
    ) -> None:
        """The next push creates or changes these objects, and deletes those of `gone`."""
        for key in gone:
            self._wanted.pop(key, None)
            self._touched.add(key)
        self._wanted |= changed
        self._touched |= changed.keys()
        if stale is not None:
            self._stale = stale

    def forget(self) -> None:
        """Asterisk or this process was restarted: it is not known which of our objects it
        holds.
        """
        self._pushed, self._is_compared, self._is_swept = {}, False, False
        self._checksum = 0
        self._astdb.forget()

    async def push(self, link: ari.Link) -> None:
        """Asterisk holds the wanted objects; refused objects are logged and tried again with the
        next push. Raises errors.SwitchDown.
        """
        async with self._pushing:
            try:
                changed, gone = await self._differences(link)
                if changed or gone:
                    await self._push(link, changed, gone)
            except BaseException:
                self._is_compared = False
                raise

    async def _push(self, link: ari.Link, changed: Objects, gone: set[Key]) -> None:
        await _set_variable(link, "")
        await self._put_entries(link, changed, gone)
        await self._put_hints(link, changed, gone)
        for kind in provisioning.KINDS:
            if kind not in _IN_DIALPLAN:
                await self._put_all(link, [key for key in changed if key[0] == kind], changed)
        for key in reversed(provisioning.in_order(gone)):
            if key[0] not in _IN_DIALPLAN:
                await self._delete(link, key)
        await _set_variable(link, f"{self._checksum:x}")
        log.info("switch.provisioned", pushed=len(changed), gone=len(gone))

    async def _differences(self, link: ari.Link) -> tuple[Objects, set[Key]]:
        """The objects to push, and those to delete. Later changes go into `_touched`."""
        touched, self._touched = self._touched, set()
        if self._is_compared:
            wanted = {key: self._wanted[key] for key in touched if key in self._wanted}
            pushed = {key: self._pushed[key] for key in touched if key in self._pushed}
            changed, gone = provisioning.changes(pushed, wanted)
            return changed, gone | self._left()
        self._is_compared = True
        wanted = dict(self._wanted)
        if not self._is_swept:
            await self._recognise(link, wanted)
        changed, gone = await asyncio.to_thread(provisioning.changes, dict(self._pushed), wanted)
        if not self._is_swept:
            self._is_swept = True
            if self._checksum == 0:  # not recognised
                gone |= await _left_over(link, wanted)
        return changed, gone | self._left()

    async def _recognise(self, link: ari.Link, wanted: Objects) -> None:
        """The wanted objects count as pushed if Asterisk's variable has their checksum."""
        answer = await link.request("GET", "asterisk/variable", {"variable": VARIABLE})
        checksum = await asyncio.to_thread(provisioning.checksum, wanted)
        is_known = answer.is_ok and answer.json()["value"] == f"{checksum:x}"
        has_entries = any(kind == FALLBACK for kind, _ in wanted)
        if is_known and (await self._astdb.recognise(link) or not has_entries):
            self._pushed, self._checksum = dict(wanted), checksum

    def _left(self) -> set[Key]:
        """The stale objects that may still exist. Looks at no others: thousands are wanted."""
        return {key for key in self._stale if key not in self._wanted and key not in self._swept}

    async def _put_entries(self, link: ari.Link, changed: Objects, gone: set[Key]) -> None:
        """Writes the entries of the fallback plans into AstDB."""
        entries = {
            id_: fields["value"] for (kind, id_), fields in changed.items() if kind == FALLBACK
        }
        deleted = [id_ for kind, id_ in gone if kind == FALLBACK]
        if not entries and not deleted:
            return
        is_done = await self._astdb.push(link, entries, deleted)
        for id_ in (*entries, *deleted):
            key = (FALLBACK, id_)
            if is_done:
                self._note(key, changed.get(key))
            else:
                self._touched.add(key)

    async def _put_hints(self, link: ari.Link, changed: Objects, gone: set[Key]) -> None:
        """Writes the hints anew if one of them is another."""
        touched = {key for key in (*changed, *gone) if key[0] == HINT}
        if not touched:
            return
        wanted = [fields for key, fields in self._wanted.items() if key[0] == HINT]
        if await self._hints.push(link, wanted):
            for key in touched:
                self._note(key, changed.get(key))
        else:
            self._touched |= touched

    async def _put_all(self, link: ari.Link, keys: Sequence[Key], objects: Objects) -> None:
        """Pushes objects of one kind. For each new AOR Asterisk scans all endpoints: with devices
        pushed one after the other, 10,000 take minutes instead of seconds.
        """
        waiting = iter(keys)

        async def put() -> None:
            for key in waiting:
                await self._put(link, key, objects[key])

        await asyncio.gather(*(put() for _ in range(min(REQUESTS, len(keys)))))

    async def _put(self, link: ari.Link, key: Key, fields: Fields) -> None:
        body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
        self._swept.discard(key)
        if key[0] == "aor":
            if await _has_aor(link, key, fields):
                self._note(key, fields)
                return
            self._on_aor(key[1])
        answer = await link.request("PUT", _uri(key), body=body)
        if answer.is_ok or (key[0] == "acl" and answer.status_code == FAILED):
            self._note(key, fields)
        else:
            self._touched.add(key)
            log.error(
                "switch.refused_object",
                kind=key[0],
                id=key[1],
                status=answer.status_code,
                why=answer.message_body,
            )

    async def _delete(self, link: ari.Link, key: Key) -> None:
        await link.request("DELETE", _uri(key))
        self._note(key, None)
        self._swept.add(key)
        if key[0] == "aor":
            self._on_aor(key[1])

    def _note(self, key: Key, fields: Fields | None) -> None:
        """Asterisk holds this object now; None: no longer."""
        before = self._pushed.pop(key, None)
        self._checksum -= provisioning.checksum({key: before}) if before else 0
        if fields is not None:
            self._pushed[key] = fields
            self._checksum += provisioning.checksum({key: fields})
        self._checksum %= provisioning.CHECKSUMS


async def _set_variable(link: ari.Link, value: str) -> None:
    await link.request("POST", "asterisk/variable", {"variable": VARIABLE, "value": value})


async def _left_over(link: ari.Link, wanted: Objects) -> set[Key]:
    """Objects of devices and trunks that an earlier controller left and that are not wanted:
    Asterisk can list its endpoints, and their other objects have the same names.
    """
    answer = await link.request("GET", "endpoints/PJSIP")
    if not answer.is_ok:
        return set()
    names = await asyncio.to_thread(_names, answer.message_body)
    ours = (name for name in names if provisioning.is_ours(name))
    found = {key for name in ours for key in provisioning.of_endpoint(name)}
    return found - wanted.keys()


def _names(listed: str) -> list[str]:
    return [each.resource for each in msgspec.json.decode(listed, type=list[_Listed])]


async def _has_aor(link: ari.Link, key: Key, fields: Fields) -> bool:
    """Whether Asterisk holds the AOR as wanted; a different one is deleted.

    A second PUT of an AOR makes its registered contacts permanent: a phone would ring twice, and
    also after it has unregistered.
    """
    answer = await link.request("GET", _uri(key))
    if not answer.is_ok:
        return False
    if provisioning.is_as_pushed(
        fields, [(each["attribute"], each["value"]) for each in answer.json()]
    ):
        return True
    await link.request("DELETE", _uri(key))
    return False


def _uri(key: Key) -> str:
    return f"asterisk/config/dynamic/res_pjsip/{key[0]}/{key[1]}"
