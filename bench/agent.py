"""The agent: what ``joblog run`` adds to a job that does nothing, and to one that prints as fast as it can."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

from bench.logs import MIB
from bench.stage import Stage
from bench.table import Row

_TRIES = 9
_PRINTED_BYTES = 256 * MIB


def agent(stage: Stage) -> None:
    """Compares wall times with and without it; a job's last byte is acknowledged when ``joblog run`` ends."""
    with_it, without = (median(_seconds(stage, [*run, "true"]) for _ in range(_TRIES)) for run in (_run(), []))
    stage.add(Row("joblog run true, wall time", f"{with_it * 1000:.0f} ms", f"true: {without * 1000:.1f} ms"))
    printed = stage.directory / "printed"
    printed.write_bytes(stage.texts.mixed(_PRINTED_BYTES))
    with_it, without = (_seconds(stage, [*run, "cat", str(printed)]) for run in (_run(), []))
    what = f"joblog run cat, {_PRINTED_BYTES // MIB} MiB, until all is acknowledged"
    mb = _PRINTED_BYTES / 1e6
    stage.add(Row(what, f"{mb / with_it:,.0f} MB/s", f"cat: {mb / without:,.0f} MB/s"))


def _run() -> list[str]:
    return [sys.executable, "-m", "joblog", "run", "--"]


def _seconds(stage: Stage, command: Sequence[str]) -> float:
    """Returns how long a command takes whose output another program reads."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JOBLOG_")}
    environment |= {"JOBLOG_DATA": str(stage.directory / "data"), "JOBLOG_SPOOL": str(stage.directory / "spool")}
    begun = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while process.stdout.read(MIB):
            pass
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - begun
