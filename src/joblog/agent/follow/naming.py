"""Which files are followed, and which log each of them is: rules that need nothing but the paths.

slurm-123.out, slurm-123_7.out           job: the directory's name; run slurm-123; worker-0, worker-7
RUN_x/attempt_0/3/stdout.log             (torchrun) job: RUN; a run for each attempt; worker-3
RUN_x/attempt_0/3/stderr.log             the same, job RUN-stderr
with --job, and all files of a directory one job, a worker for each file: the number in rank3 or worker-3, else the next one
anything else                            a job named after the file, worker-0
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import socket
import stat
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from joblog.api.refs import legal_job_name

_SLURM = re.compile(r"slurm-([0-9]+)(?:_([0-9]{1,6}))?\.out")
_TORCHRUN = re.compile(
    r"(?:(?P<log_dir>[^/]+)/)?(?P<run>[^/]+)/attempt_(?P<attempt>[0-9]+)/(?P<rank>[0-9]{1,6})/(?P<stream>std(?:out|err))\.log$"
)
_NUMBERED = re.compile(r"(?:rank|worker)[-_.]?([0-9]{1,6})(?![0-9])", re.IGNORECASE)
_OLDER_PART = re.compile(r"[.-][0-9][0-9T:._-]*")
_PACKED = (".gz", ".zst", ".bz2", ".xz", ".lz4")
_EDITORS = ("~", ".swp", ".swo", ".swx", ".bak", ".orig")

NEXT_WORKER = -1


@dataclass(frozen=True)
class Target:
    """The log that a file is; ``worker`` is ``NEXT_WORKER`` where the next free number of the run is meant.

    ``own_run`` says that the run is this file's alone, so that another run id may be taken when the log turns out to
    be of a file that had this name before.
    """

    job_name: str
    run_id: str
    worker: int = 0
    own_run: bool = False


def identity(*words: str) -> str:
    """Returns a run id that is the same whenever ``words`` are, on this machine."""
    text = "\0".join((socket.gethostname(), *words)).encode(errors="surrogateescape")
    return f"follow:{hashlib.sha256(text).hexdigest()[:32]}"


def target(path: Path, base: Path | None, job_name: str | None, run_id: str | None) -> Target:
    """Returns the log that the file at the absolute ``path`` is; ``base`` is the directory that was named, if one was."""
    numbered = _NUMBERED.search(path.name)
    if slurm := _SLURM.fullmatch(path.name):
        return Target(job_name or legal_job_name(path.parent.name), run_id or f"slurm-{slurm[1]}", int(slurm[2] or 0))
    if match := _TORCHRUN.search(path.as_posix()):
        return _torchrun(path, match, job_name, run_id)
    if job_name or run_id or base:
        whole = base or Path("/")
        named = job_name or legal_job_name(base.name if base else path.stem)
        return Target(named, run_id or identity(named, str(whole)), int(numbered[1]) if numbered else NEXT_WORKER)
    return Target(legal_job_name(path.stem), identity(str(path)), own_run=True)


def _torchrun(path: Path, match: re.Match[str], job_name: str | None, run_id: str | None) -> Target:
    rendezvous = match["run"].rpartition("_")[0] or match["run"]
    if rendezvous == "none":  # torchrun's own when none is given
        rendezvous = match["log_dir"] or rendezvous
    named = job_name or legal_job_name(rendezvous)
    if match["stream"] == "stderr":
        named = f"{named[:57]}-stderr"
    run = f"{run_id}.{match['attempt']}" if run_id else identity(str(path.parent.parent))
    return Target(named, run, int(match["rank"]))


def files(patterns: Sequence[str]) -> Iterator[tuple[Path, Path | None]]:
    """Yields, in order, the files that ``patterns`` (paths, globs, directories) name now, and the directory they are of.

    Left out are packed files, and what is an older part of another file: ``train.log.1`` beside ``train.log``; of what is
    not named itself also what is hidden, and editors' copies.
    """
    paths: dict[Path, Path | None] = {}
    for pattern in patterns:
        # What exists under just this name is meant, though it may look like a pattern.
        itself = os.path.lexists(pattern)
        for name in [pattern] if itself else sorted(glob.glob(pattern, recursive=True)):
            path = Path(name).absolute()
            if path.is_dir():
                for one in sorted(each for each in path.rglob("*") if each.is_file()):
                    if not any(map(why_no_log, one.relative_to(path).parts)):
                        paths.setdefault(one, path)
            elif path.is_file() and (itself or not why_no_log(path.name)):
                paths.setdefault(path, None)
    beside: dict[Path, set[str]] = {}
    for path in paths:
        beside.setdefault(path.parent, set()).add(path.name)
    for path, base in paths.items():
        if path.suffix not in _PACKED and not is_older_part(path.name, beside[path.parent]):
            yield path, base


def why_no_log(name: str) -> str | None:
    """Returns what a file or directory of this name is instead of a log, in the plural; None where it may be one."""
    if name.startswith("."):
        return "hidden"
    if name.endswith(_EDITORS) or (name.startswith("#") and name.endswith("#")):
        return "editors' copies"
    return None


def unmatched(patterns: Sequence[str]) -> list[str]:
    """Returns those of ``patterns`` that name no file to follow now."""
    return [each for each in patterns if next(files([each]), None) is None]


def is_older_part(name: str, beside: Container[str]) -> bool:
    """Returns whether a file is what a rotation has made of another one that stands beside it: ``train.log.1``."""
    return newer_part(name, beside) is not None


def newer_part(name: str, beside: Container[str]) -> str | None:
    """Returns the name beside a file's of which a rotation has made the file, None where none is there."""
    names = (name[:at] for at in range(1, len(name)) if name[at] in ".-" and _OLDER_PART.fullmatch(name, at) is not None)
    return next((each for each in names if each in beside), None)


def siblings(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yields the files beside ``path`` whose name begins with its name: what a rotation has made of it."""
    try:
        with os.scandir(path.parent) as entries:
            beside = [entry.name for entry in entries if entry.name.startswith(path.name) and entry.name != path.name]
    except OSError:
        return
    for name in sorted(beside):
        try:
            status = os.stat(path.with_name(name))
        except OSError:
            continue  # gone meanwhile
        if stat.S_ISREG(status.st_mode):
            yield path.with_name(name), status
