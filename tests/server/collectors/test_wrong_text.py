"""Text of collectors that is none in places: the record is kept with what can be kept of it, and all others untouched."""

from __future__ import annotations

import json
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.server.http.documents import mended_document
from tests.generated import examples
from tests.server.calls import Reply, Web
from tests.server.collectors.programs import LOKI, OTLP, jobs, kept

_numbers = count(1)

WRONG = [
    (rb"caf\udce9", "caf�"),  # what Python's loggers make of a byte that is no UTF-8
    (rb"\ud83d", "�"),
    (rb"\ud83dx\ude00", "�x�"),
    (rb"\ud83d\ud83d\ude00", "�\U0001f600"),
    (rb"\\ud800 \\\ud800", "\\ud800 \\�"),
    (rb"\"\ud800\n", '"�\n'),
    (b"\xff\xc3(", "��("),
    (b"\xed\xa0\x80", "���"),
    ("é三\U0001f600".encode() + rb"\ud83d\ude00\u00e9", "é三\U0001f600\U0001f600é"),
]


def job_name() -> str:
    return f"wrong-text-{next(_numbers)}"


def push(web: Web, path: str, body: bytes) -> Reply:
    return web.call("POST", path, body, content_type="application/json")


@pytest.mark.parametrize(("text", "shown"), WRONG)
def test_loki(web: Web, text: bytes, shown: str) -> None:
    """In a line among others, in another stream's label, and in metadata."""
    job, other = job_name(), job_name()
    labels = b'{"job":"%b","x":"%b"}' % (job.encode(), text)
    values = b'[["1","good before"],["2","%b",{"m":"%b"}],["3","good after"]]' % (text, text)
    stream = b'{"stream":{"job":"%b"},"values":[["1","untouched \\ud83d\\ude00"]]}' % other.encode()
    reply = push(web, LOKI, b'{"streams":[{"stream":%b,"values":%b},%b]}' % (labels, values, stream))
    assert reply.status == 204, reply
    assert kept(web, job).decode() == f"good before\n{shown.removesuffix(chr(10))}\ngood after\n"
    assert kept(web, other).decode() == "untouched \U0001f600\n"


@pytest.mark.parametrize(("text", "shown"), WRONG)
def test_otlp(web: Web, text: bytes, shown: str) -> None:
    """In a body among others, and in an attribute."""
    job = job_name()
    name = b'{"attributes":[{"key":"service.name","value":{"stringValue":"%b"}},{"key":"x","value":{"stringValue":"%b"}}]}'
    bodies = [b"good before", text, b"good after"]
    records = b",".join(b'{"timeUnixNano":"%d","body":{"stringValue":"%b"}}' % each for each in enumerate(bodies, 1))
    sent = b'{"resourceLogs":[{"resource":%b,"scopeLogs":[{"logRecords":[%b]}]}]}' % (name % (job.encode(), text), records)
    reply = push(web, OTLP, sent)
    assert (reply.status, reply.json) == (200, {}), reply
    assert kept(web, job).decode() == f"good before\n{shown.removesuffix(chr(10))}\ngood after\n"


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=[]), max_size=20), max_size=5))
def test_any_text_that_python_can_write(texts: list[str]) -> None:
    """Surrogates become U+FFFD, each that is not one of a pair; nothing else changes."""
    expected = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    assert mended_document(json.dumps(texts).encode(), list[str]) == expected


def test_what_is_no_json_is_still_refused(web: Web) -> None:
    """As it was, with what is wrong with it; and nothing of it is kept."""
    job = job_name().encode()
    before = jobs(web)
    for body in (
        b'{"streams":[{"stream":{"job":"%b"},"values":[["1","\\ud800"]]}',
        b'{"streams":[{"stream":{"job":"%b"},"values":[["1","\\ud80"]]}]}',
        b'{"streams":[{"stream":{"job":"%b"},"values":[["1",\\ud800]]}]}',
    ):
        reply = push(web, LOKI, body % job)
        assert (reply.status, reply.body[:38]) == (400, b"body must be whole and well-formed JSON"[:38]), reply
    assert jobs(web) == before
