"""The configuration of a domain, for administrators: its nouns, all used in the same way
(`tongdai.admin.nouns`), and the log of their changes.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from starlette.types import ASGIApp

from tongdai import errors
from tongdai.admin.nouns import NOUNS
from tongdai.api import resources, responses
from tongdai.api.operations import Operation, operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.api.resources import Resource
from tongdai.pbx import directory
from tongdai.pbx.carriers import CalledNumberIn
from tongdai.pbx.causes import Rejection
from tongdai.pbx.directory import TrunkAuth
from tongdai.store import audit, checks, devices, trunks

_LIMIT, _MOST = 50, 500
_RING, _GROUP = directory.MEMBER_RING_S, directory.GROUP_RING_S

Name = Annotated[str, Meta(description="For people, in any script.", examples=["Nguyễn Thị Ánh"])]
Overflow = Annotated[
    str, Meta(description='Where its calls go then: a number of the domain; "" ends them.')
]


Forward = Annotated[
    str,
    Meta(
        description="Where calls to it alone go then: a number of the domain, or a number outside "
        'as a call out of its own; "" for none.'
    ),
]


class NewExtension(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new extension. Without a password a random one is made, and shown this once."""

    extension: Annotated[str, Meta(description="2 to 8 digits.", examples=["101"])]
    name: Name = ""
    enabled: bool = True
    recording: Annotated[
        bool | None, Meta(description="Record its answered calls; null: as the domain says.")
    ] = None
    hotline: Annotated[
        str | None,
        Meta(description="Presented on its outbound calls; null: the domain's default."),
    ] = None
    max_calls: Annotated[int, Meta(ge=1, le=10_000, description="Calls at the same time.")] = 2
    ring_timeout_s: Annotated[
        int,
        Meta(
            ge=directory.SHORTEST_RING_S,
            le=directory.LONGEST_RING_S,
            description="Seconds that it rings.",
        ),
    ] = 30
    forward_always: Forward = ""
    forward_busy: Forward = ""
    forward_no_answer: Forward = ""
    forward_unreachable: Forward = ""
    do_not_disturb: Annotated[
        bool, Meta(description="It is busy for everybody, in ring groups and queues too.")
    ] = False
    password: Annotated[str | None, Meta(description="SIP password of its default device.")] = None
    kind: Annotated[
        devices.Kind, Meta(description="Of its default device: a SIP phone, or a browser.")
    ] = "sip"
    webrtc: Annotated[
        bool | None,
        Meta(
            description="Browsers may register as it too, with the same password: it has the "
            "device `webrtc`. null: as the domain says."
        ),
    ] = None


