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
from typing import Any, NamedTuple, cast

from joblog.api import settings
from joblog.api.refs import printable
from joblog.api.values import Value
from joblog.client import Client, Job, Log, LogRef, Version
from joblog.client.links import LogPart, is_link, parsed_link, split_part
from joblog.errors import Invalid, NotFound


def connected(args: argparse.Namespace) -> tuple[Client, str]:
    """Returns the client and the project that the arguments and the environment name; a link names its project itself."""
    connection = settings.load(os.environ, url=args.url, project_id=args.project, token_file=args.token_file)
    named = getattr(args, getattr(args, "link_in", ""), None)
    project_id = parsed_link(named, connection.url).project_id if named and is_link(named) else connection.project_id
    return Client(connection.url, connection.token, retry_s=0), project_id


def part_of(name: str | None) -> LogPart | None:
    """Returns the part of a log that stands behind ``#`` in its name, or in a link to it; raises Invalid."""
    return split_part(name or "")[1]


def span(flag: str, text: str) -> tuple[int, int | None]:
    """Returns the borders ``[A, B + 1)`` of ``A``, ``A-B``, ``A-`` or ``-B``, where both ends are meant; raises Invalid."""
    low, dash, high = text.partition("-")
    ends = [end for end in (low, high) if end]
    if not ends or not all(end.isascii() and end.isdigit() and len(end) < 19 for end in ends):
        raise Invalid(flag, "A, A-B, A- or -B", text)
    if high and int(high) < int(low or 0):
        raise Invalid(flag, "A-B, where B is not less than A", text)
    last = high if dash else low
    return int(low or 0), int(last) + 1 if last else None


class _Name(NamedTuple):
    """What stands in ``JOB/RUN/RANK``, or in a link; ``by_id``: the run is named by its id."""

    job: str
    run: str
    task: str | None
    by_id: bool = False


def _named(client: Client, name: str) -> _Name:
    """Returns what a name says; raises Invalid."""
    if is_link(name):
        link = parsed_link(name, client.url)
        return _Name(link.job, link.version, link.task, link.version.isdigit())
    job, run, rank, *more = [*split_part(name)[0].rstrip("/").split("/"), "", ""]
    if (rank and not re.fullmatch("(worker-)?[0-9]{1,6}", rank)) or any(more) or not re.fullmatch(_RUN, run):
        raise Invalid("LOG", "JOB, JOB/V0002, JOB/V0002/worker-3 (or JOB#2, JOB/2/3) or a link", name)
    return _Name(job, run, f"worker-{int(rank.removeprefix('worker-'))}" if rank else None)


def find_log(client: Client, project_id: str, name: str | None) -> Log:
    """Returns the log that ``JOB``, ``JOB/RUN``, ``JOB/RUN/RANK`` or a link names; without it the latest run's.

    Where no rank is named, and the run has no ``worker-0``, it is the first one that there is.

    Raises:
        NotFound: there is no such job, run or log.
    """
    if name and is_link(name):
        return client.resolve(parsed_link(name, client.url))
    task = _named(client, name).task if name else None
    version = latest_version(client, project_id, name)
    try:
        return client.status(LogRef(project_id, version.job_id, version.id, task or "worker-0"))
    except NotFound:
        first = None if task else next(client.logs(project_id, version.job_id, version.id), None)
        if first is None:
            raise
        return first


def find_version(client: Client, project_id: str, name: str) -> Version:
    """Returns the run that ``JOB`` (its latest one) or ``JOB/RUN`` names: ``V0002``, ``V2``, ``2`` or ``latest``."""
    named = _named(client, name)
    number = re.fullmatch(r"[Vv]?0*([0-9]+)", named.run)
    job, latest, newest = find_job(client, project_id, named.job), None, None
    for version in client.versions(project_id, job.id):
        if number is None or int(number[1]) == (version.id if named.by_id else version.number):
            latest = version
        newest = version
    if latest is None:
        raise NotFound("run", name, f"the latest of {job.name} is {newest.name}" if newest else f"{job.name} has none")
    return latest


def names_rank(client: Client, name: str) -> bool:
    """Whether a name is that of one rank's log."""
    return _named(client, name).task is not None


def names_run(client: Client, name: str) -> bool:
    """Whether a name is that of a run, or of a log of it, rather than a job's."""
    return bool(_named(client, name).run)


def place(client: Client, log: LogRef) -> str:
    """Returns a log's name, which every command takes: ``resnet/V0002/worker-3``."""
    return f"{run_name(client, log.project_id, client.version(log.project_id, log.job_id, log.version_id))}/{log.task}"


def run_name(client: Client, project_id: str, version: Version) -> str:
    """Returns a run's name, which every command takes: ``resnet/V0002``."""
    return f"{client.job(project_id, version.job_id).name}/{version.name}"


def note(line: str) -> None:
    """Tells a person something on stderr."""
    if sys.stderr is not None:
        sys.stderr.write(f"joblog: {printable(line)}\n")
        sys.stderr.flush()


_RUN = r"(?:[Vv]?0*[0-9]+|latest)?"

_NEWEST_JOBS = 200
"""Jobs among whose names one that was mistyped is looked for."""


def latest_version(client: Client, project_id: str, name: str | None) -> Version:
    """Returns the run that ``name`` names; without it the project's latest one."""
    if name:
        return find_version(client, project_id, name)
    for run in client.runs(project_id, limit=1):
        return client.version(project_id, run.job_id, run.id)
    raise NotFound("run in project", project_id)


def find_job(client: Client, project_id: str, name: str) -> Job:
    """Returns the job of that name or id; raises NotFound."""
    for job in client.jobs(project_id, name=name):
        return job
    if name.isascii() and name.isdigit():
        return client.job(project_id, int(name))
    from difflib import get_close_matches

    close = get_close_matches(name, (job.name for job in client.overview(project_id, limit=_NEWEST_JOBS)), n=1, cutoff=0.6)
    raise NotFound("job", name, f"did you mean {close[0]}?" if close else "")


def show_json(value: object) -> None:
    """Writes one JSON document: of dataclasses and named tuples, or an iterable of them."""
    one = hasattr(value, "_asdict") or is_dataclass(value) or isinstance(value, dict | Value)
    sys.stdout.write(json.dumps(plain(value if one else list(cast(Iterable[object], value)))) + "\n")


def plain(value: Any) -> Any:
    """Returns what JSON has for a value: objects for those with named fields, however deep."""
    if isinstance(value, Value):
        return {name: plain(getattr(value, name)) for name in value.FIELDS}
    if hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
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
