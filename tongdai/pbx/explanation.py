"""Reasons of the routing in words, English and Vietnamese: what a number means, why an extension
is passed over, why a call ends.
"""

from datetime import datetime
from enum import StrEnum
from typing import assert_never
from zoneinfo import ZoneInfo

from tongdai.messages import Text
from tongdai.pbx import (
    barring,
    causes,
    feature_codes,
    forwarding_reasons,
    hunting,
    inbound,
    menus,
    numbers,
)
from tongdai.pbx.barring import BarReason
from tongdai.pbx.call import BLOCKED, Call
from tongdai.pbx.causes import ReleaseCause
from tongdai.pbx.directory import Directory, Extension, Menu, Strategy
from tongdai.pbx.routing import RoutingContext


class Limit(StrEnum):
    """The limit that stopped a call: those of call barring, and those on simultaneous calls."""

    NONE = ""
    DESTINATION = "destination"
    SUSPENDED = "suspended"
    RATE = "rate"
    MINUTES = "minutes"
    TRUNK = "trunk"
    CALLS = "calls"  # of the domain
    EXTENSION_CALLS = "extension_calls"


_EXTENSION = Text("extension {number}", "máy nhánh {number}")
_GROUP = Text("ring group {number}, {how}", "nhóm đổ chuông {number}, {how}")
_QUEUE = Text("queue {number}", "hàng đợi {number}")
_HOTLINE = Text("the own hotline {number}, to {place}", "đầu số nội bộ {number}, tới {place}")
_CLOSED_HOTLINE = Text(
    "the own hotline {number}, closed by the hours plan {plan}",
    "đầu số nội bộ {number}, ngoài giờ theo lịch {plan}",
)
_OUTSIDE = Text(
    "a number outside ({kind}), by hotline {hotline}",
    "số bên ngoài ({kind}), qua đầu số {hotline}",
)
_BARRED_OUTSIDE = Text("a number outside ({kind})", "số bên ngoài ({kind})")
_NOTHING = Text("no number of the domain", "không phải số của domain")
_CALLS_HOTLINE = Text(
    "{caller} calls hotline {number}, which leads to {place}",
    "{caller} gọi đầu số {number}, dẫn tới {place}",
)
_BLOCKED_CALLER = Text(
    "{caller} calls hotline {number}, and is blocked there by {known}",
    "{caller} gọi đầu số {number}, nhưng bị chặn bởi {known}",
)
_CALLER_TO = Text(
    "{caller} calls hotline {number}, and has a destination of its own: {place}",
    "{caller} gọi đầu số {number}, có đích riêng: {place}",
)
_CLOSED_TO = Text(
    "{caller} calls hotline {number}, which is closed by the hours plan {plan}, and leads to "
    "{place}",
    "{caller} gọi đầu số {number}, ngoài giờ theo lịch {plan}, dẫn tới {place}",
)
_CLOSED_TO_NOBODY = Text(
    "{caller} calls hotline {number}, which is closed by the hours plan {plan}",
    "{caller} gọi đầu số {number}, ngoài giờ theo lịch {plan}",
)
_NUMBER_OUTSIDE = Text("the number {number} outside", "số bên ngoài {number}")
_CALLS_NOBODY = Text("{caller} calls {number}", "{caller} gọi {number}")
_DIALS = Text("{caller} dials {number}: {place}", "{caller} quay {number}: {place}")

RINGS = Text("rings for at most {seconds} s", "đổ chuông tối đa {seconds} giây")
RINGS_FOR_QUEUE = Text(
    "queue {queue} offers the call to the agent who has been idle longest, for {seconds} s",
    "hàng đợi {queue} chuyển cho tổng đài viên rảnh lâu nhất, trong {seconds} giây",
)
NOT_REGISTERED = Text("no phone is registered", "chưa có điện thoại nào đăng ký SIP (offline)")
WAITS = Text(
    "waits with music for at most {seconds} s; agents who do not answer are asked again after "
    "{again} s",
    "chờ với nhạc tối đa {seconds} giây; tổng đài viên không nhấc máy được gọi lại sau {again} "
    "giây",
)
GOES_OUT = Text("by trunk {trunk}", "qua trunk {trunk}")
GOES_OUT_FURTHER = Text(
    "by trunk {trunk}; where that fails before ringing, by {further}",
    "qua trunk {trunk}; nếu lỗi trước khi đổ chuông thì qua {further}",
)
_FORWARDS = Text(
    "extension {extension} forwards its calls ({setting}) to {place}",
    "máy nhánh {extension} chuyển hướng cuộc gọi ({setting}) tới {place}",
)
_GOES_ON = Text("nobody answers: overflow to {place}", "không ai trả lời: chuyển tới {place}")

