"""OpenTelemetry's logs over HTTP, in both encodings: bodies are kept as they are, and answers are what exporters expect."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from joblog.server.collectors.labels import RECORDS_BYTES
from joblog.server.collectors.protobuf import _MESSAGES
from tests.conftest import start_server
from tests.generated import examples
from tests.server.calls import Reply, Web
from tests.server.collectors.programs import OTLP, field, jobs, kept, run_id
from tests.server.http.test_limits import memory_mib

_numbers = count(1)

PROTOBUF, JSON = "application/x-protobuf", "application/json"

BODIES = st.lists(st.one_of(st.text(max_size=40), st.binary(min_size=1, max_size=40)), min_size=1, max_size=8)


def job_name() -> str:
    return f"otlp-{next(_numbers)}"


def value_of(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(value_of, value)))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=fields(value)))
    return AnyValue(
        **{{str: "string_value", bytes: "bytes_value", int: "int_value", float: "double_value"}[type(value)]: value}
    )


def fields(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value_of(value)) for key, value in values.items()]


def resource(labels: dict[str, Any], records: list[LogRecord]) -> ResourceLogs:
    """A resource whose records are in two scopes, as two of a program's loggers are."""
    half = len(records) // 2
    scopes = [ScopeLogs(log_records=records[:half]), ScopeLogs(log_records=records[half:])]
    return ResourceLogs(resource=Resource(attributes=fields(labels)), scope_logs=scopes)


def records(*bodies: Any, start_ns: int = 1) -> list[LogRecord]:
    return [LogRecord(time_unix_nano=start_ns + n, body=value_of(body)) for n, body in enumerate(bodies)]


def export(web: Web, resources: list[ResourceLogs], media_type: str = PROTOBUF, **headers: str) -> Reply:
    sent = ExportLogsServiceRequest(resource_logs=resources)
    if media_type == PROTOBUF:
        return post(web, sent.SerializeToString(), media_type, **headers)
    return post(web, json_format.MessageToJson(sent).encode(), media_type, **headers)


def post(web: Web, body: bytes, media_type: str = PROTOBUF, **headers: str) -> Reply:
    return web.call("POST", OTLP, body, content_type=media_type, **headers)


def check_refused(reply: Reply, status: int, message: str) -> None:
    """An error's body is google.rpc's Status, in the encoding of the request."""
    assert reply.status == status, reply
    if reply.headers["content-type"] == PROTOBUF:
        reason = _MESSAGES["Status"].FromString(reply.body).message  # type: ignore[attr-defined]  # made at run time
    else:
        reason = reply.json["message"]
    assert reason.startswith(message), reason


def ended(body: str | bytes) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    return data if data.endswith(b"\n") else data + b"\n"


@given(batches=st.lists(st.dictionaries(st.integers(0, 3), BODIES, min_size=1), min_size=1, max_size=3), data=st.data())
@settings(max_examples=examples(15))
def test_bodies_are_kept_byte_by_byte(module_web: Web, batches: list[dict[int, list[Any]]], data: st.DataObject) -> None:
    """In order, of several resources in each of several requests, in either encoding."""
    job, expected, at = job_name(), dict[int, bytes](), 1
    for batch in batches:
        media_type = data.draw(st.sampled_from([PROTOBUF, JSON]))
        sent = []
        for rank, bodies in batch.items():
            sent.append(resource({"joblog.job": job, "joblog.run": "r", "rank": rank}, records(*bodies, start_ns=at)))
            at += len(bodies)
            expected[rank] = expected.get(rank, b"") + b"".join(map(ended, bodies))
        reply = export(module_web, sent, media_type)
        assert (reply.status, reply.headers["content-type"]) == (200, media_type)
        assert reply.body == (b"" if media_type == PROTOBUF else b"{}"), "all of it was taken"
    assert {rank: kept(module_web, job, f"worker-{rank}") for rank in expected} == expected


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_what_is_not_text(web: Web, media_type: str) -> None:
    """Other bodies are JSON; a traceback is kept behind its message, once; without a body all that there is."""
    job = job_name()
    trace = {"exception.stacktrace": "Traceback:\nKeyError", "exception.type": "KeyError"}
    sent = [
        *records({"loss": 0.5, "step": 7, "tags": ["a", True, {}]}, 7, 0.25, False, ["a"], b"\xff\x00"),
        LogRecord(time_unix_nano=10, body=value_of("it failed"), attributes=fields(trace)),
        LogRecord(time_unix_nano=11, body=value_of("it failed\nTraceback:\nKeyError\n"), attributes=fields(trace)),
        LogRecord(time_unix_nano=12, event_name="saved", attributes=fields({"path": "a.pt"})),
        LogRecord(observed_time_unix_nano=13, attributes=fields({"n": 1})),
    ]
    assert export(web, [resource({"service.name": job}, sent)], media_type).status == 200
    assert kept(web, job).split(b"\n")[:-1] == [
        *(b'{"loss":0.5,"step":7,"tags":["a",true,{}]}', b"7", b"0.25", b"false", b'["a"]', b"\xff\x00"),
        *(b"it failed", b"Traceback:", b"KeyError"),
        *(b"it failed", b"Traceback:", b"KeyError"),
        *(b'{"event_name":"saved","path":"a.pt"}', b'{"n":1}'),
    ]


def test_resources_name_the_log(web: Web, own_project: str) -> None:
    """Kubernetes' attributes, as the collector adds them; OpenTelemetry's names have dots."""
    labels = {"joblog.project": own_project, "k8s.job.name": "bert", "k8s.pod.name": "bert-2-abcde", "service.name": "x"}
    assert export(web, [resource(labels, records("hello"))]).status == 200
    assert kept(web, "bert", "worker-2", own_project) == b"hello\n"
    assert jobs(web, own_project) == {"bert"}


