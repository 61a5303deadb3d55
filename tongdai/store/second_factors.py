"""Second factors: the secrets of one-time codes (TOTP) that accounts sign in by, beside their
password.

The functions cross tenants, as those of sessions.
"""

from collections.abc import Sequence

import msgspec

from tongdai import errors, messages
from tongdai.encryption import MasterKey
from tongdai.store import db
from tongdai.store.sessions import Holder

_OF = """
domain_uuid IS NOT DISTINCT FROM $1 AND coalesce(user_uuid, operator_uuid) = $2
"""


class SecondFactor(msgspec.Struct, frozen=True):
    """The secret of an account's codes, and how many recovery codes are left."""

    secret: str
    recovery_codes: int


async def find(tx: db.Tx, master_key: MasterKey, holder: Holder) -> SecondFactor | None:
    """The account's; None if it has none."""
    row = await tx.fetchrow(
        f"""
        SELECT secret_encrypted, cardinality(recovery_digests) AS recovery_codes
        FROM second_factors WHERE {_OF}
        """,  # noqa: S608 -- our own text
        holder.domain_uuid,
        holder.account_uuid,
    )
    if row is None:
        return None
    return SecondFactor(master_key.decrypt(row["secret_encrypted"]), row["recovery_codes"])


async def insert(
    tx: db.Tx,
    master_key: MasterKey,
    holder: Holder,
    secret: str,
    *,
    step: int,
    recovery_codes: Sequence[str],
) -> None:
    """The account has one, whose code of that step is taken. Raises errors.Conflict if it has one
    already.
    """
    is_users = holder.domain_uuid is not None
    done = await tx.fetchval(
        """
        INSERT INTO second_factors (domain_uuid, user_uuid, operator_uuid, secret_encrypted,
                                    last_step, recovery_digests)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING true
        """,
        holder.domain_uuid,
        holder.account_uuid if is_users else None,
        None if is_users else holder.account_uuid,
        master_key.encrypt(secret),
        step,
        [master_key.digest(code) for code in recovery_codes],
    )
    if not done:
        raise errors.Conflict(messages.HAS_SECOND_FACTOR, field="code")


async def take(tx: db.Tx, holder: Holder, step: int) -> bool:
    """Whether the code of that step was not taken before; now it is, and those before it."""
    done = await tx.fetchval(
        f"""
        UPDATE second_factors SET last_step = $3 WHERE {_OF} AND last_step < $3 RETURNING true
        """,  # noqa: S608 -- our own text
        holder.domain_uuid,
        holder.account_uuid,
        step,
    )
    return bool(done)


async def take_recovery(tx: db.Tx, master_key: MasterKey, holder: Holder, code: str) -> bool:
    """Whether it was a recovery code of the account; it is none any more."""
    done = await tx.fetchval(
        f"""
        UPDATE second_factors SET recovery_digests = array_remove(recovery_digests, $3)
        WHERE {_OF} AND $3 = ANY (recovery_digests) RETURNING true
        """,  # noqa: S608 -- our own text
        holder.domain_uuid,
        holder.account_uuid,
        master_key.digest(code),
    )
    return bool(done)


async def delete(tx: db.Tx, holder: Holder) -> bool:
    """The account signs in by password alone. Whether it had one."""
    done = await tx.fetchval(
        f"DELETE FROM second_factors WHERE {_OF} RETURNING true",  # noqa: S608 -- our own text
        holder.domain_uuid,
        holder.account_uuid,
    )
    return bool(done)
