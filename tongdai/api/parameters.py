"""Parameters of operations, declared as structs: read from text, and described for the OpenAPI
document.

A field's type says how its text is read: `str`, `int`, `bool`, `UUID`, a Literal; `tuple[X, ...]`
takes every value of a repeated name, any other type the last one. An empty value counts as not
given, except for `str | None`, where None means that the name was not given.
`Meta(description=..., examples=[...], ge=..., le=...)` describes it; `Meta(extra={"read": read})`
names another reader: a function of text and parameter name that raises errors.Invalid. An example
is sent by whoever tries the operation in the page, so only what is required has one.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from msgspec import Meta

from tongdai import errors, messages
from tongdai.api.inputs import Fields
from tongdai.api.requests import Request

Struct = TypeVar("Struct", bound=msgspec.Struct)
Reader = Callable[[str, str], Any]

_MANY = 100  # values of one name
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One value, or several, in the query, the path or a header."""

    name: str  # as clients write it
    field: str  # of the struct
    description: str
    example: Any  # None: there is none
    schema: dict[str, Any]
    is_required: bool
    is_many: bool
    tells_empty: bool  # "" differs from a name that is not given
    read: Reader


@cache
def of(kind: type[msgspec.Struct]) -> tuple[Parameter, ...]:
    """The parameters that a struct declares, in its order."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_parameter(field, hints[field.name]) for field in msgspec.structs.fields(kind))


def read(kind: type[Struct], fields: Fields) -> Struct:
    """The struct of a query string or a form. Raises errors.Invalid naming the parameter."""
    known, found = _by_name(kind), dict[str, Any]()
    for name in fields.names:
        if name in known and (value := _value(known[name], fields)) is not None:
            found[known[name].field] = value
    for name, field in _required(kind):
        if field not in found:
            raise errors.Invalid(messages.REQUIRED, field=name)
    return kind(**found)


def read_headers(kind: type[Struct], request: Request) -> Struct:
    """The struct of a request's headers. Raises errors.Invalid naming the header."""
    pairs = [
        (parameter.name, request.header(name))
        for parameter in of(kind)
        if request.has_header(name := parameter.name.lower().encode())
    ]
    return read(kind, Fields(pairs))


def read_path(kind: type[Struct], texts: Mapping[str, str]) -> Struct:
    """The struct of a path's parameters. Raises errors.NotFound for a text that cannot be one."""
    try:
        return kind(**{one.field: one.read(texts[one.name], one.name) for one in of(kind)})
    except errors.Invalid as reason:
        raise errors.NotFound from reason


@cache
def _by_name(kind: type[msgspec.Struct]) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in of(kind)}


@cache
def _required(kind: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Name and field of the required parameters."""
    return tuple((one.name, one.field) for one in of(kind) if one.is_required)


def _value(parameter: Parameter, fields: Fields) -> Any:
    """The given value of the parameter; None: there is none."""
    name = parameter.name
    if parameter.is_many:
        if fields.count(name) > _MANY:
            raise errors.Invalid(messages.AT_MOST_TIMES(most=_MANY), field=name)
        texts = fields.all(name)
        return tuple(dict.fromkeys(parameter.read(text, name) for text in texts)) or None
    text = fields.last(name)
    if text:
        return parameter.read(text, name)
    return text if parameter.tells_empty else None


def _parameter(field: msgspec.structs.FieldInfo, hint: Any) -> Parameter:
    kind, meta = _split(hint)
    is_many = get_origin(kind) is tuple
    if is_many:
        kind, inner = _split(get_args(kind)[0])
        meta = [*inner, *meta]
    is_optional = get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind)
    if is_optional:
        kind, inner = _split(next(one for one in get_args(kind) if one is not NoneType))
        meta = [*inner, *meta]
    extra = {name: value for one in meta for name, value in (one.extra or {}).items()}
    return Parameter(
        name=field.encode_name,
        field=field.name,
        description=next((one.description for one in meta if one.description), ""),
        example=next((one.examples[0] for one in meta if one.examples), None),
        schema=_schema(kind, meta, is_read="read" in extra, is_many=is_many),
        is_required=field.required,
        is_many=is_many,
        tells_empty=is_optional and kind is str,
        read=extra.get("read") or _reader(kind, meta),
    )


def _schema(kind: Any, meta: list[Meta], *, is_read: bool, is_many: bool) -> dict[str, Any]:
    """The schema of the value, or of an array of such values. A value with a reader of its own is
    text, unless it is a number or its annotation says more.
    """
    schema = msgspec.json.schema(str if is_read and kind is not int else kind)
    for one in meta:
        schema |= _limits(one) | (one.extra_json_schema or {})
    return {"type": "array", "items": schema, "maxItems": _MANY} if is_many else schema


def _split(hint: Any) -> tuple[Any, list[Meta]]:
    """A type, and its annotations."""
    if get_origin(hint) is Annotated:
        kind, *noted = get_args(hint)
        return kind, [one for one in noted if isinstance(one, Meta)]
    return hint, []


def _limits(meta: Meta) -> dict[str, Any]:
    names = {"ge": "minimum", "le": "maximum", "pattern": "pattern"}
    found = {name: getattr(meta, attribute) for attribute, name in names.items()}
    return {name: value for name, value in found.items() if value is not None}


def _reader(kind: Any, meta: list[Meta]) -> Reader:
    """The function that reads such a value from text."""
    if kind is str:
        return lambda text, _: text
    if kind is int:
        return _integer(meta)
    if kind is bool:
        return boolean
    if kind is UUID:
        return uuid
    if get_origin(kind) is Literal:
        return one_of(get_args(kind))
    raise TypeError(f"no parameter can be a {kind}")


def one_of(choices: tuple[str, ...]) -> Reader:
    """A reader that accepts only these texts."""

    def chosen(text: str, name: str) -> str:
        if text not in choices:
            raise errors.Invalid(messages.ONE_OF(choices=", ".join(choices)), field=name)
        return text

    return chosen


def _integer(meta: list[Meta]) -> Reader:
    """A reader of whole numbers within the declared limits."""
    first = int(next((one.ge for one in meta if one.ge is not None), 0))
    last = int(next((one.le for one in meta if one.le is not None), 2**63 - 1))

    def integer(text: str, name: str) -> int:
        is_number = text.isascii() and text.isdigit() and len(text) <= 19
        if not (is_number and first <= int(text) <= last):
            raise errors.Invalid(messages.INTEGER_RANGE(first=first, last=last), field=name)
        return int(text)

    return integer


def boolean(text: str, name: str) -> bool:
    """Reads true or false, in any of their spellings. Raises errors.Invalid."""
    if text.lower() not in _TRUE + _FALSE:
        raise errors.Invalid(messages.BOOLEAN_NEEDED, field=name)
    return text.lower() in _TRUE


def uuid(text: str, name: str) -> UUID:
    """Reads a UUID. Raises errors.Invalid."""
    try:
        return UUID(text)
    except ValueError as reason:
        raise errors.Invalid(messages.UUID_NEEDED, field=name) from reason
