"""``joblog canary``: whether this joblog loses anything, found out all the time."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from joblog.agent.canary.canary import Canary, CanaryPlan
from joblog.agent.canary.lines import FAULTS, MIN_LINE_BYTES, Totals
from joblog.agent.canary.metrics import FILE_S, serve, write
from joblog.api import settings
from joblog.cli.names import checked_job
from joblog.client import Client
from joblog.errors import Invalid


def canary(args: argparse.Namespace) -> int:
    """Runs until its time is over, or it is told to end; returns 1 when something was wrong."""
    connection = settings.load(os.environ, url=args.url, project_id=args.project, token_file=args.token_file)
    environment = {"JOBLOG_URL": connection.url, "JOBLOG_TOKEN": connection.token, "JOBLOG_PROJECT": connection.project_id}
    canary = Canary(
        _plan(args, connection.project_id), lambda: Client(connection.url, connection.token), os.environ | environment, _say
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: canary.stop())
    with ExitStack() as stack:
        if args.metrics_port is not None:
            server = serve(canary.totals, args.metrics_port)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            _say(f"metrics are at http://127.0.0.1:{server.server_address[1]}/metrics")
        if args.metrics_file is not None:
            path, ended = Path(args.metrics_file), threading.Event()
            write(canary.totals, path)
            thread = threading.Thread(target=_keep_writing, args=(canary.totals, path, ended), name="canary-file")
            thread.start()
            stack.callback(thread.join)
            stack.callback(ended.set)
        canary.run()
    sys.stdout.write(_summary(canary.totals) + "\n")
    return 0 if canary.totals.sound else 1


def _plan(args: argparse.Namespace, project_id: str) -> CanaryPlan:
    for flag, number, least in (("--rate", args.rate, 0.01), ("--late", args.late, 1.0), ("--round", args.round, 1.0)):
        if not least <= number <= 1e6:
            raise Invalid(flag, f"a number from {least} to 1000000", number)
    if not MIN_LINE_BYTES <= args.size <= 65536:
        raise Invalid("--size", f"a number from {MIN_LINE_BYTES} to 65536", args.size)
    whole_s = args.seconds if args.minutes is None else 60 * args.minutes
    if whole_s is not None and not 0 < whole_s <= 1e9:
        raise Invalid("--seconds and --minutes", "a number above 0", whole_s)
    if whole_s is not None and min(whole_s, args.round) * args.rate < 1:
        raise Invalid("--rate", "so large that there is a line in the time", args.rate)
    return CanaryPlan(project_id, checked_job(args.job), args.rate, args.size, args.late, args.round, whole_s)


def _keep_writing(totals: Totals, path: Path, ended: threading.Event) -> None:
    while not ended.wait(FILE_S):
        write(totals, path)
    write(totals, path)


def _summary(totals: Totals) -> str:
    faults = {fault: sum(count for (name, _), count in totals.faults.items() if name == fault) for fault in FAULTS}
    counts = ", ".join(f"{count} {fault.replace('_', ' ')}" for fault, count in faults.items())
    rounds = ", ".join(f"{count} {result}" for result, count in totals.rounds.items())
    slowest = f"slowest {totals.slowest_s:.3f} s"
    return f"{totals.lines['follow']} lines followed, {totals.lines['query']} queried: {counts}; {slowest}; rounds: {rounds}"


def _say(line: str) -> None:
    sys.stderr.write(f"joblog canary: {line}\n")
    sys.stderr.flush()
