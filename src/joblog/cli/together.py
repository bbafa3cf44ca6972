"""Ranks as one (``joblog tail --rank``), and a log as a terminal shows it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable

from joblog.cli.common import connected
from joblog.cli.screen import coloured
from joblog.client import Client, Log, Version
from joblog.client.names import latest_version
from joblog.errors import Busy, Invalid, Unreachable
from joblog.views.ranks import parse_ranks
from joblog.views.terminal.sgr import escaped
from joblog.views.values import MergedLine, ShownLine

POLL_S = 1.0
"""Pause between two looks: the merged order is to the second, so that more of them show nothing sooner."""

MAX_LINES = 10_000


def tail_ranks(args: argparse.Namespace) -> int:
    """Writes the last lines of several ranks by arrival, and with ``--follow`` what comes."""
    ranks = None if args.rank == "all" else args.rank
    parse_ranks(ranks, "--rank")
    if args.plain:
        raise Invalid("--plain", "given without --rank")
    if not 1 <= args.count <= MAX_LINES:
        raise Invalid("-n", f"1 to {MAX_LINES}", args.count)
    client, project_id = connected(args)
    with client:
        version = latest_version(client, project_id, args.log)
        where = project_id, version.job_id, version.id
        page = client.merged(*where, ranks=ranks, last=args.count, collapse_s=args.collapse)
        _write(page.lines)
        if args.follow:
            _follow(client, project_id, version, (ranks, args.collapse, page.next))
    return 0


def show_last_lines(client: Client, log: Log, count: int, encoding: str | None) -> None:
    """Writes a log's last lines as a terminal shows them."""
    if count > MAX_LINES:
        raise Invalid("-n", f"0 to {MAX_LINES} where lines are folded (--raw takes more)", count)
    colours = coloured()
    for line in list(client.shown(log.ref, -count, colours=colours, encoding=encoding))[-count:] if count else ():
        _write_shown(line, colours)


def show_lines(client: Client, log: Log, start: int, end: int | None, encoding: str | None) -> None:
    """Writes the raw lines ``[start, end)`` of a log, to its end where ``end`` is None, as a terminal shows them."""
    colours = coloured()
    for line in client.shown(log.ref, max(start, log.start_line), colours=colours, encoding=encoding):
        if end is not None and line.start_line >= end:
            return
        if line.end_line > start:  # a screen may go back to lines before
            _write_shown(line, colours)


def _write_shown(line: ShownLine, colours: bool) -> None:
    sys.stdout.write((escaped(line.text, line.spans) if colours else line.text) + "\n")


def _write(lines: Iterable[MergedLine]) -> None:
    for line in lines:
        sys.stdout.write(f"{line.ranks}: {line.text}\n")
    sys.stdout.flush()


def _follow(client: Client, project_id: str, version: Version, asked: tuple[str | None, int, str]) -> None:
    """Writes what comes until all the ranks' logs are closed; waits for a server that is away."""
    ranks, collapse_s, cursor = asked
    reported = False
    while True:
        try:
            page = client.merged(project_id, version.job_id, version.id, ranks=ranks, cursor=cursor, collapse_s=collapse_s)
        except (Unreachable, Busy) as error:
            if not reported:
                sys.stderr.write(f"joblog: {error}; still trying\n")
            reported = True
            time.sleep(POLL_S)
            continue
        reported = False
        _write(page.lines)
        cursor = page.next
        if page.closed:
            return
        if page.at_end:
            time.sleep(POLL_S)
