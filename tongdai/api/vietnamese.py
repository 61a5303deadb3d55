"""The reasons that the API gives in English, in Vietnamese. {} stands for what differs from time
to time.
"""

import re
from functools import cache

REASONS = {
    "is required": "bắt buộc phải có",
    "is needed": "bắt buộc phải có",
    "a text is needed": "phải là một chuỗi ký tự",
    "a whole number is needed": "phải là số nguyên",
    "a number from 1 to {} is needed": "phải là số từ 1 đến {}",
    "a UUID is needed": "phải là một UUID",
    "whole seconds are needed": "phải là số giây nguyên",
    "digits are needed": "phải là các chữ số",
    "true or false is needed": "phải là true hoặc false",
    "one of {} is needed": "phải là một trong: {}",
    "YYYY-MM-DD or YYYY-MM-DD HH:MM:SS is needed": "phải có dạng YYYY-MM-DD hoặc YYYY-MM-DD HH:MM:SS",
    "a file name or URL is needed": "phải là tên file hoặc URL",
    "a JSON object is needed": "phải là một JSON object",
    "a seq is needed: a whole number": "phải là một seq: một số nguyên",
    "the newest event has seq {}": "sự kiện mới nhất có seq {}",
    "webhook_id, state or since is needed": "phải có webhook_id, state hoặc since",
    "at most {} times": "nhiều nhất {} lần",
    "at most {} characters": "nhiều nhất {} ký tự",
    "at most {}": "nhiều nhất là {}",  # behind the two that say more
    "at least {}": "ít nhất là {}",
    "1 to 64 characters": "từ 1 đến 64 ký tự",
    "1 to 255 visible ASCII characters are needed": "phải là 1 đến 255 ký tự ASCII nhìn thấy được",
    "up to 1,024 printable ASCII characters, no space at the ends": (
        "nhiều nhất 1.024 ký tự ASCII, không có dấu cách ở hai đầu"
    ),
    "expected whsec_ and the base64 of 24 to 64 bytes": "phải là whsec_ và base64 của 24 đến 64 byte",
    "no control characters": "không được có ký tự điều khiển",
    "no NUL characters": "không được có ký tự NUL",
    "holds a character that cannot be stored": "có ký tự không lưu được",
    'none of < > " \\ ; may be in it': 'không được có ký tự nào trong số < > " \\ ;',
    "only answer is known": "chỉ có thể là answer",
    "not a scroll_id of ours": "không phải scroll_id do hệ thống này cấp",
    "not a hotline of this domain": "không phải đầu số của domain này",
    "the domain has no such hotline": "domain không có đầu số này",
    "a telephone number or one of {}": "phải là số điện thoại hoặc một trong: {}",
    "there is no event {}": "không có sự kiện {}",
    "There is no event {}: it will never be posted.": "Không có sự kiện {}: sẽ không bao giờ được gửi.",
    "not a URL": "không phải là URL",
    "not a host name": "không phải là tên máy",
    "must begin with http:// or https://": "phải bắt đầu bằng http:// hoặc https://",
    "must not hold a user or a password; use callback_apikey": (
        "không được chứa tài khoản hay mật khẩu; hãy dùng callback_apikey"
    ),
    "no callbacks to this port": "không được gửi tới cổng này",
    "no callbacks to this address": "không được gửi tới địa chỉ này",
    "used before for another request": "đã dùng cho một yêu cầu khác",
    "is still being written": "đang được ghi, chưa xong",
    "exists already": "đã tồn tại",
    "out of range, or not one of the known values": "ngoài phạm vi, hoặc không phải một giá trị được biết",
    "not one of the known values": "không phải một giá trị được biết",
    "what it refers to is gone, or something still refers to it": "đối tượng liên quan đã mất hoặc đang được dùng",
    "the subscription is disabled: enable it first": "đăng ký đang bị tắt: hãy bật lại trước",
    "calls a minute": "số cuộc gọi mỗi phút",
    "minutes a day": "số phút mỗi ngày",
    "calls by the trunk": "số cuộc gọi của trunk",
    "The token is not valid.": "Token không hợp lệ.",
    "The token has expired.": "Token đã hết hạn.",
    "The account is gone.": "Tài khoản không còn nữa.",
    "The account is disabled.": "Tài khoản đã bị khoá.",
    "The API key of the token was rotated.": "API key đã lấy token này không còn hiệu lực.",
    "The body is not JSON.": "Nội dung không phải là JSON.",
    "The recording was deleted.": "Bản ghi âm đã bị xoá.",
    "The recording was lost.": "Bản ghi âm đã bị mất.",
    "The switch could not reach the extension's phone.": "Tổng đài không kết nối được tới điện thoại của máy nhánh.",
    "The call could not be recorded in time.": "Không ghi nhận được cuộc gọi kịp thời.",
    "Nothing is sent from here.": "Máy chủ này không gửi webhook.",
    "Somebody else changed the same thing; try again.": "Có người khác vừa thay đổi cùng dữ liệu; hãy thử lại.",
    "The database does not answer.": "Cơ sở dữ liệu không trả lời.",
    "The database went away.": "Mất kết nối tới cơ sở dữ liệu.",
    "The database has no free connection.": "Cơ sở dữ liệu không còn kết nối trống.",
    "The database cannot be reached.": "Không kết nối được tới cơ sở dữ liệu.",
    "the sandbox does not answer: {}": "sandbox không trả lời: {}",
    "the sandbox refused: {}": "sandbox từ chối: {}",
}


def reason(english: str) -> str:
    """The reason in Vietnamese; as it is where we have none."""
    if english in REASONS:
        return REASONS[english]
    for pattern, vietnamese in _patterns():
        if found := pattern.fullmatch(english):
            return vietnamese.format(*found.groups())
    return english


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [
        (re.compile(re.escape(english).replace(r"\{\}", "(.*)")), vietnamese)
        for english, vietnamese in REASONS.items()
        if "{}" in english
    ]
