"""Spools that a disk has damaged: each is sent as far as it can be, none holds another one back, nothing wrong is claimed."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from joblog.agent.spool import files
from joblog.agent.spool.files import SpoolState, Sum
from joblog.agent.spool.spool import Meta, Spool
from joblog.client import Client, Log
from tests.agent.harness import Agent

WORDS = b"".join(b"line %d\n" % n for n in range(1000))


def left(joblog: Agent, job: str, *, part_bytes: int = 1 << 20, finished: bool = True) -> Path:
    """Leaves a spool with ``WORDS`` in it."""
    meta = Meta(joblog.environ["JOBLOG_PROJECT"], job, f"run-{job}", "worker-0")
    path, lock = files.make(joblog.spool_root, meta)
    spool = Spool(path, part_bytes=part_bytes)
    for line in WORDS.splitlines(keepends=True):
        spool.append(line)
    if finished:
        spool.finish()
    os.close(lock)
    return path


def sent(joblog: Agent, *arguments: str) -> tuple[int, list[str]]:
    """Syncs; returns the exit status and the lines."""
    ran = joblog.run(joblog.command("sync", *arguments))
    assert ran.stderr == b""
    return ran.returncode, ran.stdout.decode().splitlines()


def log_of(joblog: Agent, job: str) -> Log:
    with Client(joblog.environ["JOBLOG_URL"], joblog.environ["JOBLOG_TOKEN"]) as client:
        return client.run(joblog.environ["JOBLOG_PROJECT"], job, run_id=f"run-{job}", task="worker-0").log


@pytest.mark.parametrize("damage", ["meta.json", "state", "parts", "gaps.jsonl", "directory"])
def test_bad_spool_holds_no_good_one_back(joblog: Agent, damage: str) -> None:
    """Whatever is wrong with the first one, the second one is sent, and the exit status says what is left."""
    bad, _ = left(joblog, "a-bad"), left(joblog, "b-good")
    if damage == "parts":
        for part in bad.glob("*.part"):
            part.unlink()
    elif damage == "directory":
        (bad / "meta.json").unlink()
        (bad / "meta.json").mkdir()
    else:
        (bad / damage).write_bytes(b"\0" * 700)
    status, lines = sent(joblog)
    assert log_of(joblog, "b-good").complete
    assert status == (0 if damage in ("state", "gaps.jsonl") else 1)
    assert any(("a-bad" in line) and ("cannot be sent" in line) for line in lines) == (status == 1)
    assert bad.exists() == (status == 1)


def test_spool_with_damaged_notes_is_listed_and_sent_as_what_it_is(joblog: Agent) -> None:
    """``spool ls`` says so, and how to send it."""
    path = left(joblog, "named")
    (path / "meta.json").write_bytes(b"{}")
    (line,) = joblog.said("spool", "ls").decode().splitlines()[1:]
    assert f"damaged (its notes are damaged: meta.json): joblog sync --as JOB/RUN/RANK {path.name}" in line
    assert "--as" in joblog.refused("sync", "--as", "named/run-named", path.name)
    assert sent(joblog, "--as", "named/run-named/0", path.name)[0] == 0
    assert joblog.said("cat", "named") == WORDS
    assert log_of(joblog, "named").complete


def test_spool_without_notes_is_listed(joblog: Agent) -> None:
    """Unless there is nothing in it, as when its agent was killed while it made it."""
    (left(joblog, "noted") / "meta.json").unlink()
    (joblog.spool_root / "begun").mkdir()
    (line,) = joblog.said("spool", "ls").decode().splitlines()[1:]
    assert "its notes are gone" in line


def test_lost_state_is_found_out_anew(joblog: Agent) -> None:
    """Which of the run's attempts has these bytes is seen from the bytes: they are not sent as another attempt's."""
    path = left(joblog, "lost")
    log = log_of(joblog, "lost")
    with Client(joblog.environ["JOBLOG_URL"], joblog.environ["JOBLOG_TOKEN"]) as client:
        client.append(log.ref, 0, WORDS[:500])
    (path / "state").unlink()
    assert sent(joblog)[0] == 0
    assert joblog.said("cat", "lost") == WORDS
    assert len(joblog.said("logs", "lost").splitlines()) == 2


def test_torn_state_is_the_one_before(tmp_path: Path) -> None:
    """Each is written beside the last one: half of it changes nothing."""
    path, lock = files.make(tmp_path, Meta("lab", "job", "run", "worker-0"))
    os.close(lock)
    spool = Spool(path)
    spool.choose_run_id("first")
    before = (path / "state").read_bytes()
    spool.choose_run_id("second")
    after = (path / "state").read_bytes()
    assert files.load_state(path) == SpoolState(run_id="second", saves=3)
    for cut in range(0, len(after), 97):
        (path / "state").write_bytes(after[:cut] + before[cut:])
        state = files.load_state(path)
        assert state is not None
        assert state.run_id in ("first", "second")


@pytest.mark.parametrize("part_bytes", [1 << 20, 3000])
@pytest.mark.parametrize("at", [100, 4000, len(WORDS) - 1])
def test_changed_bytes_are_not_called_complete(joblog: Agent, part_bytes: int, at: int) -> None:
    """A flipped bit anywhere: all is sent, a line in the log and one of sync's say so, and it counts as not complete."""
    path = left(joblog, "flipped", part_bytes=part_bytes, finished=False)
    part = max(each for each in files.load_parts(path) if each.start <= at)
    data = bytearray(part.file(path).read_bytes())
    data[at - part.start] ^= 4
    part.file(path).write_bytes(data)
    status, (line,) = sent(joblog)
    assert (status, "its spool was damaged" in line) == (1, True)
    log = joblog.said("cat", "flipped")
    words, notice = log[: len(WORDS)], log[len(WORDS) :].decode().lstrip("\n")
    assert sum(one != other for one, other in zip(words, WORDS, strict=True)) == 1
    assert notice.startswith("[joblog] bytes ")
    assert notice.endswith(" of this log are not what was written: the spool was damaged\n")
    assert log_of(joblog, "flipped").complete is False
    assert not path.exists()


