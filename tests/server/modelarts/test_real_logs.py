"""Real training logs, in through the native API and out through ModelArts' calls, page by page: the same bytes.

And the logs that are not like them: a line of 64 MiB.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import pytest

from joblog.core import lines
from joblog.core.logs import Head
from joblog.engine.engine import Engine
from joblog.engine.read import Page
from joblog.server.modelarts import positions
from tests.server.calls import MadeLog, Web
from tests.server.conftest import MakeLog

RealLogs = Callable[[], Iterator[tuple[str, bytes]]]

SEALED_S = 120.0

# Over HTTP a page of one byte takes as long as one of 2048; such pages are read in the process, and a part of each log.
PART_PAGES = 10_000
PART_LINES = 3_000

QUICK_PAGES = 60
"""Of each log, where not all of it is read; a log of each kind is read whole in the long run."""


@pytest.fixture(scope="module")
def imported(server: Any, real_logs: RealLogs) -> Iterator[list[tuple[MadeLog, bytes]]]:
    """Every real log on the server, closed and sealed."""
    web = Web(server.url, server.token)
    logs = []
    for number, (_, data) in enumerate(real_logs()):
        run = web.post("/api/projects/default/runs", {"job_name": f"real-{number}"}).json
        log = MadeLog(web, run["job"]["id"], run["version"]["id"], run["log"]["log_file"])
        log.write(data)
        assert log.close(end_byte=len(data)).status == 200
        logs.append((log, data))
    deadline = time.monotonic() + SEALED_S
    while any((status := log.status())["sealed_byte"] != status["end_byte"] for log, _ in logs):
        assert time.monotonic() < deadline
    yield logs
    web.close()


def byte_pages(log: MadeLog, offset: int) -> Iterator[dict[str, Any]]:
    """Follows ``end_byte`` down from 0, or for a negative offset ``end_byte - log_byte_count`` up from -1."""
    start = 0 if offset > 0 else -1
    while (page := log.bytes_page(start_byte=start, offset=offset))["log_byte_count"]:
        yield page
        start = page["end_byte"] - (0 if offset > 0 else page["log_byte_count"])


def line_pages(log: MadeLog, count: int, order: str) -> Iterator[dict[str, Any]]:
    """Follows ``end_line`` down from the top, or ``start_line`` up from the bottom."""
    page = log.lines_page(lines=count, order="asc" if order == "desc" else "desc")
    while page["lines"]:
        yield page
        base = page["end_line" if order == "desc" else "start_line"]
        page = log.lines_page(base_line=base, lines=count, order=order)


def test_real_logs_end_by_bytes(imported: list[tuple[MadeLog, bytes]]) -> None:
    """As clients begin: backwards from the end, as far as somebody scrolls."""
    for log, data in imported:
        pages = list(islice(byte_pages(log, -2048), QUICK_PAGES))[::-1]
        low = pages[0]["end_byte"] - pages[0]["log_byte_count"]
        assert "".join(page["log"] for page in pages) == lines.text(data[low:])
        ends = [page["end_byte"] for page in pages]
        starts = [page["end_byte"] - page["log_byte_count"] for page in pages]
        assert (starts, ends[-1]) == ([low, *ends[:-1]], len(data))


def test_real_logs_end_by_lines(imported: list[tuple[MadeLog, bytes]]) -> None:
    """The same by lines."""
    for log, data in imported:
        pages = list(islice(line_pages(log, 50, "asc"), QUICK_PAGES))[::-1]
        shown = sum(page["lines"] for page in pages)
        assert "".join(page["content"] for page in pages) == lines.text(
            b"".join(line + b"\n" for line in data.split(b"\n")[-shown - 1 : -1])
        )


@pytest.mark.long  # 14 real logs of 8 MB, each byte read four times
@pytest.mark.parametrize("offset", [-2048, 2048])  # as clients begin; the other way
def test_real_logs_by_bytes(imported: list[tuple[MadeLog, bytes]], offset: int) -> None:
    """The pages glue to the file: the text is the file's, and the counts are of its bytes."""
    for log, data in imported:
        pages = sorted(byte_pages(log, offset), key=lambda page: int(page["end_byte"]))
        assert "".join(page["log"] for page in pages) == lines.text(data)
        ends = [page["end_byte"] for page in pages]
        starts = [page["end_byte"] - page["log_byte_count"] for page in pages]
        assert (starts, ends[-1]) == ([0, *ends[:-1]], len(data))


@pytest.mark.slow  # as above
@pytest.mark.parametrize(
    ("count", "order"),
    [
        pytest.param(50, "asc", marks=pytest.mark.long),
        (500, "desc"),
        pytest.param(50, "desc", marks=pytest.mark.long),  # as the two above, the other way round
        pytest.param(500, "asc", marks=pytest.mark.long),
    ],
)
def test_real_logs_by_lines(imported: list[tuple[MadeLog, bytes]], count: int, order: str) -> None:
    """The pages glue to the file, and each page is full but the last."""
    for log, data in imported:
        pages = sorted(line_pages(log, count, order), key=lambda page: int(page["start_line"]))
        assert "".join(page["content"] for page in pages) == lines.text(data)
        sizes = [page["lines"] for page in (pages if order == "desc" else pages[::-1])]
        assert sizes[:-1] == [count] * (len(sizes) - 1)
        assert sum(sizes) == data.count(b"\n")


