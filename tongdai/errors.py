"""Every error that can be raised, with its stable code, HTTP status and text in English and
Vietnamese.

TongdaiError
├── Invalid (422)             a field with an invalid value; names it
│   ├── InvalidPhone          not a number that can be dialled
│   └── InvalidExtension      no such extension in this domain
├── NotAuthenticated (401)    no token, a bad one, an expired one
│   ├── WrongCredentials      user name, password or API key
│   ├── CodeNeeded            the account has a second factor
│   └── WrongCode             not a code of it, or one that was taken before
├── Forbidden (403)           the user's level does not allow it
├── NotFound (404)            missing, or another domain's: the same answer
├── Gone (410)                it existed and was deleted
│   └── EventsGone            the feed no longer holds the requested events
├── Conflict (409)            it exists already, or is in use
│   ├── CallEnded             a call that cannot be ended again
│   ├── CallNotTalking        a call in which not just two parties talk
│   ├── NothingToChange       it is so already
│   └── SteeringRefused       the switch has done nothing, or is at another command
├── TooManyRequests (429)     with Retry-After
├── Unavailable (503)         database or switch down
│   └── SwitchDown
├── CallRefused (409)         a call that could not be placed
│   ├── UserNotRegistered, UserBusy, UserRejected, UserNotAnswering, NoHotline, TooManyCalls,
│       DestinationBarred, CallsSuspended, CallLimit
└── SetupError                the start-up failed: one readable line
    └── WrongMasterKey
"""

from collections.abc import Iterator
from typing import ClassVar

from tongdai.messages import Text


class TongdaiError(Exception):
    """Base of all. `code` is stable and documented in docs/errors.md; `texts` may use {field} and
    {why}.
    """

    code: ClassVar[str] = "ERROR"
    status: ClassVar[int] = 500
    texts: ClassVar[dict[str, str]] = {"en": "Something went wrong.", "vi": "Đã có lỗi xảy ra."}

    def __init__(self, why: Text | str = "", *, field: str = "", retry_after_s: int = 0) -> None:
        super().__init__(str(why) or self.texts["en"])
        self.reason, self.field, self.retry_after_s = why, field, retry_after_s

    @property
    def why(self) -> str:
        """The reason in English, or ""."""
        return str(self.reason)

    def text(self, language: str) -> str:
        """The message in "vi" or "en" (any other language gets English)."""
        reason = self.reason
        if isinstance(reason, Text) and reason.is_whole:
            return reason.of(language).format(field=self.field)
        why = reason.of(language) if isinstance(reason, Text) else reason
        template = self.texts.get(language, self.texts["en"])
        return template.format(field=self.field, why=why).strip()


class Invalid(TongdaiError):
    code, status = "INVALID_FIELD", 422
    texts: ClassVar = {"en": "{field}: {why}", "vi": "{field} không hợp lệ: {why}"}


class InvalidPhone(Invalid):
    code = "INVALID_PHONE"
    texts: ClassVar = {
        "en": "{field}: not a phone number that can be dialled. {why}",
        "vi": "{field}: số điện thoại không gọi được. {why}",
    }


class InvalidExtension(Invalid):
    code = "INVALID_EXTENSION"
    texts: ClassVar = {
        "en": "{field}: no such extension in this domain. {why}",
        "vi": "{field}: không có máy nhánh này trong domain. {why}",
    }


class NotAuthenticated(TongdaiError):
    code, status = "UNAUTHORIZED", 401
    texts: ClassVar = {
        "en": "A valid token is needed: Authorization: Bearer {{TOKEN}}. {why}",
        "vi": "Cần token hợp lệ: Authorization: Bearer {{TOKEN}}. {why}",
    }


class WrongCredentials(NotAuthenticated):
    code = "WRONG_CREDENTIALS"
    texts: ClassVar = {
        "en": "Unknown user, wrong password or wrong API key. {why}",
        "vi": "Sai tài khoản, mật khẩu hoặc API key. {why}",
    }


class CodeNeeded(NotAuthenticated):
    code = "CODE_NEEDED"
    texts: ClassVar = {
        "en": "Give the code that your authenticator app shows, as code.",
        "vi": "Hãy nhập mã đang hiện trong ứng dụng xác thực (code).",
    }


class WrongCode(NotAuthenticated):
    code = "WRONG_CODE"
    texts: ClassVar = {
        "en": "Not the code that the authenticator app shows now, or used already.",
        "vi": "Mã không đúng, đã hết hạn hoặc đã dùng rồi.",
    }


class Forbidden(TongdaiError):
    code, status = "FORBIDDEN", 403
    texts: ClassVar = {
        "en": "This account may not do that. {why}",
        "vi": "Tài khoản không có quyền này. {why}",
    }


class NotFound(TongdaiError):
    code, status = "NOT_FOUND", 404
    texts: ClassVar = {"en": "Not found.", "vi": "Không tìm thấy."}


class Gone(TongdaiError):
    code, status = "GONE", 410
    texts: ClassVar = {"en": "No longer available. {why}", "vi": "Không còn nữa. {why}"}


class EventsGone(Gone):
    code = "EVENTS_GONE"
    texts: ClassVar = {
        "en": (
            "The events after that one are no longer kept. Read the CDRs, then go on with after "
            "= first_seq - 1."
        ),
        "vi": (
            "Các sự kiện sau đó không còn được lưu. Hãy đọc CDR rồi đọc tiếp với after = "
            "first_seq - 1."
        ),
    }


