"""A known vulnerability fails the check, a service that is away does not; pip-audit itself asks
one of our own.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import audit

HASH = "0" * 64
VULNERABLE = {"id": "PYSEC-2019-217", "affected": [{
    "package": {"name": "jinja2", "ecosystem": "PyPI"}, "ranges": [
    {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}]}]}  # fmt: skip


class Osv(BaseHTTPRequestHandler):
    """The API of osv.dev, which knows one vulnerability of jinja2 2.4.1."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_it = (asked["package"]["name"], asked["version"]) == ("jinja2", "2.4.1")
        body = json.dumps({"vulns": [VULNERABLE]} if is_it else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[tuple[str, ...]]:
    """Options that make pip-audit ask it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        threading.Thread(target=server.serve_forever).start()
        yield (
            "--vulnerability-service",
            "osv",
            "--osv-url",
            f"http://127.0.0.1:{server.server_port}/",
        )
        server.shutdown()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "requirements.lock"


def write(lock: Path, *names: str) -> list[Path]:
    lock.write_text("".join(f"{name} --hash=sha256:{HASH}\n" for name in names))
    return [lock]


def test_a_known_vulnerability_fails(service: tuple[str, ...], lock: Path) -> None:
    said, passes = audit.audit(write(lock, "jinja2==2.4.1", "rich==15.0.0"), *service)
    assert not passes
    assert said == "jinja2 2.4.1: PYSEC-2019-217, mended in 2.10.1"


def test_none_passes(service: tuple[str, ...], lock: Path) -> None:
    said = audit.audit(write(lock, "jinja2==3.1.6", "rich==15.0.0"), *service)
    assert said == ("no known vulnerabilities in 2 packages", True)


def test_a_service_that_is_away_is_told_and_passes(lock: Path) -> None:
    nobody = ("--vulnerability-service", "osv", "--osv-url", "http://127.0.0.1:1/")
    assert audit.audit(write(lock, "rich==15.0.0"), *nobody) == (audit.SILENT, True)


def test_a_lock_that_cannot_be_read_fails(lock: Path) -> None:
    lock.write_text("rich>=1\n")
    said, passes = audit.audit([lock])
    assert not passes
    assert said.startswith("pip-audit failed")


def test_packages_that_the_service_does_not_know_are_no_good_news() -> None:
    unknown, known = audit.Package("a", skip_reason="not found"), audit.Package("b", "1")
    assert audit.verdict([unknown, unknown]) == (audit.SILENT, True)
    assert audit.verdict([unknown, known])[0].endswith(
        "1 packages, and 1 that the service does not know"
    )
