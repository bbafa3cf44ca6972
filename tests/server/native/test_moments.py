"""Lines by when they arrived, and downloads that are compressed on the way."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from joblog.catalog.logs import Logs
from joblog.core.logs import Segment
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.times import arrived, second_of
from tests.conftest import Server, start_server
from tests.server.calls import MadeLog, Web, check_api, made_log
from tests.server.conftest import MakeLog

T0 = 1_700_000_000_000
ARRIVALS = [T0, T0 + 400, T0 + 1500, T0 + 60_000, T0 + 60_000, T0 + 3_600_000]
DATA = b"".join(b"line %d\n" % number for number in range(len(ARRIVALS)))


def test_moments_have_places(tmp_path: Path) -> None:
    """To the millisecond in the tail; sealed, and merged, to the second."""
    now = [T0 - 5]
    engine = Engine(Settings(data=tmp_path), clock_ms=lambda: now[0])
    engine.runs.put_project("p", 1)
    log = engine.runs.put_run("p", "a", None, 0, 1)[2]
    for number, at_ms in enumerate(ARRIVALS):
        now[0] = at_ms
        engine.appender.append(log.id, 7 * number, b"line %d\n" % number)
        if number == 3:
            tail = engine.logs.head(log.id)
            exact = [arrived(engine.logs, tail, T0 + ms) for ms in (-1, 0, 1, 400, 401, 1500, 59_999, 60_000, 60_001)]
            assert exact == [0, 0, 7, 7, 14, 14, 21, 21, 28]
            engine.sealer.seal(log.id)
    for merged in (False, True):
        head = engine.logs.head(log.id)
        places = {-1: 0, 0: 0, 1: 0, 999: 0, 1000: 14, 1499: 14, 2000: 21, 60_000: 21, 61_000: 35, 3_600_000: 35, 3_600_001: 42}
        assert {ms: arrived(engine.logs, head, T0 + ms) for ms in places} == places, merged
        engine.sealer.seal(log.id)
        engine.sealer.merge(log.id, now[0])
    engine.close()


class SealingLogs(Logs):
    """Logs of an engine that seals just after a read of one kind: of chunks, or of segments."""

    def __init__(self, engine: Engine, *, after: str) -> None:
        super().__init__(engine.database)
        self._engine, self._after = engine, after

    def segments_by_byte(self, log_id: int, low: int, high: int) -> list[Segment]:
        segments = super().segments_by_byte(log_id, low, high)
        self._seal(log_id, "segments")
        return segments

    def chunk_times_since(self, log_id: int, since_ms: int) -> list[tuple[int, int, int]]:
        times = super().chunk_times_since(log_id, since_ms)
        self._seal(log_id, "chunks")
        return times

    def _seal(self, log_id: int, read: str) -> None:
        if read == self._after:
            assert self._engine.sealer.seal(log_id)


def test_times_are_known_while_a_log_is_sealed(tmp_path: Path) -> None:
    """Between any two of the reads that find them: what is not a chunk any more is in a segment."""
    engine = Engine(Settings(data=tmp_path), clock_ms=lambda: T0)
    engine.runs.put_project("p", 1)
    for name in ("segments", "chunks"):
        log = engine.runs.put_run("p", name, None, 0, 1)[2]
        engine.appender.append(log.id, 0, DATA)
        logs = SealingLogs(engine, after=name)
        assert second_of(logs, logs.head(log.id), [0, 7]) == [T0 // 1000] * 2, name
        assert engine.logs.head(log.id).sealed_byte == len(DATA)
    engine.close()


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadeLog]:
    """A log whose lines arrived when ARRIVALS says."""
    data, now = tmp_path_factory.mktemp("dated"), [T0]
    engine = Engine(Settings(data=data), clock_ms=lambda: now[0])
    engine.runs.put_project("default", T0)
    log = engine.runs.put_run("default", "dated", None, 0, T0)[2]
    for number, at_ms in enumerate(ARRIVALS):
        now[0] = at_ms
        engine.appender.append(log.id, 7 * number, b"line %d\n" % number)
    engine.close()
    server = start_server(data, seal_quiet_s=10**9)
    web = Web(server.url, server.token)
    yield MadeLog(web, log.job_id, log.version_id, log.log_file)
    web.close()
    assert server.stop() == 0


def test_lines_by_time_and_by_byte(dated: MadeLog) -> None:
    """As milliseconds, as a date, as so long ago; alone and together."""
    for query, lines in (
        ({"since": T0 + 1500}, (2, 6)), ({"since": T0 + 1500, "until": T0 + 60_000}, (2, 3)), ({"until": T0 + 60_000}, (0, 3)),
        ({"since": "2023-11-14T22:13:21.5Z"}, (2, 6)), ({"since": "2023-11-14T22:14:20"}, (3, 6)),
        ({"since": "2023-11-15T00:14:20+02:00", "count": 1}, (3, 4)), ({"since": "5s"}, (6, 6)), ({"since": "999999d"}, (0, 6)),
        ({"byte": 0}, (0, 6)), ({"byte": 13}, (1, 6)), ({"byte": 14}, (2, 6)), ({"byte": 999}, (6, 6)),
        ({"start": -2, "until": T0 + 3_600_000}, (4, 5)),
    ):  # fmt: skip
        page = dated.web.get(f"{dated.api}/lines", **query).json
        assert (page["start_line"], page["end_line"]) == lines, query
        assert page["content"].encode() == DATA[page["start_byte"] : page["end_byte"]]


def test_bad_moments(log: MadeLog) -> None:
    """Say what is allowed."""
    allowed = "milliseconds since 1970, so long ago as in 90s, 10m, 2h or 7d, or a time as in 2026-01-31T12:00:00Z"
    for name, text in (("since", "yesterday"), ("until", "10 m")):
        message = f"{name} must be {allowed}, not {text!r}"
        check_api(log.web.get(f"{log.api}/lines", **{name: text}), 400, "invalid", message, parameter=name)
    one = "start, byte and since must be one of the three"
    check_api(log.web.get(f"{log.api}/lines?start=1&byte=2"), 400, "invalid", one, parameter="start, byte and since")


def test_a_million_lines_or_5_mib(server: Server) -> None:
    """Is what one answer holds."""
    web = Web(server.url, server.token)
    log = made_log(web, "many-lines", b"x\n" * 1_200_000)
    page = web.get(f"{log.api}/lines?count=1000000").json
    assert (page["lines"], page["end_byte"], len(page["content"])) == (1_000_000, 2_000_000, 2_000_000)
    assert web.get(f"{log.api}/lines?count=1000001").status == 400
    web.close()


def test_compressed_download(make_log: MakeLog) -> None:
    """As the client accepts; a range is of the log's own bytes, so it is not compressed."""
    data = b"".join(b"step %d loss 0.5 \xff\r\n" % number for number in range(200_000))
    log = make_log(data, closed=True)
    for accepted, encoding in (
        ("zstd", "zstd"), ("gzip", "gzip"), ("gzip, deflate, br, zstd", "zstd"), ("zstd;q=0, gzip;q=0.5", "gzip"),
        ("br", None), ("identity", None), ("gzip;q=0", None), ("*", None),
    ):  # fmt: skip
        reply = log.web.call("GET", f"{log.api}/bytes", accept_encoding=accepted)
        assert (reply.status, reply.headers.get("content-encoding"), reply.headers["vary"]) == (
            200,
            encoding,
            "accept-encoding",
        )
        unpack = {
            "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(body),
            "gzip": gzip.decompress,
        }
        assert (unpack[encoding](reply.body) if encoding else reply.body) == data
        assert reply.headers["etag"].strip('"').endswith(f"-{len(data)}-{encoding}" if encoding else f"-{len(data)}")
        assert encoding is None or len(reply.body) < len(data) / 8
    part = log.web.call("GET", f"{log.api}/bytes", accept_encoding="zstd", range="bytes=10-99")
    assert (part.status, part.headers.get("content-encoding"), part.body) == (206, None, data[10:100])
