"""How calls leave a domain while no engine decides, by what its directory says."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from tongdai import ids
from tongdai.engine.unattended import ways_out
from tongdai.pbx.directory import Directory, Domain, Extension, Hotline, Trunk

FIRST, SECOND = ids.new(), ids.new()
ENDS = datetime(2026, 11, 23, 12, 0, 0, 1, tzinfo=UTC)


def hotline(number: str, trunk: UUID, **changes: Any) -> Hotline:
    return Hotline(number, number, trunk, **changes)


KNOWN = Directory(
    Domain(ids.new(), "a.vn", max_calls=40),
    extensions={"101": Extension("101", hotline="19001002", max_calls=1, recording=False)},
    trunks={
        FIRST: Trunk(FIRST, "first", max_calls=9),
        SECOND: Trunk(SECOND, "second", number_format="e164"),
    },
    hotlines={
        "19001001": hotline("19001001", FIRST, is_default=True),
        "19001002": hotline("19001002", SECOND),
    },
)


def test_the_domain_and_who_differs_from_it() -> None:
    all_, own = ways_out(KNOWN)
    assert (all_.extension, all_.trunk, all_.hotline, all_.lead) == (
        "",
        str(FIRST),
        "19001001",
        "0",
    )
    assert (all_.lines, all_.calls, all_.trunk_calls, all_.is_recorded) == (2, 40, 9, True)
    assert (all_.closed, all_.suspended_until) == (("01900",), 0)
    assert (own.extension, own.trunk, own.hotline, own.lead) == (
        "101",
        str(SECOND),
        "19001002",
        "+84",
    )
    assert (own.lines, own.calls, own.trunk_calls, own.is_recorded) == (1, 40, 100, False)


def test_a_suspended_extension() -> None:
    extensions = {"101": Extension("101", suspended_until=ENDS)}
    (all_, own) = ways_out(replace(KNOWN, extensions=extensions))
    assert (all_.suspended_until, own.suspended_until) == (0, int(ENDS.timestamp()) + 1)
    (all_, own) = ways_out(replace(KNOWN, domain=replace(KNOWN.domain, suspended_until=ENDS)))
    assert all_.suspended_until == own.suspended_until == int(ENDS.timestamp()) + 1


def test_where_minutes_are_counted_everything_is_closed() -> None:
    ways = ways_out(replace(KNOWN, domain=replace(KNOWN.domain, minutes_per_day=600)))
    assert [way.closed for way in ways] == 2 * [("",)]


def test_without_a_hotline_nobody_calls_out() -> None:
    assert ways_out(replace(KNOWN, hotlines={})) == []
