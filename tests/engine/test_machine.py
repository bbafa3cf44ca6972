"""The engine against a plain ``bytes``: whatever is done to a log, in whatever order, it holds what was appended.

The machine appends, repeats, overlaps, leaves gaps, seals, merges, retains, crashes and reopens, sets its catalog back, loses
it, and pages in both directions; its tasks report, end and fall silent, and its run is named and noted. After each step every
piece and checksum is verified, and how tasks and run are. Frames are 64 bytes here, so that a few lines make many.

Small logs come beside it, of two projects, which share packs of up to three: they are packed, deleted, and packed anew.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from joblog.catalog.leases import Leases
from joblog.catalog.states import LOST_MS, Report
from joblog.core.jobs import VersionRow
from joblog.core.logs import Head
from joblog.core.settings import Settings
from joblog.core.status import OVER, Status
from joblog.engine.engine import Engine
from joblog.engine.pack import Packer
from joblog.engine.patterns import Pattern
from joblog.engine.read import Page
from joblog.engine.search import Ask, Match
from joblog.errors import BeyondEnd, Closed, Conflict, Different
from joblog.server.modelarts import positions
from joblog.upkeep.rebuild import rebuild
from joblog.upkeep.repair import repair
from tests.backends import DEFAULT, Backend, storage_contract
from tests.checked import checked
from tests.engine.sealing import IndexingSealer
from tests.engine.small_logs import DATA, SmallLogs

FRAME_BYTES = 64
# Some reads find their pieces in memory, others do not.
CACHE_BYTES = 5000

WORKERS = 3

# What a request may say: PostgreSQL's texts hold no NUL, and no JSON a lone surrogate.
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)


class LogMachine(SmallLogs):
    """One log, its oracle, and everything that can be done to it."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="joblog-test-"))
        self.place = backend.place()
        self.held = b""
        self.now_ms = 1_700_000_000_000
        self.generation = 0
        self.saved = False
        self.tasks: dict[int, Status] = {}
        self.saved_tasks: dict[int, Status] = {}
        self.words: tuple[str | None, str] = (None, "")
        self.saved_words: tuple[str | None, str] = self.words
        self.titles = set[str | None]({None})
        self.open(self.directory / "0")

    def open(self, data: Path) -> None:
        self.settings = Settings(data=data, cache_bytes=CACHE_BYTES, **self.place)
        self.engine = Engine(self.settings, clock_ms=lambda: self.now_ms)
        self.sealer = IndexingSealer(self.engine.logs, self.engine.frames, self.engine.objects, frame_bytes=FRAME_BYTES)
        self.packer = Packer(self.sealer)

    def teardown(self) -> None:
        self.engine.close()
        shutil.rmtree(self.directory)

    @property
    def log(self) -> Head:
        return self.engine.logs.head(self.log_id)

    @initialize()
    def create(self) -> None:
        self.engine.runs.put_project("lab", self.now_ms)
        _, version, log = self.engine.runs.put_run("lab", "job", "run", 0, self.now_ms)
        self.log_id, self.version_id = log.id, version.id

    @property
    def version(self) -> VersionRow:
        return self.engine.runs.version("lab", self.log.job_id, self.version_id)

    @rule(worker=st.integers(0, WORKERS - 1), status=st.sampled_from((Status.RUNNING, Status.COMPLETED, Status.FAILED)))
    def report(self, worker: int, status: Status) -> None:
        """A heartbeat, or how a task has ended; also of one that had ended, or was taken for lost."""
        exit_code = {Status.COMPLETED: 0, Status.FAILED: 1}.get(status)
        word = Report(status, exit_code=exit_code, host=f"node-{worker}", tasks=WORKERS)
        self.engine.states.report(self.version, worker, word, self.now_ms)
        self.tasks[worker] = status

    @rule(title=st.none() | WORDS, note=WORDS)
    def describe(self, title: str | None, note: str) -> None:
        """Somebody says what the run is called, and writes a note on it."""
        self.engine.states.describe(self.version, {"title": title})
        self.engine.jobs.set_note(self.version_id, note)
        self.words = title, note
        self.titles.add(title)

    @rule()
    @precondition(lambda self: Status.RUNNING in self.tasks.values())
    def fall_silent(self) -> None:
        """All that run, until they count as lost."""
        self.now_ms = max(self.now_ms, *(task.seen_ms for task in self.engine.states.tasks(self.version_id))) + LOST_MS + 1
        silent = [worker for worker, status in self.tasks.items() if status is Status.RUNNING]
        assert self.engine.states.mark_lost(self.now_ms) == len(silent)
        self.tasks |= dict.fromkeys(silent, Status.LOST)

    @rule(data=DATA)
    @precondition(lambda self: not self.log.closed)
    def append(self, data: bytes) -> None:
        head = self.engine.appender.append(self.log_id, len(self.held), data)
        self.held += data
        assert head.end_byte == len(self.held)

    @rule(data=DATA)
    @precondition(lambda self: not self.log.closed and self.log.sealed_byte == self.log.end_byte)
    def append_sealed(self, data: bytes) -> None:
        assert self.sealer.append_sealed(self.log, data, self.now_ms) is not None
        self.held += data

    @rule(back=st.integers(0, 200), data=DATA)
    @precondition(lambda self: self.held and not self.log.closed)
    def repeat_and_go_on(self, back: int, data: bytes) -> None:
        at = max(len(self.held) - back, 0)
        head = self.engine.appender.append(self.log_id, at, self.held[at:] + data)
        self.held += data
        assert head.end_byte == len(self.held)

    @rule(part=st.tuples(st.integers(0, 10**6), st.integers(1, 500)))
    @precondition(lambda self: self.held)
    def repeat(self, part: tuple[int, int]) -> None:
        at = part[0] % len(self.held)
        head = self.engine.appender.append(self.log_id, at, self.held[at : at + part[1]])
        assert head.end_byte == len(self.held)

    @rule(where=st.integers(0, 10**6), data=DATA)
    @precondition(lambda self: self.log.start_byte < len(self.held))
    def repeat_with_other_bytes(self, where: int, data: bytes) -> None:
        start = self.log.start_byte
        at = start + where % (len(self.held) - start)
        other = bytes([self.held[at] ^ 1]) + self.held[at + 1 :] + data
        with pytest.raises(Different) as caught:
            self.engine.appender.append(self.log_id, at, other)
        assert caught.value.expected == len(self.held)

    @rule(beyond=st.integers(1, 10**12), data=DATA)
    def append_beyond_the_end(self, beyond: int, data: bytes) -> None:
        with pytest.raises(BeyondEnd) as caught:
            self.engine.appender.append(self.log_id, len(self.held) + beyond, data)
        assert caught.value.expected == len(self.held)

    @rule(data=DATA)
    @precondition(lambda self: self.log.closed)
    def append_to_what_is_closed(self, data: bytes) -> None:
        with pytest.raises(Closed):
            self.engine.appender.append(self.log_id, len(self.held), data)

    @rule()
    @precondition(lambda self: len(self.held) > 300)
    def close(self) -> None:
        claimed = len(self.held), zlib.crc32(self.held)
        assert self.engine.logs.close(self.log, *claimed, self.now_ms).complete is (self.log.lost_bytes == 0)

    @rule()
    def seal(self) -> None:
        self.sealer.seal(self.log_id)

    @rule()
    def merge(self) -> None:
        self.sealer.merge(self.log_id, self.now_ms)

    @rule()
    def compress(self) -> None:
        self.sealer.compress(self.log_id, self.now_ms)

    @rule(
        words=st.sampled_from(["loss", "LOSS", "step 1", "=0.5", "语言", "语", "ss=", "n\u017f"]),
        how=st.tuples(st.booleans(), st.booleans()),
    )
    def search(self, words: str, how: tuple[bool, bool]) -> None:
        """The same lines are found as in the bytes, whatever is indexed."""
        ignore_case, backwards = how
        pattern = Pattern(words, regex=False, ignore_case=ignore_case)
        alike = re.compile(
            re.escape(words).replace("s", "[s\u017f]") if ignore_case else re.escape(words), re.IGNORECASE * ignore_case
        )
        log, at, lines = self.log, self.log.start_byte, list[int]()
        for line in self.held[log.start_byte :].split(b"\n"):
            if alike.search(line.decode("utf-8", "surrogateescape")):
                lines.append(at)
            at += len(line) + 1
        each = self.engine.search.run(log, Ask(pattern, backwards), log.start_byte, log.end_byte)
        hits = [match.start_byte for match in each if isinstance(match, Match)]
        assert hits == (lines[::-1] if backwards else lines)

    @rule(keep_bytes=st.integers(0, 2000))
    def retain_by_size(self, keep_bytes: int) -> None:
        before = self.log.start_byte
        self.engine.runs.put_project("lab", self.now_ms, retention={"retain_days": None, "retain_bytes": keep_bytes})
        self.engine.retention.retain(self.now_ms)
        self.engine.runs.put_project("lab", self.now_ms, retention={"retain_days": None, "retain_bytes": None})
        gaps = {gap.reason: gap.size_bytes for gap in self.engine.logs.gaps(self.log_id)}
        assert before <= self.log.start_byte == gaps.get("retention", 0)

    @rule(days=st.integers(1, 3))
    def retain_by_age(self, days: int) -> None:
        self.now_ms += 24 * 3600 * 1000
        self.engine.runs.put_project("lab", self.now_ms, retention={"retain_days": days, "retain_bytes": None})
        self.engine.retention.retain(self.now_ms)
        self.engine.runs.put_project("lab", self.now_ms, retention={"retain_days": None, "retain_bytes": None})

    @rule(minutes=st.integers(-60, 60))
    def the_clock_jumps(self, minutes: int) -> None:
        self.now_ms += minutes * 60_000

    @rule()
    def clean(self) -> None:
        self.engine.retention.remove_garbage(self.now_ms, 0)

    @rule()
    @precondition(lambda self: self.log.end_byte > self.log.sealed_byte)
    def seal_that_ends_between_object_and_row(self) -> None:
        """As a crash does, or another node that was first."""
        leases = Leases(self.engine.database, lambda: 0)
        (lease,) = leases.take([self.log_id])
        leases.give_back([lease])
        assert not self.sealer.seal(self.log_id, lease)

    @rule()
    @precondition(lambda self: self.engine.database.embedded)
    def save_the_catalog(self) -> None:
        """Alone, without its objects."""
        shutil.rmtree(self.directory / "saved", ignore_errors=True)
        (self.directory / "saved").mkdir()
        for each in self.settings.data.glob("catalog.db*"):
            shutil.copy(each, self.directory / "saved")
        self.saved, self.saved_tasks, self.saved_words = True, dict(self.tasks), self.words

    @rule()
    @precondition(lambda self: self.saved)
    def set_the_catalog_back(self) -> None:
        """To when it was saved: it is not served before it was repaired, and then no sealed byte is lost; tails may be."""
        sealed_byte, sealed, image = self.log.sealed_byte, self.sealed_small_logs(), self._without_catalog()
        for each in (self.directory / "saved").iterdir():
            shutil.copy(each, image)
        try:
            self.open(image)
        except Conflict:
            repair(replace(self.settings, data=image), read=True)
            self.open(image)
        assert self.log.end_byte >= sealed_byte
        self.held, self.tasks = self.held[: self.log.end_byte], dict(self.saved_tasks)
        self.words = self.saved_words
        self.small_logs_came_back(sealed)

    @rule()
    @precondition(lambda self: self.engine.database.embedded and self.log.sealed_byte > self.log.start_byte == 0)
    def lose_the_catalog(self) -> None:
        """All that was sealed comes back, under its number; so does what was written and had no row yet.

        A run is called what it was when one of its objects was written; notes are in the catalog alone.
        """
        sealed_byte, sealed, image = self.log.sealed_byte, self.sealed_small_logs(), self._without_catalog()
        rebuild(replace(self.settings, data=image))
        self.saved, self.tasks = False, {}
        self.open(image)
        assert self.log.end_byte >= sealed_byte
        assert self.version.title in self.titles
        self.held, self.words = self.held[: self.log.end_byte], (self.version.title, "")
        self.small_logs_came_back(sealed)

    def _without_catalog(self) -> Path:
        """Returns an image of what is on disk, but for the catalog; the engine is closed."""
        self.generation += 1
        image = self.directory / str(self.generation)
        shutil.copytree(self.directory / str(self.generation - 1), image)
        for each in image.glob("catalog.db*"):
            each.unlink()
        self.engine.close()
        return image

    @rule()
    def crash_and_reopen(self) -> None:
        """What is on disk, as it is, is what a new process finds; so is what PostgreSQL and S3 have."""
        self.generation += 1
        image = self.directory / str(self.generation)
        shutil.copytree(self.directory / str(self.generation - 1), image)
        self.engine.close()
        self.open(image)

    @rule(size=st.integers(1, 3000))
    def page_bytes(self, size: int) -> None:
        """Whole characters, following end_byte forwards and the page's start backwards, glue to the log."""
        log, forwards, backwards = self.log, b"", b""
        at = log.start_byte
        while (page := self.characters(at, size)).data:
            assert page.start_byte == at or not forwards
            forwards, at = forwards + page.data, page.end_byte
        while (page := self.characters(at, -size)).data:
            backwards, at = page.data + backwards, page.start_byte
        expected = self.held[log.start_byte :]
        assert expected.startswith(forwards)
        assert len(expected) - len(forwards) < 4, "at most an unfinished character is held back"
        assert forwards.endswith(backwards)
        assert len(forwards) - len(backwards) < 4, "at most a character cut by retention is left out"

    def characters(self, start_byte: int, offset: int) -> Page:
        def span(head: Head) -> tuple[int, int]:
            return positions.byte_span(start_byte, offset, head)

        return self.engine.reader.characters(self.log, span, backwards=offset < 0 or start_byte == -1)

    @rule(count=st.integers(1, 500), size=st.integers(1, 2048))
    def page_lines(self, count: int, size: int) -> None:
        """Pages of lines in both directions glue to the log's finished lines."""
        log = self.log
        end = len(self.held) if log.closed else self.held.rfind(b"\n") + 1
        expected = self.held[log.start_byte : max(end, log.start_byte)]
        forwards, base = [], log.created_ms * positions.LINES_PER_MS
        while (page := self.lines(base, count, "desc")).data:
            forwards.append(page.data)
            base = int(positions.line_position(page.log, page.end_line))
        backwards = []
        while (page := self.lines(base, count, "asc")).data:
            backwards.append(page.data)
            base = int(positions.line_position(page.log, page.start_line))
        assert b"".join(forwards) == b"".join(reversed(backwards)) == expected
        assert self.lines(None, 1, "desc").data == expected[expected.rfind(b"\n", 0, max(len(expected) - 1, 0)) + 1 :]

    def lines(self, base: int | None, count: int, order: str) -> Page:
        return self.engine.reader.lines(self.log, lambda head: positions.line_span(base, count, order, head))

    @invariant()
    def tasks_are_as_they_said(self) -> None:
        """And the run ends as they do, once all have."""
        assert {task.worker: task.status for task in self.engine.states.tasks(self.version_id)} == self.tasks
        status = self.version.status
        if len(self.tasks) == WORKERS and Status.RUNNING not in self.tasks.values():
            assert status in OVER
            assert (status is Status.COMPLETED) is (set(self.tasks.values()) == {Status.COMPLETED})

    @invariant()
    def words_are_as_they_were_written(self) -> None:
        """Whatever else was done."""
        assert (self.version.title, self.engine.jobs.note(self.version_id)) == self.words

    @invariant()
    def nothing_is_wrong(self) -> None:
        """Pieces tile, checksums and counts agree, and the bytes are the oracle's."""
        check = checked(self.engine)
        assert list(check.problems()) == []
        log = self.log
        assert (log.end_byte, log.end_line, log.crc32) == (len(self.held), self.held.count(b"\n"), zlib.crc32(self.held))
        assert b"".join(self.engine.reader.stream(log, log.start_byte, log.end_byte)) == self.held[log.start_byte :]
        assert log.start_line == self.held.count(b"\n", 0, log.start_byte)


@storage_contract
def test_any_order_of_operations(backend: Backend) -> None:
    """Fewer runs where each step takes longer."""
    run_machine(backend, 16 if backend.name == DEFAULT else 5)


@pytest.mark.long  # hundreds of runs
@storage_contract
def test_any_order_of_operations_many_times(backend: Backend) -> None:
    """What takes many runs to be met."""
    run_machine(backend, 150 if backend.name == DEFAULT else 30)


def run_machine(backend: Backend, examples: int) -> None:
    """Runs the machine so often, with 30 steps each time."""

    class OnBackend(LogMachine):
        def __init__(self) -> None:
            super().__init__(backend)

    run_state_machine_as_test(
        OnBackend,
        settings=settings(max_examples=examples, stateful_step_count=30, suppress_health_check=list(HealthCheck)),
    )
