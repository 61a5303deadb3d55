"""What a decision on an inbound call takes, in CPU: plain; with an hours plan, 100 patterns of
callers, and a menu; with all of them (issue 12: at most 1.1 of the plain one).

    python -m bench decision

Nothing but the pure code. The kinds take turns in each
of ROUNDS; the ratio is that of medians.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from msgspec.structs import replace

from bench.report import table
from tongdai.pbx.directory import (
    Caller,
    Directory,
    Domain,
    Extension,
    Hotline,
    HoursPlan,
    Menu,
    Prompt,
    Trunk,
)
from tongdai.pbx.routing import RoutingContext
from tongdai.pbx.setup import arrive
from tongdai.pbx.signals import Arrived

ROUNDS, DECISIONS = 5, 5_000
NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
DOMAIN, TRUNK = UUID(int=1), UUID(int=2)
HOTLINE, CALLER = "19001919", "0899888999"
PLAIN = Directory(
    domain=Domain(DOMAIN, "example.vn"),
    extensions={"101": Extension("101")},
    trunks={TRUNK: Trunk(TRUNK, "carrier")},
    hotlines={HOTLINE: Hotline(HOTLINE, HOTLINE, TRUNK, destination="101")},
)
HOURS = HoursPlan("office", weekly=("mon-fri 08:00-17:30",))
PATTERNS = {f"07{n:02d}*": Caller(f"07{n:02d}*") for n in range(100)}
PROMPT = Prompt("welcome", UUID(int=3), "0" * 64, 2.0)
MENU = Menu("800", prompt="welcome", keys=("1=101",), overflow="101")


def with_hotline(directory: Directory, **changes: str) -> Directory:
    """The directory whose hotline has these values."""
    hotline = replace(directory.hotlines[HOTLINE], **changes)
    return replace(directory, hotlines={HOTLINE: hotline})


OPEN = with_hotline(replace(PLAIN, hours_plans={"office": HOURS}), hours="office")
WATCHED = replace(PLAIN, callers=PATTERNS)
ASKING = with_hotline(
    replace(PLAIN, menus={"800": MENU}, prompts={"welcome": PROMPT}), destination="800"
)
ALL = replace(
    with_hotline(OPEN, destination="800"),
    callers=PATTERNS,
    menus=ASKING.menus,
    prompts=ASKING.prompts,
)
KINDS = {
    "plain": PLAIN,
    "hours": OPEN,
    "100 patterns of callers": WATCHED,
    "hours and patterns": replace(OPEN, callers=PATTERNS),
    "menu": ASKING,
    "hours, patterns and menu": ALL,
}


def main() -> None:
    """Prints the table."""
    found: dict[str, list[float]] = {name: [] for name in KINDS}
    for _ in range(ROUNDS):
        for name, directory in KINDS.items():
            found[name].append(_cpu_us(_decision(directory)))
    medians = {name: sorted(times)[ROUNDS // 2] for name, times in found.items()}
    rows = [(name, f"{us:.1f}", f"{us / medians['plain']:.2f}") for name, us in medians.items()]
    table("A decision on an inbound call", ("", "us of CPU", "/ plain"), rows)


def _decision(directory: Directory) -> Callable[[], object]:
    context = RoutingContext(directory, NOW)
    signal = Arrived(
        call_uuid=UUID(int=9),
        channel="1",
        at=NOW,
        via="trunk",
        endpoint=str(TRUNK),
        dialled=HOTLINE,
        caller_number=CALLER,
        sip_call_id="call@carrier",
    )
    return lambda: arrive(signal, "token", context)


def _cpu_us(decide: Callable[[], object]) -> float:
    """Microseconds of CPU of one decision."""
    began = time.process_time()
    for _ in range(DECISIONS):
        decide()
    return (time.process_time() - began) / DECISIONS * 1e6
