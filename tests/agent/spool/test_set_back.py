"""A server that has not any more what it acknowledged: all that is still here is sent again, and a line stands for the rest."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.agent.follow.loop import Follower, FollowPlan
from joblog.agent.follow.notes import Notes
from joblog.agent.follow.setting import Setting
from joblog.agent.spool.resumed import crc32_there, place_here, place_there, resumed_at
from joblog.agent.spool.ship import Shipper
from joblog.agent.spool.spool import Meta, Spool
from joblog.client import Client
from tests.agent.harness import FlakyServer

META = Meta("lab", "resnet", "run-1", "worker-0")
NEVER = threading.Event()
PART_BYTES = 4096
LINES = [b"%4d %s\n" % (number, b"x" * 250) for number in range(40)]
HALF, TEXT = b"".join(LINES[:20]), b"".join(LINES)


def notice(lost_bytes: int) -> bytes:
    return b"[joblog] %d bytes were not kept here (lost by the server)\n" % lost_bytes


@given(kept=st.binary(), lost=st.binary(min_size=1), rest=st.binary())
def test_position_and_checksum_behind_what_is_lost(kept: bytes, lost: bytes, rest: bytes) -> None:
    """They are those of what the server has then: whatever it kept, and whatever follows."""
    before = kept + lost
    resumed = resumed_at(
        len(kept), zlib.crc32(kept), in_line=True, lost_bytes=len(lost), spool=(len(before), zlib.crc32(before))
    )
    there = kept + b"\n" + notice(len(lost)) + rest
    end = len(before + rest)
    assert (place_there(end, resumed), place_here(len(there), resumed)) == (len(there), end)
    assert crc32_there(end, zlib.crc32(before + rest), resumed) == zlib.crc32(there)
    assert {place_here(len(kept) + size, resumed) for size in range(len(notice(len(lost))) + 2)} == {len(before)}


class Run:
    """One run's spool and shipper, half of whose text is on the server already."""

    def __init__(self, root: Path, server: FlakyServer, part_bytes: int) -> None:
        self.said = list[str]()
        self.spool = Spool.create(root, META, part_bytes=part_bytes)
        self.start(server)
        self.append(HALF[:-5])
        deadline = threading.Event()
        while len(server.held) < len(HALF) - 5:
            assert not deadline.wait(0.005)

    def start(self, server: FlakyServer) -> None:
        self.shipper = Shipper(
            self.spool, lambda: Client(server.url, "token", timeout_s=0.5), self.said.append, first_pause_s=0.01
        )
        self.shipper.start()

    def append(self, data: bytes) -> None:
        """Appends in small pieces: a spool of small parts removes those whose bytes are on the server."""
        for at in range(0, len(data), 1000):
            self.spool.append(data[at : at + 1000])

    def end(self) -> None:
        """Goes on to the end."""
        self.append(TEXT[len(HALF) - 5 :])
        self.spool.finish()
        assert self.shipper.finish(60, NEVER)

    @property
    def loud(self) -> list[str]:
        return [each for each in self.said if "HAS LOST" in each]


def test_what_the_spool_still_has_is_sent_again(tmp_path: Path) -> None:
    """At the positions that it had: the log is whole, and proved; and it is said once."""
    server = FlakyServer()
    run = Run(tmp_path, server, 64 << 20)
    del server.held[1000:]
    run.end()
    server.stop()
    assert server.held == TEXT
    assert server.closed == {"end_byte": len(TEXT), "crc32": zlib.crc32(TEXT), "gaps": []}
    lost = len(HALF) - 5 - 1000
    assert [each.partition(" BYTES")[0] for each in run.loud] == [f"THE SERVER HAS LOST {lost}"]
    assert f"{lost} of them are here still" in run.loud[0]


def agrees(server: FlakyServer, kept: bytes) -> None:
    """The log is what the server kept, a line for what is lost, and the rest, of which the close says just that."""
    original = bytes(server.held)
    line, _, rest = original[len(kept) :].partition(b" (lost by the server)\n")
    before = b"" if kept.endswith(b"\n") or not kept else b"\n"
    lost_bytes = int(line.removeprefix(before + b"[joblog] ").split()[0])
    assert original.startswith(kept + before + b"[joblog]")
    assert rest == TEXT[len(kept) + lost_bytes :]
    assert len(rest) > len(TEXT) - len(HALF)
    gap = {"at_byte": len(kept + before), "size_bytes": lost_bytes, "reason": "lost by the server"}
    assert server.closed == {"end_byte": len(original), "crc32": zlib.crc32(original), "gaps": [gap]}


def test_line_and_a_gap_for_what_the_spool_has_not_any_more(tmp_path: Path) -> None:
    """Wherever the server's end is: at a line's, within one, at the log's beginning."""
    for kept in (HALF[:258], HALF[:1000], b""):
        server = FlakyServer()
        run = Run(tmp_path, server, PART_BYTES)
        assert run.spool.start_byte > 1000
        del server.held[len(kept) :]
        run.end()
        server.stop()
        agrees(server, kept)
        assert len(run.loud) == 1


