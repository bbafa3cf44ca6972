"""Appends and closes that are refused, or never arrive in full: nothing of them is taken."""

from __future__ import annotations

import gzip
import re
import socket
import struct

import pytest
import zstandard

from tests.server.calls import MadeLog, check_api
from tests.server.conftest import CONTENT, MakeLog

LIMIT = 16 << 20


def test_append_positions(log: MadeLog) -> None:
    """``at`` is where the log ends, or before it with the same bytes; the answer says where the log ends."""
    position = "a byte position, 0 to 9223372036854775807"
    invalid = {"parameter": "at"}
    check_api(
        log.web.call("POST", f"{log.api}/append", b"x"), 400, "missing", f"at is missing; it must be {position}", **invalid
    )
    check_api(log.append(-1, b"x"), 400, "out_of_range", f"at must be {position}, not '-1'", **invalid)
    check_api(log.append(2**63, b"x"), 400, "out_of_range", f"at must be {position}, not '{2**63}'", **invalid)
    check_api(log.append(9, b"x"), 416, "beyond_end", "the log ends at 8, the append starts at 9", expected=8)
    check_api(
        log.append(2**63 - 1, b"x"), 416, "beyond_end", f"the log ends at 8, the append starts at {2**63 - 1}", expected=8
    )
    check_api(log.append(0, b"One\n"), 409, "different", "bytes 0 to 4 are held, and differ", expected=8)
    check_api(log.append(4, b"two\r\nthree\n"), 409, "different", "bytes 4 to 8 are held, and differ", expected=8)


def test_append_to_a_closed_log(make_log: MakeLog) -> None:
    """What it holds may be repeated, nothing may be added."""
    log = make_log(CONTENT, closed=True)
    before = log.held()
    assert log.append(4, b"two\n").json == {"end_byte": 8, "end_line": 2}
    for at, data in ((8, b"x"), (4, b"two\nx")):
        check_api(log.append(at, data), 409, "closed", "the log is closed at 8", expected=8)
    assert log.held() == before


def test_append_over_the_limit(log: MadeLog) -> None:
    """16 MiB, as they come and as they are decompressed; a bomb is not decompressed beyond it."""
    for body in (b"x" * (LIMIT + 1), (b"x" * (1 << 20) for _ in range(17))):
        reply = log.append(8, body)
        check_api(reply, 413, "too_large", f"the body is larger than {LIMIT} bytes", limit_bytes=LIMIT)
    bombs = {"gzip": gzip.compress(bytes(LIMIT + 1), 1) * 4, "zstd": zstandard.compress(bytes(LIMIT + 1)) * 100}
    for encoding, bomb in bombs.items():
        reply = log.append(8, bomb, content_encoding=encoding)
        check_api(reply, 413, "too_large", f"the decompressed body is larger than {LIMIT} bytes", limit_bytes=LIMIT)


def test_append_with_a_broken_body(log: MadeLog) -> None:
    """Cut off anywhere, changed anywhere, followed by anything: nothing of it is taken."""
    whole = {
        "gzip": gzip.compress(b"three\n" * 50),
        "zstd": zstandard.ZstdCompressor(write_checksum=True).compress(b"three\n" * 50),
    }
    for encoding, body in whole.items():
        damaged = [body[:size] for size in range(1, len(body))]
        damaged += [body + b"x", body + body[:5], b"x" + body, body[:-6] + b"\xff" + body[-5:], b"three\n"]
        for sent in damaged:
            reply = log.append(8, sent, content_encoding=encoding)
            assert (reply.status, reply.json["error"]["code"], reply.json["error"]["parameter"]) == (400, "invalid", "body"), (
                sent
            )
            assert reply.json["error"]["message"].startswith(f"body must be valid {encoding}")


def test_append_of_nothing(log: MadeLog) -> None:
    """An empty body is a mistake, also when it is compressed."""
    message = f"body is missing; it must be 1 to {LIMIT} bytes"
    check_api(log.append(8, b""), 400, "missing", message, parameter="body")
    check_api(log.append(8, gzip.compress(b""), content_encoding="gzip"), 400, "missing", message, parameter="body")
    check_api(log.append(8, zstandard.compress(b""), content_encoding="zstd"), 400, "missing", message, parameter="body")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x" * 200])
def test_append_with_an_unknown_encoding(log: MadeLog, encoding: str) -> None:
    """The bytes would not be those that were written."""
    reply = log.append(8, b"x", content_encoding=encoding)
    shown = repr(encoding) if len(encoding) < 78 else repr(encoding)[:77] + "..."
    message = f"Content-Encoding must be gzip, zstd or absent, not {shown}"
    check_api(reply, 400, "invalid", message, parameter="Content-Encoding")


