"""Trunks: SIP links to carriers. A shared trunk may also carry hotlines of other domains."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from tongdai import errors, ids, messages
from tongdai.encryption import MasterKey
from tongdai.pbx import directory
from tongdai.pbx.carriers import CalledNumberIn
from tongdai.store import checks, db, lists, rows

_SHORTEST = 8  # characters of a password that authenticates calls from any address

Transport = Literal["udp", "tcp", "tls"]


class Trunk(msgspec.Struct, frozen=True, kw_only=True):
    """A trunk without its password. `host` includes :port unless it is 5060.

    `auth`: "ip", the carrier knows us by address; "digest", we answer its challenges;
    "registration", we register too. `addresses`: IP addresses or networks from which its calls
    come; () means `host`. `auth_username`: the user name with which, and the trunk's password, it
    may call from any other address; "": it may not. `called_number_in`: the place of the number
    called in its INVITEs. `qualify`: the switch asks it once a minute whether it is there (SIP
    OPTIONS); its calls do not depend on the answer. `transfers`: whoever comes by it may
    transfer (REFER), at the domain's cost.
    """

    name: str
    auth: directory.TrunkAuth
    host: str
    trunk_uuid: UUID = msgspec.field(default_factory=ids.new)
    transport: Transport = "udp"
    addresses: tuple[str, ...] = ()
    username: str = ""
    auth_username: str = ""
    from_user: str = ""
    from_domain: str = ""
    number_format: directory.NumberFormat = "national"
    shared: bool = False
    max_calls: int = 100
    transfers: bool = False
    enabled: bool = True
    called_number_in: CalledNumberIn = "auto"
    qualify: bool = True


class Configured(Trunk, frozen=True, kw_only=True):
    """A trunk as administrators see it. `domain` is the name of its domain. `registration` is ""
    for one that does not register, and "unknown" until its engine has heard of it; then
    `registration_status` is the carrier's last SIP answer (0: none), since `registration_since`,
    heard last at `registration_heard_at`.
    """

    domain: str
    registration: Literal["", "unknown", "registered", "refused", "no_answer"]
    registration_status: int | None = None
    registration_since: datetime | None = None
    registration_heard_at: datetime | None = None


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """A trunk for a node's switch. `password` is "" if it has none. `is_owner`: the node carries
    the trunk's own domain, not only a domain with hotlines on it. `carrier_key` is the same for
    all trunks with the same addresses.
    """

    trunk: Trunk
    password: str
    is_owner: bool
    carrier_key: str


_CONFIGURED = f"""
SELECT {", ".join(f"trunks.{column}" for column in Trunk.__struct_fields__)}, domain_uuid,
  trunks.trunk_uuid::text AS place, domains.name AS domain,
  CASE WHEN auth <> 'registration' THEN '' WHEN heard_at IS NULL THEN 'unknown'
    WHEN is_registered THEN 'registered' WHEN sip_status = 0 THEN 'no_answer' ELSE 'refused' END
    AS registration,
  sip_status AS registration_status, since AS registration_since,
  heard_at AS registration_heard_at
FROM trunks JOIN domains USING (domain_uuid)
  LEFT JOIN trunk_registrations USING (domain_uuid, trunk_uuid)
"""  # noqa: S608 -- our own columns
LISTING = lists.Listing(_CONFIGURED, key="place", sorts=("name",))


async def insert(
    tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, trunk: Trunk, password: str = ""
) -> None:
    """Stores the trunk. Raises errors.Conflict when its name is taken, errors.Invalid naming the
    field.
    """
    trunk = _checked(trunk, has_password=password != "")
    encrypted = master_key.encrypt(_fit(trunk, password)) if password else None
    row = rows.values(trunk) | {"password_encrypted": encrypted}
    await rows.insert(tx, "trunks", domain_uuid=domain_uuid, **row)


async def get(tx: db.Tx, domain_uuid: UUID, trunk_uuid: UUID) -> Trunk:
    """The domain's own trunk. Raises errors.NotFound."""
    row = await tx.fetchrow(
        "SELECT * FROM trunks WHERE domain_uuid = $1 AND trunk_uuid = $2", domain_uuid, trunk_uuid
    )
    return db.struct(row, Trunk, f"no such trunk: {trunk_uuid}")


async def by_name(tx: db.Tx, domain_uuid: UUID, name: str) -> Trunk:
    """The domain's own trunk of that name. Raises errors.NotFound."""
    row = await tx.fetchrow(
        "SELECT * FROM trunks WHERE domain_uuid = $1 AND name = $2", domain_uuid, name
    )
    return db.struct(row, Trunk, f"no such trunk: {name}")


