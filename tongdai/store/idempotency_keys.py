"""What requests with an Idempotency-Key were answered, for a day."""

from uuid import UUID

import msgspec

from tongdai import errors, messages
from tongdai.encryption import MasterKey
from tongdai.store import db

KEPT_S = 86_400


class Answer(msgspec.Struct, frozen=True):
    """An answer as it was sent. `etag` is "" where it had none."""

    status: int
    body: bytes
    etag: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request with a key. Keys of one actor do not meet those of another; `digest` is the same
    for the same request.
    """

    domain_uuid: UUID
    actor: str
    key: str
    digest: bytes


async def answer(tx: db.Tx, master_key: MasterKey, request: Request) -> Answer | None:
    """The earlier answer to the request; None if there is none, or an older one, which is
    forgotten. Raises errors.Conflict if the key was given for another request.
    """
    row = await tx.fetchrow(
        """
        SELECT request_digest, status, etag, answer_encrypted,
               created_at < now() - make_interval(secs => $4) AS is_old
        FROM idempotency_keys WHERE (domain_uuid, actor, key) = ($1, $2, $3)
        """,
        request.domain_uuid,
        request.actor,
        request.key,
        KEPT_S,
    )
    if row is None:
        return None
    if row["is_old"]:
        await _forget(tx, request)
        return None
    if row["request_digest"] != request.digest:
        raise errors.Conflict(messages.KEY_USED, field="Idempotency-Key")
    body = master_key.decrypt(row["answer_encrypted"]).encode()
    return Answer(row["status"], body, row["etag"])


async def keep(tx: db.Tx, master_key: MasterKey, request: Request, given: Answer) -> None:
    """The request again gets this answer."""
    await tx.execute(
        """
        INSERT INTO idempotency_keys
          (domain_uuid, actor, key, request_digest, status, etag, answer_encrypted)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        request.domain_uuid,
        request.actor,
        request.key,
        request.digest,
        given.status,
        given.etag,
        master_key.encrypt(given.body.decode()),
    )


async def purge(tx: db.Tx, most: int) -> int:
    """Deletes the oldest that are past their time, of all domains, at most `most`. Returns how
    many.
    """
    await db.by_index(tx)
    return await tx.fetchval(  # type: ignore[no-any-return]
        """
        WITH gone AS (
          DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY (
            SELECT ctid FROM idempotency_keys
            WHERE created_at < now() - make_interval(secs => $1)
            ORDER BY created_at LIMIT $2)) RETURNING 1)
        SELECT count(*) FROM gone
        """,
        KEPT_S,
        most,
    )


async def _forget(tx: db.Tx, request: Request) -> None:
    await tx.execute(
        "DELETE FROM idempotency_keys WHERE (domain_uuid, actor, key) = ($1, $2, $3)",
        request.domain_uuid,
        request.actor,
        request.key,
    )