def cut_off(log: MadeLog) -> list[bytes]:
    head = f"POST {log.api}/append?at=8 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {log.web.token}\r\n".encode()
    return [
        head + b"Content-Length: 100\r\n\r\n" + b"three\n" * 10,
        head + b"Content-Length: 100\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n6\r\nthree\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n6\r\nthree\n\r\n6\r\nfo",
        head + b"Transfer-Encoding: chunked\r\n\r\n6\r\nthree\n\r\nnonsense\r\n",
    ]


def test_append_that_is_cut_off_takes_nothing(log: MadeLog) -> None:
    """Whether its length was told or not; whoever still listens hears that it was cut."""
    for request in cut_off(log):
        answer = log.web.raw(request)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer
    answer = log.web.raw(cut_off(log)[0])
    assert answer.endswith(b'{"error":{"code":"invalid","message":"body must be sent to its end","parameter":"body"}}')


def test_append_whose_connection_is_reset_takes_nothing(log: MadeLog) -> None:
    """As when a node dies."""
    for request in cut_off(log):
        with socket.create_connection((log.web.host, log.web.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(request)


def test_refusal_reaches_a_client_that_is_still_sending(log: MadeLog) -> None:
    """Else a wrong token would look like a server that is away, and be tried again for ever."""
    stranger = log.web.as_("wrong")
    for size in (100_000, 200_000, 1 << 20, LIMIT, LIMIT + 1):
        reply = stranger.call("POST", f"{log.api}/append?at=8", b"x" * size)
        check_api(reply, 401, "unknown_token", "the token is not valid")


def test_accounts_of_a_close(log: MadeLog) -> None:
    """More than has arrived is refused, so that the rest is sent first; so are figures that cannot be."""
    reply = log.close(end_byte=9, crc32=0)
    check_api(reply, 416, "beyond_end", "the log ends at 8, the writer counts 9", expected=8)
    size = f"gaps.size_bytes must be an integer from 1 to {2**48}"
    reason = "gaps.reason must be 1 to 200 printable ASCII characters"
    for account, parameter, message in (
        ({"end_byte": -1}, "end_byte", "end_byte must be a byte position"),
        ({"crc32": 2**32}, "crc32", "crc32 must be an integer from 0 to 4294967295"),
        ({"gaps": [{"at_byte": -1, "size_bytes": 1, "reason": "x"}]}, "gaps.at_byte", "gaps.at_byte must be a byte position"),
        ({"gaps": [{"at_byte": 0, "size_bytes": 0, "reason": "x"}]}, "gaps.size_bytes", size),
        ({"gaps": [{"at_byte": 0, "size_bytes": 1, "reason": "\n"}]}, "gaps.reason", reason),
    ):
        check_api(log.close(**account), 400, "invalid", message, parameter=parameter)


def test_close_with_other_figures(make_log: MakeLog) -> None:
    """The first account stands; the same one again is fine, and so is none."""
    log = make_log(CONTENT)
    log.close(end_byte=8, crc32=7)
    closed = log.held()
    for account in ({"end_byte": 7, "crc32": 7}, {"end_byte": 8, "crc32": 8}, {"crc32": 8}, {"end_byte": 7}):
        check_api(log.close(**account), 409, "conflict", "the log was closed with other figures", expected=8)
    for account in ({"end_byte": 8, "crc32": 7}, {"end_byte": 8}, {}):
        assert log.close(**account).status == 200
    assert log.held() == closed


def test_large_appends_that_are_refused_or_repeated_are_not_committed(make_log: MakeLog) -> None:
    """Nor packed in the thread in which everybody's commits are; what goes on behind what is held is taken."""
    large = b"0123456789abcde\n" * (4 << 16)
    log = make_log(large)

    def commits() -> float:
        found = re.search(rb"\njoblog_commit_seconds_count ([0-9.]+)\n", log.web.get("/metrics").body)
        return float(found[1]) if found else 0.0

    before = commits()
    end = len(large)
    check_api(
        log.append(end + 1, large), 416, "beyond_end", f"the log ends at {end}, the append starts at {end + 1}", expected=end
    )
    check_api(log.append(0, large.upper()), 409, "different", "bytes 0 to 1048576 are held, and differ", expected=end)
    assert log.append(0, large).json["end_byte"] == end
    assert commits() == before
    assert log.append(0, large + b"more\n").json["end_byte"] == end + 5
    assert log.web.get(f"{log.api}/bytes").body == large + b"more\n"