_HEARS = Text(
    "hears menu {number} and may press {keys}", "nghe menu {number} và có thể bấm {keys}"
)
_HEARS_ALL = Text("hears announcement {number}", "nghe thông báo {number}")
LEAVES = Text("presses nothing: on to {place}", "không bấm phím nào: chuyển tới {place}")
AFTER = Text("then on to {place}", "sau đó chuyển tới {place}")
_ANY_EXTENSION = Text("the number of an extension", "số của một máy nhánh")
_MENU = Text("menu {number}", "menu {number}")
_UNKNOWN = Text("no such extension", "không có máy nhánh này")
_DISABLED = Text("the extension is disabled", "máy nhánh đang bị tắt")
_NOT_DISTURBED = Text("it is not to be disturbed", "đang bật không làm phiền (DND)")
_CALLER = Text("it is the caller itself", "chính là máy đang gọi")
_BUSY = Text("on {calls} of at most {most} calls", "đang có {calls} cuộc gọi, tối đa {most} cuộc")

_LIMITS: dict[BarReason, Text] = {
    BarReason.DESTINATION: Text(
        "the domain may not call numbers of this kind ({kind})",
        "domain không được phép gọi loại số này ({kind})",
    ),
    BarReason.SUSPENDED: Text(
        "calls out are suspended until {until}: {why}", "đang bị khoá gọi ra đến {until}: {why}"
    ),
    BarReason.RATE: Text(
        "{used} calls out within the last minute, of at most {most}",
        "đã gọi ra {used} cuộc trong phút vừa qua, tối đa {most}",
    ),
    BarReason.MINUTES: Text(
        "{used} minutes talked today, of at most {most}",
        "hôm nay đã gọi {used} phút, tối đa {most}",
    ),
    BarReason.TRUNK: Text(
        "every trunk of the hotline has its maximum of calls",
        "mọi trunk của đầu số đã đạt số cuộc gọi tối đa",
    ),
}
_DOMAIN_FULL = Text(
    "the domain has {calls} of at most {most} calls", "domain đang có {calls}/{most} cuộc gọi"
)
_NO_ANSWER = Text("nobody answered", "không ai trả lời")
_NO_SUCH_HOTLINE = Text(
    "the domain has no such hotline, or it is disabled or leads nowhere",
    "domain không có đầu số này, hoặc đầu số bị tắt hay không dẫn tới đâu",
)
_NOT_A_NUMBER = Text(
    "neither a number of the domain nor one that can be dialled outside",
    "không phải số của domain, cũng không phải số gọi ra được",
)
_NO_HOTLINE = Text(
    "no enabled hotline with an enabled trunk to call out by",
    "không có đầu số nào đang bật với trunk đang bật để gọi ra",
)
_TRUNK_FULL = Text(
    "the trunk that it comes by has its maximum of calls",
    "trunk của cuộc gọi đến đã đạt số cuộc gọi tối đa",
)
_BLOCKED = Text("the caller is blocked", "số gọi đến bị chặn")
_CLOSED = Text("the hotline is closed at this time", "đầu số đang ngoài giờ làm việc")
_ALL_BUSY = Text("all are busy", "tất cả đều bận")
_ALL_ABSENT = Text("nobody is there to ring", "không có ai để đổ chuông")


_WAYS: dict[tuple[tuple[str, ...], bool], Text] = {
    ((), True): _CALLS_HOTLINE,
    ((), False): _CALLS_NOBODY,
    ((inbound.CLOSED,), True): _CLOSED_TO,
    ((inbound.CLOSED,), False): _CLOSED_TO_NOBODY,
    ((BLOCKED,), False): _BLOCKED_CALLER,
    ((inbound.ROUTED,), True): _CALLER_TO,
}
"""By the reasons of a hotline's target, and whether there is one."""


def filled(text: Text, **values: object) -> Text:
    """The text with its values put in, those that are texts in each language."""
    en = {name: each.en if isinstance(each, Text) else each for name, each in values.items()}
    vi = {name: each.vi if isinstance(each, Text) else each for name, each in values.items()}
    return Text(text.en.format(**en), text.vi.format(**vi))


