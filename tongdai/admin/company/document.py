"""The parts of a company file. A field that is not given has the default of its part, and a
setting of the domain stays as it is. A section that is not given is not touched; things that are
not in a given section are deleted.

Secrets are read from files and never written to them: a new thing without a password gets a random
one.
"""

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from tongdai.pbx import directory, endpoint
from tongdai.pbx.carriers import CalledNumberIn
from tongdai.pbx.causes import Rejection
from tongdai.permissions import Level, Permission
from tongdai.store import devices, trunks

Form: TypeAlias = Literal[1]
FORM: Form = 1
"""The form of files that this version reads and writes."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a file."""


class Domain(_Part, frozen=True):
    """The settings of the domain; one that is not given stays."""

    name: str
    enabled: bool | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    country_code: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    call_id_mode: directory.CallIdMode | UnsetType = UNSET
    ringing_hangups: bool | UnsetType = UNSET
    recording: bool | UnsetType = UNSET
    recording_days: int | UnsetType | None = UNSET
    recording_format: directory.RecordingFormat | UnsetType = UNSET
    recording_stereo: bool | UnsetType = UNSET
    cdr_days: int | UnsetType | None = UNSET
    event_days: int | UnsetType | None = UNSET
    audit_days: int | UnsetType | None = UNSET
    max_calls: int | UnsetType = UNSET
    destinations: tuple[str, ...] | UnsetType = UNSET
    calls_per_minute: int | UnsetType | None = UNSET
    minutes_per_day: int | UnsetType | None = UNSET
    node: str | UnsetType = UNSET
    webrtc: bool | UnsetType = UNSET
    click2call_shows_callee: bool | UnsetType = UNSET
    click2call_waits: bool | UnsetType = UNSET
    hold_music: str | UnsetType = UNSET
    feature_codes: tuple[str, ...] | UnsetType = UNSET
    park_timeout_s: int | UnsetType = UNSET


class Trunk(_Part, frozen=True):
    """A SIP link to a carrier."""

    name: str
    auth: directory.TrunkAuth
    host: str
    transport: trunks.Transport = "udp"
    addresses: tuple[str, ...] = ()
    username: str = ""
    password: str | None = None
    auth_username: str = ""
    from_user: str = ""
    from_domain: str = ""
    number_format: directory.NumberFormat = "national"
    shared: bool = False
    max_calls: int = 100
    transfers: bool = False
    enabled: bool = True
    called_number_in: CalledNumberIn = "auto"
    qualify: bool = True


class Hotline(_Part, frozen=True):
    """A public number. Its trunks are given by name, or by trunk_uuid."""

    number: str
    trunk: str
    further_trunks: tuple[str, ...] = ()
    name: str = ""
    destination: str = ""
    is_default: bool = False
    enabled: bool = True
    hours: str | None = None
    closed_destination: str = ""
    closed_cause: Rejection = "unavailable"


class HoursPlan(_Part, frozen=True):
    """When hotlines are open."""

    name: str
    weekly: tuple[str, ...] = ()
    holidays: tuple[str, ...] = ()


class Device(_Part, frozen=True):
    """A phone, or browsers, of an extension."""

    name: str = endpoint.DEFAULT
    kind: devices.Kind = "sip"
    max_contacts: int = devices.MAX_CONTACTS
    srtp_required: bool = False
    mac: str = ""
    password: str | None = None


class Extension(_Part, frozen=True):
    """An internal number. `password` is that of its default device."""

    extension: str
    name: str = ""
    enabled: bool = True
    recording: bool | None = None
    hotline: str | None = None
    max_calls: int = 2
    ring_timeout_s: int = 30
    forward_always: str = ""
    forward_busy: str = ""
    forward_no_answer: str = ""
    forward_unreachable: str = ""
    do_not_disturb: bool = False
    devices: tuple[Device, ...] = (Device(),)
    user_uuid: str = ""
    follow_me: str = ""
    password: str | None = None


class RingGroup(_Part, frozen=True):
    """Extensions that ring together or in turn."""

    number: str
    name: str = ""
    strategy: directory.Strategy = "ring_all"
    members: tuple[str, ...] = ()
    ring_timeout_s: int = 20
    timeout_s: int = 60
    overflow: str = ""


class Queue(_Part, frozen=True):
    """Callers wait with music for agents."""

    number: str
    name: str = ""
    agents: tuple[str, ...] = ()
    ring_timeout_s: int = 15
    no_answer_delay_s: int = 5
    wrap_up_s: int = 0
    timeout_s: int = 300
    overflow: str = ""
    moh_class: str = "default"
    service_level_s: int = 20


class Menu(_Part, frozen=True):
    """A prompt, and keys that lead to numbers. Prompts are uploaded, and not in the file."""

    number: str
    name: str = ""
    prompt: str = ""
    invalid_prompt: str = ""
    keys: tuple[str, ...] = ()
    direct_dialling: bool = False
    timeout_s: int = 5
    retries: int = 2
    overflow: str = ""


class User(_Part, frozen=True):
    """An account of the API. `scopes` null: its own API key has all of its permissions."""

    username: str
    level: Level = "admin"
    enabled: bool = True
    scopes: tuple[Permission, ...] | None = None
    token_life_s: int | None = None
    password: str | None = None


class Subscription(_Part, frozen=True):
    """An event for a URL. Its secret is made by tongdai."""

    event: str
    callback_url: str
    enabled: bool = True
    numbers_as_text: bool = False
    accept_redirects: bool = False
    callback_ca: str = ""
    callback_apikey: str | None = None
    callback_headers: dict[str, str] | None = None


Item: TypeAlias = (
    Trunk | Hotline | HoursPlan | Extension | RingGroup | Queue | Menu | User | Subscription
)


class Company(_Part, frozen=True):
    """A file. None: the section is not given."""

    tongdai: Form
    domain: Domain
    trunks: tuple[Trunk, ...] | None = None
    hotlines: tuple[Hotline, ...] | None = None
    hours_plans: tuple[HoursPlan, ...] | None = None
    extensions: tuple[Extension, ...] | None = None
    ring_groups: tuple[RingGroup, ...] | None = None
    queues: tuple[Queue, ...] | None = None
    menus: tuple[Menu, ...] | None = None
    users: tuple[User, ...] | None = None
    subscriptions: tuple[Subscription, ...] | None = None


SECTIONS = (
    "trunks",
    "hotlines",
    "hours_plans",
    "extensions",
    "ring_groups",
    "queues",
    "menus",
    "users",
    "subscriptions",
)
SECRETS = ("password", "callback_apikey", "callback_headers")
"""Fields that are never written to files, in all parts."""


def given(part: _Part) -> dict[str, Any]:
    """The fields that have other values than their defaults, as builtins; a device always has its
    name.
    """
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(type(part)):
        value = getattr(part, field.name)
        if value != field.default or (isinstance(part, Device) and field.name == "name"):
            found[field.name] = _builtin(value)
    return found


def _builtin(value: Any) -> Any:
    if isinstance(value, _Part):
        return given(value)
    if isinstance(value, tuple):
        return [_builtin(one) for one in value]
    return value


def plain(part: Item) -> Item:
    """The part without its secrets."""
    secret = [name for name in SECRETS if name in part.__struct_fields__]
    bare = msgspec.structs.replace(part, **dict.fromkeys(secret))
    if isinstance(bare, Extension):
        kept = tuple(msgspec.structs.replace(each, password=None) for each in bare.devices)
        bare = msgspec.structs.replace(bare, devices=kept)
    return bare