class Conflict(TongdaiError):
    code, status = "CONFLICT", 409
    texts: ClassVar = {"en": "{field}: {why}", "vi": "{field}: {why}"}


class CallEnded(Conflict):
    code = "CALL_ENDED"
    texts: ClassVar = {
        "en": "The call has ended, or is being ended already.",
        "vi": "Cuộc gọi đã kết thúc hoặc đang được ngắt.",
    }


class CallNotTalking(Conflict):
    code = "CALL_NOT_TALKING"
    texts: ClassVar = {
        "en": "The call is no talk of two parties now.",
        "vi": "Cuộc gọi hiện không phải là cuộc đàm thoại giữa hai bên.",
    }


class NothingToChange(Conflict):
    code = "NOTHING_TO_CHANGE"
    texts: ClassVar = {
        "en": "The call is in this state already.",
        "vi": "Cuộc gọi đã ở trạng thái này.",
    }


class SteeringRefused(Conflict):
    code = "STEERING_REFUSED"
    texts: ClassVar = {
        "en": "The switch could not do this now; the call is as it was.",
        "vi": "Tổng đài hiện không thực hiện được; cuộc gọi vẫn giữ nguyên.",
    }


class TooManyRequests(TongdaiError):
    code, status = "TOO_MANY_REQUESTS", 429
    texts: ClassVar = {
        "en": "Too many requests; try again later.",
        "vi": "Quá nhiều yêu cầu; vui lòng thử lại sau.",
    }


class Unavailable(TongdaiError):
    code, status = "UNAVAILABLE", 503
    texts: ClassVar = {
        "en": "Not available right now. {why}",
        "vi": "Tạm thời không phục vụ được. {why}",
    }


class SwitchDown(Unavailable):
    code = "SWITCH_DOWN"
    texts: ClassVar = {"en": "The switch cannot be reached.", "vi": "Không kết nối được tổng đài."}


class CallRefused(TongdaiError):
    code, status = "CALL_REFUSED", 409
    texts: ClassVar = {
        "en": "The call could not be placed. {why}",
        "vi": "Không thực hiện được cuộc gọi. {why}",
    }


class UserNotRegistered(CallRefused):
    code = "USER_NOT_REGISTERED"
    texts: ClassVar = {
        "en": "The extension's phone is not registered.",
        "vi": "Máy nhánh chưa đăng ký SIP (offline).",
    }


class UserBusy(CallRefused):
    code = "USER_BUSY"
    texts: ClassVar = {"en": "The extension is busy.", "vi": "Máy nhánh đang bận."}


class UserRejected(CallRefused):
    code = "USER_REJECTED"
    texts: ClassVar = {
        "en": "The extension rejected the call.",
        "vi": "Máy nhánh từ chối cuộc gọi.",
    }


class UserNotAnswering(CallRefused):
    code = "USER_NOT_ANSWERING"
    texts: ClassVar = {"en": "The extension did not answer.", "vi": "Máy nhánh không nhấc máy."}


class NoHotline(CallRefused):
    code = "NO_HOTLINE"
    texts: ClassVar = {
        "en": "The domain has no hotline with a trunk to call out by. {why}",
        "vi": "Domain chưa có đầu số (hotline) để gọi ra. {why}",
    }


class TooManyCalls(CallRefused):
    code = "TOO_MANY_CALLS"
    texts: ClassVar = {
        "en": "The domain has reached its number of simultaneous calls.",
        "vi": "Domain đã đạt số cuộc gọi đồng thời tối đa.",
    }


class DestinationBarred(CallRefused):
    code = "DESTINATION_BARRED"
    texts: ClassVar = {
        "en": "The domain does not call numbers of this kind.",
        "vi": "Domain không được phép gọi tới đầu số này.",
    }


class CallsSuspended(CallRefused):
    code = "CALLS_SUSPENDED"
    texts: ClassVar = {
        "en": (
            "Calls out of this extension or domain are suspended, after many calls to barred "
            "numbers."
        ),
        "vi": "Máy nhánh hoặc domain đang bị khoá gọi ra vì nhiều lần gọi số không được phép.",
    }


class CallLimit(CallRefused):
    code = "CALL_LIMIT"
    texts: ClassVar = {
        "en": "A limit on calls out is reached: {why}.",
        "vi": "Đã đạt hạn mức gọi ra: {why}.",
    }


class SetupError(TongdaiError):
    code = "SETUP"
    texts: ClassVar = {"en": "{why}", "vi": "{why}"}


class WrongMasterKey(SetupError):
    code = "WRONG_MASTER_KEY"
    texts: ClassVar = {
        "en": "The data was encrypted under another master key (TONGDAI_SECRET).",
        "vi": "Dữ liệu được mã hoá bằng khoá khác (TONGDAI_SECRET).",
    }


def by_code(code: str) -> type[TongdaiError]:
    """The error of a stable code; CallRefused for an unknown code."""
    return next((kind for kind in kinds() if kind.code == code), CallRefused)


def kinds() -> Iterator[type[TongdaiError]]:
    """Every error that exists."""
    found = [TongdaiError]
    for kind in found:
        found += kind.__subclasses__()
    return iter(found)
