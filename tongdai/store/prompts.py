"""Prompts: sound of a domain. Its rows are apart from it, so that lists read none."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongdai import errors, ids, messages
from tongdai.audio import Converted
from tongdai.pbx.directory import Prompt
from tongdai.store import checks, db, lists, rows

MOST_S = 3600
"""Seconds of all prompts of a domain together, 170 MB."""


class Configured(msgspec.Struct, frozen=True):
    """A prompt as administrators see it. `sha256` is that of the file which was uploaded."""

    name: str
    sha256: str
    duration_s: float
    created_at: datetime


LISTING = lists.Listing("SELECT * FROM prompts", key="name", sorts=("name",))


async def keep(
    tx: db.Tx, domain_uuid: UUID, name: str, content: bytes, converted: Converted
) -> bool:
    """The prompt has the sound of the file `content`, which was `converted`. Returns whether it is
    a new one. Raises errors.Invalid for the name, or if the domain has too much.
    """
    name = checks.prompt_name(name)
    sha256, duration_s = hashlib.sha256(content).hexdigest(), converted.duration_s
    known = await find(tx, domain_uuid, name)
    await _refuse_too_much(tx, domain_uuid, duration_s - (known.duration_s if known else 0))
    key = {"domain_uuid": domain_uuid, "name": name}
    sound = {"wav_8k": converted.wav_8k, "wav_16k": converted.wav_16k}
    if known is not None:
        await rows.update(tx, "prompt_audio", key, sound)
        await rows.update(tx, "prompts", key, {"sha256": sha256, "duration_s": duration_s})
        return False
    made = Prompt(name, ids.new(), sha256, duration_s)
    await rows.insert(tx, "prompts", domain_uuid=domain_uuid, **rows.values(made))
    await rows.insert(tx, "prompt_audio", **key, **sound)
    return True


async def _refuse_too_much(tx: db.Tx, domain_uuid: UUID, more_s: float) -> None:
    known_s = await tx.fetchval(
        "SELECT coalesce(sum(duration_s), 0) FROM prompts WHERE domain_uuid = $1", domain_uuid
    )
    if known_s + more_s > MOST_S:
        raise errors.Invalid(messages.PROMPTS_TOO_LONG(most=MOST_S // 60), field="body")


async def find(tx: db.Tx, domain_uuid: UUID, name: str) -> Prompt | None:
    """The prompt, or None."""
    row = await tx.fetchrow(
        "SELECT * FROM prompts WHERE domain_uuid = $1 AND name = normalize($2, NFC)",
        domain_uuid,
        name,
    )
    return db.struct_or_none(row, Prompt)


async def configured(tx: db.Tx, domain_uuid: UUID, name: str) -> Configured:
    """As administrators see it. Raises errors.NotFound."""
    row = await tx.fetchrow(
        "SELECT * FROM prompts WHERE domain_uuid = $1 AND name = normalize($2, NFC)",
        domain_uuid,
        name,
    )
    return db.struct(row, Configured, f"no such prompt: {name}")


async def list(tx: db.Tx, domain_uuid: UUID) -> Sequence[Configured]:
    """The domain's prompts, by name."""
    found = await tx.fetch(
        "SELECT * FROM prompts WHERE domain_uuid = $1 ORDER BY name", domain_uuid
    )
    return db.structs(found, Configured)


async def audio(tx: db.Tx, domain_uuid: UUID, name: str) -> bytes:
    """Its sound, a WAV file of 16 kHz. Raises errors.NotFound."""
    found: bytes | None = await tx.fetchval(
        """
        SELECT wav_16k FROM prompt_audio
        WHERE domain_uuid = $1 AND name = normalize($2, NFC)
        """,
        domain_uuid,
        name,
    )
    if found is None:
        raise errors.NotFound(f"no such prompt: {name}")
    return found


async def require(tx: db.Tx, domain_uuid: UUID, name: str, field: str) -> str:
    """The prompt exists until the transaction ends; returns its name in NFC. "" names none. Raises
    errors.Invalid.
    """
    if not name:
        return ""
    found: str | None = await tx.fetchval(
        """
        SELECT name FROM prompts
        WHERE domain_uuid = $1 AND name = normalize($2, NFC) FOR KEY SHARE
        """,
        domain_uuid,
        name,
    )
    if found is None:
        raise errors.Invalid(messages.NO_SUCH(kind="prompt", numbers=name), field=field)
    return found


async def delete(tx: db.Tx, domain_uuid: UUID, name: str) -> None:
    """The prompt is deleted. Raises errors.NotFound, and errors.Conflict naming what plays it."""
    held: str | None = await tx.fetchval(
        """
        SELECT name FROM prompts
        WHERE domain_uuid = $1 AND name = normalize($2, NFC) FOR UPDATE
        """,
        domain_uuid,
        name,
    )
    if held is None:
        raise errors.NotFound(f"no such prompt: {name}")
    if users := await _users(tx, domain_uuid, held):
        raise errors.Conflict(messages.IN_USE_BY(users=", ".join(users)), field="name")
    await tx.execute("DELETE FROM prompts WHERE domain_uuid = $1 AND name = $2", domain_uuid, held)


async def _users(tx: db.Tx, domain_uuid: UUID, name: str) -> Sequence[str]:
    """The objects that play the prompt, in words."""
    found = await tx.fetch(
        """
        SELECT 'the hold music of the domain' AS who FROM domains
        WHERE domain_uuid = $1 AND hold_music = $2
        UNION ALL
        SELECT 'queue ' || number FROM queues
        WHERE domain_uuid = $1 AND normalize(moh_class, NFC) = $2
        UNION ALL
        SELECT 'menu ' || number FROM menus
        WHERE domain_uuid = $1
          AND $2 IN (normalize(prompt, NFC), normalize(invalid_prompt, NFC))
        ORDER BY who
        """,
        domain_uuid,
        name,
    )
    return [row["who"] for row in found]


# --- for the switch


class OnSwitch(msgspec.Struct, frozen=True):
    """A prompt whose files a switch needs."""

    domain_uuid: UUID
    prompt: Prompt


async def of_node(tx: db.Tx, node: str) -> Sequence[OnSwitch]:
    """The prompts of the node's domains. It crosses tenants."""
    found = await tx.fetch(
        """
        SELECT prompts.* FROM prompts JOIN domains USING (domain_uuid)
        WHERE node = $1 ORDER BY prompt_uuid
        """,
        node,
    )
    return [OnSwitch(row["domain_uuid"], db.struct(row, Prompt)) for row in found]


async def sound(tx: db.Tx, wanted: OnSwitch) -> tuple[bytes, bytes] | None:
    """Its WAV files of 8 and of 16 kHz; None if it was deleted or changed since."""
    row = await tx.fetchrow(
        """
        SELECT wav_8k, wav_16k FROM prompt_audio JOIN prompts USING (domain_uuid, name)
        WHERE domain_uuid = $1 AND prompt_uuid = $2 AND sha256 = $3
        """,
        wanted.domain_uuid,
        wanted.prompt.prompt_uuid,
        wanted.prompt.sha256,
    )
    return (row["wav_8k"], row["wav_16k"]) if row else None