def test_partial_success(web: Web) -> None:
    """What cannot be kept is refused by itself, and counted."""
    job = job_name()
    bad = resource({"joblog.project": "nowhere", "joblog.job": job}, records("1", "2"))
    good = resource({"joblog.job": job}, records("3"))
    message = "there is no project 'nowhere'"
    answer = ExportLogsServiceResponse.FromString(export(web, [bad, good]).body).partial_success
    assert (answer.rejected_log_records, answer.error_message) == (2, message)
    answer = export(web, [bad, good], JSON).json
    assert answer == {"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": message}}
    assert kept(web, job) == b"3\n3\n"
    check_refused(export(web, [bad]), 400, message)
    check_refused(export(web, [bad], JSON), 400, message)


def test_gzip_and_what_is_new(web: Web) -> None:
    """As exporters compress; fields that are not known yet are passed over."""
    job = job_name()
    sent: dict[str, Any] = {"attributes": [{"key": "service.name", "value": {"stringValue": job}}], "entityRefs": [{}]}
    record = {"timeUnixNano": "1", "body": {"stringValue": "x", "newer": 1}, "severityNumber": 9, "traceId": "00ff"}
    body = json.dumps({"resourceLogs": [{"resource": sent, "scopeLogs": [{"scope": None, "logRecords": [record]}]}]}).encode()
    assert post(web, gzip.compress(body), f"{JSON}; charset=utf-8", content_encoding="gzip").status == 200
    unknown = ExportLogsServiceRequest(resource_logs=[resource({"service.name": job}, records("y"))]).SerializeToString()
    assert post(web, gzip.compress(unknown + b"\xf8\x07\x01"), content_encoding="gzip").status == 200
    assert kept(web, job) == b"x\ny\n"
    assert run_id(web, job) == "collected-unnamed"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"resourceLogs": 1}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "now"}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"bytesValue": "***"}}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": ' + b'{"arrayValue": {"values": [' * 50_000,
    ],
)
def test_malformed_json(web: Web, body: bytes) -> None:
    """Says so, and stores nothing."""
    before = jobs(web)
    reply = post(web, body, JSON)
    assert reply.status == 400
    assert set(reply.json) == {"message"}
    assert jobs(web) == before


def test_malformed_protobuf_stores_nothing(web: Web) -> None:
    """Cut off anywhere."""
    job = job_name()
    good = ExportLogsServiceRequest(resource_logs=[resource({"service.name": job}, records("x"))]).SerializeToString()
    for end in range(1, len(good)):
        check_refused(post(web, good[:end]), 400, "body must be an ExportLogsServiceRequest of OpenTelemetry's, in protobuf")
    check_refused(post(web, good[:-1] + b"\xff"), 400, "body must be an ExportLogsServiceRequest")  # no UTF-8
    check_refused(post(web, b""), 400, "body is missing")
    check_refused(post(web, good, "text/plain"), 400, "Content-Type must be application/x-protobuf or application/json")
    assert job not in jobs(web)


def test_sizes_are_bounded(web: Web) -> None:
    """Decompressed too, and in records."""
    job = job_name()
    many = [resource({"service.name": job}, [LogRecord()] * 100_001)]
    too_large = f"the decompressed body is larger than {RECORDS_BYTES} bytes"
    check_refused(post(web, gzip.compress(b"\0" * (RECORDS_BYTES + 1)), content_encoding="gzip"), 413, too_large)
    check_refused(post(web, b"\0" * (RECORDS_BYTES + 1)), 413, "the body is larger")
    check_refused(export(web, many), 413, "a request of 100001 records")
    check_refused(export(web, [resource({"service.name": job}, records("x"))] * 1001), 400, "streams must be at most 1000")
    assert job not in jobs(web)


def test_strangers_are_refused(web: Web) -> None:
    """For good: an exporter does not come again with a wrong token."""
    sent = [resource({"service.name": "stranger"}, records("x"))]
    check_refused(export(web.as_(None), sent), 401, "no token")
    check_refused(export(web.as_("wrong"), sent, JSON), 401, "the token is not valid")
    assert base64.b64encode(b"stranger").decode() not in jobs(web)
    assert "stranger" not in jobs(web)


def test_what_may_go_better_later(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A full queue and a caller that is too quick: 503 and 429, with the time to wait."""
    server = start_server(tmp_path_factory.mktemp("busy"), append_queue_bytes=10, rate_limit=0.01)
    web = Web(server.url, server.token)
    sent = [resource({"service.name": "busy"}, records("more than ten bytes"))]
    for media_type in (PROTOBUF, JSON):
        reply = export(web, sent, media_type)
        if reply.status != 429:  # the burst is one request
            check_refused(reply, 503, "too many appends")
        assert int(reply.headers["retry-after"]) >= 1
    assert reply.status == 429
    web.close()
    assert server.stop() == 0


def test_bombs_of_records_cost_bounded_memory(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Some kilobytes that are four megabytes, and two million records: one at a time, however many come at once."""
    server = start_server(tmp_path_factory.mktemp("bombs"))
    scope = field(2, b"\x12\x00" * (RECORDS_BYTES // 2 - 20))
    bomb = gzip.compress(field(1, scope))
    before = memory_mib(server)

    def send(_: int) -> int:
        web = Web(server.url, server.token)
        reply = post(web, bomb, content_encoding="gzip")
        web.close()
        return reply.status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(send, range(4))) == {413}
    assert memory_mib(server) - before < 700, "one such message takes 300 MiB"
    assert server.stop() == 0


def test_protobuf_is_loaded_when_it_is_needed() -> None:
    """It takes longer to load than much else of the server."""
    program = "import sys, joblog.server.app; print('google.protobuf' in sys.modules, 'cramjam' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "False False\n"
