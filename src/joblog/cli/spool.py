"""``joblog sync`` and ``joblog spool``: what is left on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from joblog.agent.spool import places
from joblog.agent.spool.files import Meta
from joblog.agent.spool.sync import Left, spools
from joblog.agent.spool.sync import sync as sync_spools
from joblog.api import settings
from joblog.api.refs import printable
from joblog.cli.common import show_json, show_table
from joblog.cli.names import checked_job, checked_run_id, checked_task
from joblog.client import Client
from joblog.errors import Invalid


def sync(args: argparse.Namespace) -> int:
    """Sends what is left; returns 1 when some of it could not be sent."""
    connection = settings.load(os.environ, url=args.url, project_id=args.project, token_file=args.token_file)

    def connect(recorded_url: str) -> Client:
        there = connection.at(recorded_url)
        return Client(there.url, there.token, retry_s=0)

    meta = None if args.as_log is None else _meta(args.as_log, args.spools, connection.project_id)
    all_sent = sync_spools(_roots(connection), args.spools, connect, _say, meta)
    return 0 if all_sent else 1


def _roots(connection: settings.ClientSettings) -> tuple[Path, ...]:
    """Returns where spools may be: where somebody has said, or where jobs have put them."""
    return connection.spool_roots if os.environ.get("JOBLOG_SPOOL") else places.known(connection.spool_roots)


def ls(args: argparse.Namespace) -> int:
    """Lists what there is."""
    left = spools(_roots(settings.load(os.environ)))
    if args.json:
        show_json(left)
        return 0
    heads = ("SPOOL", "PROJECT", "JOB", "RUN ID", "RANK", "BYTES", "STATE")
    show_table(heads, map(_row, left))
    return 0


def _row(one: Left) -> tuple[object, ...]:
    rank = one.task.removeprefix("worker-")
    return one.name, one.project_id, one.job_name, one.run_id, rank, one.size_bytes, one.state


def _meta(name: str, spools: list[str], project_id: str) -> Meta:
    """Returns which log ``JOB/RUN/RANK`` is; raises Invalid."""
    parts = name.split("/")
    if len(parts) != 3 or not parts[2].removeprefix("worker-").isdigit() or len(spools) != 1:
        raise Invalid("--as", "JOB/RUN/RANK, as resnet/slurm-7.0/3, of the one SPOOL that is named", name)
    rank = int(parts[2].removeprefix("worker-"))
    return Meta(project_id, checked_job(parts[0]), checked_run_id(parts[1]), checked_task(f"worker-{rank}"))


def _say(line: str) -> None:
    sys.stdout.write(printable(line) + "\n")
