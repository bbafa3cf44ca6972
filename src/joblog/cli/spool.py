"""``joblog sync`` and ``joblog spool``: what is left on this machine."""

from __future__ import annotations

import argparse
import os
import sys

from joblog.agent import settings
from joblog.agent.sync import spools
from joblog.agent.sync import sync as sync_spools
from joblog.cli.common import show_json, show_table
from joblog.client import Client


def sync(args: argparse.Namespace) -> int:
    """Sends what is left; returns 1 when some of it could not be sent."""
    found = settings.load(os.environ, url=args.url, project_id=args.project, token_file=args.token_file)

    def connect(recorded_url: str) -> Client:
        there = found.at(recorded_url)
        return Client(there.url, there.token, retry_s=0)

    all_sent = sync_spools(found.spool_root, args.spools, connect, _say)
    return 0 if all_sent else 1


def ls(args: argparse.Namespace) -> int:
    """Lists what there is."""
    left = spools(settings.load(os.environ).spool_root)
    if args.json:
        show_json(left)
        return 0
    heads = ("SPOOL", "PROJECT", "JOB", "RUN", "TASK", "BYTES", "STATE")
    show_table(
        heads, ((one.name, one.project_id, one.job_name, one.run_id, one.task, one.size_bytes, one.state) for one in left)
    )
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
