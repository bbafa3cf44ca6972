"""``joblog link`` and ``joblog open``: a log's address, to send to somebody or to look at in a browser."""

from __future__ import annotations

import argparse
import sys
import webbrowser

from joblog.cli.common import connected, find_log, part_of, span
from joblog.client.links import Link, LogPart
from joblog.errors import Invalid, JoblogError


def link(args: argparse.Namespace) -> int:
    """Prints the permanent link to a log, or to a part of it."""
    part = part_of(args.log)
    if part is not None and (args.lines or args.bytes):
        raise Invalid("--lines and --bytes", "absent where LOG names a part")
    if args.lines or args.bytes:
        flag = "--lines" if args.lines else "--bytes"
        low, high = span(flag, args.lines or args.bytes)
        if high is None or high <= low:
            raise Invalid(flag, "A-B, where B is greater than A", args.lines or args.bytes)
        part = LogPart(low, high, in_bytes=bool(args.bytes))
    client, project_id = connected(args)
    with client:
        log = find_log(client, project_id, args.log)
        job = client.job(log.project_id, log.job_id).name
        version = client.version(log.project_id, log.job_id, log.version_id).name
        sys.stdout.write(client.url + Link(log.project_id, job, version, log.task, part).path + "\n")
    return 0


def open_log(args: argparse.Namespace) -> int:
    """Prints the address of the viewer's page of a log, and opens it where that is asked for."""
    part = part_of(args.log)
    client, project_id = connected(args)
    with client:
        log = find_log(client, project_id, args.log)
        page = f"/projects/{log.project_id}/jobs/{log.job_id}/versions/{log.version_id}/logs/{log.task}"
        url = f"{client.url}{page}{part or ''}"
    sys.stdout.write(url + "\n")
    sys.stdout.flush()
    if args.browser and not webbrowser.open(url):
        raise JoblogError("there is no browser here to open it in")
    return 0
