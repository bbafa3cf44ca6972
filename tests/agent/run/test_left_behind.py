"""Processes that the command leaves behind: they live and write as they would without joblog, and nobody waits for them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.agent.harness import NOWHERE, Agent
from tests.agent.run.test_kill import DEADLINE_S, until
from tests.agent.run.test_outcome import ended
from tests.children import Child

# Ends at once; its child writes when it is let through the FIFO, and says in a file how that went.
LEAVES = "(read -r go; echo first words; read -r go; echo last words; echo $? > {done}) < {fifo} & echo out; exit 3"


class Left:
    """A command under ``joblog run`` that has ended, and whose child waits at a FIFO."""

    def __init__(self, agent: Agent, directory: Path, *options: str) -> None:
        self._fifo, self._done = directory / "fifo", directory / "done"
        subprocess.run(["mkfifo", str(self._fifo)], check=True)
        words = LEAVES.format(fifo=self._fifo, done=self._done)
        self.process = Child(
            agent.job("sh", "-c", words, options=("--job", "left", *options)),
            env=agent.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def let_through(self) -> None:
        """Lets the child write its words, those of each line one after the other."""
        self._fifo.write_text("go\ngo\n")

    def lives_on(self) -> bool:
        """Whether the child has written its last words, and was not ended by them."""
        until(self._done.exists)
        until(lambda: self._done.read_text() != "")
        return self._done.read_text() == "0\n"


def test_caller_waits_for_the_command_only(joblog: Agent, tmp_path: Path) -> None:
    """How it ended is on the server while others still write; what they write then is kept, passed on, and the log closed."""
    left = Left(joblog, tmp_path)
    assert left.process.wait(DEADLINE_S) == 3
    assert ended(joblog)[1].status == "FAILED"
    assert joblog.said("cat", "left") == b"out\n"
    assert b"complete" not in joblog.said("logs", "left")
    left.let_through()
    assert left.lives_on()
    assert left.process.communicate(timeout=DEADLINE_S) == (b"out\nfirst words\nlast words\n", b"")
    until(lambda: b"complete" in joblog.said("logs", "left"))
    assert joblog.said("cat", "left") == b"out\nfirst words\nlast words\n"
    assert ended(joblog)[1].status == "FAILED"
    until(lambda: list(joblog.spool_root.iterdir()) == [])


def test_what_comes_too_late_is_counted(joblog: Agent, tmp_path: Path) -> None:
    """It is passed on still, its writer lives, and a line in the log stands for it."""
    left = Left(joblog, tmp_path, "--linger", "0")
    assert left.process.wait(DEADLINE_S) == 3
    left.let_through()
    assert left.lives_on()
    assert left.process.communicate(timeout=DEADLINE_S)[0] == b"out\nfirst words\nlast words\n"
    notice = b"[joblog] 23 bytes were not kept here (written later than 0 s after the command's end)\n"
    until(lambda: joblog.said("cat", "left") == b"out\n" + notice)


def test_absent_server_is_waited_for_no_longer_than_asked(agent: Agent, tmp_path: Path) -> None:
    """The caller leaves, and is told where the log is; the child's words are kept there."""
    assert agent.environ["JOBLOG_URL"] == NOWHERE
    left = Left(agent, tmp_path, "--wait", "0")
    assert left.process.wait(DEADLINE_S) == 3
    left.let_through()
    assert left.lives_on()
    last_words = left.process.communicate(timeout=DEADLINE_S)[1]
    assert last_words.startswith(b"joblog: 4 bytes of the log are not on the server yet (")
    assert last_words.count(b"\n") == 1
    assert agent.spooled() == b"out\nfirst words\nlast words\n"
