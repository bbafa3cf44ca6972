"""``joblog progress`` and ``joblog metrics``: what a run prints, as numbers."""

from __future__ import annotations

import argparse
import math
import sys
from itertools import pairwise

from joblog.cli.common import connected, show_json, show_table
from joblog.cli.plot import plot
from joblog.client.names import latest_version, rank_of
from joblog.views.ranks import parse_ranks
from joblog.views.values import Progress, SeriesPoints


def progress(args: argparse.Namespace) -> int:
    """Writes how far each rank is."""
    parse_ranks(args.rank, "--rank")
    client, project_id = connected(args)
    with client:
        version = latest_version(client, project_id, args.job)
        ranks = client.progress(
            project_id, version.job_id, version.id, ranks=args.rank or rank_of(client, args.job), encoding=args.encoding
        )
    if args.json:
        show_json(ranks)
    else:
        heads = ("RANK", "LABEL", "DONE", "OF", "%", "PER SECOND", "LEFT", "OF THE RUN")
        rows = [(rank.task.removeprefix("worker-"), *_row(bar)) for rank in ranks for bar in rank.bars]
        show_table(heads, rows)
    return 0


def metrics(args: argparse.Namespace) -> int:
    """Writes the series of numbers that ranks print, or plots them."""
    parse_ranks(args.rank, "--rank")
    client, project_id = connected(args)
    with client:
        version = latest_version(client, project_id, args.job)
        where = project_id, version.job_id, version.id
        names = args.names or ()
        all_series = client.metrics(
            *where,
            ranks=args.rank or rank_of(client, args.job),
            names=names,
            points=args.points,
            patterns=args.pattern or (),
            encoding=args.encoding,
        )
    if args.json:
        show_json(all_series)
    elif args.plot:
        for series in all_series:
            sys.stdout.write(f"{series.name}  (rank {series.task.removeprefix('worker-')}, {series.count} points)\n")
            sys.stdout.write("".join(f"{line}\n" for line in plot(_xs(series), series.values)) + "\n")
    else:
        heads = ("NAME", "RANK", "POINTS", "FIRST", "LAST", "LOWEST", "HIGHEST", "LAST STEP")
        show_table(heads, [_series_row(series) for series in all_series])
    return 0


def _row(bar: Progress) -> tuple[str, ...]:
    percent = "-" if bar.fraction is None else f"{bar.fraction * 100:.0f}"
    left = _left(bar.remaining_s), _left(bar.run_remaining_s)
    return bar.label or "-", _number(bar.done), _number(bar.total), percent, _number(bar.rate), *left


def _series_row(series: SeriesPoints) -> tuple[str, ...]:
    finite = [value for value in series.values if value is not None]
    low, high = (_number(min(finite)), _number(max(finite))) if finite else ("-", "-")
    last_step = _number(series.steps[-1])
    first, last = _number(series.values[0]), _number(series.values[-1])
    return (
        f"{series.name} ({series.unit})" if series.unit else series.name,
        series.task.removeprefix("worker-"),
        str(series.count),
        first,
        last,
        low,
        high,
        f"{series.axis} {last_step}" if series.axis == "epoch" else last_step,
    )


def _xs(series: SeriesPoints) -> list[float]:
    """Returns what a plot runs over: the steps where each point has a greater one, else the points' numbers."""
    steps = [step for step in series.steps if step is not None]
    rising = len(steps) == len(series.steps) and all(a <= b for a, b in pairwise(steps))
    return steps if rising else [float(at) for at in range(len(series.values))]


def _number(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.6g}"


def _left(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