def arrival(caller: str, call: Call, context: RoutingContext) -> Text:
    """What the number called means."""
    if call.direction == "inbound":
        return _calls_hotline(caller, call.dialled, context)
    return filled(_DIALS, caller=caller, number=call.dialled, place=_dialled(call, context))


def _calls_hotline(caller: str, number: str, context: RoutingContext) -> Text:
    directory = context.directory
    if (hotline := directory.hotline(number)) is None:
        return filled(_CALLS_NOBODY, caller=caller, number=number)
    known = inbound.known(caller, context.caller, hotline, directory)
    target = inbound.target(hotline, directory, context.now, known)
    text = _WAYS[target.by, bool(target.number)]
    return filled(
        text,
        caller=caller,
        number=number,
        plan=hotline.hours,
        known=known.caller if known else "",
        place=_first(target.number, directory),
    )


def onward(before: str, number: str, call: Call, directory: Directory) -> Text:
    """Why the call goes on from one number to another one."""
    where = _first(number, directory)
    setting = forwarding_reasons.last(call.routed_by, before)
    if not setting:
        return filled(_GOES_ON, place=where)
    words = setting.removeprefix("forward_").replace("_", " ")
    return filled(_FORWARDS, extension=before, setting=words, place=where)


def _first(number: str, directory: Directory) -> Text:
    """A number of the domain, or outside."""
    is_outside = not directory.is_internal(number) and not directory.hotline(number)
    return filled(_NUMBER_OUTSIDE, number=number) if is_outside else place(number, directory)


def _dialled(call: Call, context: RoutingContext) -> Text:
    directory = context.directory
    own = None if directory.is_internal(call.dialled) else directory.hotline(call.dialled)
    if own and inbound.is_closed(own, directory, context.now):
        return filled(_CLOSED_HOTLINE, number=own.number, plan=own.hours)
    if call.direction == "local":
        return place(call.dialled, directory)
    kind = _kind(call.dialled, directory)
    if call.hotline:
        return filled(_OUTSIDE, kind=kind, hotline=call.hotline)
    return filled(_BARRED_OUTSIDE, kind=kind)


def place(number: str, directory: Directory) -> Text:
    """The kind of an internal number, and the number."""
    if number in directory.extensions:
        return filled(_EXTENSION, number=number)
    if group := directory.ring_groups.get(number):
        how = _how(group.strategy)
        return filled(_GROUP, number=number, how=how)
    if number in directory.queues:
        return filled(_QUEUE, number=number)
    if number in directory.menus:
        return filled(_MENU, number=number)
    if (own := directory.hotline(number)) and not directory.hotline(own.destination):
        return filled(_HOTLINE, number=own.number, place=place(own.destination, directory))
    return feature(number, directory)


def hearing(menu: Menu) -> Text:
    """What the menu offers to its callers."""
    if not menus.is_asking(menu):
        return filled(_HEARS_ALL, number=menu.number)
    own = [_ANY_EXTENSION] * menu.direct_dialling
    en = ", ".join((*menu.choices, *(each.en for each in own)))
    vi = ", ".join((*menu.choices, *(each.vi for each in own)))
    return filled(_HEARS, number=menu.number, keys=Text(en, vi))


def feature(number: str, directory: Directory) -> Text:
    """The meaning of the feature that is dialled so."""
    own = directory.domain.feature_codes
    dialled = feature_codes.dialled(number, own)
    known = (each for each in feature_codes.CODES if dialled and each.feature == dialled.feature)
    return next((each.meaning for each in known), _NOTHING)


def _how(strategy: Strategy) -> Text:
    match strategy:
        case "ring_all":
            words = "cùng lúc"
        case "sequential":
            words = "lần lượt"
        case "round_robin":
            words = "lần lượt, bắt đầu từ máy kế tiếp"
        case _:
            assert_never(strategy)
    return Text(hunting.meaning(strategy), words)


def why_passed_over(extension: str, caller: str, context: RoutingContext) -> Text | None:
    """Why the extension gets no call of a ring group or queue; None if it may get one."""
    known = context.directory.extensions.get(extension)
    if known is None:
        return _UNKNOWN
    if not known.enabled:
        return _DISABLED
    if extension == caller:
        return _CALLER
    if known.do_not_disturb:
        return _NOT_DISTURBED
    calls = context.talks.get(extension, 0)
    return filled(_BUSY, calls=calls, most=known.max_calls) if calls >= known.max_calls else None


