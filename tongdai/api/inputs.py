"""Reads clients' input tolerantly: query strings, JSON and forms. Unknown names are ignored.

Libraries write a repeated name in three ways (`name=a&name=b`, `name[]=a&name[]=b`,
`name[0]=a&name[1]=b`); all mean the same.
"""

import re
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from tongdai import errors, messages
from tongdai.api import problems
from tongdai.api.requests import MAX_BODY, Request

Struct = TypeVar("Struct", bound=msgspec.Struct)

_MAX_VALUE = 4096  # characters
_MAX_PARTS = 100  # of a multipart form
_PLUS = re.compile(rb"=\+(?=[0-9]{7})")  # phone=+84899888999, with a + that is not encoded
_INDEX = re.compile(r"\[[0-9]{0,9}\]$")  # of an array, as axios, jQuery, PHP and qs write it
_BOM = b"\xef\xbb\xbf"  # some clients put it before JSON (RFC 8259 §8.1: it may be ignored)


class Fields:
    """Named texts, some given more than once, without surrounding space."""

    def __init__(self, pairs: list[tuple[str, str]], unfit: Collection[str] = ()) -> None:
        """`unfit` are names whose values are no text, such as a JSON object."""
        self._values: dict[str, list[str]] = {name: [] for name in unfit}
        self._unfit = unfit
        for name, value in pairs:
            self._values.setdefault(name, []).append(value.strip())
        self.names = self._values.keys()

    def all(self, name: str) -> list[str]:
        """Every value of the name that is not empty, in order. Raises errors.Invalid for a value
        that no field may hold.
        """
        self._check(name)
        return [clean(name, value) for value in self._values.get(name, ()) if value]

    def count(self, name: str) -> int:
        """The number of times that the name is given, empty values included."""
        return len(self._values.get(name, ()))

    def last(self, name: str) -> str | None:
        """The last value of the name that is not empty; "" if all are empty, None if the name is
        not given. Raises errors.Invalid for a value that no field may hold.
        """
        self._check(name)
        if (values := self._values.get(name)) is None:
            return None
        return next((clean(name, value) for value in reversed(values) if value), "")

    def _check(self, name: str) -> None:
        if name in self._unfit:
            raise errors.Invalid(messages.TEXT_NEEDED, field=name)


def query(request: Request) -> Fields:
    """The query string."""
    return Fields(_pairs(request.scope["query_string"]))


async def fields(request: Request) -> Fields:
    """The query string, overridden by the names and plain values of a JSON object or a form in the
    body.
    """
    pairs, given = _pairs(request.scope["query_string"]), dict[str, Any]()
    if request.has_body() and (body := await request.body()):
        with _shallow():
            given = {**await _object(request, body)}
    unfit = {name for name, value in given.items() if isinstance(value, (dict, list))}
    pairs += [
        (name, _text(value))
        for name, value in given.items()
        if value is not None and name not in unfit
    ]
    return Fields(pairs, unfit)


async def struct(request: Request, kind: type[Struct], most_bytes: int = MAX_BODY) -> Struct:
    """The body as a struct. Raises errors.Invalid naming the field, problems.UnsupportedMediaType,
    BadRequest.
    """
    body = await request.body(most_bytes)
    # forms have text alone: true is "true"
    is_form = "form" in request.header(b"content-type").lower()
    try:
        with _shallow():
            given = msgspec.convert(await _object(request, body), kind, strict=not is_form)
    except msgspec.ValidationError as reason:
        raise problems.invalid(reason, kind) from reason
    for name in kind.__struct_fields__:
        if isinstance(value := getattr(given, name), str):
            clean(name, value)
    return given


def clean(name: str, value: str) -> str:
    """The value, after a check that a database and a log can hold it. Raises errors.Invalid."""
    if len(value) > _MAX_VALUE:
        raise errors.Invalid(messages.AT_MOST_CHARACTERS(most=_MAX_VALUE), field=name)
    if "\0" in value:
        raise errors.Invalid(messages.NO_NUL, field=name)
    return value


async def _object(request: Request, body: bytes) -> Mapping[str, Any]:
    """The body's names and values: JSON, or a form, by its Content-Type; JSON if the type is
    neither. `null` and `[]` name nothing, as PHP encodes an empty array, and so does no body.
    """
    if not body:
        return {}
    media_type = request.header(b"content-type").partition(";")[0].strip().lower()
    is_form = media_type == "application/x-www-form-urlencoded"
    if is_form and not body.lstrip().startswith(b"{"):  # curl -d always says form
        return _form(_pairs(body))
    if media_type == "multipart/form-data":
        return await _parts(request, body)
    if (
        not is_form
        and media_type not in ("", "application/json", "text/plain")
        and not media_type.endswith("+json")
    ):
        raise problems.UnsupportedMediaType
    try:
        given = msgspec.json.decode(body.removeprefix(_BOM))
    except (msgspec.DecodeError, UnicodeDecodeError) as reason:
        raise problems.BadRequest(messages.NO_JSON) from reason
    if given is None or given == []:
        return {}
    if not isinstance(given, dict):
        raise errors.Invalid(messages.OBJECT_NEEDED, field="body")
    return given


@contextmanager
def _shallow() -> Iterator[None]:
    """Refuses JSON with more nesting than we read: errors.Invalid."""
    try:
        yield
    except RecursionError as reason:
        raise errors.Invalid(messages.TOO_DEEP, field="body") from reason


async def _parts(request: Request, body: bytes) -> Mapping[str, Any]:
    """The plain fields of a multipart form (RFC 7578); files in it are skipped. Raises
    problems.BadRequest.
    """

    async def pieces() -> AsyncGenerator[bytes, None]:
        yield body

    headers = Headers(raw=request.scope["headers"])
    parser = MultiPartParser(headers, pieces(), max_files=_MAX_PARTS, max_fields=_MAX_PARTS)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError, LookupError) as reason:
        raise problems.BadRequest(messages.NO_FORM) from reason
    fields = [
        (_INDEX.sub("", name), value)
        for name, value in form.multi_items()
        if isinstance(value, str)
    ]
    await form.close()
    return _form(fields)


def _form(pairs: list[tuple[str, str]]) -> Mapping[str, Any]:
    """Names and values; a name with different values has a list of them."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: all if len({*all}) > 1 else all[-1] for name, all in values.items()}


def _pairs(urlencoded: bytes) -> list[tuple[str, str]]:
    """Names, without an index, and values; a + before a telephone number stays a plus sign,
    elsewhere it is a space.
    """
    if not urlencoded:
        return []
    text = _PLUS.sub(b"=%2B", urlencoded).decode("utf-8", "replace")
    return [
        (_INDEX.sub("", name), value) for name, value in parse_qsl(text, keep_blank_values=True)
    ]


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)
        case _:
            return msgspec.json.encode(value).decode()
