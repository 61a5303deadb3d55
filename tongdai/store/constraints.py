"""What each constraint of the schema means to a user when it refuses: one table, by constraint
name.
"""

import asyncpg

from tongdai import errors, messages

_CONFLICTS = {
    "domains_name_key": ("name", "a domain of this name exists already"),
    "users_domain_uuid_username_key": ("username", "a user of this name exists already"),
    "operators_username_key": ("username", "an operator of this name exists already"),
    "users_api_key_digest_key": ("api_key", "this API key is taken"),
    "dialables_pkey": ("number", "this number is an extension, a ring group or a queue already"),
    "devices_pkey": ("device", "the extension has a device of this name already"),
    "trunks_domain_uuid_name_key": ("name", "a trunk of this name exists already"),
    "trunks_one_auth_username": (
        "auth_username",
        "another trunk calls by this name already: give another --auth-username",
    ),
    "hotlines_pkey": ("number", "this hotline exists already"),
    "hotlines_trunk_uuid_canonical_key": (
        "number",
        "another domain has this hotline on the same trunk",
    ),
    "hotlines_one_default": ("is_default", "another hotline is the default"),
    "hotlines_trunk_uuid_fkey": ("trunk", "hotlines use this trunk"),
}


def refusal(reason: asyncpg.IntegrityConstraintViolationError) -> errors.TongdaiError:
    """The error to raise: what is known of the constraint, else the general meaning of its
    kind.
    """
    if known := _CONFLICTS.get(reason.constraint_name or ""):
        field, why = known
        return errors.Conflict(why, field=field)
    table, constraint = reason.table_name or "", reason.constraint_name or ""
    if constraint.endswith("_domain_uuid_fkey"):
        return errors.NotFound()
    if isinstance(reason, asyncpg.CheckViolationError):
        field = constraint.removeprefix(f"{table}_").removesuffix("_check")
        return errors.Invalid(messages.NOT_IN_RANGE, field=field)
    if isinstance(reason, asyncpg.NotNullViolationError):
        return errors.Invalid(messages.NEEDED, field=reason.column_name or "")
    if isinstance(reason, asyncpg.ForeignKeyViolationError):
        return errors.Conflict(messages.REFERENCE_GONE, field=table)
    return errors.Conflict(messages.EXISTS, field=table)
