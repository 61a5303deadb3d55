"""An Asterisk as its ARI speaks, on loopback: a real WebSocket server with the answers that
Asterisk 22 gives to what we ask; anything else that is asked fails the test. Calls happen in it by
script, whether anybody listens or not: the channels change, the CEL log tells, and who listens
gets the events.

`recordings` are what really went over the socket between `tongdai up` and Asterisk 22.10.1, with
SIPp as phones and carrier, and what Asterisk wrote into its CEL log meanwhile; only the domain's
and the trunk's names were made the same.
"""

import asyncio
import base64
import itertools
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import aiohttp
import msgspec
from aiohttp import web

from testbed.until import until
from tongdai import ids
from tongdai.asterisk.reconnect import Address

RECORDINGS = Path(__file__).parent / "recordings"
DOMAIN = "company.example.vn"
TRUNK = "01a208b1-0000-7000-8000-000000000001"
PHONES = {"eventSource": "endpoint:PJSIP"}  # never everything: that can deadlock Asterisk
PAUSE_S = 0.5  # what is longer apart than this in a recording is one after the other for everybody
_OURS = re.compile(  # UUIDs version 7, and Unix seconds that are no part of Asterisk's ids
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?7[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}|(?<=-)1[0-9]{9}(?![.0-9])"
)

# the calls' ids that Asterisk's dialplan makes
_THEIRS = re.compile(r"[0-9a-f]{12}7[0-9a-f]{3}a[0-9a-f]{15}")

_QUERIES = ("channels/create", "channels/tongdai-query/variable")  # how contacts are asked for

_SHOWN = {"yes": "true", "no": "false"}  # what was told, as it is shown

Json = dict[str, Any]


class Request(msgspec.Struct, frozen=True):
    """A request to it. `what` is method and URI."""

    what: str
    query: dict[str, str] = {}
    body: Any = None


class Recording(msgspec.Struct, frozen=True):
    """`frames` are events, and our requests with their answers, in order."""

    told: str
    frames: list[Json]
    cel_log: list[dict[str, str]]

    @property
    def events(self) -> list[Json]:
        return [frame for frame in self.frames if "type" in frame]


def recording(
    name: str, domain: str = DOMAIN, trunk: str = TRUNK, *, began: datetime | None = None
) -> Recording:
    """The recording as if it had been that domain's and trunk's; and begun in that second, as
    calls of their own.
    """
    text = (RECORDINGS / f"{name}.json").read_text().replace(DOMAIN, domain).replace(TRUNK, trunk)
    if began:
        first = datetime.fromisoformat(
            msgspec.json.decode(text, type=Recording).events[0]["timestamp"]
        )
        text = _THEIRS.sub(_fresh(), text)
        text = _moved(text, timedelta(seconds=int(began.timestamp()) - int(first.timestamp())))
    return msgspec.json.decode(text, type=Recording)


def _fresh() -> Callable[[re.Match[str]], str]:
    """For each id another one of the same kind."""
    fresh: defaultdict[str, str] = defaultdict(lambda: ids.new().hex)
    return lambda found: fresh[found[0]]


def _moved(text: str, by: timedelta) -> str:
    def stamp(found: re.Match[str]) -> str:
        return _stamp(datetime.fromisoformat(found[0]) + by)

    def seconds(found: re.Match[str]) -> str:
        return f'"eventtime":"{float(found[1]) + by.total_seconds():.6f}"'

    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+\+0000", stamp, text)
    return re.sub(r'"eventtime": ?"([0-9.]+)"', seconds, text)


