"""One whole tongdai, as `tongdai up` makes it, for commands that need one running."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from testbed import ports
from testbed.instance import Instance
from tongdai.cli import app


def run(environ: dict[str, str], *args: str) -> Result:
    """A command with these settings and no others, and what came of it."""
    others = {name: None for name in os.environ if name.startswith("TONGDAI_")}
    return CliRunner().invoke(app, args, env={**others, **environ})


def free_address() -> str:
    """host:port that is free, for UDP and TCP."""
    return ports.server()


@pytest.fixture(scope="session", autouse=True)
def users_folder() -> Iterator[Path]:
    """Commands keep what is the user's there."""
    with tempfile.TemporaryDirectory(prefix="tongdai-user-") as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        yield Path(folder)
        del os.environ["XDG_CONFIG_HOME"]


@pytest.fixture(scope="session")
async def instance() -> AsyncIterator[Instance]:
    """A tongdai that is ready, with the sandbox; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tongdai-test-") as folder:
        instance = Instance(Path(folder), sandbox=True)
        try:
            await instance.start()
            yield instance
            assert await instance.interrupt() == 0, instance.said
        finally:
            await instance.end()


@pytest.fixture
def running(instance: Instance) -> dict[str, str]:
    """The settings that it was started with."""
    return {name: value for name, value in instance.environ.items() if name.startswith("TONGDAI_")}


@pytest.fixture
def ready(instance: Instance) -> Any:
    """The content of its ready.json."""
    return instance.ready
