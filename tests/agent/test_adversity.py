"""What happens to machines and networks while a job runs: a clock that jumps, a server that is away, and a lot of output."""

from __future__ import annotations

import hashlib
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.agent.harness import Agent
from tests.agent.run.test_kill import Job, until
from tests.children import Child
from tests.conftest import start_server

MIB = 1 << 20

FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
"""Debian's libfaketime: a library that tells a process another time."""


@pytest.mark.skipif(not FAKETIME, reason="libfaketime, which makes a process's clock jump, is not here")
def test_clock_that_jumps_a_day(joblog: Agent, tmp_path: Path) -> None:
    """Forwards, then back by two: the log is whole, live, and complete; the job sees the clock that it would see."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    joblog.environ |= {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # as when an administrator, or NTP, sets it
    }
    program = "import sys, time\nfor line in sys.stdin: print(line.strip(), int(time.time()) // 86400)"
    job = Job(joblog, joblog.python(program, ("--wait", "30", "--job", "jumps", "--redact")))
    for name in ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE"):
        del joblog.environ[name]
    today = int(job.ask(b"now\n").split()[1])
    expected = b"now %d\n" % today
    until(lambda: joblog.run(joblog.command("cat", "jumps")).stdout == expected)
    for line, offset, days in ((b"later", "+1d", 1), (b"earlier", "-1d", -1), (b"again", "+0", 0)):
        clock.write_text(offset)
        reply = job.ask(line + b"\n")
        assert int(reply.split()[1]) - today in (days, days + 1)  # midnight may be in between
        expected += reply
        until(partial(lambda output: joblog.run(joblog.command("cat", "jumps")).stdout == output, expected))
    assert job.end() == 0
    assert joblog.said("cat", "jumps") == expected
    assert b"complete" in joblog.said("logs", "jumps")


@pytest.mark.slow  # a server starts twice, and is away in between
@pytest.mark.parametrize("away_s", [1, pytest.param(60, marks=pytest.mark.long)])
def test_server_that_is_away_for_a_while(agent: Agent, tmp_path: Path, away_s: int) -> None:
    """It is killed in the middle of a job that prints on: when it is back all gets there, and the job has noticed nothing."""
    server = start_server(tmp_path / "data")
    agent.environ |= {"JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token, "JOBLOG_PROJECT": "default"}
    enough = tmp_path / "enough"
    program = f"import os, time\nn = 0\nwhile not os.path.exists({str(enough)!r}): print(n); n += 1; time.sleep(0.05)"
    with (tmp_path / "out").open("wb") as out:
        job = Job(agent, agent.python(program, ("--wait", "60", "--job", "long")), stdout=out)
        until(lambda: agent.run(agent.command("cat", "long")).stdout.startswith(b"0\n"))
        port = int(server.url.rpartition(":")[2])
        server.kill()
        with pytest.raises(subprocess.TimeoutExpired):
            job.process.wait(away_s)
        server = start_server(tmp_path / "data", port)
        enough.touch()
        assert job.process.wait(240) == 0
    printed = (tmp_path / "out").read_bytes()
    assert agent.said("cat", "long") == printed == b"".join(b"%d\n" % n for n in range(printed.count(b"\n")))
    assert b"complete" in agent.said("logs", "long")


@pytest.mark.long  # a gigabyte
def test_gigabyte_passes_unchanged(agent: Agent, tmp_path: Path) -> None:
    """Through stdout, as fast as it goes, and to the server: byte for byte."""
    server = start_server(tmp_path / "data")
    agent.environ |= {"JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token, "JOBLOG_PROJECT": "default"}
    program = (
        "import hashlib, os, pathlib, random, sys\n"
        "piece, digest = random.Random(7).randbytes(32768).hex().encode() * 16, hashlib.sha256()\n"
        "for n in range(1024):\n"
        "    words = b'%d\\n' % n + piece[n:]\n"
        "    digest.update(words)\n"
        "    while words: words = words[os.write(1, words):]\n"
        "pathlib.Path(sys.argv[1]).write_text(digest.hexdigest())\n"
    )
    written = tmp_path / "written"
    passed = digest_of([*agent.python(program, ("--wait", "300", "--job", "much")), str(written)], agent)
    assert written.read_text() == passed
    assert digest_of(agent.command("cat", "much"), agent) == passed
    assert b"complete" in agent.said("logs", "much")


def digest_of(command: list[str], agent: Agent) -> str:
    """Returns what a command writes to stdout, digested; it must succeed."""
    digest = hashlib.sha256()
    with Child(command, env=agent.environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while data := process.stdout.read(MIB):
            digest.update(data)
    assert process.returncode == 0
    return digest.hexdigest()
