"""``joblog run --redact`` and ``--flood-limit``: what is kept is masked and bounded, what is passed on is the job's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from joblog.agent.spool import files
from tests.agent.harness import Agent
from tests.agent.run.test_kill import DEADLINE_S, Job, alive, children, until

TOKEN = b"hf_" + b"Ab1" * 11
STARS = b"*" * len(TOKEN)

# Prints its lines in pieces that come one by one: it reads a byte before each.
PIECES = "import sys\nfor piece in {!r}:\n    sys.stdin.read(1); sys.stdout.write(piece); sys.stdout.flush()"


def options(*more: str, wait: str = "0") -> tuple[str, ...]:
    return ("--wait", wait, "--job", "filtered", *more)


def part(agent: Agent) -> bytes:
    return b"".join(each.read_bytes() for each in sorted(agent.spool_root.rglob("*.part")))


def test_secrets_are_masked_before_they_reach_the_disk(joblog: Agent) -> None:
    """In the log of both streams, in what is on the server; joblog's own stdout and stderr have them as they were."""
    program = f"import os; os.write(1, b'token={TOKEN.decode()}\\n'); os.write(2, b'https://u:secret@h\\n')"
    ran = joblog.run(joblog.python(program, options("--redact", wait="30")))
    assert (ran.stdout, ran.stderr) == (b"token=" + TOKEN + b"\n", b"https://u:secret@h\n")
    assert sorted(joblog.said("cat", "filtered").splitlines()) == [b"https://u:******@h", b"token=" + STARS]
    assert b"complete" in joblog.said("logs", "filtered")