async def configured(tx: db.Tx, domain_uuid: UUID, name: str) -> Configured:
    """The domain's own trunk of that name, or else of that trunk_uuid. Raises errors.NotFound."""
    row = await tx.fetchrow(
        _CONFIGURED
        + """
        WHERE domain_uuid = $1 AND (trunks.name = $2 OR trunk_uuid::text = lower($2))
        ORDER BY trunks.name = $2 DESC LIMIT 1
        """,
        domain_uuid,
        name,
    )
    return db.struct(row, Configured, f"no such trunk: {name}")


async def usable(tx: db.Tx, domain_uuid: UUID, name: str, field: str = "trunk") -> Trunk:
    """The trunk of that name that the domain's hotlines may use: its own, else a shared one, else
    the one with the trunk_uuid `name`. Raises errors.Invalid when there is none, or several shared
    ones.
    """
    matching = await tx.fetch(
        """
        SELECT *, domain_uuid = $1 AS own FROM trunks
        WHERE (domain_uuid = $1 OR shared) AND (name = $2 OR trunk_uuid::text = lower($2))
        """,
        domain_uuid,
        name,
    )
    found = db.structs([row for row in matching if row["own"]] or matching, Trunk)
    if len(found) != 1:
        raise errors.Invalid(messages.SEVERAL_TRUNKS if found else messages.NO_TRUNK, field=field)
    return found[0]


async def update(
    tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, trunk: Trunk, password: str | None = None
) -> None:
    """The trunk of that trunk_uuid is as given; password None leaves it unchanged, "" removes it.

    Raises errors.NotFound and as `insert`, and errors.Conflict when it is no longer shared but
    other domains' hotlines use it.
    """
    encrypted = await _password_encrypted(tx, domain_uuid, trunk.trunk_uuid)
    if password is None and encrypted and trunk.auth_username:
        _fit(trunk, master_key.decrypt(encrypted))
    if password is not None:
        encrypted = master_key.encrypt(_fit(trunk, password)) if password else None
    trunk = _checked(trunk, has_password=encrypted is not None)
    key = {"domain_uuid": domain_uuid, "trunk_uuid": trunk.trunk_uuid}
    row = rows.values(trunk, without=("trunk_uuid",)) | {"password_encrypted": encrypted}
    await rows.update(tx, "trunks", key, row)
    if not trunk.shared:
        await _refuse_if_borrowed(tx, domain_uuid, trunk.trunk_uuid)


async def has_password(
    tx: db.Tx, domain_uuid: UUID, master_key: MasterKey, name: str, password: str
) -> bool:
    """Whether that is the password of the trunk of that name; "": it has none. Raises
    errors.NotFound.
    """
    trunk_uuid = (await by_name(tx, domain_uuid, name)).trunk_uuid
    encrypted = await _password_encrypted(tx, domain_uuid, trunk_uuid)
    return password == (master_key.decrypt(encrypted) if encrypted else "")


async def password_changes(tx: db.Tx, trunk_uuid: UUID) -> int:
    """How often the trunk's password was changed; 0 if there is no such trunk."""
    count = await tx.fetchval(
        "SELECT password_changes FROM trunks WHERE trunk_uuid = $1", trunk_uuid
    )
    return count or 0


async def delete(tx: db.Tx, domain_uuid: UUID, trunk_uuid: UUID) -> None:
    """The trunk is deleted. Raises errors.NotFound, and errors.Conflict while hotlines use it."""
    await tx.execute("SELECT FROM trunks WHERE trunk_uuid = $1 FOR UPDATE", trunk_uuid)
    if users := await _users(tx, domain_uuid, trunk_uuid):
        raise errors.Conflict(messages.IN_USE_BY(users=", ".join(users)), field="trunk")
    if not await tx.fetchval(
        "DELETE FROM trunks WHERE domain_uuid = $1 AND trunk_uuid = $2 RETURNING true",
        domain_uuid,
        trunk_uuid,
    ):
        raise errors.NotFound(f"no such trunk: {trunk_uuid}")


async def hold(tx: db.Tx, domain_uuid: UUID, trunk_uuid: UUID) -> None:
    """Locks the trunk, which the domain's hotlines may use, until the transaction ends. Raises
    errors.Invalid.
    """
    if not await tx.fetchval(
        "SELECT true FROM trunks WHERE trunk_uuid = $2 AND (domain_uuid = $1 OR shared) FOR SHARE",
        domain_uuid,
        trunk_uuid,
    ):
        raise errors.Invalid(messages.NO_TRUNK, field="trunk")


_PROVISIONED = """
SELECT trunks.*, domains.node = $1 AS is_owner FROM trunks JOIN domains USING (domain_uuid)
WHERE trunks.enabled AND domains.enabled AND (domains.node = $1 OR EXISTS (
  SELECT FROM hotlines JOIN domains AS borrowers USING (domain_uuid)
  WHERE (hotlines.trunk_uuid = trunks.trunk_uuid
         OR hotlines.further_trunks @> ARRAY[trunks.trunk_uuid])
    AND borrowers.node = $1 AND borrowers.enabled))
"""


