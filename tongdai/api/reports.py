"""Reports: what calls came to, by day, by hour, by queue, by extension."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.responses import Response
from starlette.types import ASGIApp

from tongdai import errors, messages
from tongdai.api import csv_files, filters, responses
from tongdai.api.operations import operation
from tongdai.api.principals import Principal
from tongdai.api.requests import Request
from tongdai.store import reports

_DAYS = 30  # of a period that was not given
_MOST_DAYS, _MOST_DAYS_BY_HOUR = 1100, 62
_YEAR = timedelta(days=364)  # so that its weekdays are the same
_HOURS = 24  # of a day


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as reason:
        raise errors.Invalid(messages.DAY_NEEDED, field=field) from reason


class Figures(Struct, frozen=True, kw_only=True):
    """What calls came to. Rates are from 0 to 1, null without calls; times are whole seconds."""

    calls: int
    answered: int
    abandoned: Annotated[int, Meta(description="The caller left before an answer.")]
    busy: int
    no_answer: int
    overflowed: Annotated[
        int, Meta(description="Of ring groups and queues: the call went on elsewhere.")
    ]
    failed: Annotated[int, Meta(description="Invalid numbers, congestion.")]
    answer_rate: Annotated[float | None, Meta(description="answered / calls")]
    in_time: Annotated[
        int,
        Meta(
            description="Answered within the seconds of the service level: 20, or as the queue "
            "says (`service_level_s`)."
        ),
    ]
    service_level: Annotated[float | None, Meta(description="in_time / calls")]
    wait_s: Annotated[int, Meta(description="Until the answer, or the end without one.")]
    wait_avg_s: float | None
    wait_max_s: int
    talk_s: int
    talk_avg_s: Annotated[float | None, Meta(description="Of answered calls.")]
    talk_max_s: int


class ReportLine(Figures, frozen=True, kw_only=True):
    """The figures of one thing, day, hour or weekday and hour; null: of all."""

    name: Annotated[
        str | None,
        Meta(description="The hotline, the extension, the trunk, the number of the queue."),
    ]
    day: Annotated[
        date | None, Meta(description="The day; of a week its Monday, of a month its first.")
    ]
    hour: Annotated[int | None, Meta(description="0 to 23.")]
    offset: Annotated[
        str | None,
        Meta(
            description="By hour: how far local time is from UTC. Where clocks are set back, an "
            "hour comes twice."
        ),
    ]
    weekday: Annotated[int | None, Meta(description="1 is Monday, 7 is Sunday.")]


class Period(Struct, frozen=True, kw_only=True):
    """The report of a period."""

    start_date: date
    end_date: date
    total: Annotated[
        Figures,
        Meta(
            description="The lines together: a call that came to two of the things counts twice."
        ),
    ]
    data: Annotated[list[ReportLine], Meta(description="In order; without calls, no line.")]


class Report(Period, frozen=True, kw_only=True):
    """The report, and that of the period it is compared with."""

    of: str
    by: str
    time_zone: Annotated[str, Meta(description="Of days and hours: the domain's.")]
    compared: Period | UnsetType = UNSET


class OfReport(Struct, frozen=True):
    of: Literal["domain", "hotline", "queue", "ring_group", "extension", "trunk"]


class ReportQuery(Struct, frozen=True):
    """The period, and the lines."""

    start_date: Annotated[
        date | None,
        Meta(
            description="The first local day; else 29 days before the last.", extra={"read": _day}
        ),
    ] = None
    end_date: Annotated[
        date | None, Meta(description="The last local day; else today.", extra={"read": _day})
    ] = None
    by: Annotated[
        reports.By, Meta(description="What has a line of its own; `heat`: each weekday and hour.")
    ] = "name"
    name: Annotated[
        tuple[str, ...],
        Meta(description="Only these; of the domain itself there is one alone."),
    ] = ()
    direction: Annotated[
        tuple[int, ...],
        Meta(
            description="By name, or as records have it: 1 local, 2 inbound, 3 outbound.",
            extra={"read": filters.direction_of},
            extra_json_schema=filters.DIRECTION_SCHEMA,
        ),
    ] = ()
    compare: Annotated[
        Literal["", "previous", "year"],
        Meta(
            description="Also the period just before of as many days, or the one of the same "
            "weekdays a year (364 days) before."
        ),
    ] = ""


class ReportHeaders(Struct, frozen=True, rename={"accept": "Accept"}):
    accept: Annotated[str, Meta(description=f"`{csv_files.MEDIA_TYPE}`: the lines as a file.")] = (
        ""
    )


@operation(
    "GET",
    "/v1/reports/{of}",
    may="cdr:read",
    tag="Reports",
    gives={200: ("The report, or the file of `Accept`.", (Report, csv_files.MEDIA_TYPE))},
    fails=(errors.Invalid, errors.NotFound),
)
async def get_report(
    request: Request,
    principal: Principal,
    path: OfReport,
    query: ReportQuery,
    headers: ReportHeaders,
) -> ASGIApp:
    """Get what calls came to: answered, abandoned, waiting and talk times.

    Of the domain, or of its hotlines, queues, ring groups, extensions or trunks, each in its own
    right: a call that two queues had counts for both. Days and hours are the domain's, in which
    the call started. The figures are those of the call records, as soon as these are there; days
    whose records have expired have none.
    """
    now = datetime.now(UTC)
    wanted = _wanted(path.of, query, now.astimezone(principal.zone).date())
    own = await _period(request, principal, wanted, now)
    if csv_files.MEDIA_TYPE in headers.accept.lower():
        return _file(own, path.of)
    found: Period | UnsetType = UNSET
    if query.compare:
        found = await _period(request, principal, _before(wanted, query.compare), now)
    report = Report(
        of=path.of,
        by=query.by,
        time_zone=str(principal.zone),
        start_date=own.start_date,
        end_date=own.end_date,
        total=own.total,
        data=own.data,
        compared=found,
    )
    return responses.json(report)


def _wanted(of: str, query: ReportQuery, today: date) -> reports.Wanted:
    """Raises errors.Invalid for a period that ends before it starts, or is too long."""
    until = query.end_date or max(today, query.start_date or today)
    since = query.start_date or _back(until, timedelta(days=_DAYS - 1))
    if since > until:
        raise errors.Invalid(messages.ENDS_BEFORE_START, field="end_date")
    most = _MOST_DAYS_BY_HOUR if query.by == "hour" else _MOST_DAYS
    if (until - since).days >= most:
        raise errors.Invalid(messages.DAYS_AT_MOST(most=most), field="start_date")
    return reports.Wanted(of, query.by, since, until, query.name, query.direction)


def _before(wanted: reports.Wanted, compare: str) -> reports.Wanted:
    """The same of the period to compare with."""
    back = _YEAR if compare == "year" else wanted.until - wanted.since + timedelta(days=1)
    return msgspec.structs.replace(
        wanted, since=_back(wanted.since, back), until=_back(wanted.until, back)
    )


def _back(day: date, by: timedelta) -> date:
    """So long before the day; there is none before the year 1."""
    return day - by if day - date.min > by else date.min


async def _period(
    request: Request, principal: Principal, wanted: reports.Wanted, now: datetime
) -> Period:
    domain_uuid, zone = principal.domain_uuid, principal.zone
    async with request.context.tenants.connection(domain_uuid) as tx:
        found = await reports.lines(tx, domain_uuid, zone, now, wanted)
    return Period(
        start_date=wanted.since,
        end_date=wanted.until,
        total=_figures(reports.total(found)),
        data=[_line(one, zone) for one in found],
    )


def _line(line: reports.Line, zone: ZoneInfo) -> ReportLine:
    hour = None if line.hour is None else line.hour % _HOURS
    return ReportLine(
        name=line.name,
        day=line.day,
        hour=hour,
        offset=_offset(line, zone) if line.day and hour is not None else None,
        weekday=line.weekday,
        **msgspec.structs.asdict(_figures(line)),
    )


def _offset(line: reports.Line, zone: ZoneInfo) -> str:
    day, hour = line.day or date.min, line.hour or 0
    local = datetime.combine(day, time(hour % _HOURS), zone)
    return local.replace(fold=hour // _HOURS).isoformat()[-6:]


def _figures(line: reports.Line) -> Figures:
    return Figures(
        calls=line.calls,
        answered=line.answered,
        abandoned=line.abandoned,
        busy=line.busy,
        no_answer=line.no_answer,
        overflowed=line.overflowed,
        failed=line.failed,
        answer_rate=_ratio(line.answered, line.calls, 4),
        in_time=line.in_time,
        service_level=_ratio(line.in_time, line.calls, 4),
        wait_s=line.wait_s,
        wait_avg_s=_ratio(line.wait_s, line.calls, 1),
        wait_max_s=line.wait_max_s,
        talk_s=line.talk_s,
        talk_avg_s=_ratio(line.talk_s, line.answered, 1),
        talk_max_s=line.talk_max_s,
    )


def _ratio(part: int, whole: int, digits: int) -> float | None:
    return round(part / whole, digits) if whole else None


def _file(period: Period, of: str) -> Response:
    columns = sorted(ReportLine.__struct_fields__, key=_is_figure)
    content = csv_files.write(columns, map(msgspec.structs.asdict, period.data))
    name = f'attachment; filename="{of}-{period.start_date}-{period.end_date}.csv"'
    return Response(
        content, media_type=csv_files.MEDIA_TYPE, headers={"Content-Disposition": name}
    )


def _is_figure(field: str) -> bool:
    """Whether the column stands behind those that say what the line is of."""
    return field in Figures.__struct_fields__


OPERATIONS = (get_report,)