def test_real_logs_are_proved_complete(imported: list[tuple[MadeLog, bytes]]) -> None:
    """And come back as they are through the native API."""
    for log, data in imported:
        assert log.web.get(f"{log.api}/bytes").body == data


@pytest.fixture
def halves(engine: Engine, real_logs: RealLogs) -> list[tuple[Head, bytes]]:
    """Every real log in the process, still growing: one half of it sealed, the other in the catalog."""
    engine.runs.put_project("lab", 0)
    logs = []
    for number, (_, data) in enumerate(real_logs()):
        _, _, log = engine.runs.put_run("lab", f"real-{number}", None, 0, 1_700_000_000_000)
        engine.appender.append(log.id, 0, data[: len(data) // 2])
        while engine.sealer.seal(log.id):
            pass
        logs.append((engine.appender.append(log.id, len(data) // 2, data[len(data) // 2 :]), data))
    return logs


def part_of(log: Head, size: int) -> tuple[int, int]:
    """A part of the log around the border between what is sealed and what is not; another one for each log."""
    low = max(log.sealed_byte - random.Random(log.id).randrange(PART_PAGES * size), 0)
    return low, min(low + PART_PAGES * size, log.end_byte)


@pytest.mark.long  # a page for each byte
@pytest.mark.parametrize("size", [1, 7])
def test_smallest_byte_pages(engine: Engine, halves: list[tuple[Head, bytes]], size: int) -> None:
    """Down and up through a part of each real log, across the border of what is sealed."""
    for log, data in halves:
        low, high = part_of(log, size)
        down: list[Page] = []
        while not down or down[-1].end_byte < high:
            start = down[-1].end_byte if down else low
            down.append(engine.reader.characters(log, partial(positions.byte_span, start, size), backwards=False))
        up: list[Page] = []
        while not up or up[-1].start_byte > low:
            start = up[-1].start_byte if up else high
            up.append(engine.reader.characters(log, partial(positions.byte_span, start, -size), backwards=True))
        check_glued(down, data)
        check_glued(up[::-1], data)


@pytest.mark.slow  # a page for each line
def test_smallest_line_pages(engine: Engine, halves: list[tuple[Head, bytes]]) -> None:
    """Down and up, a line at a time, across the border of what is sealed."""
    for log, data in halves:
        base = log.created_ms * positions.LINES_PER_MS
        first = max(log.sealed_line - PART_LINES // 2, 0)
        end = min(first + PART_LINES, log.end_line)
        down = [engine.reader.lines(log, partial(positions.line_span, base + line, 1, "desc")) for line in range(first, end)]
        up = [
            engine.reader.lines(log, partial(positions.line_span, base + line, 1, "asc")) for line in range(first + 1, end + 1)
        ]
        assert [(page.start_line, page.end_line) for page in down] == [(line, line + 1) for line in range(first, end)]
        expected = [line + b"\n" for line in data.split(b"\n")[first:end]]
        assert [page.data for page in down] == expected
        assert [page.data for page in up] == expected
        check_glued(down, data)
        check_glued(up, data)


def check_glued(pages: list[Page], data: bytes) -> None:
    """The pages join up, their bytes are the data's, and their texts too: no character is cut."""
    assert [page.start_byte for page in pages[1:]] == [page.end_byte for page in pages[:-1]]
    part = data[pages[0].start_byte : pages[-1].end_byte]
    assert b"".join(page.data for page in pages) == part
    assert "".join(lines.text(page.data) for page in pages) == lines.text(part)


@pytest.mark.long  # 64 MiB
def test_line_of_64_mib(make_log: MakeLog) -> None:
    """It is one line, however long: held back while it grows, seen by bytes, whole when the log is closed."""
    line = "0123456789abcde训".encode() * ((64 << 20) // 18)
    log = make_log(b"first\n" + line)
    size = 6 + len(line)
    assert (log.lines_page()["content"], log.lines_page()["lines"]) == ("first\n", 1)
    assert log.bytes_page(start_byte=-1, offset=18)["log"] == "0123456789abcde训"
    assert log.bytes_page(start_byte=size - 1000, offset=2048)["log"] == line[-1000:].decode("utf-8", "ignore")
    assert log.web.call("GET", f"{log.api}/bytes").body == b"first\n" + line
    log.close()
    page = log.lines_page(lines=1)
    assert page["content"] == line.decode()
    base = log.status()["created_ms"] * 10**6
    assert (page["lines"], page["start_line"], page["end_line"]) == (1, str(base + 1), str(base + 2))
