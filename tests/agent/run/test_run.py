"""``joblog run`` with no server at all: the job must not notice, and the spool must have every byte."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from joblog.agent.spool import files
from tests.agent.harness import Agent
from tests.agent.run.test_kill import children, until
from tests.children import Child

ODD_BYTES = b"bad \xff utf-8, NUL \0, ESC \x1b[31m, CR 10%\r20%\r\n" + "訓練".encode() * 1500 + b"\nno final newline"


def test_bytes_pass_unchanged(agent: Agent) -> None:
    """Whatever the bytes are, stdout and the spool get them as they were written."""
    ran = agent.run(agent.python(f"import sys; sys.stdout.buffer.write({ODD_BYTES!r})"))
    assert (ran.returncode, ran.stdout, agent.spooled()) == (0, ODD_BYTES, ODD_BYTES)


def test_streams_stay_apart(agent: Agent) -> None:
    """stdout goes to stdout and stderr to stderr; nothing of joblog's is on stdout."""
    ran = agent.run(agent.job("sh", "-c", "echo out; echo err >&2"))
    first, rest = ran.stderr.split(b"\n", 1)
    assert (ran.stdout, first) == (b"out\n", b"err")
    assert rest.startswith(b"joblog: the log's last 8 bytes are not on the server")
    assert rest.count(b"\n") == 1
    assert sorted(agent.spooled().split()) == [b"err", b"out"]


def test_write_order_is_exact_where_streams_are_merged(agent: Agent) -> None:
    """With 2>&1 the log interleaves stdout and stderr as the job wrote them."""
    program = "import os\nfor n in range(3000): os.write(1 + n % 2, b'%d\\n' % n)"
    agent.merged(agent.python(program))
    assert agent.spooled() == b"".join(b"%d\n" % n for n in range(3000))


def test_write_order_of_two_streams_is_that_of_their_first_bytes(agent: Agent) -> None:
    """Apart, they interleave as the job wrote them if the job lets the agent read between two switches."""
    program = "import os\nfor n in range(20): os.write(1 + n % 2, b'%d\\n' % n); input()"
    ran = Child(agent.python(program), env=agent.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert ran.stdin
    assert ran.stdout
    assert ran.stderr
    for n in range(20):
        stream: IO[bytes] = (ran.stdout, ran.stderr)[n % 2]
        assert stream.readline() == b"%d\n" % n
        ran.stdin.write(b"\n")
        ran.stdin.flush()
    ran.communicate(timeout=120)
    assert agent.spooled() == b"".join(b"%d\n" % n for n in range(20))


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 3"], 3),
        (["/dev/null"], 126),
        (["no-such-program"], 127),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["sh", "-c", "kill -KILL $$"], 137),
    ],
)
def test_exit_status_is_the_command_s(agent: Agent, command: list[str], status: int) -> None:
    """It is what a shell would say, 128 + n after signal n."""
    assert agent.run(agent.job(*command)).returncode == status


def test_reason_for_not_starting_is_the_log(agent: Agent) -> None:
    """A command that does not exist leaves its last words in the log too."""
    ran = agent.run(agent.job("no-such-program"))
    assert agent.spooled() == b"joblog: no-such-program: No such file or directory\n"
    assert ran.stderr.startswith(agent.spooled())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT])
