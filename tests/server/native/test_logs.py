"""The native API's logs: append, close, bytes, lines."""

from __future__ import annotations

import gzip
import socket
import zlib

import pytest
import zstandard

from tests.backends import default_first
from tests.server.calls import MadeLog, Reply, same
from tests.server.conftest import MakeLog

pytestmark = default_first

TEXT = b"one\ntwo\nthree\n"


def test_append_answers_where_the_log_ends(make_log: MakeLog) -> None:
    """And the status says the same, with the checksum of all bytes."""
    log = make_log()
    assert same(log.append(0, b"one\ntw").json, {"end_byte": 6, "end_line": 1})
    assert same(log.append(6, b"o\n\xff\x00").json, {"end_byte": 10, "end_line": 2})
    crc32 = zlib.crc32(b"one\ntwo\n\xff\x00")
    status = log.status()
    made = {name: status[name] for name in ("created_ms", "appended_ms")}
    assert same(
        status,
        {
            **{"project_id": "default", "job_id": log.job_id, "version_id": log.version_id, "task": "worker-0"},
            **{"log_file": log.log_file, **made, "start_byte": 0, "start_line": 0, "sealed_byte": 0, "end_byte": 10},
            **{"end_line": 2, "partial_byte": 8, "crc32": crc32, "closed": False, "closed_ms": None, "complete": None},
            "gaps": [],
        },
    )
    assert 1_700_000_000_000 < made["created_ms"] <= made["appended_ms"]


def test_append_may_be_repeated(make_log: MakeLog) -> None:
    """What is held is compared, the rest is taken; each byte stands once."""
    log = make_log(b"one\ntwo\n")
    for at, data, end in (
        (0, b"one\ntwo\n", 8),
        (4, b"two\n", 8),
        (4, b"two\nthree\n", 14),
        (0, b"one\ntwo\nthree\nfour\n", 19),
    ):
        assert log.append(at, data).json["end_byte"] == end
    assert log.web.get(f"{log.api}/bytes").body == b"one\ntwo\nthree\nfour\n"


def test_append_of_compressed_bytes(make_log: MakeLog) -> None:
    """gzip and zstd, in one member or in several, with or without the size in front; any case."""
    log, data = make_log(), b"epoch 1\n" * 1000
    unsized = zstandard.ZstdCompressor(write_content_size=False)
    bodies = [
        ("gzip", gzip.compress(data)),
        ("GZIP", gzip.compress(data[:4000]) + gzip.compress(data[4000:])),
        ("zstd", zstandard.compress(data)),
        ("zstd", unsized.compress(data[:4000]) + unsized.compress(data[4000:])),
        ("identity", data),
        ("", data),
    ]
    for number, (encoding, body) in enumerate(bodies):
        reply = log.append(number * len(data), body, content_encoding=encoding)
        assert reply.json["end_byte"] == (number + 1) * len(data)
    assert log.web.get(f"{log.api}/bytes").body == data * len(bodies)


def test_append_in_chunks(make_log: MakeLog) -> None:
    """A body whose length was not told is taken when it has ended."""
    log = make_log()
    assert log.append(0, (b"%d\n" % number for number in range(1000))).json["end_line"] == 1000
    assert log.web.get(f"{log.api}/bytes").body == b"".join(b"%d\n" % number for number in range(1000))


