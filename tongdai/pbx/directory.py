"""The nouns of a domain as routing sees them: destinations, and the ways out to carriers."""

import unicodedata
from collections.abc import Collection
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from tongdai.pbx import endpoint, numbers
from tongdai.pbx.causes import Rejection
from tongdai.pbx.endpoint import Endpoint

CallIdMode = Literal["leg", "conversation"]
RecordingFormat = Literal["wav", "flac", "opus", "mp3"]
Strategy = Literal["ring_all", "sequential", "round_robin"]
SHORTEST_RING_S, LONGEST_RING_S = 5, 300  # of an extension; the schema checks the same
PARK_S = 10, 3600  # least and most that a party is parked
MEMBER_RING_S = 3, 300  # least and most: of a member of a ring group, an agent of a queue
GROUP_RING_S = 3, 3600  # until a ring group overflows
CallerAction = Literal["block", "allow", "route"]
Override = Literal["", "open", "closed"]
TrunkAuth = Literal["ip", "digest", "registration"]
NumberFormat: TypeAlias = numbers.NumberFormat
DEFAULT_MUSIC = "default"
"""The switch's class of its own hold music."""
NODE = "switch-1"
"""The name of the only node of an installation."""


class Domain(msgspec.Struct, frozen=True):
    """The tenant. `name` is also its SIP domain. Its devices and trunks are on the switch of its
    `node`, which carries its calls. `max_calls` limits all its calls at once; `destinations`
    (pbx.barring) and, unless None, calls a minute and minutes a day limit outbound ones. Those are
    suspended until `suspended_until`, for the reason in `suspended_why`. `region` (ISO 3166-1
    alpha-2) is "" for the main region of the country code. Browsers may register as its new
    extensions (`webrtc`). With `click2call_shows_callee` a click-to-call shows its extension the
    number that it will call, instead of its own; with `click2call_waits` the API answers it when
    the extension has. Whoever its phones hold hears the prompt `hold_music`; "": the switch's own
    music. `feature_codes` (pbx.feature_codes) are those that differ: "pickup=*6". A parked party
    comes back after `park_timeout_s`. Recordings have its `recording_format`, with
    `recording_stereo` the party outside on the left and its extension on the right. Recordings,
    call records, events and the audit log go after so many days; None: the first two stay for
    ever, the others as long as the settings of the installation say.
    """

    domain_uuid: UUID
    name: str
    enabled: bool = True
    time_zone: str = "Asia/Ho_Chi_Minh"
    country_code: str = "84"
    region: str = ""
    call_id_mode: CallIdMode = "leg"
    ringing_hangups: bool = True
    recording: bool = True
    recording_days: int | None = None
    cdr_days: int | None = None
    event_days: int | None = None
    audit_days: int | None = None
    max_calls: int = 100
    destinations: tuple[str, ...] = ()
    calls_per_minute: int | None = 120
    minutes_per_day: int | None = None
    suspended_until: datetime | None = None
    suspended_why: str = ""
    node: str = NODE
    webrtc: bool = False
    click2call_shows_callee: bool = False
    click2call_waits: bool = False
    hold_music: str = ""
    feature_codes: tuple[str, ...] = ()
    recording_format: RecordingFormat = "wav"
    recording_stereo: bool = False
    park_timeout_s: int = 120

    @property
    def country(self) -> str:
        """The region or country code of its numbers, for pbx.numbers."""
        return self.region or self.country_code


class Extension(msgspec.Struct, frozen=True):
    """An internal number; its devices are given by name. `recording` None follows the domain,
    `hotline` None its default.

    Outbound calls are suspended until `suspended_until`, for the reason in `suspended_why`.

    Calls to it alone go on to a dialable number, or one outside ("": to none): `forward_always`
    before it rings, the others when it is busy or refuses, does not answer, or has no phone that
    can be reached. With `do_not_disturb` it is busy, also as member and agent.
    """

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
    suspended_until: datetime | None = None
    suspended_why: str = ""
    devices: tuple[str, ...] = (endpoint.DEFAULT,)


class Trunk(msgspec.Struct, frozen=True):
    """A SIP link to a carrier. `number_format` is the form of called and calling numbers that the
    carrier wants. `carrier_key` is the same for all trunks with the same addresses.
    """

    trunk_uuid: UUID
    name: str
    enabled: bool = True
    number_format: NumberFormat = "national"
    max_calls: int = 100
    carrier_key: str = ""
    transfers: bool = False  # the parties behind it may transfer