class NewRingGroup(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new ring group: extensions that ring together or in turn."""

    number: Annotated[str, Meta(description="2 to 8 digits.", examples=["600"])]
    name: Name = ""
    strategy: directory.Strategy = "ring_all"
    members: Annotated[
        tuple[str, ...],
        Meta(max_length=500, description="Extensions, in order.", examples=[["101", "102"]]),
    ] = ()
    ring_timeout_s: Annotated[
        int, Meta(ge=_RING[0], le=_RING[1], description="Seconds that a member rings, or all do.")
    ] = 20
    timeout_s: Annotated[
        int, Meta(ge=_GROUP[0], le=_GROUP[1], description="Seconds until the calls overflow.")
    ] = 60
    overflow: Overflow = ""


class NewQueue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new queue: callers wait with music, in order, for agents."""

    number: Annotated[str, Meta(description="2 to 8 digits.", examples=["700"])]
    name: Name = ""
    agents: Annotated[
        tuple[str, ...], Meta(max_length=500, description="Extensions.", examples=[["101", "102"]])
    ] = ()
    ring_timeout_s: Annotated[
        int, Meta(ge=_RING[0], le=_RING[1], description="Seconds that an agent rings.")
    ] = 15
    no_answer_delay_s: Annotated[
        int, Meta(ge=0, le=3600, description="Seconds of pause of an agent who did not answer.")
    ] = 5
    wrap_up_s: Annotated[
        int, Meta(ge=0, le=3600, description="Seconds of pause of an agent after a talk.")
    ] = 0
    timeout_s: Annotated[
        int, Meta(ge=3, le=7200, description="Seconds until a waiting call overflows.")
    ] = 300
    overflow: Overflow = ""
    moh_class: Annotated[
        str,
        Meta(
            description="Music on hold: a prompt by its name, or a class of the switch; `default` "
            "is the domain's `hold_music`."
        ),
    ] = directory.DEFAULT_MUSIC
    service_level_s: Annotated[
        int,
        Meta(ge=1, le=3600, description="Seconds within which an answer is in time, for reports."),
    ] = directory.SERVICE_LEVEL_S


class NewMenu(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new menu: a prompt, after which callers press keys. Without keys it is an announcement:
    its calls go to `overflow` when it has been heard.
    """

    number: Annotated[str, Meta(description="2 to 8 digits.", examples=["800"])]
    name: Name = ""
    prompt: Annotated[str, Meta(description="What callers hear; empty: silence.")] = ""
    invalid_prompt: Annotated[
        str, Meta(description="Heard before that, after a key that leads nowhere.")
    ] = ""
    keys: Annotated[
        tuple[str, ...],
        Meta(
            max_length=12,
            description="A key (0 to 9, *, #) and the number of the domain that it leads to.",
            examples=[["1=101", "2=600", "*=800"]],
        ),
    ] = ()
    direct_dialling: Annotated[bool, Meta(description="Callers may dial extensions, too.")] = False
    timeout_s: Annotated[
        int, Meta(ge=1, le=30, description="Seconds that it waits for a key after the prompt.")
    ] = 5
    retries: Annotated[
        int, Meta(ge=0, le=9, description="How often it is heard again without a choice.")
    ] = 2
    overflow: Overflow = ""


class NewHoursPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new hours plan: when hotlines are open, in the time zone of the domain."""

    name: Annotated[str, Meta(description="In its domain.", examples=["office"])]
    weekly: Annotated[
        tuple[str, ...],
        Meta(
            max_length=checks.MOST_WEEKLY,
            description="Days and times; an interval may end on the next morning.",
            examples=[["mon-fri 08:00-12:00", "mon-fri 13:30-17:30", "sat 22:00-02:00"]],
        ),
    ] = ()
    holidays: Annotated[
        tuple[str, ...],
        Meta(
            max_length=checks.MOST_HOLIDAYS,
            description="Dates and ranges on which the weekly hours do not hold, once or, without "
            "a year, each year; with times, open for so long.",
            examples=[["2027-02-05/2027-02-11", "09-02", "12-24 08:00-11:30"]],
        ),
    ] = ()
    override: Annotated[
        directory.Override,
        Meta(description='"open" or "closed", whatever the hours say; "" ends that.'),
    ] = ""
    override_until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When the override ends by itself; null: when it is changed."),
    ] = None


class NewCaller(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A caller from outside whose calls are blocked, let through, or go to a destination of its
    own. A single number counts before all patterns; of those the longest counts.
    """

    caller: Annotated[
        str,
        Meta(
            description="A telephone number; the beginning of numbers, such as 0912* or +44*; "
            "* is everybody; anonymous are withheld numbers.",
            examples=["0912345678"],
        ),
    ]
    action: Annotated[
        directory.CallerAction,
        Meta(
            description="block: the calls are rejected; allow: they are let through, whatever a "
            "shorter pattern says; route: they go to `destination`, and from there, unanswered, "
            "to the hotline's."
        ),
    ] = "block"
    destination: Annotated[
        str, Meta(description="Of route: a number of the domain, or a number outside.")
    ] = ""
    answer: Annotated[
        Rejection, Meta(description="What a blocked caller gets: 480, 486, 603 or 404.")
    ] = "rejected"
    hotlines: Annotated[
        tuple[str, ...], Meta(max_length=100, description="Only for calls to these; []: to all.")
    ] = ()
    note: Annotated[str, Meta(description="For people.")] = ""


class NewDevice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A further device of an extension, with a user name, the `account`, and a password of its
    own. Calls ring all devices.
    """

    extension: Annotated[str, Meta(examples=["101"])]
    name: Annotated[
        str,
        Meta(
            description="Small letters, digits and -: of extension 101, 101-mobile.",
            examples=["mobile"],
        ),
    ]
    kind: Annotated[devices.Kind, Meta(description="A SIP phone, or a browser.")] = "sip"
    max_contacts: Annotated[
        int, Meta(ge=1, le=20, description="How many may be registered as it at the same time.")
    ] = devices.MAX_CONTACTS
    srtp_required: Annotated[
        bool, Meta(description="Its audio is encrypted, or there is no call.")
    ] = False
    mac: Annotated[
        str,
        Meta(
            description='Of a desk phone that fetches its configuration by a link; "" for others.',
            examples=["00:15:65:aa:bb:cc"],
        ),
    ] = ""
    password: Annotated[
        str | None,
        Meta(description="For SIP. null: a random one, which the answer shows this once."),
    ] = None


class NewHotline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new hotline: a public number of the domain."""

    number: Annotated[
        str, Meta(description="As the carrier has it, in any form.", examples=["02873001234"])
    ]
    trunk: Annotated[
        str,
        Meta(
            description="By name: of the domain, or a shared one. By `trunk_uuid` where several "
            "shared trunks have the name.",
            examples=["viettel"],
        ),
    ]
    name: Name = ""
    destination: Annotated[
        str, Meta(description='A number of the domain that its calls go to; "" refuses them.')
    ] = ""
    is_default: Annotated[
        bool, Meta(description="Presented by extensions that have no hotline of their own.")
    ] = False
    enabled: bool = True
    further_trunks: Annotated[
        tuple[str, ...],
        Meta(max_length=8, description="For its outbound calls, in order, when `trunk` fails."),
    ] = ()
    hours: Annotated[
        str | None, Meta(description="The name of its hours plan; null: it is always open.")
    ] = None
    closed_destination: Annotated[
        str,
        Meta(
            description="While it is closed, its calls go to this number of the domain, or number "
            'outside, as a call out; "" rejects them.'
        ),
    ] = ""
    closed_cause: Annotated[
        Rejection, Meta(description="What a caller gets then: 480, 486, 603 or 404.")
    ] = "unavailable"


class NewTrunk(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new trunk: a SIP link to a carrier. Its password is never shown."""

    name: Annotated[str, Meta(description="In its domain.", examples=["viettel"])]
    auth: Annotated[
        TrunkAuth,
        Meta(
            description="ip: the carrier knows our address; digest: we answer its challenges; "
            "registration: we register too."
        ),
    ] = "ip"
    host: Annotated[
        str, Meta(description="The carrier's: host or host:port.", examples=["sip.example.net"])
    ]
    transport: trunks.Transport = "udp"
    addresses: Annotated[
        tuple[str, ...],
        Meta(
            max_length=100, description="Addresses and networks its calls come from; []: `host`."
        ),
    ] = ()
    username: Annotated[str, Meta(description="For digest and registration.")] = ""
    auth_username: Annotated[
        str | None,
        Meta(
            description="The user name by which, and `password`, its calls may come from any "
            'address; "": they may not. null: `username` with digest, else "".'
        ),
    ] = None
    password: Annotated[str, Meta(description="For digest and registration.")] = ""
    from_user: Annotated[str, Meta(description="User of From, if the carrier wants one.")] = ""
    from_domain: Annotated[str, Meta(description="Host of From, if the carrier wants one.")] = ""
    number_format: Annotated[
        directory.NumberFormat,
        Meta(description="The form of numbers that it wants: 0899888999, +84899888999, as is."),
    ] = "national"
    shared: Annotated[bool, Meta(description="Other domains' hotlines may use it.")] = False
    max_calls: Annotated[int, Meta(ge=1, le=10_000, description="Calls at the same time.")] = 100
    transfers: Annotated[
        bool, Meta(description="Whoever comes by it may transfer (REFER), at the domain's cost.")
    ] = False
    enabled: bool = True
    called_number_in: Annotated[
        CalledNumberIn, Meta(description="Where its INVITEs have the number called.")
    ] = "auto"
    qualify: Annotated[
        bool, Meta(description="Ask it once a minute whether it is there (SIP OPTIONS).")
    ] = True


class AuditQuery(Struct, frozen=True):
    """Which entries of the audit log are wanted."""

    noun: Annotated[str, Meta(description=f"One of {', '.join(audit.NOUNS)}.")] = ""
    name: Annotated[str, Meta(description="Which one: its number or name.")] = ""
    actor: Annotated[str, Meta(description="Who, such as user:an or cli:root.")] = ""
    cursor: Annotated[
        int | None, Meta(ge=1, description="`next_cursor` of the answer before.")
    ] = None
    limit: Annotated[int, Meta(ge=1, le=_MOST, description="How many at a time.")] = _LIMIT


class AuditEntries(Struct, frozen=True):
    """Some changes, the newest first; `next_cursor` is null at the end."""

    data: list[audit.Entry]
    next_cursor: int | None


@operation(
    "GET",
    "/v1/admin/audit",
    may="audit:read",
    tag=resources.TAG,
    gives={200: ("Some changes.", AuditEntries)},
    fails=(errors.Invalid,),
)
async def list_audit(request: Request, principal: Principal, query: AuditQuery) -> ASGIApp:
    """List who changed what, from where, before and after.

    The newest come first; ask again with `next_cursor` until it is null. Secrets are `***`.
    """
    wanted = audit.Filter(query.noun, query.name, query.actor)
    async with request.context.tenants.connection(principal.domain_uuid) as tx:
        found = await audit.list(
            tx, principal.domain_uuid, wanted, limit=query.limit, before=query.cursor
        )
    cursor = found[-1].audit_id if len(found) == query.limit else None
    return responses.json(AuditEntries([*found], cursor))


OPERATIONS: tuple[Operation, ...] = (
    list_audit,
    *Resource(
        "extensions",
        NOUNS["extensions"],
        NewExtension,
        "extension",
        # whoever dials with a stolen password may have the administrator's too
        reserved={"unsuspend": "domain:operate"},
    ).operations(),
    *Resource("devices", NOUNS["devices"], NewDevice, "extension").operations(),
    *Resource("ring-groups", NOUNS["ring-groups"], NewRingGroup, "routing").operations(),
    *Resource("queues", NOUNS["queues"], NewQueue, "routing").operations(),
    *Resource("callers", NOUNS["callers"], NewCaller, "routing").operations(),
    *Resource("menus", NOUNS["menus"], NewMenu, "routing").operations(),
    *Resource("hours-plans", NOUNS["hours-plans"], NewHoursPlan, "routing").operations(),
    *Resource(
        "hotlines",
        NOUNS["hotlines"],
        NewHotline,
        "routing",
        makes="trunk:write",
        reserved={"trunk": "trunk:write", "further_trunks": "trunk:write"},
    ).operations(),
    *Resource("trunks", NOUNS["trunks"], NewTrunk, "trunk").operations(),
)
