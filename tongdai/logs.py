"""Structured logs on standard error: lines for people, or JSON for machines; never more than one line an event."""

import logging
import sys

import structlog

from tongdai.settings import Settings


def configure(settings: Settings) -> None:
    """From now on all rooms log as the settings say."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    as_json = settings.log_json
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=False),
            structlog.processors.format_exc_info if as_json else _untouched,
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,  # the default shows locals, and secrets in them
            ),
        ],
        cache_logger_on_first_use=True,
    )


def _untouched(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return event
