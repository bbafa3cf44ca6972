"""The two protobuf messages that collectors send, and the two that answer OpenTelemetry's.

Loki's schema is small and described here; ``line`` is ``bytes`` where Loki's own has ``string``, which is the same on the wire
but keeps what is not UTF-8. OpenTelemetry's is its own package. Both take longer to load than the rest of the server, which
therefore loads this with the first such request.
"""

from __future__ import annotations

from typing import Any

import cramjam
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from joblog.core.lines import Bytes
from joblog.errors import Invalid, TooLarge
from joblog.server.collectors.labels import RECORDS_BYTES

_STRING, _BYTES, _INT32, _INT64 = (
    FieldDescriptorProto.TYPE_STRING,
    FieldDescriptorProto.TYPE_BYTES,
    FieldDescriptorProto.TYPE_INT32,
    FieldDescriptorProto.TYPE_INT64,
)

# Each message's fields, in the order of their numbers: a type of protobuf's, a message, or in brackets many of them.
_SCHEMA: dict[str, dict[str, int | str]] = {
    "Timestamp": {"seconds": _INT64, "nanos": _INT32},
    "Entry": {"timestamp": "Timestamp", "line": _BYTES},
    "Stream": {"labels": _STRING, "entries": "[Entry]"},
    "PushRequest": {"streams": "[Stream]"},
    "Status": {"code": _INT32, "message": _STRING},  # google.rpc's, which says what went wrong
}


def _messages() -> dict[str, type[Message]]:
    file = FileDescriptorProto(name="joblog/collectors.proto", package="joblog", syntax="proto3")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), 1):
            many = isinstance(kind, str) and kind.startswith("[")
            label = FieldDescriptorProto.LABEL_REPEATED if many else FieldDescriptorProto.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".joblog.{kind.strip('[]')}"
            else:
                added.type = FieldDescriptorProto.Type.ValueType(kind)
    pool = DescriptorPool()
    pool.Add(file)
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"joblog.{name}")) for name in _SCHEMA}


_MESSAGES = _messages()


def loki_push(body: Bytes) -> Any:
    """Returns a PushRequest from Snappy's block format; raises Invalid, TooLarge before more than the limit is in memory."""
    broken = Invalid("body", "Snappy's block format, as Loki's protobuf is sent")
    try:
        if cramjam.snappy.decompress_raw_len(body) > RECORDS_BYTES:
            raise TooLarge("the decompressed body", RECORDS_BYTES)
        data = bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise broken from error
    return _parsed(_MESSAGES["PushRequest"](), data, "a PushRequest of Loki's, in protobuf")


def otlp_logs(body: Bytes) -> Any:
    """Returns an ExportLogsServiceRequest; raises Invalid."""
    return _parsed(ExportLogsServiceRequest(), bytes(body), "an ExportLogsServiceRequest of OpenTelemetry's, in protobuf")


def otlp_answer(rejected: int, message: str) -> bytes:
    """Returns what says that all records were taken, or how many were not, and why."""
    answer = ExportLogsServiceResponse()
    if message:
        answer.partial_success.rejected_log_records = rejected
        answer.partial_success.error_message = message
    return answer.SerializeToString()


def status(message: str) -> bytes:
    """Returns what the body of an error has to be."""
    return _MESSAGES["Status"](message=message).SerializeToString()


def _parsed(message: Message, data: bytes, allowed: str) -> Message:
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise Invalid("body", allowed) from error
    return message
