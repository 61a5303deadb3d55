"""Traces by OpenTelemetry, on wish: spans of requests, calls and webhook attempts.

Nothing of OpenTelemetry is imported, and no span is made, before `exported`. A call's trace has
the call's own id (`conversation_id`, without hyphens), whoever makes a span of it; the first step
of a click-to-call belongs to the trace of its request, with a link to the call's.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from structlog.typing import EventDict

from tongdai import errors

Kind = Literal["internal", "server", "client"]
Attributes = Mapping[str, str | int | bool]


class Span:
    """A span while tracing is off: nothing."""

    def rename(self, name: str) -> None:
        """The span has this name."""

    def set(self, attributes: Attributes) -> None:
        """The span has these attributes besides."""

    def fail(self, why: str) -> None:
        """The span's status is an error."""


class Exporter(Protocol):
    """Makes spans, and sends them somewhere."""

    def span(
        self, name: str, of_call: UUID | None, after: str, kind: Kind, attributes: Attributes
    ) -> AbstractContextManager[Span]: ...

    def call(self, call_uuid: UUID, started_at: datetime, attributes: Attributes) -> None: ...

    def traceparent(self) -> str: ...

    def trace_id(self) -> str: ...

    def close(self) -> None: ...


class _Process:
    exporter: Exporter | None = None


_NOTHING = nullcontext(Span())


@contextmanager
def exported(url: str) -> Iterator[None]:
    """Spans of this process are sent to this OTLP/HTTP endpoint; the last ones at the end. ""
    sends none. Raises errors.SetupError where the packages of OpenTelemetry are missing.
    """
    if not url:
        yield
        return
    try:
        from tongdai.tracing.exporting import Otlp  # noqa: PLC0415, its packages are an extra
    except ImportError as missing:
        raise errors.SetupError(
            f"TONGDAI_TRACES needs packages that are not installed ({missing.name}): "
            "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
        ) from missing
    _Process.exporter = Otlp(url)
    try:
        yield
    finally:
        ended, _Process.exporter = _Process.exporter, None
        ended.close()


def is_on() -> bool:
    return _Process.exporter is not None


def span(
    name: str,
    *,
    of_call: UUID | None = None,
    after: str = "",
    kind: Kind = "internal",
    attributes: Attributes | None = None,
) -> AbstractContextManager[Span]:
    """A span for as long as the context lasts, and the parent of those within.

    It follows the one of `after` (a W3C traceparent), else it is of the call's trace, else of the
    present span's, or begins a trace. An exception makes it fail, and goes on.
    """
    if _Process.exporter is None:
        return _NOTHING
    return _Process.exporter.span(name, of_call, after, kind, attributes or {})


def call(call_uuid: UUID, started_at: datetime, attributes: Attributes) -> None:
    """The span of a call that has ended now: the root of its trace."""
    if _Process.exporter is not None:
        _Process.exporter.call(call_uuid, started_at, attributes)


def traceparent() -> str:
    """The present span for another task or process, as `after` takes it; "" without one."""
    return "" if _Process.exporter is None else _Process.exporter.traceparent()


def with_trace_id(_logger: object, _method: str, event: EventDict) -> EventDict:
    """The log line with the `trace_id` of the present span, if there is one."""
    if _Process.exporter is not None and (trace_id := _Process.exporter.trace_id()):
        event["trace_id"] = trace_id
    return event
