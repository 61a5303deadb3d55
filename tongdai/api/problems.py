"""Errors as HTTP answers: one shape, the right status, in the language of the one who asks.

    {"status": "fail", "error": "STABLE_CODE", "message": "...", "field": "only where one is to
    blame"}

docs/errors.md lists the codes.
"""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from tongdai import errors
from tongdai.api import answers, vietnamese

_log = structlog.get_logger("tongdai.api")


class BadRequest(errors.TongdaiError):
    code, status = "BAD_REQUEST", 400
    texts: ClassVar = {
        "en": "The request cannot be read. {why}",
        "vi": "Không đọc được yêu cầu. {why}",
    }


class MethodNotAllowed(errors.TongdaiError):
    code, status = "METHOD_NOT_ALLOWED", 405
    texts: ClassVar = {
        "en": "This path does not know that method.",
        "vi": "Đường dẫn này không hỗ trợ phương thức đó.",
    }


class TooLarge(errors.TongdaiError):
    code, status = "TOO_LARGE", 413
    texts: ClassVar = {"en": "The request body is too large.", "vi": "Nội dung yêu cầu quá lớn."}


class RangeNotSatisfiable(errors.TongdaiError):
    code, status = "RANGE_NOT_SATISFIABLE", 416
    texts: ClassVar = {"en": "The file has no such range.", "vi": "Tệp không có đoạn này."}


class UnsupportedMediaType(errors.TongdaiError):
    code, status = "UNSUPPORTED_MEDIA_TYPE", 415
    texts: ClassVar = {
        "en": "Send JSON (Content-Type: application/json).",
        "vi": "Hãy gửi JSON (Content-Type: application/json).",
    }


_BY_STATUS: dict[int, type[errors.TongdaiError]] = {
    401: errors.NotAuthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedMediaType,
}
_NEEDED = (
    (re.compile(r"Expected `str\b[^`]*`, got"), "a text is needed"),
    (re.compile(r"Expected `int\b[^`]*`, got"), "a whole number is needed"),
    (re.compile(r"Expected `uuid\b[^`]*`, got|Invalid UUID"), "a UUID is needed"),
    (re.compile(r"Expected `int` >= (\d+)"), r"at least \1"),
    (re.compile(r"Expected `int` <= (\d+)"), r"at most \1"),
    (re.compile(r"Invalid enum value"), "not one of the known values"),
)


def answer(request: Request[Any, Any, Any], reason: Exception) -> Response[dict[str, object]]:
    """What whoever asked is told of any error: everything of ours, nothing of the machinery's."""
    error = _of(reason)
    if error.status == 500:
        _log.error("request failed", path=request.scope["path"], exc_info=reason)
    headers = _headers(error, reason)
    return Response(
        told(error, _language(request)),
        status_code=error.status,
        headers=headers,
        media_type="application/json",
    )


def refuse(
    request: Request[Any, Any, Any], error: errors.TongdaiError, **more: object
) -> answers.Answer:
    """The error as an answer to the request, with `more` keys in its JSON."""
    return answers.json(
        told(error, _language(request)) | more, status=error.status, headers=_headers(error, error)
    )


def told(error: errors.TongdaiError, language: str) -> dict[str, object]:
    """The JSON of an error."""
    text = message(error, language)
    said: dict[str, object] = {"status": "fail", "error": error.code, "message": text}
    return said | ({"field": error.field} if error.field else {})


def reason(request: Request[Any, Any, Any], english: str) -> str:
    """The reason, in the language of the one who asks."""
    return vietnamese.reason(english) if _language(request) == "vi" else english


def _language(request: Request[Any, Any, Any]) -> str:
    return language_of(request.headers.get("accept-language", ""))


def message(error: errors.TongdaiError, language: str) -> str:
    """The error's text, with its reason in that language where we have it."""
    if language == "vi" and error.why:
        error = type(error)(vietnamese.reason(error.why), field=error.field)
    return error.text(language)


def by_code(code: str) -> type[errors.TongdaiError]:
    """The error of a stable code; the general refusal of a call for a code that we do not know."""
    return next((kind for kind in kinds() if kind.code == code), errors.CallRefused)


def kinds() -> Iterator[type[errors.TongdaiError]]:
    """Every error there is."""
    found = [errors.TongdaiError]
    for kind in found:
        found += kind.__subclasses__()
    return iter(found)


def _of(reason: Exception) -> errors.TongdaiError:
    match reason:
        case errors.TongdaiError():
            return reason
        case msgspec.ValidationError():
            return invalid(reason)
        case HTTPException():
            return _BY_STATUS.get(
                reason.status_code, BadRequest if reason.status_code < 500 else errors.TongdaiError
            )()
        case _:
            return errors.TongdaiError()


def invalid(reason: msgspec.ValidationError) -> errors.Invalid:
    """The field that msgspec refused, and why, such as "Expected `str`, got `int` - at
    `$.password`", in our words.
    """
    text = str(reason)
    if missing := re.fullmatch(r"Object missing required field `(\w+)`.*", text):
        return errors.Invalid("is required", field=missing[1])
    if at := re.fullmatch(r"(.*) - at `\$\.(\w+).*`", text):
        return errors.Invalid(_needed(at[1]), field=at[2])
    return errors.Invalid(_needed(text), field="body")


def _needed(refusal: str) -> str:
    """What would have been taken."""
    if refusal.endswith("got `null`"):
        return "is required"
    for pattern, needed in _NEEDED:
        if found := pattern.match(refusal):
            return found.expand(needed)
    return refusal


def _headers(error: errors.TongdaiError, reason: Exception) -> dict[str, str]:
    """What the status needs besides (RFC 9110 §15.5.2, §15.5.6, §10.2.3)."""
    headers = dict(answers.NO_STORE)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="tongdai"' + (
            ', error="invalid_token"' if error.why else ""
        )
    if error.status == 405 and isinstance(reason, HTTPException):
        headers |= reason.headers or {}
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.why}"
    if error.status in (429, 503):
        headers["Retry-After"] = str(error.retry_after_s or 1)
    return headers


def language_of(accept: str) -> str:
    """What `Accept-Language` likes better of "vi" and "en" (RFC 9110 §12.5.4); "en" where it likes
    neither.
    """
    likes = {"en": 0.0, "vi": 0.0}
    for choice in accept.lower().split(","):
        tag, _, quality = choice.partition(";")
        name = tag.strip().partition("-")[0]
        if name in likes:
            likes[name] = max(likes[name], _quality(quality))
    return "vi" if likes["vi"] > likes["en"] else "en"


def _quality(text: str) -> float:
    """The q of "q=0.8"; 1 where there is none, 0 where it is no number."""
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name else 1.0
    except ValueError:
        return 0.0
