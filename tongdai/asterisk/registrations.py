"""The registrations of phones at a switch, as it tells them; and for people, who they are, and
how to drop one. Asterisk does not keep when a phone first registered.

`contacts` caches them, and says which of them ring.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
import msgspec

from tongdai import errors
from tongdai.asterisk import ari, requests
from tongdai.asterisk.requests import GONE, Request
from tongdai.pbx.endpoint import Endpoint

QUERY_CHANNEL = "tongdai-query"  # carries our queries of contacts
REACHABLE, UNREACHABLE, REMOVED = "Reachable", "Unreachable", "Removed"
CREATED = "NonQualified"  # of a contact that has just come
_FIELDS = ("status", "endpoint", "expiration_time", "call_id", "uri")
OBJECT = "asterisk/config/dynamic/res_pjsip/contact"
REQUEST_S = 10.0


class Ari(Protocol):
    """Anything that asks a switch, such as `ari.Link`."""

    async def request(
        self, method: str, uri: str, query: Mapping[str, str] | None = None, body: object = None
    ) -> ari.Response: ...


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One contact of a device. `id` is Asterisk's; `endpoint` has registered it; `call_id` is that
    of its REGISTER. `has_answered`: the phone has responded to an OPTIONS request before. `since`
    is when it was heard to register, None if it was there before anybody listened.
    """

    id: str
    uri: str
    endpoint: str
    call_id: str = ""
    expires_at: float = 0.0
    status: str = ""
    has_answered: bool = False
    since: datetime | None = None

    @property
    def is_reachable(self) -> bool:
        """Whether it is rung."""
        return self.status != UNREACHABLE or not self.has_answered

    @property
    def target(self) -> str:
        """The contact as Dial() takes it: PJSIP/101@domain/sip:101@192.0.2.7:5060."""
        return f"PJSIP/{self.endpoint}/{self.uri}"


class Phone(msgspec.Struct, frozen=True):
    """A registered phone. `device` is its endpoint, `address` where it registered from, `contact`
    the address that is called. `status` is Reachable, Unreachable, or NonQualified while it has
    not been asked by OPTIONS yet. `id` is Asterisk's.
    """

    device: str
    address: str
    user_agent: str
    status: str
    expires_at: datetime
    contact: str
    id: str


async def ask(switch: Ari, aor: str) -> list[Registration]:
    """The contacts of a device. Raises errors.SwitchDown, and ValueError if the AOR is not a
    device's.
    """
    if Endpoint.parse(aor) is None:
        raise ValueError(f"not a device's AOR: {aor!r}")
    ids = await _value(switch, f"PJSIP_AOR({aor},contact)")
    if not ids:
        return []
    rows = (await _value(switch, _question(ids.split(",")))).split(" ")
    known = (_registration(id_, row) for id_, row in zip(ids.split(","), rows, strict=True))
    return [each for each in known if each]


async def _create(switch: Ari) -> None:
    """The channel that carries our questions is there."""
    query = {"endpoint": "Local/16@hangup", "app": "tongdai", "channelId": QUERY_CHANNEL}
    await switch.request("POST", "channels/create", query)


async def by_query_channel(link: ari.Link, request: Request) -> ari.Response:
    """Carries out a request that names QUERY_CHANNEL. Raises errors.SwitchDown."""
    answer = await requests.ask(link, request)
    if answer.status_code == GONE:  # the first since Asterisk started
        await _create(link)
        answer = await requests.ask(link, request)
    return answer


async def _value(switch: Ari, function: str) -> str:
    """The value of a dialplan function, which needs a channel. One Local channel, which calls
    nothing, serves all questions: a channel for each would take ten times as long.
    """
    uri, query = f"channels/{QUERY_CHANNEL}/variable", {"variable": function}
    answer = await switch.request("GET", uri, query)
    if answer.status_code == GONE:  # the first question since Asterisk started
        await _create(switch)
        answer = await switch.request("GET", uri, query)
    return str(answer.json()["value"]) if answer.is_ok else ""


def _question(ids: Iterable[str]) -> str:
    """A function whose value has a row for each contact. No field has a space or "|" in it (RFC
    3261 §25.1); EVAL evaluates the fields' names, not their values.
    """
    return f"EVAL({' '.join(_row(id_) for id_ in ids)})"


def _row(id_: str) -> str:
    return "|".join(f"${{PJSIP_CONTACT({id_},{field})}}" for field in _FIELDS)


def _registration(id_: str, row: str) -> Registration | None:
    """The contact of one row; None if it is gone meanwhile."""
    status, endpoint, expires, call_id, uri = row.split("|")
    if not uri:
        return None
    return Registration(
        id=id_,
        uri=uri,
        endpoint=endpoint,
        call_id=call_id,
        expires_at=float(expires or 0),
        status=status,
    )


async def registered(switch: Ari, devices: Iterable[str]) -> list[Phone]:
    """The phones that are registered at these devices, by device and address."""
    found = [
        _phone(device, known, await user_agent(switch, known.id))
        for device in devices
        for known in await ask(switch, device)
    ]
    return sorted(found, key=lambda phone: (phone.device, phone.address))


async def user_agent(switch: Ari, contact_id: str) -> str:
    """The program of a phone, as it says it; "" if it says nothing, or is gone meanwhile."""
    shown = await switch.request("GET", f"{OBJECT}/{quote(contact_id, safe='')}")
    return _fields(shown.json()).get("user_agent", "") if shown.is_ok else ""


async def drop(switch: Ari, contact_id: str) -> None:
    """The phone is not registered any more; it may register again. Raises errors.NotFound."""
    answer = await switch.request("DELETE", f"{OBJECT}/{quote(contact_id, safe='')}")
    if not answer.is_ok:
        raise errors.NotFound(f"no such registration: {contact_id}")


def _phone(device: str, known: Registration, program: str) -> Phone:
    return Phone(
        device=device,
        address=address(known.uri),
        user_agent=program,
        status=known.status,
        expires_at=datetime.fromtimestamp(known.expires_at, UTC),
        contact=known.uri,
        id=known.id,
    )


def address(uri: str) -> str:
    """host:port of a contact. Asterisk has put there where the REGISTER came from."""
    found = re.match(r"sips?:(?:[^@]*@)?(\[[^\]]+\]|[^:;?>]+)(:\d+)?", uri)
    return f"{found[1]}{found[2] or ''}" if found else uri


def _fields(shown: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {each["attribute"]: each["value"] for each in shown}


class Http:
    """ARI by HTTP requests, for processes without a link."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def request(
        self, method: str, uri: str, query: Mapping[str, str] | None = None, body: object = None
    ) -> ari.Response:
        """The response. Raises errors.SwitchDown."""
        try:
            async with self._session.request(
                method, f"{self._url}/ari/{uri}", params=query, json=body
            ) as answer:
                return ari.Response("", answer.status, await answer.text())
        except (aiohttp.ClientError, TimeoutError) as reason:
            raise errors.SwitchDown(f"ARI at {self._url}: {reason}") from reason