class HoursPlan(msgspec.Struct, frozen=True):
    """Opening hours. `weekly` and `holidays` are texts of pbx.hours. While `override` says so, it
    is open, or closed: until `override_until`, None: until that is changed.
    """

    name: str
    weekly: tuple[str, ...] = ()
    holidays: tuple[str, ...] = ()
    override: Override = ""
    override_until: datetime | None = None


class Caller(msgspec.Struct, frozen=True):
    """What becomes of calls from outside of a caller: a number in canonical form; "0912*" or
    "+44*": all whose national or international number begins so; "*": all; numbers.ANONYMOUS: all
    with a withheld number.

    They are rejected with `answer` ("block"), let through although a shorter pattern blocks them
    ("allow"), or go to `destination`, a dialable number or one outside ("route"). `hotlines`
    (canonical) are those that they may call for that; none: all.
    """

    caller: str
    action: CallerAction = "block"
    destination: str = ""
    answer: Rejection = "rejected"
    hotlines: tuple[str, ...] = ()
    note: str = ""


class Hotline(msgspec.Struct, frozen=True):
    """A public number (DID) of the domain. `destination` is a dialable number of the domain; ""
    rejects calls. `further_trunks` carry its outbound calls, in order, when `trunk_uuid` fails.

    While its hours plan `hours` is closed, calls go to `closed_destination`, a dialable number or
    one outside; "" rejects them with `closed_cause`. `hours` None: it is always open.
    """

    number: str
    canonical: str
    trunk_uuid: UUID
    name: str = ""
    destination: str = ""
    is_default: bool = False
    enabled: bool = True
    further_trunks: tuple[UUID, ...] = ()
    hours: str | None = None
    closed_destination: str = ""
    closed_cause: Rejection = "unavailable"

    @property
    def trunks(self) -> tuple[UUID, ...]:
        """All its trunks, in order."""
        return (self.trunk_uuid, *self.further_trunks)


def music_class(prompt_uuid: UUID | None) -> str:
    """The switch's class of hold music that plays the prompt, whatever its sound is. None: the
    switch's own.
    """
    return f"prompt-{prompt_uuid.hex}" if prompt_uuid else DEFAULT_MUSIC


class Prompt(msgspec.Struct, frozen=True):
    """Sound of the domain. `sha256` is that of the file which was uploaded."""

    name: str
    prompt_uuid: UUID
    sha256: str
    duration_s: float

    @property
    def file(self) -> str:
        """The name of its files on the switch, without an ending: another one for other sound."""
        return f"{self.prompt_uuid.hex}-{self.sha256[:16]}"


SERVICE_LEVEL_S = 20
"""Seconds within which an answer is in time, unless a queue says another time."""


class RingGroup(msgspec.Struct, frozen=True):
    """Extensions that ring together or in turn. `next_member` is the first member of the next
    round robin.
    """

    number: str
    name: str = ""
    strategy: Strategy = "ring_all"
    members: tuple[str, ...] = ()
    ring_timeout_s: int = 20
    timeout_s: int = 60
    overflow: str = ""
    next_member: int = 0


class Queue(msgspec.Struct, frozen=True):
    """Callers wait with music, in order; the agent idle for longest gets the next offer.
    `moh_class` names a prompt of the domain or a class of the switch; "default" is the domain's
    music on hold.
    """

    number: str
    name: str = ""
    agents: tuple[str, ...] = ()
    ring_timeout_s: int = 15
    no_answer_delay_s: int = 5
    wrap_up_s: int = 0
    timeout_s: int = 300
    overflow: str = ""
    moh_class: str = DEFAULT_MUSIC
    service_level_s: int = SERVICE_LEVEL_S


class Menu(msgspec.Struct, frozen=True):
    """A prompt, and numbers of the domain that keys lead to: "1=101". With `direct_dialling` its
    callers may dial extensions, too. It waits `timeout_s` for a key, and is heard again `retries`
    times; then, or without keys after the prompt, calls go to `overflow`.
    """

    number: str
    name: str = ""
    prompt: str = ""
    invalid_prompt: str = ""
    keys: tuple[str, ...] = ()
    direct_dialling: bool = False
    timeout_s: int = 5
    retries: int = 2
    overflow: str = ""

    @property
    def choices(self) -> dict[str, str]:
        """The numbers by key, in order."""
        return {key: number for key, _, number in (one.partition("=") for one in self.keys)}


