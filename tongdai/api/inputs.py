"""What clients send, read tolerantly: query strings, JSON and forms. Unknown names are ignored."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.types import Scope

from tongdai import errors
from tongdai.api import problems

Struct = TypeVar("Struct", bound=msgspec.Struct)

MAX_BODY = 64 * 1024  # bytes
_MAX_VALUE = 4096  # characters
_PLUS = re.compile(rb"=\+(?=[0-9]{7})")  # phone=+84899888999, by a client that did not encode it
_BOM = b"\xef\xbb\xbf"  # which some put before JSON (RFC 8259 §8.1: it may be ignored)


class Fields:
    """Named texts, some given more than once, without space around. What is empty counts as not
    given.
    """

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        self.names = {name for name, _ in pairs}
        for name, value in pairs:
            if value := value.strip():
                self._values.setdefault(name, []).append(value)

    def all(self, name: str) -> list[str]:
        """Every value of the name, in order. Raises errors.Invalid for what no field may hold."""
        return [_clean(name, value) for value in self._values.get(name, ())]

    def one(self, name: str, default: str = "") -> str:
        """The last value of the name. Raises errors.Invalid for what no field may hold."""
        return _clean(name, self._values[name][-1]) if name in self._values else default

    def needed(self, name: str) -> str:
        """The last value of the name. Raises errors.Invalid where there is none, or for what no
        field may hold.
        """
        if name not in self._values:
            raise errors.Invalid("is required", field=name)
        return self.one(name)


def query(scope: Scope) -> Fields:
    """The query string."""
    return Fields(_pairs(scope["query_string"]))


async def fields(request: Request[Any, Any, Any]) -> Fields:
    """The query string and, over it, the names and plain values of a JSON object or a form in the
    body.
    """
    pairs = _pairs(request.scope["query_string"])
    if _has_body(request.scope) and (body := await request.body()):
        pairs += [
            (name, _text(value))
            for name, value in (_object(request, body)).items()
            if value is not None
        ]
    return Fields(pairs)


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that name, which is given in lower case; None where there is none."""
    return next(
        (value.decode("latin-1") for known, value in scope["headers"] if known == name), None
    )


async def struct(request: Request[Any, Any, Any], kind: type[Struct]) -> Struct:
    """The body as a struct. Raises errors.Invalid naming the field, problems.UnsupportedMediaType,
    BadRequest.
    """
    given = msgspec.convert(_object(request, await request.body()), kind)
    for name in kind.__struct_fields__:
        if isinstance(value := getattr(given, name), str):
            _clean(name, value)
    return given


def _has_body(scope: Scope) -> bool:
    """Whether one is announced (RFC 9112 §6.3): looking for what is not there takes a third of a
    small request.
    """
    return (header(scope, b"content-length") or "0") != "0" or header(
        scope, b"transfer-encoding"
    ) is not None


def _object(request: Request[Any, Any, Any], body: bytes) -> Mapping[str, Any]:
    """The body's names and values: JSON, or a form, by its Content-Type; JSON where it says
    nothing of use.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
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
        raise errors.Invalid("a JSON object is needed", field="body") from reason
    except (msgspec.DecodeError, UnicodeDecodeError) as reason:
        raise problems.BadRequest("The body is not JSON.") from reason


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


def _clean(name: str, value: str) -> str:
    """The value, which a database and a log can hold. Raises errors.Invalid."""
    if len(value) > _MAX_VALUE:
        raise errors.Invalid(f"at most {_MAX_VALUE} characters", field=name)
    if "\0" in value:
        raise errors.Invalid("no NUL characters", field=name)
    return value
