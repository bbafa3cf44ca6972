"""Why a run died, out of stored logs: whole ones, as they grow, and what earlier runs of the job died of."""

from __future__ import annotations

from joblog.catalog.states import Report
from joblog.core.jobs import TaskRow
from joblog.core.logs import Head
from joblog.core.names import IMPORTED
from joblog.core.status import Status
from joblog.engine.engine import Engine
from joblog.engine.why_view import Causes
from joblog.views.values import Digest

NOW_MS = 1_700_000_000_000
BOOM = b'Traceback (most recent call last):\n  File "t.py", line 3, in <module>\n    main()\nRuntimeError: boom %d\n'
STEPS = b"".join(b"step %d loss 0.5\n" % step for step in range(1000))
SUMMARY = b"wandb: loss 0.5\n"


def causes_of(engine: Engine) -> Causes:
    engine.runs.put_project("lab", NOW_MS)
    return Causes(engine.reader, engine.timeline, engine.runs, engine.states)


def appended(engine: Engine, log: Head, data: bytes) -> Head:
    return engine.appender.append(log.id, log.end_byte, data)


def asked(causes: Causes, logs: list[Head], code: int | None = 1, now_ms: int = NOW_MS) -> Digest:
    status = Status.COMPLETED if code == 0 else Status.FAILED
    tasks = (
        {}
        if code is None
        else {log.worker: TaskRow(log.worker, status, code, None, None, None, 0, 0, NOW_MS, 1) for log in logs}
    )
    return causes.why(logs, tasks, now_ms, silent_ms=300_000, max_bytes=16_384)


def test_a_cause_far_before_the_end(engine: Engine) -> None:
    """Six megabytes of a summary behind it; its place is exact, and all was read."""
    causes = causes_of(engine)
    log = engine.runs.put_run("lab", "job", "run", 0, NOW_MS)[2]
    for data in (STEPS, BOOM % 1, *[SUMMARY * 40_000] * 10):
        log = appended(engine, log, data)
    digest = asked(causes, [log])
    assert digest.first is not None
    assert (digest.first.summary, digest.unread_bytes) == ("RuntimeError: boom 1", 0)
    assert (digest.first.where.start_line, digest.first.where.start_byte) == (1000, len(STEPS))


def test_what_was_read_is_not_read_again(engine: Engine) -> None:
    """Of a log that grew only what is new is fetched; the answer is of all of it."""
    causes = causes_of(engine)
    log = appended(engine, engine.runs.put_run("lab", "job", "run", 0, NOW_MS)[2], STEPS + BOOM % 1 + STEPS)
    assert asked(causes, [log], code=None).first is None
    grown = appended(engine, log, BOOM % 2)
    before = causes._states[log.id].reader
    assert before.at == log.end_byte
    digest = asked(causes, [grown])
    assert digest.first is not None
    assert (digest.first.summary, digest.first.where.start_line) == ("RuntimeError: boom 2", 2004)
    assert (causes._states[log.id].reader, before.at) == (before, grown.end_byte)


def test_the_same_failure_as_in_earlier_runs(engine: Engine) -> None:
    """The third time, but for its numbers; the first is named, with its lines. Another failure is another one."""
    causes, logs = causes_of(engine), list[Head]()
    other = BOOM.replace(b"RuntimeError: boom %d", b"KeyError: 'x'")
    for number, data in enumerate((BOOM % 1, other, BOOM % 2, BOOM % 3)):
        version, log = engine.runs.put_run("lab", "job", f"run-{number}", 0, NOW_MS)[1:]
        logs.append(appended(engine, log, STEPS + data))
        if number < 3:
            engine.states.report(version, 0, Report(Status.FAILED, 1), NOW_MS)
    digest = asked(causes, [logs[-1]])
    assert [each.version for each in digest.again] == ["V0001", "V0003"]
    assert digest.again[0].where.start_line == 1000
    assert "It is the third time: first in V0001." in digest.verdict


def test_imported_files_are_no_attempts(engine: Engine) -> None:
    """Of a job that holds them their order says nothing: the same failure counts only where they are called alike."""
    causes, logs = causes_of(engine), list[Head]()
    for number, title in enumerate((None, "a/train.log", "b/train.log", None, "a/train.log")):
        version, log = engine.runs.put_run("lab", "job", f"{IMPORTED}{number}", 0, NOW_MS)[1:]
        logs.append(appended(engine, log, STEPS + BOOM % number))
        engine.states.report(version, 0, Report(Status.FAILED, 1), NOW_MS)
        if title is not None:
            engine.states.describe(version, {"title": title})
    assert [each.version for each in asked(causes, [logs[-1]]).again] == ["V0002"]
    assert [asked(causes, [log]).again for log in logs[:-1]] == [[]] * 4


def test_a_run_that_hangs(engine: Engine) -> None:
    """Which ranks stopped, where, and who is behind."""
    causes, logs = causes_of(engine), list[Head]()
    for rank, last in enumerate((b"step 12 loss 0.1\n", b"step 12 loss 0.1\n", b"step 9 loss 0.3\nsaving\n")):
        logs.append(appended(engine, engine.runs.put_run("lab", "job", "run", rank, NOW_MS)[2], b"step 8 loss 0.4\n" + last))
    verdict = asked(causes, logs, code=None, now_ms=NOW_MS + 10**9 + max(log.appended_ms for log in logs)).verdict
    assert "rank 2 at step 9 (saving)" in verdict
    assert "ranks 0-1 at step 12" in verdict
    assert "Rank 2 is behind." in verdict


def test_another_past_is_forgotten(engine: Engine) -> None:
    """What was read in it is read again."""
    causes = causes_of(engine)
    log = appended(engine, engine.runs.put_run("lab", "job", "run", 0, NOW_MS)[2], STEPS + BOOM % 1)
    assert asked(causes, [log]).first is not None
    engine.timeline.went_back()
    assert causes._states == {}
    assert asked(causes, [log]).first is not None
