"""``joblog import``: loads files that exist already, at full speed.

Which log a file goes to depends on its path, size and time of change only, so that an import that was interrupted meets
its own log again and goes on from the log's end; that the log's bytes are the file's is proved by their CRC-32.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from joblog.agent.filters.redact import Redactor
from joblog.cli.common import connected
from joblog.cli.names import checked_job, checked_task, job_of_file
from joblog.cli.redact import new_redactor
from joblog.client import Appended, Client, LogRef
from joblog.core.labels import labels_of_pairs
from joblog.core.log_sum import LogSum
from joblog.errors import Busy, Different, Invalid, Missing, Unreachable

BODY_BYTES = 8 << 20
"""Body size: the server seals 4 MiB and more at once, past the catalog, and takes at most 16."""

PAUSES_S = (0.2, 1.0, 5.0, 15.0)
"""Pauses before an append is tried again: a server's restart is outlasted, then whoever waits is told."""

SHOW_S = 0.1
"""Pause between two drawings of the progress bar."""


@dataclass(frozen=True)
class _Target:
    path: Path
    job_name: str
    run_id: str
    task: str
    labels: Mapping[str, str]


def load(args: argparse.Namespace) -> int:
    """Loads the files; returns 1 when a log turned out not to be complete."""
    if args.tree is not None:
        return _load_tree(args)
    if not args.files:
        raise Missing("FILE", "a file, or --tree with a directory")
    labels = labels_of_pairs(args.label, "--label")
    targets = _targets([Path(name) for name in args.files], args.job, args.task, labels)
    new = new_redactor(args)
    client, project_id = connected(args)
    complete = True
    with client:
        for target in targets:
            with target.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                complete &= _load(client, project_id, target, _Masked(file, new()) if new else file, size)
    return 0 if complete else 1


def _load_tree(args: argparse.Namespace) -> int:
    """Loads all files below a directory: what following them once does."""
    if args.files or args.task is not None or args.label:
        raise Invalid("--tree", "without FILE, --rank and --label")
    if not Path(args.tree).is_dir():
        raise Invalid("--tree", "a directory", args.tree)
    from joblog.cli.follow import follow_once  # which needs Linux, as loading single files does not

    return follow_once(args, args.tree)


def _targets(paths: Sequence[Path], job: str | None, task: str | None, labels: Mapping[str, str]) -> list[_Target]:
    for path in paths:
        if not path.is_file():
            raise Invalid("FILE", "a file", str(path))
    if task is not None and len(paths) > 1:
        raise Invalid("--rank", "left out with several files", task)
    first = checked_task(task or "worker-0")
    if job is None:
        return [_Target(path, job_of_file(path), _run_id([path]), first, labels) for path in paths]
    tasks = [first] if task else [f"worker-{worker}" for worker in range(len(paths))]
    run_id = _run_id(paths)
    return [_Target(path, checked_job(job), run_id, each, labels) for path, each in zip(paths, tasks, strict=True)]


def _run_id(paths: Sequence[Path]) -> str:
    """Returns what identifies the files as they are now, without reading them."""
    identity = hashlib.sha256()
    for path in paths:
        status = path.stat()
        identity.update(f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape"))
    return f"import:{identity.hexdigest()}"


class _Masked:
    """A file whose secrets are masked as it is read."""

    def __init__(self, file: BinaryIO, redactor: Redactor) -> None:
        self._file, self._redactor = file, redactor
        self._ready, self._ended = b"", False

    def read(self, size: int) -> bytes:
        while len(self._ready) < size and not self._ended:
            raw = self._file.read(BODY_BYTES)
            self._ended = not raw
            self._ready += self._redactor.feed(raw) if raw else self._redactor.flush()
        data, self._ready = self._ready[:size], self._ready[size:]
        return data


def _load(client: Client, project_id: str, target: _Target, file: BinaryIO | _Masked, size: int) -> bool:
    """Loads one file and reports it; returns whether the log is complete."""
    run = client.run(project_id, target.job_name, run_id=target.run_id, task=target.task, labels=target.labels)
    at, total = run.log.end_byte, _sum(file, run.log.end_byte)
    if at > size or total.crc32 != run.log.crc32:
        raise Different(f"{target.path} is not what {target.job_name}/{run.version.name}/{target.task} holds", at)
    progress = _Progress(target.path.name, at, size)
    while at < size:
        data = file.read(min(BODY_BYTES, size - at))
        if not data:
            raise Invalid("FILE", "left alone while it is imported", str(target.path))
        total.take(data)
        at = _append(client, run.log.ref, at, data).end_byte
        progress.show(at)
    progress.end()
    complete = client.close_log(run.log.ref, end_byte=size, crc32=total.crc32).complete is True
    name = f"{target.job_name}/{run.version.name}/{target.task}"
    sys.stdout.write(f"{target.path} is {name}: {size} bytes, {'complete' if complete else 'NOT complete'}\n")
    return complete


def _append(client: Client, log: LogRef, at: int, data: bytes) -> Appended:
    for pause_s in PAUSES_S:
        try:
            return client.append(log, at, data)
        except (Busy, Unreachable):
            time.sleep(pause_s)
    return client.append(log, at, data)


def _sum(file: BinaryIO | _Masked, end: int) -> LogSum:
    """Returns the sum of the file's bytes up to ``end``, and leaves the file there."""
    total = LogSum()
    while total.byte < end and (data := file.read(min(BODY_BYTES, end - total.byte))):
        total.take(data)
    return total


class _Progress:
    """A line on stderr, when that is a terminal, that is drawn over and over."""

    def __init__(self, name: str, at: int, size: int) -> None:
        self._name, self._first, self._size = name, at, size
        self._begun_s = time.monotonic()
        self._shown_s = 0.0
        self._on = sys.stderr is not None and sys.stderr.isatty()

    def show(self, at: int) -> None:
        """Draws how far it is, unless it was drawn a moment ago."""
        now_s = time.monotonic()
        if not self._on or now_s - self._shown_s < SHOW_S:
            return
        self._shown_s = now_s
        bar = "#" * (30 * at // self._size)
        mib_s = (at - self._first) / (now_s - self._begun_s) / (1 << 20)
        sys.stderr.write(f"\r{self._name[:30]} [{bar:<30}] {100 * at // self._size:3}% {mib_s:.0f} MiB/s\x1b[K")
        sys.stderr.flush()

    def end(self) -> None:
        """Takes the line away."""
        if self._on:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
