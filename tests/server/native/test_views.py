"""The views through API and SDK: a log as a terminal shows it, ranks together, progress, metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from joblog.client import Client, LogRef
from joblog.core.logs import Head
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.merged_view import merged_page
from joblog.views.merged import Place, parse_place
from joblog.views.terminal.terminal import Terminal
from joblog.views.values import MergedLine
from tests.server.calls import Web, check_api
from tests.server.conftest import MakeLog

SETTLED_S = 30

_numbers = count(1)


class Ranks:
    """A run of several ranks, written to by the SDK."""

    def __init__(self, client: Client) -> None:
        self.client, self.run_id = client, f"views-{next(_numbers)}"
        self.logs: list[LogRef] = []
        self.ends: list[int] = []

    @property
    def where(self) -> tuple[str, int, int]:
        return self.logs[0].project_id, self.logs[0].job_id, self.logs[0].version_id

    def say(self, rank: int, data: bytes) -> None:
        while len(self.logs) <= rank:
            run = self.client.run("default", self.run_id, run_id="r", task=f"worker-{len(self.logs)}")
            self.logs.append(run.log.ref)
            self.ends.append(0)
        self.ends[rank] = self.client.append(self.logs[rank], self.ends[rank], data).end_byte

    def close(self) -> None:
        for log in self.logs:
            self.client.close_log(log)


@pytest.fixture
def ranks(client: Client) -> Ranks:
    return Ranks(client)


def shown(lines: list[MergedLine]) -> list[tuple[str, str]]:
    return [(line.ranks, line.text) for line in lines]


def test_terminal_view(make_log: MakeLog, client: Client) -> None:
    """Folded, with the raw bytes and lines; looks on request, beside the text; the frames of a line unfolded again."""
    data = b"start\n\r 10%\r 20%\r\x1b[31m100%\x1b[0m\r\ndone \xff\n"
    log = make_log(data, closed=True)
    page = log.web.get(f"{log.api}/terminal", colours="keep").json
    bar = {"start_line": 1, "end_line": 2, "frames": 3, "cut": False, "spans": [[0, 4, "31"]]}
    plain = {"start_line": 0, "end_line": 1, "frames": 1, "cut": False, "spans": []}
    assert page["lines"] == [
        {"text": "start", "start_byte": 0, "end_byte": 6, **plain},
        {"text": "100%", "start_byte": 6, "end_byte": 32, **bar},
        {"text": "done \ufffd", "start_byte": 32, "end_byte": 39, **plain, "start_line": 2, "end_line": 3},
    ]  # fmt: skip
    assert {name: page[name] for name in page if name != "lines"} == {
        "settled": 3, "start_byte": 0, "end_byte": 39, "next": "39.3.", "cut": False, "times_ms": [],
    }  # fmt: skip
    ref = LogRef(log.project_id, log.job_id, log.version_id, log.task)
    assert [line.spans for line in client.shown(ref)] == [[], [], []]
    assert [each.text for each in client.frames(ref, 6, 32)] == [" 10%", " 20%", "100%"]
    first = next(client.frames(ref, 6, 32))
    assert data[first.start_byte : first.end_byte] == b" 10%\r"
    assert [line.text for line in client.shown(ref, -1)] == ["done \ufffd"]


def test_terminal_view_tells_when_lines_arrived(make_log: MakeLog, client: Client) -> None:
    """When the raw line at which they begin did, to the second, sealed or not, also where a later one is drawn above."""
    log = make_log(b"one\n 10%")
    log.append(8, b"\r100%\nbelow\n\x1b[2Aabove\x1b[K\n")
    ref = LogRef(log.project_id, log.job_id, log.version_id, log.task)
    for _ in range(2):
        raw = log.web.get(f"{log.api}/lines", times="true").json["times_ms"]
        page = client.terminal(ref, times=True)
        assert [line.text for line in page.lines] == ["one", "above", "below"]
        assert page.times_ms == [raw[line.start_line] for line in page.lines]
        log.close()
    check_api(
        log.web.get(f"{log.api}/terminal", times="x"), 400, "invalid", "times must be true or false, not 'x'", parameter="times"
    )


def test_terminal_view_of_a_large_log(make_log: MakeLog, client: Client) -> None:
    """Page after page it is what one terminal shows; a page in the middle begins with an empty screen there."""
    data = b"".join(b"line %d\n\r 1%%\r\x1b[1m%d%%\n" % (number, number) for number in range(6_000))
    log = make_log()
    log.write(data)
    log.close()
    ref = LogRef(log.project_id, log.job_id, log.version_id, log.task)
    terminal = Terminal()
    whole = terminal.feed(data) + terminal.finish()
    assert list(client.shown(ref, colours=True)) == whole
    page = client.terminal(ref, 9_000, 10, colours=True)
    assert [line.text for line in page.lines] == [line.text for line in whole[9_000:9_010]]
    assert client.terminal(ref, None, 1, cursor=page.next).lines[0].start_byte == page.end_byte


def test_terminal_view_of_a_growing_log(make_log: MakeLog) -> None:
    """What stands on the screen is shown, and said not to have settled; ``next`` shows it again as it is then."""
    log = make_log(b"one\n\r 10%")
    page = log.web.get(f"{log.api}/terminal").json
    assert ([line["text"] for line in page["lines"]], page["settled"]) == (["one", " 10%"], 0)
    log.append(9, b"\r 20%\n" + b"x\n" * 200)
    page = log.web.get(f"{log.api}/terminal", cursor=page["next"], count=2).json
    assert ([line["text"] for line in page["lines"]], page["settled"]) == (["one", " 20%"], 2)


@pytest.mark.parametrize(
    ("path", "asked", "parameter"),
    [
        ("terminal", {"start": "x"}, "start"),
        ("terminal", {"cursor": "x"}, "cursor"),
        ("terminal", {"cursor": "999.0."}, "cursor"),
        ("terminal", {"cursor": "0.0.", "start": "0"}, "cursor"),
        ("terminal", {"count": "0"}, "count"),
        ("terminal", {"colours": "blue"}, "colours"),
        ("frames", {"start_byte": "-1"}, "start_byte"),
        ("frames", {"start_byte": "9", "end_byte": "8"}, "end_byte"),
        ("../../merged", {"ranks": "3-1"}, "ranks"),
        ("../../merged", {"ranks": "x"}, "ranks"),
        ("../../merged", {"cursor": "1.2"}, "cursor"),
        ("../../merged", {"start": "5"}, "start"),
        ("../../merged", {"start": "-5", "cursor": "0.0.0"}, "cursor"),
        ("../../merged", {"collapse": "3601"}, "collapse"),
        ("../../why", {"max_bytes": "999"}, "max_bytes"),
        ("../../why", {"max_tokens": "10"}, "max_tokens"),
        ("../../why", {"max_tokens": "1000", "max_bytes": "4000"}, "max_tokens"),
        ("../../why", {"silent_s": "0"}, "silent_s"),
        ("../../progress", {"ranks": "1,,2"}, "ranks"),
        ("../../progress", {"encoding": "klingon"}, "encoding"),
        ("../../metrics", {"encoding": "klingon"}, "encoding"),
        ("../../metrics", {"points": "2"}, "points"),
        ("../../metrics", {"least": "0"}, "least"),
        ("../../metrics", {"pattern": "("}, "pattern"),
        ("../../metrics", {"pattern": "loss"}, "pattern"),
        ("../../metrics", {"pattern": "x" * 501}, "pattern"),
    ],
)
def test_bad_input(make_log: MakeLog, path: str, asked: dict[str, str], parameter: str) -> None:
    """Names the parameter."""
    log = make_log(b"one\n")
    base = log.version if path.startswith("..") else log.api
    reply = log.web.get(f"{base}/{path.rpartition('/')[2]}", **asked)
    assert (reply.status, reply.json["error"]["parameter"]) == (400, parameter)


@pytest.mark.parametrize("closed", [False, True])
def test_empty_logs(make_log: MakeLog, client: Client, closed: bool) -> None:
    """Every view of nothing is an answer."""
    log = make_log(b"", closed=closed)
    ref, where = LogRef(log.project_id, log.job_id, log.version_id, log.task), (log.project_id, log.job_id, log.version_id)
    page = client.terminal(ref)
    assert (page.lines, page.settled, page.end_byte, page.next) == ([], 0, 0, "0.0.")
    assert (list(client.shown(ref)), list(client.frames(ref)), client.metrics(*where)) == ([], [], [])
    merged = client.merged(*where)
    assert (merged.lines, merged.at_end, merged.closed) == ([], True, closed)
    assert client.merged(*where, last=5).lines == []
    assert [rank.bars for rank in client.progress(*where)] == [[]]
    told = client.why(*where)
    how = "ended, exit status not known" if closed else "running"
    assert (told.first, [each.how for each in told.endings]) == (None, [how])


def test_strangers_and_others_are_told_nothing(make_log: MakeLog, client: Client) -> None:
    """Without a token, with one of another project, and where there is nothing."""
    log = make_log(b"secret\n")
    client.create_project("elsewhere")
    other = client.create_token(["read"], project_id="elsewhere").token
    for call in (
        f"{log.api}/terminal",
        f"{log.api}/frames",
        *(f"{log.version}/{view}" for view in ("merged", "why", "progress", "metrics")),
    ):
        assert log.web.as_(None).get(call).status == 401
        assert log.web.as_(other).get(call).status == 403
        missing = call.replace(f"/jobs/{log.job_id}/", "/jobs/999999/")
        check_api(log.web.get(missing), 404, "not_found", "there is no job 999999", kind="job")


def test_ranks_together(ranks: Ranks) -> None:
    """By second, then by rank; some of them; what many say alike once, and the odd rank out by itself."""
    for rank in range(4):
        ranks.say(rank, b"[rank%d]: hello\nworld\n" % rank + (b"my GPU is hot\n" if rank == 2 else b""))
    ranks.say(0, b"last words")
    ranks.close()
    client, where = ranks.client, ranks.where
    lines = client.merged(*where).lines
    assert sorted(shown(lines)) == sorted(
        [(str(rank), text) for rank in range(4) for text in (f"[rank{rank}]: hello", "world")]
        + [("2", "my GPU is hot"), ("0", "last words")]
    )
    assert [(line.at_ms, line.ranks) for line in lines] == sorted((line.at_ms, line.ranks) for line in lines)
    assert {text for _, text in shown(client.merged(*where, ranks="1,3").lines)} == {
        "[rank1]: hello",
        "[rank3]: hello",
        "world",
    }
    collapsed = shown(client.merged(*where, collapse_s=3600).lines)
    assert sorted(collapsed) == [("0", "last words"), ("0-3", "[rank0]: hello"), ("0-3", "world"), ("2", "my GPU is hot")]
    assert shown(client.merged(*where, last=1).lines) == [shown(lines)[-1]]
    line = next(line for line in lines if line.text == "my GPU is hot")
    assert b"".join(client.read(ranks.logs[2], line.start_byte, line.end_byte)) == b"my GPU is hot\n"


def test_ranks_of_a_growing_run(ranks: Ranks) -> None:
    """Lines are shown once they have settled, each once; the end is told when all logs are closed."""
    ranks.say(0, b"one\n")
    ranks.say(1, b"two\nunfin")
    found, cursor, closed = list[tuple[str, str]](), None, False
    deadline = time.monotonic() + SETTLED_S
    while not closed:
        assert time.monotonic() < deadline
        page = ranks.client.merged(*ranks.where, cursor=cursor)
        found, cursor, closed = found + shown(page.lines), page.next, page.closed
        if len(found) == 2:
            ranks.say(1, b"ished\nthree")
            ranks.close()
    assert found == [("0", "one"), ("1", "two"), ("1", "unfinished"), ("1", "three")]


@pytest.fixture
def clocked(tmp_path: Path) -> Iterator[tuple[Engine, list[int]]]:
    """An engine whose clock stands still until it is set."""
    now = [1_700_000_000_000]
    engine = Engine(Settings(data=tmp_path / "joblog", object_grace_s=0, seal_quiet_s=0), clock_ms=lambda: now[0])
    yield engine, now
    engine.close()


def merged(engine: Engine, logs: list[Head], place: Place | None, page_lines: int, now_ms: int) -> list[MergedLine]:
    """Reads all lines behind ``place``, page by page."""
    heads = [engine.logs.head(log.id) for log in logs]
    found = list[MergedLine]()
    while True:
        page = merged_page(engine.reader, heads, place, page_lines, 0, now_ms)
        found += page.lines
        if page.closed:
            return found
        place = parse_place(page.next)


def written(engine: Engine, now: list[int]) -> tuple[list[Head], list[bytes]]:
    """Makes three closed logs, appended to at uneven times, with lines that go over appends; returns what each holds."""
    engine.runs.put_project("lab", now[0])
    logs = [engine.runs.put_run("lab", "j", "r", worker, now[0])[2] for worker in range(3)]
    held = [b"", b"", b""]
    for step in range(60):
        worker = (step * 7) % 3
        data = (b"step %d of %d\n" % (step, worker) * (step % 4)) + b"half of a"
        engine.appender.append(logs[worker].id, len(held[worker]), data)
        held[worker] += data
        now[0] += 137 * (step % 11)
    for log in logs:
        engine.logs.close(engine.logs.head(log.id), None, None, now[0])
    return logs, held


def test_order_and_cursors_outlive_sealing_and_merging(clocked: tuple[Engine, list[int]]) -> None:
    """What is merged is the same before and after, from every place in it, however long the pages."""
    engine, now = clocked
    logs, held = written(engine, now)
    before = merged(engine, logs, None, 10_000, now[0])
    for worker, data in enumerate(held):
        assert [line.text for line in before if line.ranks == str(worker)] == data.decode().splitlines()
    keys = [(line.at_ms, line.ranks, line.start_byte) for line in before]
    assert keys == sorted(keys)
    for _ in range(2):
        assert merged(engine, logs, None, 7, now[0]) == merged(engine, logs, None, 1, now[0]) == before
        for at in range(0, len(before), 9):
            line = before[at]
            place = Place(line.at_ms // 1000, int(line.ranks), line.start_byte)
            assert merged(engine, logs, place, 5, now[0]) == before[at + 1 :]
        for log in logs:
            engine.sealer.seal(log.id)
            engine.sealer.merge(log.id, now[0])
        assert engine.logs.head(logs[0].id).sealed_byte == len(held[0])


def test_progress_and_metrics_are_read_on(ranks: Ranks, web: Web) -> None:
    """Each look reads what is new; a bar that is being drawn counts; series have steps, times and places."""
    client = ranks.client
    ranks.say(0, b"step=1 loss=0.5\n\rtrain:  10%|#         | 1/10 [00:01<00:09,  1.00it/s]")
    ranks.say(1, b"step=1 loss=0.75\n")
    zero, one = client.progress(*ranks.where)
    assert [(bar.label, bar.done, bar.total, bar.remaining_s) for bar in zero.bars] == [("train", 1, 10, 9)]
    assert (zero.task, zero.closed, one.bars) == ("worker-0", False, [])
    assert client.metrics(*ranks.where) == []
    assert [series.values for series in client.metrics(*ranks.where, least=1)] == [[0.5], [0.75]]
    ranks.say(0, b"\rtrain:  20%|##        | 2/10 [00:02<00:08,  1.00it/s]\nstep=2 loss=nan\nL->7")
    (bar,) = client.progress(*ranks.where, ranks="0")[0].bars
    assert (bar.done, bar.line) == (2, 1)
    (series,) = client.metrics(*ranks.where)
    assert (series.name, series.task, series.count, series.steps, series.values) == ("loss", "worker-0", 2, [1, 2], [0.5, None])
    lines = [b"".join(client.read(ranks.logs[0], byte, byte + 6)) for byte in series.bytes]
    assert lines == [b"step=1", b"step=2"]
    ranks.close()
    own = client.metrics(*ranks.where, patterns=[r"L->(?P<mine>\d+)"], names=["mine"], least=1)
    assert [(each.name, each.values) for each in own] == [("mine", [7])]


def test_numbers_of_a_log_whose_encoding_is_said(ranks: Ranks) -> None:
    """So little of it tells nobody what it is written in; who says it reads on from there, beside who does not."""
    client = ranks.client
    ranks.say(0, "﹡损失: 0.5\n﹡损失: 0.4\n进度：45%\n".encode("gb18030"))
    assert [each.name for each in client.metrics(*ranks.where)] != ["损失"]
    (series,) = client.metrics(*ranks.where, encoding="gbk")
    assert (series.name, series.values) == ("损失", [0.5, 0.4])
    (bar,) = client.progress(*ranks.where, encoding="gbk")[0].bars
    assert (bar.label, bar.fraction) == ("进度", 0.45)
    ranks.say(0, "﹡损失: 0.3\n".encode("gb18030"))
    (series,) = client.metrics(*ranks.where, encoding="gb18030")
    assert series.values == [0.5, 0.4, 0.3]


def test_long_series_are_thinned_with_their_peaks(ranks: Ranks) -> None:
    """To about as many points as were asked for, the highest among them."""
    values = [9.0 if step == 1234 else step % 5 / 10 for step in range(5000)]
    ranks.say(0, b"".join(b"step=%d loss=%.1f\n" % each for each in enumerate(values)))
    ranks.close()
    (series,) = ranks.client.metrics(*ranks.where, points=100)
    assert (series.count, max(each or 0 for each in series.values)) == (5000, 9.0)
    assert 90 <= len(series.values) <= 100
    assert all(values[int(step or 0)] == value for step, value in zip(series.steps, series.values, strict=True))
