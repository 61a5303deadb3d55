"""Domains: the tenants."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tongdai import errors, ids, messages
from tongdai.encryption import MasterKey
from tongdai.pbx import directory, numbers
from tongdai.store import cdr_days, checks, db, lists, local_days, prompts, rows

NEW = directory.Domain(UUID(int=0), "")
"""The default values of a domain."""


SETTINGS = frozenset(
    {
        *("recording", "recording_days", "call_id_mode", "ringing_hangups"),
        *("click2call_shows_callee", "click2call_waits", "hold_music"),
        *("feature_codes", "park_timeout_s"),
        *("recording_format", "recording_stereo"),
    }
)
"""What a domain's own administrators may change of it."""


class Configured(directory.Domain, frozen=True):
    """A domain as administrators see it."""

    deleting_since: datetime | None = None


LISTING = lists.Listing("SELECT * FROM domains", key="name", sorts=("name",))


async def insert(
    tx: db.Tx,
    name: str,
    *,
    time_zone: str = NEW.time_zone,
    country_code: str = NEW.country_code,
    region: str = NEW.region,
    call_id_mode: directory.CallIdMode = NEW.call_id_mode,
    ringing_hangups: bool = NEW.ringing_hangups,
    recording: bool = NEW.recording,
    recording_days: int | None = NEW.recording_days,
    cdr_days: int | None = NEW.cdr_days,
    event_days: int | None = NEW.event_days,
    audit_days: int | None = NEW.audit_days,
    max_calls: int = NEW.max_calls,
    destinations: Sequence[str] = NEW.destinations,
    calls_per_minute: int | None = NEW.calls_per_minute,
    minutes_per_day: int | None = NEW.minutes_per_day,
    enabled: bool = NEW.enabled,
    node: str = directory.NODE,
    webrtc: bool = NEW.webrtc,
    click2call_shows_callee: bool = NEW.click2call_shows_callee,
    click2call_waits: bool = NEW.click2call_waits,
    hold_music: str = NEW.hold_music,
    feature_codes: Sequence[str] = NEW.feature_codes,
    recording_format: directory.RecordingFormat = NEW.recording_format,
    recording_stereo: bool = NEW.recording_stereo,
    park_timeout_s: int = NEW.park_timeout_s,
) -> directory.Domain:
    """The new domain, which has no prompts yet. Raises errors.Conflict when the name is taken,
    errors.Invalid naming the field that is wrong.
    """
    if hold_music:
        raise errors.Invalid(
            messages.NO_SUCH(kind="prompt", numbers=hold_music), field="hold_music"
        )
    row = await tx.fetchrow(
        """
        INSERT INTO domains (
          domain_uuid, name, time_zone, country_code, call_id_mode, recording, recording_days,
          max_calls, enabled, destinations, calls_per_minute, minutes_per_day, node, region,
          zone_rules, ringing_hangups, webrtc, click2call_shows_callee, cdr_days, event_days,
          audit_days, click2call_waits, feature_codes, recording_format, recording_stereo,
          park_timeout_s)
        VALUES (
          $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
          $18, $19, $20, $21, $22, $23, $24, $25, $26) RETURNING *
        """,
        ids.new(),
        checks.domain_name(name),
        checks.time_zone(time_zone),
        checks.country_code(country_code),
        call_id_mode,
        recording,
        recording_days,
        max_calls,
        enabled,
        checks.destinations(destinations),
        calls_per_minute,
        minutes_per_day,
        checks.node(node),
        checks.region(region, country_code),
        local_days.rules(time_zone),
        ringing_hangups,
        webrtc,
        click2call_shows_callee,
        cdr_days,
        event_days,
        audit_days,
        click2call_waits,
        checks.feature_codes(feature_codes),
        recording_format,
        recording_stereo,
        park_timeout_s,
    )
    return db.struct(row, directory.Domain)


async def get(tx: db.Tx, domain_uuid: UUID) -> directory.Domain:
    """The domain. Raises errors.NotFound."""
    row = await tx.fetchrow("SELECT * FROM domains WHERE domain_uuid = $1", domain_uuid)
    return db.struct(row, directory.Domain, f"no such domain: {domain_uuid}")


async def by_name(tx: db.Tx, name: str) -> directory.Domain:
    """The domain of that name, in upper or lower case. Raises errors.NotFound."""
    row = await tx.fetchrow("SELECT * FROM domains WHERE name = lower($1)", name)
    return db.struct(row, directory.Domain, f"no such domain: {name}")


