"""A hung run says so; one that only pauses does not. What is usual for it, it says itself."""

from __future__ import annotations

from tests.watch.lab import MINUTE_MS, Lab


def test_hung_run_is_told_within_its_limit_and_a_round(lab: Lab) -> None:
    """It printed every ten seconds: ten minutes of silence are enough."""
    lab.rule("stall")
    (log,) = lab.run()
    step = lab.trains([log], 40)
    silent_ms = lab.at_ms - 10_000  # since the last line
    lab.passes(9 * MINUTE_MS)
    assert lab.alerts() == []
    lab.passes(2 * MINUTE_MS)
    (alert,) = lab.alerts()
    assert alert.reason == "no output for 10.2 min; its longest pause before was 10 s"
    assert 10 * MINUTE_MS <= alert.fired_ms - silent_ms <= 10 * MINUTE_MS + 15_000
    assert (alert.line, alert.step) == (step - 1, step)
    lab.passes(120 * MINUTE_MS)
    assert len(lab.alerts()) == 1


def test_run_that_pauses_for_evaluation_is_no_alarm(lab: Lab) -> None:
    """Pauses of eight minutes every half an hour, later of twenty: what it did before it may do again, and longer."""
    lab.rule("stall")
    (log,) = lab.run()
    for pause in (8, 8, 20, 20, 45):
        lab.trains([log], 30)
        lab.passes(pause * MINUTE_MS)
    assert lab.alerts() == []


def test_long_start_is_no_alarm_and_makes_nobody_slow(lab: Lab) -> None:
    """Twenty-five minutes of loading; then steps; then a hang, which is told by the pace of the steps."""
    lab.rule("stall")
    (log,) = lab.run()
    lab.prints(log, b"loading checkpoint\n" * 30)
    lab.passes(25 * MINUTE_MS)
    lab.trains([log], 30)
    assert lab.alerts() == []
    lab.passes(11 * MINUTE_MS)
    assert len(lab.alerts()) == 1


def test_run_that_never_prints_is_told(lab: Lab) -> None:
    """After half an hour."""
    lab.rule("stall")
    lab.run()
    lab.passes(31 * MINUTE_MS)
    assert [alert.reason for alert in lab.alerts()] == ["no output for 30.2 min"]


def test_steps_that_stand_still_while_it_prints(lab: Lab) -> None:
    """A watchdog prints for ever; the step does not move."""
    lab.rule("stall")
    (log,) = lab.run()
    lab.trains([log], 30)
    for _ in range(70):
        lab.prints(log, b"watchdog: still waiting for the collective\n")
        lab.passes(30_000)
    (alert,) = lab.alerts()
    assert alert.reason.startswith("step 180 for 30.")


def test_given_limit_counts(lab: Lab) -> None:
    """Whatever the pace is."""
    lab.rule("stall", silent_s=120)
    (log,) = lab.run()
    lab.trains([log], 5)
    lab.passes(3 * MINUTE_MS)
    assert len(lab.alerts()) == 1


def test_run_that_goes_on_is_resolved_and_hangs_again_as_another_alert(lab: Lab) -> None:
    """Its pause was no hang: the next one must be longer."""
    lab.rule("stall")
    (log,) = lab.run()
    lab.trains([log], 30)
    lab.passes(12 * MINUTE_MS)
    assert [alert.resolved_ms for alert in lab.alerts()] == [None]
    lab.trains([log], 30)
    assert lab.alerts()[0].resolved_ms is not None
    lab.passes(30 * MINUTE_MS)
    assert len(lab.alerts()) == 1
    lab.passes(10 * MINUTE_MS)
    assert len(lab.alerts()) == 2


def test_nobody_watched_while_joblog_was_away(lab: Lab) -> None:
    """What a run printed meanwhile could not arrive: its silence counts from when it is watched again."""
    lab.rule("stall")
    (log,) = lab.run()
    lab.trains([log], 30)
    lab.close()
    lab.at_ms += 120 * MINUTE_MS
    lab.open()
    lab.passes(9 * MINUTE_MS)
    assert lab.alerts() == []
    lab.passes(2 * MINUTE_MS)
    assert len(lab.alerts()) == 1


def test_run_that_had_stopped_before_the_rule_was_made_is_nobodys_concern(lab: Lab) -> None:
    """A collector's log never ends; whoever makes the first rule is not told of all that ever stopped."""
    (log,) = lab.run()
    lab.prints(log, b"step 1\n")
    lab.passes(60 * MINUTE_MS)
    lab.rule("stall")
    lab.rule("absence", pattern="step", start_s=10, every_s=60)
    lab.passes(60 * MINUTE_MS)
    assert lab.alerts() == []
    lab.prints(log, b"step 2\n")
    lab.passes(60 * MINUTE_MS)
    assert sorted(alert.kind for alert in lab.alerts()) == ["absence", "stall"]


def test_one_rank_that_is_silent_while_others_go_on(lab: Lab) -> None:
    """Not those that print on one rank only; nor all of them together, which is a stall."""
    lab.rule("ranks")
    lab.rule("stall")
    quiet, *others = lab.run(ranks=4)
    silent = others[-1]
    for log in (quiet, *others):
        lab.prints(log, b"import torch\n" * 40)
    lab.trains(others, 30, every_s=20)
    lab.trains(others[:-1], 9, every_s=20)
    assert lab.alerts() == []
    lab.trains(others[:-1], 3, every_s=20)
    assert [alert.reason for alert in lab.alerts()] == ["rank 3 silent for 10.1 min while 2 go on"]
    lab.prints(silent, b"step 9\n")
    lab.passes(5000)
    assert lab.alerts()[0].resolved_ms is not None
    lab.passes(60 * MINUTE_MS)
    assert [alert.kind for alert in lab.alerts()] == ["ranks", "stall"]
