"""Two nodes on PostgreSQL and S3, while all of it is killed, cut off and robbed of answers: ``python -m bench.chaos``.

Prints, as a Markdown table, what was done, what was done to it, how long any call had to be repeated at most, and what was lost
or came twice: nothing. The same load and the same faults as in ``tests/e2e/test_chaos.py``, for ten minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.chaos import LOSS, OTHER, REPEAT, Chaos, Load, Nodes, place, problems
from tests.engines import PostgresServer, SeaweedServer

from bench.servers import machine

_SAID_S = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 when anything was lost, repeated, out of order, or did not end."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of load under faults (default: %(default)s)")
    parser.add_argument(
        "--writers",
        type=int,
        default=32,
        help="each with one that reads its log and one that follows it (default: %(default)s)",
    )
    parser.add_argument("--nodes", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the order and times of faults (default: %(default)s)")
    args = parser.parse_args(argv)
    postgres, s3 = PostgresServer(), SeaweedServer()
    os.environ.update(s3.credentials)
    try:
        with tempfile.TemporaryDirectory(prefix="joblog-chaos-") as name:
            return _run(Path(name), postgres, s3, args)
    finally:
        postgres.close()
        s3.close()


def _run(directory: Path, postgres: PostgresServer, s3: SeaweedServer, args: argparse.Namespace) -> int:
    nodes = Nodes(directory, place(postgres, s3, "chaos"), args.nodes)
    load, chaos = Load(nodes, args.writers), Chaos(nodes, postgres, s3, args.seed)
    began_s = time.monotonic()
    load.start()
    try:
        _harm(load, chaos, began_s + args.minutes * 60)
    finally:
        load.stop()
    load_s = time.monotonic() - began_s
    load.verify()
    statuses = nodes.stop()
    pause = chaos.during(load.longest_pause_ended_s - load.longest_pause_s, load.longest_pause_ended_s)
    found = problems(directory / "check", nodes.settings)
    report = {
        f"{args.nodes} nodes, {args.writers} writers, readers and followers each": f"{load_s:.0f} s",
        **{what: f"{load.calls[what]:,}" for what in ("append", "read", "event")},
        "calls refused or unanswered, and made again": f"{load.calls['refused']:,}",
        "bytes acknowledged": f"{sum(load.acknowledged):,}",
        "faults": f"{chaos.faults.total()}",
        **{f"- {kind.replace('_', ' ')}": f"{count}" for kind, count in sorted(chaos.faults.items())},
        "longest time for which a call was made again": f"{load.longest_pause_s:.1f} s",
        "- and what was done meanwhile": ", ".join(pause).replace("_", " "),
        **{kind: f"{load.wrong[kind]}" for kind in (LOSS, REPEAT, OTHER)},
        "problems that joblog check found": f"{len(found)}",
        "nodes' exit statuses": f"{statuses}",
    }
    sys.stdout.write(f"{machine()}\n\n| | |\n|---|---|\n")
    sys.stdout.write("".join(f"| {what} | {value} |\n" for what, value in report.items()))
    wrong = load.failures + found
    sys.stdout.write("".join(f"{each}\n" for each in wrong))
    return 1 if wrong or any(statuses) else 0


def _harm(load: Load, chaos: Chaos, until_s: float) -> None:
    """One fault after the other, until then or until something is wrong; says now and then how far it is."""
    said_s = time.monotonic()
    while time.monotonic() < until_s and not load.stopping.is_set():
        chaos.step()
        if time.monotonic() - said_s > _SAID_S:
            said_s = time.monotonic()
            left_s = max(until_s - said_s, 0)
            sys.stderr.write(f"{left_s:.0f} s left; {chaos.faults.total()} faults, {load.calls['append']} appends\n")


if __name__ == "__main__":
    sys.exit(main())