class Directory(msgspec.Struct, frozen=True):
    """A domain and all that can be dialled in it, at one moment. Look-ups return None for missing
    things.
    """

    domain: Domain
    extensions: dict[str, Extension] = {}
    trunks: dict[UUID, Trunk] = {}  # the domain's own, and shared ones that its hotlines use
    hotlines: dict[str, Hotline] = {}  # by canonical number
    hours_plans: dict[str, HoursPlan] = {}  # by name
    callers: dict[str, Caller] = {}  # patterns; single numbers are looked up
    knows_numbers: bool = False  # whether there are single numbers to look up
    ring_groups: dict[str, RingGroup] = {}
    queues: dict[str, Queue] = {}
    prompts: dict[str, Prompt] = {}  # by name
    menus: dict[str, Menu] = {}
    # lengths of the patterns without the star: a caller is looked up by these alone
    caller_lengths: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        lengths = frozenset(len(each) - 1 for each in self.callers if each != "*")
        msgspec.structs.force_setattr(self, "caller_lengths", lengths)

    def prompt(self, name: str) -> Prompt | None:
        """The prompt of that name, with its accents written in any way."""
        return self.prompts.get(unicodedata.normalize("NFC", name))

    def music(self, queue: Queue) -> str:
        """The switch's class of the music that callers hear in the queue."""
        return self.music_named(queue.moh_class)

    def music_named(self, wanted: str = DEFAULT_MUSIC) -> str:
        """The switch's class of the prompt or the class of that name; by default the domain's."""
        for name in (wanted, self.domain.hold_music):
            if prompt := self.prompt(name):
                return music_class(prompt.prompt_uuid)
            if name != DEFAULT_MUSIC:
                return name or DEFAULT_MUSIC
        return DEFAULT_MUSIC

    def endpoints(self, extension: str) -> tuple[str, ...]:
        """Names of the endpoints of the extension's devices: a call to the extension rings all of
        them.
        """
        known = self.extensions.get(extension)
        devices = known.devices if known else (endpoint.DEFAULT,)
        return tuple(str(Endpoint(extension, self.domain.name, device)) for device in devices)

    def is_internal(self, number: str) -> bool:
        """Whether an extension, ring group, queue or menu has the number."""
        tables = (self.extensions, self.ring_groups, self.queues, self.menus)
        return any(number in table for table in tables)

    def hotline(self, number: str) -> Hotline | None:
        """The hotline of a number in national, international or short form."""
        return self.hotlines.get(numbers.canonical(number, self.domain.country))

    def trunks_of(self, hotline: Hotline) -> list[Trunk]:
        """The enabled trunks of a hotline, in order."""
        known = (self.trunks.get(each) for each in hotline.trunks)
        return [trunk for trunk in known if trunk and trunk.enabled]

    def default_hotline(self, extension: Extension | None = None) -> Hotline | None:
        """The hotline that an outbound call presents: the extension's own, else the domain's
        default, else its first one.

        A disabled hotline is not presented.
        """
        if (
            extension
            and extension.hotline
            and (own := self.hotline(extension.hotline))
            and own.enabled
        ):
            return own
        return next(iter(self.by_default()), None)

    def by_default(self) -> list[Hotline]:
        """The enabled hotlines: the domain's default first, then by canonical number."""
        enabled = (hotline for hotline in self.hotlines.values() if hotline.enabled)
        return sorted(enabled, key=lambda hotline: (not hotline.is_default, hotline.canonical))

    def records(self, *extensions: str) -> bool:
        """Whether a talk between these is recorded: not if one has recording off; if one has it
        on; else by the domain's setting.
        """
        said = {known.recording for name in extensions if (known := self.extensions.get(name))}
        return is_recorded(said, self.domain)


def is_recorded(said: Collection[bool | None], domain: Domain) -> bool:
    """Whether a talk is recorded, by the settings of the extensions in it and of the domain."""
    return False not in said and (True in said or domain.recording)
