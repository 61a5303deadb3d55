"""The PJSIP objects that Asterisk holds in memory (ARI: asterisk/config/dynamic), kept as wanted.

Which objects those are is decided in `provisioning`; this file tells one Asterisk of them.
"""

import asyncio
from collections.abc import Collection

import structlog

from tongdai.asterisk import ari, provisioning

log = structlog.get_logger()

REQUESTS = 32  # in flight at once
FAILED = 500  # Asterisk makes an access list (acl), and then fails to show it

Key = tuple[str, str]
"""An object's kind and id, as in asterisk/config/dynamic/res_pjsip/{kind}/{id}."""


class DynamicConfig:
    """The objects of one Asterisk: those wanted, and those it has certainly been told of."""

    def __init__(self) -> None:
        self._wanted: provisioning.Objects = {}
        self._pushed: provisioning.Objects = {}
        self._stale: Collection[Key] = ()
        self._swept: set[Key] = set()  # deleted for certain, not told again since
        self._pushing = asyncio.Lock()

    def want(self, wanted: provisioning.Objects, stale: Collection[Key] = ()) -> None:
        """The next push leaves these objects and no others. `stale`: objects that an earlier
        controller may have pushed.
        """
        self._wanted, self._stale = wanted, stale

    def forget(self) -> None:
        """Asterisk was restarted: it holds no object of ours any more."""
        self._pushed = {}

    async def push(self, link: ari.Link) -> None:
        """Asterisk holds what is wanted; objects that it refuses are logged and tried again with
        the next push. Raises errors.SwitchDown.
        """
        async with self._pushing:
            changed, gone = provisioning.changes(self._pushed, self._wanted)
            slots = asyncio.Semaphore(REQUESTS)
            for kind in provisioning.KINDS:
                await asyncio.gather(
                    *(
                        self._put(link, slots, key, changed[key])
                        for key in changed
                        if key[0] == kind
                    )
                )
            left = set(self._stale) - self._wanted.keys() - self._swept - set(gone)
            for key in (*gone, *sorted(left)):
                await link.request("DELETE", _uri(key))
                self._pushed.pop(key, None)
                self._swept.add(key)
            if changed or gone:
                log.info("switch.provisioned", pushed=len(changed), gone=len(gone))

    async def _put(
        self, link: ari.Link, slots: asyncio.Semaphore, key: Key, fields: provisioning.Fields
    ) -> None:
        body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
        self._swept.discard(key)
        async with slots:
            if key[0] == "aor" and await _has_aor(link, key, fields):
                self._pushed[key] = fields
                return
            answer = await link.request("PUT", _uri(key), body=body)
        if answer.is_ok or (key[0] == "acl" and answer.status_code == FAILED):
            self._pushed[key] = fields
        else:
            log.error(
                "switch.refused_object",
                kind=key[0],
                id=key[1],
                status=answer.status_code,
                why=answer.message_body,
            )


async def _has_aor(link: ari.Link, key: Key, fields: provisioning.Fields) -> bool:
    """Whether Asterisk holds the aor as wanted; one that differs is deleted.

    An aor that is put a second time keeps its contacts and makes the registered ones permanent:
    a phone would then ring twice, and also after it has gone.
    """
    answer = await link.request("GET", _uri(key))
    if not answer.is_ok:
        return False
    if provisioning.is_as_told(
        fields, [(each["attribute"], each["value"]) for each in answer.json()]
    ):
        return True
    await link.request("DELETE", _uri(key))
    return False


def _uri(key: Key) -> str:
    return f"asterisk/config/dynamic/res_pjsip/{key[0]}/{key[1]}"
