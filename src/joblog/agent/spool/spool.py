"""The spool: everything that was read from the job, on local disk, until the server has it.

The log's bytes are in parts (``parts.py``); those that the server has are removed. What the disk, or the spool's limit, has no
room for is counted, and becomes a line in the log and a gap.

One thread appends; another one reads and acknowledges. A spool can be opened again after any death (``files.py``
says how). Nothing is fsynced: it outlives every process, as the page cache does, but not a power cut, whose price (an
fsync per print) no job would pay.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from joblog.agent.spool import files
from joblog.agent.spool.files import Meta, Outcome, SpoolState
from joblog.agent.spool.parts import CANNOT_SPLICE, MEMORY_BYTES, PART_BYTES, SpoolParts
from joblog.agent.spool.resumed import Resumption, notice, resumed_at
from joblog.api.refs import Gap
from joblog.api.settings import LIMIT_BYTES, MEMORY

__all__ = ["LIMIT_BYTES", "Meta", "Spool"]
PARTS = 8
"""Fewest parts that the limit is made of: what is acknowledged is given back by whole ones."""

NOTICE_BYTES = 256
"""Room that is wanted for the line that stands for lost bytes."""

WITHHELD = "flood control"
"""Why bytes are missing that flood control took out."""

DAMAGED = b"what was written: the spool was damaged\n"
"""The end of the line that stands behind bytes that a disk has changed."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def limit_of(path: Path | None, limit_bytes: int) -> int:
    """Returns the limit of the spool at ``path``, which is less where that is in memory, for want of a disk."""
    return min(limit_bytes, MEMORY_BYTES) if path is None or path.is_relative_to(MEMORY) else limit_bytes


