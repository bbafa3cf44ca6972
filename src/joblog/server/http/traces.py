"""OpenTelemetry traces: a span of each request, within the caller's trace, and in it one of each call of the object store.

Where spans go, and how many, OpenTelemetry's own environment variables say (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER,
OTEL_SERVICE_NAME ...). Its SDK is not installed unless asked for: joblog[traces].
"""

from __future__ import annotations

import time

from opentelemetry import context, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from joblog import __version__
from joblog.server.http.answers import shown_path
from joblog.server.http.asgi import HTTPScope

EXPORT_S = 5.0
"""At the end, so long is waited for the collector to take what is left."""


_CARRIED = frozenset((b"traceparent", b"tracestate", b"baggage"))


class Traced:
    """One request's span. Begun and ended in one task."""

    __slots__ = ("_span", "_token")

    def __init__(self, tracer: trace.Tracer, scope: HTTPScope, number: str) -> None:
        heads = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name in _CARRIED}
        attributes = {
            "http.request.method": scope["method"],
            "url.path": shown_path(scope["path"]),
            "joblog.request_id": number,
        }
        self._span = tracer.start_span(scope["method"], propagate.extract(heads), trace.SpanKind.SERVER, attributes)
        self._token = context.attach(trace.set_span_in_context(self._span))

    def begun(self, method: str, route: str, status: int) -> None:
        """Says that the answer begins."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_status(trace.StatusCode.ERROR)

    def end(self) -> None:
        """Says that all of the answer was sent, or will never be."""
        self._span.end()
        context.detach(self._token)


class Otlp:
    """The process' tracer; spans are sent by a thread of its own. Whoever makes it closes it."""

    def __init__(self) -> None:
        resource = Resource.create({SERVICE_VERSION: __version__})
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):  # the environment does not name it
            resource = resource.merge(Resource({SERVICE_NAME: "joblog"}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=EXPORT_S)))
        self._tracer = self._provider.get_tracer("joblog", __version__)

    def begin(self, scope: HTTPScope, number: str) -> Traced:
        """Begins a request's span, which is current until it ends; ``number``: the request's id."""
        return Traced(self._tracer, scope, number)

    def object_call(self, call: str, failed: bool, seconds: float) -> None:
        """Tells of a call of the object store that has just ended, where it was made for a request."""
        if not trace.get_current_span().get_span_context().is_valid:
            return  # the janitor's, of which metrics tell
        ended_ns = time.time_ns()
        begun_ns = ended_ns - int(seconds * 1e9)
        span = self._tracer.start_span(f"object store {call}", kind=trace.SpanKind.CLIENT, start_time=begun_ns)
        if failed:
            span.set_status(trace.StatusCode.ERROR)
        span.end(ended_ns)

    def close(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()
