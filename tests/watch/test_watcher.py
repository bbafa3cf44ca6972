"""Exactly what happened, once: whatever ends the process, whoever goes on, however often it comes."""

from __future__ import annotations

import pytest

from joblog.catalog.leases import WATCH, Leases
from joblog.core.status import Status
from joblog.watch.fold import FOLD_MS
from joblog.watch.watcher import BLIND_MS, Watcher
from tests.backends import Backend, both_catalogs
from tests.watch.lab import MINUTE_MS, Lab, Receiver


def test_what_was_read_is_not_read_again_after_a_crash(lab: Lab) -> None:
    """A process that dies at any point between rounds leaves the next one to tell what was not told, and nothing twice."""
    lab.rule("match", name="one", pattern="boom")
    lab.rule("match", name="three", pattern="tick", count=3)
    (log,) = lab.run()
    for text in (b"tick\n", b"boom\n", b"tick\nhalf", b" a line\n", b"tick\n", b"tick\n"):
        lab.prints(log, text)
        lab.passes(5000)
        lab.begin_watching()
    lab.passes(5000)
    assert [(alert.rule_name, alert.line) for alert in lab.alerts()] == [("one", 1), ("three", 4)]


def test_run_that_ended_while_nobody_watched_is_told(lab: Lab) -> None:
    """It begins, prints and dies between two looks."""
    lab.rule("match", pattern="boom")
    lab.rule("state", states=["failed"])
    (log,) = lab.run()
    lab.prints(log, b"boom\n")
    lab.ends(log, Status.FAILED, exit_code=1)
    lab.at_ms += BLIND_MS
    lab.passes(5000)
    assert sorted(alert.kind for alert in lab.alerts()) == ["match", "state"]


def test_sealed_log_is_read_as_well(lab: Lab) -> None:
    """What was sealed before anybody looked, and what is sealed between two looks."""
    lab.rule("match", pattern="boom", count=2)
    (log,) = lab.run()
    lab.prints(log, b"quiet\n" * 1000 + b"boom\n")
    lab.at_ms += 10 * MINUTE_MS
    assert lab.engine.janitor.seal_due() == 1
    lab.prints(log, b"half a li")
    lab.round()
    lab.prints(log, b"ne, boom\n")
    lab.at_ms += 10 * MINUTE_MS
    assert lab.engine.janitor.seal_due() == 1
    lab.round()
    assert [(alert.line, alert.line_text) for alert in lab.alerts()] == [(1001, "half a line, boom")]


def test_much_at_once_is_read_in_parts(lab: Lab) -> None:
    """More than is read of one log at a time; the line and its number are right."""
    lab.rule("match", pattern="needle")
    (log,) = lab.run()
    line = b"x" * 99 + b"\n"
    for _ in range(3):
        lab.prints(log, line * 30_000)
    lab.prints(log, b"needle\n")
    lab.round()
    assert [alert.line for alert in lab.alerts()] == [90_000]


def test_rule_is_about_what_comes_after_it_was_made(lab: Lab) -> None:
    """In a run that goes on already; what arrived before it, though nobody had read it, is not told."""
    (log,) = lab.run()
    lab.prints(log, b"boom\nbo")
    lab.at_ms += 1000
    lab.rule("match", pattern="boom")
    lab.prints(log, b"om\n")
    lab.passes(5000)
    assert lab.alerts() == []
    lab.prints(log, b"boom\n")
    lab.passes(5000)
    assert [alert.line for alert in lab.alerts()] == [2]


def test_rule_is_for_its_job_or_its_labels(lab: Lab) -> None:
    """And for no other project's."""
    lab.rule("match", name="by job", pattern="boom", job="a")
    lab.rule("match", name="by label", pattern="boom", labels=["team=vision"])
    for name in ("a", "b", "c"):
        (log,) = lab.run(name)
        if name == "c":
            lab.engine.runs.label("lab", log.job_id, {"team": "vision"})
        lab.prints(log, b"boom\n")
    lab.passes(5000)
    assert [(alert.rule_name, alert.job_name) for alert in lab.alerts()] == [("by job", "a"), ("by label", "c")]


def test_what_keeps_coming_is_told_once_and_counted(lab: Lab) -> None:
    """A flood is one alert; after a pause it is another, and the pause grows."""
    lab.rule("match", pattern="boom")
    (log,) = lab.run()
    for _ in range(20):
        lab.prints(log, b"boom\n" * 50)
        lab.passes(MINUTE_MS)
    lab.passes(2 * MINUTE_MS)
    assert [alert.times for alert in lab.alerts()] == [1000]
    lab.passes(FOLD_MS)
    lab.prints(log, b"boom\n")
    lab.passes(FOLD_MS + MINUTE_MS)
    assert len(lab.alerts()) == 2
    lab.prints(log, b"boom\n")
    lab.passes(MINUTE_MS)
    assert len(lab.alerts()) == 2


