"""A collector of traces: what a receiver got by OTLP over HTTP, decoded by OpenTelemetry's own
schema.
"""

from collections.abc import Iterable

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from testbed.receivers import Receiver


class Span(msgspec.Struct, frozen=True):
    """Ids are hexadecimal; `parent` is "" of a root. `links`: traces of other spans."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, str | int | bool]
    is_error: bool
    service: str


def spans(receiver: Receiver) -> list[Span]:
    """All that came, in the order in which they ended."""
    found = []
    for request in receiver.requests:
        assert request.headers["Content-Type"] == "application/x-protobuf"
        for of_resource in ExportTraceServiceRequest.FromString(request.body).resource_spans:
            service = _read(of_resource.resource.attributes)["service.name"]
            for scope in of_resource.scope_spans:
                found += [_span(each, str(service)) for each in scope.spans]
    return found


def _span(span: trace_pb2.Span, service: str) -> Span:
    return Span(
        span.name,
        span.kind,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        tuple(link.trace_id.hex() for link in span.links),
        _read(span.attributes),
        span.status.code == 2,
        service,
    )


def _read(attributes: Iterable[KeyValue]) -> dict[str, str | int | bool]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in attributes
    }
