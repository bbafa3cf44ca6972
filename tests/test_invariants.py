"""The promises of docs/architecture.md, each by its name. What is shown here in one case is searched for exceptions elsewhere:
engine/test_machine.py (any order of anything), engine/test_faults.py (any failing call), e2e/test_kill.py (kill -9).
"""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from joblog.catalog.leases import Leases
from joblog.core.logs import Head
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.read import PageReader
from joblog.engine.seal import Sealer
from joblog.errors import BeyondEnd, Closed, Conflict, Different, JoblogError
from joblog.objects.frame_store import FrameStore
from joblog.objects.piece_cache import PieceCache
from joblog.objects.store import Objects
from joblog.server.modelarts import positions
from joblog.upkeep.check import check
from tests.backends import Backend, every_server
from tests.checked import checked
from tests.conftest import Server, start_server
from tests.server.http.crowd import attacked

NOW_MS = 1_700_000_000_000
ANY_BYTES = bytes(range(256)) * 40 + "语言\r模型\n".encode() + b"\xff\xfe\0\x1b[31m\r\n\n\n no newline at the end"


def new_log(engine: Engine, data: bytes = b"", *, task: int = 0) -> Head:
    """Makes a log that holds ``data``."""
    engine.runs.put_project("lab", NOW_MS)
    log = engine.runs.put_run("lab", "job", "run", task, NOW_MS)[2]
    return engine.appender.append(log.id, 0, data) if data else log


def whole(engine: Engine, log: Head) -> bytes:
    """Reads a log as it is now."""
    head = engine.logs.head(log.id)
    return b"".join(engine.reader.stream(head, head.start_byte, head.end_byte))


def seal_all(engine: Engine, log: Head) -> None:
    """Seals a log's tail in small frames."""
    sealer = Sealer(engine.logs, engine.frames, engine.objects, frame_bytes=1000)
    while sealer.seal(log.id):
        pass


def unfinished(engine: Engine, log: Head) -> set[str]:
    """Crashes between an object and its row; returns the object's name."""
    before = {key for key, _, _ in engine.objects.listing()}
    leases = Leases(engine.database, lambda: 0)
    (lease,) = leases.take([log.id])
    leases.give_back([lease])
    assert not Sealer(engine.logs, engine.frames, engine.objects).seal(log.id, lease)
    return {key for key, _, _ in engine.objects.listing()} - before


@every_server
def test_1_bytes_out_are_bytes_in(engine: Engine) -> None:
    """Any bytes come back as they were, from the tail and from a segment."""
    log = new_log(engine, ANY_BYTES)
    assert whole(engine, log) == ANY_BYTES
    engine.logs.close(log, None, None, NOW_MS)
    seal_all(engine, log)
    assert engine.logs.head(log.id).sealed_byte == len(ANY_BYTES)
    assert whole(engine, log) == ANY_BYTES


@every_server
def test_2_a_bytes_position_and_a_lines_number_never_change(engine: Engine) -> None:
    """Line 500 begins at the same byte after sealing, merging, retention and reopening."""
    text = b"".join(b"line %d\n" % number for number in range(2000))
    log = new_log(engine)
    for start in range(0, len(text), 3000):
        engine.appender.append(log.id, start, text[start : start + 3000])
        seal_all(engine, log)
    expected = text.index(b"line 1500\n")

    def found(query: PageReader) -> int:
        return query.lines(engine.logs.head(log.id), lambda _: (1500, 1501)).start_byte

    assert found(engine.reader) == expected
    stored = sum(size for _, size, _ in engine.objects.listing())
    oldest = engine.logs.segments_by_byte(log.id, 0, 1)[0].object_bytes
    engine.runs.put_project("lab", NOW_MS, retention={"retain_days": None, "retain_bytes": stored - oldest})
    assert engine.retention.retain(NOW_MS) == 1
    assert 0 < engine.logs.head(log.id).start_byte < expected
    assert found(engine.reader) == expected
    assert engine.sealer.merge(log.id, NOW_MS) > 0
    assert found(engine.reader) == expected
    engine.close()
    again = Engine(engine.settings)
    assert again.reader.lines(again.logs.head(log.id), lambda _: (1500, 1501)).data == b"line 1500\n"
    again.close()


def small_logs(engine: Engine, *texts: bytes) -> list[Head]:
    """Makes logs that are closed, to be packed."""
    logs = [new_log(engine, text, task=task) for task, text in enumerate(texts)]
    return [engine.logs.close(log, None, None, NOW_MS) for log in logs]


