"""One followed file: its bytes, whatever becomes of it, are the bytes of one log.

The file is the spool. The log is one file after another: a *generation* is a file, by inode, from which the log's bytes
from a known position on come. It ends, and the next one begins, when the name leads to another file (a rotation by
rename: what was still written to the old one is read first) or the file gets shorter (a truncation; where a copy was
made before, the rest is read from it). Nothing of a generation is sent before the one before it is on the server, so
that one position and one CRC-32 say where each begins.

Where to go on is the server's to say: what it holds is compared, by CRC-32, with the file.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.agent.filters.redact import Filter
from joblog.agent.follow.naming import identity, siblings
from joblog.agent.follow.notes import Note
from joblog.agent.follow.open_file import crc32_of, first_data, look, opened
from joblog.agent.follow.setting import UNSEEN_S, Setting
from joblog.agent.follow.writers import has_writer
from joblog.agent.spool.resumed import LOST_THERE, notice
from joblog.agent.spool.ship import attempts
from joblog.api.refs import Gap
from joblog.errors import Different

if TYPE_CHECKING:
    from joblog.api.values import Log
    from joblog.api.writer import Writer

BATCH_BYTES = 1 << 20
"""Read and sent at once: nginx's default limit; times the threads it bounds the memory."""

TAIL_BYTES = 64
"""Compared at each read with what stood before it: a file that was truncated and grew again between two looks."""


