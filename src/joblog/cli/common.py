"""What the commands that ask a server share: the client, finding a log by its name, tables."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from joblog.agent import settings
from joblog.client import Client, Job, Log, LogRef, Version
from joblog.errors import Invalid, NotFound

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def connected(args: argparse.Namespace) -> tuple[Client, str]:
    """Returns the client and the project that the arguments and the environment name."""
    found = settings.load(os.environ, url=args.url, project_id=args.project, token_file=args.token_file)
    return Client(found.url, found.token), found.project_id


def find_log(client: Client, project_id: str, name: str) -> Log:
    """Returns the log that ``JOB``, ``JOB/VERSION`` or ``JOB/VERSION/TASK`` names.

    Raises:
        NotFound: there is no such job, version or log.
    """
    job_and_version, _, task = name.partition("/worker-")
    version = find_version(client, project_id, job_and_version)
    return client.status(LogRef(project_id, version.job_id, version.id, f"worker-{task or 0}"))


def find_version(client: Client, project_id: str, name: str) -> Version:
    """Returns the version that ``JOB`` (its latest one) or ``JOB/VERSION`` names: ``V0002``, ``V2`` or ``2``."""
    job_name, _, wanted = name.partition("/")
    number = re.fullmatch(r"[Vv]?0*([0-9]+)", wanted)
    if wanted and number is None:
        raise Invalid("LOG", "JOB, JOB/V0002 or JOB/V0002/worker-3", name)
    job, found = _find_job(client, project_id, job_name), None
    for version in client.versions(project_id, job.id):
        if number is None or version.number == int(number[1]):
            found = version
    if found is None:
        raise NotFound("version", name)
    return found


_LATEST_JOBS = 20


def latest_version(client: Client, project_id: str, name: str | None) -> Version:
    """Returns the version that ``name`` names; without it the latest one of the project's latest jobs."""
    if name:
        return find_version(client, project_id, name)
    jobs = list(client.jobs(project_id))[-_LATEST_JOBS:]
    found = [version for job in jobs for version in client.versions(project_id, job.id)]
    if not found:
        raise NotFound("job", f"in project {project_id}")
    return max(found, key=lambda version: version.id)


def _find_job(client: Client, project_id: str, name: str) -> Job:
    for job in client.jobs(project_id, name=name):
        return job
    if name.isascii() and name.isdigit():
        return client.job(project_id, int(name))
    raise NotFound("job", name)


def show_json(values: Iterable[DataclassInstance]) -> None:
    """Writes an object on each line."""
    for each in values:
        sys.stdout.write(json.dumps(asdict(each)) + "\n")


def show_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table whose columns are as wide as what is in them."""
    lines = [list(heads), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def shown_time(time_ms: int | None) -> str:
    """Returns a moment in local time, to the second."""
    if time_ms is None:
        return "-"
    return datetime.fromtimestamp(time_ms / 1000).isoformat(sep=" ", timespec="seconds")
