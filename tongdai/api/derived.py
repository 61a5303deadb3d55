"""Structs derived from the struct of a new thing, so that each field is declared once."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tongdai.dialects import Utc


def change_of(
    new: type[Struct], *, without: Collection[str], more: dict[str, Any], name: str, about: str
) -> type[Struct]:
    """The struct of a change (RFC 7396, JSON Merge Patch): the fields of `new`, some of them
    left out, none of them required. A field that is not given is UNSET; null is a value only
    where `new` takes it. `more`: fields that only a change has, with their types.
    """
    hints = {one.name: hint for one, hint in _fields(new) if one.name not in without} | more
    fields = [(one, hint | UnsetType, UNSET) for one, hint in hints.items()]
    return _struct(name, fields, about, forbid_unknown_fields=True)


def shown_of(
    new: type[Struct],
    kind: type[Struct],
    *,
    inputs: tuple[str, ...],
    once: tuple[str, ...],
    name: str,
    about: str,
) -> type[Struct]:
    """The struct of a response: the fields of `new` but its inputs, those that only `kind` has,
    and the texts that are shown once.
    """
    known = [(one.name, hint) for one, hint in _fields(new) if one.name not in inputs]
    names = {one for one, _ in known}
    moment = {datetime: Utc, datetime | None: Utc | None}
    more = [
        (one.name, moment.get(hint, hint)) for one, hint in _fields(kind) if one.name not in names
    ]
    fields: list[Any] = [*known, *more]
    fields += [(one, str | UnsetType, UNSET) for one in once]
    return _struct(name, fields, about)


def _fields(kind: type[Struct]) -> list[tuple[msgspec.structs.FieldInfo, Any]]:
    hints = get_type_hints(kind, include_extras=True)
    return [(one, hints[one.name]) for one in msgspec.structs.fields(kind)]


def _struct(name: str, fields: list[Any], about: str, **options: Any) -> type[Struct]:
    return msgspec.defstruct(
        name, fields, kw_only=True, frozen=True, namespace={"__doc__": about}, **options
    )
