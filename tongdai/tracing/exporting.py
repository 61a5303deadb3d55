"""Spans of OpenTelemetry, sent by OTLP over HTTP in batches, by a thread. The SDK reads its own
variables besides, such as OTEL_TRACES_SAMPLER and OTEL_EXPORTER_OTLP_HEADERS.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tongdai import __version__
from tongdai.tracing import Attributes, Kind, Span

_KINDS = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT}
_W3C = TraceContextTextMapPropagator()
_HEADER = "traceparent"
_LOW_64 = 2**64 - 1


class Recorded(Span):
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(dict(attributes))

    def fail(self, why: str) -> None:
        self._span.set_status(trace.Status(trace.StatusCode.ERROR, why))


class Otlp:
    """The spans of this process, for one OTLP/HTTP endpoint."""

    def __init__(self, url: str) -> None:
        resource = Resource.create({"service.name": "tongdai", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._sending = BatchSpanProcessor(OTLPSpanExporter(endpoint=url))
        self._provider.add_span_processor(self._sending)
        self._tracer = self._provider.get_tracer("tongdai", __version__)

    @contextmanager
    def span(
        self, name: str, of_call: UUID | None, after: str, kind: Kind, attributes: Attributes
    ) -> Iterator[Span]:
        context, links = None, []
        if after:
            context = _W3C.extract({_HEADER: after}, Context())
        if of_call:
            root = self._root(of_call)
            links = [trace.Link(root)] if after else []
            context = context or trace.set_span_in_context(trace.NonRecordingSpan(root), Context())
        with self._tracer.start_as_current_span(
            name, context, _KINDS[kind], dict(attributes), links
        ) as span:
            yield Recorded(span)

    def call(self, call_uuid: UUID, started_at: datetime, attributes: Attributes) -> None:
        root = self._root(call_uuid)
        if not root.trace_flags.sampled:
            return
        span = ReadableSpan(
            "call",
            root,
            resource=self._provider.resource,
            attributes=dict(attributes),
            start_time=int(started_at.timestamp() * 1e9),
            end_time=time.time_ns(),
            instrumentation_scope=InstrumentationScope("tongdai", __version__),
        )
        self._sending.on_end(span)

    def _root(self, call_uuid: UUID) -> SpanContext:
        """The span of the whole call, which is sent when it has ended: its ids are the call's."""
        chosen = self._provider.sampler.should_sample(None, call_uuid.int, "call")
        is_sampled = chosen.decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags.SAMPLED if is_sampled else TraceFlags.DEFAULT
        return SpanContext(
            call_uuid.int, call_uuid.int & _LOW_64, is_remote=True, trace_flags=TraceFlags(flags)
        )

    def traceparent(self) -> str:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get(_HEADER, "")

    def trace_id(self) -> str:
        present = trace.get_current_span().get_span_context()
        return trace.format_trace_id(present.trace_id) if present.is_valid else ""

    def close(self) -> None:
        self._provider.shutdown()
