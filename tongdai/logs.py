"""Structured logs on standard error: lines for people, or JSON for machines; one line an event,
except tracebacks.
"""

import logging
import sys
from datetime import datetime

import structlog
from structlog.typing import EventDict, Processor

from tongdai import tracing
from tongdai.settings import Settings


def configure(settings: Settings) -> None:
    """All packages log according to the settings from now on."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=_processors(as_json=settings.log_json, is_terminal=sys.stderr.isatty()),
        cache_logger_on_first_use=True,
    )


def _processors(*, as_json: bool, is_terminal: bool) -> list[Processor]:
    moment = structlog.processors.TimeStamper(fmt="iso", utc=False)
    if as_json:
        failure, render = structlog.processors.format_exc_info, structlog.processors.JSONRenderer()
        return [
            structlog.processors.add_log_level,
            moment,
            tracing.with_trace_id,
            failure,
            render,
        ]
    if is_terminal:
        # The default shows local variables, which may hold secrets.
        colours = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        return [structlog.processors.add_log_level, moment, tracing.with_trace_id, colours]
    return [tracing.with_trace_id, structlog.processors.format_exc_info, line]


def line(_logger: object, method: str, event: EventDict) -> str:
    """An event in structlog's terminal format, in a third of the time: a busy switch logs a
    thousand a second.
    """
    failure = event.pop("exception", "")
    level, what = "error" if method == "exception" else method, event.pop("event")
    rest = " ".join(f"{name}={_shown(value)}" for name, value in event.items())
    text = f"{datetime.now().isoformat()} [{level:<9}] {what:<30} {rest}".rstrip()  # noqa: DTZ005 -- local time
    return f"{text}\n{failure}" if failure else text


def _shown(value: object) -> str:
    """The value in one line: no input from outside can begin another."""
    return value if isinstance(value, str) and value.isprintable() else repr(value)
