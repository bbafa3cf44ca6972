"""Each kind of rule over a run that really prints: when it fires, at which line, and when it does not."""

from __future__ import annotations

import pytest

from joblog.core.status import Status
from joblog.errors import Invalid, JoblogError
from joblog.watch.body import RuleBody
from joblog.watch.rules import rule_of
from tests.watch.lab import BEGIN_MS, MINUTE_MS, Lab


def test_match_says_the_line(lab: Lab) -> None:
    """Its number, its bytes, its text, and the last step."""
    lab.rule("match", pattern="out of memory")
    (log,) = lab.run()
    lab.prints(log, b"step 7 loss=2\nRuntimeError: CUDA out of memory\nmore\n")
    lab.passes(5000)
    (alert,) = lab.alerts()
    assert (alert.line, alert.start_byte, alert.end_byte) == (1, 14, 46)
    assert (alert.line_text, alert.step, alert.worker) == ("RuntimeError: CUDA out of memory", 7, 0)
    assert alert.fired_ms == BEGIN_MS


def test_match_counts_within_a_time(lab: Lab) -> None:
    """Three within a minute, not three in an hour."""
    lab.rule("match", pattern=r"retry \d", regex=True, count=3, within_s=60)
    (log,) = lab.run()
    for _ in range(4):
        lab.prints(log, b"retry 1\n")
        lab.passes(40_000)
    assert lab.alerts() == []
    lab.prints(log, b"retry 1\nretry 2\nretry 3\n")
    lab.passes(5000)
    assert [alert.line for alert in lab.alerts()] == [5]


def test_match_sees_what_is_drawn_over_and_what_is_cut_off(lab: Lab) -> None:
    """A bar that never ends its line says NaN; a last line without a newline is one when the log is closed."""
    lab.rule("match", name="bar", pattern="loss=nan")
    lab.rule("match", name="last", pattern="Killed")
    (log,) = lab.run()
    lab.prints(log, b"\r10% loss=2\r20% loss=nan\r30% loss=nan")
    lab.passes(5000)
    assert [(alert.rule_name, alert.line, alert.start_byte) for alert in lab.alerts()] == [("bar", 0, 12)]
    lab.prints(log, b"\nKilled")
    lab.passes(5000)
    assert len(lab.alerts()) == 1
    lab.ends(log, Status.KILLED)
    lab.passes(5000)
    assert [alert.rule_name for alert in lab.alerts()] == ["bar", "last"]


def test_match_looks_no_further_than_until(lab: Lab) -> None:
    """What is expected after a line is no news."""
    lab.rule("match", pattern="error", until="shutting down")
    (log,) = lab.run()
    lab.prints(log, b"shutting down\nerror\n")
    lab.passes(5000)
    lab.prints(log, b"error\n")
    lab.passes(5000)
    assert lab.alerts() == []


def test_absence_at_the_start_and_between(lab: Lab) -> None:
    """Not seen in time; seen; not seen again; each once."""
    lab.rule("absence", pattern="epoch", start_s=600, every_s=300)
    (log,) = lab.run()
    lab.passes(10 * MINUTE_MS)
    assert lab.alerts() == []
    lab.passes(MINUTE_MS)
    assert [alert.reason for alert in lab.alerts()] == ["no line matches epoch, 10.1 min since the start"]
    lab.passes(20 * MINUTE_MS)
    assert len(lab.alerts()) == 1
    lab.prints(log, b"epoch 1\n")
    lab.passes(5000)
    assert lab.alerts()[0].resolved_ms is not None
    lab.passes(20 * MINUTE_MS)
    assert [alert.reason for alert in lab.alerts()[1:]] == ["no line matches epoch, 5.1 min since the last one"]


def test_value_beyond_a_bound_for_some_readings(lab: Lab) -> None:
    """One that is beyond is noise; three in a row are not; then it is well again."""
    lab.rule("value", metric="loss", above=5, points=3)
    (log,) = lab.run()
    lab.prints(log, b"step 1 loss=9\nstep 2 loss=1\nstep 3 loss: 6.5\n{'loss': 7, 'val_loss': 1}\nstep 5 loss 8e0\n")
    lab.passes(5000)
    assert [(alert.line, alert.reason) for alert in lab.alerts()] == [(4, "loss is 8, above 5")]
    lab.prints(log, b"loss=1\n")
    lab.passes(5000)
    assert lab.alerts()[0].resolved_ms == lab.at_ms - 5000


def test_value_that_is_not_finite(lab: Lab) -> None:
    """NaN as programs write it; a name that only ends so, or a word, is none."""
    lab.rule("value", metric="loss", not_finite=True)
    (log,) = lab.run()
    lab.prints(log, b"best_loss=inf\nno loss nanoseconds\nloss=0.1\nnanny loss\n")
    lab.passes(5000)
    assert lab.alerts() == []
    lab.prints(log, b'{"step": 3, "loss": NaN}\n')
    lab.passes(5000)
    assert [alert.reason for alert in lab.alerts()] == ["loss is nan"]


def test_value_that_gets_no_better(lab: Lab) -> None:
    """By the steps that stand beside it."""
    lab.rule("value", metric="accuracy", no_better_for=1000, goal="high")
    (log,) = lab.run()
    for step, accuracy in ((100, 0.5), (500, 0.7), (1400, 0.6)):
        lab.prints(log, b"step %d accuracy=%f\n" % (step, accuracy))
        lab.passes(5000)
    assert lab.alerts() == []
    lab.prints(log, b"step 1500 accuracy=0.69\n")
    lab.passes(5000)
    assert [alert.reason for alert in lab.alerts()] == ["accuracy is not better than 0.7 for 1000 steps"]


