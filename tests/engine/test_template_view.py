"""Templates of stored logs: read once as they grow, the same sealed or not, bounded, and what a run is compared with."""

from __future__ import annotations

from joblog.catalog.states import Report
from joblog.core.jobs import VersionRow
from joblog.core.logs import Head
from joblog.core.status import Status
from joblog.engine.baseline import EARLIER, GOOD, baseline
from joblog.engine.engine import Engine
from joblog.engine.template_view import RunTemplatesView

NOW_MS = 1_700_000_000_000
STEPS = b"".join(b"step %d loss 0.5\n" % step for step in range(1000))


def view_of(engine: Engine) -> RunTemplatesView:
    engine.runs.put_project("lab", NOW_MS)
    return RunTemplatesView(engine.reader, engine.scan, engine.timeline)


def log_of(engine: Engine, run_id: str, data: bytes, rank: int = 0) -> Head:
    log = engine.runs.put_run("lab", "job", run_id, rank, NOW_MS)[2]
    return engine.appender.append(log.id, log.end_byte, data)


def test_templates_grow_with_the_log(engine: Engine) -> None:
    """What was read is not read again, and what is sealed is the same."""
    view, log = view_of(engine), log_of(engine, "one", b"begin\n" + STEPS * 10)
    listed = view.templates([log], 10)
    assert [(each.text, each.count) for each in listed.items] == [("step # loss #", 10_000), ("begin", 1)]
    reader = view._states[log.id].reader
    log = log_of(engine, "one", STEPS + b"end\n")
    listed = view.templates([log], 10)
    assert [(each.text, each.count) for each in listed.items] == [("step # loss #", 11_000), ("begin", 1), ("end", 1)]
    assert (listed.items[2].first.start_line, listed.lines, listed.unread_bytes) == (11_001, 11_002, 0)
    assert (view._states[log.id].reader, reader.at) == (reader, log.end_byte)
    engine.sealer.seal(log.id)
    again = RunTemplatesView(engine.reader, engine.scan, engine.timeline).templates([log], 10)
    assert again == listed


def test_a_young_log_is_learnt_anew(engine: Engine) -> None:
    """What its lines begin with shows with more of them: the answer is that of the whole log."""
    view = view_of(engine)
    log = log_of(engine, "one", b"node a: hello\n")
    view.templates([log], 10)
    log = log_of(engine, "one", b"".join(b"node a: word%c\n" % (97 + at % 20) for at in range(100)))
    fresh = RunTemplatesView(engine.reader, engine.scan, engine.timeline)
    assert view.templates([log], 50) == fresh.templates([log], 50)


def test_differences_have_times_and_steps(engine: Engine) -> None:
    """Of two runs and of ranks; all is forgotten in another past."""
    view = view_of(engine)
    good, bad = log_of(engine, "one", STEPS + b"done\n"), log_of(engine, "two", STEPS + b"RuntimeError: boom\n")
    made = view.difference([good], [bad], 10)
    assert [(each.line, each.at_ms) for each in made.new] == [("RuntimeError: boom", NOW_MS // 1000 * 1000)] or made.new[
        0
    ].at_ms
    assert [each.line for each in made.gone] == ["done"]
    assert made.parted is not None
    assert (made.parted.step, made.unread_bytes) == (999, 0)
    other = log_of(engine, "two", STEPS, rank=1)
    assert [each.line for each in view.odd_ranks([bad, other], 10).new] == ["RuntimeError: boom"]
    engine.timeline.went_back()
    assert not view._states


def test_what_is_kept_is_bounded(engine: Engine) -> None:
    """By templates of all logs together; what is forgotten is read again."""
    view = view_of(engine)
    logs = [
        log_of(engine, "one", b"".join(b"%c%c\n" % (97 + a, 97 + b) for a in range(20) for b in range(20)), at)
        for at in range(4)
    ]
    expected = [view.templates([log], 1000) for log in logs]
    small = RunTemplatesView(engine.reader, engine.scan, engine.timeline, max_entries=1000)
    assert [small.templates([log], 1000) for log in logs] == expected
    assert len(small._states) == 2
    assert [small.templates([log], 1000) for log in logs] == expected


def ended(engine: Engine, run_id: str, status: Status) -> VersionRow:
    version = engine.runs.put_run("lab", "job", run_id, 0, NOW_MS)[1]
    code = 0 if status == Status.COMPLETED else 1
    engine.states.report(version, 0, Report(status=status, exit_code=code, tasks=1), NOW_MS)
    return version


def test_a_run_is_compared_with_the_last_good_one(engine: Engine) -> None:
    """Else with one that came after, else with the run before; the only run with none."""
    view_of(engine)
    first = ended(engine, "one", Status.FAILED)
    assert baseline(engine.runs, first.job_id, first.id) is None
    second = ended(engine, "two", Status.FAILED)
    assert _chosen(engine, second) == (first.id, EARLIER)
    third = ended(engine, "three", Status.COMPLETED)
    assert _chosen(engine, second) == (third.id, GOOD)
    fourth = ended(engine, "four", Status.FAILED)
    fifth = ended(engine, "five", Status.FAILED)
    assert _chosen(engine, fifth) == (third.id, GOOD)
    assert _chosen(engine, fifth, EARLIER) == (fourth.id, EARLIER)


def _chosen(engine: Engine, version: VersionRow, wanted: str = GOOD) -> tuple[int, str]:
    base = baseline(engine.runs, version.job_id, version.id, wanted)
    assert base is not None
    return base.version.id, base.chosen