async def configured(tx: db.Tx, domain_uuid: UUID | None, name: str) -> Configured:
    """The domain of that name, as administrators see it, if it is also that one. Raises
    errors.NotFound.
    """
    row = await tx.fetchrow(
        """
        SELECT * FROM domains
        WHERE name = lower($2) AND ($1::uuid IS NULL OR domain_uuid = $1)
        """,
        domain_uuid,
        name,
    )
    return db.struct(row, Configured, f"no such domain: {name}")


async def set_settings(tx: db.Tx, domain_uuid: UUID, changes: Mapping[str, Any]) -> None:
    """These of the domain's SETTINGS are as given. Raises errors.NotFound, errors.Invalid, and
    errors.Conflict while it is being deleted.
    """
    row = await tx.fetchrow(
        "SELECT deleting_since FROM domains WHERE domain_uuid = $1", domain_uuid
    )
    if row and row["deleting_since"]:
        raise errors.Conflict(messages.DELETING, field="domain")
    if "hold_music" in changes:
        music = await prompts.require(tx, domain_uuid, changes["hold_music"], "hold_music")
        changes = {**changes, "hold_music": music}
    if "feature_codes" in changes:
        checks.feature_codes(changes["feature_codes"])
    if changes and not await rows.update(tx, "domains", {"domain_uuid": domain_uuid}, changes):
        raise errors.NotFound(f"no such domain: {domain_uuid}")


async def update(tx: db.Tx, domain: directory.Domain) -> None:
    """The domain is as given, except its name and the suspension of its outbound calls
    (`suspend`). After a change of time zone its calls are counted anew by that zone's days.

    Raises errors.NotFound, errors.Invalid naming the field, and errors.Conflict while it is being
    deleted, for a new country if numbers are stored under the old one, or if an internal number is
    one of its emergency numbers.
    """
    # FOR UPDATE: no new CDR (foreign key) can be inserted during the recount.
    row = await tx.fetchrow(
        "SELECT * FROM domains WHERE domain_uuid = $1 FOR UPDATE", domain.domain_uuid
    )
    before = db.struct(row, directory.Domain, f"no such domain: {domain.name}")
    if row and row["deleting_since"]:
        raise errors.Conflict(messages.DELETING, field="domain")
    checks.region(domain.region, checks.country_code(domain.country_code))
    if domain.country != before.country:
        await _refuse_if_numbered(tx, domain)
    await tx.execute(
        """
        UPDATE domains SET time_zone = $2, country_code = $3, call_id_mode = $4,
                           recording = $5, recording_days = $6,
                           max_calls = $7, enabled = $8, destinations = $9,
                           calls_per_minute = $10, minutes_per_day = $11, node = $12,
                           region = $13, ringing_hangups = $14, webrtc = $15,
                           click2call_shows_callee = $16, cdr_days = $17, event_days = $18,
                           audit_days = $19, click2call_waits = $20, hold_music = $21,
                           feature_codes = $22,
                           recording_format = $23, recording_stereo = $24,
                           park_timeout_s = $25
        WHERE domain_uuid = $1
        """,
        domain.domain_uuid,
        checks.time_zone(domain.time_zone),
        domain.country_code,
        domain.call_id_mode,
        domain.recording,
        domain.recording_days,
        domain.max_calls,
        domain.enabled,
        checks.destinations(domain.destinations),
        domain.calls_per_minute,
        domain.minutes_per_day,
        checks.node(domain.node),
        domain.region,
        domain.ringing_hangups,
        domain.webrtc,
        domain.click2call_shows_callee,
        domain.cdr_days,
        domain.event_days,
        domain.audit_days,
        domain.click2call_waits,
        await prompts.require(tx, domain.domain_uuid, domain.hold_music, "hold_music"),
        checks.feature_codes(domain.feature_codes),
        domain.recording_format,
        domain.recording_stereo,
        domain.park_timeout_s,
    )
    if domain.time_zone != before.time_zone:
        await cdr_days.recount_all(tx, domain.domain_uuid, domain.time_zone)


async def refuse_deleting(tx: db.Tx, domain_uuid: UUID) -> None:
    """Raises errors.Conflict while the domain is being deleted."""
    if await tx.fetchval(
        "SELECT deleting_since IS NOT NULL FROM domains WHERE domain_uuid = $1", domain_uuid
    ):
        raise errors.Conflict(messages.DELETING, field="domain")


