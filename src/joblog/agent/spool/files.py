"""The files of a spool: their names, and what is in them. Everything that is known about a spool can be read from these alone.

    meta.json                              which log it is; never changes; locked by who works on the spool
    state                                  what changes: of a fixed size, so that it can be rewritten on a full disk; twice,
                                           each with its CRC-32, written in turn, so that one of them is whole whatever happens
    sum                                    the CRC-32 of all bytes, and how many they are; rewritten with each append
    gaps.jsonl                             what could not be kept, a line each
    origin.json                            what the run is called and began with, where that is recorded
    <position>-<crc32>.part                the log's bytes from a position on; the CRC-32 is of all bytes before it

Where the disk is full, parts are in a directory of the same name in memory (``memory``).

A part's name says what is known of the bytes before it, so that removing a part takes no note: any set of
files that a ``kill -9`` leaves behind is a spool that can be opened.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import stat
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from joblog.agent.spool.resumed import Resumption
from joblog.api.refs import Gap
from joblog.api.settings import MEMORY, own_name

STATE_BYTES = 1024
"""Size of each of both states in their file: twice what it needs."""

WITHHELD, GONE = "withheld", ".gone-"
"""Names beside the spools that are none: of the directory of what flood control took out, and of what is being removed."""

SUM_BYTES = 40

_PART = re.compile(r"([0-9]{20})-([0-9a-f]{8})\.part")


class Meta(NamedTuple):
    """Which log a spool is for; ``url``: of which server, if somebody said so; ``tasks``: how many the run has in all.

    ``labels`` are what the job is to be labelled with, ``terminal_rows`` how high the terminal is that the command gets.
    """

    project_id: str
    job_name: str
    run_id: str
    task: str
    url: str = ""
    host: str = ""
    tasks: int | None = None
    labels: dict[str, str] | None = None
    terminal_rows: int | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What each report of the run says of it."""
        return {"host": self.host or None, "tasks": self.tasks, "terminal_rows": self.terminal_rows}


class Outcome(NamedTuple):
    """How the run ended: ``status`` is ``COMPLETED``, ``FAILED`` or ``KILLED``, ``signal`` one's name."""

    status: str
    exit_code: int | None = None
    signal: str | None = None
    reason: str | None = None


UNKNOWN = Outcome("KILLED", reason="joblog run was killed, and what it knew of the command's end is lost")
"""How a run ended whose foreground process did not come to tell: what a scheduler saw as the run was killed."""


class SpoolState(NamedTuple):
    """``lost_bytes`` have no line in the log yet, nor have ``withheld_bytes``, which flood control took out of it.

    ``run_id`` is the one that the server's log goes by, once it is chosen. ``stopped``: the server said that the run is to end.
    ``saves`` is how often the state was saved. ``resumed`` says how the log goes on behind bytes that the server has lost.
    """

    finished: bool = False
    lost_bytes: int = 0
    lost_reason: str = ""
    run_id: str = ""
    withheld_bytes: int = 0
    stopped: bool = False
    outcome: Outcome | None = None
    saves: int = 0
    resumed: Resumption | None = None


