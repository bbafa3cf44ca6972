"""Lines for a screen: each is cut after so many bytes, and the answer says which were."""

from __future__ import annotations

import time

from tests.server.calls import check_api
from tests.server.conftest import MakeLog

MIB = 1024 * 1024


def test_long_lines_are_cut_and_named(make_log: MakeLog) -> None:
    """A short line is whole; a cut one keeps its newline, and no half of a character."""
    log = make_log(b"short\n" + "é".encode() * 10 + b"\n\n" + b"x" * 5 + b"\n" + b"\r" * 6 + b"\n")
    page = log.web.get(f"{log.api}/lines", cut=5).json
    assert page["content"] == "short\néé\n\nxxxxx\n\r\r\r\r\r\n"
    assert page["cuts"] == [
        {"line": 1, "start_byte": 6, "end_byte": 26},
        {"line": 4, "start_byte": 34, "end_byte": 40},
    ]
    assert (page["start_line"], page["end_line"], page["start_byte"], page["end_byte"], page["lines"]) == (0, 5, 0, 41, 5)


def test_without_cut_nothing_is_different(make_log: MakeLog) -> None:
    """The answer has no ``cuts``."""
    log = make_log(b"x" * 100_000 + b"\n")
    page = log.web.get(f"{log.api}/lines").json
    assert (len(page["content"]), "cuts" in page) == (100_001, False)


def test_lines_of_megabytes_are_read_by_their_heads(make_log: MakeLog) -> None:
    """An answer is small whatever the lines are; it may have fewer lines than asked for, and the next goes on."""
    lines = [bytes([97 + number % 26]) * (MIB // 2 + number) for number in range(70)]
    log = make_log(b"\n".join(lines), closed=True)
    first = log.web.get(f"{log.api}/lines", count=70, cut=10).json
    assert (first["start_line"], first["end_line"]) == (0, 64)
    rest = log.web.get(f"{log.api}/lines", start=64, count=70, cut=10).json
    assert (rest["start_byte"], rest["end_line"], rest["end_byte"]) == (first["end_byte"], 70, log.status()["end_byte"])
    text = first["content"] + rest["content"]
    assert text == "\n".join(line[:10].decode() for line in lines)
    cuts = first["cuts"] + rest["cuts"]
    assert [cut["end_byte"] - cut["start_byte"] for cut in cuts] == [len(line) for line in lines]
    assert [cut["line"] for cut in cuts] == list(range(70))


def test_cut_is_checked(make_log: MakeLog) -> None:
    """The message names the parameter and the range."""
    log = make_log(b"one\n")
    for wrong in ("0", "65537", "x"):
        reply = log.web.get(f"{log.api}/lines", cut=wrong)
        assert reply.status == 400
        assert reply.json["error"]["parameter"] == "cut"
        assert "an integer from 1 to 65536" in reply.json["error"]["message"]


def test_lines_tell_when_they_arrived(make_log: MakeLog) -> None:
    """Each by its first byte, to the second, whole or cut; an earlier line never later than one behind it."""
    log = make_log(b"one\ntw")
    begun = log.status()["appended_ms"] // 1000 * 1000
    while time.time() * 1000 < begun + 1000:
        time.sleep(0.02)
    assert log.append(6, b"o\n" + b"x" * 100 + b"\n").status == 200
    after = log.status()["appended_ms"] // 1000 * 1000
    assert after > begun
    for cut in ({}, {"cut": 5}):
        page = log.web.get(f"{log.api}/lines", times="true", **cut).json
        assert page["times_ms"] == [begun, begun, after]
    assert "times_ms" not in log.web.get(f"{log.api}/lines", times="false").json
    check_api(
        log.web.get(f"{log.api}/lines", times="yes"),
        400,
        "invalid",
        "times must be true or false, not 'yes'",
        parameter="times",
    )