def test_secret_that_comes_in_pieces(agent: Agent) -> None:
    """Each in a write of its own, which the agent reads by itself; a pattern of one's own as well."""
    words = "a" + TOKEN.decode() + " pin=12\n token=" + TOKEN.decode() + "\npin=3456"
    program = PIECES.format([words[at : at + 5] for at in range(0, len(words), 5)])
    ran = subprocess.run(
        agent.python(program, options("--redact", "--redact-pattern", "pin=([0-9]+)")),
        env=agent.environ,
        input=b"x" * 99,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ran.stdout == words.encode()
    assert agent.spooled() == b"a" + TOKEN + b" pin=**\n token=" + STARS + b"\npin=****"


def test_pattern_that_is_none_is_refused(agent: Agent) -> None:
    """Before anything runs."""
    ran = agent.run(agent.job("true", options=("--redact-pattern", "(")))
    assert (ran.returncode, ran.stderr.count(b"\n")) == (2, 1)
    assert b"--redact-pattern" in ran.stderr
    ran = agent.run(agent.job("true", options=("--flood-limit", "much")))
    assert (ran.returncode, ran.stderr.count(b"\n")) == (2, 1)
    assert b"--flood-limit" in ran.stderr


@pytest.mark.slow  # an unfinished line waits for a second
def test_unfinished_line_does_not_wait_for_ever(agent: Agent) -> None:
    """A prompt is kept while the job waits for its answer; of a secret that goes on after it the rest is masked."""
    head, rest = TOKEN[:30], TOKEN[30:]
    program = PIECES.format(["password " + head.decode(), rest.decode() + "\n"])
    job = Job(agent, agent.python(program, options("--redact")))
    assert job.process.stdin is not None
    job.process.stdin.write(b"x")
    until(lambda: part(agent) == b"password " + b"*" * 30)
    job.process.stdin.write(b"x")
    assert job.end() == 0
    assert agent.spooled() == b"password " + STARS + b"\n"


def test_terminal(agent: Agent) -> None:
    """With --tty, too."""
    program = f"import sys; print('token={TOKEN.decode()}', sys.stdout.isatty())"
    ran = agent.run(agent.python(program, options("--redact", "--tty")))
    assert ran.stdout == b"token=" + TOKEN + b" True\n"
    assert agent.spooled() == b"token=" + STARS + b" True\n"


def test_killed_keeper_loses_no_unfinished_line(agent: Agent) -> None:
    """What it held back, half a secret, is the next one's; the secret is masked as a whole."""
    program = PIECES.format(["first " + TOKEN.decode()[:9], TOKEN.decode()[9:] + "\n", "last\n"])
    job = Job(agent, agent.python(program, options("--redact")))
    output = job.process.stdout
    assert job.process.stdin is not None
    assert output is not None
    job.process.stdin.write(b"x")
    until(lambda: bool(os.read(output.fileno(), 99)))
    keeper, _ = job.processes()
    os.kill(keeper, signal.SIGKILL)
    until(lambda: keeper not in children(job.process.pid))
    job.process.stdin.write(b"xx")
    assert job.end() == 0
    assert agent.spooled() == b"first " + STARS + b"\nlast\n"


@pytest.mark.parametrize("victim", ["keeper", "foreground"])
def test_flood_of_secrets_under_kill(agent: Agent, tmp_path: Path, victim: str) -> None:
    """The log is what it is without the kill, byte for byte."""
    program = (
        "import sys, pathlib\n"
        f"for n in range(40_000): print('line', n, '{TOKEN.decode()}' if n % 9 == 0 else 'x')\n"
        "sys.stdout.flush()\npathlib.Path(sys.argv[1]).touch()"
    )
    written = tmp_path / "written"
    with (tmp_path / "out").open("wb") as out:
        job = Job(agent, [*agent.python(program, options("--redact")), str(written)], stdout=out)
        keeper, child = job.processes()
        until(lambda: bool(part(agent)))
        os.kill(keeper if victim == "keeper" else job.process.pid, signal.SIGKILL)
        job.process.wait(DEADLINE_S)
        until(lambda: not alive(child) and not alive(keeper))
    assert written.exists()
    assert agent.spooled() == b"".join(b"line %d %b\n" % (n, b"x" if n % 9 else STARS) for n in range(40_000))


def test_flood_is_told_of_and_withheld_bytes_stay_here(joblog: Agent) -> None:
    """Head, errors, counts and tail are in the log, a gap says how much is not; the rest is in a file; stdout has all."""
    program = "for n in range(20_000): print('step', n)\nprint('RuntimeError: here')\nprint('last')"
    ran = joblog.run(joblog.python(program, options("--flood-limit", "1K", wait="30")))
    words = b"".join(b"step %d\n" % n for n in range(20_000)) + b"RuntimeError: here\nlast\n"
    assert (ran.returncode, ran.stdout) == (0, words)
    log = joblog.said("cat", "filtered")
    own = [line for line in log.splitlines() if line.startswith(b"[joblog] ")]
    (file,) = (joblog.spool_root / "withheld").iterdir()
    withheld = file.read_bytes()
    lines = withheld.count(b"\n")
    assert own == [
        b"[joblog] %d bytes were not kept here (flood: %d lines)" % (len(withheld), lines),
        b"[joblog] %d times: step #" % lines,
    ]
    kept = [line for line in log.splitlines(keepends=True) if not line.startswith(b"[joblog] ")]
    assert kept[:2] == [b"step 0\n", b"step 1\n"]
    assert b"RuntimeError: here\n" in kept
    assert kept[-3:] == [b"step 19999\n", b"RuntimeError: here\n", b"last\n"]
    assert sorted(kept + withheld.splitlines(keepends=True)) == sorted(words.splitlines(keepends=True))
    shown = json.loads(joblog.said("logs", "filtered", "--json"))[0]
    gap = {"at_byte": log.index(own[0]), "size_bytes": len(withheld), "reason": "flood control"}
    assert [{name: each[name] for name in gap} for each in shown["gaps"]] == [gap]
    assert (
        ran.stderr
        == b"joblog: flood control kept %d bytes out of the log; they are in %b\njoblog: %d bytes of the log %b\n"
        % (
            len(withheld),
            os.fsencode(file),
            len(withheld),
            b"could not be kept (flood control)",
        )
    )


def test_flood_whose_processes_are_all_killed_is_told_of(joblog: Agent) -> None:
    """What they held back is gone with them; how much it was is in the spool, so sync tells of it."""
    joblog.environ["JOBLOG_URL"], url = "http://127.0.0.1:1", joblog.environ["JOBLOG_URL"]
    program = "import sys\nfor n in range(20_000): print('step', n)\nsys.stdout.flush()\nsys.stdin.read()"
    job = Job(joblog, joblog.python(program, options("--flood-limit", "1K")))
    keeper, child = job.processes()
    assert job.process.stdout is not None
    seen, words = b"", b"".join(b"step %d\n" % n for n in range(20_000))
    while len(seen) < len(words):
        seen += os.read(job.process.stdout.fileno(), 1 << 16)
    (spool,) = joblog.spool_root.glob("*/meta.json")
    kept = len(part(joblog))
    until(lambda: kept + withheld_bytes(spool.parent) == len(words))
    for pid in (job.process.pid, keeper, child):
        os.kill(pid, signal.SIGKILL)
    job.process.wait(DEADLINE_S)
    until(lambda: not any(alive(pid) for pid in (keeper, child)))
    joblog.environ["JOBLOG_URL"] = url
    assert b"are on the server" in joblog.said("sync")
    notice = b"[joblog] %d bytes were not kept here (flood control)\n" % (len(words) - kept)
    assert joblog.said("cat", "filtered") == words[:kept] + notice


def withheld_bytes(spool: Path) -> int:
    """Returns what a spool's state says of that."""
    state = files.load_state(spool)
    assert state is not None
    return state.withheld_bytes
