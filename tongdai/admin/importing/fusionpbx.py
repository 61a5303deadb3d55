"""A company of FusionPBX, from the tables of its database (5.5.7)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tongdai.admin.company import document
from tongdai.admin.company.document import FORM, Company
from tongdai.admin.importing.carrying import Imported, Notes, Row, is_on, said, whole
from tongdai.pbx import directory, numbers
from tongdai.pbx.directory import Strategy
from tongdai.store.fusionpbx import Rows

_STRATEGIES: dict[str, Strategy] = {
    "simultaneous": "ring_all",
    "enterprise": "ring_all",
    "sequence": "sequential",
    "rollover": "sequential",
    "random": "round_robin",
}
_OF_EXTENSIONS = {
    "number_alias": "its alias is not carried over",
    "do_not_disturb": "do not disturb is set on the phone",
    "forward_all_enabled": "its forwarding of all calls is set on the phone",
    "forward_busy_enabled": "its forwarding when busy is set on the phone",
    "forward_no_answer_enabled": "its forwarding without an answer is set on the phone",
    "forward_user_not_registered_enabled": "its forwarding when unregistered is not carried over",
    "follow_me_enabled": "its follow me is not carried over",
    "call_screen_enabled": "its call screening is not carried over",
    "toll_allow": "its permitted calls are not carried over: see the domain's destinations",
    "emergency_caller_id_number": "its emergency number is not carried over",
    "auth_acl": "its permitted addresses are not carried over",
    "cidr": "its permitted addresses are not carried over",
    "hold_music": "its hold music is not carried over",
    "missed_call_app": "its notice of missed calls is not carried over",
}
_OF_DESTINATIONS = {
    "destination_conditions": "its conditions are not carried over",
    "destination_alternate_app": "its alternate destination is not carried over",
    "destination_cid_name_prefix": "its prefix of callers' names is not carried over",
    "destination_hold_music": "its hold music is not carried over",
}
_OF_GROUPS = {
    "ring_group_greeting": "its greeting is not carried over",
    "ring_group_forward_enabled": "its forwarding is not carried over",
    "ring_group_cid_name_prefix": "its prefix of callers' names is not carried over",
    "ring_group_missed_call_app": "its notice of missed calls is not carried over",
    "ring_group_ringback": "its ringback is not carried over",
}


def imported(tables: Rows, name: str = "", trunk: str = "", country: str = "84") -> Imported:
    """The company, under that name or its own. Its hotlines are on the `trunk` of that name, else
    on its only gateway; `country` is the code of its national numbers.
    """
    notes = Notes()
    gateways = tuple(_trunk(row, notes) for row in tables.gateways)
    trunk = trunk or (gateways[0].name if len(gateways) == 1 else "")
    extensions = [
        row
        for row in tables.extensions
        if notes.number(f"extension {row['extension']}", str(row["extension"]))
    ]
    groups = [
        row
        for row in tables.ring_groups
        if notes.number(_group(row), str(row["ring_group_extension"]))
    ]
    internal = {str(row["extension"]) for row in extensions}
    known = internal | {str(row["ring_group_extension"]) for row in groups}
    hotlines = _hotlines(tables.destinations, trunk, country, known, notes)
    shown = {numbers.canonical(one.number, country): one.number for one in hotlines}
    for what, count in tables.others.items():
        if count:
            notes.add(what, f"{count} are not carried over")
    company = Company(
        tongdai=FORM,
        domain=document.Domain(
            name=name or str(tables.domain["domain_name"]).lower(),
            enabled=is_on(tables.domain["domain_enabled"]),
            country_code=country,
        ),
        trunks=gateways or None,
        hotlines=hotlines,
        extensions=tuple(_extension(row, shown, country, notes) for row in extensions),
        ring_groups=tuple(
            _ring_group(row, tables.ring_group_destinations, internal, known, notes)
            for row in groups
        ),
    )
    return Imported(company, notes.found)


def _trunk(row: Row, notes: Notes) -> document.Trunk:
    thing = f"gateway {row['gateway']}"
    notes.unless(thing, row, {"outbound_proxy": "its outbound proxy is not carried over"})
    username, registers = str(row["username"] or ""), said(row["register"])
    auth = "registration" if registers else "digest" if username else "ip"
    transport = str(row["register_transport"] or "udp").lower()
    password = row["password"]
    return document.Trunk(
        name=notes.name(thing, str(row["gateway"])),
        auth=auth,  # type: ignore[arg-type]
        host=str(row["proxy"] or row["realm"] or ""),
        transport=transport if transport in ("udp", "tcp", "tls") else "udp",  # type: ignore[arg-type]
        username=username if auth != "ip" else "",
        password=str(password) if password and auth != "ip" else None,
        from_user=str(row["from_user"] or ""),
        from_domain=str(row["from_domain"] or ""),
        enabled=is_on(row["enabled"]),
        max_calls=max(whole(row["channels"], 0), 0) or 100,
    )


def _extension(
    row: Row, shown: Mapping[str, str], country: str, notes: Notes
) -> document.Extension:
    thing = f"extension {row['extension']}"
    notes.unless(thing, row, _OF_EXTENSIONS)
    caller_id = str(row["outbound_caller_id_number"] or "")
    hotline = shown.get(numbers.canonical(caller_id, country)) if caller_id else None
    if caller_id and hotline is None:
        notes.add(thing, f"its outbound number {caller_id} is no hotline that is carried over")
    contacts = min(max(whole(row["max_registrations"], 5), 1), 20)
    names = (row["directory_first_name"], row["directory_last_name"])
    name = row["effective_caller_id_name"] or " ".join(str(part) for part in names if part)
    return document.Extension(
        extension=str(row["extension"]),
        name=notes.name(thing, str(name or row["description"] or "")),
        enabled=is_on(row["enabled"]),
        recording=_recording(row["user_record"], thing, notes),
        hotline=hotline,
        max_calls=min(max(whole(row["limit_max"], 2), 1), 10_000),
        ring_timeout_s=notes.seconds(thing, row["call_timeout"], 30),
        devices=(document.Device(max_contacts=contacts),),
        password=notes.password(thing, str(row["password"] or "")),
    )


def _recording(value: Any, thing: str, notes: Notes) -> bool | None:
    if value in ("inbound", "outbound", "local"):
        notes.add(thing, f"only its {value} calls were recorded; all are now")
    return True if said(value) else None


def _hotlines(
    rows: Sequence[Row], trunk: str, country: str, known: set[str], notes: Notes
) -> tuple[document.Hotline, ...]:
    found: dict[str, document.Hotline] = {}
    for row in rows:
        thing = f"destination {row['destination_number']}"
        if row["destination_type"] != "inbound":
            notes.add(thing, f"is left out: its type is {row['destination_type']}")
            continue
        number = _dialled(row)
        parsed = numbers.parse(number, country)
        if parsed is None or parsed.is_emergency:
            notes.add(thing, f"is left out: {number} is no telephone number")
        elif not trunk:
            notes.add(thing, "is left out: name the trunk of its carrier (--trunk)")
        elif parsed.canonical in found:
            notes.add(thing, "is left out: another destination has the same number")
        else:
            notes.unless(thing, row, _OF_DESTINATIONS)
            found[parsed.canonical] = document.Hotline(
                number=number,
                trunk=trunk,
                name=notes.name(thing, str(row["destination_description"] or "")),
                destination=_led_to(row, thing, known, notes),
                is_default=not found,
                enabled=is_on(row["destination_enabled"]),
            )
    return tuple(found.values())


def _dialled(row: Row) -> str:
    """The number of a destination, in international form if it has a prefix."""
    number = str(row["destination_number"] or "").strip()
    prefix = str(row["destination_prefix"] or "").strip().lstrip("+")
    area = str(row["destination_area_code"] or "").strip()
    if number.startswith("+") or not prefix:
        return area + number
    return f"+{prefix}{(area + number).lstrip('0')}"


def _led_to(row: Row, thing: str, known: set[str], notes: Notes) -> str:
    """The internal number that a destination transfers to."""
    actions = row["destination_actions"]
    if isinstance(actions, str):
        actions = msgspec.json.decode(actions) if actions else []
    if not actions:
        app, data = row["destination_app"], row["destination_data"]
        actions = [{"destination_app": app, "destination_data": data}] if said(app) else []
    for action in actions:
        app, data = action.get("destination_app"), str(action.get("destination_data") or "")
        if app == "transfer" and data.split() and data.split()[0] in known:
            return data.split()[0]
        notes.add(thing, f"its action {app} {data} is not carried over".rstrip())
    return ""


def _group(row: Row) -> str:
    return f"ring group {row['ring_group_extension']}"


def _ring_group(
    row: Row, destinations: Sequence[Row], internal: set[str], known: set[str], notes: Notes
) -> document.RingGroup:
    thing, strategy = _group(row), str(row["ring_group_strategy"] or "simultaneous")
    notes.unless(thing, row, _OF_GROUPS)
    if strategy in ("random", "enterprise", "rollover"):
        notes.add(thing, f"its strategy {strategy} becomes {_STRATEGIES[strategy]}")
    if not is_on(row["ring_group_enabled"]):
        notes.add(thing, "is disabled there, and rings here")
    of = [one for one in destinations if one["ring_group_uuid"] == row["ring_group_uuid"]]
    of.sort(key=lambda one: whole(one["destination_delay"], 0))
    members = notes.kept(
        thing,
        [str(one["destination_number"]) for one in of if is_on(one["destination_enabled"])],
        internal,
    )
    times = [whole(one["destination_timeout"], 20) for one in of] or [20]
    number, longest = str(row["ring_group_extension"]), row["ring_group_call_timeout"]
    return document.RingGroup(
        number=number,
        name=notes.name(thing, str(row["ring_group_name"] or "")),
        strategy=_STRATEGIES.get(strategy, "ring_all"),
        members=members,
        ring_timeout_s=notes.seconds(thing, max(times), 20, *directory.MEMBER_RING_S),
        timeout_s=notes.seconds(thing, longest, 60, *directory.GROUP_RING_S),
        overflow=_overflow(row, number, thing, known, notes),
    )


def _overflow(row: Row, own: str, thing: str, known: set[str], notes: Notes) -> str:
    app, data = row["ring_group_timeout_app"], str(row["ring_group_timeout_data"] or "")
    target = data.split(maxsplit=1)[0] if data.split() else ""
    if app == "transfer" and target in known and target != own:
        return target
    if said(app) and app != "hangup":
        notes.add(thing, f"its destination after the time, {app} {data}, is not carried over")
    return ""
