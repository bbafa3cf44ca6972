"""``joblog follow``: files are renamed, copied, truncated, deleted, and their logs have every byte, or say what is missing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from joblog.agent.follow.writers import has_writer
from tests.agent.follow.following import Follow, append, cat, wait_for
from tests.agent.harness import Agent


def test_rotation_by_rename(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """What was written to the old file after its renaming is in the log too, before what the new one has."""
    file = tmp_path / "train.log"
    file.write_bytes(b"1\n")
    following = follow(file)
    following.until("train", b"1\n")
    with file.open("ab", buffering=0) as old:
        file.rename(tmp_path / "train.log.1")
        old.write(b"2\n")
        file.write_bytes(b"3\n")
        old.write(b"4\n")
    following.until("train", b"1\n2\n4\n3\n")
    append(file, b"5\n")
    following.until("train", b"1\n2\n4\n3\n5\n")


@pytest.mark.slow  # the old file is quiet for longer than a moment
def test_renamed_file_is_read_as_long_as_it_is_written_to(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """However long its writer is quiet in between: the new file's bytes come after its last ones."""
    file = tmp_path / "train.log"
    file.write_bytes(b"1\n")
    following = follow(file)
    following.until("train", b"1\n")
    with file.open("ab", buffering=0) as old:
        file.rename(tmp_path / "train.log.1")
        file.write_bytes(b"3\n")
        with pytest.raises(subprocess.TimeoutExpired):
            following.process.wait(2)
        assert cat(joblog, "train") == b"1\n"
        old.write(b"2\n")
        following.until("train", b"1\n2\n")
    following.until("train", b"1\n2\n3\n")


@pytest.mark.slow  # the stated while
def test_writer_that_stays_with_a_renamed_file(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """Once it has been quiet for --rotate-wait the new file is read."""
    file = tmp_path / "train.log"
    file.write_bytes(b"1\n")
    following = follow("--rotate-wait", "1", file)
    following.until("train", b"1\n")
    with file.open("ab"):
        file.rename(tmp_path / "train.log.1")
        file.write_bytes(b"2\n")
        following.until("train", b"1\n2\n")


def test_who_writes_to_a_file(tmp_path: Path) -> None:
    """The kernel knows; of a file that it gives no leases on, nothing is known."""
    file = tmp_path / "train.log"
    with file.open("wb") as writing, file.open("rb") as reading:
        assert has_writer(reading.fileno()) is True
        writing.close()
        assert has_writer(reading.fileno()) is False
    with open("/dev/null", "rb") as device:
        assert has_writer(device.fileno()) is None


def test_rotation_by_copy_and_truncation(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """What was written between the last look and the copy is read from the copy."""
    file = tmp_path / "train.log"
    file.write_bytes(b"1\n")
    following = follow(file)
    following.until("train", b"1\n")
    following.process.send_signal(signal.SIGSTOP)
    append(file, b"2\n")
    shutil.copy(file, tmp_path / "train.log.1")
    os.truncate(file, 0)
    append(file, b"3 and more than there was\n")
    following.process.send_signal(signal.SIGCONT)
    following.until("train", b"1\n2\n3 and more than there was\n")


def test_writer_that_keeps_its_position_past_a_truncation(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """The hole that it leaves is not sent: at most what is left of a block of the file system."""
    file = tmp_path / "train.log"
    with file.open("wb", buffering=0) as writer:
        writer.write(b"x" * (1 << 20))
        following = follow(file)
        following.until("train", b"x" * (1 << 20))
        os.truncate(file, 0)
        writer.write(b"after\n")
        wait_for(lambda: cat(joblog, "train").endswith(b"after\n"), lambda: "not there")
    assert len(cat(joblog, "train")) < (1 << 20) + (64 << 10)


def test_rotation_while_nobody_followed(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """The old file is found by its inode, under whatever name of its own, and read to its end first."""
    file = tmp_path / "train.log"
    file.write_bytes(b"1\n")
    following = follow(file)
    following.until("train", b"1\n")
    following.end()
    append(file, b"2\n")
    file.rename(tmp_path / "train.log-20260101")
    file.write_bytes(b"3\n")
    following = follow(file)
    following.until("train", b"1\n2\n3\n")


def test_file_replaced_unseen_is_told_in_the_log(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """Where the old file is gone a line stands for what it may have held, and nobody calls the log complete."""
    file = tmp_path / "train.log"
    file.write_bytes(b"1\n")
    following = follow(file)
    following.until("train", b"1\n")
    following.end()
    (tmp_path / "other").write_bytes(b"2\n")
    (tmp_path / "other").replace(file)
    assert joblog.run(joblog.command("follow", "--once", str(file))).returncode == 0
    notice = b"[joblog] an unknown number of bytes were not kept here (the file was replaced unseen)\n"
    assert cat(joblog, "train") == b"1\n" + notice + b"2\n"
    assert b" closed " in joblog.said("logs", "train")


def test_deleted_file_is_read_to_its_end_and_may_come_back(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """Its writer may still have it open; under the same name the log goes on."""
    file = tmp_path / "train.log"
    with file.open("wb", buffering=0) as writer:
        writer.write(b"1\n")
        following = follow(file)
        following.until("train", b"1\n")
        file.unlink()
        writer.write(b"2\n")
        following.until("train", b"1\n2\n")
    file.write_bytes(b"3\n")
    following.until("train", b"1\n2\n3\n")