class Followed:
    """A file and its log; used by one thread at a time."""

    def __init__(self, path: Path, mark: Note, setting: Setting, *, known: bool, own_run: bool, keep_open: bool) -> None:
        """``known``: ``mark`` was read, not made up; ``keep_open``: between two steps too, so that its end is not missed."""
        self.path = path
        self.batch_bytes = BATCH_BYTES
        self.done = False
        self.calls = 0  # that the server has answered
        self._mark, self._known, self._own_run = mark, known, own_run
        self._setting, self._keep_open = setting, keep_open
        self._file = -1
        self._log: Log | None = None
        self._filter: Filter = setting.new_filter()
        self._offset, self._raw_crc32, self._tail, self._seen_bytes = 0, 0, b"", 0
        self._at, self._crc32, self._pending = 0, 0, b""
        self._generation_over = False
        self._rotated_s: float | None = None
        self._looked: object = None

    @property
    def mark(self) -> Note:
        """Which log it is, and where the present file begins in it."""
        return self._mark

    @property
    def is_settled(self) -> bool:
        """Whether all that was there at the last step is on the server, and the name leads to no other file."""
        return self._is_settled(look(self.path))

    def _is_settled(self, status: tuple[int, int, int, int] | None) -> bool:
        if self._log is None or self._pending or self._offset < self._seen_bytes:
            return False
        if self.done or status is None:
            return True
        return not self._generation_over and status[:2] == (self._mark.device, self._mark.inode)

    def look(self) -> tuple[bool, bool]:
        """Returns whether the file looks other than at the last call, and whether it is settled; costs one system call."""
        status = look(self.path)
        looked = status or (look(self._file) if self._file >= 0 else None)
        same, self._looked = looked == self._looked, looked
        return not same, self._is_settled(status)

    def disconnect(self) -> None:
        """Makes the next step ask the server for the log's end first."""
        self._log = None

    def step(self, client: Writer, *, last: bool = False) -> bool:
        """Sends up to one batch; returns whether there is more to do now. ``last``: a rotation is not waited for.

        Raises:
            Different, Closed: the log is not, or no longer, this file's to write.
            JoblogError: the server did not take it; call ``disconnect`` and step again later.
            OSError: the file cannot be read.
        """
        if self.done and not self._has_grown():
            return False
        if self._log is None:
            self._log = self._meet(client)
        try:
            read = bool(self._pending) or self._fill(last=last)
        finally:
            if not self._keep_open:
                self.close()
        if self._pending and self._log is not None:
            self._send(client, self._log)
        return bool(self._pending) or self._offset < self._seen_bytes or (self._generation_over and read)

    def _has_grown(self) -> bool:
        """Looks at a file whose log is closed; where there is more of it, the next step asks the server anew."""
        status = look(self.path)
        if status is None or (status[:2] == (self._mark.device, self._mark.inode) and status[2] <= self._offset):
            return False
        self._log, self.done = None, False
        return True

    def is_left(self) -> bool:
        """Returns whether nobody has it open for writing; False where the kernel does not say."""
        if self.done or not self._open():
            return False
        left = has_writer(self._file) is False
        if not self._keep_open:
            self.close()
        return left

    def finish(self, client: Writer) -> bool:
        """Closes the log, of which nothing more will come; returns whether it is complete."""
        if self.done or self._log is None:
            return self.done
        self._pending += self._filter.flush()
        while self._pending:
            self._send(client, self._log)
        mark = self._mark
        closed = client.close_log(self._log.ref, end_byte=self._at, crc32=self._crc32 if mark.proved else None, gaps=mark.gaps)
        self.done = True
        return closed.complete is True or bool(mark.gaps) or not mark.proved

    def close(self) -> None:
        """Closes the file; it is opened again when needed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # Sending

    def _send(self, client: Writer, log: Log) -> None:
        data = self._pending[: self.batch_bytes]
        client.send_bytes(log.ref, self._at, data)
        self.calls += 1
        self._at += len(data)
        self._crc32 = zlib.crc32(data, self._crc32)
        self._pending = self._pending[len(data) :]

    # Reading

    def _fill(self, *, last: bool) -> bool:
        """Makes the next bytes ready to be sent; returns whether anything came of it."""
        if self._generation_over:
            return self._begin()
        if not self._open():
            self._end(self._seen_bytes - self._offset, "the file is gone")
            return bool(self._pending)
        self._seen_bytes = max(os.fstat(self._file).st_size, self._seen_bytes)
        if self._was_truncated():
            self._follow_truncation()
            return True
        if not self._tail and self._mark.base_byte:
            self._skip_hole()
        raw = os.pread(self._file, self.batch_bytes, self._offset)
        if raw:
            self._take(raw)
            self._rotated_s = None
            return True
        return self._follow_rotation(last=last)

    def _take(self, raw: bytes) -> None:
        self._offset += len(raw)
        self._seen_bytes = max(self._seen_bytes, self._offset)
        self._raw_crc32 = zlib.crc32(raw, self._raw_crc32)
        self._tail = (self._tail + raw)[-TAIL_BYTES:] if len(raw) < TAIL_BYTES else raw[-TAIL_BYTES:]
        self._pending += self._filter.feed(raw)

    def _was_truncated(self) -> bool:
        return os.pread(self._file, len(self._tail), self._offset - len(self._tail)) != self._tail

    def _follow_truncation(self) -> None:
        """Goes on in the copy that was made before, else with what the file holds now."""
        raw_bytes = self._offset - self._mark.file_byte
        for path, status in siblings(self.path):
            if status.st_size >= self._offset and crc32_of(path, self._mark.file_byte, raw_bytes) == self._raw_crc32:
                self.close()
                self._file = opened(path)
                self._remember(device=status.st_dev, inode=status.st_ino)
                self._seen_bytes = status.st_size
                return
        self._end(self._seen_bytes - self._offset, "the file was truncated")

    def _follow_rotation(self, *, last: bool) -> bool:
        """At the file's end: whether the name leads elsewhere by now."""
        status = look(self.path)
        if status is None or status[:2] == (self._mark.device, self._mark.inode):
            self._rotated_s = None
            return False
        if self._rotated_s is None:
            self._rotated_s = time.monotonic()
        if not last and not self._is_left(time.monotonic() - self._rotated_s):
            return False
        if last_words := os.pread(self._file, self.batch_bytes, self._offset):
            self._take(last_words)  # written between the last read and the last look
        else:
            self._end(0, "")
        return True

    def _is_left(self, quiet_s: float) -> bool:
        """Whether a renamed file's writer has left it, as far as can be seen."""
        written = has_writer(self._file)
        longest_s = self._setting.rotated_s if written else min(UNSEEN_S, self._setting.rotated_s)
        return written is False or quiet_s >= longest_s

    def _end(self, lost_bytes: int, reason: str) -> None:
        """Ends the generation; what is known to be lost gets a line in its place."""
        self._pending += self._filter.flush()
        if lost_bytes > 0:
            notice = f"[joblog] {lost_bytes} bytes were not kept here ({reason})\n".encode()
            before = b"" if self._tail[-1:] in (b"\n", b"") else b"\n"
            gap = Gap(self._at + len(self._pending) + len(before), lost_bytes, reason)
            self._pending += before + notice
            self._mark = replace(self._mark, gaps=(*self._mark.gaps, gap))
        self._generation_over, self._rotated_s, self._seen_bytes = True, None, self._offset
        self.close()

    def _begin(self) -> bool:
        """Begins the next generation, once its file is there."""
        try:
            self._file = opened(self.path)
        except FileNotFoundError:
            return False
        status = os.fstat(self._file)
        self._remember(device=status.st_dev, inode=status.st_ino, file_byte=0, base_byte=self._at, base_crc32=self._crc32)
        self._start_reading(0)
        self._seen_bytes, self._generation_over = status.st_size, False
        return True

    def _skip_hole(self) -> None:
        """A writer that keeps its position past a truncation leaves a hole before it, which nobody has printed."""
        first = first_data(self._file, self._offset)
        if first > self._offset:
            self._remember(file_byte=first)
            self._start_reading(first)

    def _start_reading(self, first: int) -> None:
        self._filter = self._setting.new_filter()
        self._offset, self._raw_crc32, self._tail, self._seen_bytes = first, 0, b"", first

    def _open(self) -> bool:
        """Opens the generation's file, wherever it is by now; returns whether it is there."""
        if self._file >= 0:
            return True
        for path in (self.path, *(path for path, _ in siblings(self.path))):
            status = look(path)
            if status is not None and status[:2] == (self._mark.device, self._mark.inode):
                self._file = opened(path)
                return True
        return False

    def _remember(self, **changes: int) -> None:
        self._mark = replace(self._mark, **changes)  # type: ignore[arg-type]  # each is an int
        self._setting.marks.save(self.path, self._mark)

    # Meeting the server

    def _meet(self, client: Writer) -> Log:
        """Gets or creates the log and finds out where to go on."""
        mark, acknowledged = self._mark, max(self._at, self._mark.base_byte) if self._known else 0
        log = client.run(self._setting.project_id, mark.job_name, run_id=mark.run_id, task=mark.task).log
        if log.end_byte < acknowledged and not log.closed:
            self._setting.say(
                f"THE SERVER HAS LOST {acknowledged - log.end_byte} BYTES OF {self.path} THAT IT HAD ACKNOWLEDGED: its catalog"
                " went back in time. What the file has of them is sent again"
            )
        if log.end_byte < mark.base_byte and self._known and not log.closed:
            self._accept_loss(client, log)
        elif not (self._goes_on(log) or self._find(log)):
            if self._own_run and (log.closed or not self._known):
                return self._meet_anew(client)
            if not self._known:
                raise Different(f"the log {mark.job_name}, {mark.run_id}, {mark.task} has another writer", log.end_byte)
            self._accept_unknown_loss(log)
        self.calls += 1
        self._known = True
        if log.closed:
            self._look_at_closed(log)
            return log if self.done else self._meet(client)
        return log

    def _look_at_closed(self, log: Log) -> None:
        """A file that is complete on the server already is done; one that has grown since cannot be added to."""
        self.done = not (self._pending or self._fill(last=True))
        if not self.done:
            self._begin_attempt(log)

    def _begin_attempt(self, log: Log) -> None:
        """What a file has behind a log that is closed is the run's next attempt: somebody has begun again where it ended."""
        mark = self._mark
        first = mark.file_byte + log.end_byte - mark.base_byte
        following = next(islice(attempts(mark.run_id), 1, None))
        self._mark = replace(mark, run_id=following, file_byte=first, base_byte=0, base_crc32=0, gaps=(), proved=True)
        self._setting.marks.save(self.path, self._mark)
        self._start_reading(first)
        self._at, self._crc32, self._pending, self._generation_over, self._known = 0, 0, b"", False, True

    def _goes_on(self, log: Log) -> bool:
        """Returns whether the server is where it was left, or has taken what its answer was lost of."""
        if not self._known or self._at + self._offset == 0:
            return False
        for taken in {0, min(len(self._pending), self.batch_bytes)}:
            crc32 = zlib.crc32(self._pending[:taken], self._crc32)
            if (log.end_byte, log.crc32) == (self._at + taken, crc32):
                self._at, self._crc32, self._pending = log.end_byte, crc32, self._pending[taken:]
                return True
        return False

    def _find(self, log: Log) -> bool:
        """Looks for the file that the log's last bytes came from: the marked one first, then those of its name."""
        wanted = (self._mark.device, self._mark.inode)
        places = [self.path, *(path for path, _ in siblings(self.path))]
        for path in sorted(places, key=lambda path: (look(path) or (0, 0))[:2] != wanted):
            # Where nothing is to be compared, only the file itself will do.
            itself = path == self.path or (look(path) or (0, 0))[:2] == wanted
            if (itself or log.end_byte > self._mark.base_byte) and self._holds(path, log):
                status = os.fstat(self._file)
                self._remember(device=status.st_dev, inode=status.st_ino)
                return True
        return False

    def _holds(self, path: Path, log: Log) -> bool:
        """Returns whether the file begins with what the server has; then it is open, and read up to there."""
        self.close()
        if log.end_byte < self._mark.base_byte:
            return False
        try:
            self._file = opened(path)
        except FileNotFoundError:
            return False
        mark = self._mark
        self._start_reading(mark.file_byte)
        at, crc32, self._pending, self._generation_over = mark.base_byte, mark.base_crc32, b"", False
        for piece in self._pieces():
            part = piece[: log.end_byte - at]
            at, crc32 = at + len(part), zlib.crc32(part, crc32)
            self._pending = piece[len(part) :]
            if at == log.end_byte and (self._pending or crc32 == log.crc32):
                break
        self._at, self._crc32 = at, crc32
        return (at, crc32) == (log.end_byte, log.crc32)

    def _pieces(self) -> Iterator[bytes]:
        """Yields what would be sent of the file, from its beginning."""
        yield b""
        while raw := os.pread(self._file, BATCH_BYTES, self._offset):
            self._pending = b""
            self._take(raw)
            yield self._pending
        yield self._filter.flush()

    def _meet_anew(self, client: Writer) -> Log:
        """Takes the file for a new one under an old name: its inode makes it a run of its own."""
        device, inode = (look(self.path) or (0, 0))[:2]
        run_id = identity(str(self.path), str(device), str(inode))
        self._mark = Note(self._mark.job_name, run_id, self._mark.task)
        self._own_run = self._known = False
        return self._meet(client)

    def _accept_loss(self, client: Writer, log: Log) -> None:
        """What the server has lost is of files before the present one: says so in the log, and sends that file again."""
        mark, newlines = self._mark, int(log.partial_byte < log.end_byte)
        lost = Gap(log.end_byte + newlines, mark.base_byte - log.end_byte, LOST_THERE)
        text = b"\n" * newlines + notice(lost.size_bytes, LOST_THERE)
        client.send_bytes(log.ref, log.end_byte, text)
        self.close()
        self._at, self._crc32, self._pending = log.end_byte + len(text), zlib.crc32(text, log.crc32), b""
        kept = [gap for gap in mark.gaps if gap.at_byte < log.end_byte]
        self._mark = replace(mark, base_byte=self._at, base_crc32=self._crc32, gaps=(*kept, lost))
        self._setting.marks.save(self.path, self._mark)
        self._start_reading(mark.file_byte)
        self._generation_over = False

    def _accept_unknown_loss(self, log: Log) -> None:
        """The file was replaced while nobody followed it, and the one before is gone: says so in the log."""
        self.close()
        self._at, self._crc32 = log.end_byte, log.crc32
        newline = b"" if log.partial_byte == log.end_byte else b"\n"
        self._pending = newline + b"[joblog] an unknown number of bytes were not kept here (the file was replaced unseen)\n"
        self._mark = replace(self._mark, proved=False)
        self._generation_over = True