@pytest.mark.parametrize(
    "line",
    [
        b"+ joblog watch add --match 'CUDA error' https://hooks.example.com",
        b'{"kind": "match", "pattern": "CUDA error"}',
        b'logPattern: ".*CUDA error.*"',
        b"pattern = 'CUDA error'",
        b"resnet/V0001: a line matches CUDA error; rule: cuda (joblog alert 7)",
    ],
)
def test_rules_own_text_does_not_fire_it(lab: Lab, line: bytes) -> None:
    """A script that is traced, a configuration that is printed, an alert that a receiver prints."""
    lab.rule("match", pattern="CUDA error")
    (log,) = lab.run()
    lab.prints(log, line + b"\n")
    lab.passes(5000)
    assert lab.alerts() == []
    lab.prints(log, b"the pattern of this: CUDA error 700\n")
    lab.passes(5000)
    assert len(lab.alerts()) == 1


def test_expression_as_it_is_written_does_not_fire(lab: Lab) -> None:
    """It matches itself, and nobody prints it but who writes a rule."""
    lab.rule("match", pattern="loss.*nan", regex=True)
    (log,) = lab.run()
    lab.prints(log, b"grep -E 'loss.*nan'\n")
    lab.passes(5000)
    assert lab.alerts() == []


def test_broken_rule_stops_nothing(lab: Lab) -> None:
    """One that an older joblog took and this one does not: the others go on."""
    lab.engine.watching.put_rules("lab", [("old", '{"kind":"match","pattern":"("}', b"")], lab.at_ms)
    lab.engine.watching.put_rules("lab", [("older", '{"kind":"nothing"}', b"")], lab.at_ms)
    lab.rule("match", pattern="boom")
    (log,) = lab.run()
    lab.prints(log, b"boom\n")
    lab.passes(5000)
    assert [alert.rule_name for alert in lab.alerts()] == ["match"]


def test_replaced_rule_begins_anew_and_a_deleted_one_ends(lab: Lab) -> None:
    """By the same name; what was found stays."""
    lab.rule("match", name="a", pattern="boom")
    (log,) = lab.run()
    lab.prints(log, b"boom\n")
    lab.passes(5000)
    lab.at_ms += 1000
    rule = lab.rule("match", name="a", pattern="bang")
    lab.prints(log, b"boom\nbang\n")
    lab.passes(5000)
    lab.engine.watching.drop_rule("lab", rule)
    lab.prints(log, b"bang\n")
    lab.passes(5000)
    assert [alert.line_text for alert in lab.alerts()] == ["boom", "bang"]


def test_deleted_run_leaves_nothing(lab: Lab, receiver: Receiver) -> None:
    """No alert, no delivery, no state; also when it is deleted between a look and its keeping."""
    lab.rule("match", receiver.url, pattern="boom")
    (log,) = lab.run()
    lab.prints(log, b"boom\n")
    lab.passes(5000)
    version = lab.engine.runs.version("lab", log.job_id, log.version_id)
    lab.engine.jobs.delete_version(version, lab.at_ms)
    lab.passes(5000)
    assert lab.alerts() == []
    assert lab.engine.database.rows("watch_run_rows", after=0, until=2**62) == []
    assert lab.engine.database.rows("delivery_rows", after=0, until=2**62) == []


def test_quiet_hours_and_muted_rules(lab: Lab, receiver: Receiver) -> None:
    """What fires at night is told in the morning; what is muted is listed only."""
    lab.rule("match", receiver.url, name="quiet", pattern="boom", quiet="22:00-07:30")  # it is 22:13 in UTC
    muted = lab.rule("match", receiver.url, name="muted", pattern="boom")
    lab.engine.watching.mute_rule("lab", muted, lab.at_ms + MINUTE_MS)
    (log,) = lab.run()
    lab.prints(log, b"boom\n")
    lab.passes(5000)
    lab.sends()
    assert (len(lab.alerts()), receiver.requests) == (2, [])
    lab.at_ms += 9 * 60 * MINUTE_MS
    lab.sends()
    assert receiver.requests == []
    lab.at_ms += 20 * MINUTE_MS
    lab.sends()
    assert [body["rule"] for body in receiver.bodies] == ["quiet"]


@both_catalogs
def test_one_node_watches_and_another_goes_on(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where the first stopped, within seconds; a node that has lost its lease keeps nothing."""
    from joblog.core.settings import Settings

    lab = Lab(Settings(data=tmp_path_factory.mktemp("lab"), **backend.place()))
    try:
        lab.rule("match", pattern="tick", count=3)
        (log,) = lab.run()
        other = Watcher(lab.engine, lab.receivers)
        lab.prints(log, b"tick\ntick\n")
        lab.round()
        other.round()
        lab.at_ms += 9000  # the first is gone, or stopped
        lab.prints(log, b"tick\n")
        other.round()
        assert [alert.line for alert in lab.alerts()] == [2]
        lab.round()
        assert len(lab.alerts()) == 1
        assert Leases(lab.engine.database, lab.engine.clock_ms).take([WATCH]) == []
    finally:
        lab.close()
