"""Logs as files to keep and as pages of text: every byte, whole or a part, compressed or not, and never anything but text."""

from __future__ import annotations

import asyncio
import io
import re
import zlib
from collections.abc import AsyncGenerator

import pytest
import zstandard

from joblog.server.http.packed import gzipped
from tests.backends import default_first
from tests.server.calls import MadeLog, Reply
from tests.server.conftest import MakeLog

pytestmark = default_first

TEXT = b"".join(b"line %d \xff\xfe <script>alert(%d)</script>\x1b[31m\r\n" % (n, n) for n in range(60_000)) + b"no newline"


@pytest.fixture(scope="module")
def starts() -> list[int]:
    """Where each line begins, and where the last one that is whole ends."""
    return [0, *(found.end() for found in re.finditer(b"\n", TEXT))]


@pytest.fixture
def log(make_log: MakeLog) -> MadeLog:
    made = make_log()
    made.write(TEXT)
    return made


def got(log: MadeLog, call: str, **parameters: object) -> Reply:
    reply = log.web.get(f"{log.api}/{call}", **parameters)
    assert reply.status == 200, reply
    return reply


def test_whole_log_is_a_file(log: MadeLog) -> None:
    """With its length and a name; a browser that says so gets it compressed on the way."""
    reply = got(log, "download")
    assert reply.body == TEXT
    assert reply.headers["content-disposition"] == f'attachment; filename="{log.log_file}.log"'
    assert reply.headers["content-type"] == "application/octet-stream"
    assert (reply.headers["content-length"], reply.headers["x-content-type-options"]) == (str(len(TEXT)), "nosniff")
    packed = log.web.call("GET", f"{log.api}/download", accept_encoding="gzip, zstd")
    assert packed.headers["content-encoding"] == "zstd"
    assert unpacked(packed.body) == TEXT


def test_zst_file_is_what_zstd_reads(log: MadeLog) -> None:
    """It stays a file: no Content-Encoding, whatever the browser takes; the name says what it is."""
    reply = log.web.call("GET", f"{log.api}/download?compress=zstd", accept_encoding="gzip, zstd")
    assert (reply.headers["content-type"], reply.headers.get("content-encoding")) == ("application/zstd", None)
    assert reply.headers["content-disposition"] == f'attachment; filename="{log.log_file}.log.zst"'
    assert len(reply.body) < len(TEXT) // 5
    assert unpacked(reply.body) == TEXT


def test_parts_are_files_too(log: MadeLog, starts: list[int]) -> None:
    """Of bytes or of lines; the name says which; what is beyond the end is left out."""
    reply = got(log, "download", start_byte=100, end_byte=70_000)
    assert reply.body == TEXT[100:70_000]
    assert f'"{log.log_file}.B100-70000.log"' in reply.headers["content-disposition"]
    reply = got(log, "download", start_line=120, end_line=30_001, compress="zstd")
    assert unpacked(reply.body) == TEXT[starts[120] : starts[30_001]]
    assert f'"{log.log_file}.L120-30000.log.zst"' in reply.headers["content-disposition"]
    assert got(log, "download", start_line=59_999, end_line=10**9).body == TEXT[starts[59_999] : starts[60_000]]
    assert got(log, "download", start_byte=5, end_byte=5).body == b""
    assert got(log, "download", start_byte=len(TEXT)).body == b""
    assert got(log, "raw", start_byte=len(TEXT) - 4).body == b"line"
    log.close()
    assert got(log, "download", start_line=59_999).body == TEXT[starts[59_999] :]


def test_raw_text_cannot_be_anything_else(log: MadeLog) -> None:
    """Its type is not sniffed, its page may do nothing, and no cache keeps what a job has printed."""
    reply = got(log, "raw", start_line=3, end_line=5)
    assert reply.body == b"".join(TEXT.splitlines(keepends=True)[3:5])
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"
    assert reply.headers["content-disposition"] == "inline"
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("compress=gzip", 400, "compress must be zstd or none, not 'gzip'"),
        ("start_byte=-1", 400, "start_byte must be a byte position, not '-1'"),
        ("start_byte=9&end_byte=8", 400, "end_byte must be a byte position, start_byte or later, not '8'"),
        ("start_line=x", 400, "start_line must be a line number, not 'x'"),
        (
            "start_line=1&end_byte=9",
            400,
            "start_byte, end_byte, start_line and end_line must be of bytes or of lines, not both",
        ),
        (f"start_byte={len(TEXT) + 1}", 416, f"the log ends at {len(TEXT)}"),
        ("start_line=60001", 416, "the log has 60000 lines"),
    ],
)
def test_what_cannot_be_is_refused(log: MadeLog, query: str, status: int, said: str) -> None:
    reply = log.web.get(f"{log.api}/download?{query}")
    assert (reply.status, reply.json["error"]["message"]) == (status, said)


def test_only_readers_get_it(log: MadeLog) -> None:
    for call in ("download", "raw"):
        assert log.web.as_(None).get(f"{log.api}/{call}").status == 401
        assert log.web.get(f"{log.api.replace('worker-0', 'worker-7')}/{call}").status == 404


def test_compressing_holds_little_at_a_time() -> None:
    """What was read has been sent, but for a little, long before all is read; in small parts; and it is all there."""
    read = sent = behind = 0
    piece = bytes(range(256)) * 128

    async def parts() -> AsyncGenerator[bytes, None]:
        nonlocal read
        for _ in range(800):
            read += len(piece)
            yield piece

    async def take() -> None:
        nonlocal sent, behind
        unpacking = zlib.decompressobj(31)
        async for packed in gzipped(parts()):
            sent += len(unpacking.decompress(packed))
            behind = max(behind, read - sent)
            assert len(packed) <= 8192 or sent == read

    asyncio.run(take())
    assert (sent, read) == (800 * len(piece), 800 * len(piece))
    assert behind < 2 << 20


def unpacked(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