def test_value_by_an_expression(lab: Lab) -> None:
    """Its group is the number."""
    lab.rule("value", pattern=r"(\d+(?:\.\d+)?) samples/s", below=80, points=2)
    (log,) = lab.run()
    lab.prints(log, b"90 samples/s\n70.5 samples/s\n60 samples/s\n")
    lab.passes(5000)
    assert [(alert.line, alert.reason) for alert in lab.alerts()] == [(2, "value is 60, below 80")]


@pytest.mark.parametrize(
    ("pattern", "line", "value"),
    [
        (r"rate (\d+(\.\d+)?)", b"rate 70.5", "70.5"),
        (r"rate (\d+)|speed (\d+)", b"speed 60", "60"),
        (r"[()](?:rate|speed)\) (?P<rate>\d+)\|", b"(rate) 50|", "50"),
        (r"\Q(rate\E(\d+)[]()]", b"(rate40)", "40"),
    ],
)
def test_value_is_in_the_one_group(lab: Lab, pattern: str, line: bytes, value: str) -> None:
    """Groups within it, of another branch, and brackets that are none do not count."""
    lab.rule("value", pattern=pattern, below=80)
    (log,) = lab.run()
    lab.prints(log, line + b"\n")
    lab.passes(5000)
    assert [alert.reason for alert in lab.alerts()] == [f"value is {value}, below 80"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.KILLED, Status.COMPLETED])
def test_state(lab: Lab, status: Status) -> None:
    """How the run ended, once, also when it began and ended between two looks."""
    lab.rule("state", states=[status.name.lower()])
    (log,) = lab.run()
    lab.ends(log, status, exit_code=3)
    lab.passes(5000)
    assert [alert.kind for alert in lab.alerts()] == ["state"]
    lab.passes(MINUTE_MS)
    lab.begin_watching()
    lab.passes(MINUTE_MS)
    assert len(lab.alerts()) == 1


def test_state_of_a_run_that_begins_again_and_fails_again(lab: Lab) -> None:
    """A second failure is another one; what comes within the pause is told when that is over, if it still is so."""
    lab.rule("state", states=["failed"])
    (log,) = lab.run(run_id="a")
    lab.report(log, Status.FAILED, exit_code=1)
    lab.passes(MINUTE_MS)
    assert len(lab.alerts()) == 1
    lab.passes(20 * MINUTE_MS)
    lab.report(log, Status.RUNNING)
    lab.passes(MINUTE_MS)
    lab.report(log, Status.FAILED, exit_code=2)
    lab.passes(MINUTE_MS)
    assert [alert.reason for alert in lab.alerts()][1:] == ["the run failed: worker-0: exit code 2"]


def test_lost_and_then_failed_are_both_told(lab: Lab) -> None:
    """A worker that was silent speaks again: the run's end is another one, at the same moment."""
    lab.rule("state", states=["failed", "lost"])
    (log,) = lab.run()
    lab.at_ms += 11 * MINUTE_MS
    lab.engine.states.mark_lost(lab.at_ms)
    lab.passes(5000)
    lab.ends(log, Status.FAILED, exit_code=1)
    lab.passes(11 * MINUTE_MS)
    assert [alert.reason.split(":")[0] for alert in lab.alerts()] == ["the run was lost", "the run failed"]


def test_run_that_takes_too_long(lab: Lab) -> None:
    """Once."""
    lab.rule("state", longer_than_s=3600)
    (log,) = lab.run()
    lab.trains([log], 90, every_s=60)
    assert [alert.reason for alert in lab.alerts()] == ["the run has taken 1 h"]


@pytest.mark.parametrize(
    ("parameter", "given"),
    [
        ("kind", {"kind": "matches"}), ("pattern", {"kind": "match"}),
        ("pattern", {"kind": "match", "pattern": "(", "regex": True}),
        ("above", {"kind": "match", "pattern": "a", "above": 1}), ("start_s", {"kind": "absence", "pattern": "a"}),
        ("every_s", {"kind": "absence", "pattern": "a", "every_s": 0}), ("metric", {"kind": "value", "above": 1}),
        ("above", {"kind": "value", "metric": "loss"}), ("goal", {"kind": "value", "metric": "a", "above": 1, "goal": "up"}),
        ("pattern", {"kind": "value", "pattern": "loss", "above": 1}), ("states", {"kind": "state"}),
        ("pattern", {"kind": "value", "pattern": "(a)(b)", "above": 1}),
        ("pattern", {"kind": "value", "pattern": "(?:(a)|b)(c)", "above": 1}),
        ("states", {"kind": "state", "states": ["broken"]}), ("quiet", {"kind": "stall", "quiet": "at night"}),
        ("quiet", {"kind": "stall", "quiet": "22:00-07:00 Moon/Base"}), ("name", {"kind": "stall", "name": "a/b"}),
        ("count", {"kind": "match", "pattern": "a", "count": 0}), ("silent_s", {"kind": "stall", "silent_s": float("nan")}),
        ("count", {"kind": "match", "pattern": "a", "within_s": 60}),
        ("label", {"kind": "stall", "labels": ["a b=c"]}), ("notify", {"kind": "stall", "notify": ["\n"]}),
    ],
)  # fmt: skip
def test_wrong_rule_names_its_parameter(parameter: str, given: dict[str, object]) -> None:
    """Where it is made, not when it would fire."""
    with pytest.raises(Invalid) as caught:
        rule_of(RuleBody(**given))  # type: ignore[arg-type]  # that is what is tried
    assert caught.value.parameter == parameter
    assert isinstance(caught.value, JoblogError)
