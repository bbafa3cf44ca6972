"""Lists of a project's jobs: a page in any order, how many there are, how many of these are how.

A job keeps what is its latest run and how that is, so each order is one index of one table. Of few jobs all are read, and
sorted here; of many the index is followed from where the page begins to where it ends: then what narrows the list is true of
so many that the page is not far. What stands in names or labels is looked for by threes of characters first, in ``job_text``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import Struct, structs

from joblog.catalog.database import Database, Value
from joblog.core import labels

NONE = -1
"""The status of the latest run of a job that has none."""

FEW = 1000
"""Of so many jobs all rows are read: some milliseconds."""

_BY_TEXT = 5
"""So many times as many are read where they are found by their texts: to look at the labels of all takes longer."""

_ALL = 2**63 - 1
_NO_BEGIN = -(2**62)
"""What stands for the duration of a run that has not begun, in the index of durations."""

_BEHIND_NAMES = "z" * 65
"""Behind every name: these have at most 64 characters, none of which comes after z."""

Place = tuple[str | int, ...]
"""Where a page ended: the values by which its last item was in its place."""


class JobFilter(Struct, frozen=True):
    """Which jobs: ``text`` stands in the name, in any case; ``statuses`` of the latest run, NONE where there is none, all when
    empty; ``labels``, as ``team=vision`` or ``team``: the job has all of them. ``workspace_id`` is one, or empty for all.
    """

    project_id: str
    text: str = ""
    statuses: Collection[int] = ()
    labels: Sequence[str] = ()
    workspace_id: str = ""


class PageOf(Struct, frozen=True):
    """A part of a list in the order ``sort``, one of KEYS: ``limit`` jobs, ``offset`` of them behind the place ``after``."""

    sort: str
    descending: bool
    limit: int
    offset: int = 0
    after: Place | None = None


class ListedJob(NamedTuple):
    """A job's row, with what it keeps of its latest run; ``labels`` as the catalog has them."""

    id: int
    name: str
    created_ms: int
    labels: str
    description: str
    latest_id: int
    latest_status: int
    latest_started_ms: int | None
    latest_ended_ms: int | None
    runs: int

    def duration_ms(self, now_ms: int) -> int:
        """How long the latest run took, or has taken until now; 0 where it has not begun."""
        if self.latest_started_ms is None:
            return 0
        return max((now_ms if self.latest_ended_ms is None else self.latest_ended_ms) - self.latest_started_ms, 0)


class JobsPart(NamedTuple):
    """A page, how many jobs are in all pages, and how many are how, whatever ``statuses`` were asked for."""

    jobs: list[ListedJob]
    total: int
    states: dict[int, int]


class _Order(NamedTuple):
    query: str
    key: Callable[[ListedJob], Place]
    """By this it is sorted; a page begins behind one."""
    names: tuple[str, ...] = ()
    """What the query calls the parts of the key; none: it begins at an offset only."""
    first: Place = ()
    last: Place = ()
    """What comes before, and after, every key."""


_ORDERS = {
    "recent": _Order("jobs_by_recent", attrgetter("latest_id", "id"), ("key", "id"), (-1, -1), (_ALL, _ALL)),
    "name": _Order("jobs_by_name", lambda job: (job.name,), ("key",), ("",), (_BEHIND_NAMES,)),
    "status": _Order(
        "jobs_by_status",
        attrgetter("latest_status", "latest_id", "id"),
        ("key", "latest_id", "id"),
        (NONE - 1, -1, -1),
        (_ALL, _ALL, _ALL),
    ),
    "runs": _Order("jobs_by_runs", attrgetter("runs", "id"), ("key", "id"), (-1, -1), (_ALL, _ALL)),
    "made": _Order("jobs_by_made", lambda job: (job.id,), ("key",), (0,), (_ALL,)),
    "duration": _Order("jobs_by_duration", attrgetter("id")),  # the key is made below: it needs the time
    "description": _Order("jobs_by_description", attrgetter("description", "id")),
}

KEYS = {name: len(order.names) for name, order in _ORDERS.items()}
"""The orders, and how many values a place in each has; 0 where a page begins at an offset only."""