class SpoolPart(NamedTuple):
    """The part that begins at position ``start``; ``crc32`` is of all bytes before."""

    start: int
    crc32: int
    memory: Path | None = None
    """The directory that it is in, if that is not the spool's."""
    descriptor: int = -1
    """What it is open under, where it has no name: memory of this process and of those that it forks."""

    @property
    def name(self) -> str:
        """Returns the file's name."""
        return f"{self.start:020d}-{self.crc32:08x}.part"

    @property
    def in_memory(self) -> bool:
        """Whether it is in memory, as the disk had no room."""
        return self.memory is not None or self.descriptor >= 0

    def file(self, spool: Path | None) -> Path:
        """Returns the file, of the spool at ``spool``; None where all parts are without names."""
        if self.descriptor >= 0:
            return Path(f"/proc/self/fd/{self.descriptor}")
        place = self.memory or spool
        assert place is not None
        return place / self.name

    def remove(self, spool: Path | None) -> None:
        """Removes it; raises OSError."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        else:
            self.file(spool).unlink(missing_ok=True)


class Sum(NamedTuple):
    """The CRC-32 of all bytes before ``end_byte``, as they were written."""

    end_byte: int
    crc32: int


def nameless(start: int, crc32: int) -> SpoolPart:
    """Returns a new part in memory that needs no directory; raises OSError."""
    return SpoolPart(start, crc32, descriptor=os.memfd_create("joblog"))


def make(root: Path, meta: Meta) -> tuple[Path, int]:
    """Makes the directory of a new spool below ``root``; returns it and its lock, which is held until it is closed."""
    # Logs hold what a job prints, secrets among it: nobody else is to read them.
    if root.parent.name == own_name():
        own_directory(root.parent.parent)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = root / f"{meta.job_name}-{meta.task}-{os.urandom(6).hex()}"
    path.mkdir(mode=0o700)
    try:
        return path, _fill(path, meta)
    except OSError:
        try:
            remove(path)  # half a spool is none
        except OSError:
            pass
        raise


def _fill(path: Path, meta: Meta) -> int:
    for number in (0, 1):
        save_state(path, SpoolState(saves=number))
    file = os.open(path / "sum", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        save_sum(file, Sum(0, 0))
    finally:
        os.close(file)
    (path / SpoolPart(0, 0).name).touch(mode=0o600)
    fresh = path / "meta.json.new"
    fresh.write_text(json.dumps(meta._asdict()), "utf-8")
    locked = _locked(fresh)
    assert locked is not None  # nobody else knows of it
    fresh.replace(path / "meta.json")
    return locked


def lock(path: Path) -> int | None:
    """Returns a descriptor that keeps others away, in this process and in those it forks; None when others are there.

    The notes are locked, or the directory if there are none; raises OSError.
    """
    try:
        return _locked(path / "meta.json")
    except FileNotFoundError:
        return _locked(path)


def _locked(file: Path) -> int | None:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def load_meta(path: Path) -> Meta:
    """Returns which log the spool at ``path`` is for; raises OSError or ValueError."""
    try:
        meta = Meta(**json.loads((path / "meta.json").read_bytes()))
    except FileNotFoundError as error:
        raise ValueError("its notes are gone: meta.json") from error
    except (ValueError, TypeError) as error:
        raise ValueError("its notes are damaged: meta.json") from error
    if not all(isinstance(name, str) and name for name in (meta.project_id, meta.job_name, meta.run_id, meta.task)):
        raise ValueError("its notes are damaged: meta.json")
    return meta


def save_origin(path: Path, facts: Mapping[str, str]) -> None:
    """Saves what the run is called and began with, whole or not at all; raises OSError."""
    fresh = path / "origin.json.new"
    fresh.write_text(json.dumps(facts), "utf-8")
    fresh.replace(path / "origin.json")


def load_origin(path: Path) -> dict[str, str] | None:
    """Returns that; None where it was not saved, or is damaged."""
    try:
        origin = json.loads((path / "origin.json").read_bytes())
    except (OSError, ValueError):
        return None
    return origin if isinstance(origin, dict) else None


def load_state(path: Path) -> SpoolState | None:
    """Returns the state that was saved last and is whole; None where none is. Raises OSError."""
    try:
        data = (path / "state").read_bytes()
    except FileNotFoundError:
        return None
    states = [_state(data[at : at + STATE_BYTES]) for at in (0, STATE_BYTES)]
    return max((state for state in states if state is not None), key=lambda state: state.saves, default=None)


def _state(data: bytes) -> SpoolState | None:
    crc32, _, text = data.partition(b" ")
    try:
        if int(crc32, 16) != zlib.crc32(text):
            return None
        state = json.loads(text)
        outcome, resumed = state.pop("outcome"), state.pop("resumed", None)
        known = SpoolState(**state, outcome=Outcome(**outcome) if outcome else None)
        return known._replace(resumed=Resumption(*resumed) if resumed else None)
    except (ValueError, TypeError, KeyError):
        return None


def save_state(path: Path, state: SpoolState) -> None:
    """Saves the state in place of the last but one: a full disk has no room for anything else. Raises OSError."""
    outcome = state.outcome and state.outcome._asdict()
    known = state._asdict() | {"outcome": outcome}
    if known["resumed"] is None:
        del known["resumed"]  # an older joblog knows no such thing
    text = json.dumps(known).encode().ljust(STATE_BYTES - 9)
    file = os.open(path / "state", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(file, b"%08x " % zlib.crc32(text) + text, state.saves % 2 * STATE_BYTES)
    finally:
        os.close(file)


def load_sum(path: Path) -> Sum | None:
    """Returns the sum; None where there is none that is whole."""
    try:
        end_byte, crc32, own_crc32 = (path / "sum").read_bytes().split()
        known = Sum(int(end_byte), int(crc32, 16))
        return known if int(own_crc32, 16) == zlib.crc32(b"%d %08x" % known) else None
    except (OSError, ValueError):
        return None


def save_sum(file: int, known: Sum) -> None:
    """Saves the sum in place; raises OSError."""
    text = b"%d %08x" % known
    os.pwrite(file, (b"%b %08x" % (text, zlib.crc32(text))).ljust(SUM_BYTES), 0)


def load_parts(path: Path) -> list[SpoolPart]:
    """Returns the parts in order; where one is on disk, too, for which there was no room there, the one in memory."""
    parts = dict[int, SpoolPart]()
    for place in (None, MEMORY / own_name() / path.name):
        try:
            names = os.listdir(place or path)
        except FileNotFoundError:
            continue
        for match in filter(None, map(_PART.fullmatch, names)):
            parts[int(match[1])] = SpoolPart(int(match[1]), int(match[2], 16), place)
    return sorted(parts.values())


def memory(path: Path) -> Path | None:
    """Returns the directory in memory for parts of the spool at ``path``; None where there can be none."""
    try:
        own = own_directory(MEMORY) / path.name
        own.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return own


def own_directory(place: Path) -> Path:
    """Returns this user's directory in a place that all users share; raises OSError where it is not this user's alone."""
    own = place / own_name()
    own.mkdir(mode=0o700, exist_ok=True)
    check_own(own)
    return own


def check_own(own: Path) -> None:
    """Raises OSError where a directory is not this user's alone."""
    status = own.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise PermissionError(errno.EPERM, "it is not this user's alone", str(own))


