"""The agent: what ``joblog run`` adds to a job that does nothing, to each write of one that prints, and to the machine.

A job behind ``joblog run`` is compared with the same job in front of ``cat``, in turns, in one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.logs import MIB
from bench.stage import Stage
from bench.table import Row

_TRIES = 9
_TURNS = 5
_PRINTED_BYTES = 256 * MIB
_MUCH_BYTES = 1024 * MIB

_START_S, _RATE, _TIMES, _MEMORY_BYTES = 0.200, 200e6, 2.0, 60e6

# Prints lines, one write each, with a pause between them, and tells how long its slowest writes took.
_WRITER = """
import json, os, sys, time
took, line = [], b"step 12345 loss 0.123456 lr 1.0e-4 tokens/s 123456.7 grad norm 0.98765 mfu 0.45678 time 12:34:56.789\\n"
ends = time.perf_counter() + float(sys.argv[1])
while time.perf_counter() < ends:
    for _ in range(10):
        begun = time.perf_counter()
        os.write(1, line)
        took.append(time.perf_counter() - begun)
    time.sleep(0.001)
took.sort()
with open(sys.argv[2], "w") as file:
    json.dump({"count": len(took), "p999_s": took[-len(took) // 1000], "slowest_s": took[-1]}, file)
"""

# Prints so many bytes as fast as they are taken.
_PRINTER = """
import os, sys
with open(sys.argv[1], "rb") as file:
    piece = file.read(1 << 16)
for _ in range(int(sys.argv[2]) // len(piece)):
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(1, rest):]
"""


class _Writes(NamedTuple):
    p999_s: float
    slowest_s: float


def agent(stage: Stage) -> None:
    """Measures starting, passing on, single writes, and memory."""
    _start(stage)
    _writes(stage)
    printed = stage.directory / "printed"
    printed.write_bytes(stage.texts.mixed(_PRINTED_BYTES))
    _pass_through(stage, printed)
    _acknowledged(stage, printed)


def _start(stage: Stage) -> None:
    def seconds() -> tuple[float, float]:
        pairs = [(_seconds(stage, [*_run(), "true"]), _seconds(stage, ["true"])) for _ in range(_TRIES)]
        return median(one for one, _ in pairs), median(other for _, other in pairs)

    measured = stage.quietly(seconds)
    with_it, without = measured.result
    stage.add(
        Row(
            "joblog run true, wall time",
            f"{with_it * 1000:.0f} ms",
            f"true: {without * 1000:.1f} ms",
            goal="< 200 ms more",
            met=with_it - without < _START_S,
            others=measured.others,
        )
    )


def _writes(stage: Stage) -> None:
    """The job's slowest single writes: the log goes to the server meanwhile."""

    def turns() -> tuple[list[_Writes], list[_Writes]]:
        pairs = [(_slowest(stage, _run()), _slowest(stage, [])) for _ in range(_TURNS)]
        return [one for one, _ in pairs], [other for _, other in pairs]

    measured = stage.quietly(turns)
    with_it, without = measured.result
    ours, plain = median(each.p999_s for each in with_it), median(each.p999_s for each in without)
    worst, worst_plain = max(each.slowest_s for each in with_it), max(each.slowest_s for each in without)
    stage.add(
        Row(
            "a job's single write of a line, p99.9 (slowest)",
            f"{ours * 1e6:.0f} us ({worst * 1e3:.1f} ms)",
            f"pipe to cat: {plain * 1e6:.0f} us ({worst_plain * 1e3:.1f} ms)",
            ratio=ours / plain,
            goal=f"<= {_TIMES:.2f}",
            met=ours <= _TIMES * plain,
            others=measured.others,
        )
    )


def _pass_through(stage: Stage, printed: Path) -> None:
    """A gigabyte as fast as it goes, to a reader of joblog's stdout, with the server away and so the spool filling."""
    peaks = list[int]()

    def rate(prefix: Sequence[str]) -> float:
        command = [*prefix, sys.executable, "-c", _PRINTER, str(printed), str(_MUCH_BYTES)]
        if not prefix:
            return _MUCH_BYTES / _seconds(stage, command)
        seconds, peak_bytes = _passed(stage, command)
        peaks.append(peak_bytes)
        return _MUCH_BYTES / seconds

    measured = stage.quietly(lambda: (rate(_run()), rate([])))
    with_it, without = measured.result
    stage.add(
        Row(
            f"joblog run, {_MUCH_BYTES // MIB} MiB through its stdout while they are sent",
            f"{with_it / 1e6:,.0f} MB/s",
            f"a pipe: {without / 1e6:,.0f} MB/s",
            goal=f">= {_RATE / 1e6:.0f} MB/s",
            met=with_it >= _RATE,
            others=measured.others,
        )
    )
    peak = max(peaks)
    stage.add(
        Row(
            "most resident memory of the agent's processes together, meanwhile",
            f"{peak / 1e6:.0f} MB",
            goal=f"< {_MEMORY_BYTES / 1e6:.0f} MB",
            met=peak < _MEMORY_BYTES,
        )
    )


def _acknowledged(stage: Stage, printed: Path) -> None:
    with_it, without = (_seconds(stage, [*run, "cat", str(printed)]) for run in (_run(), []))
    what = f"joblog run cat, {_PRINTED_BYTES // MIB} MiB, until all is acknowledged"
    mb = _PRINTED_BYTES / 1e6
    stage.add(Row(what, f"{mb / with_it:,.0f} MB/s", f"cat: {mb / without:,.0f} MB/s"))


def _run(*options: str) -> list[str]:
    return [sys.executable, "-m", "joblog", "run", *options, "--"]


def _environment(stage: Stage) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JOBLOG_")}
    return kept | {"JOBLOG_DATA": str(stage.directory / "data"), "JOBLOG_SPOOL": str(stage.directory / "spool")}


def _seconds(stage: Stage, command: Sequence[str]) -> float:
    """Returns how long a command takes whose output another program reads."""
    begun = time.perf_counter()
    with subprocess.Popen(command, env=_environment(stage), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while process.stdout.read(MIB):
            pass
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - begun


def _passed(stage: Stage, command: Sequence[str]) -> tuple[float, int]:
    """Returns how long it takes until a command's output has come through, and its processes' peak of memory."""
    begun, left, peak = time.perf_counter(), _MUCH_BYTES, 0
    with subprocess.Popen(command, env=_environment(stage), stdout=subprocess.PIPE) as process:
        assert isinstance(process.stdout, BufferedReader)
        seconds, looked = 0.0, 0.0
        while data := process.stdout.read1(MIB):
            left -= len(data)
            seconds = time.perf_counter() - begun
            if seconds - looked > 0.05:
                peak, looked = max(peak, _resident_bytes(process.pid)), seconds
        while process.poll() is None:
            peak = max(peak, _resident_bytes(process.pid))
            time.sleep(0.05)
    if process.returncode or left >= 1 << 16:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}, and {left} bytes did not come")
    return seconds, peak


def _resident_bytes(pid: int) -> int:
    """Returns what joblog's processes, ``pid`` and the keeper, hold of memory; what they share counts once."""
    total = 0
    for each in (pid, *_keepers(pid)):
        try:
            words = Path(f"/proc/{each}/smaps_rollup").read_text().split()
        except OSError:
            continue
        total += int(words[words.index("Pss:") + 1]) * 1024
    return total


def _keepers(pid: int) -> list[int]:
    """Returns those children that are joblog's own: each is in a session of its own."""
    try:
        children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [child for child in children if os.getsid(child) == child]
    except OSError:
        return []


def _slowest(stage: Stage, prefix: Sequence[str]) -> _Writes:
    """Returns how long a job's slowest writes took, behind ``joblog run`` or, without it, in front of ``cat`` alone."""
    told = stage.directory / "writes.json"
    command = [*prefix, sys.executable, "-c", _WRITER, str(stage.seconds), str(told)]
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as cat:
        subprocess.run(command, env=_environment(stage), stdout=cat.stdin, check=True)
        assert cat.stdin is not None
        cat.stdin.close()
    found = json.loads(told.read_text())
    return _Writes(found["p999_s"], found["slowest_s"])