@pytest.mark.long  # eight seconds; the loss without a failing call is tried beside it
def test_any_failing_call_behind_a_loss(tmp_path: Path) -> None:
    """Call 1 fails after it, then 2, and so on: the line is there once, and all that follows."""
    for failure in ("deaf", "away"):
        for failing in range(1, 99):
            server = FlakyServer()
            run = Run(tmp_path, server, PART_BYTES)
            del server.held[1000:]
            last = server.calls + failing
            server.failures[last] = failure
            run.end()
            server.stop()
            agrees(server, HALF[:1000])
            if server.calls < last:
                break


def test_another_process_goes_on_behind_a_loss(tmp_path: Path) -> None:
    """The spool knows of it: the log is this spool's still, at the positions that it has there now."""
    server = FlakyServer()
    run = Run(tmp_path, server, PART_BYTES)
    del server.held[1000:]
    run.append(TEXT[len(HALF) - 5 : len(HALF) + 3000])
    while not server.held.endswith(TEXT[len(HALF) : len(HALF) + 3000]):
        assert not NEVER.wait(0.005)
    run.shipper.stop()
    run.spool = Spool(run.spool.path, part_bytes=PART_BYTES)
    run.start(server)
    run.append(TEXT[len(HALF) + 3000 :])
    run.spool.finish()
    assert run.shipper.finish(60, NEVER)
    server.stop()
    agrees(server, HALF[:1000])


def test_loss_behind_a_loss(tmp_path: Path) -> None:
    """The second takes the line of the first with it: one line is there for both."""
    server = FlakyServer()
    run = Run(tmp_path, server, PART_BYTES)
    del server.held[2000:]
    run.append(TEXT[len(HALF) - 5 : len(HALF) + 3000])
    while not server.held.endswith(TEXT[len(HALF) : len(HALF) + 3000]):
        assert not NEVER.wait(0.005)
    del server.held[1000:]
    rest = TEXT[len(HALF) + 3000 :]
    run.append(rest)
    run.spool.finish()
    assert run.shipper.finish(60, NEVER)
    server.stop()
    original = bytes(server.held)
    assert original.count(b"[joblog]") == 1
    assert original.startswith(HALF[:1000] + b"\n[joblog] ")
    assert original.endswith(rest)
    assert len(run.loud) == 2


def test_run_that_ends_without_another_byte(tmp_path: Path) -> None:
    """What was lost is noticed when the log is to be closed, at the latest."""
    server = FlakyServer()
    run = Run(tmp_path, server, 64 << 20)
    del server.held[1000:]
    run.spool.finish()
    assert run.shipper.finish(60, NEVER)
    server.stop()
    assert server.held == HALF[:-5]
    assert server.closed == {"end_byte": len(HALF) - 5, "crc32": zlib.crc32(HALF[:-5]), "gaps": []}
    assert len(run.loud) == 1


@contextmanager
def followed(file: Path, server: FlakyServer) -> Iterator[list[str]]:
    """Follows a file as the log of the server's first run; at the end it is told to stop, and has sent what there is."""
    messages = list[str]()
    plan = FollowPlan([str(file)], run_id="run-1")
    setting = Setting("lab", Notes(file.parent / "marks", "lab", server.url))
    follower = Follower(plan, setting, lambda: Client(server.url, "", timeout_s=5), messages.append, first_pause_s=0.01)
    thread = threading.Thread(target=follower.run)
    thread.start()
    try:
        yield messages
    finally:
        follower.stop()
        thread.join()


def until(server: FlakyServer, end: bytes) -> None:
    for _ in range(20_000):
        if server.held.endswith(end):
            return
        NEVER.wait(0.005)
    raise AssertionError(bytes(server.held))


def test_followed_file_is_sent_again(tmp_path: Path) -> None:
    """The file is the spool: all of it is there."""
    file, server = tmp_path / "train.log", FlakyServer()
    file.write_bytes(b"1\n2\n3\n")
    with followed(file, server) as messages:
        until(server, b"3\n")
        del server.held[3:]
        with file.open("ab") as writer:
            writer.write(b"4\n")
        until(server, b"4\n")
    server.stop()
    assert server.held == b"1\n2\n3\n4\n"
    assert [each.partition(" OF ")[0] for each in messages] == ["THE SERVER HAS LOST 3 BYTES"]


def test_followed_file_of_which_the_part_before_a_rotation_is_lost(tmp_path: Path) -> None:
    """The file that had it is gone: a line and a gap stand for it, and the present file comes again."""
    file, server = tmp_path / "train.log", FlakyServer()
    file.write_bytes(b"1\n2\n3\n")
    with followed(file, server) as messages:
        until(server, b"3\n")
        file.unlink()
        file.write_bytes(b"4\n")
        until(server, b"4\n")
        del server.held[3:]
        with file.open("ab") as writer:
            writer.write(b"5\n")
        until(server, b"5\n")
    assert len(messages) == 1
    with followed(file, server) as messages:  # it is known also to who comes later
        with file.open("ab") as writer:
            writer.write(b"6\n")
        until(server, b"6\n")
    server.stop()
    assert server.held == b"1\n2\n"[:3] + b"\n" + notice(3) + b"4\n5\n6\n"
    assert messages == []
