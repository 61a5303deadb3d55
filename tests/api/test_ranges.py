"""What the API takes for a number is what the schema takes, and what the command line says."""

import re
import typing

import pytest
from msgspec import Meta, Struct

from tongdai.api import admin
from tongdai.cli import queues as queue_commands
from tongdai.cli import ring_groups as ring_group_commands
from tongdai.store import db

TABLES: dict[str, type[Struct]] = {
    "extensions": admin.NewExtension,
    "ring_groups": admin.NewRingGroup,
    "queues": admin.NewQueue,
}
HELP = {
    ("ring_groups", "ring_timeout_s"): ring_group_commands.RING_TIMEOUT,
    ("ring_groups", "timeout_s"): ring_group_commands.TIMEOUT,
    ("queues", "ring_timeout_s"): queue_commands.RING_TIMEOUT,
    ("queues", "no_answer_delay_s"): queue_commands.NO_ANSWER_DELAY,
    ("queues", "wrap_up_s"): queue_commands.WRAP_UP,
    ("queues", "timeout_s"): queue_commands.TIMEOUT,
    ("queues", "service_level_s"): queue_commands.SERVICE_LEVEL,
}


def bounds(struct: type[Struct]) -> dict[str, tuple[int, int]]:
    """The least and the greatest value of its whole numbers that have both."""
    found = {}
    for name, kind in typing.get_type_hints(struct, include_extras=True).items():
        for meta in getattr(kind, "__metadata__", ()):
            if isinstance(meta, Meta) and meta.ge is not None and meta.le is not None:
                found[name] = int(meta.ge), int(meta.le)
    return found


@pytest.mark.parametrize("table", TABLES)
async def test_they_are_the_same(database: db.Database, table: str) -> None:
    async with database.connection() as tx:
        rows = await tx.fetch(
            "SELECT pg_get_constraintdef(oid) AS check FROM pg_constraint "
            "WHERE conrelid = $1::text::regclass AND contype = 'c'",
            table,
        )
    checked = {
        found[1]: (int(found[2]), int(found[3]))
        for row in rows
        if (found := re.search(r"\((\w+) >= (\d+)\) AND \(\w+ <= (\d+)\)", row["check"]))
    }
    taken = bounds(TABLES[table])
    shared = taken.keys() & checked.keys()
    assert "ring_timeout_s" in shared
    assert {name: taken[name] for name in shared} == {name: checked[name] for name in shared}
    for (of, name), option in HELP.items():
        if of == table:
            assert "{} to {}.".format(*checked[name]) in option.help, name
