"""``joblog stop``, ``rename``, ``rm`` and ``note``: what is done to runs and jobs that are there."""

from __future__ import annotations

import argparse
import sys

from joblog.cli.common import connected
from joblog.client import Client
from joblog.client.names import find_job, find_version, names_run, run_name
from joblog.errors import Invalid


def stop(args: argparse.Namespace) -> int:
    """Asks a run to stop, and writes how it is then."""
    client, project_id = connected(args)
    with client:
        version = find_version(client, project_id, args.run)
        stopped = client.stop(project_id, version.job_id, version.id)
        sys.stdout.write(f"{run_name(client, project_id, version)} is {stopped.state}\n")
    return 0


def rename(args: argparse.Namespace) -> int:
    """Sets the title of a run."""
    client, project_id = connected(args)
    with client:
        version = find_version(client, project_id, args.run)
        client.describe_version(project_id, version.job_id, version.id, {"title": args.title or None})
    return 0


def rm(args: argparse.Namespace) -> int:
    """Deletes runs, or with ``--job`` jobs, once somebody has said yes."""
    client, project_id = connected(args)
    with client:
        for name in args.runs:
            if args.job == names_run(client, name):
                allowed = "a job's, without a run, where --job is given" if args.job else "JOB/RUN (--job deletes all of a job)"
                raise Invalid("RUN", allowed, name)
        for name in args.runs:
            (_rm_job if args.job else _rm_run)(client, project_id, name, args.yes)
    return 0


def _rm_run(client: Client, project_id: str, name: str, yes: bool) -> None:
    version = find_version(client, project_id, name)
    shown = run_name(client, project_id, version)
    if _agreed(f"delete run {shown} and its logs for ever", yes):
        client.delete_version(project_id, version.job_id, version.id)
        sys.stdout.write(f"deleted {shown}\n")


def _rm_job(client: Client, project_id: str, name: str, yes: bool) -> None:
    job = find_job(client, project_id, name)
    count = client.listed_runs(project_id, job.id, (), (), 1).total
    if _agreed(f"delete job {job.name} and the logs of all its runs ({count}) for ever", yes):
        client.delete_job(project_id, job.id)
        sys.stdout.write(f"deleted {job.name}\n")


def _agreed(what: str, yes: bool) -> bool:
    """Asks whoever is at the terminal; raises Invalid where nobody is."""
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise Invalid("--yes", f"given where nobody can be asked, to {what}")
    sys.stderr.write(f"joblog: {what}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def note(args: argparse.Namespace) -> int:
    """Writes or prints the note on a run or a job."""
    client, project_id = connected(args)
    with client:
        if names_run(client, args.run):
            version = find_version(client, project_id, args.run)
            if args.text is None:
                return _show(client.run_note(project_id, version.job_id, version.id))
            client.set_run_note(project_id, version.job_id, version.id, args.text)
        else:
            job = find_job(client, project_id, args.run)
            if args.text is None:
                return _show(client.job_note(project_id, job.id))
            client.set_job_note(project_id, job.id, args.text)
    return 0


def _show(text: str) -> int:
    sys.stdout.write(f"{text}\n" if text else "")
    return 0
