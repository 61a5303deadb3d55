"""docs/compatibility.md, made from results of tests: `python -m tests.compatibility` runs the
tests that show something of a client (`@pytest.mark.shows(client, feature, ...)`), and writes
results and page anew; `python -m tests.compatibility page` writes the page alone.
"""

import gzip
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from xml.etree.ElementTree import Element, parse

import msgspec
import pytest

from testbed import kamailio
from tongdai.asterisk import packages

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "compatibility.md"
RESULTS = HERE / "softphones" / "results.json"

CLIENTS = {
    "pjsua2": "pjsua2",
    "baresip": "baresip",
    "linphone": "linphone",
    "sipp": "SIPp",
    "kamailio": "phones behind Kamailio",
    "jssip": "JsSIP in Chromium",
    "sipjs": "SIP.js in Chromium",
    "aiortc": "aiortc",
}
BROWSERS = {"jssip", "sipjs", "aiortc"}
FEATURES = {
    "udp": "registers by UDP",
    "tcp": "registers by TCP",
    "tls": "registers by TLS",
    "websocket": "registers by WebSocket",
    "ipv6": "registers and talks by IPv6",
    "calls": "calls, both hear",
    "called": "is called, both hear",
    "hold": "hold, resume",
    "keys": "its keys arrive (DTMF)",
    "keys heard": "it hears keys",
    "blind": "blind transfer",
    "attended": "attended transfer",
    "srtp": "SRTP (SDES), required",
    "dtls": "SRTP (DTLS)",
    "G722": "G.722",
    "opus": "Opus",
    "moved": "comes back from another port",
    "ice restart": "ICE restart in a call",
    "blf": "lamps of colleagues (BLF)",
}
NEVER = {
    **{(client, feature): "no browser"
       for client in ("pjsua2", "baresip", "linphone", "sipp", "kamailio")
       for feature in ("websocket", "dtls", "ice restart")},
    **{(client, feature): "browsers use WebSocket and DTLS" for client in BROWSERS
       for feature in ("udp", "tcp", "tls", "srtp")},
    ("pjsua2", "ipv6"): "the packaged build has no IPv6",
    ("pjsua2", "opus"): "the packaged build has no Opus",
    ("baresip", "hold"): "version 1.1 holds, but ended in one of four runs when told to resume, "
    "which the others do",
    ("baresip", "attended"): "version 1.1 has no command for it",
    ("sipp", "srtp"): "it plays no encrypted audio",
    ("sipp", "opus"): "the tests' audio is G.711",
    ("sipp", "G722"): "the tests' audio is G.711",
}  # fmt: skip
OPEN = {
    ("baresip", "keys heard"): "version 1.1 told of the first of three keys only, of which pjsua2 "
    "and linphone tell all",
    **{(client, "blf"): "no test with this client" for client in CLIENTS},
    ("sipp", "blf"): "by hand-written SIP: tests/e2e/test_lamps.py",
    ("sipp", "moved"): "by hand-written SIP: tests/e2e/test_contacts.py",
    ("sipp", "tls"): "by hand-written SIP: tests/e2e/test_transports.py",
}
PAGE_TEXT = """\
# Compatibility

Clients that others wrote, against a running tongdai with Asterisk {asterisk}, in the tests; last
run on {date}. "works": tones of both parties were heard where there is audio. "-": the client
cannot, or has no use for it. "open": not shown, for the reason below. Settings of phones:
[phones.md](phones.md), [browser-phones.md](browser-phones.md).

| | {titles} |
|---|{lines}
| version | {versions} |
{rows}

Behind Kamailio: pjsua2 and baresip, with [kamailio.cfg](../deploy/kamailio/kamailio.cfg).

## Open, and cannot

{reasons}
- open, baresip 1.1 that is told to hold right after keys: who is held may hear no music; with the
  other clients it does
- open, Twinkle 1.10.3, tried by hand on 2026-12-01 without a sound card (ALSA's null device): it
  registers by UDP, calls and hangs up; its audio was not heard. It is in no test, as it finds its
  files in /usr/share/twinkle alone
- not tried: real handsets

This page is made by `python -m tests.compatibility`, which runs the tests.
`make test ARGS="-m shows"` runs them alone.
"""


class Results(msgspec.Struct):
    """`cells`: by client and feature, the tests that showed it and whether they passed."""

    date: str
    versions: dict[str, str]
    cells: dict[str, dict[str, dict[str, bool]]]