class Spool:
    """One log's spool, open for appending at its end and for reading."""

    def __init__(
        self, path: Path | None, *, meta: Meta | None = None, limit_bytes: int = LIMIT_BYTES, part_bytes: int = PART_BYTES
    ) -> None:
        """Opens the spool at ``path``, whose lock the caller has; raises OSError or ValueError.

        ``meta`` says which log it is, where its own notes do not. Without a path it is new, and in memory alone.
        """
        self.place = path  # None: in memory alone
        self.meta = meta or files.load_meta(path or Path())
        self._limit_bytes = limit_bytes
        state = files.load_state(path) if path else SpoolState()
        self.is_state_lost = state is None
        """Whether neither of both states was whole, so that what they knew has to be found out anew."""
        self._state = state or SpoolState()
        self._gaps = files.load_gaps(path) if path else []
        self._parts = SpoolParts(path, max(1, min(part_bytes, limit_bytes // PARTS)))
        self._lost_reason = self._state.lost_reason
        self._grown = threading.Condition()
        self._finished = threading.Event()
        self._left = self._keeps_no_more = False
        if not self._state.finished:
            self._take_note_of_notice()
            return
        self._finished.set()
        for size_bytes, why in ((self._state.withheld_bytes, WITHHELD), (self._state.lost_bytes, self._lost_reason)):
            self._gaps.extend([Gap(self.end_byte, size_bytes, why)] if size_bytes else [])

    @classmethod
    def create(cls, root: Path, meta: Meta, *, limit_bytes: int = LIMIT_BYTES, part_bytes: int = PART_BYTES) -> Spool:
        """Makes a new spool in a directory of its own below ``root``, locked by this process; raises OSError."""
        path, _ = files.make(root, meta)
        return cls(path, limit_bytes=limit_bytes, part_bytes=part_bytes)

    @property
    def path(self) -> Path:
        """Its directory, where it has one."""
        assert self.place is not None
        return self.place

    @property
    def start_byte(self) -> int:
        """The position of the first byte that is still here."""
        return self._parts.start

    @property
    def end_byte(self) -> int:
        """The position that the next byte will get."""
        return self._parts.end

    @property
    def crc32(self) -> int:
        """The CRC-32 of all bytes from 0 to ``end_byte``, as they were written."""
        return self._parts.crc32

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be kept."""
        return tuple(self._gaps)

    # For a spool that was left: whether its bytes are what the job wrote

    def prove(self) -> None:
        """Takes the bytes for those that the job has written: by a process that takes over at once."""
        self._parts.prove()

    def verify(self) -> None:
        """Looks for what the disk has damaged or lost, and has a line in the log for it; raises OSError."""
        self._parts.verify()
        if self._parts.missing_bytes:
            self._reopen()
            self._lost_reason = "lost from the spool"
            self._note(lost_bytes=self._state.lost_bytes + self._parts.missing_bytes, lost_reason=self._lost_reason)
        if self.damaged and self._read_to_end(max(self.end_byte - len(DAMAGED), self.start_byte)) != DAMAGED:
            self._reopen()
            where = ", ".join(f"{each.start} to {each.stop}" for each in self.damaged)
            before = b"" if self._parts.last == b"\n" else b"\n"
            self._write(before + f"[joblog] bytes {where} of this log are not ".encode() + DAMAGED)

    def _reopen(self) -> None:
        if self._state.finished:
            self._finished.clear()
            self._note(finished=False)

    @property
    def damaged(self) -> list[range]:
        """Which bytes are not what the job wrote, as far as ``verify`` was called."""
        return self._parts.damaged

    @property
    def is_proved(self) -> bool:
        """Whether the checksum of every byte was made when it was written."""
        return self._parts.is_proved

    # For the thread that reads the job

    def take(self, source: int, size: int) -> bytes:
        """Moves up to ``size`` bytes from the pipe ``source`` to the log's end and returns them; none at the pipe's end.

        The kernel moves them in one call: whoever is killed before or after it, they are in the pipe or in the spool.
        From what is no pipe they are read and then appended.
        """
        if self._has_room() and self._settle():
            try:
                data = self._parts.splice(source, min(size, self._room()))
            except OSError as error:
                if error.errno not in CANNOT_SPLICE:
                    self._refused(error)
                    return self._lose(os.read(source, size))
            else:
                return self._grown_by(data)
        data = os.read(source, size)
        self.append(data)
        return data

    def append(self, data: bytes) -> None:
        """Takes the log's next bytes, all or none of them; what there is no room for is counted as a gap."""
        if not data:
            return
        if not (self._has_room(len(data)) and self._settle() and self._write(data)):
            self._lose(data)

    def _settle(self) -> bool:
        """Puts a line in the place of what was lost; returns whether there is nothing left that needs one."""
        return not self._state.lost_bytes or self._write_notice(self._state.lost_bytes, self._lost_reason, lost_bytes=0)

    # For the thread that reads the job, where what it reads is not what is kept (``intake.py``)

    @property
    def lost_bytes(self) -> int:
        """How many bytes are lost and have no line yet."""
        return self._state.lost_bytes

    def settle(self) -> None:
        """Puts a line in the place of what was lost, if there is room."""
        if self._has_room(1 + NOTICE_BYTES):
            self._settle()

    def append_settled(self, data: bytes) -> None:
        """Takes the log's next bytes as ``append`` does, but writes nothing else: ``settle`` comes first."""
        if data and (self._state.lost_bytes or not self._has_room(len(data)) or not self._write(data)):
            self._lose(data)

    def note_gap(self, gap: Gap) -> None:
        """Records what is missing, and has its line in the log; may be said again."""
        if gap in self._gaps:
            return
        self._gaps.append(gap)
        try:
            if self.place:
                files.add_gap(self.place, gap)
        except OSError:
            pass  # its line is in the log

    def note_withheld(self, size_bytes: int) -> None:
        """Notes how many bytes flood control holds back that have no line yet, lest a death makes them forgotten."""
        if size_bytes != self._state.withheld_bytes:
            self._note(withheld_bytes=size_bytes)

    def keep_no_more(self, reason: str) -> None:
        """Has all that comes from now on counted, and not kept; ``finish`` puts the line in its place."""
        self._settle()
        self._keeps_no_more, self._lost_reason = True, reason

    def finish(self) -> None:
        """Says that no more bytes will come; may be said again. Raises OSError when that could not be saved."""
        if self._finished.is_set():
            return
        self._keeps_no_more = False
        self._parts.use_last_room()
        self._settle_withheld()
        if not self._settle():
            self._gaps.append(Gap(self.end_byte, self._state.lost_bytes, self._lost_reason))
        with self._grown:
            try:
                self._save(finished=True)
            finally:
                self._finished.set()
                self._grown.notify_all()

    def _settle_withheld(self) -> None:
        """Who held it back was killed together with who could have gone on: it is not known any more what it was."""
        if (size_bytes := self._state.withheld_bytes) and not self._write_notice(size_bytes, WITHHELD, withheld_bytes=0):
            self._gaps.append(Gap(self.end_byte, size_bytes, WITHHELD))

    def _room(self) -> int:
        return self._limit_bytes - (self.end_byte - self.start_byte)

    def _has_room(self, size: int = 1) -> bool:
        if self._keeps_no_more:
            return False
        if self._room() >= size:
            return True
        self._lost_reason = "spool full"
        return False

    def _lose(self, data: bytes) -> bytes:
        if data:
            self._note(lost_bytes=self._state.lost_bytes + len(data), lost_reason=self._lost_reason)
        return data

    def _write_notice(self, size_bytes: int, reason: str, **settled: int) -> bool:
        """Puts the line that stands for lost bytes in their place, so that readers of any API see it."""
        before = b"" if self._parts.last == b"\n" else b"\n"
        gap = Gap(self.end_byte + len(before), size_bytes, reason)
        if not self._write(before + notice(size_bytes, reason)):
            return False
        self.note_gap(gap)
        self._note(**settled)
        return True

    def _take_note_of_notice(self) -> None:
        """The process before this one may have been killed when it had written that line, and not yet noted that."""
        line = notice(self._state.lost_bytes, self._lost_reason)
        at = self.end_byte - len(line)
        if self._state.lost_bytes and at >= self.start_byte and self._read_to_end(at) == line:
            self.note_gap(Gap(at, self._state.lost_bytes, self._lost_reason))
            self._note(lost_bytes=0)

    def _read_to_end(self, at: int) -> bytes:
        data = b""
        while piece := self.read(at + len(data), self.end_byte - at - len(data)):
            data += piece
        return data

    def _note(self, **changed: object) -> None:
        """Changes the state; what the disk refuses is known here, as long as this process lives."""
        with self._grown:
            try:
                self._save(**changed)
            except OSError:
                pass

    def _write(self, data: bytes) -> bool:
        try:
            self._parts.write(data)
        except OSError as error:
            self._refused(error)
            return False
        self._grown_by(data)
        return True

    def _refused(self, error: OSError) -> None:
        self._lost_reason = "spool full" if error.errno in _FULL else f"spool: {error.strerror}"

    def _grown_by(self, data: bytes) -> bytes:
        if data:
            with self._grown:
                self._grown.notify_all()
        return data

    def _save(self, **changed: object) -> None:
        """Changes the state, here whatever happens and on disk if it can be; the caller holds the lock."""
        changed["saves"] = self._state.saves + 1
        self._state = self._state._replace(**changed)  # type: ignore[arg-type]  # each is a field's
        if self.place:
            files.save_state(self.place, self._state)

    # For the thread that ships

    @property
    def finished(self) -> bool:
        """Whether no more bytes will come."""
        return self._finished.is_set()

    @property
    def chosen_run_id(self) -> str:
        """The run id that the server's log goes by; empty as long as none was chosen."""
        return self._state.run_id

    def choose_run_id(self, run_id: str) -> None:
        """Notes the run id that the server's log goes by, before anything is sent to it.

        On a disk that takes no note the log goes there all the same: another process would make another attempt of it.
        """
        self._note(run_id=run_id)

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended; None as long as that is not known."""
        return self._state.outcome

    def note_outcome(self, outcome: Outcome) -> None:
        """Notes how the run ended, for whoever ships the spool."""
        self._note(outcome=outcome)

    @property
    def left(self) -> bool:
        """Whether the command has ended, and processes that it left behind still write."""
        return self._left

    def note_left(self) -> None:
        """Says that it is so."""
        with self._grown:
            self._left = True
            self._grown.notify_all()

    @property
    def stopped(self) -> bool:
        """Whether the server has said that the run is to end."""
        return self._state.stopped

    def note_stopped(self) -> None:
        """Notes that the server has said so, for whoever sees the end."""
        self._note(stopped=True)

    def wait_for_byte(self, at: int, *, or_left: bool = False) -> None:
        """Waits until the byte at position ``at`` is there, or no more will come; or, ``or_left``, ``note_left`` is called."""
        with self._grown:
            self._grown.wait_for(lambda: self.end_byte > at or self._finished.is_set() or (or_left and self._left))

    def wait_for_finish(self, timeout_s: float) -> bool:
        """Waits until no more bytes will come, at most ``timeout_s``; returns whether it is so."""
        return self._finished.wait(timeout_s)

    def read(self, at: int, size: int) -> bytes:
        """Returns up to ``size`` bytes from position ``at``: fewer at the end of a part, none at the end of the log."""
        return self._parts.read(at, size)

    def crc32_to(self, end: int) -> int:
        """Returns the CRC-32 of the bytes from 0 to ``end``, a position from ``start_byte`` to ``end_byte``, as they are."""
        return self._parts.crc32_to(end)

    def acknowledge(self, end: int) -> None:
        """Removes the parts that hold nothing from position ``end`` on."""
        self._parts.acknowledge(end)

    def take_back(self, end: int) -> None:
        """Says that the server has lost what it had acknowledged from position ``end`` on."""
        self._parts.take_back(end)

    @property
    def resumed(self) -> Resumption | None:
        """How the log goes on behind bytes that the server has lost and that are not here any more, if there are any."""
        return self._state.resumed

    def resume(self, end_byte: int, crc32: int, lost_bytes: int, *, in_line: bool) -> None:
        """Has the log go on at the server's end, with a line for what is lost, and then with all that is here."""
        left = self.start_byte, self.crc32_to(self.start_byte)
        resumed = resumed_at(end_byte, crc32, in_line=in_line, lost_bytes=lost_bytes, spool=left)
        self.note_gap(resumed.gap)
        self._note(resumed=resumed)

    def remove(self) -> None:
        """Removes the spool from the disk; raises OSError."""
        self._parts.close()
        if self.place and self.place.exists():
            files.remove(self.place)

    @property
    def whereabouts(self) -> str:
        """What to say of where its bytes are, behind "it is"."""
        return f"kept in {self.place}" if self.place else "in memory, until joblog ends"
