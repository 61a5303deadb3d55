"""The meaning of each constraint of the schema to a user: one table, by constraint name."""

import asyncpg

from tongdai import errors, messages

_CONFLICTS = {
    "domains_name_key": ("name", messages.DOMAIN_EXISTS),
    "users_domain_uuid_username_key": ("username", messages.USER_EXISTS),
    "operators_username_key": ("username", messages.OPERATOR_EXISTS),
    "users_api_key_digest_key": ("api_key", messages.KEY_EXISTS),
    "api_keys_domain_uuid_user_uuid_name_key": ("name", messages.KEY_NAME_EXISTS),
    "dialables_pkey": ("number", messages.NUMBER_EXISTS),
    "devices_pkey": ("device", messages.DEVICE_EXISTS),
    "devices_one_mac": ("mac", messages.MAC_EXISTS),
    "trunks_domain_uuid_name_key": ("name", messages.TRUNK_EXISTS),
    "trunks_one_auth_username": (
        "auth_username",
        messages.AUTH_USERNAME_EXISTS,
    ),
    "callers_pkey": ("caller", messages.CALLER_EXISTS),
    "hours_plans_pkey": ("name", messages.HOURS_PLAN_EXISTS),
    "hotlines_pkey": ("number", messages.HOTLINE_EXISTS),
    "hotlines_trunk_uuid_canonical_key": (
        "number",
        messages.HOTLINE_ELSEWHERE,
    ),
    "hotlines_one_default": ("is_default", messages.DEFAULT_EXISTS),
    "hotlines_trunk_uuid_fkey": ("trunk", messages.TRUNK_IN_USE),
}


def refusal(reason: asyncpg.IntegrityConstraintViolationError) -> errors.TongdaiError:
    """The error to raise: the one listed for the constraint, else the general one of its kind."""
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
