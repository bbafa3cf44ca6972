"""``joblog.capture()`` and ``joblog.handler()`` in programs of their own, which run as if they were not there."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import pytest

from joblog.client import Client
from tests.agent.harness import Agent
from tests.agent.run.test_kill import until

DEADLINE_S = 120.0


def run(joblog: Agent, program: str) -> subprocess.CompletedProcess[bytes]:
    return joblog.run([sys.executable, "-c", program])


def cat(joblog: Agent, log: str) -> bytes:
    ran = joblog._main(("cat", log))
    return ran[1] if ran[0] == 0 else b""


def wait_for(condition: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < ends_s
        time.sleep(0.02)


def test_descriptors_are_captured_and_passed_on(joblog: Agent) -> None:
    """What Python, C and a child process write is in the log and comes out where it went before; what is outside is not."""
    ran = run(
        joblog,
        """
import ctypes, joblog, os, sys
print("before")
with joblog.capture("cap"):
    print("python")
    sys.stdout.flush()
    os.system("echo child")
    ctypes.CDLL(None).puts(b"C")
    ctypes.CDLL(None).fflush(None)
    os.write(1, b"\\xff\\n")
print("after")
""",
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout == b"before\npython\nchild\nC\n\xff\nafter\n"
    assert cat(joblog, "cap") == b"python\nchild\nC\n\xff\n"
    assert b" complete " in joblog.said("logs", "cap")


def test_streams_stay_apart(joblog: Agent) -> None:
    """stderr's share comes out at stderr; the log has both."""
    ran = run(joblog, "import joblog, os\nwith joblog.capture('two'):\n os.write(1, b'out\\n'); os.write(2, b'err\\n')")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"out\n", b"err\n")
    assert sorted(cat(joblog, "two").split()) == [b"err", b"out"]


def test_killed_program_s_last_words_are_kept(joblog: Agent) -> None:
    """kill -9 the moment after a write."""
    ran = run(joblog, "import joblog, os\nwith joblog.capture('killed'):\n os.write(1, b'last words'); os.kill(os.getpid(), 9)")
    assert ran.returncode == -9
    wait_for(lambda: cat(joblog, "killed") == b"last words")


def test_fork_takes_nothing_along_but_the_pipe(joblog: Agent) -> None:
    """A child that leaves the block does not end its parent's capture, and what it writes is in the log."""
    ran = run(
        joblog,
        """
import joblog, os, warnings
warnings.simplefilter("ignore")  # Python 3.12 and newer warn of a fork beside threads
with joblog.capture("forked"):
    if not (child := os.fork()):
        os.write(1, b"child\\n")
    else:
        os.waitpid(child, 0)
        os.write(1, b"parent\\n")
""",
    )
    assert ran.returncode == 0
    assert cat(joblog, "forked") == b"child\nparent\n"


def test_death_of_the_other_process_does_not_harm(joblog: Agent) -> None:
    """The program neither ends nor blocks: what it writes from then on comes out where it went before."""
    ran = run(
        joblog,
        """
import joblog, os, signal, time
capture = joblog.capture("harmed")
with capture:
    os.write(1, b"first\\n")
    killed = 0
    for entry in os.listdir("/proc"):
        try:
            words = open(f"/proc/{entry}/cmdline", "rb").read()
            if os.getsid(int(entry)) != os.getsid(0) and b"harmed" in words and b"-c" in words and b"run" in words:
                os.kill(int(entry), signal.SIGKILL)
                killed += 1
        except (OSError, ValueError):
            pass
    for number in range(30000):
        os.write(1, b"%d\\n" % number)
print("end", killed > 0)
""",
    )
    assert ran.returncode == 0
    assert ran.stdout.endswith(b"29999\nend True\n")


def test_streams_without_descriptor_are_captured_too(joblog: Agent) -> None:
    """A notebook's: they show what they get, once, and the log has it."""
    ran = run(
        joblog,
        """
import io, joblog, os, sys
shown = sys.stdout = io.StringIO()
with joblog.capture("notebook"):
    print("cell")
    os.write(1, b"C\\n")
sys.stdout = sys.__stdout__
print([shown.getvalue()])
""",
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"C\n['cell\\n']\n", b"")
    assert sorted(cat(joblog, "notebook").split()) == [b"C", b"cell"]


