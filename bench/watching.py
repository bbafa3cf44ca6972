"""What it costs to watch runs: processor seconds of looking at them, beside those of taking what they print."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.stage import Stage
from bench.table import Row
from joblog.core.logs import Head
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.watch.body import RuleBody, encoded
from joblog.watch.receivers import Receivers
from joblog.watch.rules import rule_of, usual_rules
from joblog.watch.watcher import ROUND_S, Watcher

LOGS = 1000
ROUNDS = 6
LINES = 5
"""Each log prints in a round, one a second."""

GOAL = 0.05
"""Of a processor, for all of it."""

_LITERALS = ("CUDA out of memory", "Traceback", "Xid", "No space left", "Killed", "preempted")
_EXPRESSIONS = (r"NCCL.*(timeout|error)", r"(?i)segmentation fault", r"Connection (reset|refused)", r"retry \d+")
_LINE = b"[2026-01-01 00:00:00] step %d/100000 loss=%.4f lr=3.00e-04 grad_norm=1.234 1234 samples/s eta 3:04:05\n"


def watching(stage: Stage) -> None:
    """Adds a row: so many followed logs, 20 rules each, in processor seconds of this process."""
    now_ms = time.time_ns() // 1_000_000
    engine = Engine(Settings(data=stage.directory / "watched"), clock_ms=lambda: now_ms)
    try:
        receivers = Receivers(engine.settings, engine.vault)
        rules = _rules()
        engine.runs.put_project("lab", now_ms)
        sealed = receivers.sealed("lab", [])
        engine.watching.put_rules("lab", [(rule.name, encoded(rule), sealed) for rule in rules], now_ms)
        logs = [engine.runs.put_run("lab", f"job-{number}", None, 0, now_ms)[2] for number in range(LOGS)]
        watcher, looked_s, taken_s = Watcher(engine, receivers), 0.0, 0.0
        watcher.round()
        for number in range(ROUNDS):
            taken_s += _print(engine, logs, number)
            now_ms += int(ROUND_S * 1000)
            begun = time.process_time()
            watcher.round()
            looked_s += time.process_time() - begun
    finally:
        engine.close()
    share = looked_s / ROUNDS / ROUND_S
    shown = f"{share:.1%} of a core; taking what they print: {taken_s / ROUNDS / ROUND_S:.1%}"
    what = f"watching {LOGS} logs, {len(rules)} rules each, a line a second"
    stage.add(Row(what, shown, ratio=looked_s / taken_s, goal=f"< {GOAL:.0%}", met=share < GOAL))


def _print(engine: Engine, logs: Sequence[Head], number: int) -> float:
    """Has every log print; returns the processor seconds."""
    begun = time.process_time()
    for log in logs:
        text = b"".join(_LINE % (number * LINES + line, 1 / (number * LINES + line + 1)) for line in range(LINES))
        engine.appender.append(log.id, engine.logs.head(log.id).end_byte, text)
    return time.process_time() - begun


def _rules() -> list[RuleBody]:
    """Returns 20 rules as people write them."""
    rules = [
        *usual_rules(),
        *(RuleBody(kind="match", name=f"m{at}", pattern=text) for at, text in enumerate(_LITERALS)),
        *(RuleBody(kind="match", name=f"e{at}", pattern=text, regex=True) for at, text in enumerate(_EXPRESSIONS)),
        RuleBody(kind="absence", name="checkpoint", pattern="saved checkpoint", start_s=7200, every_s=7200),
        RuleBody(kind="absence", name="steps", pattern=r"step \d+", regex=True, every_s=7200),
        RuleBody(kind="value", name="high", metric="loss", above=100),
        RuleBody(kind="value", name="no better", metric="loss", no_better_for=100_000),
        RuleBody(kind="value", name="slow", pattern=r"(\d+) samples/s", below=1),
        RuleBody(kind="state", name="late", longer_than_s=864_000),
    ]
    for rule in rules:
        rule_of(rule)
    return rules
