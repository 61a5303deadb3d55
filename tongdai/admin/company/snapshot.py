"""The company file of a domain's rows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from tongdai.admin.company.document import (
    FORM,
    Company,
    Device,
    Domain,
    Extension,
    Hotline,
    HoursPlan,
    Menu,
    Queue,
    RingGroup,
    Subscription,
    Trunk,
    User,
)
from tongdai.pbx import endpoint
from tongdai.store.company import Row, State, UsableTrunk

Part = TypeVar("Part", bound=msgspec.Struct)
_NAMES = {
    "api_key_scopes": "scopes",
    "api_key_token_life_s": "token_life_s",
    "event_name": "event",
}


def labels(usable: Sequence[UsableTrunk]) -> dict[str, str]:
    """The name of each trunk in files, by trunk_uuid: its own name where that is clear, else its
    trunk_uuid.
    """
    own = {trunk.name for trunk in usable if trunk.is_own}
    shared = Counter(trunk.name for trunk in usable if not trunk.is_own)
    return {
        str(trunk.trunk_uuid): trunk.name
        if trunk.is_own or (trunk.name not in own and shared[trunk.name] == 1)
        else str(trunk.trunk_uuid)
        for trunk in usable
    }


def company(state: State, trunk_labels: Mapping[str, str]) -> Company:
    """The domain as a file, with all sections."""
    names = {**trunk_labels, **{row["trunk_uuid"]: row["name"] for row in state["trunks"]}}
    return Company(
        tongdai=FORM,
        domain=_part(state["domains"][0], Domain),
        trunks=_parts(_by(state["trunks"], "name"), Trunk),
        hotlines=tuple(_hotline(row, names) for row in _by(state["hotlines"], "number")),
        hours_plans=_parts(_by(state["hours_plans"], "name"), HoursPlan),
        extensions=tuple(_extensions(_by(state["extensions"], "extension"), state["devices"])),
        ring_groups=_parts(_by(state["ring_groups"], "number"), RingGroup),
        queues=_parts(_by(state["queues"], "number"), Queue),
        menus=_parts(_by(state["menus"], "number"), Menu),
        users=_parts(_by(state["users"], "username"), User),
        subscriptions=_parts(
            sorted(state["subscriptions"], key=_order_of_subscription), Subscription
        ),
    )


def subscription_uuids(state: State) -> list[UUID]:
    """The ids of the subscriptions, in the order of the file."""
    ordered = sorted(state["subscriptions"], key=_order_of_subscription)
    return [UUID(row["subscription_uuid"]) for row in ordered]


def _hotline(row: Row, trunk_labels: Mapping[str, str]) -> Hotline:
    further = [trunk_labels.get(uuid, uuid) for uuid in row["further_trunks"]]
    trunk = trunk_labels.get(row["trunk_uuid"], row["trunk_uuid"])
    return _part(row | {"trunk": trunk, "further_trunks": further}, Hotline)


def _extensions(rows: list[Row], devices: list[Row]) -> Iterator[Extension]:
    own: dict[str, list[Row]] = {row["extension"]: [] for row in rows}
    for device in sorted(devices, key=lambda one: (one["name"] != endpoint.DEFAULT, one["name"])):
        own[device["extension"]].append(device)
    for row in rows:
        known = msgspec.to_builtins(_parts(own[row["extension"]], Device))
        yield _part(row | {"devices": known}, Extension)


def _parts(rows: list[Row], kind: type[Part]) -> tuple[Part, ...]:
    return tuple(_part(row, kind) for row in rows)


def _part(row: Row, kind: type[Part]) -> Part:
    named: dict[str, Any] = {_NAMES.get(name, name): value for name, value in row.items()}
    known = {name: value for name, value in named.items() if name in kind.__struct_fields__}
    return msgspec.convert(known, kind)


def _by(rows: list[Row], column: str) -> list[Row]:
    return sorted(rows, key=lambda row: str(row[column]))


def _order_of_subscription(row: Row) -> tuple[str, str, str]:
    """The same event and URL in the order in which they were made."""
    return row["event_name"], row["callback_url"], row["subscription_uuid"]