async def list_for_provisioning(
    tx: db.Tx, key: MasterKey, node: str, trunk_uuid: UUID | None = None
) -> Sequence[Provisioned]:
    """The trunks of the node's switch, or one of them, with their passwords. It crosses
    tenants.
    """
    if trunk_uuid is None:
        found = await tx.fetch(_PROVISIONED, node)
    else:
        found = await tx.fetch(_PROVISIONED + " AND trunk_uuid = $2", node, trunk_uuid)
    return [
        Provisioned(
            trunk=db.struct(row, Trunk),
            password=key.decrypt(row["password_encrypted"]) if row["password_encrypted"] else "",
            is_owner=row["is_owner"],
            carrier_key=row["carrier_key"],
        )
        for row in found
    ]


class Named(msgspec.Struct, frozen=True):
    """A trunk, for the operator: by its name and that of its domain."""

    trunk_uuid: UUID
    domain_uuid: UUID
    name: str
    domain: str
    shared: bool


async def named(tx: db.Tx, name: str) -> Named:
    """The trunk whose trunk_uuid, or auth_username, this is. It crosses tenants. Raises
    errors.NotFound.
    """
    row = await tx.fetchrow(
        """
        SELECT trunk_uuid, domain_uuid, trunks.name, domains.name AS domain, shared
        FROM trunks JOIN domains USING (domain_uuid)
        WHERE trunk_uuid::text = $1 OR (auth_username = $1 AND $1 <> '')
        """,
        name,
    )
    if row is None:
        raise errors.NotFound(f"no such trunk: {name}")
    return db.struct(row, Named)


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[Trunk]:
    """The domain's own trunks, by name."""
    return db.structs(
        await tx.fetch("SELECT * FROM trunks WHERE domain_uuid = $1 ORDER BY name", domain_uuid),
        Trunk,
    )


async def _password_encrypted(tx: db.Tx, domain_uuid: UUID, trunk_uuid: UUID) -> bytes | None:
    row = await tx.fetchrow(
        "SELECT password_encrypted FROM trunks"
        " WHERE domain_uuid = $1 AND trunk_uuid = $2 FOR UPDATE",
        domain_uuid,
        trunk_uuid,
    )
    if row is None:
        raise errors.NotFound(f"no such trunk: {trunk_uuid}")
    return row["password_encrypted"]  # type: ignore[no-any-return]


async def _refuse_if_borrowed(tx: db.Tx, domain_uuid: UUID, trunk_uuid: UUID) -> None:
    if users := await _users(tx, domain_uuid, trunk_uuid, only_others=True):
        raise errors.Conflict(messages.IN_USE_BY(users=", ".join(users)), field="shared")


async def _users(
    tx: db.Tx, domain_uuid: UUID, trunk_uuid: UUID, *, only_others: bool = False
) -> Sequence[str]:
    """The hotlines that use the trunk, in words, those of other domains with their domain. It
    crosses tenants.
    """
    rows = await tx.fetch(
        """
        SELECT 'hotline ' || number || CASE WHEN domain_uuid = $1 THEN ''
               ELSE ' of ' || domains.name END AS who
        FROM hotlines JOIN domains USING (domain_uuid)
        WHERE (trunk_uuid = $2 OR further_trunks @> ARRAY[$2::uuid])
          AND NOT ($3 AND domain_uuid = $1)
        ORDER BY who
        """,
        domain_uuid,
        trunk_uuid,
        only_others,
    )
    return [row["who"] for row in rows]


def _fit(trunk: Trunk, password: str) -> str:
    """The password, checked: of any length, but at least 8 characters if it authenticates calls
    from any address.
    """
    if trunk.auth_username and len(password) < _SHORTEST:
        raise errors.Invalid(
            messages.TRUNK_PASSWORD(shortest=_SHORTEST),
            field="password",
        )
    return checks.sip_secret(password, shortest=1)


def _checked(trunk: Trunk, *, has_password: bool) -> Trunk:
    """The trunk, checked: no value can harm the switch."""
    checks.name(trunk.name, needed=True)
    checks.host(trunk.host)
    checks.sip_user(trunk.username, "username")
    checks.sip_user(trunk.from_user, "from_user")
    checks.host_or_none(trunk.from_domain, "from_domain")
    if trunk.auth != "ip" and not trunk.username:
        raise errors.Invalid(messages.NEEDED_BY_AUTH(auth=trunk.auth), field="username")
    if trunk.auth != "ip" and not has_password:
        raise errors.Invalid(messages.NEEDED_BY_AUTH(auth=trunk.auth), field="password")
    checks.auth_username(trunk.auth_username)
    if trunk.auth_username and not has_password:
        raise errors.Invalid(messages.NEEDED_BY_AUTH_USERNAME, field="password")
    return msgspec.structs.replace(trunk, addresses=checks.networks(trunk.addresses))