@pytest.mark.parametrize("size", [(4 << 20) - 1, 4 << 20, 16 << 20])
def test_large_append(make_log: MakeLog, size: int) -> None:
    """Up to the limit; a very large one is an object at once. What follows, and a repeat, do not see the difference."""
    data = b"0123456789abcde\n" * (size // 16) + b"x" * (size % 16)
    log = make_log(data)
    assert log.status()["sealed_byte"] == (size if size >= 4 << 20 else 0)
    assert log.append(0, data).json["end_byte"] == size
    assert log.append(size - 1, data[-1:] + b"end\n").json["end_byte"] == size + 4
    assert log.web.get(f"{log.api}/bytes").body == data + b"end\n"


def test_close_proves_the_log_complete(make_log: MakeLog) -> None:
    """With the writer's count and checksum; without them nothing is said."""
    for account, complete in (
        ({}, None),
        ({"end_byte": 14}, None),
        ({"end_byte": 14, "crc32": zlib.crc32(TEXT)}, True),
        ({"end_byte": 13, "crc32": zlib.crc32(TEXT)}, False),
        ({"end_byte": 14, "crc32": 0}, False),
    ):
        log = make_log(TEXT)
        closed = log.close(**account)
        assert (closed.status, closed.json["closed"], closed.json["complete"]) == (200, True, complete)
        assert log.held() == {name: value for name, value in closed.json.items() if name != "sealed_byte"}


def test_account_may_come_after_the_close(make_log: MakeLog) -> None:
    """When the one who closed it did not have it; the time of closing stays."""
    log = make_log(TEXT)
    first = log.close().json
    second = log.close(end_byte=14, crc32=zlib.crc32(TEXT)).json
    assert (second["complete"], second["closed_ms"]) == (True, first["closed_ms"])


def test_gaps_are_told_and_the_log_is_not_complete(make_log: MakeLog) -> None:
    """Nothing is dropped in silence; the same gap told again is one gap."""
    log = make_log(TEXT)
    gaps = [{"at_byte": 8, "size_bytes": 100, "reason": "spool full"}, {"at_byte": 4, "size_bytes": 7, "reason": "flood"}]
    account = {"end_byte": 14, "crc32": zlib.crc32(TEXT), "gaps": gaps}
    log.close(**account)
    status = log.close(**account).json
    told = [{name: gap[name] for name in ("at_byte", "size_bytes", "reason")} for gap in status["gaps"]]
    assert (told, status["complete"]) == (gaps[::-1], False)


def check_bytes(reply: Reply, log: MadeLog, status: int, body: bytes, content_range: str | None) -> None:
    end = log.status()["end_byte"]
    headers = {name: reply.headers.get(name) for name in ("content-type", "content-length", "content-range", "accept-ranges")}
    assert (reply.status, reply.body) == (status, body)
    assert headers == {
        **{"content-type": "application/octet-stream", "content-length": str(len(body)), "content-range": content_range},
        "accept-ranges": "bytes",
    }
    assert reply.headers["etag"].endswith(f'-{end}"')


def test_ranges_of_bytes(make_log: MakeLog) -> None:
    """By RFC 9110; what is no single range of bytes is as if it were not there."""
    log = make_log(TEXT)
    parts = {
        "bytes=0-0": (0, 1), "bytes=0-3": (0, 4), "bytes=4-": (4, 14), "bytes=13-13": (13, 14), "bytes=13-99": (13, 14),
        "bytes=-6": (8, 14), "bytes=-99": (0, 14), "bytes= 4 - 7 ": (4, 8),
        "bytes=0-9223372036854775807": (0, 14), "Bytes=0-3": (0, 4), "bytes=5-2": None, "bytes=0-1,3-4": None,
        "lines=0-1": None,
        "bytes=-": None, "bytes=a-b": None, "bytes=+1-2": None, "0-3": None,
    }  # fmt: skip
    for asked, part in parts.items():
        reply = log.web.call("GET", f"{log.api}/bytes", range=asked)
        if part is None:
            check_bytes(reply, log, 200, TEXT, None)
        else:
            check_bytes(reply, log, 206, TEXT[part[0] : part[1]], f"bytes {part[0]}-{part[1] - 1}/14")


def test_range_beyond_the_end(make_log: MakeLog) -> None:
    """416, with the end, from which a reader that follows goes on."""
    for data, ranges in ((TEXT, ("bytes=14-", "bytes=14-20", "bytes=99-", "bytes=-0")), (b"", ("bytes=0-", "bytes=-5"))):
        log = make_log(data)
        for asked in ranges:
            reply = log.web.call("GET", f"{log.api}/bytes", range=asked)
            message = f"bytes 0 to {len(data)} are held, none of them in the range"
            assert reply.status == 416
            assert same(reply.json, {"error": {"code": "beyond_end", "message": message, "expected": len(data)}})


def test_bytes_of_an_empty_log(make_log: MakeLog) -> None:
    """None, and that is no error."""
    log = make_log()
    check_bytes(log.web.get(f"{log.api}/bytes"), log, 200, b"", None)


def test_part_got_earlier_is_still_a_part(make_log: MakeLog) -> None:
    """If-Range holds for the same log when it has grown: bytes do not change. For another log it does not."""
    log, other = make_log(TEXT), make_log(TEXT)
    etag, others = (each.web.get(f"{each.api}/bytes").headers["etag"] for each in (log, other))
    log.append(14, b"four\n")
    for if_range, status in (
        (etag, 206),
        (others, 200),
        ('"x"', 200),
        (f"W/{etag}", 200),
        ("Sat, 21 Nov 2026 22:00:00 GMT", 200),
    ):
        assert log.web.call("GET", f"{log.api}/bytes", range="bytes=14-", if_range=if_range).status == status
    log_id = etag.strip('"').partition("-")[0]
    future = log.web.call("GET", f"{log.api}/bytes", range="bytes=14-", if_range=f'"{log_id}-99"')
    assert future.status == 200


def test_head_is_get_without_the_bytes(make_log: MakeLog) -> None:
    """The same status and headers, also of a range."""
    log = make_log(TEXT)
    for headers in ({}, {"range": "bytes=4-7"}, {"range": "bytes=-3"}):
        got, head = (log.web.call(method, f"{log.api}/bytes", **headers) for method in ("GET", "HEAD"))
        differ = {"x-request-id", "date", "server"}
        assert (head.status, head.body) == (got.status, b"")
        assert head.headers.items() - got.headers.items() <= {(name, head.headers.get(name, "")) for name in differ}
        assert {name for name in got.headers if name not in differ} == {name for name in head.headers if name not in differ}


def test_reader_that_goes_away_is_no_failure(make_log: MakeLog) -> None:
    """It has seen enough: the server goes on, and has nothing to report."""
    log = make_log(b"0123456789abcde\n" * (1 << 20))
    for path in (f"{log.api}/bytes", f"{log.v1}/aom-log?log_file={log.log_file}"):
        with socket.create_connection((log.web.host, log.web.port)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {log.web.token}\r\n\r\n".encode())
            assert connection.recv(12) == b"HTTP/1.1 200"
    assert log.bytes_page(offset=16)["log"] == "0123456789abcde\n"


def lines_of(log: MadeLog, query: str) -> object:
    return log.web.call("GET", f"{log.api}/lines{query}").json


def view(first: int, end: int, low: int, high: int, content: str) -> dict[str, object]:
    borders = {"start_line": first, "end_line": end, "start_byte": low, "end_byte": high}
    return {**borders, "lines": end - first, "content": content}


def test_lines_by_number(make_log: MakeLog) -> None:
    """From the front, or with a minus from the end; past the end there are none."""
    log = make_log(TEXT + b"unfinished")
    cases = {
        "": view(0, 3, 0, 14, "one\ntwo\nthree\n"), "?start=1&count=1": view(1, 2, 4, 8, "two\n"),
        "?start=-1": view(2, 3, 8, 14, "three\n"), "?start=-2&count=1": view(1, 2, 4, 8, "two\n"),
        "?start=-99&count=2": view(0, 2, 0, 8, "one\ntwo\n"), "?start=3": view(3, 3, 14, 14, ""),
        "?start=99": view(3, 3, 14, 14, ""), "?start=0&count=10000": view(0, 3, 0, 14, "one\ntwo\nthree\n"),
    }  # fmt: skip
    for query, expected in cases.items():
        assert same(lines_of(log, query), expected), query
    log.close()
    assert same(lines_of(log, "?start=-1"), view(3, 4, 14, 24, "unfinished"))


def test_lines_that_are_not_utf8(make_log: MakeLog) -> None:
    """U+FFFD for each byte; the positions are of the bytes."""
    log = make_log(b"\xff\xfe\n\xe8\xae\xad\n")
    assert same(lines_of(log, ""), view(0, 2, 0, 7, "\ufffd\ufffd\n训\n"))


def test_answer_of_lines_is_bounded(make_log: MakeLog) -> None:
    """5 MiB at most, but at least one line, however long; end_line says where to go on."""
    lines = [b"x" * (3 << 20) + b"\n", b"y" * (3 << 20) + b"\n", b"z" * (6 << 20) + b"\n", b"end\n"]
    log, met = make_log(b"".join(lines)), []
    at = 0
    while at < 4:
        page = log.web.get(f"{log.api}/lines", start=at, count=100).json
        met.append((page["start_line"], page["end_line"], len(page["content"])))
        at = page["end_line"]
    assert met == [(0, 1, (3 << 20) + 1), (1, 2, (3 << 20) + 1), (2, 3, (6 << 20) + 1), (3, 4, 4)]
