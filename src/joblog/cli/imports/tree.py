"""Which runs the files below a directory are: what ``joblog import --tree`` does, and shows before it does it.

A run is called by its path. Files whose names differ in the number of a rank alone are ranks of one run:

exp1/train.log                                  run exp1/train.log, rank 0
exp1/train.log.2.gz, train.log.1, train.log     the same log, in this order: parts of a rotated one
exp2/slurm-out.0 ... exp2/slurm-out.63          run exp2/slurm-out.*, ranks 0 to 63
exp3/rank_0/train.log, exp3/rank_1/train.log    run exp3/rank_*/train.log, ranks 0 and 1
RUN_x/attempt_0/3/stdout.log                    (torchrun) run RUN_x/attempt_0/*/stdout.log, rank 3
slurm-123_7.out                                 run slurm-123_*.out, rank 7
result_0.log ... result_9.log                   ten runs: numbers of runs, trials, seeds and the like are no ranks

What is no log is left out, and said to be.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from joblog.agent.follow.naming import why_no_log
from joblog.cli.imports.rotated import joined
from joblog.cli.imports.source import packing

_SLURM = re.compile(r"slurm-[0-9]+_([0-9]{1,6})\.out")
_RANK = re.compile(r"(?i)(?<![a-z])(?:rank|worker|node|replica)[-_.]?([0-9]{1,6})(?![0-9])")
_RANK_FOLDER = re.compile(r"(?i)(?:^|/)(?:rank|worker|node|replica)[-_.]?([0-9]{1,6})/|attempt_[0-9]+/([0-9]{1,6})/")
_LAST = re.compile(
    r"(?:[-_.]|(?<![A-Za-z])(?i:gpu|npu|device|host|pod|proc|process|task|trainer))([0-9]{1,6})(?:\.[A-Za-z]\w*)?\Z", re.ASCII
)
_NUMBERED_RUN = re.compile(
    r"(?i)(?:^|[^a-z])(?:runs?|results?|exp|experiment|trial|seed|fold|epoch|step|iter|version|v|attempt|try|lr|job|jobid)$"
    r"|[0-9]{2,4}[-_.:][0-9]{2}$"  # a date or a time
)
"""What stands before a number that is no rank's."""

_OTHER = re.compile(
    r"(?i)\.(?:pth?|ckpt|safetensors|bin|onnx|np[yz]|pkl|pickle|h5|hdf5|parquet|arrow|tfrecord|l?mdb|db|sqlite"
    r"|png|jpe?g|gif|svg|pdf|mp4|wav|zip|tar|tgz|bz2|xz|lz4|7z|so|o|pyc?|ipynb|sh|cu|cpp|c|h"
    r"|ya?ml|toml|ini|cfg|conf|json|csv|md|html|lock|pid|wandb)\Z|\.tfevents\."
)
"""Names of what a training leaves beside its logs."""

MAX_SPREAD = 2
"""A family whose highest number is more than so many times its files is no run's ranks: numbers of jobs, say."""


@dataclass(frozen=True)
class TreeRun:
    """A run that files below a directory are: what to call it, and its ranks' files."""

    title: str
    files: Mapping[int, Path]


@dataclass(frozen=True)
class LogTree:
    """What is below a directory: ``left_out`` has, by reason, the paths of what is no log; ``unread`` what cannot be read.

    ``older`` are the older parts of rotated logs, in order, by the newest one's path.
    """

    runs: Sequence[TreeRun]
    left_out: Mapping[str, Sequence[str]]
    unread: Sequence[OSError]
    older: Mapping[Path, tuple[Path, ...]] = field(default_factory=dict)


@dataclass
class _Family:
    """Files whose names differ in one number; ``sure``: that is a rank's."""

    sure: bool
    files: dict[int, str] = field(default_factory=dict)


def tree_of(root: Path) -> LogTree:
    """Returns which runs the files below ``root`` are."""
    left_out: dict[str, list[str]] = {}
    unread: list[OSError] = []
    families: dict[str, _Family] = {}
    single: list[str] = []
    logs = joined(root / path for path in _logs(root, left_out, unread))
    for path in (file.relative_to(root).as_posix() for file in logs):
        title, rank, sure = _family(path)
        family = families.setdefault(title, _Family(sure))
        if rank is None or rank in family.files:
            single.append(path)
        else:
            family.files[rank] = path
    runs = []
    for title, family in families.items():
        if family.sure or (len(family.files) > 1 and max(family.files) < MAX_SPREAD * len(family.files)):
            runs.append(TreeRun(title, {rank: root / path for rank, path in sorted(family.files.items())}))
        else:
            single += family.files.values()
    runs += [TreeRun(path, {0: root / path}) for path in single]
    return LogTree(sorted(runs, key=lambda run: _in_order(run.title)), left_out, unread, logs)


def _logs(root: Path, left_out: dict[str, list[str]], unread: list[OSError]) -> Iterator[str]:
    """Yields the paths, below ``root``, of what may be logs."""

    def leave_out(path: str, why: str) -> None:
        left_out.setdefault(why, []).append(path)

    for folder, folders, names in os.walk(root, onerror=unread.append):
        below = os.path.relpath(folder, root)
        for name in sorted(folders):
            why = "links" if os.path.islink(os.path.join(folder, name)) else why_no_log(name)
            if why is not None:
                leave_out(os.path.normpath(os.path.join(below, name)) + "/", why)
                folders.remove(name)
        folders.sort(key=_in_order)
        for name in sorted(names, key=_in_order):
            path = os.path.normpath(os.path.join(below, name))
            why = _why_left_out(root, path)
            if why is None:
                yield path
            else:
                leave_out(path, why)


def _why_left_out(root: Path, path: str) -> str | None:
    name = os.path.basename(path)
    if why := why_no_log(name):
        return why
    file = root / path
    if file.is_symlink() and file.resolve().is_relative_to(root.resolve()):
        return "links"
    if not file.is_file():
        return "no regular files"
    unpacked = name.removesuffix(packing(file))
    if _OTHER.search(unpacked) and not unpacked.lower().endswith(".log.json"):
        return "no logs, as their names say"
    return None


def _family(path: str) -> tuple[str, int | None, bool]:
    """Returns what files that differ in a rank's number alone are called together, that number, and whether that is sure."""
    unpacked = path.removesuffix(packing(Path(path)))
    folder, slash, name = unpacked.rpartition("/")
    if match := _SLURM.fullmatch(name):
        return _starred(unpacked, match, len(folder + slash))
    if matches := list(_RANK.finditer(name)):
        return _starred(unpacked, matches[-1], len(folder + slash))
    if matches := list(_RANK_FOLDER.finditer(folder + slash)):
        return _starred(unpacked, matches[-1], 0)
    last = _LAST.search(name)
    if last is None or _NUMBERED_RUN.search(name[: last.start()]):
        return path, None, False
    title, rank, _ = _starred(unpacked, last, len(folder + slash))
    return title, rank, False


def _starred(path: str, match: re.Match[str], at: int) -> tuple[str, int, bool]:
    start, end = match.span(match.lastindex or 0)
    return f"{path[: at + start]}*{path[at + end :]}", int(match[match.lastindex or 0]), True


def _in_order(text: str) -> list[tuple[int, str]]:
    """Returns what sorts names as people do: 2 before 10."""
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in re.split(r"([0-9]{1,18})", text)]
