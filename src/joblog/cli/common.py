"""What the commands that ask a server share: the client, finding a log by its name, tables."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from joblog.agent import settings
from joblog.api.refs import printable
from joblog.api.values import Value
from joblog.client import Client, Job, Log, LogRef, Version
from joblog.client.links import LATEST, LogPart, is_link, parsed_link, split_part
from joblog.errors import Invalid, NotFound


def connected(args: argparse.Namespace) -> tuple[Client, str]:
    """Returns the client and the project that the arguments and the environment name; a link names its project itself."""
    found = settings.load(os.environ, url=args.url, project_id=args.project, token_file=args.token_file)
    named = getattr(args, getattr(args, "link_in", ""), None)
    project_id = parsed_link(named, found.url).project_id if named and is_link(named) else found.project_id
    return Client(found.url, found.token, retry_s=0), project_id


def part_of(name: str | None) -> LogPart | None:
    """Returns the part of a log that stands behind ``#`` in its name, or in a link to it; raises Invalid."""
    return split_part(name or "")[1]


def span(flag: str, text: str) -> tuple[int, int | None]:
    """Returns both ends of ``A-B``, ``A-`` or ``-B``; raises Invalid."""
    low, dash, high = text.partition("-")
    if not dash or not all(end.isascii() and end.isdigit() and len(end) < 20 for end in (low, high) if end):
        raise Invalid(flag, "A-B, A- or -B", text)
    if high and int(high) < int(low or 0):
        raise Invalid(flag, "A-B, where B is not less than A", text)
    return int(low or 0), int(high) if high else None


def find_log(client: Client, project_id: str, name: str | None) -> Log:
    """Returns the log that ``JOB``, ``JOB/VERSION``, ``JOB/VERSION/TASK`` or a link names; without it the latest run's.

    Where no task is named, and the version has no ``worker-0``, it is the first one that there is.

    Raises:
        NotFound: there is no such job, version or log.
    """
    if name and is_link(name):
        return client.resolve(parsed_link(name, client.url))
    job_and_version, _, task = split_part(name or "")[0].partition("/worker-")
    version = latest_version(client, project_id, job_and_version or None)
    try:
        return client.status(LogRef(project_id, version.job_id, version.id, f"worker-{task or 0}"))
    except NotFound:
        first = None if task else next(client.logs(project_id, version.job_id, version.id), None)
        if first is None:
            raise
        return first


def find_version(client: Client, project_id: str, name: str) -> Version:
    """Returns the version that ``JOB`` (its latest one) or ``JOB/VERSION`` names: ``V0002``, ``V2``, ``2`` or ``latest``."""
    by_id = False
    if is_link(name):
        link = parsed_link(name, client.url)
        job_name, wanted, by_id = link.job, link.version, link.version.isdigit()
    else:
        job_name, _, wanted = split_part(name)[0].partition("/")
    number = re.fullmatch(r"[Vv]?0*([0-9]+)", wanted)
    if wanted not in ("", LATEST) and number is None:
        raise Invalid("LOG", "JOB, JOB/V0002, JOB/V0002/worker-3 or a link", name)
    job, found = find_job(client, project_id, job_name), None
    for version in client.versions(project_id, job.id):
        if number is None or int(number[1]) == (version.id if by_id else version.number):
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
        raise NotFound("run in project", project_id)
    return max(found, key=lambda version: version.id)


def find_job(client: Client, project_id: str, name: str) -> Job:
    """Returns the job of that name or id; raises NotFound."""
    for job in client.jobs(project_id, name=name):
        return job
    if name.isascii() and name.isdigit():
        return client.job(project_id, int(name))
    raise NotFound("job", name)


def show_json(values: Iterable[object]) -> None:
    """Writes an object on each line; each value is a dataclass's or a named tuple's."""
    for each in values:
        sys.stdout.write(json.dumps(plain(each)) + "\n")


def plain(value: Any) -> Any:
    """Returns what JSON has for a value: objects for those with named fields, however deep."""
    if isinstance(value, Value):
        return {name: plain(getattr(value, name)) for name in value.FIELDS}
    if hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def show_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table whose columns are as wide as what is in them."""
    lines = [list(heads), *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def shown_time(time_ms: int | None) -> str:
    """Returns a moment in local time, to the second."""
    if time_ms is None:
        return "-"
    return datetime.fromtimestamp(time_ms / 1000).isoformat(sep=" ", timespec="seconds")
