"""The ARI events that we use, as structs; others are dropped without parsing (docs.asterisk.org,
"Asterisk REST Data Models").
"""

from datetime import datetime

import msgspec

VARIABLES = ("TD_CALL_ID",)
"""Channel variables that Asterisk sends along with every channel (ari.conf, channelvars)."""


class CallerId(msgspec.Struct, frozen=True):
    name: str = ""
    number: str = ""


class Dialplan(msgspec.Struct, frozen=True):
    """`exten` is the dialplan extension of the channel: the number dialled."""

    context: str = ""
    exten: str = ""
    app_name: str = ""
    app_data: str = ""


class Channel(msgspec.Struct, frozen=True):
    """`protocol_id` is the SIP Call-ID, `name` PJSIP/ENDPOINT-00000001, `creationtime` as events'
    timestamps.
    """

    id: str
    name: str
    state: str = ""
    caller: CallerId = CallerId()
    protocol_id: str = ""
    channelvars: dict[str, str] = {}
    dialplan: Dialplan = Dialplan()
    creationtime: str = ""

    @property
    def endpoint(self) -> str:
        return self.name.partition("/")[2].rpartition("-")[0]

    @property
    def is_party(self) -> bool:
        """Whether a phone or carrier is behind it. Dial() calls a Local channel where a phone
        forwards by 302: nobody rings by that.
        """
        return self.name.startswith("PJSIP/")


class StasisStart(msgspec.Struct, frozen=True):
    """`replace_channel` is the channel whose place it took in the application, if it did."""

    timestamp: str
    channel: Channel
    args: tuple[str, ...] = ()
    replace_channel: Channel | None = None


class Dial(msgspec.Struct, frozen=True):
    """`dialstatus` is "" when the peer is asked to ring, then RINGING, PROGRESS, ANSWER, or the
    failure. `forward`: the user part of the address that the peer responded 3xx with.
    """

    timestamp: str
    peer: Channel
    dialstatus: str = ""
    forward: str = ""
    caller: Channel | None = None


class ChannelHangupRequest(msgspec.Struct, frozen=True):
    """`soft`: Asterisk hangs up, not the party. `cause` is Q.850."""

    timestamp: str
    channel: Channel
    soft: bool = False
    cause: int = 0

    @property
    def is_by_party(self) -> bool:
        """Whether the party hung up. Asterisk does when a refresh of the session (RFC 4028) gets
        no response: cause 18.
        """
        return not self.soft and self.cause not in (18, 102)


class ChannelDestroyed(msgspec.Struct, frozen=True):
    """`tech_cause` is the final SIP status, absent if there was none."""

    timestamp: str
    channel: Channel
    cause: int = 0
    tech_cause: int = 0


class ChannelHold(msgspec.Struct, frozen=True):
    """The phone put the other party on hold (re-INVITE, RFC 3264 §8.4)."""

    timestamp: str
    channel: Channel


class ChannelUnhold(ChannelHold, frozen=True):
    """The phone talks again."""


class Bridge(msgspec.Struct, frozen=True):
    """The ids of the channels that are connected."""

    channels: tuple[str, ...] = ()


class ChannelUserevent(msgspec.Struct, frozen=True):
    eventname: str


class Endpoint(msgspec.Struct, frozen=True):
    resource: str


class ContactInfo(msgspec.Struct, frozen=True):
    """`contact_status` is NonQualified of a new contact, Reachable or Unreachable after OPTIONS,
    Removed.
    """

    uri: str = ""
    contact_status: str = ""
    aor: str = ""


class ContactStatusChange(msgspec.Struct, frozen=True):
    """A contact of the endpoint has come or gone, or begun or ceased to respond to OPTIONS."""

    endpoint: Endpoint
    contact_info: ContactInfo = ContactInfo()


AriEvent = (
    StasisStart
    | Dial
    | ChannelHangupRequest
    | ChannelDestroyed
    | ChannelHold
    | ChannelUnhold
    | ChannelUserevent
    | ContactStatusChange
)

_DECODERS: dict[str, msgspec.json.Decoder[AriEvent]] = {
    kind.__name__: msgspec.json.Decoder(kind)
    for kind in (
        StasisStart,
        Dial,
        ChannelHangupRequest,
        ChannelDestroyed,
        ChannelHold,
        ChannelUnhold,
        ChannelUserevent,
        ContactStatusChange,
    )
}
NAMES = (*_DECODERS, "ApplicationReplaced", "RESTResponse")
"""The types that the application's event filter passes: ARI counts responses as events there."""


def decode(name: str, data: bytes) -> AriEvent | None:
    """The event as a struct; None for types we do not use. Raises msgspec.ValidationError for a
    malformed one.
    """
    decoder = _DECODERS.get(name)
    return decoder.decode(data) if decoder else None


def moment(timestamp: str) -> datetime:
    """The aware datetime of a text such as "2026-11-23T12:42:42.853+0000"."""
    return datetime.fromisoformat(timestamp)