def pack(engine: Engine, logs: Sequence[Head]) -> int:
    """Packs them as one node does."""
    leases = Leases(engine.database, lambda: NOW_MS)
    taken = leases.take(log.id for log in logs)
    try:
        return engine.packer.pack(taken)
    finally:
        leases.give_back(taken)


@every_server
def test_1_2_3_bytes_and_positions_of_small_logs_that_share_an_object(engine: Engine) -> None:
    """Are what they were."""
    logs = small_logs(engine, ANY_BYTES, ANY_BYTES * 2, ANY_BYTES[::-1])
    pages = [engine.reader.lines(log, lambda _: (2, 4)) for log in logs]
    texts = [whole(engine, log) for log in logs]
    assert texts == [ANY_BYTES, ANY_BYTES * 2, ANY_BYTES[::-1]]
    assert pack(engine, logs) == 3
    for log, page, text in zip(logs, pages, texts, strict=True):
        assert whole(engine, log) == text
        again = engine.reader.lines(engine.logs.head(log.id), lambda _: (2, 4))
        assert (again.start_byte, again.start_line, again.data) == (page.start_byte, page.start_line, page.data)
    assert list(checked(engine).problems()) == []


@every_server
def test_3_chunks_and_segments_tile_the_log(engine: Engine) -> None:
    """Whatever was sealed, pieces lie side by side from the log's start to its end."""
    log = new_log(engine)
    for number in range(30):
        engine.appender.append(log.id, engine.logs.head(log.id).end_byte, b"%d\n" % number * (number * 100 + 1))
        if number % 7 == 6:
            seal_all(engine, log)
    head = engine.logs.head(log.id)
    segments = engine.logs.segments_by_byte(log.id, 0, head.sealed_byte)
    chunks = engine.logs.chunks_by_byte(log.id, head.sealed_byte, head.end_byte)
    borders = [(each.start_byte, each.end_byte) for each in segments]
    borders += [(each.start_byte, each.end_byte) for each in chunks]
    assert len(segments) > 3
    assert len(chunks) > 1
    assert (borders[0][0], borders[-1][1]) == (0, head.end_byte)
    assert all(left[1] == right[0] for left, right in pairwise(borders))


@every_server
def test_4_acknowledged_means_committed(backend: Backend, tmp_path: Path) -> None:
    """What an answer has acknowledged is there after kill -9."""
    place = backend.place()
    server = start_server(tmp_path / "joblog", **place)
    with server.client() as client:
        log = client.run("default", "killed").log.ref
        assert client.append(log, 0, ANY_BYTES).end_byte == len(ANY_BYTES)
    server.kill()
    settings = Settings(data=server.data, **place)
    assert list(check(settings).problems()) == []
    server = start_server(server.data, **place)
    with server.client() as client:
        assert b"".join(client.read(log)) == ANY_BYTES
    assert server.stop() == 0


