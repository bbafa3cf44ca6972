"""``joblog follow``."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from joblog.agent.filters.redact import Unchanged
from joblog.agent.follow.loop import Follower, FollowPlan
from joblog.agent.follow.notes import Notes
from joblog.agent.follow.setting import Setting
from joblog.api import settings
from joblog.api.refs import printable
from joblog.cli.names import checked_job, checked_run_id
from joblog.cli.redact import new_redactor
from joblog.client import Client

CALL_S = 10.0
"""Longest silence in one call: a dead connection is noticed well within the final wait."""


def follow(args: argparse.Namespace) -> int:
    """Follows the files; returns 1 when a log could not be sent as a whole."""
    plan = FollowPlan(
        patterns=args.paths,
        job_name=checked_job(args.job) if args.job else None,
        run_id=checked_run_id(args.run_id) if args.run_id else None,
        once=args.once,
        until_idle_s=args.until_idle,
        wait_s=args.wait,
        ended_s=args.ended_wait,
        shows=sys.stderr is not None and sys.stderr.isatty(),
    )
    connection = settings.load(os.environ, url=args.url, project_id=args.project, token_file=args.token_file)
    Client(connection.url, connection.token).close()  # so that a wrong address is said at once, not in a thread
    marks = Notes(connection.spool_root, connection.project_id, connection.url)
    setting = Setting(connection.project_id, marks, new_redactor(args) or Unchanged, args.rotate_wait)
    follower = Follower(plan, setting, lambda: Client(connection.url, connection.token, timeout_s=CALL_S), _say)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: follower.stop())
    return follower.run()


def _say(line: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"joblog: {printable(line)}\n")
        sys.stderr.flush()
