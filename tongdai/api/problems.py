"""Errors as HTTP responses: one shape, the right status, in the client's language.

    {"status": "fail", "error": "STABLE_CODE", "message": "...", "field": "only if one parameter
    is wrong"}

docs/errors.md lists the codes.
"""

import re
from collections.abc import Sequence
from typing import ClassVar, cast

import msgspec
import structlog
from starlette.responses import Response

from tongdai import errors, messages
from tongdai.api import responses
from tongdai.messages import Text

_log = structlog.get_logger("tongdai.api")


class BadRequest(errors.TongdaiError):
    code, status = "BAD_REQUEST", 400
    texts: ClassVar = {
        "en": "The request cannot be read. {why}",
        "vi": "Không đọc được yêu cầu. {why}",
    }


class MethodNotAllowed(errors.TongdaiError):
    """`why` names the methods that the path has, as in `Allow`."""

    code, status = "METHOD_NOT_ALLOWED", 405
    texts: ClassVar = {
        "en": "This path does not know that method.",
        "vi": "Đường dẫn này không hỗ trợ phương thức đó.",
    }


class RequestTimeout(errors.TongdaiError):
    code, status = "REQUEST_TIMEOUT", 408
    texts: ClassVar = {
        "en": "The request did not come to its end in time.",
        "vi": "Yêu cầu không được gửi xong trong thời gian cho phép.",
    }


class TooLarge(errors.TongdaiError):
    code, status = "TOO_LARGE", 413
    texts: ClassVar = {"en": "The request body is too large.", "vi": "Nội dung yêu cầu quá lớn."}


class PreconditionFailed(errors.TongdaiError):
    code, status = "PRECONDITION_FAILED", 412
    texts: ClassVar = {
        "en": "It was changed since you read it; read it again.",
        "vi": "Dữ liệu đã được thay đổi sau khi bạn đọc; hãy đọc lại.",
    }


class WrongLine(msgspec.Struct, frozen=True):
    """A line of many that is wrong, as an error of its own."""

    line: int
    error: str
    field: str
    message: str


class WrongLines(errors.TongdaiError):
    """Some of many are wrong, so that none is made."""

    code, status = "WRONG_LINES", 422
    texts: ClassVar = {
        "en": "Nothing was made: {why}",
        "vi": "Không tạo gì cả: {why}",
    }

    def __init__(
        self, why: Text | str = "", *, field: str = "", lines: Sequence[WrongLine] = ()
    ) -> None:
        super().__init__(why or messages.WRONG_LINES(count=len(lines)), field=field)
        self.lines = lines


class RangeNotSatisfiable(errors.TongdaiError):
    code, status = "RANGE_NOT_SATISFIABLE", 416
    texts: ClassVar = {"en": "The file has no such range.", "vi": "Tệp không có đoạn này."}


class UnsupportedMediaType(errors.TongdaiError):
    code, status = "UNSUPPORTED_MEDIA_TYPE", 415
    texts: ClassVar = {
        "en": "Send JSON (Content-Type: application/json).",
        "vi": "Hãy gửi JSON (Content-Type: application/json).",
    }


class UnsupportedEncoding(errors.TongdaiError):
    code, status = "UNSUPPORTED_ENCODING", 415
    texts: ClassVar = {
        "en": "Send the body as it is, or compressed with gzip.",
        "vi": "Hãy gửi nội dung nguyên bản hoặc nén bằng gzip.",
    }


class HeadersTooLarge(errors.TongdaiError):
    code, status = "HEADERS_TOO_LARGE", 431
    texts: ClassVar = {
        "en": "The request has too many headers, or too long ones.",
        "vi": "Yêu cầu có quá nhiều header hoặc header quá dài.",
    }


def response(reason: Exception, language: str, path: str, **more: object) -> Response:
    """Any error as a response, with `more` keys in its JSON. An exception that is not one of ours
    is logged, and its text is not shown to the client.
    """
    error = reason if isinstance(reason, errors.TongdaiError) else errors.TongdaiError()
    if error.status == 500:
        _log.error("request failed", path=path, exc_info=reason)
    return responses.json(
        body(error, language) | more, status=error.status, headers=headers(error)
    )


def body(error: errors.TongdaiError, language: str) -> dict[str, object]:
    """The JSON of an error."""
    shown: dict[str, object] = {
        "status": "fail",
        "error": error.code,
        "message": error.text(language),
    }
    lines = {"errors": error.lines} if isinstance(error, WrongLines) else {}
    return shown | ({"field": error.field} if error.field else {}) | lines


NEEDED = "needed"
"""The key in `Meta.extra` of a field: the reason that is given for a value of another kind."""


def invalid(reason: msgspec.ValidationError, kind: type[msgspec.Struct]) -> errors.Invalid:
    """The field that msgspec refused in a `kind`, and the reason in our words: msgspec's text is
    such as "Expected `str`, got `int` - at `$.password`".
    """
    text = str(reason)
    if missing := re.fullmatch(r"Object missing required field `(\w+)`.*", text):
        return errors.Invalid(messages.REQUIRED, field=missing[1])
    if unknown := re.fullmatch(r"Object contains unknown field `(\w+)`.*", text):
        return errors.Invalid(messages.UNKNOWN_FIELD, field=unknown[1])
    if at := re.fullmatch(r"(.*) - at `\$\.(\w+).*`", text):
        return errors.Invalid(_own(kind, at[2]) or messages.of_refusal(at[1]), field=at[2])
    return errors.Invalid(messages.of_refusal(text), field="body")


def _own(kind: type[msgspec.Struct], name: str) -> Text | None:
    """The reason that the field itself has."""
    about = cast("msgspec.inspect.StructType", msgspec.inspect.type_info(kind))
    types = [field.type for field in about.fields if field.encode_name == name]
    extras = [one.extra or {} for one in types if isinstance(one, msgspec.inspect.Metadata)]
    return next((extra[NEEDED] for extra in extras if NEEDED in extra), None)


def headers(error: errors.TongdaiError) -> dict[str, str]:
    """Headers that belong to the status (RFC 9110 §15.5.2, §15.5.6, §10.2.3)."""
    named = dict(responses.NO_STORE)
    if error.status == 401:
        named["WWW-Authenticate"] = 'Bearer realm="tongdai"' + (
            ', error="invalid_token"' if error.why else ""
        )
    if isinstance(error, MethodNotAllowed):
        named["Allow"] = error.why
    if isinstance(error, UnsupportedEncoding):
        named["Accept-Encoding"] = "gzip"  # RFC 9110 §12.5.3
    if isinstance(error, RangeNotSatisfiable):
        named["Content-Range"] = f"bytes */{error.why}"
    if error.status in (429, 503):
        named["Retry-After"] = str(error.retry_after_s or 1)
    return named


def language_of(accept: str) -> str:
    """The one of "vi" and "en" that `Accept-Language` prefers (RFC 9110 §12.5.4); "en" if it names
    neither.
    """
    preferred = {"en": 0.0, "vi": 0.0}
    for choice in accept.lower().split(","):
        tag, _, quality = choice.partition(";")
        name = tag.strip().partition("-")[0]
        if name in preferred:
            preferred[name] = max(preferred[name], _quality(quality))
    return "vi" if preferred["vi"] > preferred["en"] else "en"


def _quality(text: str) -> float:
    """The q of "q=0.8"; 1 if there is none, 0 if it is not a number."""
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name else 1.0
    except ValueError:
        return 0.0