def shown(item: pytest.Item) -> list[tuple[str, str]]:
    """Clients and features that the test shows."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    found = []
    for mark in item.iter_markers("shows"):
        client, *features = (each.format(**params) for each in mark.args)
        assert client in CLIENTS, client
        assert FEATURES.keys() >= set(features), features
        found += [(client, feature) for feature in features]
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.user_properties += [("shows", f"{client}: {what}") for client, what in shown(item)]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shows", action="store_true", help="with --collect-only: list the cells")


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.getoption("shows"):
        for item in session.items:
            for client, what in shown(item):
                print(f"shows\t{item.nodeid}\t{client}\t{what}")  # noqa: T201 -- it is asked for


def page(results: Results) -> str:
    rows = [
        f"| {title} | {' | '.join(_cell(results, client, what) for client in CLIENTS)} |"
        for what, title in FEATURES.items()
    ]
    return PAGE_TEXT.format(
        asterisk=results.versions["Asterisk"],
        date=results.date,
        titles=" | ".join(CLIENTS.values()),
        lines="---|" * len(CLIENTS),
        versions=" | ".join(results.versions[client] for client in CLIENTS),
        rows="\n".join(rows),
        reasons="\n".join(_reasons(results)),
    )


def _cell(results: Results, client: str, what: str) -> str:
    if tried := results.cells.get(client, {}).get(what):
        return "works" if all(tried.values()) else "**fails**"
    return "-" if (client, what) in NEVER else "open"


def _reasons(results: Results) -> list[str]:
    without = [
        (client, what)
        for what in FEATURES
        for client in CLIENTS
        if what not in results.cells.get(client, {})
    ]
    reasons: dict[tuple[str, str], dict[str, list[str]]] = {}
    for client, what in without:
        is_open = (client, what) not in NEVER
        why = OPEN.get((client, what), "no test yet") if is_open else NEVER[client, what]
        word = "open" if is_open else "cannot"
        cells = reasons.setdefault((word, why), {})
        cells.setdefault(CLIENTS[client], []).append(FEATURES[what])
    return [
        f"- {word}, {why}: "
        + "; ".join(f"{client} ({', '.join(features)})" for client, features in cells.items())
        for (word, why), cells in reasons.items()
    ]


def _run(junit: Path) -> Results:
    """Runs the tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "4", "-m", "shows"]
    subprocess.run([*command, f"--junitxml={junit}"], check=False, cwd=HERE.parent)
    return of_report(junit)


def of_report(junit: Path) -> Results:
    """The results in a report of pytest (JUnit XML)."""
    cells: dict[str, dict[str, dict[str, bool]]] = {}
    for case in parse(junit).iter("testcase"):  # noqa: S314 -- pytest wrote it a moment ago
        if case.find("skipped") is not None:
            continue
        passed = case.find("failure") is None and case.find("error") is None
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        for client, what in _shown(case):
            cells.setdefault(client, {}).setdefault(what, {})[name] = passed
    return Results(datetime.now(UTC).date().isoformat(), _versions(), cells)


def _shown(case: Element) -> list[tuple[str, str]]:
    found = []
    for each in case.iter("property"):
        if each.get("name") == "shows":
            client, _, what = str(each.get("value")).partition(": ")
            found.append((client, what))
    return found


def _versions() -> dict[str, str]:
    modules = msgspec.json.decode((HERE / "browser" / "package.json").read_bytes())["dependencies"]
    chromium = _debian("chromium")
    return {
        "Asterisk": _debian("asterisk"),
        "pjsua2": version("pjsua2-python"),
        "baresip": _debian("baresip-core"),
        "linphone": _debian("linphone-cli"),
        "sipp": _debian("sip-tester"),
        "kamailio": _debian("kamailio", "+".join(kamailio.PACKAGES)),
        "jssip": f"{modules['jssip']}, Chromium {chromium}",
        "sipjs": f"{modules['sip.js']}, Chromium {chromium}",
        "aiortc": version("aiortc"),
    }


def _debian(package: str, root: str = "") -> str:
    """The version of a package in the cache, from its change log. `root`: its folder there, where
    that has another name.
    """
    folder = packages.default_cache() / (root or package) / "usr" / "share" / "doc" / package
    log = next(folder.glob("changelog.Debian*.gz"))
    first = gzip.decompress(log.read_bytes()).decode(errors="replace").partition("\n")[0]
    found = re.search(r"\((?:\d+:)?([^-)+~]+)", first)
    return found[1] if found else first


def main() -> None:
    if sys.argv[1:] != ["page"]:
        with tempfile.TemporaryDirectory() as folder:
            results = _run(Path(folder) / "report.xml")
        written = msgspec.json.format(msgspec.json.encode(results, order="deterministic"))
        RESULTS.write_bytes(written + b"\n")
    PAGE.write_text(page(read()), "utf-8")


def read() -> Results:
    return msgspec.json.decode(RESULTS.read_bytes(), type=Results)


if __name__ == "__main__":
    main()
