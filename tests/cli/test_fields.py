"""Each field of the directory that an operator may set is an option of its noun's `update`."""

from typing import cast

import msgspec
import pytest
import typer
from typer.core import TyperGroup

from tongdai.cli import (
    callers,
    domains,
    extensions,
    hotlines,
    hours_plans,
    menus,
    queues,
    ring_groups,
    trunks,
)
from tongdai.pbx.directory import (
    Caller,
    Domain,
    Extension,
    Hotline,
    HoursPlan,
    Menu,
    Queue,
    RingGroup,
)
from tongdai.store.trunks import Trunk

SUSPENSION = {"suspended_until", "suspended_why"}  # --unsuspend ends it
NOUNS: list[tuple[typer.Typer, type[msgspec.Struct], set[str], dict[str, str]]] = [
    (domains.app, Domain, {"domain_uuid", "name", *SUSPENSION}, {}),
    (extensions.app, Extension, {"extension", "devices", *SUSPENSION}, {}),
    (trunks.app, Trunk, {"trunk_uuid"}, {"name": "new_name"}),
    (
        hotlines.app,
        Hotline,
        {"number", "canonical"},
        {"trunk_uuid": "trunk", "is_default": "default"},
    ),
    (callers.app, Caller, {"caller"}, {}),
    (hours_plans.app, HoursPlan, {"name"}, {}),
    (menus.app, Menu, {"number"}, {}),
    (ring_groups.app, RingGroup, {"number", "next_member"}, {}),
    (queues.app, Queue, {"number"}, {"moh_class": "music"}),
]


@pytest.mark.parametrize(
    ("app", "noun", "kept", "named"), NOUNS, ids=[noun.__name__ for _, noun, _, _ in NOUNS]
)
def test_fields_are_options_of_update(
    app: typer.Typer, noun: type[msgspec.Struct], kept: set[str], named: dict[str, str]
) -> None:
    commands = cast("TyperGroup", typer.main.get_command(app))
    options = {parameter.name for parameter in commands.commands["update"].params}
    wanted = {
        named.get(field, field.removesuffix("_s"))
        for field in noun.__struct_fields__
        if field not in kept
    }
    assert wanted - options == set()
