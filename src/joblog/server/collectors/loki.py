"""Loki's push API: ``POST /loki/api/v1/push``, as Promtail, Alloy, Fluent Bit, Vector and Docker's driver speak it.

As with Loki, what is good in a request is kept also where something else in it is refused; the answer then says what. Errors
are text, of which these programs log the first line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from joblog.core.lines import Bytes
from joblog.errors import Invalid
from joblog.server.collectors.deliver import Delivered, Deliveries, answered, protobuf
from joblog.server.collectors.labels import Record, Stream, check_counts, line
from joblog.server.http.answers import Answer
from joblog.server.http.documents import mended_document
from joblog.server.http.routes import OPEN, Call, Calls
from joblog.server.http.streams import TEXT

PATH = "/loki/api/v1/push"

calls = Calls(PATH, "collectors")

_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*("(?:[^"\\\n]|\\.)*"|`[^`]*`)\s*(,|\Z)', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_SHORT = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"', "'": "'"}


class _Pushed(msgspec.Struct):
    stream: dict[str, str]
    values: list[list[object]]


class _Push(msgspec.Struct):
    streams: list[_Pushed]


@calls.post("", OPEN, status=204, hidden=True)  # what it may do depends on what is in it
async def push(deliveries: Deliveries, call: Call) -> Answer:
    """Appends each stream's lines to the log that its labels name; answers when they are durable.

    Loki's tenant is the project of streams whose labels name none.
    """
    headers = dict(call.headers)
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    packed = media_type != b"application/json"
    if packed and headers.get(b"content-encoding") == b"snappy":
        del headers[b"content-encoding"]  # it is in any case
    parse = from_protobuf if packed else from_json
    tenant = headers.get(b"x-scope-orgid", b"").decode("latin-1").strip() or None
    done = await deliveries.take(call.headers, headers, call.receive, parse, tenant)
    return _answer(done)


def from_json(body: Bytes) -> list[Stream]:
    """Reads ``{"streams": [{"stream": {label: value}, "values": [["nanoseconds", "line"]]}]}``; raises NotJson, Invalid."""
    pushed = mended_document(body, _Push)
    check_counts(len(pushed.streams), sum(len(each.values) for each in pushed.streams))
    return [Stream(each.stream, [_record(value) for value in each.values]) for each in pushed.streams]


def from_protobuf(body: Bytes) -> list[Stream]:
    """Reads a ``PushRequest`` in Snappy's block format; raises Invalid, TooLarge."""
    pushed = protobuf().loki_push(body)
    check_counts(len(pushed.streams), sum(len(each.entries) for each in pushed.streams))
    return [
        Stream(labels_of(each.labels), [(_nanoseconds(entry.timestamp), line(entry.line)) for entry in each.entries])
        for each in pushed.streams
    ]


def labels_of(text: str) -> Mapping[str, str]:
    """Reads ``{job="train", rank="3"}``; raises Invalid."""
    allowed = 'labels, as {job="train", rank="3"}'
    inner = text.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        raise Invalid("streams.labels", allowed, text)
    inner, at, labels = inner[1:-1].strip(), 0, {}
    while at < len(inner):
        match = _LABEL.match(inner, at)
        if match is None:
            raise Invalid("streams.labels", allowed, text)
        labels[match[1]] = _ESCAPE.sub(_unescaped, match[2][1:-1]) if match[2][0] == '"' else match[2][1:-1]
        at = match.end()
    return labels


def _unescaped(match: re.Match[str]) -> str:
    if match[5] is not None:
        return _SHORT.get(match[5], match[0])
    number = int(match[4], 8) if match[4] else int(match[1] or match[2] or match[3], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


def _record(value: list[object]) -> Record:
    """Reads a time and a line; what may stand behind them, structured metadata, is not of the line."""
    if len(value) not in (2, 3) or not all(isinstance(each, str) for each in value[:2]):
        raise Invalid("streams.values", 'pairs of strings, as ["1700000000000000000", "the line"]')
    at, text = str(value[0]), str(value[1])
    if not (at.isascii() and at.isdigit() and len(at) <= 19):
        raise Invalid("streams.values", "pairs whose first is a time in nanoseconds, as digits", at)
    return int(at), line(text.encode())


def _nanoseconds(timestamp: Mapping[str, int] | object) -> int:
    seconds, nanos = getattr(timestamp, "seconds", 0), getattr(timestamp, "nanos", 0)
    return int(seconds) * 1_000_000_000 + int(nanos)


def _answer(done: Delivered) -> Answer:
    error = done.error
    if error is None:
        return Answer(204, b"")
    status, headers, message = answered(error, PATH)
    if done.taken:
        message = f"{done.taken} entries were kept, {done.refused} refused: {message}"
    return Answer(status, f"{message}\n".encode(), headers, media_type=TEXT)