def test_bytes_that_a_disk_has_lost_are_a_gap(joblog: Agent) -> None:
    """The last part is shorter than what was noted of it, as after a power cut."""
    path = left(joblog, "short", finished=False)
    (part,) = files.load_parts(path)
    os.truncate(part.file(path), 5000)
    sent(joblog)
    notice = b"[joblog] %d bytes were not kept here (lost from the spool)\n" % (len(WORDS) - 5000)
    assert joblog.said("cat", "short") == WORDS[:5000] + (b"" if WORDS[4999:5000] == b"\n" else b"\n") + notice
    assert log_of(joblog, "short").complete is False


def test_part_that_is_gone_moves_no_byte(joblog: Agent) -> None:
    """What lacks in the middle reads as zeros, and counts as damaged."""
    path = left(joblog, "hole", part_bytes=3000, finished=False)
    first, second, third, *_ = files.load_parts(path)
    second.file(path).unlink()
    assert sent(joblog)[0] == 1
    log = joblog.said("cat", "hole")
    assert log[: second.start] == WORDS[: second.start]
    assert log[second.start : third.start] == bytes(third.start - second.start)
    assert log[third.start : len(WORDS)] == WORDS[third.start :]
    assert first.start == 0


def test_bytes_whose_checksum_nobody_made_are_not_called_complete(joblog: Agent) -> None:
    """The agent was killed between a write and the note of it: they are sent, and nothing is claimed of them."""
    path = left(joblog, "unproved", finished=False)
    (part,) = files.load_parts(path)
    with part.file(path).open("ab") as file:
        file.write(b"last words\n")
    status, (line,) = sent(joblog)
    assert (status, "nobody knows" in line) == (0, True)
    assert joblog.said("cat", "unproved") == WORDS + b"last words\n"
    assert log_of(joblog, "unproved").complete is None


def test_next_process_makes_up_for_the_checksum(tmp_path: Path) -> None:
    """One that takes over at once takes the bytes for the job's, as it does with those in the pipe."""
    path, lock = files.make(tmp_path, Meta("lab", "job", "run", "worker-0"))
    os.close(lock)
    (part,) = files.load_parts(path)
    part.file(path).write_bytes(WORDS)
    assert not Spool(path).is_proved
    Spool(path).prove()
    assert (Spool(path).is_proved, files.load_sum(path)) == (True, Sum(len(WORDS), zlib.crc32(WORDS)))
