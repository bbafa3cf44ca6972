"""``joblog open`` and ``link``: a log's address, to look at in a browser or to send to somebody; one form of link for both."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from urllib.parse import quote

from joblog.api.refs import LogRef
from joblog.api.values import Log
from joblog.cli.common import connected, part_of, span
from joblog.client import Client
from joblog.client.links import Link, LogPart
from joblog.client.names import find_log, names_rank
from joblog.errors import Busy, Invalid, Unavailable

_FAILED = ("failed", "killed", "lost")


def open_log(args: argparse.Namespace) -> int:
    """Prints the permanent link to a log, or to a part of it, and opens it where there is a browser.

    At a terminal without one, as over SSH, the link that is printed logs in, once: it is followed on another machine.
    """
    part = _part(args)
    client, project_id = connected(args)
    browser = not args.print and has_browser(os.environ, sys.platform)
    with client:
        path = _path(client, project_id, args.log, part)
        one_time = args.one_time or not (args.print or browser or not sys.stdout.isatty())
        url = _one_time(client, path) if one_time else client.url + path
    sys.stdout.write(url + "\n")
    sys.stdout.flush()
    if browser and not one_time:
        _browse(url)
    return 0


def has_browser(environ: Mapping[str, str], platform: str) -> bool:
    """Whether a window can be opened from here; what runs in a terminal, as w3m does, cannot show the viewer."""
    return platform in ("darwin", "win32") or any(environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def _browse(url: str) -> None:
    import webbrowser

    # Without a code, which everybody on this machine could read among the processes' arguments.
    if webbrowser.open(url) and sys.stderr.isatty():
        sys.stderr.write("joblog: a browser that is not logged in yet: joblog open --one-time\n")


def _one_time(client: Client, path: str) -> str:
    return f"{client.url}/login?to={quote(path)}#{client.create_login_code()}"


def _path(client: Client, project_id: str, name: str | None, part: LogPart | None) -> str:
    log = find_log(client, project_id, name)
    first = _failed_first(client, log) if part is None and not (name and names_rank(client, name)) else None
    job = client.job(log.project_id, log.job_id).name
    version = client.version(log.project_id, log.job_id, log.version_id).name
    return Link(log.project_id, job, version, first.task if first else log.task, part).path


def _failed_first(client: Client, log: Log) -> LogRef | None:
    """Returns the log of the rank that failed first in a log's run, where that has failed: it is what somebody looks for."""
    if client.version(log.project_id, log.job_id, log.version_id).state not in _FAILED:
        return None
    try:
        first = client.why(log.project_id, log.job_id, log.version_id).first
    except (Busy, Unavailable):
        return None  # an address is wanted now
    return None if first is None else LogRef(log.project_id, log.job_id, log.version_id, first.where.task)


def _part(args: argparse.Namespace) -> LogPart | None:
    """Returns which part is meant; raises Invalid."""
    part = part_of(args.log)
    if not (args.lines or args.bytes):
        return part
    if part is not None:
        raise Invalid("--lines and --bytes", "absent where LOG names a part")
    flag = "--lines" if args.lines else "--bytes"
    low, high = span(flag, args.lines or args.bytes)
    if high is None:
        raise Invalid(flag, "A or A-B: a link needs both ends", args.lines or args.bytes)
    return LogPart(low, high, in_bytes=bool(args.bytes))
