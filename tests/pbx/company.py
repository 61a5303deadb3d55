"""A company for tests: extensions 101 to 105, one carrier, hotline 19001919, and whatever a test
gives it besides.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import asdict

from tongdai.pbx.directory import (
    Caller,
    Directory,
    Domain,
    Extension,
    Hotline,
    HoursPlan,
    Menu,
    Prompt,
    Queue,
    RingGroup,
    Trunk,
)
from tongdai.pbx.routing import RoutingContext

DOMAIN, CARRIER = UUID(int=1), UUID(int=2)
FURTHER = {"carrier2": UUID(int=12), "carrier3": UUID(int=13)}
"""Further trunks that a test may give the hotline."""

COMPANY = Directory(
    domain=Domain(DOMAIN, "example.vn"),
    extensions={name: Extension(name) for name in ("101", "102", "103", "104", "105")},
    trunks={CARRIER: Trunk(CARRIER, "carrier", carrier_key="carrier-7")},
    hotlines={
        "19001919": Hotline("19001919", "19001919", CARRIER, destination="101", is_default=True)
    },
)


def context(directory: Directory = COMPANY, **talks: int) -> RoutingContext:
    return RoutingContext(
        directory, datetime(2026, 11, 23, 5, tzinfo=UTC), talks, recording_url="https://pbx/rec/"
    )


def given(context: RoutingContext, text: str) -> RoutingContext:
    """The context with one thing changed: "group 600 strategy=sequential members=101,102", "talks
    101=2", "calls=7", "hours office weekly=mon-fri_08:00-17:30".
    """
    noun, *words = text.split()
    if "=" in noun:
        return msgspec.structs.replace(context, calls=int(noun.partition("=")[2]))
    key = words.pop(0) if words and "=" not in words[0] else ""
    changes = dict(word.split("=", 1) for word in words)
    if noun == "absent":
        return msgspec.structs.replace(context, absent=frozenset(key.split(",")))
    if noun == "talks":
        return msgspec.structs.replace(
            context, talks={name: int(number) for name, number in changes.items()}
        )
    return msgspec.structs.replace(
        context, directory=_changed(context.directory, noun, key, changes)
    )


def _changed(  # noqa: C901, PLR0911 -- a case a noun
    directory: Directory, noun: str, key: str, changes: dict[str, str]
) -> Directory:
    match noun:
        case "domain":
            return msgspec.structs.replace(directory, domain=_with(directory.domain, changes))
        case "extension":
            return _put(directory, "extensions", key, Extension(key), changes)
        case "group":
            return _put(directory, "ring_groups", key, RingGroup(key), changes)
        case "queue":
            return _put(directory, "queues", key, Queue(key), changes)
        case "hotline":
            return _put(
                directory, "hotlines", key or "19001919", Hotline(key, key, CARRIER), changes
            )
        case "caller":
            return _put(directory, "callers", key, Caller(key), changes)
        case "menu":
            return _put(directory, "menus", key, Menu(key), changes)
        case "prompt":
            prompt = Prompt(key, UUID(int=len(directory.prompts)), key, 2.0)
            return _put(directory, "prompts", key, prompt, changes)
        case "hours":
            return _put(directory, "hours_plans", key, HoursPlan(key), changes)
        case "trunk":
            return _with_trunk(directory, key, changes)
        case _:
            raise ValueError(noun)


def _with_trunk(directory: Directory, name: str, changes: dict[str, str]) -> Directory:
    """The directory with the trunk changed, or with a further one for each hotline."""
    if name not in FURTHER:
        trunk = _with(directory.trunks[CARRIER], changes)
        return msgspec.structs.replace(directory, trunks={CARRIER: trunk})
    uuid = FURTHER[name]
    hotlines = {
        canonical: msgspec.structs.replace(each, further_trunks=(*each.further_trunks, uuid))
        for canonical, each in directory.hotlines.items()
    }
    trunks = {**directory.trunks, uuid: _with(Trunk(uuid, name), changes)}
    return msgspec.structs.replace(directory, trunks=trunks, hotlines=hotlines)


def _put(
    directory: Directory, table: str, key: str, new: Any, changes: dict[str, str]
) -> Directory:
    rows: dict[str, Any] = dict(getattr(directory, table))
    rows[key] = _with(rows.get(key, new), changes)
    changed: dict[str, Any] = {table: rows}
    return msgspec.structs.replace(directory, **changed)


def _with(noun: Any, changes: dict[str, str]) -> Any:
    """The struct with fields as text says them."""
    fields: dict[str, Any] = asdict(noun) | changes
    lists = {"members", "agents", "weekly", "holidays", "hotlines", "keys"}
    if own := changes.get("feature_codes"):
        fields["feature_codes"] = tuple(own.split(","))
    for name in lists & changes.keys():
        texts = changes[name].replace("_", " ").split(",")
        fields[name] = tuple(filter(None, texts))
    return msgspec.convert(fields, type(noun), strict=False)
