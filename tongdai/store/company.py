"""The configuration of a domain as rows: of each table, the columns that a company chooses."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from tongdai.store import db

Row: TypeAlias = dict[str, Any]
"""Values by column, in the form of PostgreSQL's JSON, as in the audit log."""
State: TypeAlias = dict[str, list[Row]]
"""Rows by table."""


class Table(msgspec.Struct, frozen=True):
    """A table of the configuration. `noun` and `key` name a row in the audit log. `withheld` are
    the columns that are no choice of a company, or secrets.
    """

    noun: str
    key: tuple[str, ...]
    words: str
    withheld: Mapping[str, str]

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return self.words.split()


_OF_THE_ROW = {"domain_uuid": "of this installation", "created_at": "when it was made"}
_KIND = {"kind": "the same in all rows of the table"}
_STATE = "what happens, not what was chosen"
_SECRET = "a secret"  # noqa: S105  a word for it
_COUNT = {"password_changes": _STATE}
TABLES = {
    "domains": Table(
        "domain",
        ("name",),
        (
            "name enabled time_zone country_code region call_id_mode ringing_hangups recording "
            "recording_days recording_format recording_stereo cdr_days event_days "
            "audit_days max_calls destinations calls_per_minute minutes_per_day "
            "node webrtc click2call_shows_callee click2call_waits hold_music feature_codes "
            "park_timeout_s"
        ),
        _OF_THE_ROW
        | dict.fromkeys(
            ("event_seq", "deleting_since", "suspended_until", "suspended_why"), _STATE
        )
        | {"zone_rules": "computed from time_zone", "phone_key_encrypted": _SECRET},
    ),
    "trunks": Table(
        "trunk",
        ("name",),
        (
            "trunk_uuid name auth host transport addresses username auth_username from_user "
            "from_domain number_format shared max_calls transfers enabled called_number_in "
            "qualify"
        ),
        _OF_THE_ROW
        | _COUNT
        | {"password_encrypted": _SECRET, "carrier_key": "computed from host and addresses"},
    ),
    "hotlines": Table(
        "hotline",
        ("number",),
        (
            "number canonical trunk_uuid further_trunks name destination is_default enabled hours "
            "closed_destination closed_cause"
        ),
        _OF_THE_ROW,
    ),
    "hours_plans": Table(
        "hours_plan",
        ("name",),
        "name weekly holidays",
        _OF_THE_ROW | dict.fromkeys(("override", "override_until"), _STATE),
    ),
    "extensions": Table(
        "extension",
        ("extension",),
        (
            "extension name enabled recording hotline max_calls ring_timeout_s forward_always "
            "forward_busy forward_no_answer forward_unreachable do_not_disturb user_uuid follow_me"
        ),
        _OF_THE_ROW
        | _KIND
        | {"extension_uuid": "of this installation"}
        | dict.fromkeys(("suspended_until", "suspended_why"), _STATE),
    ),
    "devices": Table(
        "device",
        ("extension", "name"),
        "extension name kind max_contacts srtp_required mac",
        _OF_THE_ROW
        | _COUNT
        | dict.fromkeys(
            ("digest_md5", "digest_sha256", "digest_md5_full", "digest_sha256_full"), _SECRET
        ),
    ),
    "ring_groups": Table(
        "ring_group",
        ("number",),
        "number name strategy members ring_timeout_s timeout_s overflow",
        _OF_THE_ROW | _KIND | {"next_member": _STATE},
    ),
    "queues": Table(
        "queue",
        ("number",),
        (
            "number name agents ring_timeout_s no_answer_delay_s wrap_up_s timeout_s overflow "
            "moh_class service_level_s"
        ),
        _OF_THE_ROW | _KIND,
    ),
    "menus": Table(
        "menu",
        ("number",),
        ("number name prompt invalid_prompt keys direct_dialling timeout_s retries overflow"),
        _OF_THE_ROW | _KIND,
    ),
    "users": Table(
        "user",
        ("username",),
        "username level enabled api_key_scopes api_key_token_life_s",
        _OF_THE_ROW
        | _COUNT
        | {"user_uuid": "of this installation", "api_key_version": _STATE}
        | dict.fromkeys(("password_hash", "api_key_digest", "api_key_encrypted"), _SECRET),
    ),
    "subscriptions": Table(
        "subscription",
        ("event_name", "callback_url"),
        (
            "subscription_uuid event_name callback_url enabled numbers_as_text accept_redirects "
            "callback_ca"
        ),
        _OF_THE_ROW
        | {"dialect": "the only one", "endpoint": "computed from callback_url"}
        | dict.fromkeys(("failing_since", "disabled_reason", "previous_secret_until"), _STATE)
        | dict.fromkeys(
            (
                "callback_apikey_encrypted",
                "callback_headers_encrypted",
                "secret_encrypted",
                "previous_secret_encrypted",
            ),
            _SECRET,
        ),
    ),
}
"""By name. A test compares them with the schema."""
WITHHELD_TABLES = {
    "api_keys": _SECRET,
    "callers": "as many as a company has customers",
    "phone_credentials": _SECRET,
    "developer_links": _SECRET,
    "provisioning_links": _SECRET,
    "second_factors": _SECRET,
    "sessions": _SECRET,
    "commands": "requests about live calls",
    "prompts": "they are sound, which is uploaded; files name them",
}


async def rows(tx: db.Tx, domain_uuid: UUID) -> State:
    """The domain's configuration."""
    return {name: await _rows(tx, domain_uuid, name) for name in TABLES}


async def _rows(tx: db.Tx, domain_uuid: UUID, name: str) -> list[Row]:
    table = TABLES[name]
    found = await tx.fetch(
        f"SELECT to_jsonb(one)::text AS row FROM (SELECT {', '.join(table.columns)} FROM {name} "  # noqa: S608, our own names
        "WHERE domain_uuid = $1) AS one",
        domain_uuid,
    )
    return [msgspec.json.decode(each["row"]) for each in found]


class UsableTrunk(msgspec.Struct, frozen=True):
    """A trunk that the domain's hotlines may use; `is_own`: not a shared one of another domain."""

    trunk_uuid: UUID
    name: str
    is_own: bool


async def usable_trunks(tx: db.Tx, domain_uuid: UUID) -> Sequence[UsableTrunk]:
    """The domain's own trunks, and shared ones."""
    found = await tx.fetch(
        """
        SELECT trunk_uuid, name, domain_uuid = $1 AS is_own FROM trunks
        WHERE domain_uuid = $1 OR shared
        """,
        domain_uuid,
    )
    return db.structs(found, UsableTrunk)


class LastChange(msgspec.Struct, frozen=True):
    """When a thing was changed last, and by whom, as the audit log names actors."""

    noun: str
    name: str
    at: datetime
    actor: str


async def last_changes(tx: db.Tx, domain_uuid: UUID) -> dict[tuple[str, str], LastChange]:
    """The last change of each noun and name, by the audit log."""
    found = await tx.fetch(
        """
        SELECT DISTINCT ON (noun, name) noun, name, at, actor
        FROM audit_log WHERE domain_uuid = $1 ORDER BY noun, name, audit_id DESC
        """,
        domain_uuid,
    )
    return {(each.noun, each.name): each for each in db.structs(found, LastChange)}


async def is_being_deleted(tx: db.Tx, domain_uuid: UUID) -> bool:
    """Whether the deletion of the domain has begun."""
    return bool(
        await tx.fetchval(
            "SELECT deleting_since IS NOT NULL FROM domains WHERE domain_uuid = $1", domain_uuid
        )
    )
