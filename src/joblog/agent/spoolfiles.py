"""The files of a spool: their names, and what is in them. Everything that is known about a spool can be read from these alone.

    meta.json                              which log it is; never changes; locked by who works on the spool
    state                                  what changes: of a fixed size, so that it can be rewritten on a full disk
    gaps.jsonl                             what could not be kept, a line each
    <position>-<crc32>.part                the log's bytes from a position on; the CRC-32 is of all bytes before it

A part's name says what is known of the bytes before it, so that removing a part takes no note: any set of
files that a ``kill -9`` leaves behind is a spool that can be opened.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from joblog.refs import Gap

STATE_BYTES = 1024
"""Size of the state's file: twice what it needs, and no more than a page, so that one write replaces it whole."""

_PART = re.compile(r"([0-9]{20})-([0-9a-f]{8})\.part")


class Meta(NamedTuple):
    """Which log a spool is for; ``url``: of which server, if somebody said so; ``tasks``: how many the run has in all.

    ``labels`` are what the job is to be labelled with.
    """

    project_id: str
    job_name: str
    run_id: str
    task: str
    url: str = ""
    host: str = ""
    tasks: int | None = None
    labels: dict[str, str] | None = None


class Outcome(NamedTuple):
    """How the run ended: ``status`` is ``COMPLETED``, ``FAILED`` or ``KILLED``, ``signal`` one's name."""

    status: str
    exit_code: int | None = None
    signal: str | None = None
    reason: str | None = None


UNKNOWN = Outcome("KILLED", reason="joblog run was killed, and what it knew of the command's end is lost")
"""How a run ended whose foreground process did not come to tell: what a scheduler saw as the run was killed."""


class State(NamedTuple):
    """``lost_bytes`` have no line in the log yet, nor have ``withheld_bytes``, which flood control took out of it.

    ``run_id`` is the one that the server's log goes by, once it is chosen. ``stopped``: the server said that the run is to end.
    """

    finished: bool = False
    lost_bytes: int = 0
    lost_reason: str = ""
    run_id: str = ""
    withheld_bytes: int = 0
    stopped: bool = False
    outcome: Outcome | None = None


class Part(NamedTuple):
    """The part that begins at position ``start``; ``crc32`` is of all bytes before."""

    start: int
    crc32: int

    @property
    def name(self) -> str:
        """Returns the file's name."""
        return f"{self.start:020d}-{self.crc32:08x}.part"


def make(root: Path, meta: Meta) -> tuple[Path, int]:
    """Makes the directory of a new spool below ``root``; returns it and its lock, which is held until it is closed."""
    # Logs hold what a job prints, secrets among it: nobody else is to read them.
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = root / f"{meta.job_name}-{meta.task}-{os.urandom(6).hex()}"
    path.mkdir(mode=0o700)
    save_state(path, State())
    (path / Part(0, 0).name).touch(mode=0o600)
    fresh = path / "meta.json.new"
    fresh.write_text(json.dumps(meta._asdict()), "utf-8")
    held = lock(fresh)
    assert held is not None  # nobody else knows of it
    fresh.replace(path / "meta.json")
    return path, held


def lock(meta_file: Path) -> int | None:
    """Returns a descriptor that keeps others away, in this process and in those it forks; None when others are there."""
    descriptor = os.open(meta_file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def load_meta(path: Path) -> Meta:
    """Returns which log the spool at ``path`` is for; raises OSError or ValueError."""
    found = json.loads((path / "meta.json").read_bytes())
    try:
        return Meta(**found)
    except TypeError as error:
        raise ValueError(f"{path} is not a spool that this joblog understands") from error


def load_state(path: Path) -> State:
    """Returns the state; raises OSError or ValueError."""
    found = json.loads((path / "state").read_bytes())
    outcome = found.pop("outcome", None)
    return State(**found, outcome=Outcome(**outcome) if outcome else None)


def save_state(path: Path, state: State) -> None:
    """Replaces the state, with one write in place: a full disk has no room for anything else."""
    outcome = state.outcome and state.outcome._asdict()
    text = json.dumps(state._asdict() | {"outcome": outcome}).encode().ljust(STATE_BYTES)
    file = os.open(path / "state", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(file, text, 0)
    finally:
        os.close(file)


def load_parts(path: Path) -> list[Part]:
    """Returns the parts in order."""
    found = (_PART.fullmatch(name) for name in os.listdir(path))
    return sorted(Part(int(match[1]), int(match[2], 16)) for match in found if match)


def load_gaps(path: Path) -> list[Gap]:
    """Returns what could not be kept; a last line that is cut off was not written."""
    try:
        lines = (path / "gaps.jsonl").read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [Gap(**json.loads(line)) for line in lines[:-1]]


def add_gap(path: Path, gap: Gap) -> None:
    """Records what could not be kept; raises OSError."""
    with (path / "gaps.jsonl").open("ab", buffering=0) as file:
        file.write(json.dumps(gap._asdict()).encode() + b"\n")


def remove(path: Path) -> None:
    """Removes a spool; what is left after a crash on the way is no spool any more."""
    (path / "meta.json").unlink()
    for file in path.iterdir():
        file.unlink()
    path.rmdir()