def load_gaps(path: Path) -> list[Gap]:
    """Returns what could not be kept; a line that is cut off, or damaged, stands in the log still."""
    lines = list[bytes]()
    for place in (path, MEMORY / own_name() / path.name):
        try:
            lines += (place / "gaps.jsonl").read_bytes().split(b"\n")[:-1]
        except OSError:
            continue
    return [gap for gap in map(_gap, lines) if gap is not None]


def _gap(line: bytes) -> Gap | None:
    try:
        return Gap(**json.loads(line))
    except (ValueError, TypeError):
        return None


def add_gap(path: Path, gap: Gap) -> None:
    """Records what could not be kept, in memory where the disk is full; raises OSError."""
    line = json.dumps(gap._asdict()).encode() + b"\n"
    try:
        _add_line(path / "gaps.jsonl", line)
    except OSError:
        if (place := memory(path)) is None:
            raise
        _add_line(place / "gaps.jsonl", line)


def _add_line(path: Path, line: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        if file.write(line) < len(line):
            raise OSError(errno.ENOSPC, "cut off", str(path))


def remove(path: Path) -> None:
    """Removes a spool; what is left after a crash on the way is no spool any more. Raises OSError."""
    gone = path.rename(path.with_name(f"{GONE}{path.name}"))
    for place in (MEMORY / own_name() / path.name, gone):
        if place.exists():
            for file in place.iterdir():
                file.unlink()
            place.rmdir()
