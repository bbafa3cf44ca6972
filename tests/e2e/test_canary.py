"""The canary: it finds nothing where nothing is wrong, whatever happens to the server; and what is wrong, it finds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from joblog.agent.canary.lines import Judge, Totals, line, parsed
from tests.children import Child
from tests.conftest import Server, start_server

SECONDS = 12

_NOTHING_YET = "\njoblog_canary_delay_seconds_count 0\n"


def canary(server: Server, spool: Path, *arguments: str) -> Child:
    environ = os.environ | {"JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token, "JOBLOG_SPOOL": str(spool)}
    command = [sys.executable, "-m", "joblog", "canary", "--late", "120", *arguments]
    return Child(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.long  # a server starts twice
def test_server_is_killed_in_the_middle(tmp_path: Path) -> None:
    """And started again: no line is missing, repeated, out of order, wrong or late; the metrics say so."""
    server = start_server(tmp_path / "data", seal_quiet_s=1, janitor_s=0.2)
    port = int(server.url.rpartition(":")[2])
    metrics = tmp_path / "canary.prom"
    arguments = ("--seconds", str(SECONDS), "--rate", "50", "--metrics-port", "0", "--metrics-file", str(metrics))
    watching = canary(server, tmp_path / "spool", *arguments)
    assert watching.stderr is not None
    at = re.search(r"http://\S+", watching.stderr.readline().decode())
    assert at is not None
    while _NOTHING_YET in (page := scraped(at[0])):
        pass
    assert '\njoblog_canary_faults_total{fault="missing",by="follow"} 0\n' in page
    server.kill()
    server = start_server(tmp_path / "data", port, seal_quiet_s=1, janitor_s=0.2)
    out, err = watching.communicate(timeout=240)
    assert watching.returncode == 0, err.decode()
    match = re.fullmatch(
        rb"(\d+) lines followed, (\d+) queried: 0 missing, 0 repeated, 0 out of order, 0 wrong, 0 late; slowest [\d.]+ s; "
        rb"rounds: 1 complete, 0 incomplete, 0 interrupted\n",
        out,
    )
    assert match is not None, out
    assert int(match[1]) == int(match[2]) > SECONDS * 50 / 2
    assert f'joblog_canary_lines_total{{by="query"}} {int(match[2])}\n' in metrics.read_text()
    assert server.stop() == 0


def scraped(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def test_stops_when_told(tmp_path: Path) -> None:
    """The round that runs is then not judged."""
    server = start_server(tmp_path / "data")
    watching = canary(server, tmp_path / "spool", "--metrics-port", "0")
    assert watching.stderr is not None
    at = re.search(r"http://\S+", watching.stderr.readline().decode())
    assert at is not None
    while _NOTHING_YET in scraped(at[0]):
        pass
    watching.send_signal(signal.SIGTERM)
    out, _ = watching.communicate(timeout=120)
    assert watching.returncode == 0
    assert out.endswith(b"rounds: 0 complete, 0 incomplete, 1 interrupted\n")
    assert server.stop() == 0


def judged(*lines: bytes, count: int = 4, now_ms: int = 1000) -> dict[str, int]:
    totals = Totals()
    judge = Judge("follow", totals, count, late_s=1.0)
    whole = b"".join(lines)
    for at in range(0, len(whole), 7):  # as a stream brings them
        judge.take(whole[at : at + 7], now_ms)
    judge.finish()
    return {fault: hits for (fault, by), hits in totals.faults.items() if by == "follow" and hits}


def test_what_is_wrong_is_found() -> None:
    """Each fault as what it is."""
    a, b, c, d = (line(number, 1000, 60) for number in range(4))
    assert judged(a, b, c, d) == {}
    assert judged(a, c, d) == {"missing": 1}
    assert judged(a, b, b, c, d) == {"repeated": 1}
    assert judged(a, c, b, d) == {"out_of_order": 1}
    assert judged(a, b.replace(b"x", b"y", 1), c, d) == {"missing": 1, "wrong": 1}
    assert judged(a, b, c, d[:-1]) == {"missing": 1, "wrong": 1}
    assert judged(a, b, c, d, line(4, 1000, 60)) == {"wrong": 1}
    assert judged(a, b, c, d, now_ms=2001) == {"late": 4}
    assert parsed(b"someone else's line\n") is None
    assert (len(a), parsed(a), len(line(0, 10**12, 0)) <= 48) == (60, (0, 1000), True)
