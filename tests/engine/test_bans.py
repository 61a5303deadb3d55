"""Addresses are banned for wrong passwords, unless they are trusted or a carrier's."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import Clock
from tests.engine.companies import Company
from tongdai import errors
from tongdai.asterisk.browser_addresses import Clients, ClientsWriter
from tongdai.asterisk.security import Attempt
from tongdai.engine.bans import BAN, LOCK_S, TRUSTED, Bans
from tongdai.store import bans, db

MOST = 5
STRANGER = "198.51.100.7"
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
NO_DATABASE = db.Database("", size=0)


@pytest.fixture
def clock() -> Clock:
    return Clock(10_000)


@pytest.fixture
def watch(database: db.Database, tmp_path: Path, clock: Clock) -> Bans:
    return Bans(database, tmp_path / "security", MOST, clock)


def fails(watch: Bans, times: int, address: str = STRANGER, ago_s: float = 0) -> None:
    for _ in range(times):
        watch._take(Attempt(NOW - timedelta(seconds=ago_s), address, is_successful=False), NOW)


def proves(watch: Bans, address: str = STRANGER, ago_s: float = 0) -> None:
    watch._take(Attempt(NOW - timedelta(seconds=ago_s), address, is_successful=True), NOW)


async def banned(database: db.Database) -> dict[str, bans.Ban]:
    async with database.connection() as tx:
        return {ban.address: ban for ban in await bans.list(tx)}


def test_too_often_within_a_minute(watch: Bans, clock: Clock) -> None:
    fails(watch, MOST - 1)
    assert watch.due() == []
    fails(watch, 1)
    assert watch.due() == [STRANGER]
    clock.now += 61
    assert watch.due() == []


JUMPS = st.floats(-1e7, 1e7)
STEPS = st.lists(
    st.tuples(st.floats(0, 40), JUMPS, st.booleans(), st.sampled_from(["192.0.2.1", "192.0.2.2"])),
    max_size=60,
)


@given(STEPS)
def test_attempts_count_by_the_time_that_passes_however_the_time_of_day_jumps(
    steps: list[tuple[float, float, bool, str]],
) -> None:
    """Beside the same attempts while the time of day is right."""
    clock = Clock(10_000)
    watches = [Bans(NO_DATABASE, Path("security"), MOST, clock) for _ in range(2)]
    time_of_day = NOW
    for pause, jump, is_successful, address in steps:
        clock.now += pause
        time_of_day += timedelta(seconds=pause + jump)
        for watch, now in zip(watches, (time_of_day, NOW), strict=True):
            watch._take(Attempt(now, address, is_successful=is_successful), now)
        assert watches[0].due() == watches[1].due()


async def test_a_browser_is_banned_by_its_real_address(
    database: db.Database, tmp_path: Path
) -> None:
    """Asterisk knows it by another, as the edge proxy connects for it."""
    ClientsWriter(tmp_path).note("127.64.1.2", "198.51.100.9")
    now = datetime.now(UTC)
    line = (
        f'[x] SECURITY[1] res_security_log.c: SecurityEvent="InvalidPassword",'
        f'EventTV="{now.isoformat()}",Severity="Error",Service="PJSIP",EventVersion="2",'
        f'LocalAddress="IPV4/WS/127.0.0.1/8088",RemoteAddress="IPV4/WS/127.64.1.2/20001"\n'
    )
    (tmp_path / "security").write_text(MOST * line)
    await Bans(database, tmp_path / "security", MOST, clients=Clients(tmp_path))._look(now)
    assert "198.51.100.9" in await banned(database)


def test_what_happened_long_ago_does_not_count(watch: Bans) -> None:
    fails(watch, MOST, ago_s=61)
    assert watch.due() == []


def test_a_good_phone_speaks_for_its_address_but_not_without_end(watch: Bans) -> None:
    proves(watch, ago_s=600)
    fails(watch, MOST * TRUSTED - 1)
    assert watch.due() == []
    fails(watch, 1)
    assert watch.due() == [STRANGER]
    proves(watch, "198.51.100.8", ago_s=4_000)
    fails(watch, MOST, "198.51.100.8")
    assert "198.51.100.8" in watch.due()


def test_nobody_is_banned_where_the_operator_wants_none(
    database: db.Database, tmp_path: Path
) -> None:
    watch = Bans(database, tmp_path / "security", 0)
    fails(watch, 1_000)
    assert watch.due() == []


async def test_a_ban_is_written_lasts_an_hour_and_can_be_lifted(
    watch: Bans, database: db.Database
) -> None:
    now = datetime.now(UTC)
    for _ in range(MOST):
        watch._take(Attempt(now, STRANGER, is_successful=False), now)
    await watch._look(now)
    ban = (await banned(database))[STRANGER]
    assert (ban.until, ban.why) == (now + BAN, f"{MOST} wrong passwords within a minute")
    assert watch.due() == [], "counting begins anew"

    async with database.connection() as tx:
        await bans.lift(tx, STRANGER)
        with pytest.raises(errors.NotFound):
            await bans.lift(tx, STRANGER)
        with pytest.raises(errors.Invalid):
            await bans.lift(tx, "a phone")
    assert STRANGER not in await banned(database)


async def lifted(database: db.Database) -> list[str]:
    async with database.connection() as tx:
        return [*await bans.lifted(tx)]


async def test_bans_that_are_over_go(watch: Bans, database: db.Database) -> None:
    now = datetime.now(UTC)
    async with database.connection() as tx:
        assert await bans.insert(tx, STRANGER, "why", now - timedelta(seconds=1))
    assert STRANGER not in await lifted(database)
    await watch._look(now)
    assert STRANGER in await lifted(database), "for a switch that was not told"
    async with database.connection() as tx:
        await bans.insert(tx, STRANGER, "again", now + BAN)
    assert STRANGER not in await lifted(database)


async def test_a_carrier_is_never_banned(database: db.Database, company: Company) -> None:
    until = datetime.now(UTC) + BAN
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE trunks SET host = '198.51.100.20:5080', addresses = "
            "'{198.51.100.32/28,2001:db8::/64}' "
            "WHERE trunk_uuid = $1",
            company.trunk,
        )
        for address in ("198.51.100.20", "198.51.100.33", "2001:db8::7"):
            assert not await bans.insert(tx, address, "why", until)
        assert await bans.insert(tx, "198.51.100.48", "why", until)
        await bans.lift(tx, "198.51.100.48")


PROXY, ACCOUNT = "192.0.2.10", "101@a.vn"


async def test_behind_a_proxy_the_account_is_locked_for_a_minute_and_never_the_proxy(
    database: db.Database, tmp_path: Path, clock: Clock
) -> None:
    locks: list[tuple[str, bool]] = []

    async def lock(endpoint: str, *, is_locked: bool) -> None:
        locks.append((endpoint, is_locked))

    watch = Bans(database, tmp_path / "security", MOST, clock, proxies=["192.0.2.0/28"], lock=lock)

    def wrong(times: int, account: str) -> None:
        for _ in range(times):
            watch._take(Attempt(NOW, PROXY, is_successful=False, account=account), NOW)

    wrong(MOST, ACCOUNT)
    wrong(MOST - 1, "102@a.vn")
    wrong(MOST, "unknown@a.vn")
    wrong(MOST, "")
    await watch._look(NOW)
    assert locks == [(ACCOUNT, True)]
    assert PROXY not in await banned(database)

    wrong(MOST, ACCOUNT)
    await watch._look(NOW)
    assert locks == [(ACCOUNT, True)], "what comes while it is locked does not count"
    clock.now += LOCK_S
    await watch._look(NOW)
    assert locks == [(ACCOUNT, True), (ACCOUNT, False)]

    fails(watch, MOST)
    assert watch.due() == [STRANGER], "others are banned as ever"


def test_an_account_with_a_phone_behind_a_proxy_has_more_tries(
    tmp_path: Path, clock: Clock
) -> None:
    watch = Bans(NO_DATABASE, tmp_path, MOST, clock, proxies=[PROXY])
    watch._take(Attempt(NOW, PROXY, is_successful=True, account=ACCOUNT), NOW)
    for times, due in ((MOST * TRUSTED - 1, []), (1, [ACCOUNT])):
        for _ in range(times):
            watch._take(Attempt(NOW, PROXY, is_successful=False, account=ACCOUNT), NOW)
        assert watch.due() == due
