"""What a command imports before it does anything: most of the time that it takes to start."""

import subprocess
import sys

import pytest

SLOW = ("aiohttp", "cryptography", "dotenv", "phonenumbers", "rich", "structlog")
"""Each takes as long to import as the rest of a command, or longer."""
LOADED = "import sys; from tongdai.cli import loaded; loaded({!r}); print(*sys.modules)"


@pytest.mark.parametrize(
    "noun",
    [
        *("api-key", "audit", "ban", "calls", "cdr", "domain", "event", "extension", "hotline"),
        *("outstanding", "queue", "ring-group", "route", "status", "trunk", "user"),
    ],
)
def test_a_noun_imports_nothing_slow(noun: str) -> None:
    assert _modules("-c", LOADED.format(noun)).isdisjoint(SLOW)


def test_the_list_of_commands_imports_nothing_of_them() -> None:
    shown = "import sys, atexit; atexit.register(lambda: print(*sys.modules)); "
    shown += "from tongdai.cli import app; app(['--help'])"
    assert _modules("-c", shown).isdisjoint({*SLOW, "asyncpg", "msgspec", "asyncio"})


def _modules(*args: str) -> set[str]:
    run = [sys.executable, *args]
    return {*subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()}
