"""``python -m bench``: measures and prints one Markdown table; what it is doing goes to stderr."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import apsw
import msgspec

from bench import growth, live, patterns, processes, reads, streams, writes
from bench.agent import agent
from bench.logs import Texts
from bench.quiet import Patience
from bench.servers import Joblog, Nginx, Running, Wrk, install_tools, machine, tool_versions
from bench.stage import Stage, make_logs
from bench.table import Row, markdown
from bench.watching import watching
from joblog import __version__

MEMORY_GOAL_MB = 250

_LINE = 118
"""Characters in a line of the page."""

# In this order: what leaves work behind for the background loop comes last.
PARTS: Mapping[str, Callable[[Stage], None]] = {
    "latest": reads.latest,
    "page": reads.pages,
    "bytes": reads.byte_pages,
    "connections": growth.connections,
    "length": reads.length,
    "patterns": patterns.patterns,
    "search": live.search,
    "follow": live.follow,
    "size": writes.size,
    "small": writes.small,
    "large": writes.large,
    "streams": streams.small_logs,
    "download": streams.download,
    "many": growth.many,
    "processes": processes.processes,
    "agent": agent,
    "watching": watching,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measures; returns 0 whatever the goals say."""
    arguments = _arguments(argv)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that what was started is ended, too
    install_tools()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="joblog-bench-", dir=arguments.dir, ignore_cleanup_errors=True) as directory:
        texts = Texts()
        rows = _measured(Path(directory), texts, arguments)
    report = _Report(_heading(texts, time.monotonic() - begun), rows)
    text = "\n\n".join([*(textwrap.fill(each, _LINE) for each in report.heading), markdown(report.rows)])
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(f"# All that was measured\n\nWritten by `make bench`.\n\n{text}\n")
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return 0


class _Report(msgspec.Struct):
    heading: list[str]
    rows: list[Row]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part only; may be given again")
    parser.add_argument("--seconds", type=float, default=5.0, help="time for one measurement (default: %(default)s)")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait, in all, for other programs to be done")
    parser.add_argument("--quick", action="store_true", help="a second each, and a log of 1 GB in place of 10")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write what is printed to a page, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to a file, too")
    parser.add_argument(
        "--dir", type=Path, help="where to put the data: the disk that is measured (default: the temporary one)"
    )
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.seconds = min(arguments.seconds, 1.0)
    return arguments


def _measured(directory: Path, texts: Texts, arguments: argparse.Namespace) -> list[Row]:
    parts = arguments.only or list(PARTS)
    _say("making the logs")
    made = make_logs(directory / "data", texts, parts, quick=arguments.quick)
    with Running() as running:
        joblog = running.started(Joblog(directory / "data"))
        nginx = running.started(Nginx(directory / "nginx"))
        tools = Wrk(directory), arguments.seconds, Patience(arguments.patience), arguments.quick
        stage = Stage(directory, texts, made, joblog, nginx, *tools)
        _say(f"joblog is process {joblog.pid}")
        stage.settled()
        for part in parts:
            PARTS[part](stage)
        peak = stage.peak_bytes / 1e6
        goal = f"< {MEMORY_GOAL_MB} MB"
        stage.add(
            Row("most resident memory of the server, all the time", f"{peak:.0f} MB", goal=goal, met=peak < MEMORY_GOAL_MB)
        )
        return stage.rows


def _heading(texts: Texts, seconds: float) -> list[str]:
    versions = [
        f"joblog {__version__}",
        f"Python {sys.version.split()[0]}",
        f"SQLite {apsw.sqlite_lib_version()}",
        *tool_versions(),
    ]
    return [
        f"{machine()}; {', '.join(versions)}; {datetime.now(UTC):%Y-%m-%d}; {seconds:.0f} s.",
        f"Logs of {texts.about}. One `joblog serve` on SQLite and a directory; reads by `wrk -t1 -c16`, with a token; "
        "nginx: one worker, sendfile, a static file of the answers' mean size; a second of each in turn, the medians. "
        "A measurement during which other programs used more than 0.15 cores says nothing of a goal: `?`.",
    ]


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
