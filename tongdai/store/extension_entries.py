"""Extensions as clients of version 3 of the API know them: by an id, and with what they keep."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.store import db


class Entry(msgspec.Struct, frozen=True):
    """An extension. `user_uuid` is any text, and `follow_me` JSON ("": none), that a client gave:
    they are kept for it, and mean nothing for calls. The user of that UUID may have the extension
    as a browser phone.
    """

    extension_uuid: UUID
    extension: str
    enabled: bool
    user_uuid: str = ""
    follow_me: str = ""


async def get(tx: db.Tx, domain_uuid: UUID, name: str) -> Entry:
    """The extension of that number or extension_uuid. Raises errors.NotFound."""
    column, value = ("extension", name) if name.isdigit() else ("extension_uuid", _uuid(name))
    row = await tx.fetchrow(
        f"SELECT * FROM extensions WHERE domain_uuid = $1 AND {column} = $2",  # noqa: S608
        domain_uuid,
        value,
    )
    return db.struct(row, Entry)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as reason:
        raise errors.NotFound from reason


async def list(tx: db.Tx, domain_uuid: UUID, *, limit: int, offset: int) -> Sequence[Entry]:
    """The domain's extensions by number, from that one on."""
    rows = await tx.fetch(
        "SELECT * FROM extensions WHERE domain_uuid = $1 ORDER BY extension LIMIT $2 OFFSET $3",
        domain_uuid,
        limit,
        offset,
    )
    return db.structs(rows, Entry)


async def of_user(tx: db.Tx, domain_uuid: UUID, user_uuid: UUID) -> Sequence[str]:
    """The extensions that are this user's own, by number."""
    rows = await tx.fetch(
        """
        SELECT extension FROM extensions WHERE domain_uuid = $1 AND user_uuid = $2
        ORDER BY extension
        """,
        domain_uuid,
        str(user_uuid),
    )
    return [row["extension"] for row in rows]


async def total(tx: db.Tx, domain_uuid: UUID) -> int:
    """The number of the domain's extensions."""
    return await tx.fetchval(  # type: ignore[no-any-return]
        "SELECT count(*) FROM extensions WHERE domain_uuid = $1", domain_uuid
    )


async def keep(
    tx: db.Tx,
    domain_uuid: UUID,
    extension: str,
    *,
    user_uuid: str | None = None,
    follow_me: str | None = None,
) -> None:
    """Stores a client's entry at its extension of that number; None leaves the old one."""
    await tx.execute(
        """
        UPDATE extensions
        SET user_uuid = coalesce($3, user_uuid), follow_me = coalesce($4, follow_me)
        WHERE domain_uuid = $1 AND extension = $2
        """,
        domain_uuid,
        extension,
        user_uuid,
        follow_me,
    )