@every_server
def test_5_append_is_idempotent(engine: Engine) -> None:
    """At the end taken, behind it compared and the rest taken, beyond it refused; of two writers one wins."""
    log = new_log(engine, b"one\ntwo\n")
    assert engine.appender.append(log.id, 0, b"one\ntwo\n").end_byte == 8
    assert engine.appender.append(log.id, 4, b"two\nthree\n").end_byte == 14
    for at, data, error in ((0, b"One", Different), (15, b"x", BeyondEnd)):
        with pytest.raises(error) as caught:
            engine.appender.append(log.id, at, data)
        assert caught.value.expected == 14
    outcomes: list[object] = []

    def write(mine: bytes) -> None:
        try:
            outcomes.append(engine.appender.append(log.id, 14, mine * 10_000).end_byte)
        except JoblogError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=write, args=(bytes([65 + number]),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == sorted(map(str, [10_014, *[Different] * 7]))
    assert len(set(whole(engine, log)[14:])) == 1
    engine.logs.close(engine.logs.head(log.id), None, None, NOW_MS)
    with pytest.raises(Closed):
        engine.appender.append(log.id, 10_014, b"x")


@every_server
def test_6_a_crash_leaves_garbage_never_a_dangling_row(engine: Engine) -> None:
    """An object whose row did not come goes in its time; one whose row has gone outlives it by the grace period."""
    log = new_log(engine, b"line\n" * 1000)
    (left,) = unfinished(engine, log)
    seal_all(engine, log)
    key = engine.logs.segments_by_byte(log.id, 0, 1)[0].object_key
    engine.runs.put_project("lab", NOW_MS, retention={"retain_days": None, "retain_bytes": 0})
    assert engine.retention.retain(NOW_MS) == 1
    assert engine.retention.remove_garbage(NOW_MS + 1000, grace_ms=2000) == 0
    assert {name for name, _, _ in engine.objects.listing()} == {key, left}
    assert engine.retention.remove_garbage(2**61, grace_ms=2000) == 2
    assert list(engine.objects.listing()) == []


@every_server
def test_6_a_crash_leaves_garbage_never_a_dangling_row_of_a_pack(engine: Engine) -> None:
    """A pack whose rows did not come goes in its time; the logs are in the catalog, and are packed again."""
    logs = small_logs(engine, b"one\n", b"two\n", b"three\n")
    leases = Leases(engine.database, lambda: 0)
    taken = leases.take(log.id for log in logs)
    leases.give_back(taken[1:2])
    assert engine.packer.pack(taken) == 0
    leases.give_back(taken)
    ((left, _, _),) = engine.objects.listing()
    assert [whole(engine, log) for log in logs] == [b"one\n", b"two\n", b"three\n"]
    assert pack(engine, logs) == 3
    assert engine.retention.remove_garbage(2**61, grace_ms=0) == 1
    assert left not in {key for key, _, _ in engine.objects.listing()}
    assert [whole(engine, log) for log in logs] == [b"one\n", b"two\n", b"three\n"]
    assert list(checked(engine).problems()) == []


class CountingObjects(Objects):
    """Counts range reads and refuses to list."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.reads = 0

    def ranges(self, key: str, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        self.reads += 1
        return self._objects.ranges(key, starts, ends)

    def listing(self) -> Iterator[tuple[str, int, int]]:
        raise AssertionError("a read lists the store")


@every_server
def test_7_reading_never_lists_the_object_store_and_costs_by_what_is_returned(engine: Engine) -> None:
    """A page out of forty segments takes one range read, wherever it is; so does a byte page."""
    log = new_log(engine)
    for _ in range(40):
        engine.appender.append(log.id, engine.logs.head(log.id).end_byte, b"some line of a log\n" * 100)
        seal_all(engine, log)
    objects = CountingObjects(engine.objects)
    for line in (0, 1, 1234, 3990):
        query = PageReader(engine.logs, PieceCache(0), FrameStore(objects))
        before = objects.reads
        page = query.lines(engine.logs.head(log.id), partial(lambda line, _: (line, line + 5), line))
        assert page.data == b"some line of a log\n" * 5
        assert query.read(page.log, partial(lambda page, _: (page.start_byte, page.end_byte), page)).data == page.data
        assert objects.reads - before <= 2


@every_server
def test_8_pages_glue_while_the_log_grows_and_is_sealed(engine: Engine) -> None:
    """A reader that follows end_line sees each line once, in order, while another thread appends, seals and merges."""
    chance, lines = random.Random(8), [b"%d %s\n" % (number, b"x" * (number % 50)) for number in range(4000)]
    log = new_log(engine)

    def write() -> None:
        written = 0
        while written < len(lines):
            count = chance.randrange(1, 60)
            engine.appender.append(log.id, engine.logs.head(log.id).end_byte, b"".join(lines[written : written + count]))
            written += count
            if chance.random() < 0.3:
                seal_all(engine, log)
            if chance.random() < 0.1:
                engine.sealer.merge(log.id, NOW_MS)

    def follow(query: PageReader) -> list[bytes]:
        read: list[bytes] = []
        base = 0
        while len(read) < len(lines):
            page = query.lines(engine.logs.head(log.id), partial(positions.line_span, base, 37, "desc"))
            read += page.data.splitlines(keepends=True)
            base = int(positions.line_position(page.log, page.end_line))
        return read

    without_cache = PageReader(engine.logs, PieceCache(0), engine.frames)
    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(follow, query) for query in (engine.reader, without_cache)]
        pool.submit(write).result()
        assert [reader.result() for reader in readers] == [lines, lines]
    assert list(checked(engine).problems()) == []


def test_9_the_logger_never_harms_the_job(tmp_path: Path) -> None:
    """A job whose joblog server is killed half-way ends with its own status and all of its output."""
    server = start_server(tmp_path / "joblog")
    script = "import os, sys; print('x' * 100_000); os.kill(int(sys.argv[1]), 9); print('y' * 100_000); sys.exit(7)"
    done = run_joblog(server, tmp_path, [sys.executable, "-c", script, str(server.process.pid)], "--wait", "0.2")
    assert done.returncode == 7
    assert done.stdout == b"x" * 100_000 + b"\n" + b"y" * 100_000 + b"\n"
    server.process.wait()


def test_10_nothing_is_dropped_in_silence(server: Server) -> None:
    """A closed log says whether it is complete: counts and CRC-32 of both sides agree, and no gap was recorded."""
    with server.client() as client:
        cases = [(5, zlib.crc32(b"abcd\n"), True), (5, 1, False), (None, None, None)]
        for number, (end_byte, crc32, complete) in enumerate(cases):
            log = client.run("default", "complete", run_id="a", task=f"worker-{number}").log.ref
            client.append(log, 0, b"abcd\n")
            assert client.close_log(log, end_byte=end_byte, crc32=crc32).complete is complete


@every_server
def test_11_only_what_the_catalog_has_named_and_names_no_more_is_deleted(engine: Engine) -> None:
    """Neither an object that it never named, however old, nor one that a segment has; what it named and dropped, goes."""
    log = new_log(engine, b"line\n" * 1000)
    seal_all(engine, log)
    (left,) = unfinished(engine, engine.appender.append(log.id, 5000, b"more\n"))
    key = engine.logs.segments_by_byte(log.id, 0, 1)[0].object_key
    stranger = f"{key.rpartition('-')[0]}-{'0' * 16}.zst"
    for each in (stranger, "lab/1/1/worker-0/notes.txt"):
        engine.objects.put(each, b"somebody's")
    assert [each.partition(":")[0] for each in checked(engine).problems()] == [f"object {stranger}"]
    assert engine.retention.remove_garbage(2**60, grace_ms=0) == 1
    engine.ownership.look()
    with pytest.raises(Conflict, match="joblog repair"):
        engine.janitor.clean()
    names = {name for name, _, _ in engine.objects.listing()}
    assert (names >= {key, stranger, "lab/1/1/worker-0/notes.txt"}, left in names) == (True, False)


@every_server
def test_11_a_pack_is_not_deleted_while_a_log_needs_it(engine: Engine) -> None:
    """However long ago the first of them was deleted; what is left moves to another one, and only then it goes."""
    logs = small_logs(engine, b"one\n", b"two\n", b"three\n")
    other = engine.runs.put_run("lab", "other", "run", 0, NOW_MS)[2]
    engine.appender.append(other.id, 0, b"other\n")
    logs.append(engine.logs.close(engine.logs.head(other.id), None, None, NOW_MS))
    assert pack(engine, logs) == 4
    engine.jobs.delete_job(engine.runs.job("lab", other.job_id), NOW_MS)
    ((key, _, _),) = engine.objects.listing()
    assert engine.retention.remove_garbage(2**61, grace_ms=0) == 0
    assert engine.janitor.repack_due(2**61, 0) == 3
    assert engine.retention.remove_garbage(2**61, grace_ms=0) == 1
    assert key not in {key for key, _, _ in engine.objects.listing()}
    assert [whole(engine, log) for log in logs[:3]] == [b"one\n", b"two\n", b"three\n"]
    assert list(checked(engine).problems()) == []


def test_12_one_caller_never_keeps_another_out(tmp_path: Path) -> None:
    """Costly patterns, bombs, bodies that drip and answers that nobody reads, all at once: another's calls go on."""
    with attacked(start_server(tmp_path / "joblog")) as (attacker, other):
        log = attacker.log("crowding", b"0123456789abcdef" * 64 * 4096 + b"\n", closed=True)
        path = f"{attacker.log('bodies').api}/append?at=0"
        for _ in range(16):
            attacker.open(attacker.request("POST", path, f"Content-Length: {1 << 24}")).sendall(bytes(1 << 20))
            attacker.open(attacker.request("GET", f"{log.api}/bytes"))
            attacker.open(attacker.request("GET", f"{log.api}/search?pattern=0&limit=100000"))
        bomb = gzip.compress(b"") * 50_000
        attacker.call(2, lambda web: web.call("POST", path, bomb, content_encoding="gzip"))
        attacker.call(2, lambda web: web.get(f"{log.api}/search", pattern="(.*)" * 200, kind="regex", timeout_s=1))
        other.go_on()


def run_joblog(server: Server, directory: Path, command: list[str], *flags: str) -> subprocess.CompletedProcess[bytes]:
    """Runs a command under ``joblog run`` against a server."""
    environment = {**os.environ, "JOBLOG_DATA": str(server.data), "JOBLOG_SPOOL": str(directory / "spool")}
    return subprocess.run(
        [sys.executable, "-m", "joblog", "run", *flags, "--", *command], env=environment, capture_output=True, timeout=240
    )
