"""What reads bytes that strangers made, and what it must never do with them: raise anything but the error that is for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from itertools import pairwise

import zstandard
from hypothesis import given
from hypothesis import strategies as st

from joblog.client.following import parsed as parsed_events
from joblog.client.links import parsed_link, split_part
from joblog.core.names import check_id, check_name, check_project_id, integer, worker_of_log_file, worker_of_task
from joblog.core.segment import LEVEL_FAST, SegmentWriter, decode_frame, decode_index, index_of
from joblog.errors import BadSignature, Damaged, Invalid, JoblogError, Unauthorized, Unreachable
from joblog.server.auth.signature import canonical_query, signed_request
from joblog.server.auth.signed import is_signed
from joblog.server.http.answers import query_parameters
from joblog.server.http.asgi import Message
from joblog.server.http.bodies import Unpacking, read_body
from joblog.server.http.packed import encoding
from joblog.server.modelarts.positions import parse_base_line
from joblog.server.native.moments import moment_ms
from joblog.server.native.session import with_session
from joblog.views.redraws import Redraws
from joblog.views.terminal.terminal import Terminal
from joblog.views.values import ShownLine

LIMIT = 4096
UNPACKING = Unpacking()

BYTES = st.binary(max_size=400)
TEXTS = st.text(max_size=60)

_WORDS = (
    b"\x1b[",
    b"\x1b]",
    b"\x1b",
    b"\r",
    b"\n",
    b"\b",
    b"\t",
    b"9999999999",
    b";",
    b"m",
    b"H",
    b"J",
    b"K",
    b"A",
    b"\xff",
    "🚀".encode(),
)
SCREENS = st.lists(st.one_of(st.sampled_from(_WORDS), st.binary(max_size=5)), max_size=80).map(b"".join)

_QUERY = st.lists(st.sampled_from(["%", "%4", "%zz", "+", "&", "=", "a", "é", "%ff", ";", "\x00"]), max_size=30).map("".join)
_MOMENT = st.lists(st.sampled_from([*"0123456789", *"smhdTZ:+-. ", "\uff12", "2026-01-31"]), max_size=20).map("".join)
_NUMBER = st.lists(st.sampled_from([*"0123456789", "-", "+", "_", " ", "٣", "e", ".", "x"]), max_size=25).map("".join)


def _segment() -> bytes:
    writer = SegmentWriter(0, 0, LEVEL_FAST, 64)
    for number in range(20):
        writer.add(b"step %d loss 0.%d\n" % (number, number))
    return writer.finish({"project_id": "lab"})[0]


SEGMENT = _segment()


@given(
    st.lists(st.tuples(st.integers(0, len(SEGMENT) - 1), st.integers(0, 255)), max_size=8), st.integers(0, len(SEGMENT)), BYTES
)
def segment_decoder(changes: list[tuple[int, int]], cut: int, tail: bytes) -> None:
    """A segment in which some bytes have changed, that was cut off, or has something behind it: read, or damaged."""
    stored = bytearray(SEGMENT)
    for at, byte in changes:
        stored[at] = byte
    for data in (bytes(stored), bytes(stored[:cut]), bytes(stored[:cut]) + tail, tail):
        with contextlib.suppress(Damaged):
            placed = index_of(data).placed()
            for number in range(len(placed.byte) - 1):
                size = placed.byte[number + 1] - placed.byte[number]
                raw = decode_frame(data[placed.stored[number] : placed.stored[number + 1]], size)
                assert len(raw) == size
        with contextlib.suppress(Damaged):
            decode_index(data)


@given(BYTES, st.integers(0, 10_000))
def frame_decoder(data: bytes, size: int) -> None:
    """Bytes that are no frame, of any announced size."""
    with contextlib.suppress(Damaged):
        assert len(decode_frame(data, size)) == size


@given(BYTES, st.sampled_from([b"gzip", b"zstd", b"", b"ZSTD", b"gzip, gzip"]), st.lists(st.integers(0, 400), max_size=3))
def bodies(data: bytes, encoding: bytes, cuts: list[int]) -> None:
    """A body in any encoding, in any pieces: within the limit, or refused."""
    packed = zstandard.compress(data * 30)
    for sent in (data, packed, packed[: len(packed) // 2] + data):
        edges = sorted({0, *(cut for cut in cuts if cut < len(sent)), len(sent)})
        parts = [sent[low:high] for low, high in pairwise(edges)] or [b""]
        with contextlib.suppress(JoblogError):
            assert 0 < len(asyncio.run(_read(parts, encoding))) <= LIMIT


async def _read(parts: list[bytes], encoding: bytes) -> bytes:
    waiting = list(parts)

    async def receive() -> Message:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    return bytes(await read_body(receive, {b"content-encoding": encoding}, LIMIT, UNPACKING))


@given(_NUMBER, _MOMENT, TEXTS)
def parameters(number: str, moment: str, text: str) -> None:
    """Numbers, moments, names: a value within its range, or a refusal that names the parameter."""
    readers: list[Callable[[str], object]] = [
        lambda given: integer("p", given, -5, 2**63 - 1, "a number"),
        lambda given: moment_ms("p", given, 10**12),
        lambda given: check_id("p", given),
        *(check_project_id, worker_of_task, parse_base_line, lambda given: check_name("p", given)),
        *(split_part, lambda given: parsed_link("/p/" + given, "http://x")),
        *(encoding, worker_of_log_file),
    ]
    for given_text in (number, moment, text, f"worker-{number}", f"job-a.{number}", f"x#L{number}-L{number}"):
        for read in readers:
            with contextlib.suppress(Invalid):
                read(given_text)


@given(_QUERY, BYTES)
def queries(text: str, data: bytes) -> None:
    """Query strings and what a signature makes of them; the canonical form is its own."""
    for query in (text.encode(), data):
        assert all(isinstance(value, str) for value in query_parameters(query).values())
        once = canonical_query(query)
        assert canonical_query(once) == once


@given(BYTES, BYTES, st.sampled_from([b"authorization", b"cookie", b"x-auth-token", b"x-sdk-date"]), TEXTS)
def headers(value: bytes, other: bytes, name: bytes, text: str) -> None:
    """Headers of all kinds: a signature that is refused, a session that is none."""
    begin = b"SDK-HMAC-SHA256 Access=A, SignedHeaders=x-sdk-date, Signature=" + b"0" * 64
    sent = [
        (name, value),
        (b"authorization", begin + other),
        (b"x-sdk-date", text.encode()),
        (b"cookie", b"joblog_session=" + value),
    ]
    is_signed("/api/x", sent)
    scope = {"path": "/api/projects", "headers": sent}
    assert with_session(scope)["path"] == "/api/projects"  # type: ignore[arg-type]  # has what is read of it
    with contextlib.suppress(BadSignature, Unauthorized):
        signed_request("GET", b"/" + other, value, sent, 0.0)


@given(SCREENS, st.integers(1, 8), st.integers(1, 30), st.integers(0, 400))
def terminal(data: bytes, rows: int, columns: int, cut: int) -> None:
    """Any bytes on a screen of any size: the same lines however they are cut, and none that ends before it begins."""

    def shown(*parts: bytes) -> list[ShownLine]:
        screen = Terminal(rows=rows, columns=columns)
        return [line for part in parts for line in screen.feed(part)] + screen.finish()

    whole = shown(data)
    assert shown(data[:cut], data[cut:]) == whole
    assert all(0 <= line.start_byte <= line.end_byte <= len(data) for line in whole)
    frames = Redraws()
    assert all(frame.start <= len(data) for frame in frames.feed(data))
    frames.rest()


@given(
    st.lists(
        st.one_of(st.sampled_from([b"id: 5", b"event: bytes", b"data: YQ==", b"\n", b"\n\n", b": 1"]), st.binary(max_size=8)),
        max_size=20,
    )
)
def events(parts: list[bytes]) -> None:
    """A stream of events that is none."""
    with contextlib.suppress(Unreachable):
        for name, at, _ in parsed_events(iter(parts)):
            assert isinstance(name, str)
            assert at is None or at >= 0


TARGETS = (segment_decoder, frame_decoder, bodies, parameters, queries, headers, terminal, events)