@pytest.mark.parametrize(
    ("end", "status", "words"),
    [
        ("pass", "completed", b""),
        ("sys.exit(0)", "completed", b""),
        ("sys.exit(3)", "failed", b""),
        ("raise ValueError('bad \\udcff')", "failed", b"ValueError: bad \\udcff\n"),
        ("os.kill(os.getpid(), 9)", "failed", b""),
    ],
)
def test_how_a_program_leaves_is_how_its_run_ends(joblog: Agent, end: str, status: str, words: bytes) -> None:
    """An error's traceback is in the log, and shown by the program alone."""
    ran = run(joblog, f"import joblog, os, sys\nwith joblog.capture('left'):\n print('begun', flush=True)\n {end}")
    wait_for(lambda: f" {status} ".encode() in joblog.said("runs", "left"))
    log = cat(joblog, "left")
    assert log.startswith(b"begun\n" + (b"Traceback (most recent call last):\n" if words else b""))
    assert log.endswith(words or b"begun\n")
    assert (ran.stdout, ran.stderr.count(b"Traceback")) == (b"begun\n", bool(words))


def test_records_are_lines(joblog: Agent) -> None:
    """Each in the handler's format, exceptions with them; nothing is printed, and exit does not wait."""
    ran = run(
        joblog,
        """
import joblog, logging
handler = joblog.handler("records")
handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
logging.getLogger().addHandler(handler)
logging.warning("first \\udcff")
for number in range(3000): logging.error("%d", number)
""",
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    expected = b"WARNING first \\udcff\n" + b"".join(b"ERROR %d\n" % number for number in range(3000))
    wait_for(lambda: cat(joblog, "records") == expected)


def test_handler_says_how_the_run_ends(joblog: Agent) -> None:
    """Where it is to; a program that ends without having said it has failed."""
    for job, end, status in (
        ("good", "handler.end(0)", "COMPLETED"),
        ("bad", "handler.end(3)", "FAILED"),
        ("gone", "", "FAILED"),
    ):
        program = f"""
import joblog, logging
handler = joblog.handler({job!r}, is_run=True)
logging.getLogger().addHandler(handler)
logging.error("said")
{end}
"""
        ran = run(joblog, program)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
        wait_for(partial(lambda job, status: how_it_is(joblog, job) == status, job, status))
        assert cat(joblog, job) == b"said\n"


def how_it_is(joblog: Agent, job: str) -> str | None:
    """The status of the job's one run, if there is one."""
    project = joblog.environ["JOBLOG_PROJECT"]
    with Client(joblog.environ["JOBLOG_URL"], joblog.environ["JOBLOG_TOKEN"]) as client:
        for own_job in client.jobs(project, name=job):
            return next(client.versions(project, own_job.id)).status
    return None


def test_a_command_is_told_its_log(joblog: Agent) -> None:
    """By joblog run, in the environment; the innermost counts."""
    program = "import os; print(os.environ['JOBLOG_RUN_LOG'])"
    joblog.environ["JOBLOG_RUN_LOG"] = "not this one"
    options = ("--job", "told", "--run-id", "r-7", "--task", "worker-2")
    ran = joblog.run(joblog.python(program, options))
    assert ran.stdout.decode() == f"{joblog.environ['JOBLOG_PROJECT']} told r-7 worker-2\n"


def test_program_runs_where_joblog_cannot(agent: Agent) -> None:
    """Nothing is raised; one line says so."""
    program = """
import joblog, logging, sys
sys.executable = "/no/python"
with joblog.capture("x"): print("out", flush=True)
logging.getLogger().addHandler(joblog.handler("x"))
logging.error("heard")
"""
    ran = run(agent, program)
    assert (ran.returncode, ran.stdout) == (0, b"out\n")


def test_import_loads_nothing(agent: Agent) -> None:
    """Who imports joblog for its version pays nothing, and what is exported is there."""
    program = "import sys; before = set(sys.modules); import joblog; print(sorted(set(sys.modules) - before))"
    assert run(agent, program).stdout == b"['joblog']\n"
    assert run(agent, "from joblog import capture, handler; print(capture, handler)").returncode == 0
    assert run(agent, "import joblog; joblog.nothing").stderr.endswith(b"has no attribute 'nothing'\n")


def test_handler_says_which_record_could_not_be_formatted(joblog: Agent) -> None:
    """And why, in its place; those before and after it are what they are."""
    program = """
import logging, joblog
logging.getLogger().addHandler(joblog.handler("wrong"))
logging.raiseExceptions = False
log = logging.getLogger("model")
log.warning("before"); log.warning("bad %d", "x"); log.warning("after")
"""
    joblog.run([sys.executable, "-c", program])
    until(lambda: b"complete" in joblog._main(("logs", "wrong"))[1])
    before, wrong, after = joblog.said("cat", "wrong").decode().splitlines()
    assert (before, after) == ("before", "after")
    assert wrong.startswith("[joblog] a log record could not be formatted (TypeError: ")
    assert wrong.endswith("): WARNING of model, <string>:6: 'bad %d' with ('x',)")
