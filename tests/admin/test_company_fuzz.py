"""Files that nobody would write: each is applied, or refused by path and line."""

import contextlib
import random

import pytest

from tests.admin import companies
from tongdai import errors
from tongdai.encryption import MasterKey
from tongdai.store import db

PIECES = [
    *"[]{}:,-?&*!|>'\"%@`#~\n\t ",
    *(
        "\0",
        "\\0",
        "\ud800",
        "\\ud800",
        "\\u0000",
        "\u2028",
        "é",
        "null",
        "true",
        "no",
        "1e9",
        "0x1f",
    ),
    *("0o17", "99999999999999999999", "-1", "3.5", ".inf", "<<: ", "!!int ", "---\n", "...\n"),
    *("!!python/name:os.system ", "  - ", "name: ", "extension: 101", "[]", "{}"),
]
VALUES = [
    *("99999999999", "-1", "0", '"\\0"', '"\\ud800"', "[]", "{}", "[[]]", "null", "1.5", "''"),
    *("2026-01-01", "true", '"a\\nb"', "x" * 300, "[a, a]", "{a: b}", "101", "19001919", "0901"),
    *("é\u0301", "+84"),
]


def damaged(seed: int, text: str) -> str:
    """The text with some pieces put in, or values replaced."""
    chance = random.Random(seed)  # noqa: S311  of a test
    for _ in range(chance.randint(1, 3)):
        if chance.random() < 0.3:
            place = chance.randrange(len(text))
            text = text[:place] + chance.choice(PIECES) + text[place + chance.randint(0, 3) :]
        else:
            lines = text.split("\n")
            place = chance.randrange(len(lines))
            name, colon, _ = lines[place].rpartition(": ")
            lines[place] = name + colon + chance.choice(VALUES)
            text = "\n".join(lines)
    return text


@pytest.mark.parametrize("start", range(0, 100, 50))
async def test_whatever_a_file_says_is_applied_or_refused(
    database: db.Database, master_key: MasterKey, start: int
) -> None:
    name = companies.new_name()
    whole = companies.FULL.format(name=name)
    await companies.apply(database, master_key, whole)
    for seed in range(start, start + 50):
        text = damaged(seed, whole)
        with contextlib.suppress(errors.Invalid, errors.Conflict):
            await companies.plan(database, master_key, text)
