"""Many things of a noun made in one transaction: all of them, or those that are right."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from tongdai import errors
from tongdai.admin.nouns import Fields, Noun
from tongdai.encryption import MasterKey
from tongdai.store import db


class Line(msgspec.Struct, frozen=True):
    """One thing to make: the fields that `Noun.create` takes, or the reason why they cannot be
    read. `line`: its place in what the client sent, from 1.
    """

    line: int
    fields: Fields | errors.Invalid


class Made(msgspec.Struct, frozen=True):
    """What came of a line: its name, and what is shown once."""

    line: int
    name: str
    once: Fields


class Refused(msgspec.Struct, frozen=True):
    """The error of a line, of which nothing is left."""

    line: int
    reason: errors.TongdaiError


async def create(
    tx: db.Tx, domain_uuid: UUID, key: MasterKey, noun: Noun, lines: Iterable[Line]
) -> tuple[Sequence[Made], Sequence[Refused]]:
    """Makes those that are right, in order, and returns all errors: the caller decides whether the
    transaction commits.
    """
    made, refused = list[Made](), list[Refused]()
    for each in lines:
        try:
            made.append(await _one(tx, domain_uuid, key, noun, each))
        except (errors.Invalid, errors.Conflict, errors.NotFound) as reason:
            refused.append(Refused(each.line, reason))
    return made, refused


async def _one(tx: db.Tx, domain_uuid: UUID, key: MasterKey, noun: Noun, line: Line) -> Made:
    if isinstance(line.fields, errors.Invalid):
        raise line.fields
    async with db.savepoint(tx):
        once: dict[str, Any] = {**await noun.create(tx, domain_uuid, key, line.fields)}
    return Made(line.line, noun.name_of(line.fields), once)
