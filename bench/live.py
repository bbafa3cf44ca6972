"""Searching a long log; and how old a line is when a hundred followers have it, with ``joblog run`` in front."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from statistics import quantiles
from urllib.parse import quote, urlsplit

import msgspec

from bench.logs import MadeLog
from bench.stage import Stage
from bench.table import Row
from joblog.client import LogRef

SEARCH_GOAL_MB_S = 500
END_GOAL_S = 3.0

FOLLOWERS = 100
P50_GOAL_MS, P99_GOAL_MS = 100, 500

_LINE_S = 0.05
_NEEDLE = "a needle at the very end"


def search(stage: Stage) -> None:
    """Looks through all of a log, in one thread of the server's, for what is not there; then for what ends it."""
    log = stage.made.searched[0]
    size = f"a sealed log of {log.end_byte / 1e9:.2f} GB"
    for what, kind, pattern in (
        ("a literal", "literal", "No such text"),
        ("a literal, whatever its case", "literal&ignore_case=true", "No such text"),
        ("an expression that others take exponential time for", "regex", "(x+x+)+y"),
    ):
        measured = stage.quietly(partial(searched, stage, log, f"{kind}&pattern={quote(pattern)}"))
        wall_s, cpu_s = measured.result
        rate = log.end_byte / 1e6 / cpu_s
        shown = f"{rate:,.0f} MB/s of a core's time; {wall_s:.2f} s"
        aim, met = (f"≥ {SEARCH_GOAL_MB_S} MB/s", rate >= SEARCH_GOAL_MB_S) if kind == "literal" else ("", None)
        stage.add(Row(f"search of {size} for {what}", shown, goal=aim, met=met, others=measured.others))
    stage.joblog.client.append(_ref(log), log.end_byte, _NEEDLE.encode() + b"\n")
    ended = stage.quietly(lambda: searched(stage, log, f"literal&pattern={quote(_NEEDLE)}", matches=1))
    shown = f"{ended.result[0]:.2f} s"
    goal = f"< {END_GOAL_S:.0f} s"
    stage.add(Row(f"a hit at the end of {size}", shown, goal=goal, met=ended.result[0] < END_GOAL_S, others=ended.others))


class _End(msgspec.Struct):
    reason: str
    matches: int
    searched_bytes: int


def searched(stage: Stage, log: MadeLog, asked: str, matches: int = 0) -> tuple[float, float]:
    """Returns the seconds that a search took, and those that the server's threads ran meanwhile."""
    cpu, begun = _cpu_s(stage.joblog.pid), time.perf_counter()
    body = stage.joblog.get(f"{_ref(log).path}/search?timeout_s=60&kind={asked}")
    wall_s, cpu_s = time.perf_counter() - begun, _cpu_s(stage.joblog.pid) - cpu
    end = msgspec.json.decode(body.splitlines()[-1], type=_End)
    if (end.reason, end.matches) != ("done", matches) or end.searched_bytes < log.end_byte:
        raise RuntimeError(f"the search ended with {end}")
    return wall_s, cpu_s


def follow(stage: Stage) -> None:
    """Writes 20 lines a second, each with the time of its writing, and takes the time at which each follower has it."""
    measured = stage.quietly(lambda: _ages(stage))
    ages = sorted(measured.result)
    cuts = quantiles(ages, n=100)
    p50, p99 = cuts[49], cuts[98]
    what = f"from a line's write to {FOLLOWERS} followers, joblog run in front"
    shown = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {ages[-1]:.0f} ms"
    met = p50 < P50_GOAL_MS and p99 < P99_GOAL_MS
    stage.add(Row(what, shown, goal=f"p50 < {P50_GOAL_MS}, p99 < {P99_GOAL_MS} ms", met=met, others=measured.others))


def _ages(stage: Stage) -> list[float]:
    count = max(int(stage.seconds / _LINE_S), 20)
    program = (
        f"import os, time\ninput()\nfor _ in range({count}):\n"
        f"    os.write(1, b'at %d\\n' % time.time_ns())\n    time.sleep({_LINE_S})\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JOBLOG_")}
    kept |= {"JOBLOG_DATA": str(stage.directory / "data"), "JOBLOG_SPOOL": str(stage.directory / "spool")}
    command = [sys.executable, "-m", "joblog", "run", "-v", "--job", "followed", "--", sys.executable, "-c", program]
    null, pipe = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(command, env=kept, stdin=pipe, stdout=null, stderr=pipe) as job:
        assert job.stdin is not None
        assert job.stderr is not None
        said = job.stderr.readline().decode()
        found = re.search(r"http\S+", said)
        if found is None:
            raise RuntimeError(f"joblog run said {said!r}")
        ages = asyncio.run(_followed(found[0], stage.joblog.token, job))
    if len(ages) != FOLLOWERS * count:
        raise RuntimeError(f"{FOLLOWERS} followers got {len(ages)} of {FOLLOWERS * count} lines")
    return ages


async def _followed(url: str, token: str, job: subprocess.Popen[bytes]) -> list[float]:
    began = asyncio.Barrier(FOLLOWERS + 1)
    ages: list[float] = []
    following = [asyncio.create_task(_follower(url, token, began, ages)) for _ in range(FOLLOWERS)]
    await began.wait()
    assert job.stdin is not None
    job.stdin.write(b"\n")
    job.stdin.flush()
    await asyncio.gather(*following)
    return ages


async def _follower(url: str, token: str, began: asyncio.Barrier, ages: list[float]) -> None:
    """Notes, in milliseconds, how old each line is when it is here."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 20)
    writer.write(f"GET {address.path}/follow HTTP/1.1\r\nHost: bench\r\nX-Auth-Token: {token}\r\n\r\n".encode())
    await reader.readuntil(b"event: start")
    await began.wait()
    while not (line := await reader.readline()).startswith(b"event: end"):
        if line.startswith(b"data: ") and not line.startswith(b"data: {"):
            now = time.time_ns()
            written = re.findall(rb"at (\d+)", base64.b64decode(line[6:]))
            ages += [(now - int(at)) / 1e6 for at in written]
    writer.close()


def _ref(log: MadeLog) -> LogRef:
    _, _, project_id, _, job_id, _, version_id = log.path.split("/")
    return LogRef(project_id, int(job_id), int(version_id), "worker-0")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