class FakeAsterisk:
    """`objects` is what was provisioned, `asked` all requests in order, `contacts` phones by
    endpoint.
    """

    def __init__(self, cel_log: Path) -> None:
        self.cel_log = cel_log
        self.address = Address("", "tongdai", "a-password")
        self.ahead = timedelta()  # of the real time
        self.started_at = self.now
        self.version = "22.10.1~dfsg+~cs6.17.60671434"
        self.objects: dict[tuple[str, str], dict[str, str]] = {}
        self.variables: dict[str, str] = {}
        self.astdb: dict[str, str] = {}  # beneath "fallback"; a restart leaves it
        self.stores = True  # its dialplan writes there
        self.channels: dict[str, Json] = {}
        self.bridges: list[set[str]] = []  # channels that are connected
        self.rtp_statistics: dict[str, Json] = {}  # by channel
        self.contacts: dict[str, str] = {}
        self.is_everybody_there = False  # each AOR that is not in `contacts` has a phone
        self.other_contacts: dict[str, str] = {}  # URIs with any characters, by endpoint
        self.call_ids: dict[str, tuple[str, int]] = {}  # of REGISTER, and its end, by URI
        self.statuses: dict[str, str] = {}  # of contacts that do not respond, by URI
        self.asked: list[Request] = []
        self.connections = 0
        self.replaced = 0
        self.is_echoing = True
        self.refuses: set[str] = set()  # "originate", "hang up", "continue", "moh", ...
        self.is_steering = True  # what is asked of a talk is done at once
        self.goes_on = False  # callers do not wait to be told where to go
        self.is_answering = True  # else what is asked is not done
        self.may_answer = asyncio.Event()  # else what is asked waits
        self.may_answer.set()
        self._unknown: list[Request] = []
        self._expected: set[int] = set()  # of `asked`
        self._socket: web.WebSocketResponse | None = None
        self._transport: asyncio.Transport | None = None
        self._numbers = itertools.count(1)
        self._played: asyncio.Queue[tuple[Request, asyncio.Future[tuple[int, Any]]]] | None = None

    @property
    def now(self) -> datetime:
        """By its clock."""
        return datetime.now(UTC) + self.ahead

    # --- what the test does

    async def expect(self, what: str, **query: str) -> Request:
        """A request of that method and URI (a regular expression), with at least that query; each
        is expected once.
        """

        def found() -> Request | None:
            for index, asked in enumerate(self.asked):
                if index in self._expected or not re.fullmatch(what, asked.what):
                    continue
                if query.items() <= asked.query.items():
                    self._expected.add(index)
                    return asked
            return None

        expected: Request = await until(found)
        return expected

    def count(self, what: str) -> int:
        """The number of requests so far of that method and URI (a regular expression)."""
        return sum(re.fullmatch(what, asked.what) is not None for asked in self.asked)

    async def send(self, event: Json | bytes) -> None:
        """Sends it to the application that listens; if none does it is lost, as with Asterisk."""
        if self._socket is not None:
            await self._socket.send_str(
                (event if isinstance(event, bytes) else msgspec.json.encode(event)).decode()
            )

    async def hear(self) -> None:
        """A controller is connected, and has asked all that it asks before it listens."""
        await until(lambda: not self.is_deserted)
        await self.expect("POST events/user/echo")

    @property
    def is_deserted(self) -> bool:
        """Nobody listens."""
        return self._transport is None or self._transport.is_closing()

    async def lose_link(self) -> None:
        """The connection breaks."""
        self._socket = None
        if self._transport is not None:
            self._transport.abort()

    async def restart(self, *, noticed_late: bool = False) -> None:
        """It crashed and is up again: it knows nothing any more. `noticed_late`: the end of the
        link is seen only after that.
        """
        if not noticed_late:
            await self.lose_link()
        self.started_at, self.objects, self.channels = self.now, {}, {}
        self.variables = {}
        if noticed_late:
            await until(lambda: self.now > self.started_at)
            await self.lose_link()

    # --- calls that happen in it

    async def arrives(
        self,
        endpoint: str,
        dialled: str,
        *,
        caller: str = "0909000111",
        call: str = "",
        trunk: str = "",
    ) -> str:
        """A call from a trunk (its UUID) or a phone ("101@domain") is in Stasis. Its channel."""
        via = "phone" if "@" in endpoint else "trunk"
        channel = self._begins(endpoint, dialled, caller, call)
        own = ["arrived", via] if via == "phone" else ["arrived", via, trunk]
        await self._enters(channel, *own, exten=dialled)
        if self.goes_on:
            channel["dialplan"] = {"exten": dialled, "app_name": "Dial", "app_data": ""}
        return str(channel["id"])

    def arrives_in_fallback(
        self, endpoint: str, dialled: str, *, caller: str = "0909000111"
    ) -> str:
        """A call comes, and as no engine answers the dialplan goes on by itself. Its
        channel.
        """
        channel = self._begins(endpoint, dialled, caller)
        channel["dialplan"] = {"exten": dialled, "app_name": "Dial", "app_data": ""}
        return str(channel["id"])

    def _begins(self, endpoint: str, dialled: str, caller: str, call: str = "") -> Json:
        channel = self._channel(endpoint, call or ids.new().hex, caller, "Ring")
        parts = (dialled, caller, channel["protocol_id"])
        told = ".".join(base64.b64encode(part.encode()).decode() for part in parts)
        self._write("USER_DEFINED", channel, {"extra": told}, userdeftype="ARRIVED")
        return channel

    def call_of(self, channel: str) -> UUID:
        """Our id of the channel's call."""
        return UUID(hex=self.channels[channel]["channelvars"]["TD_CALL_ID"])

    async def registers(self, endpoint: str, *addresses: str) -> None:
        """The endpoint's phones are these now; none: the last has signed off."""
        self.contacts[endpoint] = "&".join(f"PJSIP/{endpoint}/{address}" for address in addresses)
        await self._contact_changes(endpoint, "sip:101@192.0.2.7", "NonQualified")

    async def responds(self, endpoint: str, uri: str, *, is_there: bool) -> None:
        """The endpoint's phone has responded to OPTIONS, or not."""
        self.statuses[uri] = "Reachable" if is_there else "Unreachable"
        await self._contact_changes(endpoint, uri, self.statuses[uri])

    async def _contact_changes(self, endpoint: str, uri: str, status: str) -> None:
        about = {
            "endpoint": {
                "technology": "PJSIP",
                "resource": endpoint,
                "state": "online",
                "channel_ids": [],
            }
        }
        info = {"uri": uri, "contact_status": status, "aor": endpoint, "roundtrip_usec": "0"}
        await self.send(
            {
                "type": "ContactStatusChange",
                "timestamp": _stamp(self.now),
                **about,
                "contact_info": info,
            }
        )

    async def rings(self, caller: str, endpoint: str, *, answers: bool = False) -> str:
        """Dial() has made the endpoint ring. Its channel."""
        call = self.channels[caller]["channelvars"]["TD_CALL_ID"]
        peer = self._channel(endpoint, call, endpoint.partition("@")[0], "Down")
        await self._dial(peer, "", caller)
        peer["state"] = "Ringing"
        await self._dial(peer, "RINGING", caller)
        if answers:
            await self.answers(peer["id"], caller)
        return str(peer["id"])

    async def dial(self, channel: str, dialstatus: str) -> None:
        """The result of dialling a phone."""
        event = {"type": "Dial", "timestamp": _stamp(self.now), "dialstatus": dialstatus}
        await self.send({**event, "peer": self.channels[channel]})

    async def answers(self, peer: str, caller: str) -> None:
        for channel in (peer, caller):
            self.channels[channel]["state"] = "Up"
            self._write("ANSWER", self.channels[channel])
        await self._dial(self.channels[peer], "ANSWER", caller)

    async def returns(self, channel: str, dialstatus: str, cause: int = 0) -> None:
        """Nobody answered: Dial() is over and the channel in Stasis again."""
        await self._enters(self.channels[channel], "dialed", dialstatus, str(cause))

    async def sent_on(self, channel: str, dialled: str) -> None:
        """Its peer sent it on (REFER): it is in Stasis again."""
        await self._enters(self.channels[channel], "transferred", exten=dialled)

    def sends_on(self, by: str, transferee: str, dialled: str) -> None:
        """A phone sent its peer on (REFER): only the CEL log tells."""
        extra = {
            "extension": dialled,
            "context": "transfer",
            "transferee_channel_uniqueid": transferee,
        }
        self._write("BLINDTRANSFER", self.channels[by], extra)

    async def hangs_up(self, channel: str, cause: int = 16, tech_cause: int = 0) -> None:
        """The party does; its channel is gone."""
        at = self.channels[channel]
        await self.send(
            {
                "type": "ChannelHangupRequest",
                "timestamp": _stamp(self.now),
                "channel": at,
                "cause": cause,
            }
        )
        await self.ends(channel, cause, tech_cause, by=at["name"])

    async def ends(
        self, channel: str, cause: int = 16, tech_cause: int = 0, *, by: str = ""
    ) -> None:
        """The channel is gone, whyever."""
        at = self.channels.pop(channel)
        extra = {"hangupcause": cause, "hangupsource": by, "dialstatus": ""}
        self._write("HANGUP", at, extra)
        event = {
            "type": "ChannelDestroyed",
            "timestamp": _stamp(self.now),
            "channel": at,
            "cause": cause,
        }
        await self.send({**event, "tech_cause": tech_cause} if tech_cause else event)

    def ends_untold(self, channel: str, cause: int = 16) -> None:
        """The channel is gone, and only the CEL log tells."""
        self._write(
            "HANGUP",
            self.channels.pop(channel),
            {"hangupcause": cause, "hangupsource": "", "dialstatus": ""},
        )

    def transfer(self, by: str, *, transferee: str, target: str) -> None:
        """A phone joined the two parties it talked to (REFER with Replaces): only the CEL log
        tells.
        """
        extra = {
            "transferee_channel_uniqueid": transferee,
            "transfer_target_channel_uniqueid": target,
        }
        self._write("ATTENDEDTRANSFER", self.channels[by], extra)

    def pass_unheard(self, recording: Recording, names: dict[str, str] | None = None) -> None:
        """It happened while nobody listened: only the CEL log tells. `names`: as `play` gave."""
        for entry in recording.cel_log:
            self._append(_renamed(entry, names or {}))

    async def play(
        self, recording: Recording, quiet: Callable[[], Awaitable[object]]
    ) -> dict[str, str]:
        """It goes as recorded: events come, and where we asked something we must ask the same
        again. The ids that we chose this time, by those of the recording.

        `quiet` returns when all that was sent has been taken in; where time passed in the
        recording it is waited for.
        """
        self._played, entries, last = asyncio.Queue(), list(recording.cel_log), ""
        self._know_contacts(recording)
        names: dict[str, str] = {}
        for frame in recording.frames:
            if "request" in frame:
                await self._is_asked(frame, names)
                continue
            if last and _moment(frame["timestamp"]) - _moment(last) > PAUSE_S:
                await quiet()
            last = frame["timestamp"]
            while entries and float(entries[0]["eventtime"]) < _moment(last):
                self._append(_renamed(entries.pop(0), names))
            await self.send(_renamed(frame, names))
        for entry in entries:
            self._append(_renamed(entry, names))
        await quiet()
        assert self._played.empty(), "we asked for more than in the recording"
        self._played = None
        return names

    def _know_contacts(self, recording: Recording) -> None:
        """The phones are where they were in the recording, and no others."""
        self.is_everybody_there = False
        asked = msgspec.json.encode([each for each in recording.frames if "request" in each])
        for target, endpoint in re.findall(r"(PJSIP/([^/@]+@[^/]+)/sip:[^&,\"]+)", asked.decode()):
            self.contacts[endpoint] = target

    async def _is_asked(self, frame: Json, names: dict[str, str]) -> None:
        assert self._played is not None
        async with asyncio.timeout(10):
            asked, answer = await self._played.get()
        wanted = Request(frame["request"], frame["query"], frame.get("body"))
        was, now = (_OURS.findall(msgspec.json.encode(each).decode()) for each in (wanted, asked))
        assert len(was) == len(now), (asked, wanted)
        names.update(zip(was, now, strict=True))
        assert asked == msgspec.convert(_renamed(msgspec.to_builtins(wanted), names), Request), (
            asked,
            wanted,
        )
        answer.set_result((frame["status"], _renamed(frame.get("answer"), names)))

    async def replaces(self, channel: str, endpoint: str, peer: str, *, dialled: str = "") -> str:
        """The endpoint takes the channel's place beside its peer (INVITE with Replaces). Its
        channel: it has been in no dialplan, and belongs to no call.
        """
        taken = self._channel(endpoint, "", endpoint.partition("@")[0], "Up")
        taken["dialplan"] = {"exten": dialled, "app_name": "", "app_data": ""}
        self._write("ANSWER", taken)
        self.bridges.append({taken["id"], peer})
        taken["linkedid"] = peer
        await self.ends(channel)
        return str(taken["id"])

    # --- the server

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """GET /ari/events."""
        login = aiohttp.encode_basic_auth(self.address.user, self.address.password)
        if request.headers.get("Authorization") != login:
            return web.Response(status=401)
        if dict(request.query) != {"app": "tongdai"}:  # no subscription in the URL
            self._unknown.append(Request("GET /ari/events", dict(request.query)))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        before = None if self.is_deserted else self._socket
        self._socket, self._transport = socket, request.transport
        self.connections += 1
        if before is not None:
            self.replaced += 1
            await before.send_json({"type": "ApplicationReplaced", "timestamp": _stamp(self.now)})
        async for message in socket:
            await self._take(socket, msgspec.json.decode(message.data))
        if self._socket is socket:
            self._socket = None
        return socket

    async def _take(self, socket: web.WebSocketResponse, frame: Json) -> None:
        body = msgspec.json.decode(frame["message_body"]) if "message_body" in frame else None
        query = {part["name"]: part["value"] for part in frame.get("query_strings", [])}
        asked = Request(f"{frame['method']} {frame['uri']}", query, body)
        self.asked.append(asked)
        await self.may_answer.wait()
        if not self.is_answering:
            return
        status, answer = await self._answer(asked)
        response = {
            "type": "RESTResponse",
            "request_id": frame["request_id"],
            "status_code": status,
        }
        if answer is not None:
            response["message_body"] = msgspec.json.encode(answer).decode()
        await socket.send_json(response)

    async def _answer(self, asked: Request) -> tuple[int, Any]:  # noqa: C901, PLR0911, PLR0912
        method, _, uri = asked.what.partition(" ")
        is_of_calls = uri.startswith("channels/") and uri not in _QUERIES
        if self._played is not None and is_of_calls:
            future: asyncio.Future[tuple[int, Any]] = asyncio.get_running_loop().create_future()
            self._played.put_nowait((asked, future))
            return await future
        match method, uri.split("/"):
            case "PUT", ["applications", "tongdai", "eventFilter"]:
                return 200, {}
            case "POST", ["applications", "tongdai", "subscription"] if asked.query == {
                "eventSource": "endpoint:PJSIP"
            }:
                return 200, {}
            case "GET", ["asterisk", "info"]:
                system = {"version": self.version}
                return 200, {"system": system, "status": {"startup_time": _stamp(self.started_at)}}
            case "POST", ["events", "user", "echo"]:
                if self.is_echoing:
                    await self.send(
                        {
                            "type": "ChannelUserevent",
                            "eventname": "echo",
                            "timestamp": _stamp(self.now),
                        }
                    )
                return 204, None
            case "PUT" | "DELETE" | "GET", [
                "asterisk",
                "config",
                "dynamic",
                "res_pjsip",
                kind,
                name,
            ]:
                return self._provision(method, (kind, unquote(name)), asked.body)
            case "GET" | "POST" as how, ["asterisk", "variable"]:
                if how == "POST":
                    self.variables[asked.query["variable"]] = asked.query["value"]
                    return 204, None
                return 200, {"value": self.variables.get(asked.query["variable"], "")}
            case "GET", ["endpoints", "PJSIP"]:
                names = [name for kind, name in self.objects if kind == "endpoint"]
                return 200, [{"technology": "PJSIP", "resource": name} for name in names]
            case "POST", ["channels"]:
                return self._store(asked)
            case "GET", ["bridges"]:
                return 200, [{"id": "bridge", "channels": sorted(each)} for each in self.bridges]
            case "GET", ["channels"]:
                return 200, list(self.channels.values())
            case _, ["channels", channel, *rest]:
                return await self._channels(method, channel, rest, asked)
        return self._refuse(asked)

    def _store(self, asked: Request) -> tuple[int, Any]:
        """Does what the context [fallback-store] does for a channel."""
        if asked.query["endpoint"] != "Local/store@fallback-store/n":
            return self._refuse(asked)
        if not self.stores:
            return 200, {"id": "local"}
        given = {name.removeprefix("__"): text for name, text in asked.body["variables"].items()}
        for number in itertools.count(1):
            if (key := given.get(f"TD_KEY{number}")) is None:
                break
            self.astdb[key] = given[f"TD_VALUE{number}"]
        self.astdb = {key: value for key, value in self.astdb.items() if value}
        generation = self.astdb.get("generation", "")
        if "generation" in given.values():
            ours = (f"{generation}/", "generation")
            self.astdb = {key: value for key, value in self.astdb.items() if key.startswith(ours)}
        self.variables["TD_FALLBACK_STORED"] = f"{given['TD_BATCH']}/{generation}"
        return 200, {"id": "local"}

    @property
    def fallback(self) -> dict[str, str]:
        """The entries of the fallback that would be read."""
        generation = self.astdb.get("generation", "")
        beneath = {key.partition("/"): value for key, value in self.astdb.items()}
        return {key[2]: value for key, value in beneath.items() if key[0] == generation}

    def _refuse(self, asked: Request) -> tuple[int, Any]:
        self._unknown.append(asked)
        return 404, {"message": "Resource not found"}

    def _provision(self, method: str, key: tuple[str, str], body: Any) -> tuple[int, Any]:
        if method == "GET":
            if (known := self.objects.get(key)) is None:
                return 404, {"message": "Object not found"}
            return 200, [
                {"attribute": name, "value": _SHOWN.get(value, value)}
                for name, value in known.items()
            ]
        if method == "DELETE":
            return (
                (204, None)
                if self.objects.pop(key, None)
                else (404, {"message": "Object not found"})
            )
        self.objects[key] = {field["attribute"]: field["value"] for field in body["fields"]}
        if key[0] == "acl":  # made, and not shown
            return 500, {"error": "Allocation failed"}
        return 200, body["fields"]

    async def _channels(  # noqa: C901, PLR0911
        self, method: str, channel: str, rest: list[str], asked: Request
    ) -> tuple[int, Any]:
        known = self.channels.get(channel)
        what = rest[0] if rest else {"DELETE": "hang up"}.get(method, "originate")
        if what in self.refuses and channel != "create":
            return 500, {"message": "Allocation failed"}
        match method, rest:
            case "POST", [] if asked.query["endpoint"].endswith("@part/n"):
                return await self._steers(channel, asked)
            case "POST", []:
                return self._originate(channel, asked)
            case _ if known is None:
                return 404, {"message": "Channel not found"}
            case "GET", []:
                return 200, known
            case "GET", ["variable"]:
                return 200, {"value": self._function(asked.query["variable"])}
            case "POST", ["snoop", spy]:
                return 200, self._channel(channel, "", "", "Up", id=spy)
            case "DELETE", []:
                await self.ends(channel, int(asked.query.get("reason_code", "16")))
                return 204, None
            case "GET", ["rtp_statistics"] if channel in self.rtp_statistics:
                return 200, self.rtp_statistics[channel]
            case "POST", ["variable"] if asked.query["variable"].startswith("EXPORT("):
                return self._export(**asked.query)
            case "POST", ["continue"] if asked.query.get("context") == "release":
                await self.ends(channel, int(asked.query["extension"].partition("*")[2]))
                return 204, None
            case "POST", ["variable" | "continue" | "answer" | "moh" | "record" as what]:
                return self._steer(known, what)
        return self._refuse(asked)

    def _export(self, variable: str, value: str) -> tuple[int, Any]:
        """Another channel's variable, by its name."""
        name, _, what = variable.removeprefix("EXPORT(").removesuffix(")").partition(",")
        for channel in self.channels.values():
            if channel["name"] == name and what == "__TD_CALL_ID":
                channel["channelvars"]["TD_CALL_ID"] = value
        return 204, None

    def _function(self, asked: str) -> str:
        """The contacts of an AOR, or what is known of some."""
        if found := re.fullmatch(r"PJSIP_AOR\((.*),contact\)", asked):
            return ",".join(f"{found[1]};@{at}" for at, _ in enumerate(self._targets(found[1])))
        ids = dict.fromkeys(re.findall(r"PJSIP_CONTACT\(([^,]*),", asked))
        return " ".join(self._contact(*id_.split(";@")) for id_ in ids)

    def _contact(self, aor: str, at: str) -> str:
        _, endpoint, uri = self._targets(aor)[int(at)].split("/", 2)
        call_id, expires_at = self.call_ids.get(uri, (f"{at}@phone", 1795442152))
        status = self.statuses.get(uri, "Reachable")
        return f"{status}|{endpoint}|{expires_at}|{call_id}|{uri}"

    def _targets(self, aor: str) -> list[str]:
        everybody = f"PJSIP/{aor}/sip:{aor.partition('@')[0]}@192.0.2.7"
        known = self.contacts.get(aor, everybody if self.is_everybody_there else "")
        others = [f"PJSIP/{aor}/{self.other_contacts[aor]}"] if aor in self.other_contacts else []
        return [*(known.split("&") if known else []), *others]

    async def _steers(self, id: str, asked: Request) -> tuple[int, Any]:
        """A channel of the controller's runs a line of the context "part"."""
        if self.is_steering:
            given = asked.body["variables"]
            line = asked.query["endpoint"].removeprefix("Local/").partition("@")[0]
            is_done = {given["TD_A"], given["TD_B"]} <= self.channels.keys()
            if is_done:
                self.place(given["TD_A"], given["TD_B"], given.get("TD_DO", line))
            await self.steered(id, is_done=is_done)
        return 200, {"id": id}

    def place(self, keeps: str, other: str, place: str) -> None:
        """The two wait apart ("hold"), or talk again ("join")."""
        contexts = ("hold", "aside") if place == "hold" else ("next", "aside")
        app = "MusicOnHold" if place == "hold" else "Bridge"
        for channel, context in zip((keeps, other), contexts, strict=True):
            plan = {"context": context, "exten": "s", "app_name": app, "app_data": ""}
            self.channels[channel]["dialplan"] = plan

    async def steered(self, id: str, *, is_done: bool = True) -> None:
        """That channel of the controller's ends, and tells how it went."""
        channel = {"id": id, "name": f"Local/part@part-{id[-8:]};1", "channelvars": {}}
        at = {"timestamp": _stamp(self.now), "channel": channel}
        await self.send({"type": "ChannelDestroyed", "cause": 26 if is_done else 1, **at})

    def _originate(self, id: str, asked: Request) -> tuple[int, Any]:
        if id == "create":
            return 200, self._channel("16@hangup", "", "", "Down", id=asked.query["channelId"])
        if id in self.channels:
            return 409, {"message": "Channel with given unique ID already exists"}
        call = asked.body["variables"]["__TD_CALL_ID"]
        return 200, self._channel(asked.query["endpoint"].split("/")[1], call, "", "Down", id=id)

    def _steer(self, channel: Json, what: str) -> tuple[int, Any]:
        """A request that only a channel in Stasis accepts."""
        if channel["dialplan"]["app_name"] != "Stasis":
            if what == "record":
                # who listens in gets there a moment later
                channel["dialplan"] = {"app_name": "Stasis", "app_data": ""}
            return 409, {"message": "Channel not in Stasis application"}
        if what == "continue":
            channel["dialplan"] = {"app_name": "Dial", "app_data": "PJSIP/101@a.vn/sip:1,30,ig"}
        if what == "answer":
            channel["state"] = "Up"
        return 204, None

    # --- small change

    def _channel(self, endpoint: str, call: str, number: str, state: str, id: str = "") -> Json:
        serial = next(self._numbers)
        channel = {
            "id": id or f"asterisk-1795442152.{serial}",
            "name": f"PJSIP/{endpoint}-{serial:08x}",
            "state": state,
            "protocol_id": f"{serial}@phone",
            "caller": {"name": "", "number": number},
            "dialplan": {"app_name": "", "app_data": ""},
            "creationtime": _stamp(self.now),
            "channelvars": {"TD_CALL_ID": call},
        }
        self.channels[str(channel["id"])] = channel
        # it gets its call a moment later
        self._write("CHAN_START", channel | {"channelvars": {"TD_CALL_ID": ""}})
        return channel

    async def _enters(self, channel: Json, *args: str, exten: str = "") -> None:
        app_data = ",".join(("tongdai", *args))
        channel["dialplan"] = {"exten": exten, "app_name": "Stasis", "app_data": app_data}
        await self.send(
            {
                "type": "StasisStart",
                "timestamp": _stamp(self.now),
                "args": args,
                "channel": channel,
            }
        )

    async def _dial(self, peer: Json, dialstatus: str, caller: str) -> None:
        event = {"type": "Dial", "timestamp": _stamp(self.now), "dialstatus": dialstatus}
        await self.send({**event, "peer": peer, "caller": self.channels[caller]})

    def _write(
        self, eventtype: str, channel: Json, extra: Json | None = None, **more: str
    ) -> None:
        entry = {
            "eventtype": eventtype,
            "eventtime": f"{self.now.timestamp():.6f}",
            "uniqueid": channel["id"],
            "channame": channel["name"],
            "linkedid": channel.get("linkedid", channel["id"]),
            "accountcode": channel["channelvars"]["TD_CALL_ID"],
            "eventextra": msgspec.json.encode(extra).decode() if extra else "",
        }
        self._append(entry | more)

    def _append(self, entry: Json) -> None:
        with self.cel_log.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")


@asynccontextmanager
async def running(cel_log: Path) -> AsyncIterator[FakeAsterisk]:
    """It listens on a free port of loopback; at the end nothing may have been asked that it does
    not know.
    """
    fake = FakeAsterisk(cel_log)
    application = web.Application()
    application.router.add_get("/ari/events", fake.listen)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.address = msgspec.structs.replace(
        fake.address, url=f"http://127.0.0.1:{runner.addresses[0][1]}"
    )
    try:
        yield fake
    finally:
        await fake.lose_link()
        await runner.cleanup()
    assert fake._unknown == []


def _renamed(frame: Any, names: dict[str, str]) -> Any:
    """With the ids that we chose this time."""
    text = msgspec.json.encode(frame).decode()
    return msgspec.json.decode(_OURS.sub(lambda found: names.get(found[0], found[0]), text))


def _stamp(at: datetime) -> str:
    """As Asterisk writes times."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


def _moment(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
