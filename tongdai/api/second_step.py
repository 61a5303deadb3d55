"""The second step of a log-in: a code of the account's authenticator app, or a recovery code."""

import time

from tongdai import errors
from tongdai.api import totp
from tongdai.api.context import Context
from tongdai.store import db, second_factors
from tongdai.store.sessions import Holder


async def check(context: Context, holder: Holder, code: str) -> None:
    """The code is taken, where the account has a second factor. Raises errors.CodeNeeded,
    errors.WrongCode, and errors.TooManyRequests after five wrong ones within a minute, from
    whatever addresses: six digits are fewer than a password.
    """
    async with context.deps.database.transaction() as tx:
        factor = await second_factors.find(tx, context.master_key, holder)
        if factor is None:
            return
        if not code.strip():
            raise errors.CodeNeeded(field="code")
        key = ("second factor", str(holder.account_uuid))
        context.wrong_logins.check(key)
        context.wrong_logins.count(key)  # before: attempts at the same time count too
        if not await _taken(tx, context, holder, factor.secret, code):
            raise errors.WrongCode(field="code")
    context.wrong_logins.forgive(key)


async def _taken(tx: db.Tx, context: Context, holder: Holder, secret: str, code: str) -> bool:
    step = totp.step_of(secret, code, time.time())
    if step is not None:
        return await second_factors.take(tx, holder, step)
    recovery = totp.as_recovery_code(code)
    return await second_factors.take_recovery(tx, context.master_key, holder, recovery)
