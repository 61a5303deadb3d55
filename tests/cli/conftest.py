"""One whole tongdai, as `tongdai up` makes it, for commands that need one running."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from tongdai.cli import app

START_S = 120.0
STOP_S = 60.0


def run(environ: dict[str, str], *args: str) -> Result:
    """A command with these settings and no others, and what came of it."""
    others = {name: None for name in os.environ if name.startswith("TONGDAI_")}
    return CliRunner().invoke(app, args, env={**others, **environ})


def free_address() -> str:
    """host:port that is free now, for UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
            tcp.bind(("127.0.0.1", 0))
            udp.bind(tcp.getsockname())
            return f"127.0.0.1:{tcp.getsockname()[1]}"


@pytest.fixture(scope="session")
def running() -> Iterator[dict[str, str]]:
    """The settings of a tongdai that is ready, with the sandbox; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tongdai-test-") as folder:
        environ = {
            "TONGDAI_DATA": folder,
            "TONGDAI_HTTP": free_address(),
            "TONGDAI_SIP": free_address(),
            "TONGDAI_RTP": "25000-25199",
            "TONGDAI_SANDBOX": "true",
        }
        with (Path(folder) / "said").open("w") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "tongdai", "up"], env={**os.environ, **environ}, stdout=said, stderr=said
            )
        try:
            _until_ready(Path(folder), process)
            yield environ
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(STOP_S) == 0


def _until_ready(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while not (folder / "ready.json").exists():
        assert process.poll() is None, (folder / "said").read_text()
        assert time.monotonic() < deadline, (folder / "said").read_text()
        time.sleep(0.05)


@pytest.fixture
def ready(running: dict[str, str]) -> Any:
    """What ready.json tells of it."""
    return msgspec.json.decode((Path(running["TONGDAI_DATA"]) / "ready.json").read_bytes())
