"""The dialplan of the switch, read as text."""

import re

import pytest

from tongdai.asterisk import node
from tongdai.pbx import routing

TEXT = (node.PBX / "extensions.conf").read_text()
CONTEXTS = dict(re.findall(r"^\[(\S+)\]\n(.*?)(?=^\[|\Z)", TEXT, re.MULTILINE | re.DOTALL))
REMOTE = r"\$\{(EXTEN|CALLERID\(\w+\)|PJSIP_HEADER\([^()]*\)|TD_TO)\}"
"""Variables that a remote party has written, by value."""
SAFE = (
    r"Set\(TD_TO=" + REMOTE + r"\)",  # one variable, whole
    r"FILTER\([+0-9-]+,\$\{CUT\(TD_TO,:,2\)\}\)",
    r"FILTER\([+0-9-]+," + REMOTE + r"\)",
)


@pytest.mark.parametrize("context", ["phone", "trunk", "transfer", "fallback"])
def test_what_a_remote_party_wrote_is_no_argument(context: str) -> None:
    """It is read by name, filtered, or in Base64; and as it is where it has been filtered."""
    checked = False
    for line in CONTEXTS[context].splitlines():
        text = re.sub("|".join(SAFE), "", line)
        if "REPLACE(TD_TO,+0123456789)" in line:
            checked = True
        if line.startswith("exten =>") and ",asked," not in line:
            checked = False
        if "CALLERID(dnid)})} > 0]?${CALLERID(dnid)}:0)" in line:  # filtered by the line above
            continue
        if not checked:
            assert not re.search(REMOTE, text), line


def test_no_context_but_those_of_timers_answers_to_h_or_other_special_extensions() -> None:
    """Asterisk goes to h when a channel hangs up."""
    for context, lines in CONTEXTS.items():
        patterns = re.findall(r"^exten => _\[([^]]+)\]!", lines, re.MULTILINE)
        assert not [each for each in patterns if "h" in each or "a-z" in each], context


def test_the_fallback_rings_as_long_as_routing_does() -> None:
    times = re.findall(r"dial-out\|PJSIP/[^,]*,(\d+),", TEXT)
    assert times == [str(routing.OUTBOUND_TIMEOUT_S)] * 2