def why_ended(
    call: Call, release: ReleaseCause, reason: BarReason | None, context: RoutingContext
) -> tuple[Text, Limit]:
    """Why a call that nobody answers ends, and the limit that ended it, "" for none."""
    if reason:
        return why_barred(reason, call.extension, call.dialled, context), Limit(reason.value)
    domain = context.directory.domain
    if BLOCKED in call.routed_by:
        return _BLOCKED, Limit.NONE
    if _is_closed(call, context):
        return _CLOSED, Limit.NONE
    if release == causes.OVERLOADED:
        return filled(_DOMAIN_FULL, calls=context.calls, most=domain.max_calls), Limit.CALLS
    if release == causes.CONGESTED:
        return _TRUNK_FULL, Limit.TRUNK
    if release == causes.UNALLOCATED:
        return (_NO_SUCH_HOTLINE if call.direction == "inbound" else _NOT_A_NUMBER), Limit.NONE
    if release == causes.BARRED:
        own = context.directory.extensions.get(call.extension)
        is_off = call.direction != "inbound" and own is not None and not own.enabled
        return (_DISABLED if is_off else _NO_HOTLINE), Limit.NONE
    if not call.attempt and release == causes.BUSY and _is_not_disturbed(call, context):
        return _NOT_DISTURBED, Limit.NONE
    if call.direction != "inbound" and not call.attempt and release == causes.BUSY:
        why = why_passed_over(call.extension, "", context)
        return (why, Limit.EXTENSION_CALLS) if why else (_CALLER, Limit.NONE)
    if release.status == "BUSY":
        return _ALL_BUSY, Limit.NONE
    return (_ALL_ABSENT if release == causes.ABSENT else _NO_ANSWER), Limit.NONE


def _is_not_disturbed(call: Call, context: RoutingContext) -> bool:
    number = call.extension if call.direction == "inbound" else call.dialled
    called = context.directory.extensions.get(number)
    return called is not None and called.do_not_disturb


def _is_closed(call: Call, context: RoutingContext) -> bool:
    """Whether the call ended because its hotline is closed, and leads nowhere then."""
    hotline = context.directory.hotline(call.dialled)
    is_rejected = hotline is not None and not hotline.closed_destination
    return is_rejected and call.routed_by[-1:] == (inbound.CLOSED,)


def why_barred(reason: BarReason, extension: str, number: str, context: RoutingContext) -> Text:
    """The limit on calls out that the extension's call to the number meets."""
    directory, usage = context.directory, context.usage
    domain, own = directory.domain, directory.extensions.get(extension)
    text = _LIMITS[reason]
    match reason:
        case BarReason.DESTINATION:
            return filled(text, kind=_kind(number, directory))
        case BarReason.SUSPENDED:
            return _suspended(text, own, context)
        case BarReason.RATE:
            return filled(text, used=usage.started, most=domain.calls_per_minute)
        case BarReason.MINUTES:
            return filled(text, used=usage.talked_s // 60, most=domain.minutes_per_day)
        case BarReason.TRUNK:
            return text


def _suspended(text: Text, own: Extension | None, context: RoutingContext) -> Text:
    domain = context.directory.domain
    is_own = barring.is_suspended(domain, None, context.now) is False
    until, why = (
        (own.suspended_until, own.suspended_why)
        if own and is_own
        else (domain.suspended_until, domain.suspended_why)
    )
    return filled(text, until=local(until, domain.time_zone), why=why)


def local(moment: datetime | None, zone: str) -> str:
    """`YYYY-MM-DD HH:MM:SS` in the zone, "" for None."""
    return moment.astimezone(ZoneInfo(zone)).isoformat(" ", "seconds")[:19] if moment else ""


def _kind(number: str, directory: Directory) -> str:
    parsed = numbers.parse(number, directory.domain.country)
    return numbers.classify(parsed).value if parsed else "?"


def further_trunks(call: Call, context: RoutingContext) -> tuple[str, ...]:
    """The names of the trunks by which the call goes if the one being dialled fails."""
    then = getattr(call.course, "then", None)
    trunks = {str(each.trunk_uuid): each.name for each in context.directory.trunks.values()}
    steps = getattr(then, "steps", ())
    return tuple(trunks[each.parties[0].endpoint] for each in steps) if steps else ()