class JobLists:
    """The catalog's lists of jobs. All methods block."""

    def __init__(self, database: Database, few: int = FEW) -> None:
        self._db = database
        self._few_jobs = few

    def page(self, wanted: JobFilter, part: PageOf, now_ms: int) -> JobsPart:
        """Returns a part of a list; raises Invalid, OutOfRange for labels."""
        order = _ORDERS[part.sort]
        if part.sort == "duration":
            order = order._replace(key=lambda job: (job.duration_ms(now_ms), job.id))
        jobs = self._of_text(wanted)
        if jobs is None:
            states, wanted = self._states(wanted)
        else:
            states = _counted(jobs)
        total = sum(count for status, count in states.items() if not wanted.statuses or status in wanted.statuses)
        if jobs is None and total <= self._few_jobs:
            jobs = self._few(wanted, states) if total else []
        if jobs is not None:
            chosen = [job for job in jobs if not wanted.statuses or job.latest_status in wanted.statuses]
            return JobsPart(_sorted(chosen, order.key, part), total, states)
        query = order.query + ("_desc" if part.descending else "")
        if part.sort == "duration":
            bands = ((0, _ALL), (_NO_BEGIN + 1, 0), (_NO_BEGIN, _NO_BEGIN + 1))
            each = {**_which(wanted), "limit": part.offset + part.limit}
            jobs = [job for low, high in bands for job in self._listed(query, **each, low=low, high=high)]
            return JobsPart(_sorted(jobs, order.key, part), total, states)
        place = dict(zip(order.names, part.after or (order.last if part.descending else order.first), strict=True))
        return JobsPart(self._listed(query, **_which(wanted), **place, limit=part.limit, offset=part.offset), total, states)

    def place(self, sort: str, job: ListedJob) -> Place | None:
        """Returns where a page ends whose last item this is; None in an order in which none begins at a place."""
        return _ORDERS[sort].key(job) if _ORDERS[sort].names else None

    def ids_named(self, project_id: str, text: str) -> set[int]:
        """Returns the ids of all jobs in whose names a text stands."""
        wanted = JobFilter(project_id, text)
        jobs = self._of_text(wanted)
        if jobs is None:
            return {row[0] for row in self._db.rows("job_ids_named", project_id=project_id, like=like(text) or "%")}
        return {job.id for job in jobs}

    def _states(self, wanted: JobFilter) -> tuple[dict[int, int], JobFilter]:
        """Counts the jobs by their states; returns also what narrows the list still, knowing this."""

        def counted(query: str) -> dict[int, int]:
            return {int(row[0]): int(row[1]) for row in self._db.rows(query, **_which(wanted))}

        if wanted.text or wanted.labels:
            return counted("job_states_matching" if wanted.labels else "job_states_named"), wanted
        states = counted("job_states")
        if wanted.workspace_id:
            of_workspace = counted("job_states_in_workspace")
            if of_workspace != states:
                return of_workspace, wanted
        return states, structs.replace(wanted, workspace_id="")  # so that an index has all that is asked of

    def is_common(self, text: str) -> bool:
        """Says whether a text may stand in the names of many jobs, also of other projects."""
        return not _is_indexed(text) or self._text_count(text, "") is None

    def _text_count(self, text: str, needle: str) -> int | None:
        """Returns in how many jobs, of any project, a text and a label may stand; None: in many."""
        most, rough = self._few_jobs * _BY_TEXT, {"rough": _rough(text), "rough_label": _rough(needle)}
        count = int(self._db.rows("job_text_count", **rough, limit=most + 1)[0][0])
        return None if count > most else count

    def _of_text(self, wanted: JobFilter) -> list[ListedJob] | None:
        """Returns all jobs with the text and labels, of any status; None where that may be many, or nothing is asked for."""
        needles = labels.needles(wanted.labels)
        if not (_is_indexed(wanted.text) or _is_indexed(needles[0])):
            return None
        if self._text_count(wanted.text, needles[0]) is None:
            return None
        rough = {"rough": _rough(wanted.text), "rough_label": _rough(needles[0])}
        return self._listed("jobs_of_text", **rough, **_which(wanted))

    def _few(self, wanted: JobFilter, states: dict[int, int]) -> list[ListedJob]:
        if wanted.text or wanted.labels:
            return self._listed("jobs_matching", **_which(wanted))
        chosen = [status for status in states if not wanted.statuses or status in wanted.statuses]
        return [job for status in chosen for job in self._listed("jobs_of_state", **_which(wanted), status=status)]

    def _listed(self, query: str, **values: Value) -> list[ListedJob]:
        return [ListedJob(*row) for row in self._db.rows(query, **values)]


def _sorted(jobs: list[ListedJob], key: Callable[[ListedJob], Place], part: PageOf) -> list[ListedJob]:
    """Returns a part of jobs that are all there."""
    jobs.sort(key=key, reverse=part.descending)
    after = part.after
    if after is not None:
        jobs = [job for job in jobs if (key(job) < after if part.descending else key(job) > after)]
    return jobs[part.offset : part.offset + part.limit]


def listed(numbers: Collection[int]) -> str:
    """Returns numbers as the statements look for one among them: ``,8,10,``."""
    return "".join(f",{int(number)}" for number in numbers) + ("," if numbers else "")


def like(text: str) -> str:
    """Returns the LIKE pattern, with ! for its escape, of what stands anywhere in a text in lower case; empty for no text."""
    return f"%{escaped(text.lower())}%" if text else ""


def escaped(text: str) -> str:
    """Returns a text as LIKE finds it literally, with ! for the escape."""
    return re.sub("[!%_]", r"!\g<0>", text)


def label_columns(wanted: Sequence[str]) -> dict[str, Value]:
    """Returns labels as the statements look for them; raises Invalid, OutOfRange."""
    return {f"label_{number}": needle for number, needle in enumerate(labels.needles(wanted), 1)}


def _which(wanted: JobFilter) -> dict[str, Any]:
    which = {
        "project_id": wanted.project_id,
        "workspace_id": wanted.workspace_id,
        "like": like(wanted.text),
        "statuses": listed(wanted.statuses),
    }
    return which | label_columns(wanted.labels)


def _rough(text: str) -> str:
    """Returns a LIKE pattern, without escapes, of what is like ``text`` and perhaps of more.

    Of letters that are not ASCII the databases know no cases here.
    """
    return "%" + re.sub(r"[%_\\]|[^\x00-\x7f]", "_", text).lower() + "%" if text else "%"


def _is_indexed(text: str) -> bool:
    """Says whether a text has three characters in a row that are no wildcards, by which it is looked for."""
    return re.search(r"[^%_\\\x80-\U0010ffff]{3}", text) is not None


def _counted(jobs: Sequence[ListedJob]) -> dict[int, int]:
    states = dict[int, int]()
    for job in jobs:
        states[job.latest_status] = states.get(job.latest_status, 0) + 1
    return states
