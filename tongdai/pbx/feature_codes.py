"""The feature codes: what the extensions of a domain dial to set or use something.

A domain may give each feature another code, or none; its other codes are those of this list.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from tongdai.messages import Text

Feature = Literal[
    "pickup",
    "forward_always",
    "forward_always_off",
    "forward_busy",
    "forward_busy_off",
    "forward_no_answer",
    "forward_no_answer_off",
    "forward_unreachable",
    "forward_unreachable_off",
    "do_not_disturb",
    "do_not_disturb_off",
    "hours_open",
    "hours_closed",
    "hours_by_plan",
    "park",
    "retrieve",
]
FEATURES: tuple[Feature, ...] = get_args(Feature)
Argument = Literal["", "extension", "number", "hotline", "slot"]
"""The kind of number that is dialled after the code."""


class FeatureCode(Struct, frozen=True):
    """`code` is "" where the domain has none. `needs` says that the argument must be dialled."""

    feature: Feature
    code: str
    argument: Argument
    needs: bool
    meaning: Text


def _set(feature: Feature, code: str, en: str, vi: str) -> FeatureCode:
    return FeatureCode(feature, code, "number", needs=True, meaning=Text(en, vi))


def _off(feature: Feature, code: str, en: str, vi: str) -> FeatureCode:
    return FeatureCode(feature, code, "", needs=False, meaning=Text(en, vi))


def _hours(feature: Feature, code: str, en: str, vi: str) -> FeatureCode:
    return FeatureCode(feature, code, "hotline", needs=False, meaning=Text(en, vi))


CODES: tuple[FeatureCode, ...] = (
    FeatureCode(
        "pickup",
        "*8",
        "extension",
        needs=False,
        meaning=Text(
            "Take the call that rings at this extension; without one, at a colleague of the same "
            "ring group or queue.",
            "Nhấc hộ cuộc gọi đang đổ chuông ở máy nhánh này; không có số: ở đồng nghiệp cùng "
            "nhóm đổ chuông hoặc hàng đợi.",
        ),
    ),
    _set("forward_always", "*72", "Forward all calls.", "Chuyển hướng mọi cuộc gọi."),
    _off(
        "forward_always_off",
        "*73",
        "Forward all calls no longer.",
        "Tắt chuyển hướng mọi cuộc gọi.",
    ),
    _set("forward_busy", "*90", "Forward calls when busy.", "Chuyển hướng khi bận."),
    _off("forward_busy_off", "*91", "Forward no longer when busy.", "Tắt chuyển hướng khi bận."),
    _set(
        "forward_no_answer",
        "*52",
        "Forward calls without an answer.",
        "Chuyển hướng khi không trả lời.",
    ),
    _off(
        "forward_no_answer_off",
        "*53",
        "Forward no longer without an answer.",
        "Tắt chuyển hướng khi không trả lời.",
    ),
    _set(
        "forward_unreachable",
        "*54",
        "Forward calls when no phone is registered.",
        "Chuyển hướng khi không có điện thoại nào đăng ký.",
    ),
    _off(
        "forward_unreachable_off",
        "*55",
        "Forward no longer when no phone is registered.",
        "Tắt chuyển hướng khi không có điện thoại nào đăng ký.",
    ),
    _off("do_not_disturb", "*78", "Do not disturb.", "Bật không làm phiền (DND)."),
    _off("do_not_disturb_off", "*79", "May be disturbed again.", "Tắt không làm phiền (DND)."),
    _hours(
        "hours_by_plan",
        "*280",
        "The hours plan of the hotline follows its hours again.",
        "Lịch làm việc của đầu số lại theo giờ đã đặt.",
    ),
    _hours(
        "hours_open",
        "*281",
        "The hours plan of the hotline is open until changed.",
        "Mở cửa: lịch làm việc của đầu số mở cho đến khi đổi lại.",
    ),
    _hours(
        "hours_closed",
        "*282",
        "The hours plan of the hotline is closed until changed.",
        "Đóng cửa: lịch làm việc của đầu số đóng cho đến khi đổi lại.",
    ),
    _off(
        "park",
        "*70",
        "Park: transfer a call here, and it waits with music at a slot.",
        "Gửi cuộc gọi: chuyển cuộc gọi tới đây, người gọi chờ với nhạc ở một ô.",
    ),
    FeatureCode(
        "retrieve",
        "*71",
        "slot",
        needs=False,
        meaning=Text(
            "Take back the call that is parked at this slot; without one, the one that waits "
            "longest.",
            "Lấy lại cuộc gọi đang gửi ở ô này; không có số ô: cuộc gọi chờ lâu nhất.",
        ),
    ),
)
"""All, with the codes that a domain has if it says nothing else."""


class Dialled(Struct, frozen=True):
    """A feature that was dialled, and the number after its code."""

    feature: Feature
    argument: str


def listed(own: Sequence[str]) -> tuple[FeatureCode, ...]:
    """All codes of a domain whose `feature_codes` are `own`."""
    codes = dict(_split(own))
    return tuple(replace(each, code=codes.get(each.feature, each.code)) for each in CODES)


def _split(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        feature, _, code = text.partition("=")
        yield feature, code


def dialled(number: str, own: Sequence[str]) -> Dialled | None:
    """The feature that the number means: the one with the longest code that it begins with, if
    just what belongs to that follows.
    """
    if not number.startswith("*"):
        return None
    known = (each for each in listed(own) if each.code and number.startswith(each.code))
    found = max(known, key=lambda each: len(each.code), default=None)
    if found is None:
        return None
    argument = number.removeprefix(found.code)
    is_right = bool(found.argument) if argument else not found.needs
    return Dialled(found.feature, argument) if is_right else None


def code(feature: Feature, own: Sequence[str]) -> str:
    """The code of the feature; "" for none."""
    return next(each.code for each in listed(own) if each.feature == feature)


def clashing(own: Sequence[str]) -> tuple[Feature, Feature] | None:
    """Two features whose codes cannot be told apart: the same one, or one that a number follows
    and that the other one begins with; None if there are none.
    """
    codes = [each for each in listed(own) if each.code]
    for one in codes:
        for other in codes:
            is_begun = bool(one.argument) and other.code.startswith(one.code)
            if one is not other and (is_begun or one.code == other.code):
                return one.feature, other.feature
    return None
