"""A spool that is opened again, after any death; its limit; a disk that is full."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog.agent.spool import files
from joblog.agent.spool.parts import MEMORY_BYTES
from joblog.agent.spool.spool import Meta, Spool
from joblog.api.refs import Gap
from tests.agent.harness import Agent

META = Meta("lab", "resnet", "run-1", "worker-0")


def test_reopened_spool_is_what_it_was(tmp_path: Path) -> None:
    """After each append, taken from its files alone: end, CRC-32, gaps, whether it is finished."""
    spool, log = Spool.create(tmp_path, META, part_bytes=10), b""
    for n in range(30):
        data = b"%d\n" % n * (n % 7)
        spool.append(data)
        log += data
        spool.acknowledge(len(log) // 2)
        again = Spool(spool.path)
        assert (again.end_byte, again.crc32, again.start_byte) == (len(log), zlib.crc32(log), spool.start_byte)
        assert (again.meta, again.finished, again.gaps) == (META, False, ())
    spool.finish()
    assert Spool(spool.path).finished


def test_reopened_spool_goes_on(tmp_path: Path) -> None:
    """Bytes that are cut off in the middle of a write count as far as they got."""
    spool = Spool.create(tmp_path, META, part_bytes=10)
    spool.append(b"0123456789")
    with (spool.path / files.SpoolPart(10, zlib.crc32(b"0123456789")).name).open("wb") as part:
        part.write(b"ab")
    again = Spool(spool.path, part_bytes=10)
    again.append(b"cd")
    again.finish()
    assert (again.end_byte, again.crc32) == (14, zlib.crc32(b"0123456789abcd"))
    assert again.read(10, 100) == b"abcd"


def test_limit_is_kept_and_acknowledged_bytes_make_room(tmp_path: Path) -> None:
    """What does not fit is counted, and a line stands for it once there is room."""
    spool = Spool.create(tmp_path, META, limit_bytes=80)
    for _ in range(9):
        spool.append(b"012345678\n")
    assert spool.end_byte == 80
    spool.acknowledge(80)
    spool.append(b"on\n")
    notice = b"[joblog] 10 bytes were not kept here (spool full)\n"
    assert spool.read(80, 100) + spool.read(80 + len(notice), 100) in (notice + b"on\n", notice + b"on\n" * 2)
    assert spool.gaps == (Gap(80, 10, "spool full"),)


def test_loss_is_known_after_a_kill(tmp_path: Path) -> None:
    """What was lost and has no line yet is in the files."""
    spool = Spool.create(tmp_path, META, limit_bytes=80)
    for _ in range(10):
        spool.append(b"012345678\n")
    again = Spool(spool.path, limit_bytes=80)
    again.finish()
    notice = b"[joblog] 20 bytes were not kept here (spool full)\n"
    assert (again.end_byte, again.gaps) == (80 + len(notice), (Gap(80, 20, "spool full"),))
    assert Spool(spool.path).gaps == again.gaps


def test_pipe_is_taken_as_it_is(tmp_path: Path) -> None:
    """Moved or, over the limit, read and counted: what take returns is what the pipe held."""
    spool = Spool.create(tmp_path, META, limit_bytes=80)
    reading, writing = os.pipe()
    os.write(writing, bytes(range(100)))
    os.close(writing)
    taken = list(iter(lambda: spool.take(reading, 1000), b""))
    os.close(reading)
    assert b"".join(taken) == bytes(range(100))
    spool.finish()
    assert b"".join(part.read_bytes() for part in sorted(spool.path.glob("*.part")))[:80] == bytes(range(80))
    assert spool.gaps == (Gap(81, 20, "spool full"),)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_full_disk_leaves_an_exact_gap(agent: Agent, small_disk: Path) -> None:
    """16 MiB onto a disk of 256 KiB: stdout has it all, the spool what fits there and in memory, and it knows what it lacks."""
    agent.environ["JOBLOG_SPOOL"] = str(small_disk / "spool")
    agent.spool_root = small_disk / "spool"
    written = b"0123456789abcde\n" * 1048576
    ran = agent.run(agent.python("import sys; sys.stdout.write('0123456789abcde\\n' * 1048576); sys.exit(5)"))
    assert (ran.returncode, ran.stdout) == (5, written)
    (path,) = agent.spool_root.iterdir()
    spool, parts = Spool(path), files.load_parts(path)
    kept = b"".join(part.file(path).read_bytes() for part in parts)
    (gap,) = spool.gaps
    assert 100_000 < len(kept) < (256 << 10) + MEMORY_BYTES
    assert kept[: gap.at_byte] == written[: gap.at_byte]
    assert kept[gap.at_byte :].lstrip() == b"[joblog] %d bytes were not kept here (spool full)\n" % gap.size_bytes
    assert (gap.at_byte + gap.size_bytes, gap.reason, spool.finished) == (len(written), "spool full", True)
    in_memory = {part.memory for part in parts if part.memory is not None}
    assert len(in_memory) == 1
    spool.remove()
    assert not any(place.exists() for place in in_memory)


def test_limit_of_a_job_s_spool(agent: Agent) -> None:
    """The same with ``--spool-limit``, which has room for the line that says so."""
    written = b"0123456789abcde\n" * 65536
    program = "import sys; sys.stdout.write('0123456789abcde\\n' * 65536)"
    ran = agent.run(agent.python(program, options=("--wait", "0", "--spool-limit", "128K")))
    kept, limit = agent.spooled(), 128 << 10
    assert ran.stdout == written
    assert kept == written[:limit] + b"[joblog] %d bytes were not kept here (spool full)\n" % (len(written) - limit)
