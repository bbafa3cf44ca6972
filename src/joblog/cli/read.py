"""``joblog cat``, ``tail``, ``jobs``, ``logs``. Bytes go to stdout as they are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from joblog.cli.common import (
    connected,
    find_log,
    latest_version,
    part_of,
    show_json,
    show_table,
    shown_time,
    span,
)
from joblog.cli.live import tail_live
from joblog.cli.tail import saying, tail_matching, tail_records
from joblog.cli.together import cat_plain, tail_plain, tail_ranks
from joblog.client import Client, Job, Log
from joblog.client.links import LogPart
from joblog.errors import Invalid


def cat(args: argparse.Namespace) -> int:
    """Writes a log, or a part of it."""
    part = part_of(args.log)
    if part is not None and (args.plain or args.since or args.until or args.lines or args.bytes):
        raise Invalid("--lines, --bytes, --since, --until and --plain", "absent where LOG names a part")
    if args.plain:
        return cat_plain(args)
    if args.since or args.until:
        return _cat_moments(args)
    low, high, by_line = _wanted(args, part)
    client, project_id = connected(args)
    with client:
        log = find_log(client, project_id, args.log)
        if by_line:
            low, high = _line_start(client, log, low), None if high is None else _line_start(client, log, high)
        start, end = max(low, log.start_byte), log.end_byte if high is None else min(high, log.end_byte)
        _write(client.read(log.ref, start, end))
    return 0


def _wanted(args: argparse.Namespace, part: LogPart | None) -> tuple[int, int | None, bool]:
    """Returns both ends of what is to be written, and whether they are lines."""
    if part is not None:
        return part.start, part.end, not part.in_bytes
    return *span("--lines" if args.lines else "--bytes", args.lines or args.bytes or "0-"), bool(args.lines)


def _cat_moments(args: argparse.Namespace) -> int:
    """Writes what arrived within a time."""
    if args.lines or args.bytes:
        raise Invalid("--since and --until", "absent where --lines or --bytes is given")
    client, project_id = connected(args)
    with client:
        log = find_log(client, project_id, args.log)
        start = client.lines(log.ref, since=args.since, count=1).start_byte if args.since else log.start_byte
        end = client.lines(log.ref, since=args.until, count=1).start_byte if args.until else log.end_byte
        _write(client.read(log.ref, start, end))
    return 0


def tail(args: argparse.Namespace) -> int:
    """Writes a log's last lines, and with ``--follow`` what comes."""
    if args.json and (args.rank or args.plain or args.grep is not None):
        raise Invalid("--json", "given without --rank, --plain and --grep, which joblog search has")
    if args.rank:
        return tail_ranks(args)
    if args.plain and (args.grep is not None or (args.since and not args.follow)):
        raise Invalid("--plain", "given without --grep, and with --since only where --follow is given too")
    if args.plain and not args.follow:
        return tail_plain(args)
    if args.count < 0:
        raise Invalid("-n", "0 or more", args.count)
    client, project_id = connected(args)
    with client:
        log = find_log(client, project_id, args.log)
        at = client.lines(log.ref, since=args.since, count=1).start_byte if args.since else _tail_start(client, log, args.count)
        if args.grep is not None:
            return tail_matching(client, log, args, at)
        if args.json:
            return tail_records(client, log, args, at)
        if args.plain:
            tail_live(client, log, at)
        elif args.follow:
            _follow(client, log, at)
        else:
            _write(client.read(log.ref, at, log.end_byte))
    return 0


def jobs(args: argparse.Namespace) -> int:
    """Lists the project's jobs."""
    client, project_id = connected(args)
    with client:
        found = client.jobs(project_id, labels=args.label)
        if args.json:
            show_json(found)
        else:
            heads = ("ID", "NAME", "CREATED", "LABELS")
            show_table(heads, ((job.id, job.name, shown_time(job.created_ms), shown_labels(job)) for job in found))
    return 0


def shown_labels(job: Job) -> str:
    """Returns a job's labels in a row."""
    return " ".join(f"{name}={value}" for name, value in sorted(job.labels.items()))


def logs(args: argparse.Namespace) -> int:
    """Lists the logs of a version."""
    client, project_id = connected(args)
    with client:
        version = latest_version(client, project_id, args.job)
        found = client.logs(project_id, version.job_id, version.id)
        if args.json:
            show_json(found)
        else:
            heads = ("VERSION", "TASK", "BYTES", "LINES", "STATE", "LAST BYTES CAME")
            show_table(heads, (_log_row(version.name, log) for log in found))
    return 0


def _log_row(version: str, log: Log) -> tuple[object, ...]:
    state = {None: "closed", True: "complete", False: "incomplete"}[log.complete] if log.closed else "open"
    return version, log.task, log.end_byte, log.end_line, state, shown_time(log.appended_ms)


def _write(pieces: Iterable[bytes]) -> int:
    """Writes the pieces to stdout as they come; returns how many bytes they were."""
    written = 0
    for piece in pieces:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        written += len(piece)
    return written


def _line_start(client: Client, log: Log, line: int) -> int:
    """Returns where line number ``line`` begins, or the nearest position that the log holds."""
    if line <= log.start_line:
        return log.start_byte
    if line > log.end_line:
        return log.end_byte
    return log.partial_byte if line == log.end_line else client.lines(log.ref, line, 1).start_byte


def _tail_start(client: Client, log: Log, count: int) -> int:
    """Returns where the last ``count`` lines begin; an unfinished one counts."""
    if count == 0:
        return log.end_byte
    has_partial = log.partial_byte < log.end_byte
    return _line_start(client, log, max(log.end_line - count + has_partial, log.start_line))


def _follow(client: Client, log: Log, at: int) -> None:
    """Writes what comes from position ``at`` on until the log is closed; waits for a server that is away."""
    _write(piece.data for piece in client.follow(log.ref, at, waiting=saying()))
