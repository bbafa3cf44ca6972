"""Which log each file goes to that ``joblog import`` is given, and how that is shown."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from joblog.api.refs import legal_job_name, printable
from joblog.cli.common import show_table
from joblog.cli.imports.rotated import joined
from joblog.cli.imports.source import Source, packing
from joblog.cli.imports.tree import LogTree, tree_of
from joblog.cli.names import TITLE_CHARACTERS, checked_job, checked_task, job_of_file
from joblog.core.names import IMPORTED
from joblog.errors import Invalid, Missing

STDIN = "-"
"""The name that standard input has on command lines."""

MAX_NAMES = 5
"""Files that the map names of those it leaves out for one reason; ``--dry-run`` names all."""


@dataclass(frozen=True)
class Destination:
    """Where a file goes, standard input where ``path`` is None; ``title`` is what to call the run.

    ``older`` are the parts of a rotated log that come before it, in order.
    """

    path: Path | None
    job_name: str
    run_id: str
    task: str
    title: str = ""
    older: tuple[Path, ...] = ()

    @property
    def parts(self) -> tuple[Path, ...]:
        """All its files, the oldest part first."""
        return (*self.older, self.path) if self.path is not None else ()


def checked_tree(args: argparse.Namespace) -> LogTree:
    if args.files or args.task is not None:
        raise Invalid("--tree", "without FILE and --rank")
    if not Path(args.tree).is_dir():
        raise Invalid("--tree", "a directory", args.tree)
    tree = tree_of(Path(args.tree))
    if not tree.runs:
        show_left_out(tree, whole=args.dry_run)
        raise Invalid("--tree", "a directory with logs below it", args.tree)
    return tree


def targets_of_tree(root: str, job: str | None, tree: LogTree) -> list[Destination]:
    name = checked_job(job) if job else legal_job_name(Path(root).resolve().name)
    targets = []
    for run in tree.runs:
        files = [(rank, path, tree.older.get(path, ())) for rank, path in run.files.items()]
        run_id, title = _run_id([part for _, path, older in files for part in (*older, path)]), _title(run.title)
        targets += [Destination(path, name, run_id, f"worker-{rank}", title, older) for rank, path, older in files]
    return targets


def _title(path: str) -> str:
    text = printable(path)
    return text if len(text) <= TITLE_CHARACTERS else "…" + text[1 - TITLE_CHARACTERS :]


def targets_of(names: Sequence[str], job: str | None, task: str | None) -> list[Destination]:
    if not names:
        raise Missing("FILE", "a file, - for standard input, or --tree with a directory")
    paths = [None if name == STDIN else Path(name) for name in names]
    if paths.count(None) > 1:
        raise Invalid("FILE", "- once at most")
    for path in paths:
        _check(path)
    logs = dict(joined(path for path in paths if path is not None))
    heads: list[Path | None] = [path for path in paths if path is None or path in logs]
    if task is not None and len(heads) > 1:
        raise Invalid("--rank", "left out with several files", task)
    first = checked_task(task or "worker-0")
    if job is None:
        if None in paths:
            raise Missing("--job", "a job's name where FILE is -")
        return [
            Destination(path, job_of_file(_unpacked(path)), _run_id([*older, path]), first, older=older)
            for path, older in logs.items()
        ]
    tasks = [first] if task else [f"worker-{worker}" for worker in range(len(heads))]
    run_id = _run_id(paths)
    return [
        Destination(path, checked_job(job), run_id, each, older=() if path is None else logs[path])
        for path, each in zip(heads, tasks, strict=True)
    ]


def _check(path: Path | None) -> None:
    if path is not None and not path.is_file():
        raise Invalid("FILE", "a file", str(path))
    try:
        if path is not None:
            Source(path).close()
    except OSError as error:
        raise Invalid("FILE", f"a file that can be read ({error.strerror})", str(path)) from error


def _unpacked(path: Path) -> Path:
    return path.with_suffix("") if packing(path) else path


def _run_id(paths: Iterable[Path | None]) -> str:
    """Returns what identifies the files as they are now, without reading them; standard input is another one each time."""
    identity = hashlib.sha256()
    for path in paths:
        if path is None:
            identity.update(os.urandom(16))
            continue
        status = path.stat()
        identity.update(f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape"))
    return f"{IMPORTED}{identity.hexdigest()}"


def show_map(targets: Sequence[Destination]) -> None:
    """Writes which runs will be made of which files."""
    runs: dict[tuple[str, str], list[Destination]] = {}
    for target in targets:
        runs.setdefault((target.job_name, target.run_id), []).append(target)
    rows = []
    for (job, _), ranks in runs.items():
        paths = [part for target in ranks for part in target.parts]
        numbers = _spans(int(target.task.removeprefix("worker-")) for target in ranks)
        size = sum(path.stat().st_size for path in paths) if paths else "-"
        packed = " (packed)" if any(packing(path) for path in paths) else ""
        parts = f" ({len(paths)} parts)" if any(target.older for target in ranks) else ""
        name = ranks[0].title or ", ".join(str(target.path) for target in ranks if target.path) or STDIN
        rows.append((job, f"{name}{parts}", numbers, f"{size}{packed}"))
    show_table(("JOB", "RUN", "RANK", "BYTES"), rows)


def _spans(numbers: Iterable[int]) -> str:
    """Returns numbers as ``0-7,9``."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def show_left_out(tree: LogTree, *, whole: bool) -> bool:
    """Writes what is not imported; returns whether all could be looked at."""
    for why, paths in tree.left_out.items():
        shown = paths if whole else paths[:MAX_NAMES]
        more = f" and {len(paths) - len(shown)} more" if len(paths) > len(shown) else ""
        sys.stdout.write(f"left out, {why}: {', '.join(map(printable, shown))}{more}\n")
    return all([complain(str(error)) for error in tree.unread])


def complain(line: str) -> bool:
    """Says what is wrong with one file, which keeps nobody from the next one; returns False."""
    if sys.stderr is not None:
        sys.stdout.flush()
        sys.stderr.write(f"joblog: {printable(line)}\n")
    return False
