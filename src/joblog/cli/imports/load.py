"""``joblog import``: loads files that exist already, at full speed.

Which log a file goes to depends on its path, size and time of change only, so that an import that was interrupted meets
its own log again and goes on from the log's end; that the log's bytes are the file's is proved by their CRC-32.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from joblog.agent.filters.redact import Filter
from joblog.api.refs import printable
from joblog.cli.common import connected
from joblog.cli.imports.map import Destination, checked_tree, complain, show_left_out, show_map, targets_of, targets_of_tree
from joblog.cli.imports.source import BODY_BYTES, Source, packing, zstd_library
from joblog.cli.redact import new_redactor
from joblog.client import Client, LogRef, Run
from joblog.core.labels import labels_of_pairs
from joblog.core.log_sum import LogSum
from joblog.errors import Busy, Closed, Different, Invalid, Unreachable

PAUSES_S = (0.2, 1.0, 5.0, 15.0)
"""Pauses before an append is tried again: a server's restart is outlasted, then whoever waits is told."""

SHOW_S = 0.1
"""Pause between two drawings of the progress bar."""


def load(args: argparse.Namespace) -> int:
    """Loads the files; returns 1 when a log turned out not to be complete, or a file could not be read."""
    labels = labels_of_pairs(args.label, "--label")
    new = new_redactor(args)
    tree = None
    if args.tree is not None:
        tree = checked_tree(args)
        targets = targets_of_tree(args.tree, args.job, tree)
    else:
        targets = targets_of(args.files, args.job, args.task)
    if any(packing(part) == ".zst" for target in targets for part in target.parts):
        zstd_library()
    complete = True
    if tree is not None or args.dry_run:
        show_map(targets)
        complete = tree is None or show_left_out(tree, whole=args.dry_run)
        sys.stdout.flush()
    return 0 if (args.dry_run or _load_all(args, targets, labels, new)) and complete else 1


def _load_all(
    args: argparse.Namespace, targets: Sequence[Destination], labels: Mapping[str, str], new: Callable[[], Filter] | None
) -> bool:
    client, project_id = connected(args)
    complete = True
    with client:
        for target in targets:
            try:
                with Source(target.path, new, target.older) as source:
                    complete &= _load(client, project_id, target, labels, source)
            except (OSError, Invalid, Different, Closed) as error:
                if args.tree is None:
                    raise
                complete = complain(f"{target.path} is not imported: {error}")  # one of many: the others are to be imported
    return complete


def _load(client: Client, project_id: str, target: Destination, labels: Mapping[str, str], source: Source) -> bool:
    """Loads one file and reports it; returns whether the log is complete."""
    run = client.run(project_id, target.job_name, run_id=target.run_id, task=target.task, labels=labels)
    name = f"{target.job_name}/{run.version.name}/{target.task}"
    total = _sum(source, run.log.end_byte)
    if (total.byte, total.crc32) != (run.log.end_byte, run.log.crc32):
        raise Different(f"{source.name} is not what {name} holds", run.log.end_byte)
    if target.title and run.version.title is None:
        client.describe_version(project_id, run.job.id, run.version.id, {"title": target.title})
    try:
        _send(client, run, source, total)
    except KeyboardInterrupt:
        if target.path is None:  # nobody can go on with it
            client.close_log(run.log.ref)
        raise
    crc32 = None if source.damage else total.crc32  # a part of a log is not proved to be one
    complete = client.close_log(run.log.ref, end_byte=total.byte, crc32=crc32).complete is True
    how = source.damage or ("complete" if complete else "NOT complete")
    sys.stdout.write(f"{printable(source.name)} is {name}: {total.byte} bytes, {how}\n")
    return complete and not source.damage


def _send(client: Client, run: Run, source: Source, total: LogSum) -> None:
    progress = _Progress(source, total.byte)
    while data := source.read(BODY_BYTES):
        at = total.byte
        total.take(data)
        _append(client, run.log.ref, at, data)
        progress.show(total.byte)
    progress.end()


def _append(client: Client, log: LogRef, at: int, data: bytes) -> None:
    """Appends all of ``data``, or raises."""
    for pause_s in (*PAUSES_S, None):
        try:
            client.append(log, at, data)
            return
        except (Busy, Unreachable):
            if pause_s is None:
                raise
            time.sleep(pause_s)


def _sum(source: Source, end: int) -> LogSum:
    """Returns the sum of the source's bytes up to ``end``, and leaves the source there."""
    total = LogSum()
    while total.byte < end and (data := source.read(min(BODY_BYTES, end - total.byte))):
        total.take(data)
    return total


class _Progress:
    """A line on stderr, when that is a terminal, that is drawn over and over."""

    def __init__(self, source: Source, at: int) -> None:
        self._source, self._first = source, at
        self._begun_s = time.monotonic()
        self._shown_s = 0.0
        self._on = sys.stderr is not None and sys.stderr.isatty()

    def show(self, at: int) -> None:
        """Draws how far it is, unless it was drawn a moment ago."""
        now_s = time.monotonic()
        if not self._on or now_s - self._shown_s < SHOW_S:
            return
        self._shown_s = now_s
        done, size = self._source.read_bytes, self._source.size_bytes
        bar = f"[{'#' * (30 * done // size):<30}] {100 * done // size:3}%" if size else f"{at >> 20} MiB"
        mib_s = (at - self._first) / (now_s - self._begun_s) / (1 << 20)
        sys.stderr.write(f"\r{printable(os.path.basename(self._source.name))[:30]} {bar} {mib_s:.0f} MiB/s\x1b[K")
        sys.stderr.flush()

    def end(self) -> None:
        """Takes the line away."""
        if self._on:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
