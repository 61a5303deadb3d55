"""Callers on a real PostgreSQL."""

import pytest

from tongdai import errors
from tongdai.pbx.directory import Caller, CallerAction, Domain, Extension
from tongdai.store import callers, db, directory, extensions


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("0912 345 678", "84912345678"),
        ("+4930123456", "4930123456"),
        ("19001919", "19001919"),
        ("0912*", "0912*"),
        ("*", "*"),
        ("anonymous", "anonymous"),
    ],
)
async def test_a_caller_comes_back_in_its_canonical_form(
    database: db.Database, domain: Domain, written: str, stored: str
) -> None:
    async with database.transaction() as tx:
        made = await callers.insert(tx, domain.domain_uuid, Caller(written, note="spam"))
        assert made == Caller(stored, note="spam")
        assert await callers.get(tx, domain.domain_uuid, written) == made
        loaded = await directory.load(tx, domain.domain_uuid)
        is_number = stored.isdecimal()
        assert loaded.knows_numbers is is_number
        assert loaded.callers == ({} if is_number else {stored: made})


@pytest.mark.parametrize(
    ("caller", "field"),
    [
        (Caller(""), "caller"),
        (Caller("0912**"), "caller"),
        (Caller("9*1"), "caller"),
        (Caller("Bank24h"), "caller"),
        (Caller("0912345678", "route"), "destination"),
        (Caller("0912345678", "route", "109"), "destination"),
        (Caller("0912345678", "block", "101"), "destination"),
        (Caller("0912345678", hotlines=("19001919",)), "hotlines"),
        (Caller("0912345678", note="a;b"), "note"),
    ],
)
async def test_what_is_refused(
    database: db.Database, domain: Domain, caller: Caller, field: str
) -> None:
    async with database.transaction() as tx:
        await extensions.insert(tx, domain.domain_uuid, Extension("101"))
        with pytest.raises(errors.Invalid) as refused:
            await callers.insert(tx, domain.domain_uuid, caller)
        assert refused.value.field == field


async def test_what_calls_go_to_stays(database: db.Database, domain: Domain) -> None:
    async with database.transaction() as tx:
        await extensions.insert(tx, domain.domain_uuid, Extension("101"))
        own = Caller("0912345678", "route", "101")
        await callers.put(tx, domain.domain_uuid, own)
        await callers.put(tx, domain.domain_uuid, own)
        assert len(await callers.list(tx, domain.domain_uuid)) == 1
        with pytest.raises(errors.Conflict, match="caller 84912345678"):
            await extensions.delete(tx, domain.domain_uuid, "101")


@pytest.mark.parametrize(("caller", "action"), [("0912345678", "allow"), ("+84*", "block")])
async def test_there_are_limits(
    database: db.Database,
    domain: Domain,
    monkeypatch: pytest.MonkeyPatch,
    caller: str,
    action: CallerAction,
) -> None:
    monkeypatch.setattr(callers, "MOST_NUMBERS", 1)
    monkeypatch.setattr(callers, "MOST_PATTERNS", 1)
    async with database.transaction() as tx:
        for first in ("0988888888", "*"):
            await callers.insert(tx, domain.domain_uuid, Caller(first))
        with pytest.raises(errors.Conflict, match="at most 1"):
            await callers.insert(tx, domain.domain_uuid, Caller(caller, action))