def test_signals_are_forwarded(agent: Agent, number: signal.Signals) -> None:
    """The child gets the signal that the agent got, and may end as it likes."""
    program = (
        "import signal, sys, time\n"
        "def leave(number, frame): print('got', number); sys.exit(7)\n"
        f"signal.signal({int(number)}, leave)\n"
        "print('ready')\n"
        "while True: signal.pause()"
    )
    ran = Child(agent.python(program), env=agent.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert ran.stdout
    assert ran.stdout.readline() == b"ready\n"
    ran.send_signal(number)
    out, _ = ran.communicate(timeout=120)
    assert (out, ran.returncode) == (b"got %d\n" % number, 7)
    assert agent.spooled() == b"ready\ngot %d\n" % number


def test_ctrl_c_reaches_the_child_once(agent: Agent) -> None:
    """The terminal signals the whole process group, so forwarding as well would interrupt the job's own clean-up."""
    program = (
        "import signal, time\n"
        "count = 0\n"
        "def interrupted(number, frame):\n    global count; count += 1\n"
        "signal.signal(signal.SIGINT, interrupted)\n"
        "print('ready')\n"
        "input()\n"
        "print('interrupts:', count)"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, agent.python(program), agent.environ)
    with os.fdopen(terminal, "r+b", buffering=0) as screen:
        _read_until(screen, b"ready")
        screen.write(b"\x03")
        _read_until(screen, b"^C")
        screen.write(b"\n")
        assert b"interrupts: 1" in _read_until(screen, b"interrupts: ", 1)
    os.waitpid(pid, 0)


def test_final_wait_ends_when_told_to(agent: Agent) -> None:
    """A signal after the child's exit leaves the rest in the spool at once; the status stays the child's."""
    command = agent.job("sh", "-c", "trap '' TERM; echo bye; exit 3", options=("--wait", "60"))
    ran = Child(command, env=agent.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert ran.stdout is not None
    assert ran.stdout.readline() == b"bye\n"
    for _ in range(300):
        ran.send_signal(signal.SIGTERM)
        try:
            ran.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    _, complaints = ran.communicate(timeout=120)
    assert (ran.returncode, agent.spooled()) == (3, b"bye\n")
    assert b"the log's last 4 bytes are not on the server" in complaints


def test_closed_stdout_does_not_end_the_job(agent: Agent) -> None:
    """When nobody reads stdout any more the job goes on, and the log is whole."""
    reading, writing = os.pipe()
    os.close(reading)
    program = "for n in range(20000): print(n)"
    ran = subprocess.run(agent.python(program), env=agent.environ, stdout=writing, stderr=subprocess.PIPE, timeout=120)
    os.close(writing)
    assert ran.returncode == 0
    assert agent.spooled() == b"".join(b"%d\n" % n for n in range(20000))


def test_stdout_that_was_never_open(agent: Agent) -> None:
    """With all three standard descriptors closed, none of the agent's own files is mistaken for one of them."""
    words = " ".join(agent.job("sh", "-c", "echo out", options=("--wait", "0")))
    ran = agent.run(["sh", "-c", f"{words.replace('echo out', chr(39) + 'echo out' + chr(39))} <&- >&- 2>&-"])
    assert (ran.returncode, agent.spooled()) == (0, b"out\n")


def test_fast_output_is_whole(agent: Agent) -> None:
    """5 MB written at once arrive, in stdout and in the spool."""
    ran = agent.run(agent.python("import sys; sys.stdout.write('0123456789abcde\\n' * 327680)"))
    assert ran.stdout == agent.spooled() == b"0123456789abcde\n" * 327680


def test_full_disk_does_not_end_the_job(agent: Agent) -> None:
    """What the disk refuses goes to stdout all the same, and is kept in memory."""
    limit = (
        "import resource, os; parent = os.getppid()\n"
        "children = open(f'/proc/{{parent}}/task/{{parent}}/children').read().split()\n"
        "(keeper,) = {{int(pid) for pid in children}} - {{os.getpid()}}\n"
        "resource.prlimit(keeper, resource.RLIMIT_FSIZE, {})"
    )
    program = (
        "import sys\n"
        f"{limit.format('(100, resource.RLIM_INFINITY)')}\n"
        "for letter in 'xy': print(letter * 59); sys.stdin.readline()\n"
        f"{limit.format('(resource.RLIM_INFINITY,) * 2')}\n"
        "print('z')"
    )
    ran = Child(agent.python(program), env=agent.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert ran.stdin
    assert ran.stdout
    assert ran.stdout.readline() == b"x" * 59 + b"\n"
    ran.stdin.write(b"\n")
    ran.stdin.flush()
    assert ran.stdout.readline() == b"y" * 59 + b"\n"
    out, _ = ran.communicate(b"\n", timeout=120)
    assert (out, ran.returncode) == (b"z\n", 0)
    assert agent.spooled() == b"x" * 59 + b"\n" + b"y" * 59 + b"\nz\n"


def test_unusable_spool_does_not_end_the_job(agent: Agent) -> None:
    """Where no spool can be made the job runs as if joblog were not there; a line says so, and another one what is lost."""
    no_files = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); os.execv(sys.argv[1], sys.argv[1:])"
    )
    ran = agent.run([sys.executable, "-c", no_files, *agent.job("sh", "-c", "echo out; exit 3")])
    assert (ran.returncode, ran.stdout) == (3, b"out\n")
    assert ran.stderr.startswith(b"joblog: the log is kept in memory alone, ")
    assert b"\njoblog: the log's last 4 bytes are not on the server " in ran.stderr
    assert ran.stderr.count(b"\n") == 2


def test_orphans_are_not_waited_for_longer_than_needed(agent: Agent) -> None:
    """What the child wrote last is read although a process that it left behind holds its stdout."""
    ran = agent.run(agent.job("sh", "-c", "sleep 1 & echo out"))
    assert (ran.returncode, ran.stdout, agent.spooled()) == (0, b"out\n", b"out\n")


def test_environment_and_inherited_files_are_the_child_s(agent: Agent) -> None:
    """Python is told not to buffer, unless it was told something already, or is to buffer; descriptors are handed down."""
    agent.environ.pop("PYTHONUNBUFFERED", None)
    reading, writing = os.pipe()
    program = f"import os; os.write({writing}, os.environb[b'PYTHONUNBUFFERED'] + b' ')"
    subprocess.run(agent.python(program), env=agent.environ, pass_fds=[writing], capture_output=True, check=True)
    agent.environ["PYTHONUNBUFFERED"] = "x"
    subprocess.run(agent.python(program), env=agent.environ, pass_fds=[writing], capture_output=True, check=True)
    del agent.environ["PYTHONUNBUFFERED"]
    program = f"import os; os.write({writing}, b'%d' % (b'PYTHONUNBUFFERED' in os.environb))"
    buffered = agent.python(program, options=("--wait", "0", "--buffered"))
    subprocess.run(buffered, env=agent.environ, pass_fds=[writing], capture_output=True, check=True)
    os.close(writing)
    with os.fdopen(reading, "rb") as opened_pipe:
        assert opened_pipe.read() == b"1 x 0"


def _read_until(screen: IO[bytes], words: bytes, more: int = 0) -> bytes:
    seen = b""
    while words not in seen or len(seen.partition(words)[2]) < more:
        seen += screen.read(1)
    return seen


def test_signal_that_comes_as_the_child_ends(agent: Agent) -> None:
    """Both are there when joblog looks: the child's end is seen, and how it ended."""
    program = "import os, signal, time; os.kill(os.getppid(), signal.SIGSTOP); time.sleep(0.2)"
    ran = Child(agent.python(program), env=agent.environ, stderr=subprocess.PIPE)
    until(lambda: state_of(ran.pid) == "T")
    (child,) = [pid for pid in children(ran.pid) if os.getsid(pid) != pid]
    until(lambda: state_of(child) == "Z")
    ran.send_signal(signal.SIGTERM)
    ran.send_signal(signal.SIGCONT)
    ran.communicate(timeout=120)
    assert ran.returncode == 0
    (spool,) = agent.spool_root.iterdir()
    state = files.load_state(spool)
    assert state is not None
    assert state.outcome is not None
    assert state.outcome.status == "COMPLETED"


def state_of(pid: int) -> str:
    """Returns the letter that the kernel has for how a process is."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_pipe_of_a_job_that_fills_it_is_widened(agent: Agent) -> None:
    """One that prints little keeps the kernel's own."""
    program = "import fcntl, os; os.write(1, b'x' * {}); os.write(1, b' %d' % fcntl.fcntl(1, fcntl.F_GETPIPE_SZ))"
    assert agent.run(agent.python(program.format(10))).stdout.split()[1] == b"65536"
    assert agent.run(agent.python(program.format(4 << 20))).stdout.split()[1] == b"262144"
