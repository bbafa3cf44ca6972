"""Searching for patterns of every kind, beside grep and ripgrep on the same bytes: rates of a core, unpacking included."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from bench.live import searched
from bench.logs import MadeLog
from bench.stage import Stage
from bench.table import Row

_WORDS = (
    "Traceback|AssertionError|OutOfMemory|SIGSEGV|Killed|NCCLError|deadlock|watchdog|corrupted|unreachable|refused|aborted|"
    "panic|fatality|ECONNRESET|stacktrace|coredump|nonfinite|diverged|preempted"
)
_NAMED = "(?i)traceback|out of memory|nccl.*timed out|nonfinite"

LITERAL_MB_S, STRINGS_MB_S, REGEX_MB_S = 1400, 1000, 350

PATTERNS = (
    ("a literal", "Traceback", "literal", LITERAL_MB_S),
    ("two words, one of them often", "loss|error", "regex", STRINGS_MB_S),
    ("two words", "Traceback|out of memory", "regex", STRINGS_MB_S),
    ("four in any case", _NAMED, "regex", STRINGS_MB_S),
    ("twenty words", _WORDS, "regex", STRINGS_MB_S),
    ("twenty words in any case", "(?i)" + _WORDS, "regex", STRINGS_MB_S),
    ("numbers", r"\d+\.\d+e-\d+", "regex", REGEX_MB_S),
    ("what has no literal", "[xyz][0-9]{3}[qw]", "regex", REGEX_MB_S),
)


def patterns(stage: Stage) -> None:
    """Counts the lines that match in a sealed log, as many as grep counts, with one thread of each program."""
    log = stage.made.searched[0]
    raw, packed = stage.directory / "searched.log", stage.directory / "searched.log.zst"
    log.write(raw)
    subprocess.run(["zstd", "-q1", str(raw), "-o", str(packed)], check=True)
    try:
        for what, pattern, kind, goal in PATTERNS:
            stage.add(_row(stage, log, (what, pattern, kind, goal), (raw, packed)))
    finally:
        raw.unlink()
        packed.unlink()


def _row(stage: Stage, log: MadeLog, asked: tuple[str, str, str, int], files: tuple[Path, Path]) -> Row:
    what, pattern, kind, goal = asked
    raw, packed = files
    mebi = log.end_byte / 1e6
    grep = _cpu_s(lambda: _counted(["grep", "-acP", "--", pattern], packed))
    beside = [f"zstdcat and grep -P {mebi / grep[1]:,.0f} MB/s"]
    if shutil.which("rg"):
        ripgrep = _cpu_s(lambda: _counted(["rg", "-j1", "-ac", "--", pattern, str(raw)]))
        beside.append(f"ripgrep on the raw file {mebi / ripgrep[1]:,.0f} MB/s")
    query = f"{kind}&count=true&pattern={quote(pattern, safe='')}"
    measured = stage.quietly(partial(searched, stage, log, query, matches=grep[0]))
    rate = mebi / measured.result[1]
    return Row(
        f"search for {what}, {grep[0]:,} lines",
        f"{rate:,.0f} MB/s of a core's time",
        ", ".join(beside),
        goal=f"≥ {goal:,} MB/s",
        met=rate >= goal,
        others=measured.others,
    )


def _counted(command: Sequence[str], packed: Path | None = None) -> int:
    """Returns what a program counts, in what is unpacked for it or by itself."""
    environment = {**os.environ, "LC_ALL": "C"}  # bytes, not characters: else grep passes over lines that are not UTF-8
    if packed is None:
        return int(subprocess.run(command, env=environment, capture_output=True, check=False).stdout or 0)
    with subprocess.Popen(["zstdcat", str(packed)], stdout=subprocess.PIPE) as unpacking:
        return int(
            subprocess.run(command, env=environment, stdin=unpacking.stdout, capture_output=True, check=False).stdout or 0
        )


def _cpu_s(count: Callable[[], int]) -> tuple[int, float]:
    """Returns a count, and the seconds that the programs ran that made it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    counted = count()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return counted, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