async def suspend(tx: db.Tx, domain_uuid: UUID, until: datetime | None, why: str = "") -> None:
    """Outbound calls of the domain are suspended until then; None lifts the suspension. Raises
    errors.NotFound.
    """
    done = await tx.fetchval(
        """
        UPDATE domains SET suspended_until = $2, suspended_why = $3 WHERE domain_uuid = $1
        RETURNING true
        """,
        domain_uuid,
        until,
        why,
    )
    if not done:
        raise errors.NotFound(f"no such domain: {domain_uuid}")


async def phone_key(tx: db.Tx, domain_uuid: UUID, master_key: MasterKey) -> bytes | None:
    """The AES key of telephone numbers that clients encrypt, 32 bytes; None if there is none."""
    encrypted = await tx.fetchval(
        "SELECT phone_key_encrypted FROM domains WHERE domain_uuid = $1", domain_uuid
    )
    return None if encrypted is None else bytes.fromhex(master_key.decrypt(encrypted))


async def set_phone_key(
    tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, key: bytes | None
) -> None:
    """That key is this one; None: there is none. Raises errors.NotFound."""
    done = await tx.fetchval(
        "UPDATE domains SET phone_key_encrypted = $2 WHERE domain_uuid = $1 RETURNING true",
        domain_uuid,
        None if key is None else master_key.encrypt(key.hex()),
    )
    if not done:
        raise errors.NotFound(f"no such domain: {domain_uuid}")


async def hold_without_calls(tx: db.Tx, domain_uuid: UUID) -> None:
    """Until the transaction ends the domain has no calls, and gets none. Raises errors.NotFound,
    and errors.Conflict while calls are live.
    """
    if not await tx.fetchval(
        "SELECT true FROM domains WHERE domain_uuid = $1 FOR UPDATE", domain_uuid
    ):
        raise errors.NotFound(f"no such domain: {domain_uuid}")
    if live := await tx.fetchval("SELECT count(*) FROM calls WHERE domain_uuid = $1", domain_uuid):
        raise errors.Conflict(messages.CALLS_LIVE(count=live), field="domain")


async def delete(tx: db.Tx, domain_uuid: UUID) -> None:
    """The domain and everything in it are deleted, in one transaction: large tables are emptied
    before (`deletion`).

    Raises errors.NotFound, and errors.Conflict while calls are live or other domains' hotlines use
    its trunks.
    """
    await hold_without_calls(tx, domain_uuid)
    await tx.execute("DELETE FROM domains WHERE domain_uuid = $1", domain_uuid)
    for table in ("deliveries", "events", "attempts", "timelines"):  # no foreign keys
        await tx.execute(f"DELETE FROM {table} WHERE domain_uuid = $1", domain_uuid)  # noqa: S608


async def gone(tx: db.Tx, domain_uuids: Sequence[UUID]) -> set[UUID]:
    """Those of the UUIDs that are not domains, or no longer. For housekeeping: it crosses
    tenants.
    """
    rows = await tx.fetch(
        """
        SELECT domain_uuid FROM unnest($1::uuid[]) AS asked (domain_uuid)
        EXCEPT SELECT domain_uuid FROM domains
        """,
        domain_uuids,
    )
    return {row["domain_uuid"] for row in rows}


async def _refuse_if_numbered(tx: db.Tx, domain: directory.Domain) -> None:
    if await tx.fetchval(
        """
        SELECT EXISTS (SELECT FROM hotlines WHERE domain_uuid = $1)
            OR EXISTS (SELECT FROM cdrs WHERE domain_uuid = $1)
        """,
        domain.domain_uuid,
    ):
        raise errors.Conflict(messages.COUNTRY_IN_USE, field="country_code")
    if taken := await tx.fetchval(
        "SELECT min(number) FROM dialables WHERE domain_uuid = $1 AND number = ANY ($2)",
        domain.domain_uuid,
        numbers.emergency_numbers(domain.country),
    ):
        raise errors.Conflict(messages.EMERGENCY_NUMBER(number=taken), field="country_code")


async def list(tx: db.Tx) -> Sequence[directory.Domain]:
    """All domains, by name. For the operator: it crosses tenants."""
    return db.structs(await tx.fetch("SELECT * FROM domains ORDER BY name"), directory.Domain)
