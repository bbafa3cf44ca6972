"""``joblog jobs``, ``runs`` and ``logs``: what there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from joblog.api.refs import state_of
from joblog.api.values.overview import JobPage, JobSummary, RunPage, RunSummary
from joblog.cli.common import connected, note, plain, show_json, show_table, shown_time
from joblog.client import Log
from joblog.client.links import is_link, parsed_link, split_part
from joblog.client.names import find_job, latest_version, run_name
from joblog.core.amounts import duration, size
from joblog.core.status import Status
from joblog.errors import Invalid

_LINE_CHARACTERS = 60
"""What is shown of a last line: the table is to fit a window."""


def jobs(args: argparse.Namespace) -> int:
    """Lists the project's jobs, each with its latest run."""
    client, project_id = connected(args)
    with client:
        page = client.listed_jobs(project_id, states_of(args), args.label, _limit(args))
    if args.json:
        show_json(plain(job) | {"state": None if job.last is None else job.last.state} for job in page.items)
        return 0
    facts = ["alert"] if any(job.last is not None and job.last.alert for job in page.items) else []
    heads = ("JOB", "RUN", *_HEADS, *(name.upper() for name in facts), "LABELS", "LAST LINE")
    show_table(heads, (_job_row(job, page.now_ms, facts) for job in page.items))
    _end(page, "jobs", args)
    return 0


def runs(args: argparse.Namespace) -> int:
    """Lists runs: of a job, or of the project."""
    client, project_id = connected(args)
    with client:
        job_id = None if args.job is None else find_job(client, project_id, _job_name(args.job, client.url)).id
        page = client.listed_runs(project_id, job_id, states_of(args), args.label, _limit(args))
    if args.json:
        show_json(plain(run) | {"state": run.state} for run in page.items)
        return 0
    facts = [name for name in _FACTS if any(getattr(run, name) for run in page.items)]
    heads = ("RUN", *_HEADS, *(name.upper() for name in facts), "LAST LINE")
    show_table(heads, (list(_run_row(run, page.now_ms, facts)) for run in page.items))
    _end(page, "runs", args)
    return 0


def logs(args: argparse.Namespace) -> int:
    """Lists the logs of a run."""
    client, project_id = connected(args)
    with client:
        version = latest_version(client, project_id, args.job)
        listed = client.logs(project_id, version.job_id, version.id)
        if args.json:
            show_json(listed)
        else:
            run = run_name(client, project_id, version)
            heads = ("LOG", "STATE", "BYTES", "LINES", "LAST BYTES CAME")
            show_table(heads, (_log_row(run, log) for log in listed))
    return 0


_FACTS = ("alert", "title", "host", "user", "commit", "command", "note")
"""What is shown of runs where somebody has said it."""

_HEADS = ("STATE", "STARTED", "DURATION", "RANKS", "SIZE")


def states_of(args: argparse.Namespace) -> list[str]:
    """Returns the states that ``--state`` names; raises Invalid."""
    states, known = [state for each in args.state for state in each.split(",")], [state_of(each.name) for each in Status]
    for state in states:
        if state.lower() not in known:
            raise Invalid("--state", f"one of {', '.join(known)}", state)
    return states


def _limit(args: argparse.Namespace) -> int:
    if not 1 <= args.limit <= 1000:
        raise Invalid("--limit", "1 to 1000", args.limit)
    return int(args.limit)


def _job_name(name: str, url: str) -> str:
    return parsed_link(name, url).job if is_link(name) else split_part(name)[0].partition("/")[0]


def _job_row(job: JobSummary, now_ms: int, facts: Sequence[str]) -> Sequence[object]:
    labels = " ".join(f"{name}={value}" for name, value in sorted(job.labels.items())) or "-"
    if job.last is None:
        return job.name, "-", *["-"] * (len(_HEADS) + len(facts)), labels, "-"
    return job.name, job.last.name, *_cells(job.last, now_ms), *_facts(job.last, facts), labels, _last_line(job.last)


def _run_row(run: RunSummary, now_ms: int, facts: Sequence[str]) -> Iterator[object]:
    yield f"{run.job_name}/{run.name}"
    yield from _cells(run, now_ms)
    yield from _facts(run, facts)
    yield _last_line(run)


def _facts(run: RunSummary, facts: Sequence[str]) -> Iterator[str]:
    return (_cut(getattr(run, name) or "-", 10 if name == "commit" else 30) for name in facts)


def _cells(run: RunSummary, now_ms: int) -> tuple[str, ...]:
    lasted_ms = run.duration_ms(now_ms)
    ranks = str(run.logs) if run.expected_tasks in (None, run.logs) else f"{run.logs}/{run.expected_tasks}"
    lasted = "-" if lasted_ms is None else duration(lasted_ms)
    return run.state, shown_time(run.started_ms or run.created_ms or None), lasted, ranks, size(run.size_bytes)


def _last_line(run: RunSummary) -> str:
    return _cut(run.last_line.strip(), _LINE_CHARACTERS) or "-"


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}\u2026"


def _end(page: JobPage | RunPage, what: str, args: argparse.Namespace) -> None:
    """Tells a person, not a script, what the list is without."""
    if sys.stderr is None or not sys.stderr.isatty():
        return
    if not page.total:
        note(f"there are no {what}" + (" that are so" if args.state or args.label else ""))
    elif len(page.items) < page.total:
        note(f"{len(page.items)} of {page.total} {what}; --limit N shows more")


def _log_row(run: str, log: Log) -> tuple[object, ...]:
    state = {None: "closed", True: "complete", False: "incomplete"}[log.complete] if log.closed else "open"
    return f"{run}/{log.task}", state, log.end_byte, log.end_line, shown_time(log.appended_ms)
