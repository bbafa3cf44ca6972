"""The spool: positions, parts, gaps. The oracle is a ``bytes``."""

from __future__ import annotations

import json
import resource
import signal
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from joblog.agent.spool.spool import Meta, Spool
from joblog.api.refs import Gap

META = Meta("lab", "resnet", "run-1", "worker-0")


def test_bytes_are_read_back_at_their_positions(tmp_path: Path) -> None:
    """Whatever the cuts of appends, parts and reads, position N is the Nth byte."""
    spool, log = Spool.create(tmp_path, META, part_bytes=100), bytes(range(256)) * 4
    for at in range(0, len(log), 37):
        spool.append(log[at : at + 37])
    assert (spool.end_byte, spool.crc32) == (len(log), zlib.crc32(log))
    for size in (1, 36, 37, 100, 5000):
        read = b""
        while piece := spool.read(len(read), size):
            read += piece
        assert read == log
    assert [spool.crc32_to(end) for end in (0, 99, 1024)] == [zlib.crc32(log[:end]) for end in (0, 99, 1024)]


def test_acknowledged_parts_are_removed(tmp_path: Path) -> None:
    """Of what the server has, less than a part stays; count and CRC-32 of what is gone are known."""
    spool = Spool.create(tmp_path, META, part_bytes=10)
    for _ in range(10):
        spool.append(b"0123456789")
    spool.acknowledge(35)
    assert spool.start_byte == 30
    assert spool.crc32_to(30) == zlib.crc32(b"0123456789" * 3)
    assert len(list(spool.path.glob("*.part"))) == 7
    assert spool.crc32_to(100) == zlib.crc32(b"0123456789" * 10)
    assert spool.read(35, 100) == b"56789"
    assert json.loads((spool.path / "meta.json").read_bytes()) == META._asdict()


def test_removed_spool_leaves_nothing(tmp_path: Path) -> None:
    """Not even its directory."""
    spool = Spool.create(tmp_path, META, part_bytes=10)
    spool.append(b"0123456789ab")
    spool.append(b"c")
    spool.acknowledge(12)
    spool.finish()
    spool.remove()
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    """Logs hold secrets."""
    path = Spool.create(tmp_path, META).path
    assert path.stat().st_mode & 0o777 == 0o700


def test_full_disk_leaves_a_line_and_a_gap(tmp_path: Path) -> None:
    """What the disk refused takes no positions; a line of its own stands in its place as soon as there is room."""
    spool = Spool.create(tmp_path, META)
    spool.append(b"begun")
    with file_size_limit(10):
        spool.append(b"not kept at all")
        spool.append(b"x")
    spool.append(b"kept\n")
    notice = b"\n[joblog] 16 bytes were not kept here (spool full)\n"
    assert spool.read(0, 1000) + spool.read(5, 1000) == b"begun" + notice + b"kept\n"
    assert (spool.gaps, spool.crc32) == ((Gap(6, 16, "spool full"),), zlib.crc32(b"begun" + notice + b"kept\n"))


def test_disk_that_stays_full_leaves_a_gap(tmp_path: Path) -> None:
    """Where there is no room for the line either, the gap is recorded at the log's end."""
    spool = Spool.create(tmp_path, META)
    spool.append(b"begun")
    with file_size_limit(10):
        spool.append(b"not kept at all")
        try:
            spool.finish()
        except OSError:
            pass  # the note that it is finished found no room
    assert (spool.finished, spool.gaps, spool.end_byte) == (True, (Gap(5, 15, "spool full"),), 5)


def test_spool_without_a_place_is_bounded_and_counts(tmp_path: Path) -> None:
    """What finds no room in memory becomes a line and a gap, in its place; what the server has makes room again."""
    meta = Meta("lab", "resnet", "run-1", "worker-0")
    spool = Spool(None, meta=meta, limit_bytes=8 << 20)
    piece, sent = b"x" * (1 << 20), b""
    for _ in range(12):
        spool.append(piece)
    while data := spool.read(len(sent), 1 << 20):
        sent += data
    assert sent == piece * 8
    spool.acknowledge(len(sent))
    spool.append(b"last\n")
    spool.finish()
    line = b"\n[joblog] %d bytes were not kept here (spool full)\n" % (4 << 20)
    assert spool.read(len(sent), 1 << 20) == line + b"last\n"
    assert spool.gaps == (Gap(len(sent) + 1, 4 << 20, "spool full"),)
    assert (spool.crc32, spool.end_byte) == (zlib.crc32(sent + line + b"last\n"), len(sent + line) + 5)
    assert list(tmp_path.iterdir()) == []
    spool.remove()


def test_reader_waits_for_bytes_and_for_the_end(tmp_path: Path) -> None:
    """A reader at the end sleeps until there is more, or will be no more."""
    spool, seen = Spool.create(tmp_path, META), list[bytes]()

    def read() -> None:
        while not spool.finished or sum(map(len, seen)) < spool.end_byte:
            spool.wait_for_byte(sum(map(len, seen)))
            seen.append(spool.read(sum(map(len, seen)), 100))

    reader = threading.Thread(target=read)
    reader.start()
    spool.append(b"first")
    spool.append(b"last")
    spool.finish()
    reader.join(5)
    assert b"".join(seen) == b"firstlast"


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Makes this process's writes beyond ``size`` fail, as on a full disk."""
    was, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, was[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)
        signal.signal(signal.SIGXFSZ, handler)
