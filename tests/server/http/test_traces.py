"""OpenTelemetry traces, as a collector gets them."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conftest import start_server
from tests.server.calls import Web, made_log

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(ThreadingHTTPServer):
    """Takes spans over OTLP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        for of in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.services |= {each.value.string_value for each in of.resource.attributes if each.key == "service.name"}
            self.server.spans += [span for scope in of.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *values: object) -> None:
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_requests_are_spans_of_the_callers_trace(tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """With route, status and the answer's id, no query; reads of the object store are spans within; all are sent by the end."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    server = start_server(tmp_path / "data", traces="otlp", seal_bytes=1, janitor_s=0.05)
    web = Web(server.url, server.token)
    log = made_log(web, "traced")
    log.write(b"a line\n" * 1000)
    deadline = time.monotonic() + 60
    while not log.status()["sealed_byte"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    page = web.call("GET", f"{log.api}/bytes?x=in-the-query", traceparent="00-{}-{}-01".format(*CALLER))
    assert page.body == b"a line\n" * 1000
    missing = web.get("/api/projects/nowhere")
    web.close()
    assert server.stop() == 0
    assert collector.services == {"joblog"}
    spans = {
        each.value.string_value: span for span in collector.spans for each in span.attributes if each.key == "joblog.request_id"
    }
    read, lost = (spans[answer.headers["x-request-id"]] for answer in (page, missing))
    assert (read.trace_id.hex(), read.parent_span_id.hex()) == CALLER
    told = {each.key: each.value for each in read.attributes}
    assert told["http.route"].string_value.endswith("/logs/{task}/bytes")
    assert told["http.response.status_code"].int_value == 200
    assert read.name == f"GET {told['http.route'].string_value}"
    inner = [span for span in collector.spans if span.parent_span_id == read.span_id]
    assert {span.name for span in inner} == {"object store ranges"}
    assert all(read.start_time_unix_nano <= span.start_time_unix_nano < span.end_time_unix_nano for span in inner)
    assert {each.key: each.value.int_value for each in lost.attributes}["http.response.status_code"] == 404
    assert not lost.parent_span_id
    assert b"in-the-query" not in b"".join(span.SerializeToString() for span in collector.spans)
    assert server.token.encode() not in b"".join(span.SerializeToString() for span in collector.spans)


def test_a_collector_that_is_away_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are answered, and the server stops."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    server = start_server(tmp_path / "data", traces="otlp")
    web = Web(server.url, server.token)
    assert web.get("/api/projects").status == 200
    web.close()
    assert server.stop() == 0
