"""Reads what clients send, tolerantly: query strings, JSON and forms. Unknown names are
ignored.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from tongdai import errors, messages
from tongdai.api import problems
from tongdai.api.requests import Request

Struct = TypeVar("Struct", bound=msgspec.Struct)

_MAX_VALUE = 4096  # characters
_PLUS = re.compile(rb"=\+(?=[0-9]{7})")  # phone=+84899888999, by a client that did not encode it
_BOM = b"\xef\xbb\xbf"  # which some put before JSON (RFC 8259 §8.1: it may be ignored)


class Fields:
    """Named texts, some given more than once, without space around."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value.strip())
        self.names = self._values.keys()

    def all(self, name: str) -> list[str]:
        """Every value of the name that is not empty, in order. Raises errors.Invalid for what no
        field may hold.
        """
        return [clean(name, value) for value in self._values.get(name, ()) if value]

    def last(self, name: str) -> str | None:
        """The last value of the name that is not empty; "" where all are empty, None where the
        name is not given. Raises errors.Invalid for what no field may hold.
        """
        if (values := self._values.get(name)) is None:
            return None
        return next((clean(name, value) for value in reversed(values) if value), "")


def query(request: Request) -> Fields:
    """The query string."""
    return Fields(_pairs(request.scope["query_string"]))


async def fields(request: Request) -> Fields:
    """The query string and, over it, the names and plain values of a JSON object or a form in the
    body.
    """
    pairs = _pairs(request.scope["query_string"])
    if request.has_body() and (body := await request.body()):
        pairs += [
            (name, _text(value))
            for name, value in _object(request, body).items()
            if value is not None
        ]
    return Fields(pairs)


async def struct(request: Request, kind: type[Struct]) -> Struct:
    """The body as a struct. Raises errors.Invalid naming the field, problems.UnsupportedMediaType,
    BadRequest.
    """
    try:
        given = msgspec.convert(_object(request, await request.body()), kind)
    except msgspec.ValidationError as reason:
        raise problems.invalid(reason) from reason
    for name in kind.__struct_fields__:
        if isinstance(value := getattr(given, name), str):
            clean(name, value)
    return given


def clean(name: str, value: str) -> str:
    """The value, once it is known that a database and a log can hold it. Raises errors.Invalid."""
    if len(value) > _MAX_VALUE:
        raise errors.Invalid(messages.AT_MOST_CHARACTERS(most=_MAX_VALUE), field=name)
    if "\0" in value:
        raise errors.Invalid(messages.NO_NUL, field=name)
    return value


def _object(request: Request, body: bytes) -> Mapping[str, Any]:
    """The body's names and values: JSON, or a form, by its Content-Type; JSON where that says
    nothing of use.
    """
    media_type = request.header(b"content-type").partition(";")[0].strip().lower()
    is_form = media_type == "application/x-www-form-urlencoded"
    if is_form and not body.lstrip().startswith(b"{"):  # curl -d says form, whatever it sends
        return dict(_pairs(body))
    if (
        not is_form
        and media_type not in ("", "application/json", "text/plain")
        and not media_type.endswith("+json")
    ):
        raise problems.UnsupportedMediaType
    try:
        return msgspec.json.decode(body.removeprefix(_BOM), type=dict[str, Any])
    except msgspec.ValidationError as reason:
        raise errors.Invalid(messages.OBJECT_NEEDED, field="body") from reason
    except (msgspec.DecodeError, UnicodeDecodeError) as reason:
        raise problems.BadRequest(messages.NO_JSON) from reason


def _pairs(urlencoded: bytes) -> list[tuple[str, str]]:
    """Names and values; a + before a telephone number is one, not the space that it would be
    elsewhere.
    """
    if not urlencoded:
        return []
    return parse_qsl(
        _PLUS.sub(b"=%2B", urlencoded).decode("utf-8", "replace"), keep_blank_values=True
    )


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)
        case _:
            return msgspec.json.encode(value).decode()
