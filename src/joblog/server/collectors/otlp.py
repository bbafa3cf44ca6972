"""OpenTelemetry's logs over HTTP: ``POST /otlp/v1/logs``, protobuf or JSON.

Below ``/otlp`` because ``/v1`` is ModelArts'; exporters are given ``http://HOST:8470/otlp`` as their endpoint. The JSON is
protobuf's own mapping, and read by the server's own JSON library, which is ten times as fast at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from joblog.core.lines import Bytes
from joblog.errors import Invalid, JoblogError
from joblog.server.collectors.deliver import Delivered, Deliveries, answered, protobuf
from joblog.server.collectors.labels import Record, Stream, check_counts, line
from joblog.server.http.answers import Answer
from joblog.server.http.documents import mended_document
from joblog.server.http.routes import OPEN, Call, Calls

PATH = "/otlp/v1/logs"

calls = Calls(PATH, "collectors")

_JSON, _PROTOBUF = "application/json", "application/x-protobuf"

_STACK = "exception.stacktrace"
"""Where a traceback is that Python's ``logging`` writes behind the message."""


class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    bytes_value: bytes | None = None
    array_value: _Values | None = None
    kvlist_value: _Fields | None = None


class _Field(msgspec.Struct):
    key: str = ""
    value: _Value | None = None


class _Values(msgspec.Struct):
    values: list[_Value] | None = None


class _Fields(msgspec.Struct):
    values: list[_Field] | None = None


class _Resource(msgspec.Struct):
    attributes: list[_Field] | None = None


class _LogRecord(msgspec.Struct, rename="camel"):
    time_unix_nano: int | str | None = None
    observed_time_unix_nano: int | str | None = None
    body: _Value | None = None
    attributes: list[_Field] | None = None
    event_name: str | None = None


class _ScopeLogs(msgspec.Struct, rename="camel"):
    log_records: list[_LogRecord] | None = None


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _Export(msgspec.Struct, rename="camel"):
    resource_logs: list[_ResourceLogs] | None = None


@calls.post("", OPEN, hidden=True)  # what it may do depends on what is in it
async def export(deliveries: Deliveries, call: Call) -> Answer:
    """Appends the records' bodies to the logs that their resources name; answers when they are durable."""
    headers = dict(call.headers)
    media_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if media_type not in (_JSON, _PROTOBUF):
        return _refused(Invalid("Content-Type", f"{_PROTOBUF} or {_JSON}", media_type), _JSON)
    parse = from_json if media_type == _JSON else from_protobuf
    done = await deliveries.take(call.headers, headers, call.receive, parse, None)
    if done.error is not None and not done.taken:
        return _refused(done.error, media_type)
    return _accepted(done, media_type)


def from_json(body: Bytes) -> list[Stream]:
    """Reads an ``ExportLogsServiceRequest`` in JSON; raises NotJson, Invalid, TooLarge."""
    sent = mended_document(body, _Export)
    resources = [
        (each.resource, [record for scope in each.scope_logs or () for record in scope.log_records or ()])
        for each in sent.resource_logs or ()
    ]
    check_counts(len(resources), sum(len(records) for _, records in resources))
    return [
        Stream(_labels(_plain_fields(resource.attributes if resource else None)), [_from_struct(record) for record in records])
        for resource, records in resources
    ]


def from_protobuf(body: Bytes) -> list[Stream]:
    """Reads an ``ExportLogsServiceRequest``; raises Invalid, TooLarge."""
    resources = protobuf().otlp_logs(body).resource_logs
    check_counts(len(resources), sum(len(scope.log_records) for each in resources for scope in each.scope_logs))
    return [
        Stream(
            _labels(_unpacked_fields(each.resource.attributes)),
            [_from_message(record) for scope in each.scope_logs for record in scope.log_records],
        )
        for each in resources
    ]


def _from_struct(record: _LogRecord) -> Record:
    at = _whole("timeUnixNano", record.time_unix_nano) or _whole("observedTimeUnixNano", record.observed_time_unix_nano)
    body = None if record.body is None else _plain(record.body)
    return at, _line(body, record.event_name or "", _plain_fields(record.attributes))


def _from_message(record: Any) -> Record:
    at = record.time_unix_nano or record.observed_time_unix_nano
    return at, _line(_unpacked(record.body), record.event_name, _unpacked_fields(record.attributes))


def _line(body: object, event_name: str, attributes: Mapping[str, object]) -> bytes:
    """Returns a record as lines: its body and a traceback beside it; all that it has, as JSON, where it has no body."""
    if body is None:
        return line(_text({"event_name": event_name, **attributes} if event_name else dict(attributes)))
    text = line(_text(body))
    stack = attributes.get(_STACK)
    if stack and (traceback := _text(stack)) not in text:
        text += line(traceback)
    return text


def _text(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


def _labels(attributes: Mapping[str, object]) -> Mapping[str, str]:
    return {
        key.replace(".", "_"): value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for key, value in attributes.items()
    }


def _plain_fields(fields: Iterable[_Field] | None) -> dict[str, object]:
    return {each.key: None if each.value is None else _plain(each.value) for each in fields or ()}


def _plain(value: _Value) -> object:
    """Returns a value of OpenTelemetry's as one of Python's."""
    if value.int_value is not None:
        return _whole("intValue", value.int_value)
    if value.array_value is not None:
        return [_plain(each) for each in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return _plain_fields(value.kvlist_value.values)
    given = (value.string_value, value.bool_value, value.double_value, value.bytes_value)
    return next((each for each in given if each is not None), None)


def _unpacked_fields(fields: Iterable[Any]) -> dict[str, object]:
    return {each.key: _unpacked(each.value) for each in fields}


def _unpacked(value: Any) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_unpacked(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return _unpacked_fields(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def _whole(name: str, value: int | str | None) -> int:
    """Returns a 64-bit integer, which protobuf's JSON writes as a string."""
    try:
        return int(value or 0)
    except ValueError as error:
        raise Invalid(name, "an integer, or its digits in a string", value) from error


def _accepted(done: Delivered, media_type: str) -> Answer:
    message = str(done.error) if done.error is not None else ""
    if media_type == _PROTOBUF:
        return Answer(200, protobuf().otlp_answer(done.refused, message), media_type=_PROTOBUF.encode())
    partial = {"partialSuccess": {"rejectedLogRecords": str(done.refused), "errorMessage": message}} if message else {}
    return Answer(200, msgspec.json.encode(partial))


def _refused(error: JoblogError, media_type: str) -> Answer:
    status, headers, message = answered(error, PATH)
    body = protobuf().status(message) if media_type == _PROTOBUF else msgspec.json.encode({"message": message})
    return Answer(status, body, headers, media_type=media_type.encode())
