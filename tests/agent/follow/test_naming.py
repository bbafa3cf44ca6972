"""Names that lead to no file, for a while or at all."""

from __future__ import annotations

from pathlib import Path

from tests.agent.follow.following import Follow, append
from tests.agent.harness import Agent


def test_name_that_is_a_directory_for_a_while(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """The file that has it after that is followed, from its first byte on; nothing is said."""
    file, other = tmp_path / "y.log", tmp_path / "other.log"
    file.write_bytes(b"first\n")
    following = follow(file, other)
    following.until("y", b"first\n")
    file.unlink()
    file.mkdir()
    for rounds in range(1, 4):  # what came to another file later was sent: the follower has looked meanwhile
        append(other, b"more\n")
        following.until("other", b"more\n" * rounds)
    file.rmdir()
    file.write_bytes(b"second file, longer than the first\n")
    following.until("y", b"first\nsecond file, longer than the first\n")
    append(file, b"more\n")
    following.until("y", b"first\nsecond file, longer than the first\nmore\n")
    assert following.end() == (0, b"")


def test_once_says_what_is_not_there(joblog: Agent, tmp_path: Path) -> None:
    """A line for each path or pattern that names nothing; what is there is sent."""
    there = tmp_path / "there.log"
    there.write_bytes(b"words\n")
    for name in ("gone.log", "slurm-*.out"):
        ran = joblog.run(joblog.command("follow", "--once", str(tmp_path / name)))
        assert (ran.returncode, ran.stdout) == (2, b"")
        assert ran.stderr == b"joblog: there is no file %b\n" % bytes(tmp_path / name)
    ran = joblog.run(joblog.command("follow", "--once", str(tmp_path / "gone.log"), str(there)))
    assert (ran.returncode, ran.stderr.count(b"\n")) == (1, 1)
    assert joblog.said("cat", "there") == b"words\n"
