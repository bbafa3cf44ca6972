"""``joblog templates`` and ``joblog diff``: what a run prints, line by kind of line, and how that differs from another run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from joblog.cli.common import connected, show_json, show_table
from joblog.client import Client, Version
from joblog.client.names import find_version, latest_version, rank_of
from joblog.core.places import part
from joblog.errors import Invalid
from joblog.views.compare.together import MetricRow, side_by_side
from joblog.views.compare.values import Difference, Template, Templates
from joblog.views.ranks import parse_ranks

MAX_METRICS_BYTES = 32 * 1024 * 1024
"""Metrics are compared by themselves in logs of this size at most: reading them takes a second for some megabytes."""


def templates(args: argparse.Namespace) -> int:
    """Writes the templates of a run."""
    parse_ranks(args.rank, "--rank")
    client, project_id = connected(args)
    with client:
        version = latest_version(client, project_id, args.job)
        listed = client.templates(
            project_id, version.job_id, version.id, ranks=args.rank or rank_of(client, args.job), count=_count(args.count, 4000)
        )
    if args.json:
        show_json(listed)
        return 0
    show_table(("COUNT", "RANKS", "FIRST", "LAST", "TEMPLATE"), (_row(each) for each in listed.items))
    _note_rest(listed)
    return 0


def diff(args: argparse.Namespace) -> int:
    """Writes how a run differs from another one, or its ranks from each other."""
    if len(args.runs) > 2:
        raise Invalid("RUN", "given once or twice")
    if len(args.runs) == 2 and (args.ranks or args.earlier):
        raise Invalid("--ranks and --earlier", "given with one run")
    if args.ranks and args.earlier:
        raise Invalid("--earlier", "given without --ranks, which compares one run's ranks with each other")
    count = _count(args.count, 200)
    client, project_id = connected(args)
    with client:
        names = args.runs or [None]
        after = latest_version(client, project_id, names[-1])
        before = find_version(client, project_id, names[0]) if len(names) == 2 else None
        made = client.diff(
            project_id, after.job_id, after.id,
            ranks=rank_of(client, names[-1]),
            against="ranks" if args.ranks else "earlier" if args.earlier else "good",
            against_job=None if before is None else before.job_id,
            against_version=None if before is None else before.id,
            against_ranks=rank_of(client, names[0]) if before is not None else None,
            count=count,
        )  # fmt: skip
        rows = [] if args.ranks else list(_metrics(client, project_id, made, (before, after), asked=args.metrics))
    if args.json:
        show_json({"difference": made, "metrics": rows})
    else:
        sys.stdout.write(f"{made}\n")
        _show_metrics(rows)
    return 0


def _count(count: int, most: int) -> int:
    if not 1 <= count <= most:
        raise Invalid("-n", f"1 to {most}", count)
    return count


def _row(each: Template) -> tuple[str, ...]:
    first, last = (
        f"{where.task.removeprefix('worker-')}{part(where.start_line, where.end_line)}" for where in (each.first, each.last)
    )
    return str(each.count), each.ranks, first, last, each.text


def _note_rest(listed: Templates) -> None:
    if listed.total > len(listed.items):
        sys.stdout.write(f"{listed.total - len(listed.items)} more templates: see -n\n")
    if listed.other_lines:
        sys.stdout.write(f"{listed.other_lines} lines are of more templates than are kept\n")


def _metrics(
    client: Client, project_id: str, made: Difference, runs: tuple[Version | None, Version], *, asked: bool
) -> Iterator[MetricRow]:
    """Yields metrics at equal steps, of the first rank of each run."""
    before, after = runs
    sides = []
    for job_id, version_id in (
        (after.job_id if before is None else before.job_id, made.before_version_id),
        (after.job_id, after.id),
    ):
        log = next(client.logs(project_id, job_id, version_id), None)
        if log is None or (not asked and log.end_byte - log.start_byte > MAX_METRICS_BYTES):
            return
        sides.append(client.metrics(project_id, job_id, version_id, ranks=log.task.removeprefix("worker-")))
    yield from side_by_side(*sides)


def _show_metrics(rows: Sequence[MetricRow]) -> None:
    if not rows:
        return
    sys.stdout.write("\nMetrics at equal steps:\n")
    show_table(
        ("  NAME", "STEP", "BEFORE", "AFTER"),
        (
            (f"  {row.name}", "" if row.step is None else _number(row.step), _number(row.before), _number(row.after))
            for row in rows
        ),
    )


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value:.6g}"
